/** What a browser's own model answers, in the server's form, and whether it is the model that was trained. */

/** As many as the server gives. */
const DECIMALS = 6;

/**
 * Give one picture's answer.
 * @param {Record<string, {data: ArrayLike<number>}>} outputs the model's, by name
 * @param {number} place which of the pictures, from 0
 */
export function answerOf({ probabilities, digit_probability, is_digit }, place) {
  const shares = Array.from(probabilities.data).slice(place * 10, place * 10 + 10);
  const digit = shares.indexOf(Math.max(...shares));
  const rounded = shares.map((share) => Number(share.toFixed(DECIMALS)));
  return {
    digit,
    confidence: rounded[digit],
    probabilities: rounded,
    is_digit: Boolean(is_digit.data[place]),
    digit_probability: digit_probability.data[place],
  };
}

/**
 * Compare answers to the probe's pictures with those that the trainer computed.
 * @param {{outputs: number[][], is_digit: number[] | null, tolerance: number}} probe
 * @param {ReturnType<typeof answerOf>[]} answers
 * @throws {Error} if they are those of another network
 */
export function checkProbe({ outputs, is_digit, tolerance }, answers) {
  const wanted = outputs.map((shares, place) => [...shares, ...(is_digit ? [is_digit[place]] : [])]);
  const got = answers.map((answer) => [...answer.probabilities, answer.digit_probability]);
  const differences = wanted.flatMap((shares, place) => shares.map((share, which) => Math.abs(share - got[place][which])));
  if (differences.every((difference) => difference <= tolerance)) return; // NaN is not
  throw new Error(`its answers to the probe differ by ${Math.max(...differences)}, expected at most ${tolerance}`);
}

/** Write a SHA-256 of hexadecimal digits as `fetch` wants it. @param {string} sha256 */
export function integrityOf(sha256) {
  const bytes = sha256.match(/../g).map((pair) => Number.parseInt(pair, 16));
  return `sha256-${btoa(String.fromCharCode(...bytes))}`;
}
