/** What the page says while it waits for the server, and when that fails. */

import { fill } from "./answer.js";

/**
 * Run `task` with `button` at rest, and say so; then what the task returns, if anything, or what went wrong.
 * @param {HTMLButtonElement} button
 * @param {(sentence: string) => void} say
 * @param {{[name: string]: string}} messages
 * @param {string} waiting
 * @param {() => Promise<string | undefined>} task
 */
export async function waitingFor(button, say, messages, waiting, task) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // not `disabled`, which would take the keyboard's focus away
  say(waiting);
  try {
    const said = await task();
    if (said !== undefined) say(said);
  } catch (error) {
    say(describe(error, messages));
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/**
 * Say what went wrong.
 * @param {import("./api.js").ApiError} error
 */
export function describe(error, messages) {
  if (error.kind === "away") return messages.away;
  if (error.kind === "nothing_drawn") return messages.nothingDrawn;
  if (error.kind === "in_browser") return fill(messages.inBrowser, { detail: error.detail });
  return fill(messages.refused, { detail: error.detail ?? error.message });
}
