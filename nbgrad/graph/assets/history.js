// How a tensor or its gradient went on: the norm as a line, and below it its spread, entry after entry from left to right.
//
// The spread is the range from smallest to largest with mean ± deviation in the middle, or, where histograms were kept, their counts as ink.
// Gradients run over powers of ten, so their histograms are of magnitudes. Every entry can be read with the arrow keys.

import { element, svgElement } from "./dom.js";
import { formatNumber, plural } from "./format.js";

const NORM = 40; // pixels high
const SPREAD = 46;
const WIDE = 300; // units across, whatever the pixels
const DECADES = 12; // of magnitudes shown, at most

/**
 * @typedef {{ at: number[], norm: (number | null)[], mean: (number | null)[], std: (number | null)[], min: (number | null)[],
 *   max: (number | null)[], nan: number[], inf: number[], size: number[], total: number, ids?: string[], lo?: (number | null)[], hi?: (number | null)[],
 *   counts?: number[][], scale?: "linear" | "log" }} Series as `nbgrad.graph.history` writes it
 */

export class HistoryStrip {
  /** @param {{ which: "data" | "grad", onSelect: (id: string) => void }} options */
  constructor(options) {
    this.options = options;
    this.element = element("div", { class: "nbx-history", hidden: true, dataset: { testid: `history-${options.which}` } });
    /** @type {Map<string, number>} */
    this.reading = new Map(); // which entry is read of each chart, so that it stays when news come
  }

  /** @param {{ record: Series | null, later: Series | null } | null} told */
  show(told) {
    const { which } = this.options;
    const parts = [];
    const { record, later } = told ?? {};
    const unit = which === "grad" ? "pass" : "value";
    if (record && record.total > 1) {
      const shown = record.at.length < record.total ? `${record.at.length} of ` : "";
      parts.push([`in this cell, ${shown}${record.total} ${unit}${unit === "pass" ? "es" : "s"}`, unit, record]);
    }
    if (later && later.at.length > 1) {
      const shown = later.at.length < later.total ? `${later.at.length} of ` : "";
      parts.push([`since then, ${shown}${plural(later.total, "backward pass").replace("passs", "passes")}`, "pass", later]);
    }
    this.element.hidden = !parts.length;
    const key = this.element.querySelector("svg:focus")?.dataset.part;
    const charts = parts.map(([title, word, series], i) => this.makeChart(title, word, series, String(i)));
    this.element.replaceChildren(...charts);
    if (key) this.element.querySelector(`svg[data-part="${key}"]`)?.focus();
  }

  makeChart(title, unit, series, part) {
    const { which, onSelect } = this.options;
    const count = series.at.length;
    const readout = element("div", { class: "nbx-readout", "aria-live": "polite" });
    const edges = edgesOf(series.at);
    const across = (i) => (edges[i] + edges[i + 1]) / 2;
    const single = series.size.every((size) => size === 1); // a number has no norm worth telling, and no spread
    const line = lineOf(single ? series.mean : series.norm, across);
    const spread = single ? null : series.counts ? heatCells(series, edges) : rangeBand(series, across);
    const height = spread ? NORM + SPREAD + 6 : NORM;
    const mark = svgElement("line", { class: "nbx-ridge-now", y1: 0, y2: height, visibility: "hidden" });
    let entry = -1;
    const read = (i) => {
      entry = i;
      this.reading.set(part, i);
      mark.setAttribute("visibility", i < 0 ? "hidden" : "visible");
      for (const end of ["x1", "x2"]) mark.setAttribute(end, String(across(Math.max(0, i))));
      readout.textContent = i < 0 ? "" : `${unit} ${series.at[i]}: ${entryInWords(series, i)}`;
    };
    const under = (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * WIDE;
      return Math.max(0, edges.slice(0, count).filter((edge) => edge <= x).length - 1);
    };
    const open = () => series.ids?.[entry] && onSelect(series.ids[entry]);
    const svg = svgElement(
      "svg",
      {
        class: "nbx-ridge",
        viewBox: `0 0 ${WIDE} ${height}`,
        preserveAspectRatio: "none",
        role: "img",
        tabindex: 0,
        "aria-label": `${which === "grad" ? "Gradient" : "Value"} ${title}. ${seriesInWords(series)} Arrow keys read entries.`,
        style: `height: ${height}px`,
        dataset: { part },
        onpointermove: (event) => read(under(event)),
        onpointerleave: () => read(-1),
        onclick: open,
        onkeydown: (event) => {
          if (event.key === "Enter" && entry >= 0) open();
          const to = { ArrowLeft: entry - 1, ArrowRight: entry + 1, Home: 0, End: count - 1 }[event.key];
          if (to !== undefined) read(Math.max(0, Math.min(count - 1, to)));
          else if (event.key !== "Enter") return;
          event.preventDefault();
          event.stopPropagation();
        },
      },
      ...line.marks,
      spread && svgElement("g", { transform: `translate(0 ${NORM + 6})` }, ...spread.marks),
      ...missingMarks(series, edges, height),
      mark,
    );
    read(Math.min(count - 1, this.reading.get(part) ?? -1));
    const scale = (name, low, high) =>
      element("span", {}, `${name} `, element("b", {}, `${formatNumber(low)} … ${formatNumber(high)}`));
    return element(
      "figure",
      {},
      element("figcaption", { class: "nbx-quiet" }, title),
      svg,
      element(
        "div",
        { class: "nbx-scales" },
        scale(single ? "value" : "norm", line.low, line.high),
        spread && scale(spread.name, spread.low, spread.high),
      ),
      readout,
    );
  }
}

/** Where each entry begins, and where the last one ends: each holds until the next, wherever the numbers of the entries tell. @param {number[]} at */
function edgesOf(at) {
  const rising = at.every((number, i) => i === 0 || number > at[i - 1]);
  const first = at[0];
  const whole = rising ? at.at(-1) - first + 1 : at.length;
  return [...at.map((number, i) => ((rising ? number - first : i) / whole) * WIDE), WIDE];
}

/** One number an entry as a line: on a logarithmic axis where they run over a hundredfold. */
function lineOf(numbers, across) {
  const known = numbers.filter((x) => x !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const log = low > 0 && high / low > 100;
  const at = (x) => (log ? Math.log(x / low) / Math.log(high / low) : high > low ? (x - low) / (high - low) : 0.5);
  const points = [[]];
  numbers.forEach((x, i) => {
    if (x === null) points.push([]);
    else points.at(-1).push(`${across(i).toFixed(1)},${(NORM - 3 - at(x) * (NORM - 6)).toFixed(1)}`);
  });
  const marks = points
    .filter((run) => run.length)
    .map((run) => svgElement("polyline", { class: "nbx-line", points: (run.length > 1 ? run : [...run, ...run]).join(" ") }));
  return { marks, low: known.length ? low : null, high: known.length ? high : null };
}

function rangeBand({ min, max, mean, std }, across) {
  const known = min.map((_, i) => i).filter((i) => min[i] !== null && max[i] !== null);
  const low = known.length ? Math.min(...known.map((i) => min[i])) : null;
  const high = known.length ? Math.max(...known.map((i) => max[i])) : null;
  const at = (x) =>
    (high > low ? SPREAD - ((Math.max(low, Math.min(high, x)) - low) / (high - low)) * SPREAD : SPREAD / 2).toFixed(1);
  const band = (style, lower, upper) => {
    const there = known.filter((i) => lower(i) !== null && upper(i) !== null);
    const up = there.map((i) => `${across(i).toFixed(1)},${at(upper(i))}`);
    const down = there.map((i) => `${across(i).toFixed(1)},${at(lower(i))}`).reverse();
    return svgElement("polygon", { class: style, points: [...up, ...down].join(" ") });
  };
  const middle = (sign) => (i) => (mean[i] === null || std[i] === null ? null : mean[i] + sign * std[i]);
  const marks = [
    band(
      "nbx-range",
      (i) => min[i],
      (i) => max[i],
    ),
    band("nbx-middle", middle(-1), middle(1)),
    zeroLine(low, high, at),
  ];
  return { marks: marks.filter(Boolean), low, high, name: "range" };
}

function zeroLine(low, high, at) {
  return low < 0 && high > 0 && svgElement("line", { class: "nbx-zero", x1: 0, x2: WIDE, y1: at(0), y2: at(0) });
}

/** One column of cells for each histogram, each bin where its numbers are. */
function heatCells({ lo, hi, counts, scale }, edges) {
  const known = lo.map((_, i) => i).filter((i) => lo[i] !== null);
  const high = known.length ? Math.max(...known.map((i) => hi[i])) : null;
  const lowest = known.length ? Math.min(...known.map((i) => lo[i])) : null;
  const low = scale === "log" && high - lowest > DECADES ? high - DECADES : lowest;
  const at = (x) => (high > low ? SPREAD - ((x - low) / (high - low)) * SPREAD : SPREAD / 2);
  const marks = known.flatMap((i) => {
    const most = Math.max(1, ...counts[i]);
    const step = (hi[i] - lo[i]) / counts[i].length;
    return counts[i].map((n, k) => {
      const [top, bottom] = step ? [at(lo[i] + (k + 1) * step), at(lo[i] + k * step)] : [SPREAD / 2 - 2, SPREAD / 2 + 2];
      if (!n || top > SPREAD) return null;
      const y = Math.max(0, top);
      const height = Math.max(1, Math.min(SPREAD, bottom) - y);
      return svgElement("rect", {
        class: "nbx-heat",
        x: edges[i].toFixed(2),
        y: y.toFixed(2),
        width: ((edges[i + 1] - edges[i]) * 1.04).toFixed(2), // no seams
        height: height.toFixed(2),
        opacity: (0.15 + 0.85 * (n / most)).toFixed(2),
      });
    });
  });
  const end = (x) => (x === null ? null : scale === "log" ? Number((10 ** x).toPrecision(3)) : x);
  const zero = scale === "linear" && zeroLine(low, high, at);
  return { marks: [...marks, zero].filter(Boolean), low: end(low), high: end(high), name: scale === "log" ? "|x|" : "range" };
}

/** A hatched column wherever an entry has a NaN or an infinity. */
function missingMarks({ nan, inf }, edges, height) {
  return nan.map((n, i) => {
    const bad = n || inf[i];
    const width = Math.max(2, edges[i + 1] - edges[i]);
    return bad && svgElement("rect", { class: "nbx-lost", x: edges[i], y: 0, width, height });
  });
}

function entryInWords({ norm, mean, std, min, max, nan, inf, size }, i) {
  if (size[i] === 1) return nan[i] ? "NaN" : inf[i] ? "Inf" : formatNumber(mean[i]);
  const numbers = [
    `norm ${formatNumber(norm[i])}`,
    `mean ${formatNumber(mean[i])} ± ${formatNumber(std[i])}`,
    `from ${formatNumber(min[i])} to ${formatNumber(max[i])}`,
    nan[i] && `${nan[i]} NaN`,
    inf[i] && `${inf[i]} Inf`,
  ];
  return numbers.filter(Boolean).join(", ");
}

function seriesInWords({ norm, mean, nan, inf, size }) {
  const single = size.every((n) => n === 1);
  const known = (single ? mean : norm).filter((x) => x !== null);
  const bad = nan.filter((n, i) => n || inf[i]).length;
  if (!known.length) return "Nothing in it was finite.";
  const range = `${single ? "It went" : "Norm"} from ${formatNumber(known[0])} to ${formatNumber(known.at(-1))}, at most ${formatNumber(Math.max(...known))}.`;
  return bad ? `${range} ${plural(bad, "entry").replace("entrys", "entries")} with NaN or Inf.` : range;
}
