// The parts of the explorer beside picture and inspector, each in a module of its own: to add one, write it and name it here.
//
// A part is made with the explorer it belongs to. It has a `place` ("toolbar", "search" at its end, "above" or "below" picture and inspector, "stage" over the picture) and an `element`,
// and may have `keys` (key -> what it does), `selected(id)`, `updated(ids)` after living tensors changed, `redrawn()` after the picture or
// the record was exchanged, `kernelGone()` and `destroy()`.

import { Focus } from "./focus.js";
import { Folding } from "./folding.js";
import { Minimap } from "./minimap.js";
import { Player } from "./player.js";
import { Search } from "./search.js";
import { Show } from "./show.js";
import { Source } from "./source.js";
import { WatchProgress, WatchStrips } from "./watch.js";
import { WhatIf } from "./whatif.js";

/** @typedef {{ place: string, element: HTMLElement, keys?: { [key: string]: () => void }, selected?: (id: string) => void,
 *   updated?: (ids: string[]) => void, redrawn?: () => void, kernelGone?: () => void, destroy?: () => void }} Part */

/** @type {(new (explorer: import("./explorer.js").Explorer) => Part)[]} */
const PARTS = [Show, Search, Focus, Folding, Minimap, Player, WhatIf, WatchProgress, WatchStrips, Source];

/** @param {import("./explorer.js").Explorer} explorer @returns {Part[]} */
export function makeParts(explorer) {
  return PARTS.map((Kind) => new Kind(explorer));
}
