import assert from "node:assert/strict";
import { test } from "node:test";

import { sessionId } from "../../digit_ui/static/session.js";

function storage() {
  const kept = new Map();
  return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
}

test("a tab keeps the id that it made at first", () => {
  const tab = storage();
  const id = sessionId(() => tab);
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(sessionId(() => tab), id);
});

test("two tabs have two ids", () => {
  assert.notEqual(sessionId(storage), sessionId(storage));
});

test("where nothing can be kept there is an id all the same", () => {
  const blocked = () => {
    throw new Error("blocked");
  };
  assert.match(sessionId(blocked), /^[0-9a-f]{32}$/);
});
