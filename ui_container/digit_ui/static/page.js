/** The page: what is drawn is read, explained, and told what it was meant to be. */

import { pad } from "./drawing.js";
import { mountFeedback } from "./feedback.js";
import { mountReading } from "./reading.js";

const messages = JSON.parse(document.getElementById("messages").textContent);
const reading = mountReading(pad, messages);
mountFeedback(pad, reading.answer, messages);
