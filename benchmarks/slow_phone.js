/** What the benchmark of the page notes in the page, before any of its scripts runs. */

(() => {
  const noted = { layoutShift: 0, ableToDrawMs: null, moves: [], questions: 0, inFlight: 0, mostInFlight: 0 };
  window.noted = noted;

  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) noted.layoutShift += value;
  }).observe({ type: "layout-shift", buffered: true });

  // The pad gives its canvas a size when it is ready.
  const width = Object.getOwnPropertyDescriptor(HTMLCanvasElement.prototype, "width");
  Object.defineProperty(HTMLCanvasElement.prototype, "width", {
    ...width,
    set(pixels) {
      width.set.call(this, pixels);
      if (this.id === "pad") noted.ableToDrawMs ??= performance.now();
    },
  });

  const { stroke } = CanvasRenderingContext2D.prototype;
  let inked = 0;
  CanvasRenderingContext2D.prototype.stroke = function (...path) {
    inked += 1;
    return stroke.apply(this, path);
  };

  let cameMs, inkedBefore;
  addEventListener("pointermove", () => ([cameMs, inkedBefore] = [performance.now(), inked]), { capture: true });
  addEventListener("pointermove", () => {
    const move = { cameMs, scriptMs: performance.now() - cameMs, isInked: inked > inkedBefore };
    noted.moves.push(move);
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      // A message comes after the frame has been handed over to be shown.
      port1.onmessage = () => (move.shownMs = performance.now() - move.cameMs);
      port2.postMessage(null);
    });
  });

  const { fetch } = window;
  window.fetch = (...question) => {
    noted.questions += 1;
    noted.inFlight += 1;
    noted.mostInFlight = Math.max(noted.mostInFlight, noted.inFlight);
    return fetch(...question).finally(() => (noted.inFlight -= 1));
  };
})();
