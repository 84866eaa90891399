import assert from "node:assert/strict";
import { test } from "node:test";

import { fill, percent, sentenceFor } from "../../digit_ui/static/answer.js";

test("a sentence takes the values that it names and keeps the rest", () => {
  assert.equal(fill("un {digit}, {other}", { digit: 3 }), "un 3, {other}");
});

test("a value is put in as it is, not read as a pattern", () => {
  assert.equal(fill("{detail}", { detail: "$& {detail}" }), "$& {detail}");
});

test("rounding never makes a certainty", () => {
  assert.equal(percent(0.9996), "99.9");
  assert.equal(percent(0.99999), "99.9");
  assert.equal(percent(1), "100");
  assert.equal(percent(0.5), "50");
  assert.equal(percent(0.004), "0");
});

const messages = { answer: "un {digit}", unsure: "{digit} ou {second}", notDigit: "pas un chiffre, un {digit}" };
const answered = (digit, share, second, isDigit = true) => {
  const probabilities = Array(10).fill(0);
  probabilities[second] = 1 - share;
  probabilities[digit] = share;
  return { digit, confidence: share, probabilities, is_digit: isDigit };
};

test("a sure answer is one digit, an unsure one is one of two", () => {
  assert.equal(sentenceFor(answered(3, 0.95, 8), messages), "un 3");
  assert.equal(sentenceFor(answered(3, 0.6, 8), messages), "3 ou 8");
  assert.equal(sentenceFor(answered(0, 0.6, 9), messages), "0 ou 9");
});

test("what is no digit is said, however sure the network is, and still gets its best guess", () => {
  assert.equal(sentenceFor(answered(8, 0.999, 3, false), messages), "pas un chiffre, un 8");
});
