import assert from "node:assert/strict";
import { test } from "node:test";

import { evidenceColours, strongestPlace } from "../../digit_ui/static/why.js";

const grid = (value) => Array.from({ length: 28 }, (_, y) => Array.from({ length: 28 }, (_, x) => value(x, y)));

test("the place is the ninth with most evidence for the answer", () => {
  assert.equal(strongestPlace(grid((x, y) => (x < 5 && y < 5 ? 1 : 0))), 0);
  assert.equal(strongestPlace(grid((x, y) => (x > 22 && y > 22 ? 1 : 0))), 8);
  assert.equal(strongestPlace(grid((x, y) => (x === 14 && y === 14 ? 1 : 0))), 4);
});

test("without evidence for the answer there is no place", () => {
  assert.equal(strongestPlace(grid(() => 0)), -1);
  assert.equal(strongestPlace(grid((x) => -x)), -1);
});

test("evidence against the answer does not count for its place", () => {
  assert.equal(strongestPlace(grid((x, y) => (y < 5 ? -9 : x < 5 && y > 22 ? 0.1 : 0))), 6);
});

test("evidence for is warm, against is cool, none shows the ink", () => {
  const colours = [
    [255, 150, 40],
    [60, 140, 255],
  ];
  const [pro, contra, none, paper] = evidenceColours([2, -2, 0, 0], [0, 0, 255, 0], 2, colours);
  assert.ok(pro[0] > pro[2] && contra[2] > contra[0]);
  assert.ok(none[0] === none[1] && none[1] === none[2] && none[0] > 0);
  assert.deepEqual(paper, [0, 0, 0]);
});
