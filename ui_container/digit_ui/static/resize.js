/** Shrinking a picture by bicubic filtering, in single precision as Pillow does. Held equal as `ink.js` says. */

/** Of the filter's curve: how far it dips below zero. */
const DIP = -0.5;
const REACH = 2;

/** @typedef {{width: number, height: number, values: Float32Array}} Picture row by row */

/**
 * Shrink a picture to a smaller one, first across, then down.
 * @param {{width: number, height: number, values: ArrayLike<number>}} picture
 * @param {number} width
 * @param {number} height
 * @returns {Picture}
 */
export function resize(picture, width, height) {
  const across = new Float32Array(width * picture.height);
  weightsOf(picture.width, width).forEach(({ first, weights }, column) => {
    for (let row = 0; row < picture.height; row += 1) {
      const start = row * picture.width + first;
      across[row * width + column] = weights.reduce((sum, weight, place) => sum + picture.values[start + place] * weight, 0);
    }
  });
  const values = new Float32Array(width * height);
  weightsOf(picture.height, height).forEach(({ first, weights }, row) => {
    for (let column = 0; column < width; column += 1) {
      const start = first * width + column;
      values[row * width + column] = weights.reduce((sum, weight, place) => sum + across[start + place * width] * weight, 0);
    }
  });
  return { width, height, values };
}

/** For each pixel of a smaller row: from which of the larger one's pixels on it is made, with which weights. */
function weightsOf(from, to) {
  const scale = from / to;
  const reach = REACH * scale;
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const raw = Array.from({ length: end - first }, (_, step) => curve((step + first - centre + 0.5) * (1 / scale)));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: raw.map((weight) => weight / total) };
  });
}

function curve(signed) {
  const x = Math.abs(signed);
  if (x < 1) return ((DIP + 2) * x - (DIP + 3)) * x * x + 1;
  return x < REACH ? (((x - 5) * x + 8) * x - 4) * DIP : 0;
}
