// One side of the inspector: a tensor's values, or its gradient: statistics, heatmap, table of values, histogram, history.

import { element } from "./dom.js";
import { DASH, formatCount, formatNumber } from "./format.js";
import { Heatmap } from "./heatmap.js";
import { Histogram } from "./histogram.js";
import { HistoryStrip } from "./history.js";
import { fullIndex } from "./inspection.js";
import { ValueTable } from "./table.js";

const FEWEST_FOR_HISTOGRAM = 24; // fewer elements are better read than counted
const FEWEST_FOR_TABLE = 64; // fewer stand as numbers in the map already

/**
 * @typedef {{ which: "data" | "grad", theme: () => "light" | "dark", onPoint: (cell: [number, number] | null) => void,
 *   onPick: (row: number, column: number) => void, onReduce: (reduce: string) => void, onPin: () => void,
 *   onActive: (row: number, column: number) => void, onFind: (what: string) => void, onOpen: (open: boolean) => void,
 *   onSelect: (id: string) => void, window: import("./table.js").TableOptions["ask"],
 *   taste: () => import("./histogram.js").Taste, onTaste: import("./histogram.js").HistogramOptions["onTaste"],
 *   noElements: string }} PaneOptions
 */

export class Pane {
  /** @param {PaneOptions} options */
  constructor(options) {
    this.options = options;
    const name = (this.name = options.which === "grad" ? "gradient" : "value");
    this.title = element("h3", {}, options.which === "grad" ? ".grad" : "value");
    this.note = element("p", { class: "nbx-quiet" });
    this.facts = element("dl", { class: "nbx-stats" });
    this.heatmap = new Heatmap({
      theme: options.theme,
      name,
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
    this.pin = element(
      "button",
      {
        type: "button",
        class: "nbx-small",
        "aria-pressed": "false",
        title: `Compare this ${name} with the next that is selected`,
        "aria-label": `pin this ${name} to compare`,
        dataset: { testid: `pin-${options.which}` },
        onclick: () => options.onPin(),
      },
      "pin",
    );
    this.histogram = new Histogram({ name, taste: options.taste, onTaste: options.onTaste });
    this.history = new HistoryStrip({ which: options.which, onSelect: options.onSelect });
    this.wanted = false; // whether there is an array to ask for
    /** @type {import("./inspection.js").Inspection | null} */
    this.local = null; // what the record's own values show
    /** @type {ValueTable | null} */
    this.table = null;
    this.tablePlace = this.makeTablePlace(name);
    this.element = element(
      "section",
      { class: `nbx-pane nbx-${options.which}`, dataset: { testid: `pane-${options.which}` } },
      element("header", {}, this.title, element("span", { class: "nbx-row" }, this.reduce, this.pin)),
      this.note,
      this.facts,
      this.heatmap.element,
      this.tablePlace,
      this.histogram.element,
      this.history.element,
    );
    this.clear();
  }

  makeTablePlace(name) {
    const { options } = this;
    this.find = element(
      "select",
      {
        "aria-label": `Find an element of the ${name}`,
        onchange: () => {
          options.onFind(this.find.value);
          this.find.value = "";
        },
      },
      element("option", { value: "" }, "find …"),
      ...["largest |x|", "smallest |x|", "max", "min", "next NaN", "next Inf"].map((text) =>
        element("option", { value: text.replace(" |x|", "").replace("next ", "").toLowerCase() }, text),
      ),
    );
    const place = element(
      "details",
      { class: "nbx-exact", ontoggle: () => place.isConnected && options.onOpen(place.open) },
      element("summary", {}, "table of values"),
      this.find,
    );
    return place;
  }

  clear() {
    this.facts.replaceChildren();
    this.hideElements();
    this.history.show(null);
    this.note.textContent = "";
    this.reduce.hidden = this.pin.hidden = true;
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
    const item = (name, content, bad) =>
      element("div", {}, element("dt", {}, name), element("dd", { class: bad && "nbx-bad nbx-hatched" }, content));
    const count = (name, n) => {
      if (!n || name === "zeros" || !this.wanted) return formatCount(n);
      const title = `Go to the next ${name}`;
      const go = () => this.options.onFind(String(name).toLowerCase());
      return element(
        "button",
        { type: "button", class: "nbx-link", title, "aria-label": `${n} ${name}: ${title}`, onclick: go },
        formatCount(n),
      );
    };
    const told = [
      ...(stats.size > 1 ? numbers : []).map(([name, x]) => item(name, formatNumber(x))),
      ...counts
        .filter(([name, n]) => stats.size > 1 || (n && name !== "zeros"))
        .map(([name, n = 0]) => item(name, count(name, Number(n)), n && name !== "zeros")),
    ];
    const focused = this.facts.contains(document.activeElement) && document.activeElement.textContent;
    this.facts.replaceChildren(...told);
    if (focused) [...this.facts.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
    this.note.textContent = note;
  }

  /** @param {import("./inspection.js").Inspection} seen @param {string} note */
  show(seen, note) {
    const size = seen.shape.reduce((a, b) => a * b, 1);
    this.showStats({ size, ...seen.stats }, note);
    this.heatmap.element.hidden = false;
    this.heatmap.show(seen);
    const blocks = seen.tile.reduce !== "exact";
    this.reduce.hidden = !blocks || seen.fixed === true;
    if (blocks) this.reduce.value = seen.tile.reduce;
    this.pin.hidden = false;
    const { full_rows: rows, full_columns: columns, limit } = seen.tile;
    const table = !seen.local && rows * columns > FEWEST_FOR_TABLE;
    this.tablePlace.hidden = !table;
    if (table) this.showTable(rows, columns, limit ?? 0);
  }

  showTable(rows, columns, limit) {
    if (!this.table) {
      const { options } = this;
      const single = /^b?float(16|32)$/.test(this.heatmap.seen?.dtype ?? "");
      this.table = new ValueTable({
        name: this.name,
        theme: options.theme,
        ask: options.window,
        onActive: options.onActive,
        indexOf: (row, column) => fullIndex(this.heatmap.seen, row, column),
        noValue: options.noElements,
        single,
      });
      this.tablePlace.append(this.table.element);
    }
    this.table.show(rows, columns, limit);
  }

  /** Whether there is anything to count that has not better been read. @param {import("./inspection.js").Inspection} seen */
  static worthCounting(seen) {
    return seen.shape.reduce((a, b) => a * b, 1) > FEWEST_FOR_HISTOGRAM;
  }

  /** No elements at hand beyond the statistics. */
  hideElements() {
    this.heatmap.element.hidden = true;
    this.tablePlace.hidden = true;
    this.histogram.show(null);
  }

  /** @param {[number, number] | null} cell */
  point(cell) {
    this.heatmap.point(cell);
  }

  destroy() {
    this.heatmap.destroy();
    this.table?.destroy();
  }
}
