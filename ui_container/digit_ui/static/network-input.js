/** Strokes in the form that MNIST's digits have, as the server brings them there. Held equal as `ink.js` says. */

import { inkOfStrokes } from "./ink.js";
import { resize } from "./resize.js";
import { cutOut } from "./specks.js";

export const SIDE = 28;
const BOX = 20;
/** The pixel of MNIST's centre of mass, counted from 0. */
const CENTRE = 14;

/**
 * Draw strokes, fit them into 20 x 20 keeping their aspect, and place them by centre of mass in 28 x 28.
 * @param {import("./strokes.js").Stroke[]} strokes
 * @returns {Uint8Array | null} SIDE rows of SIDE grey values, 0 to 255, ink bright; null if nothing is drawn
 */
export function toNetworkInput(strokes) {
  const ink = inkOfStrokes(strokes);
  return ink && centre(fit(cutOut(ink)));
}

/** Give grey values as the network saw them, row by row. @param {Uint8Array} grey */
export function rowsOf(grey) {
  return Array.from({ length: SIDE }, (_, row) => Array.from(grey.subarray(row * SIDE, (row + 1) * SIDE)));
}

function fit({ width, height, pixels }) {
  const scale = BOX / Math.max(width, height);
  const sides = [width, height].map((side) => Math.max(1, roundToEven(side * scale)));
  const fitted = resize({ width, height, values: pixels }, ...sides);
  // A thin line loses strength when it is averaged down; MNIST's lines are saturated at their core.
  const strongest = fitted.values.reduce((most, value) => Math.max(most, value));
  const grey = Uint8Array.from(fitted.values, (value) => {
    const share = Math.min(1, Math.max(0, Math.fround(value / strongest)));
    return roundToEven(Math.fround(share * 255));
  });
  return { width: fitted.width, height: fitted.height, grey };
}

function centre({ width, height, grey }) {
  let [total, down, across] = [0, 0, 0];
  grey.forEach((value, place) => {
    total += value;
    down += value * Math.floor(place / width);
    across += value * (place % width);
  });
  const [top, left] = [offset(down / total, height), offset(across / total, width)];
  const canvas = new Uint8Array(SIDE * SIDE);
  for (let row = 0; row < height; row += 1) {
    canvas.set(grey.subarray(row * width, (row + 1) * width), (top + row) * SIDE + left);
  }
  return canvas;
}

function offset(centreOfMass, length) {
  return Math.min(SIDE - length, Math.max(0, roundToEven(CENTRE - centreOfMass)));
}

/** Round halves to the even neighbour, as Python and NumPy do. */
function roundToEven(value) {
  const below = Math.floor(value);
  const above = value - below;
  if (above !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
