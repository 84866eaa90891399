/**
 * Strokes as ink, pixel for pixel as the server draws them: a model must see here what it would see there.
 * Held equal by ui_container/tests/network_input.json.
 * @typedef {{width: number, height: number, pixels: Uint8Array}} Bitmap row by row, 1 where there is ink
 */

const BOX_PX = 160;
const WIDTH_PX = 20;
const MARGIN_PX = WIDTH_PX;
/** Of a round dot, WIDTH_PX + 1 high: how far each row reaches to both sides, from the middle row outwards. */
const DOT_REACH_PX = [10, 10, 10, 10, 9, 9, 8, 7, 6, 5, 3];
/** Pillow computes edges in single precision, and a pixel may depend on it. */
const single = Math.fround;

/**
 * Draw strokes so that the longer side of their points' extent is BOX_PX.
 * @param {import("./strokes.js").Stroke[]} strokes
 * @returns {Bitmap | null} null if there is no point
 */
export function inkOfStrokes(strokes) {
  const points = strokes.flat();
  if (!points.length) return null;
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [left, top] = [xs, ys].map((values) => values.reduce((least, value) => Math.min(least, value)));
  const [right, bottom] = [xs, ys].map((values) => values.reduce((most, value) => Math.max(most, value)));
  const scale = BOX_PX / Math.max(right - left, bottom - top, 1e-9);
  const [width, height] = [right - left, bottom - top].map((size) => Math.ceil(size * scale) + 2 * MARGIN_PX);
  const ink = { width, height, pixels: new Uint8Array(width * height) };
  for (const stroke of strokes) {
    const places = stroke.map(([x, y]) => [(x - left) * scale + MARGIN_PX, (y - top) * scale + MARGIN_PX]);
    const path = places.map((point) => point.map(Math.trunc));
    path.slice(1).forEach((to, place) => drawLine(ink, path[place], to));
    for (const point of path) drawDot(ink, point);
  }
  return ink;
}

function drawDot(ink, [x, y]) {
  DOT_REACH_PX.forEach((reach, away) => {
    for (const row of [y - away, y + away]) fillRow(ink, row, x - reach, x + reach);
  });
}

/**
 * Draw a line between two whole pixels as a rectangle that lies along it, its corners on whole pixels too. What Pillow
 * does beyond that at the corners, the dots cover.
 */
function drawLine(ink, [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  if (dx === 0 && dy === 0) return; // the dots cover it
  const length = Math.sqrt(dx * dx + dy * dy);
  const half = (WIDTH_PX - 1) / 2;
  const [wide, narrow] = [roundAway(half) / length, roundBack(half) / length];
  const [above, below] = [
    [-roundBack(narrow * dy), roundBack(wide * dx)],
    [roundBack(wide * dy), -roundBack(narrow * dx)],
  ];
  fillPolygon(ink, [
    [x0 + above[0], y0 + above[1]],
    [x1 + above[0], y1 + above[1]],
    [x1 + below[0], y1 + below[1]],
    [x0 + below[0], y0 + below[1]],
  ]);
}

function fillPolygon(ink, corners) {
  const edges = corners.map((corner, place) => makeEdge(corner, corners[(place + 1) % corners.length]));
  const sloped = edges.filter(({ top, bottom }) => top !== bottom);
  for (const { top, bottom, left, right } of edges) if (top === bottom) fillRow(ink, top, left, right);
  const first = Math.min(...edges.map(({ top }) => top));
  const last = Math.max(...edges.map(({ bottom }) => bottom));
  for (let row = first; row <= last; row += 1) {
    const crossings = sloped.flatMap((edge) => crossingsOf(edge, row, last));
    crossings.sort((one, other) => one - other);
    for (let place = 1; place < crossings.length; place += 2) {
      const [from, to] = [crossings[place - 1], crossings[place]];
      fillRow(ink, row, Math.floor(single(from + 0.5)), Math.ceil(single(to - 0.5)));
    }
  }
}

function makeEdge([x0, y0], [x1, y1]) {
  return {
    x: x0,
    y: y0,
    left: Math.min(x0, x1),
    right: Math.max(x0, x1),
    top: Math.min(y0, y1),
    bottom: Math.max(y0, y1),
    slope: y0 === y1 ? 0 : single((x1 - x0) / (y1 - y0)),
  };
}

/** Say where an edge crosses a row: twice where it ends above others, so that inside and outside keep taking turns. */
function crossingsOf(edge, row, last) {
  if (row < edge.top || row > edge.bottom) return [];
  const x = single(single((row - edge.y) * edge.slope) + edge.x);
  return row === edge.bottom && row < last ? [x, x] : [x];
}

function fillRow({ width, pixels }, row, from, to) {
  if (from <= to) pixels.fill(1, row * width + from, row * width + to + 1);
}

/** Round halves away from zero. */
function roundAway(value) {
  return Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
}

/** Round halves towards zero. */
function roundBack(value) {
  return Math.sign(value) * Math.ceil(Math.abs(value) - 0.5);
}
