/** What the examination of a model says, ready to be shown. No DOM. */

import { fill } from "./answer.js";

/** A mistake must be seen beside a thousand right answers: one of a hundred gets half of the colour. */
const HALF_COLOUR_SHARE = 0.01;

/**
 * Tell how strongly a cell of the confusion matrix is coloured.
 * @param {number} count
 * @param {number} written how often the row's digit was written
 * @returns {number} 0 to 1
 */
export function shade(count, written) {
  const share = written > 0 ? count / written : 0;
  return share / (share + HALF_COLOUR_SHARE);
}

/**
 * Read the figure on drawn digits, of a report or of a gate.
 * @returns {{n: number, accuracy: number, writers?: number, mean?: number, worst?: number} | null}
 */
export function drawnFigure(drawn) {
  if (!drawn?.n) return null;
  const accuracy = drawn.accuracy ?? (drawn.correct ?? drawn.candidate_correct) / drawn.n;
  if (!Number.isFinite(accuracy)) return null;
  return { n: drawn.n, accuracy, writers: drawn.writers, mean: drawn.mean_over_writers, worst: drawn.worst_writer };
}

/**
 * Give the points of the reliability diagram with the diagonal that an honest model lies on.
 * @param {{groups: {n: number, confidence: number, right: number}[]} | undefined} calibration
 * @returns {{confidence: number[], right: number[], from: number} | null} from: where both axes begin
 */
export function reliability(calibration) {
  const groups = [...(calibration?.groups ?? [])].sort((a, b) => a.confidence - b.confidence);
  if (groups.length === 0) return null;
  const lowest = Math.min(...groups.flatMap(({ confidence, right }) => [confidence, right]));
  const from = Math.max(0, Math.floor(lowest * 20 - 0.2) / 20);
  return { confidence: groups.map((group) => group.confidence), right: groups.map((group) => group.right), from };
}

/**
 * Set the figures of two versions side by side.
 * @param {{drawn?: object | null, report?: object | null, metrics?: object}} left
 * @param {{drawn?: object | null, report?: object | null, metrics?: object}} right
 * @returns {{name: string, digit?: number, left: number | null, right: number | null, difference: number | null}[]}
 */
export function comparison(left, right) {
  const row = (name, read, digit) => {
    const [a, b] = [left, right].map((side) => read(side) ?? null);
    return { name, digit, left: a, right: b, difference: a === null || b === null ? null : b - a };
  };
  const digit = (side, wanted) => side.report?.digits?.find((entry) => entry.digit === wanted)?.recall;
  return [
    row("mnist", (side) => side.metrics?.accuracy),
    row("drawn", (side) => drawnFigure(side.drawn)?.accuracy),
    row("worstWriter", (side) => drawnFigure(side.drawn)?.worst),
    row("calibrationError", (side) => side.report?.calibration?.expected_calibration_error),
    ...Array.from({ length: 10 }, (_, wanted) => row("recall", (side) => digit(side, wanted), wanted)),
  ];
}

/**
 * Say what the gate measured, a sentence a set of pictures.
 * @param {object | null} gate
 * @returns {string[]}
 */
export function gateSentences(gate, messages, words) {
  const paired = (figures, sentence) =>
    figures?.n &&
    fill(sentence, {
      candidate: words.number(figures.candidate_correct),
      parent: words.number(figures.parent_correct),
      n: words.number(figures.n),
      lost: words.number(figures.only_parent ?? 0),
      won: words.number(figures.only_candidate ?? 0),
      p: words.small(figures.p_value ?? 1),
      loss: words.small(figures.candidate_loss ?? NaN),
      parentLoss: words.small(figures.parent_loss ?? NaN),
    });
  const hasLoss = gate?.feedback?.candidate_loss != null;
  return [
    paired(gate?.mnist, messages.gateMnist),
    paired(gate?.drawn, messages.gateDrawn),
    paired(gate?.feedback, hasLoss ? messages.gateFeedbackLoss : messages.gateFeedback),
    gate?.mnist?.n && messages.gateP,
  ].filter(Boolean);
}

/**
 * Say why a drawing was held back.
 * @param {{reason: string, answer?: number, confidence?: number}} entry
 * @param {Record<string, string>} messages
 */
export function heldSentence(entry, messages, words) {
  const confidence = entry.confidence == null ? "?" : words.percent(entry.confidence);
  return fill(messages[entry.reason] ?? messages.otherReason, { ...entry, answer: entry.answer ?? "?", confidence });
}
