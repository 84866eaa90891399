import assert from "node:assert/strict";
import { test } from "node:test";

import { fill, percent } from "../../digit_ui/static/answer.js";

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
