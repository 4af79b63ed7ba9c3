// One side of the inspector: a tensor's values, or its gradient: statistics, heatmap, histogram, exact values.

import { element } from "./dom.js";
import { DASH, formatCount, formatNumber } from "./format.js";
import { Heatmap } from "./heatmap.js";
import { drawHistogram } from "./histogram.js";
import { cellIndex } from "./inspection.js";

const FEWEST_FOR_HISTOGRAM = 24; // fewer elements are better read than counted

/**
 * @typedef {{ which: "data" | "grad", theme: () => "light" | "dark", onPoint: (cell: [number, number] | null) => void,
 *   onPick: (row: number, column: number) => void, onReduce: (reduce: string) => void }} PaneOptions
 */

export class Pane {
  /** @param {PaneOptions} options */
  constructor(options) {
    this.options = options;
    this.title = element("h3", {}, options.which === "grad" ? ".grad" : "value");
    this.note = element("p", { class: "nbx-quiet" });
    this.facts = element("dl", { class: "nbx-stats" });
    this.heatmap = new Heatmap({
      theme: options.theme,
      name: options.which === "grad" ? "gradient" : "value",
      onPoint: (row, column) => options.onPoint([row, column]),
      onLeave: () => options.onPoint(null),
      onPick: options.onPick,
    });
    this.reduce = element(
      "select",
      { "aria-label": "What a cell of the overview shows", onchange: () => options.onReduce(this.reduce.value) },
      element("option", { value: "max_abs" }, "largest |x|"),
      element("option", { value: "mean" }, "mean"),
    );
    this.histogram = element("div");
    this.windowOpen = false;
    this.wanted = false; // whether there is an array to ask for
    /** @type {import("./inspection.js").Inspection | null} */
    this.local = null; // what the record's own values show
    this.window = element("div");
    this.element = element(
      "section",
      { class: `nbx-pane nbx-${options.which}`, dataset: { testid: `pane-${options.which}` } },
      element("header", {}, this.title, this.reduce),
      this.note,
      this.facts,
      this.heatmap.element,
      this.window,
      this.histogram,
    );
    this.clear();
  }

  clear() {
    for (const part of [this.facts, this.histogram, this.window]) part.replaceChildren();
    this.heatmap.element.hidden = true;
    this.reduce.hidden = true;
    this.note.textContent = "";
  }

  /** Nothing to show: a dash, and why. @param {string} reason */
  showMissing(reason) {
    this.clear();
    this.note.replaceChildren(element("span", { class: "nbx-dash" }, DASH), reason);
  }

  /** @param {import("./record.js").Summary} stats @param {string} note */
  showStats(stats, note) {
    const numbers = [
      ["mean", stats.mean],
      ["std", stats.std],
      ["norm", stats.norm],
      ["min", stats.min],
      ["max", stats.max],
    ];
    const counts = [
      ["zeros", stats.zeros],
      ["NaN", stats.nan],
      ["Inf", stats.inf],
    ];
    const item = (name, text, bad) =>
      element("div", {}, element("dt", {}, name), element("dd", { class: bad && "nbx-bad nbx-hatched" }, text));
    this.facts.replaceChildren(
      ...(stats.size > 1 ? numbers : []).map(([name, x]) => item(name, formatNumber(x))),
      ...counts
        .map(
          ([name, count = 0]) =>
            (stats.size > 1 || (count && name !== "zeros")) && item(name, formatCount(Number(count)), count && name !== "zeros"),
        )
        .filter(Boolean),
    );
    this.note.textContent = note;
  }

  /** @param {import("./inspection.js").Inspection} seen @param {string} note */
  show(seen, note) {
    this.showStats({ size: seen.shape.reduce((a, b) => a * b, 1), ...seen.stats }, note);
    this.heatmap.element.hidden = false;
    this.heatmap.show(seen);
    const blocks = seen.tile.reduce !== "exact";
    this.reduce.hidden = !blocks || seen.fixed === true;
    if (blocks) this.reduce.value = seen.tile.reduce;
    if (blocks) this.showWindow(seen);
    else this.window.replaceChildren();
    const enough = seen.histogram && seen.shape.reduce((a, b) => a * b, 1) > FEWEST_FOR_HISTOGRAM;
    this.histogram.replaceChildren(...(enough ? [drawHistogram(seen.histogram)] : []));
  }

  showWindow(seen) {
    const details = makeWindow(seen);
    details.open = this.windowOpen;
    details.addEventListener("toggle", () => {
      if (details.isConnected) this.windowOpen = details.open;
    });
    this.window.replaceChildren(details);
  }

  /** No elements at hand beyond the statistics. */
  hideElements() {
    this.heatmap.element.hidden = true;
    this.window.replaceChildren();
    this.histogram.replaceChildren();
  }

  /** @param {[number, number] | null} cell */
  point(cell) {
    this.heatmap.point(cell);
  }

  destroy() {
    this.heatmap.destroy();
  }
}

/** The exact values around the picked cell of an overview. */
function makeWindow(seen) {
  const { window } = seen;
  const text = (k) => window.text?.[k] ?? formatNumber(window.data[k]);
  const row = (i) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, String(window.row + i)),
      ...Array.from({ length: window.columns }, (_, j) => element("td", {}, text(i * window.columns + j))),
    );
  const heads = Array.from({ length: window.columns }, (_, j) => element("th", { scope: "col" }, String(window.column + j)));
  const corner = cellIndex({ ...seen, tile: { ...seen.tile, block_rows: 1, block_columns: 1 } }, window.row, window.column);
  return element(
    "details",
    { class: "nbx-window" },
    element(
      "summary",
      {},
      `exact values from ${corner}`,
      !seen.fixed && element("span", { class: "nbx-quiet" }, " · click the map to move"),
    ),
    element(
      "div",
      { class: "nbx-scroll" },
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, element("td"), ...heads)),
        element("tbody", {}, ...Array.from({ length: window.rows }, (_, i) => row(i))),
      ),
    ),
  );
}
