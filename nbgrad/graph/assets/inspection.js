// One array as the inspector sees it, from any of three places: the kernel's reply, an exported file, or the record's few values.

import { toNumber } from "./format.js";

/**
 * @typedef {{ rows: number, columns: number, full_rows: number, full_columns: number, block_rows: number, block_columns: number,
 *   reduce: "exact" | "max_abs" | "mean", limit: number | null, data: Float32Array | Float64Array,
 *   text?: string[] | null }} Tile
 * @typedef {{ shape: number[], dtype: string, of: "value" | "magnitude", dims: number[], index: number[], stats: any, tile: Tile,
 *   fixed?: boolean, local?: boolean, difference?: any }} Inspection `fixed`: saved in a file, which cannot be asked for another part;
 *   `local`: made of the record's own values; `dims` are the dimensions shown as rows and columns, `index` is the place in the others
 * @typedef {{ scale: "linear" | "log", lo: number | null, hi: number | null, bins: number, zeros: number, counts: Uint32Array }} Counts
 * @typedef {{ row: number, column: number, rows: number, columns: number, text: string[] | null, data: Float64Array }} ValueWindow
 * @typedef {{ header: any, buffers: (DataView | ArrayBuffer)[] }} Reply
 */

/** @param {Reply} reply to "array" or "difference" @returns {Inspection} */
export function joinTile({ header, buffers }) {
  return { ...header, tile: { ...header.tile, data: new Float32Array(copyBytes(buffers[0])) } };
}

/** @param {Reply} reply to "histogram" @returns {Counts} */
export function joinCounts({ header, buffers }) {
  return { ...header, counts: new Uint32Array(copyBytes(buffers[0])) };
}

/** @param {Reply} reply to "window" @returns {ValueWindow} */
export function joinWindow({ header, buffers }) {
  return { ...header, data: new Float64Array(copyBytes(buffers[0])) };
}

/** Copied, because a view into a message need not start at a multiple of eight bytes. */
function copyBytes(buffer) {
  if (buffer instanceof ArrayBuffer) return buffer.slice(0);
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}

/**
 * An inspection of an array so small that the record kept all its values; null where it did not.
 * @param {number[]} shape @param {string} dtype @param {import("./record.js").Summary | null} summary @param {number[]} dims
 * @param {number[]} index
 * @returns {Inspection | null}
 */
export function fromSummary(shape, dtype, summary, dims, index) {
  const values = summary?.values ?? [];
  if (
    !summary ||
    !values.length ||
    values.length !== summary.size ||
    values.some((x) => typeof x === "string" && isNaN(toNumber(x)) && x !== "nan")
  )
    return null;
  const [rows, columns] = [1, 1, ...dims.map((d) => shape[d])].slice(-2);
  const numbers = Float64Array.from(values, (x) => toNumber(/** @type {any} */ (x)));
  const finite = [...numbers].filter(Number.isFinite);
  const whole = { rows, columns, full_rows: rows, full_columns: columns, block_rows: 1, block_columns: 1 };
  const data = new Float64Array(rows * columns);
  const seen = { shape, dtype, of: /** @type {const} */ ("value"), dims, index, stats: summary, local: true };
  for (let k = 0; k < data.length; k += 1) {
    const at = fullIndex(seen, Math.floor(k / columns), k % columns);
    data[k] = numbers[at.reduce((flat, i, d) => flat * shape[d] + i, 0)];
  }
  return { ...seen, tile: { ...whole, reduce: "exact", limit: Math.max(0, ...finite.map(Math.abs)), data } };
}

/** The dimensions that a plane does not show. @param {number[]} shape @param {number[]} dims */
export function otherDims(shape, dims) {
  return shape.map((_, d) => d).filter((d) => !dims.includes(d));
}

/**
 * The place of an element of the plane in every dimension of the array.
 * @template T @param {{ shape: number[], dims: number[], index: (number | T)[] }} seen @param {T} row @param {T} column
 * @returns {(number | T)[]}
 */
export function fullIndex({ shape, dims, index }, row, column) {
  const rest = otherDims(shape, dims);
  const ends = [row, column].slice(2 - dims.length);
  return shape.map((_, d) => (dims.includes(d) ? ends[dims.indexOf(d)] : index[rest.indexOf(d)]));
}

/**
 * The element or block under a cell of the tile, as an index into the whole array.
 * @param {Inspection} seen @param {number} row @param {number} column
 */
export function cellIndex(seen, row, column) {
  const { tile } = seen;
  const span = (i, block, full) => (block === 1 ? String(i) : `${i * block}:${Math.min((i + 1) * block, full)}`);
  return `[${fullIndex(seen, span(row, tile.block_rows, tile.full_rows), span(column, tile.block_columns, tile.full_columns)).join(", ")}]`;
}
