/** One drawing, larger, with what is known of it. */

import { fill } from "./answer.js";
import { decisions } from "./training-decisions.js";
import { element, picture, say } from "./training-elements.js";
import { heldSentence } from "./training-figures.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {object} page what the parts of the page share
 * @param {() => Promise<unknown>} onChange the drawing is another one now, or gone
 * @returns {(drawing: object) => void} shows a drawing
 */
export function mountDrawing(page, onChange) {
  const { messages, words } = page;
  const text = messages.feedback;
  const [dialog, title, body, notice] = ["drawing", "drawing-title", "drawing-body", "gallery-notice"].map(byId);

  function facts({ label, digit, created_at: at, model_version: version, accepted, held_back: entry }) {
    const rows = [
      [text.factMeant, accepted ? `${label} (${text.accepted})` : String(label)],
      [text.factRead, digit === null ? text.notRecorded : String(digit)],
      [text.factDate, words.date(at)],
      [text.factVersion, version ?? text.notRecorded],
      ...(entry ? [[text.factHeld, heldSentence(entry, text, words)]] : []),
    ];
    const row = ([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value));
    return element("dl", { className: "facts" }, ...rows.map(row));
  }

  return (drawing) => {
    const onDone = async (sentence) => {
      dialog.close();
      await onChange();
      say(notice, sentence);
      notice.focus();
    };
    say(notice, "");
    title.textContent = fill(text.drawing, { number: words.number(drawing.number) });
    body.replaceChildren(
      picture(drawing.pixels, fill(text.picture, { label: drawing.label })),
      facts(drawing),
      ...decisions(drawing, page, onDone),
    );
    dialog.showModal();
  };
}
