import assert from "node:assert/strict";
import { test } from "node:test";

import { wordsOf } from "../../digit_ui/static/training-words.js";

const plain = (text) => text.replace(/\s/gu, " ");

test("numbers are written as the language writes them", () => {
  assert.equal(plain(wordsOf("fr").percent(0.9934)), "99,34 %");
  assert.equal(wordsOf("en").percent(0.9934), "99.34%");
  assert.equal(plain(wordsOf("fr").number(10000)), "10 000");
  assert.equal(wordsOf("en").small(0.012345), "0.0123");
});

test("a difference has its sign, and none where there is none", () => {
  const { points } = wordsOf("en");
  assert.equal(points(0.005), "+0.50");
  assert.equal(points(-0.005), "-0.50");
  assert.equal(points(0), "0.00");
});

test("a duration is told in the unit that fits", () => {
  const { duration } = wordsOf("fr");
  assert.equal(duration(-3), "0 s");
  assert.equal(duration(42.4), "42 s");
  assert.equal(duration(150), "3 min");
  assert.equal(duration(2 * 3600 + 290), "2 h 05 min");
});

test("a date that cannot be read is shown as it is", () => {
  assert.equal(wordsOf("fr").date("hier"), "hier");
  assert.match(wordsOf("fr").date("2026-11-24T22:13:14Z"), /2026/);
});
