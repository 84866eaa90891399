/** What people drew and meant, and what the last check held back of it. */

import { fill } from "./answer.js";
import { describe } from "./training-admin.js";
import { decisions } from "./training-decisions.js";
import { mountDrawing } from "./training-drawing.js";
import { element, picture, say } from "./training-elements.js";
import { heldSentence } from "./training-figures.js";

const PAGE = 36;
const MOST = 200; // the server gives no more at once
const byId = (id) => document.getElementById(id);

/**
 * @param {object} page what the parts of the page share
 * @returns {{update: () => void}}
 */
export function mountFeedback(page) {
  const { api, messages, words, offerFile } = page;
  const text = messages.feedback;
  const [digit, wrong] = ["filter-digit", "filter-wrong"].map(byId);
  const gallery = mountPaged({
    ...parts("gallery"),
    api,
    messages,
    query: () => ({ ...(digit.value && { digit: digit.value }), ...(wrong.checked && { wrong: 1 }) }),
    line: (total) => (total ? fill(text.total, { n: words.number(total) }) : nothingFound()),
    item: galleryItem,
  });
  const held = mountPaged({
    ...parts("held"),
    api,
    messages,
    query: () => ({ held: 1 }),
    line: (total) => (total ? fill(text.held, { n: words.number(total) }) : text.noneHeld),
    facts: (drawing) => ({ ...drawing, other: otherOf(drawing) }),
    item: heldItem,
  });
  const nothingFound = () => (digit.value || wrong.checked ? text.noMatch : text.none);
  const refresh = async () => {
    await gallery.refresh(); // first: what is held back is shown beside what it is like
    await held.refresh();
  };
  const showDrawing = mountDrawing(page, refresh);
  digit.addEventListener("change", gallery.begin);
  wrong.addEventListener("change", gallery.begin);
  offerFile("feedback.csv", "feedback.csv", "", byId("csv"));

  function galleryItem(drawing) {
    const { label, digit: read, wrong: isWrong, pixels, accepted } = drawing;
    const said = isWrong ? fill(text.misread, { label, digit: read }) : String(label);
    const name = fill(text.show, { said: accepted ? `${said}, ${text.accepted}` : said });
    const properties = { type: "button", "aria-label": name, "aria-haspopup": "dialog" };
    const button = element("button", properties, picture(pixels, ""), said);
    if (accepted) button.append(" ", element("span", { className: "badge" }, text.accepted));
    button.addEventListener("click", () => showDrawing(drawing));
    return element("li", { className: isWrong ? "wrong" : "" }, button);
  }

  /** Find the drawing that this one is said to be like, if the page shows it. */
  function otherOf({ held_back: entry }) {
    const other = [...gallery.entries(), ...held.entries()].find(({ id }) => id === entry.of);
    return other ? { label: other.label, pixels: other.pixels } : null;
  }

  function heldItem(drawing) {
    const { label, pixels, created_at: at, held_back: entry, other } = drawing;
    const onDone = async (sentence) => {
      await refresh();
      say(byId("held-notice"), sentence);
      byId("held-notice").focus();
    };
    const pictures = [picture(pixels, fill(text.picture, { label }))];
    if (other) pictures.push(element("p", { className: "quiet" }, fill(text.other, other)), picture(other.pixels, ""));
    return element(
      "li",
      {},
      element("div", {}, ...pictures),
      element(
        "div",
        {},
        element("p", {}, element("strong", {}, fill(text.meant, { label })), ` ${heldSentence(entry, text, words)}`),
        element("p", { className: "quiet" }, words.date(at)),
        ...decisions(drawing, page, onDone),
      ),
    );
  }

  return { update: refresh };
}

const parts = (name) => ({ list: byId(name), lineElement: byId(`${name}-line`), moreButton: byId(`${name}-more`) });

/** A list that grows by a page when somebody asks for more. What did not change stays: somebody may be busy with it. */
function mountPaged({ list, lineElement, moreButton, api, messages, query, line, item, facts = (entry) => entry }) {
  let asked = 0; // an answer that arrives for an earlier question is thrown away
  let latest = null; // who waits for an earlier one waits for this one
  let next = null;
  let entries = [];
  let made = new Map(); // by a drawing's facts, its element

  const load = (limit, before) => (latest = ask(limit, before, (asked += 1)));

  async function ask(limit, before, mine) {
    const parameters = new URLSearchParams({ ...query(), limit: String(limit), ...(before !== null && { before }) });
    try {
      const page = await api.get(`training/feedback?${parameters}`);
      if (mine !== asked) return latest;
      const first = before === null ? 0 : entries.length;
      entries = [...entries.slice(0, first), ...page.items];
      show();
      next = page.next;
      if (next === null && document.activeElement === moreButton) focusOn(list.children[first]); // or it would be lost
      moreButton.hidden = next === null;
      say(lineElement, line(page.total));
    } catch (error) {
      if (mine !== asked) return latest;
      say(lineElement, describe(error, messages.errors));
    }
  }

  function show() {
    const known = made;
    made = new Map(
      entries.map(facts).map((entry) => {
        const key = JSON.stringify(entry);
        return [key, known.get(key) ?? item(entry)];
      }),
    );
    const wanted = [...made.values()];
    if (wanted.length === list.children.length && wanted.every((place, index) => place === list.children[index])) return;
    const focused = document.activeElement;
    list.replaceChildren(...wanted);
    if (focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
  }

  moreButton.addEventListener("click", () => load(PAGE, next));
  return {
    begin: () => load(PAGE, null),
    /** Show again as much as is shown. */
    refresh: () => load(Math.min(MOST, Math.max(PAGE, list.children.length)), null),
    entries: () => entries,
  };
}

function focusOn(place) {
  if (!place) return;
  place.tabIndex = -1;
  place.focus();
}
