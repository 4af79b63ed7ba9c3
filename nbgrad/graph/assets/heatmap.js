// A heatmap of one plane of an array: a table with the numbers while they fit, a canvas beyond.

import { colourOf, inkOn, scaleGradient, scaleOf } from "./colours.js";
import { element, oncePerFrame } from "./dom.js";
import { formatNumber } from "./format.js";
import { cellIndex } from "./inspection.js";

const MOST_NUMBERS = 64;
const MOST_COLUMNS = 8; // of numbers side by side
const HEIGHT = 200;
const CELL = 26;
const MOST_SPOTS = 400;
const SPOT = 3.5; // radius

/**
 * @typedef {{ theme: () => "light" | "dark", name: string, onPoint: (row: number, column: number) => void, onLeave: () => void,
 *   onPick: (row: number, column: number) => void }} HeatmapOptions
 */

export class Heatmap {
  /** @param {HeatmapOptions} options */
  constructor(options) {
    this.options = options;
    this.body = element("div", { class: "nbx-map" });
    this.legend = element("div", { class: "nbx-legend" });
    this.readout = element("div", { class: "nbx-readout", "aria-live": "polite" });
    this.element = element("div", { class: "nbx-heatmap" }, this.body, this.legend, this.readout);
    /** @type {import("./inspection.js").Inspection | null} */
    this.seen = null;
    /** @type {[number, number] | null} */
    this.cursor = null;
    this.draw = oncePerFrame(() => this.paint());
    this.watcher = new ResizeObserver(() => this.canvas && this.draw());
    this.watcher.observe(this.body);
  }

  /** @param {import("./inspection.js").Inspection} seen */
  show(seen) {
    const before = this.seen?.tile;
    this.seen = seen;
    const { tile } = seen;
    const sameForm = before && this.canvas && before.rows === tile.rows && before.columns === tile.columns;
    if (!sameForm) {
      this.canvas = null;
      this.cursor = null;
      this.body.replaceChildren(this.makeBody(seen));
    }
    this.drawLegend(seen);
    this.draw();
    this.readCursor();
  }

  makeBody(seen) {
    const { tile } = seen;
    if (!tile.rows || !tile.columns) return element("p", { class: "nbx-quiet" }, "It has no elements.");
    const numbers = tile.reduce === "exact" && tile.rows * tile.columns <= MOST_NUMBERS && tile.columns <= MOST_COLUMNS;
    return numbers ? this.makeTable(seen) : this.makeCanvas();
  }

  makeTable(seen) {
    const { tile } = seen;
    const theme = this.options.theme();
    const many = tile.columns > 1 && tile.rows > 1;
    const head = many
      ? element(
          "tr",
          {},
          element("td"),
          ...Array.from({ length: tile.columns }, (_, j) => element("th", { scope: "col" }, String(j))),
        )
      : null;
    const rows = Array.from({ length: tile.rows }, (_, i) =>
      element(
        "tr",
        {},
        many && element("th", { scope: "row" }, String(i)),
        ...Array.from({ length: tile.columns }, (_, j) => this.makeCell(seen, i, j, theme)),
      ),
    );
    return element(
      "table",
      { class: "nbx-numbers", "aria-label": this.options.name, onpointerleave: () => this.options.onLeave() },
      head && element("thead", {}, head),
      element("tbody", {}, ...rows),
    );
  }

  makeCell(seen, i, j, theme) {
    const { tile } = seen;
    const k = i * tile.columns + j;
    const x = tile.data[k];
    const text = tile.text?.[k] ?? formatNumber(x);
    const rgb = colourOf(x, tile.limit, theme);
    const cell = element(
      "td",
      { onpointerenter: () => this.options.onPoint(i, j), onclick: () => this.options.onPick(i, j), dataset: { cell: `${i},${j}` } },
      text,
    );
    cell.style.backgroundColor = `rgb(${rgb.join(" ")})`;
    cell.style.color = inkOn(rgb, theme);
    if (!Number.isFinite(x)) cell.classList.add("nbx-hatched");
    return cell;
  }

  makeCanvas() {
    this.canvas = element("canvas", {
      class: "nbx-canvas",
      tabindex: 0,
      role: "img",
      onpointermove: (event) => this.pointAt(event),
      onpointerleave: () => this.options.onLeave(),
      onclick: (event) => {
        const at = this.cellUnder(event);
        if (at) this.options.onPick(...at);
      },
      onkeydown: (event) => this.steer(event),
    });
    return this.canvas;
  }

  cellUnder(event) {
    const { tile } = this.seen;
    const box = this.canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * tile.rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * tile.columns);
    const inside = row >= 0 && column >= 0 && row < tile.rows && column < tile.columns;
    return inside ? /** @type {[number, number]} */ ([row, column]) : null;
  }

  pointAt(event) {
    const at = this.cellUnder(event);
    if (at) this.options.onPoint(...at);
  }

  steer(event) {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const [row, column] = this.cursor ?? [0, 0];
    if (move) {
      const { rows, columns } = this.seen.tile;
      const at = this.cursor ? [row + move[0], column + move[1]] : [0, 0];
      this.options.onPoint(Math.max(0, Math.min(rows - 1, at[0])), Math.max(0, Math.min(columns - 1, at[1])));
    } else if (event.key === "Enter" && this.cursor) this.options.onPick(row, column);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Mark a cell, here or because the twin heatmap points at the same one. @param {[number, number] | null} cursor */
  point(cursor) {
    const { rows = 0, columns = 0 } = this.seen?.tile ?? {};
    this.cursor = cursor && cursor[0] < rows && cursor[1] < columns ? cursor : null;
    for (const cell of this.body.querySelectorAll("td.nbx-pointed")) cell.classList.remove("nbx-pointed");
    if (this.cursor && !this.canvas)
      this.body.querySelector(`td[data-cell="${this.cursor.join(",")}"]`)?.classList.add("nbx-pointed");
    if (this.canvas) this.draw();
    this.readCursor();
  }

  readCursor() {
    this.readout.textContent = this.cursor && this.seen ? this.readAt(...this.cursor) : "";
  }

  readAt(row, column) {
    const { tile, of } = this.seen;
    const k = row * tile.columns + column;
    const value = tile.text?.[k] ?? formatNumber(tile.data[k]);
    const how =
      tile.reduce === "exact" ? (of === "magnitude" ? " magnitude" : "") : tile.reduce === "mean" ? " mean" : " largest";
    return `${cellIndex(this.seen, row, column)}${how} = ${value}`;
  }

  drawLegend({ tile, of }) {
    if (!tile.rows || !tile.columns) return this.legend.replaceChildren();
    const bar = element("div", { class: "nbx-bar" });
    bar.style.background = scaleGradient(this.options.theme());
    const ends = [formatNumber(-tile.limit), "0", formatNumber(tile.limit)].map((text) => element("span", {}, text));
    const block = `${tile.block_rows} × ${tile.block_columns}`;
    const how = tile.reduce === "mean" ? `each cell: mean of ${block}` : `each cell: largest magnitude of ${block}`;
    const notes = [tile.reduce !== "exact" && how, of === "magnitude" && "magnitude |z|"].filter(Boolean).join(" · ");
    this.legend.replaceChildren(
      bar,
      element("div", { class: "nbx-ends" }, ...ends),
      notes && element("div", { class: "nbx-quiet" }, notes),
    );
  }

  paint() {
    const seen = this.seen;
    if (!seen || !this.body.isConnected) return;
    if (!this.canvas) {
      if (this.body.querySelector("table")) this.body.replaceChildren(this.makeTable(seen));
      if (this.cursor) this.body.querySelector(`td[data-cell="${this.cursor.join(",")}"]`)?.classList.add("nbx-pointed");
      return;
    }
    const { tile } = seen;
    const [width, height] = fitCells(tile.rows, tile.columns, this.body.clientWidth || 280);
    const ratio = globalThis.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    this.canvas.setAttribute(
      "aria-label",
      `${this.options.name}: heatmap of ${tile.full_rows} rows and ${tile.full_columns} columns`,
    );
    const pen = this.canvas.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(rasterize(tile, this.options.theme()), 0, 0, this.canvas.width, this.canvas.height);
    this.hatchMissing(pen, tile);
    if (this.cursor) this.outline(pen, tile, ratio);
  }

  /** NaN and Inf get a hatch; in a map of tiny cells, where a few would be lost, a spot that can be seen. */
  hatchMissing(pen, tile) {
    const missing = [...tile.data.keys()].filter((k) => !Number.isFinite(tile.data[k]));
    const [w, h] = [this.canvas.width / tile.columns, this.canvas.height / tile.rows];
    const scale = scaleOf(this.options.theme());
    const tiny = w < 5 || h < 5;
    if (tiny && missing.length > MOST_SPOTS) return;
    pen.strokeStyle = `rgb(${scale.zero.join(" ")})`;
    pen.fillStyle = `rgb(${scale.nan.join(" ")})`;
    pen.lineWidth = 1.5;
    for (const k of missing) {
      const [left, top] = [(k % tile.columns) * w, Math.floor(k / tile.columns) * h];
      pen.beginPath();
      if (tiny) {
        pen.arc(left + w / 2, top + h / 2, SPOT * (globalThis.devicePixelRatio || 1), 0, 7);
        pen.fill();
      } else {
        pen.moveTo(left, top + h);
        pen.lineTo(left + w, top);
      }
      pen.stroke();
    }
  }

  outline(pen, tile, ratio) {
    const [w, h] = [this.canvas.width / tile.columns, this.canvas.height / tile.rows];
    const [row, column] = this.cursor;
    const [dark, light] = scaleOf(this.options.theme()).ink;
    for (const [colour, grow] of /** @type {[string, number][]} */ ([
      [light, 2],
      [dark, 1],
    ])) {
      pen.strokeStyle = colour;
      pen.lineWidth = ratio;
      const edge = grow * ratio;
      pen.strokeRect(column * w - edge / 2, row * h - edge / 2, Math.max(w, 3) + edge, Math.max(h, 3) + edge);
    }
  }

  destroy() {
    this.watcher.disconnect();
    this.draw.cancel();
  }
}

/** Square cells where the shape allows it; thin planes are stretched until one can point at a cell. */
function fitCells(rows, columns, room) {
  const [widest, highest] = [Math.min(CELL, room / columns), Math.min(CELL, HEIGHT / rows)];
  const side = Math.min(widest, highest);
  const width = Math.max(side * columns, Math.min(widest * columns, 120));
  const height = Math.max(side * rows, Math.min(highest * rows, 24));
  return [Math.round(Math.min(width, room)), Math.round(height)];
}

/** One pixel per cell; the browser enlarges it. */
function rasterize(tile, theme) {
  const small = element("canvas", { width: tile.columns, height: tile.rows });
  const pen = small.getContext("2d");
  const image = pen.createImageData(tile.columns, tile.rows);
  tile.data.forEach((x, k) => image.data.set([...colourOf(x, tile.limit, theme), 255], 4 * k));
  pen.putImageData(image, 0, 0);
  return small;
}
