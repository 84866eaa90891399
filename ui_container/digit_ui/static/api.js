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
 * Delete a drawing that was sent. One that is gone already is deleted too.
 * @param {import("./sent.js").Receipt} receipt
 */
export async function withdraw({ id, key }) {
  const request = { method: "DELETE", headers: { Authorization: `Bearer ${key}` } };
  const response = await reach(`feedback/${id}`, request);
  if (!response.ok && response.status !== 404) throw await refusal(response);
}

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
  if (!response.ok) throw await refusal(response);
  return response.json().catch(() => {
    throw new ApiError("away");
  });
}

async function refusal(response) {
  const problem = await response.json().catch(() => null);
  // A proxy in front of a stopped server answers too, but not in our form.
  if (!problem?.code || response.status === 503) return new ApiError("away");
  return new ApiError(problem.code, problem.detail);
}
