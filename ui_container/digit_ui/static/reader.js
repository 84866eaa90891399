/** Reading while somebody draws: one question at a time, then the newest drawing, and nothing that is out of date. */

/** Nobody reads answers faster, and the server has others to answer. */
export const PAUSE_MS = 100;

/** Who has drawn nothing for so long looks at the answer, or listens for it. */
export const REST_MS = 700;

/**
 * Follow a drawing.
 * @template Answer
 * @param {object} options
 * @param {() => Promise<Answer>} options.ask about the drawing as it is when this is called
 * @param {(answer: Answer, isNewest: boolean) => void} options.onAnswer isNewest: nothing was drawn since the question
 * @param {(error: Error) => void} options.onError
 * @param {() => void} options.onRest the newest drawing has its answer, or its error, and nobody draws on
 */
export function followDrawing({ ask, onAnswer, onError, onRest }) {
  let era = 0; // what was asked in an earlier one, before a stop, is not told any more
  let isAsking = false;
  let isBehind = false; // the drawing has changed since the last question
  let isAnswered = false;
  let isResting = false;
  let untilRest;

  async function catchUp() {
    if (isAsking) return;
    isAsking = true;
    while (isBehind) {
      const asked = era;
      isBehind = false;
      const tell = await ask().then(
        (answer) => () => onAnswer(answer, !isBehind),
        (error) => () => onError(error),
      );
      if (asked === era) {
        tell();
        isAnswered = !isBehind;
        settle();
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    isAsking = false;
  }

  function settle() {
    if (isResting && isAnswered) onRest();
  }

  function wake() {
    clearTimeout(untilRest);
    isAnswered = isResting = false;
  }

  return {
    /** The drawing has changed: read it as soon as may be. */
    changed() {
      wake();
      untilRest = setTimeout(() => {
        isResting = true;
        settle();
      }, REST_MS);
      isBehind = true;
      catchUp();
    },
    /** Ask no more, and drop the answer that is on its way. */
    stop() {
      wake();
      isBehind = false;
      era += 1;
    },
  };
}
