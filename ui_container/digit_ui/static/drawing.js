/** The drawing of this tab: its pad, its undo, and that a reload loses nothing. Loaded first: so one can draw at once. */

import { mountPad } from "./pad.js";
import { parseStrokes } from "./strokes.js";

const [canvas, undoButton, label, notice] = ["pad", "undo", "label", "notice"].map((id) => document.getElementById(id));
const KEPT = canvas.dataset.kept;
const { undone } = JSON.parse(document.getElementById("messages").textContent);

export const pad = mountPad(canvas, kept());

canvas.addEventListener("change", keep);
canvas.addEventListener("change", showWhetherUndoCan);
showWhetherUndoCan();

undoButton.addEventListener("click", undo);
document.addEventListener("keydown", (event) => {
  const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
  if (!isUndo || event.target === label || pad.isEmpty()) return;
  event.preventDefault();
  undo();
});

function undo() {
  if (pad.undo()) notice.textContent = undone;
}

/** Not `disabled`, which would take the keyboard's focus away with the last stroke. */
function showWhetherUndoCan() {
  undoButton.setAttribute("aria-disabled", String(pad.isEmpty()));
}

function kept() {
  try {
    return parseStrokes(sessionStorage.getItem(KEPT));
  } catch {
    return []; // this browser lets the page keep nothing
  }
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(pad.strokes()));
  } catch {
    // as above, or its store is full: the drawing is still on the pad
  }
}
