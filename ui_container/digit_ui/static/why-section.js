/** The part of the page that says why, when somebody asks. */

import { ApiError, explain } from "./api.js";
import { describe } from "./waiting.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {ReturnType<typeof import("./pad.js").mountPad>} pad
 * @param {Record<string, string | string[]>} messages
 * @param {() => void} askAgain a newer model has come into service since the answer
 */
export function mountWhy(pad, messages, askAgain) {
  const [section, disclosure, line, body] = ["why-section", "why", "why-line", "why-body"].map(byId);
  let version = null; // of the model that gave the answer to be explained

  disclosure.addEventListener("toggle", () => {
    if (disclosure.open && body.hidden) explainAnswer();
  });

  /** Only when somebody asks: it is a hundred times the work of an answer. */
  async function explainAnswer() {
    const asked = pad.changes();
    line.textContent = messages.explaining;
    try {
      const [explanation, { showWhy }] = await Promise.all([explain(pad.strokes()), pictures()]);
      if (asked !== pad.changes()) return;
      if (explanation.model_version !== version) return askAgain();
      line.textContent = showWhy(body, explanation, messages);
      body.hidden = false;
    } catch (error) {
      if (asked === pad.changes()) line.textContent = describe(error, messages);
    }
  }

  return {
    /** Offer to explain an answer; explain it at once if the last one was. */
    offer(answer) {
      version = answer.model_version;
      section.hidden = false;
      if (disclosure.open) explainAnswer();
    },
    withdraw() {
      if (section.contains(document.activeElement)) byId("predict").focus(); // or the focus would be lost
      section.hidden = body.hidden = true;
      line.textContent = "";
    },
  };
}

/** Load what paints an explanation: most people never ask for one. */
function pictures() {
  return import("./why.js").catch(() => {
    throw new ApiError("away");
  });
}
