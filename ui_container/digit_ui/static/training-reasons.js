/** Why the gate refused a version, in the page's language. No DOM. */

import { fill } from "./answer.js";

/** The trainer speaks English; what it says here of its figures is said again. */
const KNOWN = [
  {
    name: "worseMnist",
    form: /^it reads (?<candidate>\d+) of (?<n>\d+) test digits right, its parent (?<parent>\d+): .* \(p = (?<p>[\d.e-]+)\)$/,
  },
  {
    name: "worseMnistThanBase",
    form: /^it reads (?<candidate>\d+) of (?<n>\d+) test digits right, its base (?<base>\d+): .* \(p = (?<p>[\d.e-]+)\)$/,
  },
  {
    name: "worseDrawn",
    form: /^it reads (?<candidate>\d+) of (?<n>\d+) drawn digits right, its parent (?<parent>\d+): .* \(p = (?<p>[\d.e-]+)\)$/,
  },
  {
    name: "worseDrawnThanBase",
    form: /^it reads (?<candidate>\d+) of (?<n>\d+) drawn digits right, its base (?<base>\d+): .* \(p = (?<p>[\d.e-]+)\)$/,
  },
  {
    name: "noBetter",
    form: /^it is no better on the feedback .*: (?<candidate>\d+) of (?<n>\d+) right at a loss of (?<loss>[\d.]+), its parent (?<parent>\d+) at (?<parentLoss>[\d.]+)$/,
  },
  {
    name: "tooLow",
    form: /^(?<accuracy>[\d.]+)% of the test digits is below the (?<wanted>[\d.]+)% that may be published$/,
  },
];
const WRITERS = { p: "small", loss: "small", parentLoss: "small", accuracy: "percent", wanted: "percent" };

/**
 * Say one of the gate's reasons, or null where it is none that the page knows.
 * @param {string} reason
 * @param {Record<string, string>} messages
 * @param {import("./training-words.js").Words} words
 */
function reasonSentence(reason, messages, words) {
  for (const { name, form } of KNOWN) {
    const groups = form.exec(reason)?.groups;
    if (!groups) continue;
    const said = Object.entries(groups).map(([key, figure]) => {
      const writer = WRITERS[key] ?? "number";
      return [key, words[writer](writer === "percent" ? Number(figure) / 100 : Number(figure))];
    });
    return fill(messages[name], Object.fromEntries(said));
  }
  return null;
}

/**
 * Say the gate's reasons; all of them as the trainer wrote them if the page does not know one.
 * @param {string[]} reasons
 * @returns {{lines: string[], lang: string}} lang: "" is the page's own language
 */
export function reasonLines(reasons, messages, words) {
  const lines = reasons.map((reason) => reasonSentence(reason, messages, words));
  return lines.includes(null) ? { lines: reasons, lang: "en" } : { lines, lang: "" };
}
