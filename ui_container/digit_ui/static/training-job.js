/** What a training job says of itself, in sentences and curves. No DOM. */

import { fill } from "./answer.js";

/**
 * @typedef {object} Job the trainer's status.json, and whether it is still being written
 * @property {string} job
 * @property {string} stage
 * @property {string} updated_at
 * @property {number} [epoch] those finished
 * @property {number} [epochs]
 * @property {number | null} [eta_s]
 * @property {[number, number, number][]} [points] epochs, loss, accuracy
 * @property {History} [history]
 * @property {string} [message]
 * @property {{verdict: string, version?: string, reason?: string} | null} outcome
 * @property {boolean} alive
 */
/** @typedef {{loss?: number[], accuracy?: number[], val_loss?: number[], val_accuracy?: number[]}} History */
/** @typedef {Required<History> & {epochs: number[]}} Curves null where something was not measured */

const SERIES = ["loss", "accuracy", "val_loss", "val_accuracy"];

/** A job that has neither ended nor been killed. */
export const isRunning = (job) => Boolean(job) && job.stage !== "done" && job.alive;

/**
 * Say in one sentence what the job does, or how it ended.
 * @param {Job | null} job
 * @param {Record<string, string>} messages
 */
export function jobSentence(job, messages) {
  if (!job) return messages.noJob;
  if (job.stage !== "done") return job.alive ? (messages[job.stage] ?? job.stage) : messages.killed;
  const { verdict, version } = job.outcome ?? {};
  return fill(messages[verdict] ?? messages.ended, { version: version ?? "?" });
}

/**
 * Say how far the epochs are, and how long the rest will take, where that is known.
 * @param {Job} job
 * @param {Record<string, string>} messages
 * @param {import("./training-words.js").Words} words
 */
export function epochsSentence({ epoch, epochs, eta_s: left }, messages, words) {
  if (!epochs) return "";
  const done = fill(messages.epochs, { epoch: words.number(epoch ?? 0), epochs: words.number(epochs) });
  return left == null ? done : `${done} – ${fill(messages.eta, { duration: words.duration(left) })}`;
}

/**
 * Say how many labels wait of how many that begin a training.
 * @param {{new_labels?: number, labels_wanted?: number} | null} watcher
 */
export function labelsSentence(watcher, messages, words) {
  if (watcher?.new_labels == null || !watcher.labels_wanted) return "";
  const values = { new: words.number(watcher.new_labels), wanted: words.number(watcher.labels_wanted) };
  return fill(messages.labels, values);
}

/** A point is the mean since its epoch began, which after a few pictures jumps up and down. */
function isTelling(at) {
  const since = Math.round((at % 1) * 1000) / 1000;
  return at < 1 || since === 0 || since >= 0.1;
}

/**
 * Give the curves of a job: as they grow while it runs, a value an epoch once it is done.
 * @param {Job | null} job
 * @returns {Curves}
 */
export function jobCurves(job) {
  const ended = historyCurves(job?.history);
  const points = (job?.points ?? []).filter(([at]) => isTelling(at));
  if (points.length === 0 || (job.stage === "done" && ended.epochs.length > 0)) return ended;
  // The validation figures exist at whole epochs only, which the points may not hit.
  const rows = new Map(points.map(([at, loss, accuracy]) => [at, { loss, accuracy }]));
  ended.epochs.forEach((at, index) => {
    const validation = { val_loss: ended.val_loss[index], val_accuracy: ended.val_accuracy[index] };
    if (validation.val_loss !== null) rows.set(at, { ...rows.get(at), ...validation });
  });
  const epochs = [...rows.keys()].sort((a, b) => a - b);
  const column = (name) => epochs.map((at) => rows.get(at)[name] ?? null);
  return { epochs, ...Object.fromEntries(SERIES.map((name) => [name, column(name)])) };
}

/**
 * Give the curves of a training that ended; what it did not measure is null.
 * @param {History | null | undefined} history
 * @returns {Curves}
 */
export function historyCurves(history) {
  const length = Math.max(0, ...SERIES.map((name) => history?.[name]?.length ?? 0));
  const epochs = Array.from({ length }, (_, index) => index + 1);
  const column = (name) => epochs.map((_, index) => history[name]?.[index] ?? null);
  return { epochs, ...Object.fromEntries(SERIES.map((name) => [name, column(name)])) };
}

/**
 * Say a curve's last figures, for those who cannot see it.
 * @param {Curves} curves
 * @param {"loss" | "accuracy"} name
 * @returns {string} "" where there is no curve
 */
export function curveSentence(curves, name, messages, words) {
  const last = curves[name].findLastIndex((value) => value !== null);
  if (last < 0) return "";
  const write = name === "loss" ? words.small : words.percent;
  const values = { epochs: words.small(curves.epochs[last]), value: write(curves[name][last]) };
  const said = fill(messages[`${name}Line`], values);
  const validation = curves[`val_${name}`].findLast((value) => value !== null);
  return validation === undefined ? said : `${said} ${fill(messages.validationLine, { value: write(validation) })}`;
}
