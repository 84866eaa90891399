import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonLines } from "../../digit_ui/static/training-reasons.js";
import { wordsOf } from "../../digit_ui/static/training-words.js";

const words = wordsOf("en");
const messages = {
  worseMnist: "M {candidate}/{n} {parent} {p}",
  worseDrawn: "D {candidate}/{n} {parent} {p}",
  noBetter: "F {candidate}/{n} {loss} {parent} {parentLoss}",
  tooLow: "L {accuracy} {wanted}",
};

test("the gate's reasons are said again with their figures", () => {
  const noise = "worse by more than the noise";
  const reasons = [
    `it reads 9902 of 10000 test digits right, its parent 9950: ${noise} (p = 0.0021)`,
    `it reads 700 of 750 drawn digits right, its parent 740: ${noise} (p = 1.2e-07)`,
    "97.20% of the test digits is below the 98.00% that may be published",
    "it is no better on the feedback that it did not learn from: 8 of 10 right at a loss of 0.2130, its parent 9 at 0.1830",
  ];
  const lines = [
    "M 9,902/10,000 9,950 0.0021",
    "D 700/750 740 0.00000012",
    "L 97.20% 98.00%",
    "F 8/10 0.213 9 0.183",
  ];
  assert.deepEqual(reasonLines(reasons, messages, words), { lines, lang: "" });
});

test("what the page does not know is left in English, with what stands beside it", () => {
  const reasons = ["97.20% of the test digits is below the 98.00% that may be published", "it is too slow"];
  assert.deepEqual(reasonLines(reasons, messages, words), { lines: reasons, lang: "en" });
  assert.deepEqual(reasonLines([], messages, words), { lines: [], lang: "" });
});
