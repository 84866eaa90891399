/** The page brings strokes into the network's form as the server does: not one grey value differs. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { rowsOf, toNetworkInput } from "../../digit_ui/static/network-input.js";

const vectors = JSON.parse(readFileSync(new URL("../network_input.json", import.meta.url), "utf8"));

for (const { name, strokes, pixels } of vectors) {
  test(`${name} becomes what the server makes of it`, () => {
    const wanted = new Uint8Array(Buffer.from(pixels, "base64"));
    const got = toNetworkInput(strokes);
    const different = wanted.reduce((count, grey, place) => count + (grey !== got[place]), 0);
    assert.equal(different, 0, `${different} of ${wanted.length} grey values differ`);
  });
}

test("where nothing is drawn there is nothing to see", () => {
  assert.equal(toNetworkInput([]), null);
  assert.equal(toNetworkInput([[]]), null);
});

test("the picture is shown row by row", () => {
  const grey = toNetworkInput([[[0, 0], [0, 100]]]);
  const rows = rowsOf(grey);
  assert.deepEqual(rows.map((row) => row.length), Array(28).fill(28));
  assert.deepEqual(rows.flat(), Array.from(grey));
});
