// What a saved file can answer by itself: the questions about arrays, from what `nbgrad.graph.captured` kept of them.

/** @typedef {{ header: any, buffers: ArrayBuffer[] }} CapturedReply */

// Types whose every element a float32 holds.
const HELD = ["float32", "float16", "bool", "int8", "uint8", "int16", "uint16"];

/**
 * Answer as a kernel would, or null where the file holds too little.
 * @param {any} arrays id -> { data, grad } as `capture_array` wrote them @param {string} kind @param {any} wish
 * @returns {CapturedReply | null}
 */
export function answerCaptured(arrays, kind, wish) {
  const found = arrays[wish.value]?.[wish.which];
  if (!found) return null;
  if (kind === "array") return replyOf(found, { fixed: true });
  if (kind === "histogram") return found.histograms?.[wish.scale] ? replyOf(found.histograms[wish.scale]) : null;
  if (kind === "window") return windowOf(found, wish);
  if (kind === "element") return findIn(found, wish);
  if (kind === "difference") return subtractCaptured(found, arrays[wish.other]?.[wish.other_which], wish.factor);
  return null;
}

function replyOf({ buffers, histograms, window, found, ...header }, more = {}) {
  return { header: { ...header, ...more }, buffers: buffers.map(bytesOf) };
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
}

/** Every element of the plane in the file where it holds them all, else those of its first corner. */
function exactPlane(found) {
  const { tile, dtype, of, window } = found;
  const whole =
    tile.reduce === "exact" && (HELD.includes(dtype) || (window.rows === tile.rows && window.columns === tile.columns));
  const inWindow = window.rows === tile.full_rows && window.columns === tile.full_columns;
  const from = whole && !inWindow && of === "value" ? tile : window;
  const data = from === tile ? new Float32Array(bytesOf(found.buffers[0])) : new Float64Array(bytesOf(window.buffers[0]));
  return { rows: from.rows, columns: from.columns, data, text: from.text ?? null, all: whole || inWindow };
}

function windowOf(found, { at, size }) {
  const held = exactPlane(found);
  const [row, column] = at;
  const rows = Math.max(0, Math.min(size[0], held.rows - row));
  const columns = Math.max(0, Math.min(size[1], held.columns - column));
  if (!rows || !columns) return null;
  const data = new Float64Array(rows * columns);
  const text = held.text && Array(rows * columns);
  for (let i = 0; i < rows; i += 1)
    for (let j = 0; j < columns; j += 1) {
      const k = (row + i) * held.columns + column + j;
      data[i * columns + j] = held.data[k];
      if (text) text[i * columns + j] = held.text[k];
    }
  return { header: { row, column, rows, columns, text }, buffers: [data.buffer] };
}

function findIn(found, { what, after }) {
  const place = after < 0 ? found.found?.[what] : null;
  return { header: place ?? { position: null, refused: "This file knows the first place only." }, buffers: [] };
}

function subtractCaptured(first, second, factor) {
  if (!second) return null;
  const refuse = (refused) => ({ header: { refused }, buffers: [] });
  if (first.shape.join() !== second.shape.join()) return refuse("a file subtracts tensors of one shape only");
  const [a, b] = [exactPlane(first), exactPlane(second)];
  const complex = first.of !== "value" || second.of !== "value";
  if (!a.all || !b.all || complex || first.shape.length > 2) return refuse("this file does not hold all elements of both");
  const delta = Float64Array.from(a.data, (x, k) => x - factor * b.data[k]);
  const norm = (data) => {
    const numbers = [...data].filter(Number.isFinite);
    return numbers.length ? Math.hypot(...numbers) : null;
  };
  const finite = [...delta].filter(Number.isFinite);
  const mean = finite.reduce((sum, x) => sum + x, 0) / finite.length;
  const limit = finite.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const at = finite.length ? delta.findIndex((x) => Math.abs(x) === limit) : -1;
  const index = first.shape.length === 2 ? [Math.floor(at / a.columns), at % a.columns] : first.shape.length ? [at] : [];
  const stats = {
    size: delta.length,
    mean: finite.length ? mean : null,
    std: finite.length ? Math.sqrt(finite.reduce((sum, x) => sum + (x - mean) ** 2, 0) / finite.length) : null,
    min: finite.length ? finite.reduce((low, x) => Math.min(low, x)) : null,
    max: finite.length ? finite.reduce((high, x) => Math.max(high, x)) : null,
    norm: norm(delta),
    nan: delta.filter((x) => Number.isNaN(x)).length,
    inf: delta.filter((x) => x === Infinity || x === -Infinity).length,
    zeros: delta.filter((x) => x === 0).length,
  };
  const second_norm = Math.abs(factor) * norm(b.data);
  const difference = {
    factor,
    shapes: [first.shape, second.shape],
    first_norm: norm(a.data),
    second_norm,
    relative: second_norm && finite.length ? norm(delta) / second_norm : null,
    equal: stats.zeros,
    both_nan: a.data.filter((x, k) => Number.isNaN(x) && Number.isNaN(b.data[k])).length,
    largest: at < 0 ? null : { index, position: at, difference: delta[at], first: a.data[at], second: b.data[at] },
  };
  const { shape, dims } = first;
  const tile = { ...first.tile, reduce: "exact", limit };
  return {
    header: { shape, dtype: "float64", of: "value", dims, index: [], stats, tile, difference },
    buffers: [Float32Array.from(delta).buffer],
  };
}
