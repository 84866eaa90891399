/** Who may change something: the token is asked for where it is needed, and what cannot be undone is asked twice. */

import { fill } from "./answer.js";
import { say } from "./training-elements.js";

const byId = (id) => document.getElementById(id);

/**
 * Say what went wrong, in the page's language.
 * @param {Error & {kind?: string, detail?: string}} error
 * @param {Record<string, string>} messages
 */
export function describe(error, messages) {
  return messages[error.kind] ?? fill(messages.other, { detail: error.detail || error.message });
}

/**
 * Mount the administration and its two dialogs.
 * @param {import("./training-api.js").TrainingApi} api
 * @param {Record<string, Record<string, string>>} messages
 * @param {() => void} onToken somebody gave a token, or forgot it
 */
export function mountAdmin(api, messages, onToken) {
  const [line, giveButton, forgetButton] = ["administration-line", "give-token", "forget-token"].map(byId);
  const [dialog, form, input, notice] = ["token-dialog", "token-form", "token", "token-notice"].map(byId);
  let checking = false;

  function showState() {
    say(line, api.token ? messages.admin.kept : messages.admin.none);
    if (document.activeElement === (api.token ? giveButton : forgetButton)) line.focus(); // or the focus would be lost
    giveButton.hidden = Boolean(api.token);
    forgetButton.hidden = !api.token;
  }

  function keep(token) {
    api.keepToken(token);
    showState();
    onToken();
  }

  /** Ask for a token until a right one is given (true) or nobody has one (false). */
  function askToken(reason = "") {
    notice.textContent = reason;
    input.value = "";
    if (!dialog.open) dialog.showModal();
    input.focus();
    return new Promise((resolve) =>
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "given"), { once: true }),
    );
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const token = input.value.trim();
    if (!token || checking) return void (notice.textContent = token ? notice.textContent : messages.admin.empty);
    checking = true;
    try {
      await api.checkToken(token);
      keep(token);
      dialog.close("given");
    } catch (error) {
      notice.textContent = describe(error, messages.errors);
      input.select();
    } finally {
      checking = false;
    }
  });
  byId("token-cancel").addEventListener("click", () => dialog.close(""));
  dialog.addEventListener("cancel", () => (dialog.returnValue = ""));
  giveButton.addEventListener("click", () => askToken());
  forgetButton.addEventListener("click", () => keep(""));
  showState();

  /**
   * Change something, asking for the token where it is missing or wrong.
   * @returns {Promise<boolean>} whether it was done; false: nobody gave a token
   */
  async function change(method, path, body) {
    if (!api.token && !(await askToken())) return false;
    for (;;) {
      try {
        await api.change(method, path, body);
        return true;
      } catch (error) {
        if (!["token_needed", "wrong_token"].includes(error.kind)) throw error;
        keep("");
        if (!(await askToken(describe(error, messages.errors)))) return false;
      }
    }
  }

  /** Run `task` with `button` at rest; say in `line` what went wrong. */
  async function act(button, line, task) {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true"); // not `disabled`, which would take the keyboard's focus away
    say(line, "");
    try {
      await task();
    } catch (error) {
      say(line, describe(error, messages.errors));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  return { act, change, askToken };
}

/**
 * Ask before something is done that matters.
 * @param {string} sentence what would be done
 * @param {string} yes what the button that does it says
 * @returns {Promise<boolean>}
 */
export function confirmed(sentence, yes) {
  const dialog = byId("confirm");
  byId("confirm-sentence").textContent = sentence;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "no"; // what Escape leaves
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }),
  );
}
