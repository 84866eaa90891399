/** Curves, by uPlot, in the page's colours. */

import { curveSentence } from "./training-job.js";
import { element } from "./training-elements.js";

const HEIGHT_PX = 220;
const dark = () => matchMedia("(prefers-color-scheme: dark)");

/**
 * Mount a chart with the sentence that says it in words.
 * @param {HTMLElement} parent
 * @param {(colour: (name: string) => string) => object} options uPlot's, without a size
 * @returns {{show: (data: (number | null)[][] | null, sentence: string) => void}}
 */
function mountChart(parent, options) {
  const place = element("div", { className: "plot", "aria-hidden": "true" });
  const caption = element("figcaption");
  parent.append(element("figure", { className: "chart" }, place, caption));
  let plot = null;
  let data = null;

  function draw() {
    plot?.destroy();
    plot = null;
    place.hidden = data === null;
    if (data === null || place.clientWidth === 0) return;
    const style = getComputedStyle(place);
    const colour = (name) => style.getPropertyValue(name).trim();
    plot = new uPlot({ ...options(colour), width: place.clientWidth, height: HEIGHT_PX }, data, place);
  }

  new ResizeObserver(() => {
    if (plot) plot.setSize({ width: place.clientWidth, height: HEIGHT_PX });
    else draw();
  }).observe(place);
  dark().addEventListener("change", draw);

  return {
    show(shown, sentence) {
      const isNew = data === null || shown === null || shown.length !== data.length;
      data = shown;
      caption.textContent = sentence;
      if (isNew || !plot) draw();
      else plot.setData(data);
    },
  };
}

/** No halves between whole epochs. */
const EPOCH_STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 1, 2, 5, 10, 20, 50, 100, 200, 500];

const axis = (colour, write, label) => ({
  stroke: colour("--quiet"),
  grid: { stroke: colour("--line"), width: 1 },
  ticks: { stroke: colour("--line"), width: 1 },
  values: (_plot, values) => values.map(write),
  size: 56,
  ...(label && { label, labelSize: 20, size: 36 }),
});

const OFF = { cursor: { show: false }, scales: { x: { time: false } } };

/**
 * Mount the loss and accuracy curves of a training.
 * @param {HTMLElement} parent
 * @returns {(curves: import("./training-job.js").Curves, empty: string) => void}
 */
export function mountCurves(parent, messages, words) {
  const charts = ["loss", "accuracy"].map((name) => {
    const write = name === "loss" ? words.small : words.share;
    let hasValidation = false;
    const chart = mountChart(parent, (colour) => ({
      ...OFF,
      title: messages[name],
      legend: { live: false, show: hasValidation },
      axes: [{ ...axis(colour, words.small, messages.epochs), incrs: EPOCH_STEPS }, axis(colour, write)],
      series: [
        {},
        { label: messages.training, stroke: colour("--accent"), width: 2, spanGaps: true },
        ...(hasValidation
          ? [{ label: messages.validation, stroke: colour("--validation"), width: 2, dash: [6, 4], spanGaps: true }]
          : []),
      ],
    }));
    return (curves, empty) => {
      hasValidation = curves[`val_${name}`].some((value) => value !== null);
      const sentence = curveSentence(curves, name, messages, words);
      const lines = hasValidation ? [curves[name], curves[`val_${name}`]] : [curves[name]];
      chart.show(sentence ? [curves.epochs, ...lines] : null, sentence || `${messages[name]} – ${empty}`);
    };
  });
  return (curves, empty) => charts.forEach((show) => show(curves, empty));
}

/**
 * Mount the reliability diagram.
 * @param {HTMLElement} parent
 * @returns {(reliability: ReturnType<import("./training-figures.js").reliability>, sentence: string) => void}
 */
export function mountReliability(parent, messages, words) {
  let from = 0;
  const chart = mountChart(parent, (colour) => ({
    ...OFF,
    legend: { live: false },
    scales: { x: { time: false, range: () => [from, 1] }, y: { range: () => [from, 1] } },
    axes: [axis(colour, words.share, messages.confidence), axis(colour, words.share)],
    series: [
      {},
      { label: messages.honest, stroke: colour("--quiet"), width: 1, dash: [4, 4], points: { show: false } },
      { label: messages.measured, stroke: colour("--accent"), width: 2, points: { show: true, size: 7 } },
    ],
  }));
  return (diagram, sentence) => {
    if (diagram === null) return chart.show(null, sentence);
    from = diagram.from;
    const { confidence, right } = diagram;
    chart.show([[from, ...confidence, 1], [from, ...confidence, 1], [null, ...right, null]], sentence);
  };
}
