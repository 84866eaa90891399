import assert from "node:assert/strict";
import { test } from "node:test";

import {
  curveSentence,
  epochsSentence,
  historyCurves,
  isRunning,
  jobCurves,
  jobSentence,
  labelsSentence,
} from "../../digit_ui/static/training-job.js";
import { wordsOf } from "../../digit_ui/static/training-words.js";

const words = wordsOf("en");
const learning = { job: "retraining", stage: "learning", alive: true, outcome: null };
const ended = (verdict) => ({ stage: "done", alive: false, outcome: { verdict, version: "v2", reason: "because" } });
const messages = {
  noJob: "none",
  learning: "learns",
  killed: "killed",
  served: "{version} serves",
  refused: "{version} refused",
  ended: "ended",
  epochs: "{epoch} of {epochs}",
  eta: "{duration} left",
  labels: "{new} of {wanted}",
  lossLine: "loss {value} at {epochs}",
  accuracyLine: "right {value} at {epochs}",
  validationLine: "validation {value}",
};

test("a job is said by its stage while it runs, by its outcome once it is done", () => {
  assert.equal(jobSentence(null, messages), "none");
  assert.equal(jobSentence(learning, messages), "learns");
  assert.equal(jobSentence(ended("served"), messages), "v2 serves");
  assert.equal(jobSentence(ended("refused"), messages), "v2 refused");
  assert.equal(jobSentence(ended("new kind"), messages), "ended");
});

test("a job that stopped writing was killed, and runs no more", () => {
  const silent = { ...learning, alive: false };
  assert.equal(jobSentence(silent, messages), "killed");
  assert.equal(isRunning(silent), false);
  assert.equal(isRunning(learning), true);
  assert.equal(isRunning({ ...ended("served"), alive: true }), false);
});

test("epochs are counted, and the rest is told where it is known", () => {
  assert.equal(epochsSentence({ epoch: 3, epochs: 8, eta_s: 95 }, messages, words), "3 of 8 – 2 min left");
  assert.equal(epochsSentence({ epochs: 8, eta_s: null }, messages, words), "0 of 8");
  assert.equal(epochsSentence({}, messages, words), "");
});

test("labels are counted where a trainer has said how many it wants", () => {
  assert.equal(labelsSentence({ new_labels: 0, labels_wanted: 50 }, messages, words), "0 of 50");
  assert.equal(labelsSentence({ updated_at: "now" }, messages, words), "");
  assert.equal(labelsSentence(null, messages, words), "");
});

const points = [
  [0.5, 1.2, 0.6],
  [1, 0.8, 0.7],
  [1.5, 0.5, 0.8],
];
const history = { loss: [0.9], accuracy: [0.65], val_loss: [0.7], val_accuracy: [0.75] };

test("while a job runs its curves are the points, with the validation of each finished epoch", () => {
  const curves = jobCurves({ ...learning, points, history });
  assert.deepEqual(curves.epochs, [0.5, 1, 1.5]);
  assert.deepEqual(curves.loss, [1.2, 0.8, 0.5]);
  assert.deepEqual(curves.val_loss, [null, 0.7, null]);
});

test("a validation at an epoch that no point hits has a place of its own", () => {
  const curves = jobCurves({ ...learning, points: [points[0], points[2]], history });
  assert.deepEqual(curves.epochs, [0.5, 1, 1.5]);
  assert.deepEqual(curves.loss, [1.2, null, 0.5]);
  assert.deepEqual(curves.val_accuracy, [null, 0.75, null]);
});

test("after a few pictures of a later epoch its mean says nothing yet", () => {
  const points = [0.003, 0.99, 1, 1.003, 1.09, 1.1, 4.1, 5].map((at) => [at, 0.1, 0.9]);
  assert.deepEqual(jobCurves({ stage: "learning", points }).epochs, [0.003, 0.99, 1, 1.1, 4.1, 5]);
});

test("once it is done they are the history, unless there is none", () => {
  assert.deepEqual(jobCurves({ ...ended("served"), points, history }).loss, [0.9]);
  assert.deepEqual(jobCurves({ ...ended("failed"), points }).loss, [1.2, 0.8, 0.5]);
  assert.deepEqual(jobCurves(null).epochs, []);
});

test("a history without validation has curves without it", () => {
  const curves = historyCurves({ loss: [2, 1], accuracy: [0.1, 0.2] });
  assert.deepEqual(curves.epochs, [1, 2]);
  assert.deepEqual(curves.val_loss, [null, null]);
  assert.deepEqual(historyCurves(null).epochs, []);
});

test("a curve's last figures are said, and nothing of an empty one", () => {
  const curves = jobCurves({ ...learning, points, history });
  assert.equal(curveSentence(curves, "loss", messages, words), "loss 0.5 at 1.5 validation 0.7");
  assert.equal(curveSentence(historyCurves({ accuracy: [0.5] }), "accuracy", messages, words), "right 50.00% at 1");
  assert.equal(curveSentence(historyCurves(null), "loss", messages, words), "");
});
