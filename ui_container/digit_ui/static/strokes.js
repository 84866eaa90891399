/**
 * What is drawn, without a screen: a list of strokes, each a list of [x, y] points in units of the pad's height.
 * @typedef {[number, number]} Point
 * @typedef {Point[]} Stroke
 */

/** The pad is this many units high, whatever its size on the screen, and as many wide if it is square. */
export const PAD_UNITS = 280;

/** Points nearer than this add nothing that 28 x 28 could show. */
const MIN_STEP_UNITS = 0.75;

/**
 * Add a point to a stroke unless it repeats the last one.
 * @param {Stroke} stroke
 * @param {Point} point
 * @returns {boolean} whether it was added
 */
export function addPoint(stroke, [x, y]) {
  const last = stroke.at(-1);
  if (last && Math.hypot(x - last[0], y - last[1]) < MIN_STEP_UNITS) return false;
  stroke.push([round(x), round(y)]);
  return true;
}

/**
 * Bring a place on the screen into the pad's units, kept inside the pad.
 * @param {{left: number, top: number, width: number, height: number}} box the pad's place on the screen
 * @param {number} clientX
 * @param {number} clientY
 * @returns {Point}
 */
export function toUnits(box, clientX, clientY) {
  const inUnits = (value, most) => (Math.min(most, Math.max(0, value)) / box.height) * PAD_UNITS;
  return [inUnits(clientX - box.left, box.width), inUnits(clientY - box.top, box.height)];
}

/**
 * Read strokes that were kept as text; anything else gives an empty drawing.
 * @param {string | null} text
 * @returns {Stroke[]}
 */
export function parseStrokes(text) {
  try {
    const strokes = JSON.parse(text ?? "[]");
    const isPoint = (point) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
    const isStroke = (stroke) => Array.isArray(stroke) && stroke.length > 0 && stroke.every(isPoint);
    return Array.isArray(strokes) && strokes.every(isStroke) ? strokes : [];
  } catch {
    return [];
  }
}

function round(value) {
  return Math.round(value * 10) / 10;
}
