/** What the drawing is read as: when somebody asks or, if they switch that on, while they draw. */

import { fill } from "./answer.js";
import { followDrawing } from "./reader.js";
import { describe, waitingFor } from "./waiting.js";

const KEPT = "live=on; samesite=lax; max-age=";
const KEPT_S = 365 * 24 * 3600;

const byId = (id) => document.getElementById(id);

/**
 * @param {ReturnType<typeof import("./pad.js").mountPad>} pad
 * @param {Record<string, string | string[]>} messages
 * @param {object} view what there is to ask, and how an answer is shown
 * @param {(strokes: import("./strokes.js").Stroke[]) => Promise<object>} view.ask
 * @param {(answer: object) => string} view.show returns the sentence that sums it up
 * @param {() => void} view.clear show that there is no answer
 * @param {(answer: object) => void} [view.offer] the answer stands: nobody draws on
 * @param {() => void} [view.withdraw] it does not any more
 */
export function mountReading(pad, messages, { ask, show, clear, offer = () => {}, withdraw = () => {} }) {
  const [canvas, predictButton, live] = ["pad", "predict", "live"].map(byId);
  const [sentence, spoken, details] = ["sentence", "spoken", "details"].map(byId);
  let answer = null; // to the drawing as it is now
  let followed = 0; // the pad's changes that the reader knows of

  const reader = followDrawing({
    ask: () => ask(pad.strokes()),
    onAnswer(received, isNewest) {
      sentence.textContent = showAnswer(received);
      answer = isNewest ? received : null;
    },
    onError(error) {
      sentence.textContent = describe(error, messages);
      showNothing();
    },
    onRest() {
      spoken.textContent = sentence.textContent;
      if (answer) offer(answer);
    },
  });

  predictButton.addEventListener("click", () => waitingFor(predictButton, say, messages, messages.reading, read));
  canvas.addEventListener("ink", () => {
    if (live.checked) follow();
  });
  canvas.addEventListener("change", () => {
    if (!live.checked) return forget();
    if (pad.changes() === followed) return; // a stroke has ended, and its ink was followed
    reader.stop(); // what it asks about is gone
    if (pad.isEmpty()) forget();
    else follow();
  });
  live.addEventListener("change", () => {
    // In a cookie, so that the next page comes switched already.
    document.cookie = KEPT + (live.checked ? KEPT_S : 0);
    switchOver();
  });
  switchOver();

  async function read() {
    reader.stop();
    if (pad.isEmpty()) return messages.nothingDrawn;
    const asked = pad.changes();
    const received = await ask(pad.strokes());
    if (asked !== pad.changes()) return undefined; // an answer to an earlier drawing
    answer = received;
    offer(answer);
    return showAnswer(answer);
  }

  function follow() {
    followed = pad.changes();
    answer = null;
    spoken.textContent = "";
    withdraw();
    reader.changed();
  }

  function switchOver() {
    // Who listens is not told of every guess: `spoken` says the answer once the pen rests.
    sentence.setAttribute("aria-live", live.checked ? "off" : "polite");
    document.body.classList.toggle("live", live.checked);
    if (!live.checked) reader.stop();
    if (!answer) forget();
    if (live.checked && !answer && !pad.isEmpty()) follow();
  }

  function say(words) {
    sentence.textContent = words;
    if (live.checked) spoken.textContent = words;
  }

  function showAnswer(received) {
    byId("version").textContent = fill(messages.version, { version: received.model_version });
    details.hidden = false;
    details.removeAttribute("aria-hidden");
    return show(received);
  }

  /** While one draws the answer keeps its place, so that nothing moves. */
  function showNothing() {
    details.hidden = !live.checked;
    details.setAttribute("aria-hidden", "true");
    clear();
    byId("version").textContent = "";
  }

  function forget() {
    answer = null;
    sentence.textContent = spoken.textContent = "";
    showNothing();
    withdraw();
  }

  return { answer: () => answer };
}
