/** Cutting the drawing out: what is a slip of the pointer beside it is left out. Held equal as `ink.js` says. */

/** Beside the drawing a piece is a slip if its longer side is below this share of the largest piece's. */
const SPECK_SHARE = 0.2;

/** @typedef {{top: number, left: number, bottom: number, right: number, pixels: number[]}} Piece */

/**
 * Crop to the drawing.
 * @param {import("./ink.js").Bitmap} ink with some ink; no pen leaves a piece so small that it were grain
 * @returns {import("./ink.js").Bitmap}
 */
export function cutOut(ink) {
  const pieces = piecesOf(ink);
  const longest = Math.max(...pieces.map(longerSide));
  const drawing = extentOf(pieces.filter((piece) => longerSide(piece) >= SPECK_SHARE * longest));
  const kept = pieces.filter((piece) => longerSide(piece) >= SPECK_SHARE * longest || isWithin(piece, drawing));
  const { top, left, bottom, right } = drawing;
  const [width, height] = [right - left, bottom - top];
  const pixels = new Uint8Array(width * height);
  for (const place of kept.flatMap((piece) => piece.pixels)) {
    const [row, column] = [Math.floor(place / ink.width), place % ink.width];
    pixels[(row - top) * width + column - left] = 1;
  }
  return { width, height, pixels };
}

/** Give the pieces of ink that are connected, over corners too. @returns {Piece[]} */
function piecesOf({ width, height, pixels }) {
  const isFree = Uint8Array.from(pixels);
  const pieces = [];
  for (let start = 0; start < isFree.length; start += 1) {
    if (!isFree[start]) continue;
    isFree[start] = 0;
    const piece = { top: height, left: width, bottom: 0, right: 0, pixels: [start] };
    for (const place of piece.pixels) { // it grows meanwhile
      const [row, column] = [Math.floor(place / width), place % width];
      grow(piece, row, column);
      for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y += 1) {
        for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x += 1) {
          const near = y * width + x;
          if (!isFree[near]) continue;
          isFree[near] = 0;
          piece.pixels.push(near);
        }
      }
    }
    pieces.push(piece);
  }
  return pieces;
}

function grow(piece, row, column) {
  piece.top = Math.min(piece.top, row);
  piece.left = Math.min(piece.left, column);
  piece.bottom = Math.max(piece.bottom, row + 1);
  piece.right = Math.max(piece.right, column + 1);
}

function extentOf(pieces) {
  return {
    top: Math.min(...pieces.map(({ top }) => top)),
    left: Math.min(...pieces.map(({ left }) => left)),
    bottom: Math.max(...pieces.map(({ bottom }) => bottom)),
    right: Math.max(...pieces.map(({ right }) => right)),
  };
}

const longerSide = ({ top, left, bottom, right }) => Math.max(bottom - top, right - left);

function isWithin(piece, { top, left, bottom, right }) {
  return piece.top >= top && piece.left >= left && piece.bottom <= bottom && piece.right <= right;
}
