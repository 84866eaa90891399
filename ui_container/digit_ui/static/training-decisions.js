/** What somebody who runs this may do with one drawing: vouch for its label, correct it, delete it. */

import { fill } from "./answer.js";
import { confirmed } from "./training-admin.js";
import { element, say } from "./training-elements.js";

/**
 * Make the buttons that decide on a drawing, and the line that says what went wrong.
 * @param {{id: string, label: number, held_back: object | null}} drawing
 * @param {object} page what the parts of the page share
 * @param {(sentence: string) => Promise<void>} onDone it is done, and this is how it is said
 * @returns {HTMLElement[]}
 */
export function decisions({ id, label, digit, held_back: heldBack }, { admin, messages }, onDone) {
  const text = messages.feedback;
  const path = `training/feedback/${encodeURIComponent(id)}`;
  const notice = element("p", { className: "notice-line", role: "status", hidden: true });
  const button = (name) => element("button", { type: "button" }, name);
  const [accept, correct, remove] = [button(fill(text.accept, { label })), button(text.correct), button(text.remove)];
  const others = Array.from({ length: 10 }, (_, other) => other).filter((other) => other !== label);
  const choice = element(
    "select",
    { "aria-label": text.otherDigit },
    element("option", { value: "" }, "–"), // or one touch too many would make it a 0
    ...others.map((other) => element("option", { value: other }, String(other))),
  );
  const read = heldBack?.answer ?? digit; // most likely what it really is
  if (others.includes(read)) choice.value = String(read);

  const decide = (pressed, sentence, method, tail, body) =>
    admin.act(pressed, notice, async () => {
      if (pressed === remove && !(await confirmed(fill(text.confirm, { label }), text.remove))) return;
      if (await admin.change(method, path + tail, body)) await onDone(sentence);
    });
  accept.addEventListener("click", () => decide(accept, text.isAccepted, "POST", "/accept"));
  correct.addEventListener("click", () => {
    if (choice.value === "") {
      choice.focus();
      return say(notice, text.chooseDigit);
    }
    const meant = Number(choice.value);
    decide(correct, fill(text.isCorrected, { label: meant }), "POST", "/correct", { label: meant });
  });
  remove.addEventListener("click", () => decide(remove, text.isRemoved, "DELETE", ""));
  const made = [...(heldBack ? [accept] : []), element("span", {}, choice, " ", correct), remove];
  return [element("div", { className: "buttons" }, ...made), notice];
}
