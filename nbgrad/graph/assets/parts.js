// The parts of the explorer beside picture and inspector, each in a module of its own: to add one, write it and name it here.
//
// A part is made with the explorer it belongs to. It has a `place` ("toolbar", "above" or "below" picture and inspector) and an `element`,
// and may have `keys` (key -> what it does), `selected(id)`, `updated(ids)` after living tensors changed, `redrawn()` after the picture or
// the record was exchanged, and `destroy()`.

/** @typedef {{ place: string, element: HTMLElement, keys?: { [key: string]: () => void }, selected?: (id: string) => void,
 *   updated?: (ids: string[]) => void, redrawn?: () => void, destroy?: () => void }} Part */

/** @type {(new (explorer: import("./explorer.js").Explorer) => Part)[]} */
const PARTS = [];

/** @param {import("./explorer.js").Explorer} explorer @returns {Part[]} */
export function makeParts(explorer) {
  return PARTS.map((Kind) => new Kind(explorer));
}
