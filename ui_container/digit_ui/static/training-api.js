/** The training page's questions to the server, and the news that it sends by itself. */

import { ApiError, reach } from "./api.js";

const KEPT = "adminToken";
const POLL_MS = 2_000;
const SILENCE_MS = 5_000;
/** The stream may have been refused because there were too many; a place may be free a minute later. */
const POLLS_BEFORE_STREAM = 30;

export class TrainingApi {
  /** The server lets only those read who have the token. */
  readingIsClosed = false;

  /** @param {() => Storage} storage may throw where the browser lets pages keep nothing */
  constructor(storage) {
    this.storage = storage;
    this.token = this.#kept((store) => store.getItem(KEPT)) ?? "";
  }

  keepToken(token) {
    this.token = token;
    this.#kept((store) => (token ? store.setItem(KEPT, token) : store.removeItem(KEPT)));
  }

  /** Ask whether `token` is right; throws ApiError if not. */
  async checkToken(token) {
    if (/[^ -~]/.test(token)) throw new ApiError("wrong_token"); // which no header could carry
    await this.#request("GET", "training/admin", { token });
  }

  /** Read something; the token is shown only to a server that asks for it. */
  get = async (path) => (await this.#read(path)).json();

  /** Read a file, where a plain link could not show the token. */
  file = async (path) => (await this.#read(path)).blob();

  /** Change something. */
  async change(method, path, body) {
    const response = await this.#request(method, path, { token: this.token, body });
    return response.status === 204 ? null : response.json();
  }

  async #read(path) {
    if (!this.readingIsClosed) {
      try {
        return await this.#request("GET", path);
      } catch (error) {
        if (error.kind !== "token_needed") throw error;
        this.readingIsClosed = true;
      }
    }
    return this.#request("GET", path, { token: this.token });
  }

  async #request(method, path, { token, body } = {}) {
    const headers = { Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    const response = await reach(path, { method, headers, body: body && JSON.stringify(body) });
    if (response.ok) return response;
    const problem = await response.json().catch(() => null);
    throw new ApiError(problem?.code ?? "away", problem?.detail);
  }

  #kept(use) {
    try {
      return use(this.storage());
    } catch {
      return null; // then it is known only until the page is left
    }
  }
}

/**
 * Follow the training's status: by the server's events, else by asking every two seconds.
 * @param {TrainingApi} api
 * @param {{onStatus: (status: object) => void, onError: (error: Error) => void}} handlers
 * @param {typeof EventSource} [Events]
 */
export function followStatus(api, { onStatus, onError }, Events = globalThis.EventSource) {
  let run = 0; // what an earlier run still says is not listened to
  let source = null;
  let timer = null;

  async function ask(mine, polls) {
    try {
      const status = await api.get("training/status");
      if (mine !== run) return;
      onStatus(status);
      if (Events && !api.readingIsClosed && polls % POLLS_BEFORE_STREAM === 0) return listen(mine);
    } catch (error) {
      if (mine !== run) return;
      onError(error);
      if (["token_needed", "wrong_token"].includes(error.kind)) return; // until somebody gives one
    }
    timer = setTimeout(ask, POLL_MS, mine, polls + 1);
  }

  function listen(mine) {
    const poll = () => {
      if (mine !== run) return;
      stopListening();
      ask(mine, 1);
    };
    let failures = 0;
    source = new Events("training/events");
    timer = setTimeout(poll, SILENCE_MS); // something on the way may keep the stream to itself
    source.addEventListener("status", (event) => {
      if (mine !== run) return;
      failures = 0;
      clearTimeout(timer);
      onStatus(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      failures += 1; // one is the stream's planned end, after which the browser opens it again
      if (failures > 1 || source?.readyState === Events.CLOSED) poll();
    });
  }

  function stopListening() {
    source?.close();
    source = null;
    clearTimeout(timer);
  }

  return {
    start() {
      run += 1;
      stopListening();
      ask(run, 0);
    },
    stop() {
      run += 1;
      stopListening();
    },
  };
}
