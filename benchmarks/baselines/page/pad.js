/** The plain pad: every pointer event draws the whole drawing anew. Else as `static/pad.js`, whose place it takes. */

import { PAD_UNITS, addPoint, toUnits } from "./strokes.js";

const LINE_UNITS = 16;

export function mountPad(canvas, strokes = []) {
  const context = canvas.getContext("2d");
  let isDown = false;
  let changes = 0;

  function render() {
    const scale = canvas.width / PAD_UNITS;
    const style = getComputedStyle(canvas);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = style.backgroundColor;
    context.fillRect(0, 0, PAD_UNITS, PAD_UNITS);
    context.strokeStyle = style.color;
    context.lineWidth = LINE_UNITS;
    context.lineCap = context.lineJoin = "round";
    for (const [[x, y], ...rest] of strokes) {
      context.beginPath();
      context.moveTo(x, y);
      for (const point of rest) context.lineTo(...point);
      if (rest.length === 0) context.lineTo(x, y);
      context.stroke();
    }
  }

  function changed(kind) {
    changes += 1;
    render();
    canvas.dispatchEvent(new Event(kind));
  }

  function extend({ clientX, clientY }) {
    addPoint(strokes.at(-1), toUnits(canvas.getBoundingClientRect(), clientX, clientY));
    changed("ink");
  }

  canvas.addEventListener("pointerdown", (event) => {
    isDown = true;
    strokes.push([]);
    extend(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (isDown) extend(event);
  });
  canvas.addEventListener("pointerup", () => {
    isDown = false;
    changed("change");
  });
  canvas.width = canvas.height = Math.round(canvas.clientWidth * devicePixelRatio);
  render();

  return {
    strokes: () => strokes,
    isEmpty: () => strokes.length === 0,
    changes: () => changes,
    undo() {
      strokes.pop();
      changed("change");
      return true;
    },
    clear() {
      strokes = [];
      changed("change");
    },
  };
}
