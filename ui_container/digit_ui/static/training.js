/** The training page: what a teacher would project on the wall. */

import { describe, mountAdmin } from "./training-admin.js";
import { TrainingApi, followStatus } from "./training-api.js";
import { mountComparison } from "./training-comparison.js";
import { element, say } from "./training-elements.js";
import { mountFeedback } from "./training-feedback.js";
import { mountModel } from "./training-model.js";
import { mountNow } from "./training-now.js";
import { mountVersions } from "./training-versions.js";
import { wordsOf } from "./training-words.js";

const byId = (id) => document.getElementById(id);
const messages = JSON.parse(byId("messages").textContent);
const api = new TrainingApi(() => sessionStorage);
const admin = mountAdmin(api, messages, () => {
  revision = null;
  status.start();
});
const page = { api, admin, messages, words: wordsOf(document.documentElement.lang), offerFile };
const now = mountNow(page);
const model = mountModel(page);
const versions = mountVersions(page, model.choose);
const comparison = mountComparison(page);
const feedback = mountFeedback(page);
let revision = null;
let askedForToken = false;

const status = followStatus(api, {
  onStatus(news) {
    say(byId("trouble"), "");
    now.show(news);
    if (news.revision === revision) return;
    revision = news.revision;
    reload();
  },
  onError(error) {
    say(byId("trouble"), describe(error, messages.errors));
    const isClosed = ["token_needed", "wrong_token"].includes(error.kind);
    if (!isClosed || askedForToken) return;
    askedForToken = true; // once: who has none shall not be asked again and again
    admin.askToken(messages.admin.reading);
  },
});
status.start();
// A hidden tab would keep one of the server's threads for nobody.
document.addEventListener("visibilitychange", () => (document.hidden ? status.stop() : status.start()));

async function reload() {
  feedback.update();
  try {
    const listed = await api.get("training/versions");
    for (const part of [model, versions, comparison]) part.update(listed);
  } catch (error) {
    revision = null; // so that the next news tries again
    say(byId("trouble"), describe(error, messages.errors));
  }
}

/**
 * Offer a file: by a plain link, or, where the server asks for the token, by fetching it with that.
 * @param {string} path
 * @param {string} file the name that it is kept under
 * @param {string} text
 * @param {HTMLAnchorElement} [link] one that is there already
 */
function offerFile(path, file, text, link = element("a", { className: "button", href: path, download: file }, text)) {
  link.addEventListener("click", async (event) => {
    if (!api.readingIsClosed) return;
    event.preventDefault();
    try {
      const address = URL.createObjectURL(await api.file(path));
      element("a", { href: address, download: file }).click();
      setTimeout(URL.revokeObjectURL, 60_000, address);
    } catch (error) {
      say(byId("trouble"), describe(error, messages.errors));
    }
  });
  return link;
}
