/** The page: draw, predict, say what was meant. */

import { fill, sentenceFor, showBars, showSeen } from "./answer.js";
import { explain, giveFeedback, predict } from "./api.js";
import { showWhy } from "./why.js";
import { mountPad } from "./pad.js";
import { sessionId } from "./session.js";
import { parseStrokes } from "./strokes.js";

const KEPT = "strokes";
const byId = (id) => document.getElementById(id);
const messages = JSON.parse(byId("messages").textContent);
const [sentence, details, notice, label] = ["sentence", "details", "notice", "label"].map(byId);
const [whySection, why, whyLine, whyBody] = ["why-section", "why", "why-line", "why-body"].map(byId);
const [predictButton, undoButton, submitButton] = ["predict", "undo", "submit"].map(byId);

let answer = null;
let drawingNumber = 0; // an answer that arrives for an earlier drawing is thrown away

const pad = mountPad(byId("pad"), {
  // Kept for this tab, so that a change of language or a reload loses nothing.
  strokes: kept(),
  onBegin() {
    drawingNumber += 1;
  },
  onChange() {
    drawingNumber += 1;
    keep(pad.strokes());
    showWhetherUndoCan();
    forgetAnswer();
    notice.textContent = "";
  },
});
showWhetherUndoCan();

predictButton.addEventListener("click", () =>
  waitingFor(predictButton, sentence, messages.reading, async () => {
    if (pad.isEmpty()) return (sentence.textContent = messages.nothingDrawn);
    const asked = drawingNumber;
    const received = await predict(pad.strokes());
    if (asked === drawingNumber) showAnswer(received);
  }),
);

undoButton.addEventListener("click", undo);
document.addEventListener("keydown", (event) => {
  const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
  if (!isUndo || event.target === label || pad.isEmpty()) return;
  event.preventDefault();
  undo();
});

why.addEventListener("toggle", () => {
  if (why.open && whyBody.hidden) explainAnswer();
});

byId("feedback").addEventListener("submit", (event) => {
  event.preventDefault();
  waitingFor(submitButton, notice, messages.sending, submit);
});

byId("refresh").addEventListener("click", () => startAgain(""));

async function submit() {
  const meant = label.value.trim();
  if (meant === "") return startAgain(messages.erased);
  if (!/^[0-9]$/.test(meant)) {
    label.focus();
    return (notice.textContent = messages.badLabel);
  }
  if (pad.isEmpty()) return (notice.textContent = messages.nothingDrawn);
  const answered = answer && { digit: answer.digit, model_version: answer.model_version };
  const sent = drawingNumber;
  const session = sessionId(() => sessionStorage);
  await giveFeedback({ strokes: pad.strokes(), label: Number(meant), session, ...answered });
  if (sent === drawingNumber) startAgain(messages.thanks);
  else notice.textContent = messages.thanks; // somebody is drawing the next one already
}

/** Not `disabled`, which would take the keyboard's focus away with the last stroke. */
function showWhetherUndoCan() {
  undoButton.setAttribute("aria-disabled", String(pad.isEmpty()));
}

function undo() {
  if (pad.undo()) notice.textContent = messages.undone;
}

function kept() {
  try {
    return parseStrokes(sessionStorage.getItem(KEPT));
  } catch {
    return []; // this browser lets the page keep nothing
  }
}

function keep(strokes) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(strokes));
  } catch {
    // as above, or its store is full: the drawing is still on the pad
  }
}

function startAgain(message) {
  pad.clear();
  label.value = "";
  notice.textContent = message;
}

function forgetAnswer() {
  answer = null;
  sentence.textContent = "";
  if (whySection.contains(document.activeElement)) predictButton.focus(); // or the focus would be lost
  details.hidden = whySection.hidden = whyBody.hidden = true;
  whyLine.textContent = "";
}

/** Only when somebody asks: it is a hundred times the work of an answer. */
async function explainAnswer() {
  const asked = drawingNumber;
  whyLine.textContent = messages.explaining;
  try {
    const explanation = await explain(pad.strokes());
    if (asked !== drawingNumber) return;
    // A newer model may have come into service since the answer: then both are asked for again.
    if (explanation.model_version !== answer?.model_version) return predictButton.click();
    whyLine.textContent = showWhy(whyBody, explanation, messages);
    whyBody.hidden = false;
  } catch (error) {
    if (asked === drawingNumber) whyLine.textContent = describe(error);
  }
}

function showAnswer(received) {
  answer = received;
  sentence.textContent = sentenceFor(received, messages);
  showBars(byId("bars"), received, messages.bar);
  showSeen(byId("seen"), received.input);
  byId("version").textContent = fill(messages.version, { version: received.model_version });
  details.hidden = whySection.hidden = false;
  if (why.open) explainAnswer();
}

/** Run `task` with `button` at rest and `line` saying so; say there what went wrong. */
async function waitingFor(button, line, waiting, task) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // not `disabled`, which would take the keyboard's focus away
  line.textContent = waiting;
  try {
    await task();
  } catch (error) {
    line.textContent = describe(error);
  } finally {
    button.removeAttribute("aria-disabled");
    if (line.textContent === waiting) line.textContent = "";
  }
}

function describe(error) {
  if (error.kind === "away") return messages.away;
  if (error.kind === "nothing_drawn") return messages.nothingDrawn;
  return fill(messages.refused, { detail: error.detail ?? error.message });
}
