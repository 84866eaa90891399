/** What the page shows of an answer. */

/**
 * Put values into a sentence: fill("a {digit}", {digit: 3}) is "a 3".
 * @param {string} sentence
 * @param {Record<string, string | number>} values
 */
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Surer answers are given without naming the second best. */
export const SURE = 0.8;

/**
 * Choose the sentence for an answer: it is a digit, it is one of two, or it looks like none.
 * @param {{digit: number, confidence: number, probabilities: number[], is_digit: boolean}} answer
 * @param {{answer: string, unsure: string, notDigit: string}} messages
 */
export function sentenceFor(answer, messages) {
  const { digit, confidence, probabilities } = answer;
  if (!answer.is_digit) return fill(messages.notDigit, { digit });
  if (confidence >= SURE) return fill(messages.answer, { digit });
  return fill(messages.unsure, { digit, second: secondBest(probabilities, digit) });
}

function secondBest(probabilities, digit) {
  const others = probabilities.map((share, index) => (index === digit ? -1 : share));
  return others.indexOf(Math.max(...others));
}

/** Write a share of 1 as a percentage without claiming certainty that rounding made. */
export function percent(share) {
  if (share > 0.99 && share < 1) return (Math.floor(share * 1000) / 10).toFixed(1);
  return String(Math.round(share * 100));
}

/**
 * Show the probabilities as a bar for each digit.
 * @param {HTMLElement} list empty, or what this made of it before: then the bars move
 * @param {{probabilities: number[], digit: number | null}} answer
 * @param {string} sentence what a bar says to who cannot see it
 */
export function showBars(list, { probabilities, digit }, sentence) {
  if (!list.children.length) list.append(...probabilities.map((_, index) => makeBar(index)));
  probabilities.forEach((share, index) => {
    const row = list.children[index];
    const [spoken, , track, value] = row.children;
    row.classList.toggle("best", index === digit);
    spoken.textContent = fill(sentence, { digit: index, percent: percent(share) });
    track.firstChild.style.width = `${share * 100}%`;
    value.textContent = `${percent(share)} %`;
  });
}

function makeBar(digit) {
  const row = document.createElement("li");
  const [spoken, name, value] = ["span", "span", "span"].map((kind) => document.createElement(kind));
  const track = document.createElement("div");
  spoken.className = "spoken";
  name.textContent = digit;
  track.className = "track";
  track.append(document.createElement("div"));
  for (const part of [name, track, value]) part.setAttribute("aria-hidden", "true");
  row.append(spoken, name, track, value);
  return row;
}

/**
 * Show the 28 x 28 picture that the network saw, ink bright as it saw it.
 * @param {HTMLCanvasElement} canvas
 * @param {number[][]} rows grey values 0-255
 */
export function showSeen(canvas, rows) {
  const image = new ImageData(28, 28);
  rows.flat().forEach((grey, index) => image.data.set([grey, grey, grey, 255], index * 4));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
