/** Saying which digit was meant, and starting again. */

import { giveFeedback } from "./api.js";
import { sessionId } from "./session.js";
import { waitingFor } from "./waiting.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {ReturnType<typeof import("./pad.js").mountPad>} pad
 * @param {() => {digit: number, model_version: string} | null} answered what the drawing was read as
 * @param {Record<string, string>} messages
 */
export function mountFeedback(pad, answered, messages) {
  const [label, notice] = ["label", "notice"].map(byId);
  const say = (sentence) => (notice.textContent = sentence);

  byId("feedback").addEventListener("submit", (event) => {
    event.preventDefault();
    waitingFor(byId("submit"), say, messages, messages.sending, submit);
  });
  byId("refresh").addEventListener("click", () => say(startAgain("")));
  byId("pad").addEventListener("change", () => say(""));

  async function submit() {
    const meant = label.value.trim();
    if (meant === "") return startAgain(messages.erased);
    if (!/^[0-9]$/.test(meant)) {
      label.focus();
      return messages.badLabel;
    }
    if (pad.isEmpty()) return messages.nothingDrawn;
    const { digit, model_version } = answered() ?? {};
    const sent = pad.changes();
    const session = sessionId(() => sessionStorage);
    await giveFeedback({ strokes: pad.strokes(), label: Number(meant), session, digit, model_version });
    // Somebody may be drawing the next one already.
    return sent === pad.changes() ? startAgain(messages.thanks) : messages.thanks;
  }

  function startAgain(sentence) {
    pad.clear();
    label.value = "";
    return sentence;
  }
}
