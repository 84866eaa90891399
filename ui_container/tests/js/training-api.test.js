import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { ApiError } from "../../digit_ui/static/api.js";
import { TrainingApi, followStatus } from "../../digit_ui/static/training-api.js";

const nothingKept = () => {
  throw new Error("blocked");
};
const answer = (status, body) => new Response(status === 204 ? null : JSON.stringify(body), { status });

/** Answer each request by `handle(path, token)`; give what was asked. */
function serve(handle) {
  const asked = [];
  mock.method(globalThis, "fetch", async (path, { method, headers }) => {
    const token = headers.Authorization ?? "";
    asked.push(`${method} ${path} ${token}`.trim());
    return handle(path, token);
  });
  return asked;
}

test("the token is not shown to a server that lets everybody read", async () => {
  const asked = serve(() => answer(200, { ok: true }));
  const api = new TrainingApi(nothingKept);
  api.keepToken("secret");
  assert.deepEqual(await api.get("training/status"), { ok: true });
  assert.deepEqual(asked, ["GET training/status"]);
});

test("where reading is closed the token is shown, from then on at once", async () => {
  const asked = serve((_path, token) => (token ? answer(200, {}) : answer(401, { code: "token_needed" })));
  const api = new TrainingApi(nothingKept);
  await assert.rejects(api.get("a"), { kind: "token_needed" });
  api.keepToken("secret");
  asked.length = 0;
  await api.get("b");
  assert.deepEqual(asked, ["GET b Bearer secret"]);
});

test("a change always shows the token, and says by its code why it was refused", async () => {
  const asked = serve(() => answer(403, { code: "wrong_token", detail: "no" }));
  const api = new TrainingApi(nothingKept);
  api.keepToken("guess");
  await assert.rejects(api.change("POST", "training/retrain"), { kind: "wrong_token" });
  assert.deepEqual(asked, ["POST training/retrain Bearer guess"]);
});

test("an answer that is not the server's own means that it is away", async () => {
  serve(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await assert.rejects(new TrainingApi(nothingKept).get("a"), { kind: "away" });
});

class Events extends EventTarget {
  static CLOSED = 2;
  static opened = [];
  readyState = 0;
  constructor() {
    super();
    Events.opened.push(this);
  }
  close() {
    this.readyState = Events.CLOSED;
  }
  say(status) {
    this.dispatchEvent(Object.assign(new Event("status"), { data: JSON.stringify(status) }));
  }
  fail(readyState) {
    this.readyState = readyState;
    this.dispatchEvent(new Event("error"));
  }
}

/** Follow with a clock that the test moves; `get` answers the polls. */
async function following(t, get) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  Events.opened.length = 0;
  const seen = [];
  const errors = [];
  const api = { readingIsClosed: false, get };
  const handlers = { onStatus: (news) => seen.push(news), onError: (error) => errors.push(error.kind) };
  const follower = followStatus(api, handlers, Events);
  follower.start();
  const settle = async () => {
    for (let turn = 0; turn < 10; turn += 1) await null;
  };
  await settle();
  const pass = async (milliseconds) => {
    t.mock.timers.tick(milliseconds);
    await settle();
  };
  return { api, follower, seen, errors, pass };
}

test("the status is asked for once, then comes by itself", async (t) => {
  let polls = 0;
  const { seen, pass } = await following(t, async () => ({ poll: (polls += 1) }));
  Events.opened[0].say({ event: 1 });
  await pass(60_000);
  assert.deepEqual(seen, [{ poll: 1 }, { event: 1 }]);
});

test("a stream that is refused is replaced by asking every two seconds", async (t) => {
  let polls = 0;
  const { seen, pass } = await following(t, async () => ({ poll: (polls += 1) }));
  Events.opened[0].fail(Events.CLOSED);
  await pass(0);
  await pass(2_000);
  await pass(2_000);
  assert.deepEqual(seen.at(-1), { poll: 4 });
  for (let second = 0; second < 60; second += 2) await pass(2_000);
  assert.equal(Events.opened.length, 2, "after a minute it tries the stream again");
});

test("a stream that says nothing is replaced, too", async (t) => {
  let polls = 0;
  const { seen, pass } = await following(t, async () => ({ poll: (polls += 1) }));
  await pass(5_000);
  assert.deepEqual(seen, [{ poll: 1 }, { poll: 2 }]);
  assert.equal(Events.opened[0].readyState, Events.CLOSED);
});

test("the planned end of a stream is no trouble, a second failure is", async (t) => {
  let polls = 0;
  const { seen, errors, pass } = await following(t, async () => ({ poll: (polls += 1) }));
  const [stream] = Events.opened;
  stream.say({ event: 1 });
  stream.fail(0);
  await pass(3_000);
  stream.say({ event: 2 });
  assert.deepEqual([seen.length, errors], [3, []]);
  stream.fail(0);
  stream.fail(0);
  await pass(0);
  assert.deepEqual(seen.at(-1), { poll: 2 });
});

test("a server that is away is asked on, one that wants a token is not", async (t) => {
  let kind = "away";
  const { follower, errors, pass } = await following(t, async () => {
    throw new ApiError(kind);
  });
  await pass(2_000);
  assert.deepEqual(errors, ["away", "away"]);
  kind = "token_needed";
  await pass(2_000);
  await pass(60_000);
  assert.deepEqual(errors, ["away", "away", "token_needed"]);
  follower.start();
  await pass(0);
  assert.equal(errors.length, 4);
});

test("where reading is closed no stream is opened, which could not show the token", async (t) => {
  const { api, pass, follower } = await following(t, async () => ({}));
  api.readingIsClosed = true;
  Events.opened.length = 0;
  follower.start();
  await pass(10_000);
  assert.equal(Events.opened.length, 0);
});

test("nothing is said after it was stopped", async (t) => {
  const { seen, follower, pass } = await following(t, async () => ({}));
  follower.stop();
  Events.opened[0].say({ event: 1 });
  await pass(60_000);
  assert.deepEqual(seen, [{}]);
});
