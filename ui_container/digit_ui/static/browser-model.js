/** The model run by this browser: fetched with ONNX Runtime Web when first asked, and checked as the server checks it. */

import { ApiError } from "./api.js";
import { answerOf, checkProbe, integrityOf } from "./browser-answer.js";
import { rowsOf, SIDE, toNetworkInput } from "./network-input.js";

const RUNTIME = "./vendor/onnxruntime/ort.js";
const RUNTIME_CODE = "./vendor/onnxruntime/ort.wasm.gz";
const CURRENT = "model/current.json";
const GZIP_MARK = [0x1f, 0x8b];

/** @typedef {{version: string, onnx: {url: string, sha256: string}, divisor: number, probe: object}} Facts */

let loading = null;

/** Fetch runtime and model now, so that the first answer need not wait for them. */
export function ready() {
  loading ??= load().catch((error) => {
    loading = null; // so that the next question tries again
    throw error instanceof ApiError ? error : new ApiError("in_browser", error.message);
  });
  return loading;
}

/** Forget the model: the next question takes the newest one. */
export function forget() {
  loading = null;
}

/**
 * Tell which digit it is, as `predict` of `api.js` does.
 * @param {import("./strokes.js").Stroke[]} strokes
 */
export async function predict(strokes) {
  const grey = toNetworkInput(strokes);
  if (!grey) throw new ApiError("nothing_drawn");
  const { version, run } = await ready();
  const [answer] = await run([grey]);
  return { ...answer, model_version: version, input: rowsOf(grey) };
}

async function load() {
  const [runtime, code, { facts, model }] = await Promise.all([import(RUNTIME), runtimeCode(), currentModel()]);
  // Threads would need headers that a plain file server does not send.
  Object.assign(runtime.env.wasm, { numThreads: 1, wasmBinary: code });
  const session = await runtime.InferenceSession.create(model, { executionProviders: ["wasm"] });

  async function run(pictures) {
    const values = Float32Array.from(pictures.flatMap((grey) => Array.from(grey)), (value) => value / facts.divisor);
    const input = new runtime.Tensor("float32", values, [pictures.length, SIDE, SIDE, 1]);
    const outputs = await session.run({ [session.inputNames[0]]: input });
    return pictures.map((_, place) => answerOf(outputs, place));
  }

  checkProbe(facts.probe, await run(facts.probe.inputs));
  return { version: facts.version, run };
}

/** Fetch the runtime's code. It comes compressed as a file, for servers that compress nothing. */
async function runtimeCode() {
  const packed = new Uint8Array(await bytesOf(new URL(RUNTIME_CODE, import.meta.url), {}));
  // A server may have said that it is compressed, and then the browser has unpacked it.
  if (!GZIP_MARK.every((byte, place) => packed[place] === byte)) return packed.buffer;
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** @returns {Promise<{facts: Facts, model: Uint8Array}>} */
async function currentModel() {
  const facts = JSON.parse(new TextDecoder().decode(await bytesOf(CURRENT, { cache: "no-cache" })));
  const model = await bytesOf(facts.onnx.url, { integrity: integrityOf(facts.onnx.sha256) });
  return { facts, model: new Uint8Array(model) };
}

async function bytesOf(address, request) {
  const response = await fetch(address, request);
  if (!response.ok) throw new ApiError("in_browser", `${response.url}: ${response.status}`);
  return response.arrayBuffer();
}
