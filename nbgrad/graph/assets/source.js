// The recorded cell beside its graph: a node lights its line, a line lights its nodes.

import { element } from "./dom.js";
import { isolated } from "./format.js";

const LONGEST_LINE = 400; // characters of a line

export class Source {
  place = "below";

  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.body = element("div", { class: "nbx-source", role: "list", "aria-label": "Recorded cell" });
    this.element = element(
      "details",
      { class: "nbx-cell", dataset: { testid: "source" }, ontoggle: () => this.element.open && this.build() },
      element("summary", {}, "Source"),
      this.body,
    );
    this.keys = { s: () => (this.element.open = !this.element.open) };
  }

  build() {
    const { record } = this.explorer;
    const text = record.source.replace(/\s+$/, "");
    if (this.built === text) return;
    this.built = text;
    const lines = text.split("\n");
    const first = Math.max(0, lines.findIndex((line) => line.trim()));
    this.rows = new Map();
    const rows = lines.slice(first).map((line, i) => {
      const number = first + i + 1;
      const row = element(
        "div",
        {
          role: "listitem",
          tabindex: 0,
          onpointerenter: () => this.light(number),
          onpointerleave: () => this.light(0),
          onfocus: () => this.light(number),
          onblur: () => this.light(0),
          onclick: () => this.choose(number),
          onkeydown: (event) => this.key(event, number),
        },
        element("span", { class: "nbx-line-number" }, String(number)),
        element("code", {}, isolated(line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line || " ")),
      );
      this.rows.set(number, row);
      return row;
    });
    this.body.replaceChildren(...rows);
    for (const call of record.calls.values()) if (call.error && call.place?.source === "cell") this.rows.get(call.place.line)?.classList.add("nbx-failed");
  }

  /** The values and operators that a line made. @param {number} line */
  madeBy(line) {
    const { record } = this.explorer;
    const here = (thing) => thing.place?.source === "cell" && thing.place.line <= line && line <= thing.place.end_line;
    return new Set([...record.values.values(), ...record.calls.values()].filter(here).map((thing) => thing.id));
  }

  light(line) {
    this.explorer.picture.light(line ? this.madeBy(line) : new Set());
    this.rows?.get(line)?.classList.toggle("nbx-dull", line > 0 && !this.madeBy(line).size);
  }

  choose(line) {
    const [id] = this.madeBy(line);
    if (id) this.explorer.choose(id);
  }

  key(event, line) {
    const to = { ArrowDown: line + 1, ArrowUp: line - 1 }[event.key];
    if (to) this.rows.get(to)?.focus();
    else if (event.key === "Enter") this.choose(line);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Mark the line of a node that is pointed at or chosen. @param {string} id */
  hovered(id) {
    if (!this.element.open) return;
    const { record } = this.explorer;
    const place = (record.values.get(id) ?? record.calls.get(id))?.place;
    for (const [number, row] of this.rows ?? [])
      row.classList.toggle("nbx-lit", place?.source === "cell" && place.line <= number && number <= place.end_line);
    const row = place?.source === "cell" && this.rows?.get(place.line);
    if (row) this.body.scrollTop += Math.min(0, row.offsetTop - this.body.scrollTop - 4) || Math.max(0, row.offsetTop + row.offsetHeight - this.body.scrollTop - this.body.clientHeight);
  }

  selected(id) {
    this.hovered(id);
  }

  redrawn() {
    this.explorer.picture.onHover = (id) => this.hovered(id || this.explorer.selected);
    this.element.hidden = !this.explorer.record.source.trim();
    const failed = [...this.explorer.record.calls.values()].find((call) => call.error && call.place?.source === "cell");
    if (failed && !this.seen) this.element.open = true; // with the line that failed marked
    this.seen = true;
    if (this.element.open) this.build();
  }
}
