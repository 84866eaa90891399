/** The questions that the page asks the server. */

const TIMEOUT_MS = 10_000;

/** A request that got no answer (`kind` "away") or was refused (`kind` is the server's problem code). */
export class ApiError extends Error {
  constructor(kind, detail = "") {
    super(detail || kind);
    this.kind = kind;
    this.detail = detail;
  }
}

/**
 * Ask which digit it is.
 * @param {import("./strokes.js").Stroke[]} strokes
 */
export const predict = (strokes) => post("predict?input=1", { strokes });

/**
 * Ask which number it is.
 * @param {import("./strokes.js").Stroke[]} strokes
 */
export const readNumber = (strokes) => post("read", { strokes });

/**
 * Ask why it is that digit.
 * @param {import("./strokes.js").Stroke[]} strokes
 */
export const explain = (strokes) => post("explain", { strokes });

/**
 * Say which digit was meant.
 * @param {{strokes: import("./strokes.js").Stroke[], label: number, session: string, digit?: number,
 *   model_version?: string}} body
 */
export const giveFeedback = (body) => post("feedback", body);

/**
 * Ask the server, but not for ever; whatever it answers is for the caller to judge.
 * @param {string} path
 * @param {RequestInit} request
 */
export async function reach(path, request) {
  try {
    return await fetch(path, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new ApiError("away");
  }
}

async function post(path, body) {
  const response = await reach(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  // A proxy in front of a stopped server answers too, but not in our form.
  if (!answer?.code || response.status === 503) throw new ApiError("away");
  throw new ApiError(answer.code, answer.detail);
}
