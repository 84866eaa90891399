/** The page for numbers: what is drawn is read, digit by digit. */

import { readNumber } from "./api.js";
import { pad } from "./drawing.js";
import { sentenceForNumber, showDigits } from "./number-answer.js";
import { mountReading } from "./reading.js";

const messages = JSON.parse(document.getElementById("messages").textContent);
const [canvas, digits, erase] = ["pad", "digits", "erase"].map((id) => document.getElementById(id));

mountReading(pad, messages, { ask: readNumber, show, clear: () => digits.replaceChildren() });
erase.addEventListener("click", () => {
  pad.clear();
  document.getElementById("notice").textContent = messages.erased;
});

function show(answer) {
  showDigits(digits, answer, canvas, messages);
  return sentenceForNumber(answer, messages);
}
