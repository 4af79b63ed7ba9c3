// The explorer in an exported file: the record, the picture and a few arrays stand in the page itself; nothing is fetched.

import { answerCaptured } from "./captured.js";
import { Explorer } from "./explorer.js";
import { sharedHere } from "./shared.js";

/** Under what a question's answer stands in the file: its words in the order of their names. @param {any} wish */
function answerKey(wish) {
  return JSON.stringify(Object.fromEntries(Object.entries(wish).sort()));
}

/** Start the explorer from the page's own data. */
export function startPage() {
  const data = JSON.parse(document.getElementById("nbgrad-data").textContent);
  const place = document.getElementById("nbgrad-explorer");
  place.replaceChildren();
  const shared = sharedHere();
  for (const [name, value] of Object.entries(data.shared ?? {})) shared.set(name, value);
  return new Explorer(place, {
    graph: data.graph,
    svg: data.svg,
    theme: "auto",
    selected: "",
    live: {},
    ask: async (kind, wish) => {
      const captured = answerCaptured(data.arrays, kind, wish);
      if (captured) return captured;
      const header = data.answers?.[kind]?.[answerKey(wish)];
      return header === undefined ? null : { header, buffers: [] };
    },
    knows: (kind, wish) => data.answers?.[kind]?.[answerKey(wish)] !== undefined,
    shared,
    onSelect: () => {},
    noElements: "Its elements are not in this file.",
  });
}
