// A table of exact values over a plane of any size: only what is in view is asked for and drawn, wherever a reader scrolls or jumps.
//
// A browser cannot scroll over ten million rows, so beyond `TALLEST` pixels the scroll bar moves in proportion, and wheel and keys by rows.

import { colourOf, inkOn } from "./colours.js";
import { element, oncePerFrame } from "./dom.js";
import { formatNumber } from "./format.js";

const ROW = 22;
const COLUMN = 70;
const MOST_ROWS = 10; // in view
const TALLEST = 4_000_000;
const CHUNK = /** @type {[number, number]} */ ([64, 16]);
const MOST_CHUNKS = 48;
let tables = 0;

/**
 * @typedef {{ name: string, theme: () => "light" | "dark", onActive: (row: number, column: number) => void,
 *   ask: (at: [number, number], size: [number, number]) => Promise<import("./inspection.js").ValueWindow | null>,
 *   indexOf: (row: number, column: number) => (number | string)[], noValue: string, single: boolean }} TableOptions
 */

export class ValueTable {
  /** @param {TableOptions} options */
  constructor(options) {
    this.options = options;
    this.mark = `nbx-table-${(tables += 1)}`;
    this.grid = element("table", { role: "grid", tabindex: 0, class: "nbx-cells", onkeydown: (event) => this.steer(event) });
    this.space = element("div", { class: "nbx-space" }, this.grid);
    this.scroller = element("div", { class: "nbx-scroll", onscroll: () => this.scrolled() }, this.space);
    this.scroller.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.readout = element("div", { class: "nbx-readout" });
    this.element = element("div", { class: "nbx-table", dataset: { testid: "table" } }, this.scroller, this.readout);
    this.rows = this.columns = 0;
    this.limit = 0;
    this.row = this.column = 0; // the active cell
    this.top = this.left = 0; // the first one in view
    this.expected = [0, 0]; // where the scroll bars stand by our own doing
    /** @type {Map<string, import("./inspection.js").ValueWindow | null>} */
    this.chunks = new Map();
    this.form = "";
    this.stale = true;
    this.draw = oncePerFrame(() => this.paint());
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.scroller);
  }

  /** Show a plane anew: what it held may have changed. @param {number} rows @param {number} columns @param {number} limit of colours */
  show(rows, columns, limit) {
    this.limit = limit;
    if (rows !== this.rows || columns !== this.columns) {
      Object.assign(this, { rows, columns, row: 0, column: 0, top: 0, left: 0 });
      this.chunks.clear();
      this.grid.setAttribute("aria-rowcount", String(rows + 1)); // with the row of column numbers
      this.grid.setAttribute("aria-colcount", String(columns + 1));
      this.grid.setAttribute("aria-label", `${this.options.name}, exact values, ${rows} rows and ${columns} columns`);
    }
    this.stale = true; // what is there stays in view until the new values come
    this.draw();
  }

  // -- where it is --------------------------------------------------------------------------------------------------------------

  /** Make a cell the active one and bring it into view. @param {number} row @param {number} column */
  goTo(row, column, tell = false) {
    this.row = Math.max(0, Math.min(this.rows - 1, row));
    this.column = Math.max(0, Math.min(this.columns - 1, column));
    const [height, width] = this.inView();
    const shift = (first, at, room) => (at < first ? at : at >= first + room ? at - room + 1 : first);
    this.scrollTo(shift(this.top, this.row, height), shift(this.left, this.column, width));
    if (tell) this.options.onActive(this.row, this.column);
  }

  scrollTo(top, left) {
    const [height, width] = this.inView();
    this.top = Math.max(0, Math.min(this.rows - height, top));
    this.left = Math.max(0, Math.min(this.columns - width, left));
    this.size();
    const share = (first, count, room, length) => (count > room ? Math.round((first / (count - room)) * length) : 0);
    const { scroller } = this;
    scroller.scrollTop = share(this.top, this.rows, height, scroller.scrollHeight - scroller.clientHeight);
    scroller.scrollLeft = share(this.left, this.columns, width, scroller.scrollWidth - scroller.clientWidth);
    this.expected = [scroller.scrollTop, scroller.scrollLeft];
    this.draw();
  }

  scrolled() {
    const { scroller, expected } = this;
    if (Math.abs(scroller.scrollTop - expected[0]) < 1 && Math.abs(scroller.scrollLeft - expected[1]) < 1) return;
    const [height, width] = this.inView();
    const first = (at, length, count, room) => (length > 0 ? Math.round((at / length) * Math.max(0, count - room)) : 0);
    this.top = first(scroller.scrollTop, scroller.scrollHeight - scroller.clientHeight, this.rows, height);
    this.left = first(scroller.scrollLeft, scroller.scrollWidth - scroller.clientWidth, this.columns, width);
    this.expected = [scroller.scrollTop, scroller.scrollLeft];
    this.draw();
  }

  /** Where a pixel of the scroll bar is many rows, a notch of the wheel is a few rows all the same. */
  wheel(event) {
    if (this.rows * ROW <= TALLEST || !event.deltaY || event.ctrlKey) return;
    const before = this.top;
    this.scrollTo(this.top + Math.sign(event.deltaY) * Math.max(1, Math.round(Math.abs(event.deltaY) / ROW)), this.left);
    if (this.top !== before) event.preventDefault();
  }

  steer(event) {
    const [height] = this.inView();
    const { row, column, rows, columns } = this;
    const far = event.ctrlKey || event.metaKey;
    const to = {
      ArrowUp: [far ? 0 : row - 1, column],
      ArrowDown: [far ? rows - 1 : row + 1, column],
      ArrowLeft: [row, far ? 0 : column - 1],
      ArrowRight: [row, far ? columns - 1 : column + 1],
      PageUp: [row - height, column],
      PageDown: [row + height, column],
      Home: [far ? 0 : row, 0],
      End: [far ? rows - 1 : row, columns - 1],
    }[event.key];
    if (!to) return;
    this.goTo(to[0], to[1], true);
    event.preventDefault();
    event.stopPropagation();
  }

  // -- what is there ------------------------------------------------------------------------------------------------------------

  /** Rows and columns that have room. @returns {[number, number]} */
  inView() {
    const width = (this.scroller.clientWidth || 320) - this.headWidth();
    return [Math.min(this.rows, MOST_ROWS), Math.max(1, Math.min(this.columns, Math.floor(width / COLUMN)))];
  }

  headWidth() {
    return 16 + 7 * String(Math.max(0, this.rows - 1)).length;
  }

  size() {
    const [height, width] = this.inView();
    const form = [this.rows, this.columns, height, width].join();
    if (form === this.form) return;
    this.form = form;
    const wide = this.columns > width;
    this.space.style.height = `${Math.min((this.rows + 1) * ROW, TALLEST)}px`;
    this.space.style.width = wide ? `${Math.min(this.headWidth() + this.columns * COLUMN, TALLEST)}px` : "100%";
    this.scroller.style.height = `${(height + 1) * ROW + (wide ? 16 : 2)}px`;
    this.build(height, width);
  }

  build(height, width) {
    const head = element("td", { "aria-hidden": "true" });
    head.style.width = `${this.headWidth()}px`;
    this.heads = Array.from({ length: width }, () => element("th", { scope: "col", role: "columnheader" }));
    this.lines = Array.from({ length: height }, () => {
      const name = element("th", { scope: "row", role: "rowheader", "aria-colindex": 1 });
      const cells = Array.from({ length: width }, () => element("td", { role: "gridcell" }));
      return { name, cells, line: element("tr", { role: "row" }, name, ...cells) };
    });
    this.lines.forEach(({ cells }, i) =>
      cells.forEach((cell, j) => {
        cell.id = `${this.mark}-${i}-${j}`;
        cell.addEventListener("pointerdown", () => this.goTo(this.top + i, this.left + j, true));
      }),
    );
    this.grid.replaceChildren(
      element("thead", {}, element("tr", { role: "row", "aria-rowindex": 1 }, head, ...this.heads)),
      element("tbody", {}, ...this.lines.map(({ line }) => line)),
    );
    this.grid.style.width = `${this.headWidth() + width * COLUMN}px`;
  }

  paint() {
    if (!this.element.isConnected || !this.scroller.clientWidth || !this.rows || !this.columns) return;
    this.size();
    const [height, width] = this.inView();
    this.top = Math.max(0, Math.min(this.rows - height, this.top));
    this.left = Math.max(0, Math.min(this.columns - width, this.left));
    const theme = this.options.theme();
    this.heads.forEach((head, j) => {
      head.textContent = String(this.left + j);
      head.setAttribute("aria-colindex", String(this.left + j + 2));
    });
    this.lines.forEach(({ line, name, cells }, i) => {
      const row = this.top + i;
      line.setAttribute("aria-rowindex", String(row + 2));
      name.textContent = String(row);
      cells.forEach((cell, j) => this.paintCell(cell, row, this.left + j, theme));
    });
    const active = this.activeCell();
    if (active) this.grid.setAttribute("aria-activedescendant", active.id);
    else this.grid.removeAttribute("aria-activedescendant");
    this.tell();
    this.fetch();
  }

  paintCell(cell, row, column, theme) {
    const at = this.valueAt(row, column);
    const active = row === this.row && column === this.column;
    cell.setAttribute("aria-colindex", String(column + 2));
    cell.setAttribute("aria-selected", String(active));
    cell.className = active ? "nbx-pointed" : "";
    cell.style.cssText = "";
    cell.textContent = at ? (at.text ?? formatNumber(at.value)) : at === null ? "·" : "…";
    if (!at) return;
    const rgb = colourOf(at.value, this.limit, theme);
    cell.style.backgroundColor = `rgb(${rgb.join(" ")})`;
    cell.style.color = inkOn(rgb, theme);
    if (!Number.isFinite(at.value)) cell.classList.add("nbx-hatched");
  }

  activeCell() {
    return this.lines[this.row - this.top]?.cells[this.column - this.left];
  }

  /** The active cell with every digit. */
  tell() {
    const at = this.valueAt(this.row, this.column);
    const index = `[${this.options.indexOf(this.row, this.column).join(", ")}]`;
    this.readout.textContent = at
      ? `${index} = ${at.text ?? allDigits(at.value, this.options.single)}`
      : at === null
        ? `${index} ${this.options.noValue}`
        : index;
  }

  /** @returns {{ value: number, text: string | undefined } | null | undefined} null: nobody knows; undefined: not asked yet */
  valueAt(row, column) {
    const chunk = this.chunks.get(keyOf(row, column));
    if (!chunk) return chunk === null ? null : undefined;
    const [i, j] = [row - chunk.row, column - chunk.column];
    if (i >= chunk.rows || j >= chunk.columns) return null;
    const k = i * chunk.columns + j;
    return { value: chunk.data[k], text: chunk.text?.[k] };
  }

  /** Ask for the chunks in view that are not here, one at a time: who scrolls on is not served what he has left. */
  async fetch() {
    if (this.asking) return;
    if (this.stale) this.fresh = new Set();
    this.stale = false;
    const wanted = this.wantedChunks().find((at) => !this.fresh.has(keyOf(...at)));
    if (!wanted) return;
    this.asking = true;
    const found = await this.options.ask(wanted, CHUNK).catch(() => null);
    this.asking = false;
    if (this.gone) return;
    const key = keyOf(...wanted);
    this.fresh.add(key);
    this.chunks.delete(key);
    this.chunks.set(key, found);
    const oldest = this.chunks.keys().next().value;
    if (this.chunks.size > MOST_CHUNKS) {
      this.chunks.delete(oldest);
      this.fresh.delete(oldest);
    }
    this.draw();
  }

  wantedChunks() {
    const [height, width] = this.inView();
    const firsts = (from, count, step) => {
      const found = [];
      for (let at = from - (from % step); at < from + count; at += step) found.push(at);
      return found;
    };
    const columns = firsts(this.left, width, CHUNK[1]);
    return firsts(this.top, height, CHUNK[0]).flatMap((row) =>
      columns.map((column) => /** @type {[number, number]} */ ([row, column])),
    );
  }

  destroy() {
    this.gone = true;
    this.watcher.disconnect();
    this.draw.cancel();
  }
}

function keyOf(row, column) {
  return `${Math.floor(row / CHUNK[0])},${Math.floor(column / CHUNK[1])}`;
}

/**
 * The shortest text that tells this number from every other of its type.
 * @param {number} x @param {boolean} single whether it is a float32 or smaller
 */
export function allDigits(x, single) {
  if (!Number.isFinite(x)) return formatNumber(x);
  const digits = single ? [6, 7, 8, 9].find((n) => Math.fround(Number(x.toPrecision(n))) === x) : null;
  return String(digits ? Number(x.toPrecision(digits)) : x).replace(/-/g, "−");
}
