/** The page: what is drawn is read, explained, and told what it was meant to be. */

import { sentenceFor, showBars, showSeen } from "./answer.js";
import { predict } from "./api.js";
import { pad } from "./drawing.js";
import { mountFeedback } from "./feedback.js";
import { mountReading } from "./reading.js";
import { mountWhy } from "./why-section.js";

const NOTHING = { digit: null, probabilities: Array(10).fill(0), input: Array(28).fill(Array(28).fill(0)) };

const messages = JSON.parse(document.getElementById("messages").textContent);
const [predictButton, bars, seen] = ["predict", "bars", "seen"].map((id) => document.getElementById(id));
const why = mountWhy(pad, messages, () => predictButton.click());
const reading = mountReading(pad, messages, { ask: predict, show, clear: () => paint(NOTHING), ...why });
mountFeedback(pad, reading.answer, messages);

function show(answer) {
  paint(answer);
  return sentenceFor(answer, messages);
}

function paint(answer) {
  showBars(bars, answer, messages.bar);
  showSeen(seen, answer.input);
}
