/** Deleting what this browser has sent. */

import { fill } from "./answer.js";
import { withdraw } from "./api.js";
import { sentDrawings } from "./sent.js";
import { waitingFor } from "./waiting.js";

const messages = JSON.parse(document.getElementById("messages").textContent);
const [section, line, button] = ["sent", "sent-line", "withdraw"].map((id) => document.getElementById(id));
const sent = sentDrawings(() => localStorage);
const say = (sentence) => (line.textContent = sentence);

button.addEventListener("click", () => waitingFor(button, say, messages, messages.deleting, withdrawAll));
show();

async function withdrawAll() {
  try {
    // One after the other: each that is gone is forgotten here too, whatever becomes of the next.
    for (const receipt of sent.all()) {
      await withdraw(receipt);
      sent.remove(receipt);
    }
  } finally {
    show();
  }
  line.focus(); // the button is gone
  return messages.deleted;
}

function show() {
  const count = sent.all().length;
  section.hidden = section.hidden && count === 0;
  button.hidden = count === 0;
  say(fill(messages.sent, { count }));
}
