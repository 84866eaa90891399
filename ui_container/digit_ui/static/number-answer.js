/** What the page shows of a number that was read. */

import { SURE, fill, percent } from "./answer.js";
import { LINE_UNITS } from "./pad.js";
import { PAD_UNITS } from "./strokes.js";

/** @typedef {{digit: number, confidence: number, is_digit: boolean, box: number[]}} Digit */

/** A digit's picture is so large, on a screen of plain pixels. */
const SHOWN_PX = 48;

/**
 * Tell whether a digit may be another, or none.
 * @param {Digit} digit
 */
export function isUnsure({ confidence, is_digit }) {
  return !is_digit || confidence < SURE;
}

/**
 * Choose the sentence for a number.
 * @param {{number: string, digits: Digit[]}} answer
 * @param {{answer: string, unsure: string}} messages
 */
export function sentenceForNumber({ number, digits }, messages) {
  return fill(digits.some(isUnsure) ? messages.unsure : messages.answer, { number });
}

/**
 * Say which part of the pad shows a digit, and where that goes in a square picture: each left, top, width and height.
 * @param {number[]} box x, y, width and height of the digit, in the pad's units
 * @param {number} padHeight in pixels
 * @param {number} side of the picture, in pixels
 */
export function placeInPicture([x, y, width, height], padHeight, side) {
  const part = [x - LINE_UNITS / 2, y - LINE_UNITS / 2, width + LINE_UNITS, height + LINE_UNITS];
  const [, , partWidth, partHeight] = part;
  const scale = side / Math.max(partWidth, partHeight);
  const [shownWidth, shownHeight] = [partWidth * scale, partHeight * scale];
  return {
    from: part.map((units) => (units * padHeight) / PAD_UNITS),
    to: [(side - shownWidth) / 2, (side - shownHeight) / 2, shownWidth, shownHeight],
  };
}

/**
 * Show each digit as it was drawn, as it was read, and how sure that is.
 * @param {HTMLElement} list
 * @param {{digits: Digit[]}} answer
 * @param {HTMLCanvasElement} pad
 * @param {{bar: string, unsureDigit: string}} messages
 */
export function showDigits(list, { digits }, pad, messages) {
  list.replaceChildren(...digits.map((digit) => makeDigit(digit, pad, messages)));
}

function makeDigit(digit, pad, messages) {
  const row = document.createElement("li");
  const [spoken, name, value] = ["span", "span", "span"].map((kind) => document.createElement(kind));
  const share = percent(digit.confidence);
  const unsure = isUnsure(digit);
  row.classList.toggle("unsure", unsure);
  spoken.className = "spoken";
  spoken.textContent = fill(unsure ? messages.unsureDigit : messages.bar, { digit: digit.digit, percent: share });
  name.className = "read";
  name.textContent = unsure ? `${digit.digit} ?` : digit.digit;
  value.textContent = `${share} %`;
  const shown = [makePicture(digit.box, pad), name, value];
  for (const part of shown) part.setAttribute("aria-hidden", "true");
  row.append(spoken, ...shown);
  return row;
}

function makePicture(box, pad) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SHOWN_PX * devicePixelRatio;
  const { from, to } = placeInPicture(box, pad.height, canvas.width);
  canvas.getContext("2d").drawImage(pad, ...from, ...to);
  return canvas;
}
