/** Which drawings come from one person, as far as one browser tab tells: nothing else is known of them. */

const KEPT = "session";

/**
 * Give this tab's random id, made at its first use.
 * @param {() => Storage} storage may throw where the browser lets pages keep nothing: then the id is anew each time
 * @param {(bytes: Uint8Array) => Uint8Array} [fillRandom]
 * @returns {string} 32 hexadecimal digits
 */
export function sessionId(storage, fillRandom = (bytes) => crypto.getRandomValues(bytes)) {
  const made = () => Array.from(fillRandom(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    const kept = storage().getItem(KEPT);
    if (kept) return kept;
    const id = made();
    storage().setItem(KEPT, id);
    return id;
  } catch {
    return made();
  }
}
