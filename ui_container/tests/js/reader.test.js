import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { PAUSE_MS, REST_MS, followDrawing } from "../../digit_ui/static/reader.js";

let held; // the questions that wait for an answer
let asked;
let told;
let drawing;
let reader;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  held = [];
  asked = [];
  told = [];
  drawing = 0;
  reader = followDrawing({
    ask: () => new Promise((resolve, reject) => (asked.push(drawing), held.push({ resolve, reject }))),
    onAnswer: (answer, isNewest) => told.push([answer, isNewest]),
    onError: (error) => told.push([error.message]),
    onRest: () => told.push("rest"),
  });
});

const settled = async () => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

function draw(times = 1) {
  for (let time = 0; time < times; time += 1) {
    drawing += 1;
    reader.changed();
  }
}

async function answer(words) {
  held.shift().resolve(words);
  await settled();
}

async function pass(ms) {
  mock.timers.tick(ms);
  await settled();
}

test("however much is drawn, one question is asked at a time, and then about the newest drawing", async () => {
  draw(20);
  await pass(PAUSE_MS * 3);
  assert.deepEqual(asked, [1]);
  await answer("a");
  await pass(PAUSE_MS);
  assert.deepEqual(asked, [1, 20]);
  await answer("b");
  await pass(PAUSE_MS * 3);
  assert.deepEqual(asked, [1, 20]);
  assert.deepEqual(told.slice(0, 2), [["a", false], ["b", true]]);
});

test("between two questions there is a pause", async () => {
  draw();
  await answer("a");
  draw();
  await pass(PAUSE_MS - 1);
  assert.deepEqual(asked, [1]);
  await pass(1);
  assert.deepEqual(asked, [1, 2]);
});

test("what was asked before a stop is not told any more, and nothing else is asked", async () => {
  draw(2);
  reader.stop();
  await answer("late");
  await pass(REST_MS * 2);
  assert.deepEqual(told, []);
  assert.deepEqual(asked, [1]);
});

test("after a stop the next drawing waits for the question on its way, whose answer it never gets", async () => {
  draw();
  reader.stop();
  draw();
  await settled();
  assert.deepEqual(asked, [1]);
  await answer("late");
  await pass(PAUSE_MS);
  assert.deepEqual(asked, [1, 2]);
  await answer("right");
  assert.deepEqual(told, [["right", true]]);
});

test("rest comes once, when nobody draws on and the newest drawing has its answer", async () => {
  draw();
  await answer("a");
  await pass(REST_MS - 1);
  draw();
  await pass(REST_MS - 1);
  assert.ok(!told.includes("rest"));
  await pass(1);
  assert.ok(!told.includes("rest"), "its answer is on its way");
  await answer("b");
  assert.deepEqual(told, [["a", true], ["b", true], "rest"]);
  await pass(REST_MS * 3);
  assert.equal(told.filter((entry) => entry === "rest").length, 1);
});

test("an error is told, and the next change is asked about all the same", async () => {
  draw();
  held.shift().reject(new Error("away"));
  await settled();
  assert.deepEqual(told, [["away"]]);
  await pass(PAUSE_MS);
  draw();
  await settled();
  assert.deepEqual(asked, [1, 2]);
});
