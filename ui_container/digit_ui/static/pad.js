/** The frame to draw in: all pointer, canvas and screen lore of the page is here. */

import { PAD_UNITS, addPoint, toUnits } from "./strokes.js";

/** The pen is so wide. */
export const LINE_UNITS = 16;

/**
 * Let people draw in `canvas` with a mouse, a finger or a pen.
 *
 * The canvas then has two more events: "ink", when the drawing has grown, and "change", when a stroke has ended or
 * something was taken away.
 * @param {HTMLCanvasElement} canvas
 * @param {import("./strokes.js").Stroke[]} [strokes] what is drawn already
 */
export function mountPad(canvas, strokes = []) {
  const context = canvas.getContext("2d");
  let current = null;
  let pointer = null;
  let changes = 0;

  /** Draw everything anew, and leave the pen as a stroke in progress needs it. */
  function render() {
    const scale = canvas.height / PAD_UNITS;
    const style = getComputedStyle(canvas);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = style.backgroundColor;
    context.fillRect(0, 0, canvas.width / scale, PAD_UNITS);
    context.strokeStyle = style.color;
    context.lineWidth = LINE_UNITS;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) drawPath(context, stroke);
  }

  function resize() {
    // One canvas pixel for each of the screen's own, or lines look blurred.
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * devicePixelRatio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    render();
  }

  function extend(event) {
    const outer = canvas.getBoundingClientRect();
    const box = {
      left: outer.left + canvas.clientLeft, // inside the border
      top: outer.top + canvas.clientTop,
      width: canvas.clientWidth,
      height: canvas.clientHeight,
    };
    const before = current.length;
    // A fast pen reports several places a frame; the browser keeps them in the coalesced events.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const { clientX, clientY } of events.length ? events : [event]) {
      addPoint(current, toUnits(box, clientX, clientY));
    }
    if (current.length === before) return;
    // Only what is new, from where the ink ends: however long the drawing, the pen is not kept waiting.
    drawPath(context, current.slice(Math.max(0, before - 1)));
    changes += 1;
    canvas.dispatchEvent(new Event("ink"));
  }

  function end(event) {
    if (event.pointerId !== pointer) return;
    pointer = current = null;
    render(); // piece by piece the edges came out a shade darker here and there
    canvas.dispatchEvent(new Event("change"));
  }

  function takeAway(left) {
    strokes = left;
    render();
    changes += 1;
    canvas.dispatchEvent(new Event("change"));
  }

  canvas.addEventListener("pointerdown", (event) => {
    // One stroke at a time: a second finger or a resting palm draws nothing.
    if (pointer !== null || event.button !== 0) return;
    event.preventDefault();
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    current = [];
    strokes.push(current);
    extend(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId === pointer) extend(event);
  });
  canvas.addEventListener("pointerup", end);
  // The system took the pointer away (a call, a gesture): what was drawn so far stays, undo removes it.
  canvas.addEventListener("pointercancel", end);
  // Comes after every end; alone where the browser lost the pointer without one of the two.
  canvas.addEventListener("lostpointercapture", end);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  new ResizeObserver(resize).observe(canvas);
  addEventListener("resize", resize); // a zoom, or another screen, changes the pixels but not the size
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
  resize();

  return {
    strokes: () => strokes,
    isEmpty: () => strokes.length === 0,
    /** Count the changes, so that who waits for an answer can tell whether it is still one to this drawing. */
    changes: () => changes,
    /** Take the last stroke away; false if there is none, or while one is being drawn. */
    undo() {
      if (pointer !== null || strokes.length === 0) return false;
      takeAway(strokes.slice(0, -1));
      return true;
    },
    clear() {
      pointer = current = null;
      takeAway([]);
    },
  };
}

function drawPath(context, [[x, y], ...rest]) {
  context.beginPath();
  context.moveTo(x, y);
  for (const point of rest) context.lineTo(...point);
  if (rest.length === 0) context.lineTo(x, y); // a round cap makes a dot of it
  context.stroke();
}
