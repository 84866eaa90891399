/** Reading one digit: its bars, and what the network saw. */

import { sentenceFor, showBars, showSeen } from "./answer.js";
import { mountReading } from "./reading.js";

const NOTHING = { digit: null, probabilities: Array(10).fill(0), input: Array(28).fill(Array(28).fill(0)) };

/**
 * @param {ReturnType<typeof import("./pad.js").mountPad>} pad
 * @param {Record<string, string | string[]>} messages
 * @param {(strokes: import("./strokes.js").Stroke[]) => Promise<object>} ask
 * @param {{offer?: (answer: object) => void, withdraw?: () => void}} [why] who explains an answer
 */
export function mountDigitReading(pad, messages, ask, why = {}) {
  const [bars, seen] = ["bars", "seen"].map((id) => document.getElementById(id));

  function show(answer) {
    paint(answer);
    return sentenceFor(answer, messages);
  }

  function paint(answer) {
    showBars(bars, answer, messages.bar);
    showSeen(seen, answer.input);
  }

  return mountReading(pad, messages, { ask, show, clear: () => paint(NOTHING), ...why });
}
