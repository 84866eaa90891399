/** The plain reader: every change is a question of its own. Else as `static/reader.js`, whose place it takes. */

export function followDrawing({ ask, onAnswer, onError, onRest }) {
  return {
    changed() {
      ask().then((answer) => onAnswer(answer, true), onError).then(onRest);
    },
    stop() {},
  };
}
