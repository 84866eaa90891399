/** What happens now: who watches, what waits, how far a training is. */

import { fill } from "./answer.js";
import { mountCurves } from "./training-charts.js";
import { say } from "./training-elements.js";
import { epochsSentence, isRunning, jobCurves, jobSentence, labelsSentence } from "./training-job.js";
import { reasonLines } from "./training-reasons.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {object} page what the parts of the page share
 * @returns {{show: (status: object) => void}}
 */
export function mountNow({ admin, messages, words }) {
  const text = messages.now;
  const showCurves = mountCurves(byId("job-curves"), messages.charts, words);
  const [retrain, notice] = ["retrain", "now-notice"].map(byId);
  let watching = false;

  retrain.addEventListener("click", () =>
    admin.act(retrain, notice, async () => {
      const asked = await admin.change("POST", "training/retrain");
      if (asked) say(notice, watching ? text.asked : text.askedNobody);
    }),
  );

  function showWatcher({ watcher, model_version: version }) {
    watching = Boolean(watcher?.watching);
    byId("watcher").textContent = watching ? text.watching : text.notWatching;
    byId("watcher").classList.toggle("on", watching);
    say(byId("watcher-error"), (watching && watcher.error) || "");
    byId("in-service").textContent = version ? fill(text.model, { version }) : text.noModel;
    const labels = labelsSentence(watcher, text, words);
    byId("labels").hidden = labels === "";
    byId("labels-line").textContent = labels;
    byId("labels-bar").max = watcher?.labels_wanted || 1;
    byId("labels-bar").value = watcher?.new_labels ?? 0;
  }

  function showJob(job) {
    const running = isRunning(job);
    byId("job-title").textContent = running ? (text[`${job.job}Now`] ?? text.trainingNow) : text.last;
    say(byId("job-line"), jobSentence(job, text));
    const why = reasonLines(job?.outcome?.reason?.split("; ") ?? [], messages.reasons, words);
    byId("job-reason").lang = why.lang;
    say(byId("job-reason"), why.lines.join(why.lang === "en" ? "; " : " "));
    say(byId("job-when"), job && !running ? fill(text.when, { date: words.date(job.updated_at) }) : "");
    byId("progress").hidden = !running;
    byId("job-learning").hidden = !job;
    if (!job) return;
    if (running) showProgress(job);
    showCurves(jobCurves(job), running ? text.noCurveYet : text.noCurve);
  }

  function showProgress(job) {
    const steps = [...byId("stages").children];
    const current = steps.findIndex((step) => step.dataset.stage === job.stage);
    steps.forEach((step, index) => {
      step.classList.toggle("past", index < current);
      if (index === current) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
    byId("epochs-line").textContent = epochsSentence(job, text, words);
    byId("epochs-bar").hidden = !job.epochs;
    byId("epochs-bar").max = job.epochs || 1;
    byId("epochs-bar").value = job.points?.at(-1)?.[0] ?? job.epoch ?? 0;
    say(byId("job-message"), (job.message ?? "").split("\n")[0]); // what follows are tables
  }

  return {
    show(status) {
      showWatcher(status);
      showJob(status.job);
    },
  };
}
