/** Saying which digit was meant, taking that back, and starting again. */

import { giveFeedback, withdraw } from "./api.js";
import { sentDrawings } from "./sent.js";
import { sessionId } from "./session.js";
import { waitingFor } from "./waiting.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {ReturnType<typeof import("./pad.js").mountPad>} pad
 * @param {() => {digit: number, model_version: string} | null} answered what the drawing was read as
 * @param {Record<string, string>} messages
 */
export function mountFeedback(pad, answered, messages) {
  const [label, notice, withdrawButton] = ["label", "notice", "withdraw"].map(byId);
  const sent = sentDrawings(() => localStorage);
  let last = null; // the receipt of what was sent a moment ago
  const say = (sentence) => (notice.textContent = sentence);

  byId("feedback").addEventListener("submit", (event) => {
    event.preventDefault();
    offer(null);
    waitingFor(byId("submit"), say, messages, messages.sending, submit);
  });
  byId("refresh").addEventListener("click", () => say(startAgain("")));
  byId("pad").addEventListener("change", () => {
    say("");
    offer(null);
  });
  withdrawButton.addEventListener("click", () => {
    const failures = { ...messages, away: messages.notDeleted };
    waitingFor(withdrawButton, say, failures, messages.deleting, takeBack);
  });

  async function submit() {
    const meant = label.value.trim();
    if (meant === "") return startAgain(messages.erased);
    if (!/^[0-9]$/.test(meant)) {
      label.focus();
      return messages.badLabel;
    }
    if (pad.isEmpty()) return messages.nothingDrawn;
    const { digit, model_version } = answered() ?? {};
    const before = pad.changes();
    const session = sessionId(() => sessionStorage);
    const receipt = await giveFeedback({ strokes: pad.strokes(), label: Number(meant), session, digit, model_version });
    sent.add(receipt);
    // Somebody may be drawing the next one already.
    if (before === pad.changes()) startAgain();
    offer(receipt);
    return messages.thanks;
  }

  async function takeBack() {
    const receipt = last;
    await withdraw(receipt);
    sent.remove(receipt);
    if (receipt !== last) return undefined; // another one was sent meanwhile, and is spoken of
    if (document.activeElement === withdrawButton) notice.focus(); // or the focus would be lost
    offer(null);
    return messages.deleted;
  }

  function offer(receipt) {
    last = receipt;
    withdrawButton.hidden = receipt === null;
  }

  function startAgain(sentence) {
    pad.clear();
    label.value = "";
    return sentence;
  }
}
