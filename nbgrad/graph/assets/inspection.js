// One array as the inspector sees it, from any of three places: the kernel's reply, an exported file, or the record's few values.

import { toNumber } from "./format.js";

/**
 * @typedef {{ rows: number, columns: number, full_rows: number, full_columns: number, block_rows: number, block_columns: number,
 *   reduce: "exact" | "max_abs" | "mean", limit: number, data: Float32Array | Float64Array }} Tile
 * @typedef {{ shape: number[], dtype: string, of: "value" | "magnitude", index: number[], stats: any, tile: Tile,
 *   histogram: { lo: number, hi: number, bins: number, counts: Uint32Array } | null,
 *   window: { row: number, column: number, rows: number, columns: number, text: string[] | null, data: Float64Array },
 *   fixed?: boolean }} Inspection `fixed`: saved in a file, which cannot be asked for another part
 */

/**
 * Join the header of `inspect_array` with its buffers.
 * @param {any} header @param {(DataView | ArrayBuffer)[]} buffers
 * @returns {Inspection}
 */
export function joinBuffers(header, buffers) {
  const [tile, counts, window] = buffers.map(copyBytes);
  return {
    ...header,
    tile: { ...header.tile, data: new Float32Array(tile) },
    histogram: header.histogram && { ...header.histogram, counts: new Uint32Array(counts) },
    window: { ...header.window, data: new Float64Array(window) },
  };
}

/** Copied, because a view into a message need not start at a multiple of eight bytes. */
function copyBytes(buffer) {
  if (buffer instanceof ArrayBuffer) return buffer.slice(0);
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}

/** @param {any} plain what `Inspection.to_plain` wrote @returns {Inspection} */
export function fromPlain(plain) {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  return { ...joinBuffers(plain, plain.buffers.map(bytes)), fixed: true };
}

/**
 * An inspection of an array so small that the record kept all its values; null where it did not.
 * @param {number[]} shape @param {string} dtype @param {import("./record.js").Summary | null} summary @param {number[]} index
 * @returns {Inspection | null}
 */
export function fromSummary(shape, dtype, summary, index = []) {
  const values = summary?.values ?? [];
  if (
    !summary ||
    !values.length ||
    values.length !== summary.size ||
    values.some((x) => typeof x === "string" && isNaN(toNumber(x)) && x !== "nan")
  )
    return null;
  const [rows, columns] = [1, 1, ...shape].slice(-2);
  const leading = shape.slice(0, -2);
  const at = leading.map((size, i) => Math.max(0, Math.min(index[i] ?? 0, size - 1)));
  const start = at.reduce((sum, i, d) => sum * leading[d] + i, 0) * rows * columns;
  const numbers = Float64Array.from(values, (x) => toNumber(/** @type {any} */ (x)));
  const data = numbers.slice(start, start + rows * columns);
  const finite = [...numbers].filter(Number.isFinite);
  const whole = { rows, columns, full_rows: rows, full_columns: columns, block_rows: 1, block_columns: 1 };
  return {
    shape,
    dtype,
    of: "value",
    index: at,
    stats: summary,
    histogram: null,
    tile: { ...whole, reduce: "exact", limit: Math.max(0, ...finite.map(Math.abs)), data },
    window: { row: 0, column: 0, rows, columns, text: null, data },
  };
}

/**
 * The element or block under a cell of the tile, as an index into the whole array.
 * @param {Inspection} seen @param {number} row @param {number} column
 */
export function cellIndex(seen, row, column) {
  const { tile } = seen;
  const span = (i, block, full) => (block === 1 ? String(i) : `${i * block}:${Math.min((i + 1) * block, full)}`);
  const last = [span(row, tile.block_rows, tile.full_rows), span(column, tile.block_columns, tile.full_columns)];
  return `[${[...seen.index, ...last.slice(Math.max(0, 2 - seen.shape.length))].join(", ")}]`;
}
