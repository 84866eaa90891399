/** Why the network answered as it did: the way to its input, what decided, and what its convolutions see. */

import { fill } from "./answer.js";

/** Signed evidence in colour, told apart by people of every colour vision; the style sheet's legend shows the same. */
const FOR = [255, 157, 46];
const AGAINST = [63, 140, 255];
/** The ink under the evidence, so that one sees which digit it lies on. */
const INK_GREY = 96;

/**
 * Show an explanation in the places that the page keeps for it.
 * @param {HTMLElement} body
 * @param {object} explanation the answer of POST /explain
 * @param {Record<string, string | string[]>} messages
 */
export function showWhy(body, explanation, messages) {
  const { steps, evidence, layers, digit, second } = explanation;
  for (const canvas of body.querySelectorAll("[data-step]")) showGrey(canvas, steps[canvas.dataset.step]);
  const ink = decode(steps.centred.grey);
  const largest = Math.max(...Object.values(evidence).flat(2).map(Math.abs), 1e-9);
  for (const canvas of body.querySelectorAll("[data-evidence]")) {
    paint(canvas, evidenceColours(evidence[canvas.dataset.evidence].flat(), ink, largest), 28, 28);
  }
  const place = messages.places[strongestPlace(evidence.ink)];
  body.querySelector("[data-why=summary]").textContent = fill(messages.evidence, { digit, second, place });
  for (const side of ["for", "against"]) {
    body.querySelector(`[data-why=${side}]`).textContent = fill(messages[side], { digit, second });
  }
  body.querySelector("[data-why=layers]").replaceChildren(...layers.flatMap((layer, index) => layerParts(layer, index, messages)));
}

/**
 * Tell in which ninth of the picture the evidence for the answer is strongest: 0 at the top left to 8 at the bottom right.
 * @param {number[][]} rows
 */
export function strongestPlace(rows) {
  const sums = Array(9).fill(0);
  const third = (index, length) => Math.min(2, Math.floor((index * 3) / length));
  rows.forEach((row, y) =>
    row.forEach((value, x) => (sums[third(y, rows.length) * 3 + third(x, row.length)] += Math.max(0, value))),
  );
  return sums.indexOf(Math.max(...sums));
}

/**
 * Colour signed evidence over the ink it lies on: [red, green, blue] a pixel.
 * @param {number[]} values
 * @param {ArrayLike<number>} ink 0-255
 * @param {number} largest the value that gets the full colour
 */
export function evidenceColours(values, ink, largest) {
  return values.map((value, index) => {
    const share = Math.min(1, Math.sqrt(Math.abs(value) / largest)); // the root lets weak evidence be seen, too
    const base = (ink[index] / 255) * INK_GREY;
    return (value > 0 ? FOR : AGAINST).map((channel) => Math.round(base + share * (channel - base)));
  });
}

function layerParts({ name, maps }, index, messages) {
  const heading = document.createElement("p");
  const { width, height } = maps[0];
  heading.className = "layer-name";
  heading.textContent = fill(messages.layer, { position: index + 1, count: maps.length, width, height });
  const grid = document.createElement("div");
  grid.className = "maps";
  grid.setAttribute("role", "img");
  grid.setAttribute("aria-label", `${heading.textContent} (${name})`);
  grid.append(
    ...maps.map((map) => {
      const canvas = document.createElement("canvas");
      showGrey(canvas, map);
      return canvas;
    }),
  );
  return [heading, grid];
}

function showGrey(canvas, { width, height, grey }) {
  paint(canvas, Array.from(decode(grey), (value) => [value, value, value]), width, height);
}

function paint(canvas, colours, width, height) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  colours.forEach((colour, index) => image.data.set([...colour, 255], index * 4));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Read the base64 of a picture's rows. */
function decode(grey) {
  return Uint8Array.from(atob(grey), (character) => character.charCodeAt(0));
}
