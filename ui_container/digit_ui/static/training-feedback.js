/** What people drew and meant, and what the last check held back of it. */

import { fill } from "./answer.js";
import { confirmed, describe } from "./training-admin.js";
import { element, picture, say } from "./training-elements.js";
import { heldSentence } from "./training-figures.js";

const PAGE = 36;
const MOST = 200; // the server gives no more at once
const byId = (id) => document.getElementById(id);

/**
 * @param {object} page what the parts of the page share
 * @returns {{update: () => void}}
 */
export function mountFeedback({ api, admin, messages, words, offerFile }) {
  const text = messages.feedback;
  const [digit, wrong] = ["filter-digit", "filter-wrong"].map(byId);
  const gallery = mountPaged({
    ...parts("gallery"),
    api,
    messages,
    query: () => ({ ...(digit.value && { digit: digit.value }), ...(wrong.checked && { wrong: 1 }) }),
    line: (total) => (total ? fill(text.total, { n: words.number(total) }) : nothingFound()),
    item: drawing,
  });
  const held = mountPaged({
    ...parts("held"),
    api,
    messages,
    query: () => ({ held: 1 }),
    line: (total) => (total ? fill(text.held, { n: words.number(total) }) : text.noneHeld),
    item: heldDrawing,
  });
  const nothingFound = () => (digit.value || wrong.checked ? text.noMatch : text.none);
  digit.addEventListener("change", gallery.begin);
  wrong.addEventListener("change", gallery.begin);
  offerFile("feedback.csv", "feedback.csv", "", byId("csv"));

  function drawing({ label, digit: read, wrong: isWrong, pixels, accepted }) {
    const said = isWrong ? fill(text.misread, { label, digit: read }) : String(label);
    const item = element("li", { className: isWrong ? "wrong" : "" }, picture(pixels, ""), said);
    if (accepted) item.append(" ", element("span", { className: "badge" }, text.accepted));
    return item;
  }

  function heldDrawing({ id, label, pixels, created_at: at, held_back: entry }) {
    const path = `training/feedback/${encodeURIComponent(id)}`;
    const notice = element("p", { className: "notice-line", role: "status" });
    notice.hidden = true;
    const button = (name, className = "") => element("button", { type: "button", className }, name);
    const [accept, correct, remove] = [button(fill(text.accept, { label })), button(text.correct), button(text.remove)];
    const other = element("select", { "aria-label": text.otherDigit }, ...otherDigits(label));
    if (entry.answer !== undefined) other.value = entry.answer; // most likely what it really is
    const decide = async (button, sentence, method, tail, body) =>
      admin.act(button, notice, async () => {
        if (button === remove && !(await confirmed(fill(text.confirm, { label }), text.remove))) return;
        if (!(await admin.change(method, path + tail, body))) return;
        await Promise.all([held.refresh(), gallery.refresh()]);
        say(byId("held-notice"), sentence);
        byId("held-notice").focus();
      });
    accept.addEventListener("click", () => decide(accept, text.isAccepted, "POST", "/accept"));
    correct.addEventListener("click", () => {
      const meant = Number(other.value);
      decide(correct, fill(text.isCorrected, { label: meant }), "POST", "/correct", { label: meant });
    });
    remove.addEventListener("click", () => decide(remove, text.isRemoved, "DELETE", ""));
    return element(
      "li",
      {},
      picture(pixels, fill(text.picture, { label })),
      element(
        "div",
        {},
        element("p", {}, element("strong", {}, fill(text.meant, { label })), ` ${heldSentence(entry, text, words)}`),
        element("p", { className: "quiet" }, words.date(at)),
        element("div", { className: "buttons" }, accept, element("span", {}, other, " ", correct), remove),
        notice,
      ),
    );
  }

  return {
    update() {
      gallery.refresh();
      held.refresh();
    },
  };
}

const parts = (name) => ({ list: byId(name), lineElement: byId(`${name}-line`), moreButton: byId(`${name}-more`) });

function otherDigits(label) {
  const digits = Array.from({ length: 10 }, (_, digit) => digit).filter((digit) => digit !== label);
  return digits.map((digit) => element("option", { value: digit }, String(digit)));
}

/** A list that grows by a page when somebody asks for more. */
function mountPaged({ list, lineElement, moreButton, api, messages, query, line, item }) {
  let asked = 0; // an answer that arrives for an earlier question is thrown away
  let next = null;
  let shown = null;

  async function load(limit, before) {
    const mine = (asked += 1);
    const parameters = new URLSearchParams({ ...query(), limit: String(limit), ...(before !== null && { before }) });
    try {
      const page = await api.get(`training/feedback?${parameters}`);
      if (mine !== asked) return;
      const key = JSON.stringify([before, page.items]);
      const made = key === shown ? [] : page.items.map(item); // somebody may be busy with what is there already
      if (before !== null) list.append(...made);
      else if (key !== shown) list.replaceChildren(...made);
      shown = key;
      next = page.next;
      if (next === null && document.activeElement === moreButton) focusOn(made[0]); // or the focus would be lost
      moreButton.hidden = next === null;
      say(lineElement, line(page.total));
    } catch (error) {
      if (mine === asked) say(lineElement, describe(error, messages.errors));
    }
  }

  moreButton.addEventListener("click", () => load(PAGE, next));
  return {
    begin: () => load(PAGE, null),
    /** Show again as much as is shown. */
    refresh: () => load(Math.min(MOST, Math.max(PAGE, list.children.length)), null),
  };
}

function focusOn(place) {
  if (!place) return;
  place.tabIndex = -1;
  place.focus();
}
