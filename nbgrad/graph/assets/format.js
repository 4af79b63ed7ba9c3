// Numbers, shapes and sentences as a reader wants them. Pure functions.

const RIGHT_TO_LEFT = /[\p{L}\p{M}\p{N}_]*[\p{sc=Arab}\p{sc=Hebr}\p{sc=Syrc}\p{sc=Thaa}\p{sc=Nkoo}][\p{L}\p{M}\p{N}_]*/gu;

/**
 * Code and formulas in their own order: each word that is written from right to left stands for itself, and turns nothing around it.
 * @param {string} text
 */
export function isolated(text) {
  return text.replace(RIGHT_TO_LEFT, "\u2068$&\u2069");
}

export const DASH = "–";
const MINUS = "−";

/**
 * A number with three significant digits; integers up to five digits stay whole. A missing number is a dash, never a zero.
 * @param {number | string | null | undefined} x JSON writes non-finite numbers as "nan", "inf", "-inf"
 */
export function formatNumber(x) {
  if (x === null || x === undefined) return DASH;
  const value = toNumber(x);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Inf" : `${MINUS}Inf`;
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e5) return String(value).replace("-", MINUS);
  if (size >= 1e-3 && size < 999.5) return value.toPrecision(3).replace("-", MINUS);
  if (size >= 999.5 && size < 99999.5) return value.toFixed(0).replace("-", MINUS);
  return value.toExponential(2).replace("e+", "e").replace(/-/g, MINUS);
}

/**
 * A number as the picture writes it: the renderer's own form, so that a line which changes keeps its looks.
 * @param {number | string | null | undefined} x
 */
export function formatBrief(x) {
  const value = x === null || x === undefined ? NaN : toNumber(x);
  const size = Math.abs(value);
  if (!Number.isFinite(value) || (value !== 0 && (size < 1e-3 || size >= 1e6))) {
    const [mantissa, exponent] = value.toExponential(2).split("e");
    return Number.isFinite(value)
      ? `${mantissa.replace(/\.?0+$/, "")}e${Number(exponent)}`.replace(/-/g, MINUS)
      : formatNumber(x);
  }
  const rounded = Number(value.toPrecision(3));
  const digits = Math.max(0, 2 - (rounded ? Math.floor(Math.log10(Math.abs(rounded))) : 0));
  const text = rounded.toFixed(digits);
  return (digits > 0 && text.endsWith("0") ? text.slice(0, -1).replace(/\.$/, "") : text).replace("-", MINUS);
}

/** @param {number | string} x */
export function toNumber(x) {
  if (typeof x === "number") return x;
  return x === "nan" ? NaN : x === "inf" ? Infinity : x === "-inf" ? -Infinity : Number(x);
}

/** With commas between thousands, as everywhere in nbgrad. @param {number} n */
export function formatCount(n) {
  return n.toLocaleString("en");
}

/** A shape as Python writes it: `(5, 3)`, `(5,)`, `()`. @param {number[]} shape */
export function formatShape(shape) {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

/** A shape as one says it. @param {number[]} shape */
export function speakShape(shape) {
  return shape.length ? shape.join(" by ") : "scalar";
}

/** @param {number} n @param {string} word */
export function plural(n, word) {
  return `${formatCount(n)} ${word}${n === 1 ? "" : "s"}`;
}

/** Names may hold newlines and control characters. @param {string} text */
export function oneLine(text, limit = 60) {
  const line = text.replace(/[\s\u0000-\u001f\u007f]+/g, " ").trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

/** Bytes as people count them. @param {number} bytes */
export function formatBytes(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) [bytes, unit] = [bytes / 1000, unit + 1];
  return `${unit && bytes < 100 ? bytes.toPrecision(3).replace(/\.?0+$/, "") : Math.round(bytes)} ${units[unit]}`;
}
