/** Two versions side by side. */

import { fill } from "./answer.js";
import { describe } from "./training-admin.js";
import { element, fillChoice, say, table } from "./training-elements.js";
import { comparison } from "./training-figures.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {object} page what the parts of the page share
 * @returns {{update: (listed: object) => void}}
 */
export function mountComparison({ api, messages, words }) {
  const text = messages.comparison;
  const [details, notice, body] = ["compare", "compare-notice", "compare-body"].map(byId);
  const choices = ["compare-left", "compare-right"].map(byId);
  let versions = [];
  let asked = 0;

  details.addEventListener("toggle", load);
  for (const choice of choices) choice.addEventListener("change", load);

  async function load() {
    if (!details.open) return;
    const mine = (asked += 1);
    if (versions.length < 2) {
      body.replaceChildren();
      return say(notice, text.tooFew);
    }
    try {
      const sides = await Promise.all(choices.map(({ value }) => read(value)));
      if (mine !== asked) return;
      const isDetailed = sides.every(({ report }) => report);
      say(notice, choices[0].value === choices[1].value ? text.same : isDetailed ? "" : text.noDetails);
      body.replaceChildren(shown(...sides));
    } catch (error) {
      if (mine === asked) say(notice, describe(error, messages.errors));
    }
  }

  async function read(version) {
    const { report } = await api.get(`training/versions/${encodeURIComponent(version)}`);
    const { drawn, metrics } = versions.find((entry) => entry.version === version);
    return { report, drawn: report?.drawn ?? drawn, metrics };
  }

  function shown(left, right) {
    const write = (value) => (value === null ? "–" : words.percent(value));
    const figures = comparison(left, right);
    const known = figures.filter(({ name, difference }) => name !== "recall" || difference !== null);
    const rows = known.map((row) => {
      const difference = element("span", {}, row.difference === null ? "–" : words.points(row.difference));
      const gain = row.name === "calibrationError" ? -row.difference : row.difference;
      if (Math.abs(gain) >= 0.00005) difference.className = gain > 0 ? "better" : "worse";
      return [fill(text[row.name], { digit: row.digit }), write(row.left), write(row.right), difference];
    });
    const made = table("compare-title", [text.figure, text.left, text.right, text.difference], rows);
    made.classList.add("numbers", "comparison");
    return made;
  }

  return {
    update(listed) {
      const isFirst = versions.length < 2;
      versions = listed.versions;
      const options = versions.map(({ version }) => ({ value: version, text: version }));
      for (const choice of choices) fillChoice(choice, options);
      if (isFirst && versions.length > 1) {
        const newest = versions[0];
        choices[1].value = newest.version;
        const parent = versions.some(({ version }) => version === newest.parent) && newest.parent;
        choices[0].value = parent || versions[1].version;
      }
      load();
    },
  };
}
