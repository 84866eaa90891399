/** What a browser's own model answers has the server's form, and another network is found out by the probe. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { answerOf, checkProbe, integrityOf } from "../../digit_ui/static/browser-answer.js";

const shares = (digit, confidence) => Array.from({ length: 10 }, (_, place) => (place === digit ? confidence : (1 - confidence) / 9));
const outputs = {
  probabilities: { data: Float32Array.from([...shares(3, 0.91), ...shares(7, 0.5)]) },
  digit_probability: { data: Float32Array.from([0.99, 0.25]) },
  is_digit: { data: Uint8Array.from([1, 0]) },
};

test("each picture has its own answer", () => {
  const [first, second] = [answerOf(outputs, 0), answerOf(outputs, 1)];
  assert.deepEqual([first.digit, first.confidence, first.is_digit], [3, 0.91, true]);
  assert.deepEqual([second.digit, second.confidence, second.is_digit], [7, 0.5, false]);
  assert.deepEqual(second.probabilities, shares(7, 0.5).map((share) => Number(share.toFixed(6))));
});

const probe = { outputs: [shares(3, 0.91), shares(7, 0.5)], is_digit: [0.99, 0.25], tolerance: 1e-3 };
const answers = [answerOf(outputs, 0), answerOf(outputs, 1)];

test("the trained network passes, and so does one whose probe says nothing of digits", () => {
  checkProbe(probe, answers);
  checkProbe({ ...probe, is_digit: null }, answers);
});

test("another network is refused, and one that computes no numbers", () => {
  assert.throws(() => checkProbe({ ...probe, outputs: [shares(3, 0.9), shares(7, 0.5)] }, answers), /differ by 0\.0/);
  assert.throws(() => checkProbe({ ...probe, is_digit: [0.9, 0.25] }, answers), /differ/);
  const nothing = answers.map((answer) => ({ ...answer, digit_probability: Number.NaN }));
  assert.throws(() => checkProbe(probe, nothing), /differ/);
});

test("a digest is written as browsers want it", () => {
  const hash = createHash("sha256").update("a model");
  const digest = hash.digest();
  assert.equal(integrityOf(digest.toString("hex")), `sha256-${digest.toString("base64")}`);
});
