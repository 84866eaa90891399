import assert from "node:assert/strict";
import { test } from "node:test";

import { isUnsure, placeInPicture, sentenceForNumber } from "../../digit_ui/static/number-answer.js";
import { LINE_UNITS } from "../../digit_ui/static/pad.js";
import { PAD_UNITS } from "../../digit_ui/static/strokes.js";

const SURE_DIGIT = { digit: 4, confidence: 0.99, is_digit: true, box: [0, 0, 1, 1] };
const messages = { answer: "{number}", unsure: "perhaps {number}" };

test("a digit is unsure if another is nearly as likely, or if it looks like none", () => {
  assert.equal(isUnsure(SURE_DIGIT), false);
  assert.equal(isUnsure({ ...SURE_DIGIT, confidence: 0.79 }), true);
  assert.equal(isUnsure({ ...SURE_DIGIT, is_digit: false }), true);
});

test("one unsure digit makes the number unsure", () => {
  assert.equal(sentenceForNumber({ number: "44", digits: [SURE_DIGIT, SURE_DIGIT] }, messages), "44");
  const unsure = { ...SURE_DIGIT, confidence: 0.5 };
  assert.equal(sentenceForNumber({ number: "44", digits: [SURE_DIGIT, unsure] }, messages), "perhaps 44");
});

test("a number keeps its zeros", () => {
  assert.equal(sentenceForNumber({ number: "007", digits: [SURE_DIGIT] }, messages), "007");
});

test("a digit's picture has all of its line, in the middle, at the pad's own proportions", () => {
  const box = [100, 50, 40 - LINE_UNITS, 80 - LINE_UNITS];
  const { from, to } = placeInPicture(box, 2 * PAD_UNITS, 48);
  assert.deepEqual(from, [200 - LINE_UNITS, 100 - LINE_UNITS, 80, 160]);
  assert.deepEqual(to, [12, 0, 24, 48]);
});
