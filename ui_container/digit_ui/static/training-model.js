/** One version under examination: its figures, its mistakes, its curves. */

import { fill } from "./answer.js";
import { describe } from "./training-admin.js";
import { mountCurves, mountReliability } from "./training-charts.js";
import { element, fillChoice, picture, say, table } from "./training-elements.js";
import { drawnFigure, reliability, shade } from "./training-figures.js";
import { historyCurves } from "./training-job.js";

const MISTAKES = 20; // the worst are the first
const byId = (id) => document.getElementById(id);

/**
 * @param {object} page what the parts of the page share
 * @returns {{update: (listed: object) => void, choose: (version: string) => void}}
 */
export function mountModel({ api, messages, words, offerFile }) {
  const text = messages.model;
  const [choice, notice, body] = ["model-choice", "model-notice", "model-body"].map(byId);
  const showCurves = mountCurves(byId("model-curves"), messages.charts, words);
  const showReliability = mountReliability(byId("model-reliability"), messages.charts, words);
  let listed = { in_service: null, versions: [] };
  let shown = null;
  let asked = 0; // an answer that arrives for an earlier choice is thrown away

  choice.addEventListener("change", load);

  async function load() {
    const version = choice.value || listed.in_service;
    const mine = (asked += 1);
    if (!listed.versions.some((entry) => entry.version === version)) {
      body.hidden = true;
      shown = null;
      return say(notice, text.noReport);
    }
    if (version === shown) return;
    try {
      const details = await api.get(`training/versions/${encodeURIComponent(version)}`);
      if (mine !== asked) return;
      shown = version;
      show(version, details);
    } catch (error) {
      if (mine !== asked) return;
      body.hidden = true;
      shown = null;
      say(notice, describe(error, messages.errors));
    }
  }

  function show(version, { manifest, report, history }) {
    const drawn = report?.drawn ?? listed.versions.find((entry) => entry.version === version)?.drawn;
    say(notice, report ? "" : text.noDetails);
    body.hidden = false;
    byId("model-report").hidden = !report;
    byId("model-figures").replaceChildren(...figures(report ?? manifest.metrics, drawnFigure(drawn)));
    byId("model-downloads").replaceChildren(
      ...["model.json", "model.h5"].map((file) =>
        offerFile(`training/versions/${encodeURIComponent(version)}/${file}`, file, fill(text.download, { file })),
      ),
    );
    byId("model-digits").replaceChildren(report?.digits ? digitTable(report.digits) : text.unknown);
    byId("model-confusion").replaceChildren(
      ...(report?.confusion_matrix ? confusion(report.confusion_matrix) : [text.unknown]),
    );
    byId("model-mistakes").replaceChildren(mistakes(report?.worst_mistakes));
    byId("model-curves-note").hidden = !history;
    showReliability(reliability(report?.calibration), calibrationSentence(report?.calibration));
    showCurves(historyCurves(history), text.noCurve);
  }

  function calibrationSentence(calibration) {
    if (calibration?.expected_calibration_error == null) return text.unknown;
    const error = words.percent(calibration.expected_calibration_error);
    return fill(text.calibration, { error, n: words.number(calibration.n) });
  }

  function figures(metrics, drawn) {
    const made = [];
    if (metrics?.accuracy != null) {
      const [low, high] = (metrics.accuracy_ci95 ?? [metrics.accuracy, metrics.accuracy]).map(words.percent);
      const note = fill(text.mnistNote, { low, high, n: words.number(metrics.n) });
      made.push(figure(text.mnist, words.percent(metrics.accuracy), note));
    }
    if (drawn) {
      const writers = drawn.writers ? ` ${fill(text.writers, { n: words.number(drawn.writers) })}` : "";
      const note = fill(text.drawnNote, { n: words.number(drawn.n) }) + writers;
      made.push(figure(text.drawn, words.percent(drawn.accuracy), note));
    } else {
      made.push(figure(text.drawn, "–", text.notDrawn));
    }
    if (typeof drawn?.worst === "number") made.push(figure(text.worstWriter, words.percent(drawn.worst), ""));
    return made;
  }

  function figure(name, value, note) {
    const parts = [element("dt", {}, name), element("dd", { className: "figure" }, value)];
    if (note) parts.push(element("dd", { className: "quiet" }, note));
    return element("div", {}, ...parts);
  }

  function digitTable(digits) {
    const heads = [text.digit, text.count, text.precision, text.recall];
    const rows = digits.map(({ digit, n, precision, recall }) => [
      String(digit),
      words.number(n),
      words.percent(precision),
      words.percent(recall),
    ]);
    const made = table("digits-title", heads, rows);
    made.classList.add("numbers");
    return made;
  }

  function confusion(matrix) {
    const rows = matrix.map((row, written) => [String(written), ...row.map(words.number)]);
    const made = table("confusion-title", [text.corner, ...matrix.map((_, read) => String(read))], rows);
    made.classList.add("confusion");
    matrix.forEach((row, written) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      row.forEach((count, read) => {
        const cell = made.tBodies[0].rows[written].cells[read + 1];
        cell.style.setProperty("--share", String(written === read ? 0 : shade(count, total)));
        if (written === read) cell.className = "right";
        if (count === 0) cell.className = "none";
      });
    });
    return [element("p", { className: "quiet" }, text.confusion), element("div", { className: "scroller" }, made)];
  }

  function mistakes(worst) {
    if (!worst) return element("p", {}, text.unknown);
    if (worst.length === 0) return element("p", {}, text.noMistake);
    const shown = worst.slice(0, MISTAKES);
    const className = shown.every(({ pixels }) => pixels) ? "drawings" : "plain columns";
    return element("ul", { role: "list", className }, ...shown.map(mistakeItem));
  }

  function mistakeItem({ label, answer, confidence, row, pixels }) {
    const values = { label, answer, confidence: words.percent(confidence), row: words.number(row) };
    if (!pixels) return element("li", {}, fill(text.mistakeRow, values));
    return element("li", {}, picture(pixels, ""), fill(text.mistake, values));
  }

  return {
    update(news) {
      listed = news;
      const inService = news.in_service ? fill(text.inService, { version: news.in_service }) : text.nothingInService;
      fillChoice(choice, [
        { value: "", text: inService },
        ...news.versions.map(({ version }) => ({ value: version, text: version })),
      ]);
      load();
    },
    choose(version) {
      choice.value = version;
      load();
      byId("model").scrollIntoView();
      choice.focus();
    },
  };
}
