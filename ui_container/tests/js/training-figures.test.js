import assert from "node:assert/strict";
import { test } from "node:test";

import {
  comparison,
  drawnFigure,
  gateSentences,
  heldSentence,
  reliability,
  shade,
} from "../../digit_ui/static/training-figures.js";
import { wordsOf } from "../../digit_ui/static/training-words.js";

const words = wordsOf("en");

test("a mistake is coloured by its share of the row, and seen although it is rare", () => {
  assert.equal(shade(0, 1000), 0);
  assert.ok(shade(10, 1000) >= 0.5 && shade(2, 1000) > 0.15);
  assert.ok(shade(500, 1000) > shade(10, 1000) && shade(1000, 1000) <= 1);
  assert.equal(shade(0, 0), 0);
});

test("the figure on drawn digits is read from a report and from a gate", () => {
  assert.equal(drawnFigure({ n: 200, correct: 190, accuracy: 0.95, worst_writer: 0.9 }).worst, 0.9);
  assert.equal(drawnFigure({ n: 200, candidate_correct: 150, parent_correct: 160 }).accuracy, 0.75);
  for (const none of [null, undefined, {}, { n: 0 }, { n: 10 }]) assert.equal(drawnFigure(none), null);
});

test("the reliability diagram begins below its lowest point and goes up", () => {
  const groups = [
    { n: 10, confidence: 0.99, right: 1 },
    { n: 10, confidence: 0.9, right: 0.85 },
  ];
  const { confidence, right, from } = reliability({ groups });
  assert.deepEqual(confidence, [0.9, 0.99]);
  assert.deepEqual(right, [0.85, 1]);
  assert.ok(from < 0.85 && from >= 0.75);
  assert.equal(reliability({ groups: [] }), null);
  assert.equal(reliability(undefined), null);
});

const side = (accuracy, recall) => ({ metrics: { accuracy }, report: { digits: [{ digit: 3, recall }] }, drawn: null });

test("two versions are compared figure by figure, and what one lacks has no difference", () => {
  const rows = comparison(side(0.99, 0.9), side(0.995, 0.8));
  assert.equal(rows.length, 4 + 10);
  assert.ok(Math.abs(rows[0].difference - 0.005) < 1e-9);
  const three = rows.find((row) => row.digit === 3);
  assert.ok(Math.abs(three.difference + 0.1) < 1e-9);
  assert.equal(rows.find((row) => row.name === "drawn").difference, null);
  assert.deepEqual([comparison({}, side(1, 1))[0].left, comparison({}, side(1, 1))[0].difference], [null, null]);
});

test("the gate's measurements are said, those that there are", () => {
  const gateMnist = "M {candidate}/{n} {parent} -{lost} +{won} {p}";
  const gateFeedbackLoss = "F {n} {loss} {parentLoss}";
  const messages = { gateMnist, gateDrawn: "D", gateFeedback: "F {n}", gateFeedbackLoss, gateP: "p" };
  const counts = { candidate_correct: 9940, parent_correct: 9950, only_parent: 12, only_candidate: 2 };
  const gate = { mnist: { n: 10000, ...counts, p_value: 0.0129 }, feedback: { n: 7 } };
  assert.deepEqual(gateSentences(gate, messages, words), ["M 9,940/10,000 9,950 -12 +2 0.0129", "F 7", "p"]);
  const feedback = { n: 7, candidate_loss: 0.1234, parent_loss: 0.2 };
  assert.deepEqual(gateSentences({ feedback }, messages, words), ["F 7 0.123 0.2"]);
  assert.deepEqual(gateSentences(null, messages, words), []);
});

test("a reason that the page does not know is said by its name", () => {
  const messages = { contradicted: "reads {answer}, {confidence}", otherReason: "other: {reason}" };
  assert.equal(heldSentence({ reason: "contradicted", answer: 4, confidence: 0.98 }, messages, words), "reads 4, 98.00%");
  assert.equal(heldSentence({ reason: "new" }, messages, words), "other: new");
});
