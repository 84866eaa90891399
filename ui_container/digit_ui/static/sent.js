/** What this browser has sent, with the keys to delete it again: they stay here until that is done. */

const KEPT = "sent";
// The oldest are forgotten: what a page may keep is bounded, and so is the time to read it.
const MOST = 1000;

/** @typedef {{id: string, key: string}} Receipt what the server answers to a drawing */

/**
 * @param {() => Storage} storage may throw where the browser lets pages keep nothing: then nothing is known of the past
 */
export function sentDrawings(storage) {
  function change(how) {
    try {
      storage().setItem(KEPT, JSON.stringify(how(all()).slice(-MOST)));
    } catch {
      // Nothing is kept, as the browser wants it.
    }
  }

  /** @returns {Receipt[]} the oldest first */
  function all() {
    try {
      const kept = JSON.parse(storage().getItem(KEPT));
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }

  return {
    all,
    /** @param {Receipt} receipt */
    add: ({ id, key }) => change((kept) => [...kept, { id, key }]),
    /** @param {Receipt} receipt */
    remove: ({ id }) => change((kept) => kept.filter((receipt) => receipt.id !== id)),
  };
}
