/** The page: what is drawn is read, explained, and told what it was meant to be. */

import { mountDigitReading } from "./digit-reading.js";
import { pad } from "./drawing.js";
import { mountFeedback } from "./feedback.js";
import { mountPlace } from "./reading-place.js";
import { mountWhy } from "./why-section.js";

const messages = JSON.parse(document.getElementById("messages").textContent);
const [predictButton, choice] = ["predict", "in-browser"].map((id) => document.getElementById(id));
const place = mountPlace(choice);
const why = mountWhy(pad, messages, () => {
  place.renew();
  predictButton.click();
});
const reading = mountDigitReading(pad, messages, place.ask, why);
mountFeedback(pad, reading.answer, messages);
