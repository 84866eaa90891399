/** Why the network answered as it did: the way to its input, what decided, and what its convolutions see. */

import { fill } from "./answer.js";

/** The ink under the evidence, so that one sees which digit it lies on. */
const INK_GREY = 96;

/**
 * Show an explanation in the places that the page keeps for it.
 * @param {HTMLElement} body
 * @param {object} explanation the answer of POST /explain
 * @param {Record<string, string | string[]>} messages
 * @returns {string} the sentence that sums it up
 */
export function showWhy(body, explanation, messages) {
  const { steps, evidence, layers, digit, second } = explanation;
  const colours = ["--for", "--against"].map((name) => parseColour(getComputedStyle(body).getPropertyValue(name)));
  for (const canvas of body.querySelectorAll("[data-step]")) showGrey(canvas, steps[canvas.dataset.step]);
  const ink = decode(steps.centred.grey);
  const largest = Math.max(...Object.values(evidence).flat(2).map(Math.abs), 1e-9);
  for (const canvas of body.querySelectorAll("[data-evidence]")) {
    paint(canvas, evidenceColours(evidence[canvas.dataset.evidence].flat(), ink, largest, colours), 28, 28);
  }
  for (const side of ["for", "against"]) {
    body.querySelector(`[data-why=${side}]`).textContent = fill(messages[side], { digit, second });
  }
  const shown = body.querySelector("[data-why=layers]");
  shown.replaceChildren(...layers.flatMap((layer, index) => layerParts(layer, index, messages)));
  shown.parentElement.hidden = layers.length === 0; // a network of the user's own may have no convolution
  const ninth = strongestPlace(evidence.ink);
  return fill(ninth < 0 ? messages.noEvidence : messages.evidence, { digit, second, place: messages.places[ninth] });
}

/**
 * Tell in which ninth of the picture the evidence for the answer is strongest: 0 at the top left to 8 at the bottom
 * right, -1 where there is none.
 * @param {number[][]} rows
 */
export function strongestPlace(rows) {
  const sums = Array(9).fill(0);
  const third = (index, length) => Math.min(2, Math.floor((index * 3) / length));
  rows.forEach((row, y) =>
    row.forEach((value, x) => (sums[third(y, rows.length) * 3 + third(x, row.length)] += Math.max(0, value))),
  );
  const most = Math.max(...sums);
  return most > 0 ? sums.indexOf(most) : -1;
}

/**
 * Colour signed evidence over the ink it lies on: [red, green, blue] a pixel.
 * @param {number[]} values
 * @param {ArrayLike<number>} ink 0-255
 * @param {number} largest the value that gets the full colour
 * @param {number[][]} colours of evidence for the answer, and against it
 */
export function evidenceColours(values, ink, largest, [pro, contra]) {
  return values.map((value, index) => {
    const share = Math.min(1, Math.sqrt(Math.abs(value) / largest)); // the root lets weak evidence be seen, too
    const base = (ink[index] / 255) * INK_GREY;
    return (value > 0 ? pro : contra).map((channel) => Math.round(base + share * (channel - base)));
  });
}

/** Read "#rrggbb". */
function parseColour(text) {
  return text.trim().match(/[0-9a-f]{2}/gi).map((channel) => parseInt(channel, 16));
}

function layerParts({ maps }, index, messages) {
  const heading = document.createElement("p");
  const { width, height } = maps[0];
  heading.className = "layer-name";
  heading.textContent = fill(messages.layer, { position: index + 1, count: maps.length, width, height });
  const grid = document.createElement("div");
  grid.className = "maps";
  grid.setAttribute("aria-hidden", "true");
  grid.append(
    ...maps.map((map) => {
      const canvas = document.createElement("canvas");
      showGrey(canvas, map);
      return canvas;
    }),
  );
  return [heading, grid];
}

/**
 * Show a grey picture.
 * @param {HTMLCanvasElement} canvas
 * @param {{width: number, height: number, grey: string}} picture grey: base64 of its rows
 */
export function showGrey(canvas, { width, height, grey }) {
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
