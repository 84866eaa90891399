import assert from "node:assert/strict";
import { test } from "node:test";

import { PAD_UNITS, addPoint, parseStrokes, toUnits } from "../../digit_ui/static/strokes.js";

test("a point that repeats the last one adds nothing", () => {
  const stroke = [];
  assert.equal(addPoint(stroke, [10, 10]), true);
  assert.equal(addPoint(stroke, [10.3, 10.3]), false);
  assert.equal(addPoint(stroke, [12, 10]), true);
  assert.deepEqual(stroke, [[10, 10], [12, 10]]);
});

test("points are kept to a tenth of a unit", () => {
  const stroke = [];
  addPoint(stroke, [1.23456, 7.89012]);
  assert.deepEqual(stroke, [[1.2, 7.9]]);
});

test("a place on the screen becomes the same units at every size of the pad", () => {
  const small = { left: 10, top: 20, width: 140, height: 140 };
  const large = { left: 0, top: 0, width: 560, height: 560 };
  assert.deepEqual(toUnits(small, 10 + 70, 20 + 35), [PAD_UNITS / 2, PAD_UNITS / 4]);
  assert.deepEqual(toUnits(large, 280, 140), [PAD_UNITS / 2, PAD_UNITS / 4]);
});

test("a pointer that leaves the pad draws along its edge", () => {
  const box = { left: 0, top: 0, width: 280, height: 280 };
  assert.deepEqual(toUnits(box, -50, 900), [0, PAD_UNITS]);
});

test("a wide pad has more units across, of the same size", () => {
  const box = { left: 10, top: 20, width: 450, height: 200 };
  assert.deepEqual(toUnits(box, 10 + 100, 20 + 100), [PAD_UNITS / 2, PAD_UNITS / 2]);
  assert.deepEqual(toUnits(box, 900, 900), [PAD_UNITS * 2.25, PAD_UNITS]);
});

test("kept strokes come back, anything else is an empty drawing", () => {
  const strokes = [[[1, 2], [3, 4]], [[5, 6]]];
  assert.deepEqual(parseStrokes(JSON.stringify(strokes)), strokes);
  for (const text of [null, "", "{", "7", "null", '[[["a", 1]]]', "[[[1]]]", "[[]]", "[[[1, null]]]"]) {
    assert.deepEqual(parseStrokes(text), []);
  }
});
