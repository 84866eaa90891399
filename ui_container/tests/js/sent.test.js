import assert from "node:assert/strict";
import { test } from "node:test";

import { sentDrawings } from "../../digit_ui/static/sent.js";

function storage() {
  const kept = new Map();
  return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
}

const receipt = (number) => ({ id: `id-${number}`, key: `key-${number}` });

test("what was sent is known, the oldest first, until it is deleted", () => {
  const browser = storage();
  const sent = sentDrawings(() => browser);
  [1, 2, 3].forEach((number) => sent.add(receipt(number)));
  sent.remove(receipt(2));
  assert.deepEqual(sentDrawings(() => browser).all(), [receipt(1), receipt(3)]);
});

test("nothing but id and key is kept", () => {
  const browser = storage();
  sentDrawings(() => browser).add({ ...receipt(1), other: "x" });
  assert.deepEqual(sentDrawings(() => browser).all(), [receipt(1)]);
});

test("the oldest of very many are forgotten", () => {
  const browser = storage();
  const sent = sentDrawings(() => browser);
  for (let number = 0; number < 1002; number++) sent.add(receipt(number));
  assert.equal(sent.all().length, 1000);
  assert.deepEqual(sent.all()[0], receipt(2));
});

for (const damaged of ["{", "null", '"text"', "7"]) {
  test(`what is no list (${damaged}) counts as nothing, and is replaced`, () => {
    const browser = storage();
    browser.setItem("sent", damaged);
    const sent = sentDrawings(() => browser);
    assert.deepEqual(sent.all(), []);
    sent.add(receipt(1));
    assert.deepEqual(sent.all(), [receipt(1)]);
  });
}

test("where nothing can be kept nothing is known, and nothing fails", () => {
  const sent = sentDrawings(() => {
    throw new Error("blocked");
  });
  sent.add(receipt(1));
  sent.remove(receipt(1));
  assert.deepEqual(sent.all(), []);
});
