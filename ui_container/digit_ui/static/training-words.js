/** Numbers and times as people of the page's language write them. */

/**
 * @typedef {object} Words
 * @property {(value: number) => string} number
 * @property {(value: number) => string} small three significant digits
 * @property {(share: number) => string} percent
 * @property {(share: number) => string} share a percentage without needless decimals, for an axis
 * @property {(difference: number) => string} points a difference of two shares, signed, in percentage points
 * @property {(iso: string) => string} date
 * @property {(seconds: number) => string} duration
 */

/**
 * @param {string} language "fr" or "en"
 * @returns {Words}
 */
export function wordsOf(language) {
  const format = (options) => new Intl.NumberFormat(language, options);
  const whole = format({});
  const small = format({ maximumSignificantDigits: 3 });
  const percent = format({ style: "percent", minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const share = format({ style: "percent", maximumFractionDigits: 1 });
  const points = format({ minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });
  const date = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  return {
    number: (value) => whole.format(value),
    small: (value) => small.format(value),
    percent: (share) => percent.format(share),
    share: (value) => share.format(value),
    points: (difference) => points.format(difference * 100),
    date: (iso) => (Number.isNaN(Date.parse(iso)) ? iso : date.format(new Date(iso))),
    duration,
  };
}

/** "40 s", "3 min", "2 h 05 min": the units are the same in both languages. */
function duration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
