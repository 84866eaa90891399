/** Every version that there is, the gate's verdict on it, and the way back to it. */

import { fill } from "./answer.js";
import { confirmed } from "./training-admin.js";
import { element, say, table } from "./training-elements.js";
import { drawnFigure, gateSentences } from "./training-figures.js";
import { reasonLines } from "./training-reasons.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {object} page what the parts of the page share
 * @param {(version: string) => void} onShow somebody wants to see a version
 * @returns {{update: (listed: object) => void}}
 */
export function mountVersions({ admin, messages, words }, onShow) {
  const text = messages.versions;
  const notice = byId("versions-notice");

  function rollBack(button, version) {
    admin.act(button, notice, async () => {
      if (!(await confirmed(fill(text.confirm, { version }), fill(text.yes, { version })))) return;
      if (await admin.change("POST", "training/rollback", { version })) say(notice, fill(text.asked, { version }));
    });
  }

  function cells(entry) {
    const { version, parent, metrics, feedback } = entry;
    const drawn = drawnFigure(entry.drawn);
    return [
      name(entry),
      words.date(entry.created_at),
      parent ? element("span", { className: "code" }, parent) : text.scratch,
      metrics?.accuracy == null ? "–" : words.percent(metrics.accuracy),
      drawn ? words.percent(drawn.accuracy) : "–",
      verdict(entry),
      feedback ? words.number(feedback.learned) : "–",
      buttons(version, entry.can_roll_back),
    ];
  }

  function name({ version, in_service: inService, shipped }) {
    const parts = element("div", {}, element("span", { className: "code" }, version));
    if (inService) parts.append(" ", element("span", { className: "badge on" }, text.inService));
    if (shipped) parts.append(" ", element("span", { className: "badge" }, text.shipped));
    return parts;
  }

  function verdict({ verdict: decided, reasons, gate }) {
    if (!decided) return text.noGate;
    const parts = element("div", {}, element("span", { className: `verdict ${decided}` }, text[decided] ?? decided));
    const measured = gateSentences(gate, text, words);
    const why = reasonLines(reasons ?? [], messages.reasons, words);
    if (why.lines.length) parts.append(list(why.lines, { lang: why.lang }));
    if (measured.length) parts.append(element("details", {}, element("summary", {}, text.measured), list(measured)));
    return parts;
  }

  const list = (lines, properties) =>
    element("ul", { className: "plain", ...properties }, ...lines.map((line) => element("li", {}, line)));

  function buttons(version, canRollBack) {
    const show = element("button", { type: "button", "aria-label": fill(text.showNamed, { version }) }, text.show);
    show.addEventListener("click", () => onShow(version));
    const made = element("div", { className: "buttons" }, show);
    if (canRollBack) {
      const back = element("button", { type: "button", "aria-label": fill(text.yes, { version }) }, text.back);
      back.addEventListener("click", () => rollBack(back, version));
      made.append(back);
    }
    return made;
  }

  let shown = null;
  return {
    update({ versions }) {
      if (JSON.stringify(versions) === shown) return; // somebody's keyboard may be on a button of it
      shown = JSON.stringify(versions);
      if (versions.length === 0) return byId("versions-list").replaceChildren(text.empty);
      const columns = ["version", "date", "parent", "mnist", "drawn", "verdict", "learned", "actions"];
      const heads = columns.map((column) => text[column]);
      const made = table("versions-title", heads, versions.map(cells));
      made.classList.add("cards");
      byId("versions-list").replaceChildren(made);
    },
  };
}
