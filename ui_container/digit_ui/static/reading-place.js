/** Where drawings are read: by the server or, for whom switches that on, in this browser. */

import { ApiError, predict } from "./api.js";

const KEPT = "browser=on; samesite=lax; max-age=";
const KEPT_S = 365 * 24 * 3600;

/**
 * @param {HTMLInputElement | null} choice the switch, where the server offers its model to browsers
 * @returns {{ask: typeof predict, renew: () => void}} renew: the model that answered is no longer in service
 */
export function mountPlace(choice) {
  const atServer = { ask: predict, renew() {} };
  if (!choice) return atServer;
  choice.addEventListener("change", () => {
    document.cookie = KEPT + (choice.checked ? KEPT_S : 0);
    location.reload(); // only to who wants it the page comes with a policy that lets WebAssembly run
  });
  if (!choice.checked) return atServer;
  const model = import("./browser-model.js");
  model.then(({ ready }) => ready()).catch(() => {}); // said when somebody asks
  return {
    async ask(strokes) {
      const loaded = await model.catch((error) => {
        throw new ApiError("in_browser", error.message);
      });
      return loaded.predict(strokes);
    },
    renew: () => model.then(({ forget }) => forget()),
  };
}
