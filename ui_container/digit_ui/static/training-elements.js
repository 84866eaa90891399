/** The pieces that the training page is put together from. */

import { showGrey } from "./why.js";

/**
 * Make an element: element("td", {className: "best"}, "7").
 * @param {string} name
 * @param {Record<string, unknown>} [properties] what is no property of the element becomes an attribute
 * @param {...(Node | string)} children
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, String(value));
  }
  made.append(...children);
  return made;
}

/** Say something in a line that goes when it has nothing to say. */
export function say(line, text) {
  if (line.textContent !== text) line.textContent = text; // the same again would be read out again
  line.hidden = text === "";
}

/**
 * Show one of the network's pictures, ink bright as it sees it.
 * @param {string} grey base64 of 784 grey values
 * @param {string} description "" where the words beside it say all
 */
export function picture(grey, description) {
  const spoken = description ? { role: "img", "aria-label": description } : { "aria-hidden": "true" };
  const canvas = element("canvas", spoken);
  showGrey(canvas, { width: 28, height: 28, grey });
  return canvas;
}

/**
 * Fill a <select>, keeping what is chosen while it is still there.
 * @param {HTMLSelectElement} select
 * @param {{value: string, text: string}[]} options
 */
export function fillChoice(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(({ value, text }) => element("option", { value }, text)));
  if (options.some(({ value }) => value === chosen)) select.value = chosen;
}

/**
 * Make a table that a narrow screen shows as cards. The roles say that it is a table still.
 * @param {string} labelledBy the id of its heading
 * @param {string[]} heads
 * @param {(Node | string)[][]} rows the first cell of each is its heading
 */
export function table(labelledBy, heads, rows) {
  const head = (text) => element("th", { scope: "col", role: "columnheader" }, text);
  const cell = (content, column) =>
    column === 0
      ? element("th", { scope: "row", role: "rowheader" }, content)
      : element("td", { role: "cell", "data-head": heads[column] }, content);
  const row = (cells) => element("tr", { role: "row" }, ...cells.map(cell));
  return element(
    "table",
    { role: "table", "aria-labelledby": labelledBy },
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads.map(head))),
    element("tbody", { role: "rowgroup" }, ...rows.map(row)),
  );
}
