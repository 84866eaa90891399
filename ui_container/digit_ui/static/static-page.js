/** The page without a server: what is drawn is read in this browser. */

import { predict, ready } from "./browser-model.js";
import { mountDigitReading } from "./digit-reading.js";
import { pad } from "./drawing.js";

const messages = JSON.parse(document.getElementById("messages").textContent);
const [live, erase, notice] = ["live", "erase", "notice"].map((id) => document.getElementById(id));

live.checked = document.cookie.split("; ").includes("live=on");
mountDigitReading(pad, messages, predict);
ready().catch(() => {}); // said when somebody asks
erase.addEventListener("click", () => {
  pad.clear();
  notice.textContent = messages.erased;
});
