// A training loop under `%%autograd --watch`: how far it is (above the picture), a strip per parameter (below it), and marks in the picture.
//
// All of it comes from four shared values that the kernel sets (`watched`, `strips`, `progress`, `marks`); without them nothing shows.

import { element, oncePerFrame, svgElement } from "./dom.js";
import { DASH, formatCount, formatNumber, oneLine, plural, speakShape } from "./format.js";

const [STRIP_WIDTH, STRIP_HEIGHT] = [200, 26];
const GUIDE = -3; // log10 of the update-to-weight ratio that is about right

/** How far the loop is. */
export class WatchProgress {
  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.place = "above";
    this.bar = element("div", { class: "nbx-progress-bar" }, (this.done = element("span", {})));
    this.words = element("span", { class: "nbx-progress-words", dataset: { testid: "progress" } });
    this.notes = element("span", { class: "nbx-quiet nbx-progress-notes" });
    this.element = element("div", { class: "nbx-progress", hidden: true }, this.bar, this.words, this.notes);
    this.forget = explorer.shared.onChange("progress", () => this.show());
    this.show();
  }

  kernelGone() {
    this.show();
  }

  show() {
    const now = this.explorer.shared.get("progress");
    this.element.hidden = !now?.state;
    if (!now?.state) return;
    const gone = now.state === "running" && this.explorer.kernelGone;
    const share = now.of ? now.step / now.of : null;
    this.bar.hidden = share === null;
    this.element.dataset.state = gone ? "stopped" : now.state;
    if (share !== null) {
      this.done.style.width = `${100 * Math.min(1, share)}%`;
      const words = { role: "progressbar", "aria-label": "Training steps", "aria-valuemin": 0, "aria-valuemax": now.of, "aria-valuenow": now.step };
      for (const [name, value] of Object.entries(words)) this.bar.setAttribute(name, String(value));
    }
    const steps = now.of && now.of !== now.step ? `step ${formatCount(now.step)} of ${formatCount(now.of)}` : plural(now.step, "step");
    const left = now.state === "running" && !gone && share && now.step > 5 ? (now.seconds * (1 - share)) / share : null;
    this.words.textContent = [
      gone ? `the kernel is gone: stopped at ${steps}` : STATES[now.state](steps, now),
      now.loss !== null && `loss ${formatNumber(now.loss)}`,
      formatTime(now.seconds),
      left !== null && left >= 1 && `about ${formatTime(left)} left`,
    ]
      .filter(Boolean)
      .join(" · ");
    this.notes.textContent = oneLine(now.notes.join("; "), 400);
    if (this.state && this.state !== now.state && now.state !== "running") this.explorer.announce(this.words.textContent);
    this.state = now.state;
  }

  destroy() {
    this.forget();
  }
}

const STATES = {
  running: (steps) => steps,
  finished: (steps) => `finished: ${steps}`,
  stopped: (steps, now) => `stopped by ${now.why} at ${steps}`,
  failed: (steps) => `no longer watched since ${steps}`,
};

/** @param {number} seconds */
function formatTime(seconds) {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A row per parameter: gradient norm and update over the measured steps, units without gradient, what is wrong. */
export class WatchStrips {
  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.place = "below";
    this.cursor = null; // index of a measured step, or null for the last
    this.slider = element("input", {
      type: "range",
      min: 0,
      "aria-label": "Measured step",
      dataset: { testid: "watch-step" },
      oninput: () => this.point(Number(this.slider.value)),
    });
    this.readout = element("span", { class: "nbx-strip-step" });
    this.body = element("div", { class: "nbx-strip-scroll", tabindex: "0", role: "group", "aria-label": "Strips of the parameters" });
    this.element = element(
      "section",
      { class: "nbx-strips", "aria-label": "Parameters over training steps", hidden: true, dataset: { testid: "strips" } },
      element("header", {}, element("h3", {}, "Parameters over steps"), this.slider, this.readout),
      this.body,
    );
    this.rows = [];
    this.closed = new Set(); // groups whose rows are folded away
    this.redraw = oncePerFrame(() => this.show());
    const later = () => this.redraw();
    const { shared } = explorer;
    this.forget = [...["watched", "strips"].map((name) => shared.onChange(name, later)), shared.onChange("marks", () => this.markPicture())];
    this.body.addEventListener("pointermove", (event) => this.pointAt(event));
    this.body.addEventListener("pointerdown", (event) => this.pointAt(event));
    this.body.addEventListener("pointerleave", () => this.point(null));
    this.show();
  }

  get marks() {
    return this.explorer.shared.get("marks") ?? {};
  }

  /** The picture was made, or made anew. */
  redrawn() {
    this.markPicture();
  }

  markPicture() {
    const { marks } = this;
    for (const id of new Set([...(this.marked ?? []), ...Object.keys(marks)]))
      this.explorer.picture.mark(id, marks[id]?.kind ?? "", oneLine(marks[id]?.text ?? "", 300));
    this.marked = Object.keys(marks);
    this.redraw();
  }

  show() {
    const { shared } = this.explorer;
    const parameters = shared.get("watched") ?? [];
    this.data = readSeries(shared.get("strips") ?? {}, parameters.length);
    this.element.hidden = !parameters.length || !this.data.steps.length;
    if (this.element.hidden) return;
    const names = parameters.map((p) => p.name).join("\n");
    if (names !== this.names) {
      this.names = names;
      this.build(parameters);
    }
    const count = this.data.steps.length;
    if (this.cursor !== null && this.cursor >= count - 1) this.cursor = null;
    this.slider.max = String(count - 1);
    this.scales = { norm: scaleOfRows(this.data.norm, []), ratio: scaleOfRows(this.data.ratio, [GUIDE]), loss: scaleOfRows([this.data.loss], [], 0) };
    this.headings.norm.textContent = `gradient norm, ${spanOf(this.scales.norm)}`;
    this.headings.ratio.textContent = `update / weight, ${spanOf(this.scales.ratio)}, dashed 0.001`;
    this.drawRow(this.loss, this.data.loss, this.scales.loss, "loss");
    for (const row of this.rows) {
      this.drawRow(row.norm, this.data.norm[row.index], this.scales.norm, "norm");
      this.drawRow(row.ratio, this.data.ratio[row.index], this.scales.ratio, "ratio");
      this.drawState(row);
    }
    this.read();
  }

  build(parameters) {
    this.headings = { norm: element("th", { scope: "col" }), ratio: element("th", { scope: "col" }) };
    this.loss = strip("loss");
    this.rows = parameters.map((parameter, index) => ({ parameter, index, norm: strip("norm"), ratio: strip("ratio"), state: element("td", { class: "nbx-strip-state" }) }));
    const groups = new Map();
    for (const row of this.rows) {
      const group = row.parameter.group ?? "";
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(row);
    }
    const head = element(
      "thead",
      {},
      element("tr", {}, element("th", { scope: "col" }, "parameter"), this.headings.norm, this.headings.ratio, element("th", { scope: "col" }, "units, marks")),
      element("tr", { class: "nbx-strip-loss" }, element("th", { scope: "row" }, "loss"), element("td", { colspan: "3" }, this.loss.element)),
    );
    const several = groups.size > 1;
    const bodies = [...groups].map(([group, rows]) => this.buildGroup(several ? group : "", rows));
    this.body.replaceChildren(element("table", { class: "nbx-strip-table" }, head, ...bodies));
  }

  buildGroup(group, rows) {
    const lines = rows.map((row) => {
      const { id, name, shape } = row.parameter;
      const short = oneLine(group ? name.slice(group.length + 1) : name, 40);
      const known = id && this.explorer.record.values.has(id);
      const label = known
        ? element("button", { type: "button", class: "nbx-link", title: `${oneLine(name)}, ${speakShape(shape)}`, onclick: () => this.explorer.choose(id) }, short)
        : element("span", { title: oneLine(name) }, short);
      row.element = element("tr", { dataset: { strip: row.index } }, element("th", { scope: "row" }, label), element("td", {}, row.norm.element), element("td", {}, row.ratio.element), row.state);
      return row.element;
    });
    if (!group) return element("tbody", {}, ...lines);
    const toggle = element("button", { type: "button", class: "nbx-strip-group", "aria-expanded": "true" }, oneLine(group));
    const body = element("tbody", {}, element("tr", {}, element("th", { scope: "rowgroup", colspan: "4" }, toggle)), ...lines);
    const fold = (closed) => {
      toggle.setAttribute("aria-expanded", String(!closed));
      toggle.textContent = closed ? `${oneLine(group)} · ${plural(rows.length, "parameter")}` : oneLine(group);
      for (const line of lines) line.hidden = closed;
    };
    toggle.addEventListener("click", () => {
      const closed = !this.closed.delete(group);
      if (closed) this.closed.add(group);
      fold(closed);
    });
    fold(this.closed.has(group));
    return body;
  }

  /** Draw one line over the steps; where nothing was measured there is a gap, zero lies on the floor, what is not finite is marked at the top. */
  drawRow(strip, values, scale, kind) {
    const { steps } = this.data;
    const [first, last] = [steps[0], steps.at(-1)];
    const x = (i) => (last > first ? ((steps[i] - first) / (last - first)) * (STRIP_WIDTH - 4) + 2 : STRIP_WIDTH / 2);
    const y = (value) => (value === -Infinity ? STRIP_HEIGHT - 1 : STRIP_HEIGHT - 3 - ((value - scale[0]) / (scale[1] - scale[0])) * (STRIP_HEIGHT - 6));
    let path = "";
    let bad = "";
    let joined = false;
    values.forEach((value, i) => {
      const seen = !Number.isNaN(value) && value !== Infinity;
      if (value === Infinity) bad += `M${x(i).toFixed(1)} 0v${STRIP_HEIGHT}`;
      if (seen) path += `${joined ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}${joined ? "" : "h0"}`;
      joined = seen;
    });
    strip.line.setAttribute("d", path);
    strip.bad.setAttribute("d", bad);
    if (kind === "ratio") strip.guide.setAttribute("d", `M0 ${y(GUIDE).toFixed(1)}H${STRIP_WIDTH}`);
    strip.at = (i) => [x(i), values[i], y(values[i])];
  }

  drawState(row) {
    const dead = this.data.dead[row.index];
    const units = row.parameter.units;
    const bad = this.data.bad[row.index];
    const mark = this.marks[row.parameter.id];
    const parts = [];
    if (dead !== null && dead !== undefined && units)
      parts.push(element("span", { class: dead ? "" : "nbx-quiet", title: `${dead} of ${units} units had no gradient lately` }, `${Math.round((100 * dead) / units)}% dead`));
    if (bad) {
      const after = bad.after === null ? "" : `, finite at step ${formatCount(bad.after)}`;
      parts.push(element("span", { class: "nbx-strip-mark", dataset: { kind: "nan" }, title: `in the ${bad.where}${after}` }, `${bad.what} at step ${formatCount(bad.step)}`));
    } else if (mark) parts.push(element("span", { class: "nbx-strip-mark", dataset: { kind: mark.kind }, title: oneLine(mark.text, 300) }, mark.kind));
    row.state.replaceChildren(...(parts.length ? parts : [element("span", { class: "nbx-quiet" }, DASH)]));
  }

  // -- reading at a step ----------------------------------------------------------------------------------------------------------

  pointAt(event) {
    const picture = event.target.closest?.("svg.nbx-strip");
    if (!picture || !this.data) return;
    const box = picture.getBoundingClientRect();
    const { steps } = this.data;
    const wanted = steps[0] + ((event.clientX - box.left) / box.width) * (steps.at(-1) - steps[0]);
    let best = 0;
    for (let i = 1; i < steps.length; i += 1) if (Math.abs(steps[i] - wanted) < Math.abs(steps[best] - wanted)) best = i;
    this.point(best);
  }

  /** Read all strips at one measured step. @param {number | null} index null for the last, whatever comes */
  point(index) {
    this.cursor = index === null || index >= this.data.steps.length - 1 ? null : index;
    this.read();
  }

  read() {
    const { steps, loss, norm, ratio } = this.data;
    const last = this.cursor === null;
    const i = last ? steps.length - 1 : this.cursor;
    this.slider.value = String(i);
    this.readout.textContent = `step ${formatCount(steps[i])}${last ? ", the last measured" : ""}`;
    this.slider.setAttribute("aria-valuetext", this.readout.textContent);
    readStrip(this.loss, i, last, speak(loss[i], (x) => x));
    for (const row of this.rows) {
      readStrip(row.norm, i, last, speak(norm[row.index][i]));
      const change = norm.length && last ? lastOf(ratio[row.index]) : ratio[row.index][i]; // the last update is known a step later
      readStrip(row.ratio, i, last, speak(change));
    }
  }

  destroy() {
    for (const forget of this.forget) forget();
    this.redraw.cancel();
  }
}

/** @param {number[]} values */
function lastOf(values) {
  return Number.isNaN(values.at(-1)) && values.length > 1 ? values.at(-2) : values.at(-1);
}

/** One empty strip: its picture and its number. */
function strip(kind) {
  const [guide, line, bad] = ["nbx-strip-guide", "nbx-strip-line", "nbx-strip-bad"].map((name) => svgElement("path", { class: name, "vector-effect": "non-scaling-stroke" }));
  const cursor = svgElement("line", { class: "nbx-strip-cursor", y1: 0, y2: STRIP_HEIGHT, visibility: "hidden", "vector-effect": "non-scaling-stroke" });
  const size = { viewBox: `0 0 ${STRIP_WIDTH} ${STRIP_HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
  const picture = svgElement("svg", { class: "nbx-strip", dataset: { kind }, ...size }, guide, bad, line, cursor);
  const number = element("span", { class: "nbx-strip-number" });
  return { element: element("div", { class: "nbx-strip-cell" }, picture, number), guide, line, bad, cursor, number, at: null };
}

function readStrip(one, i, last, text) {
  one.number.textContent = text;
  one.cursor.setAttribute("visibility", last ? "hidden" : "visible");
  if (last) return;
  const [x] = one.at(i);
  one.cursor.setAttribute("x1", x);
  one.cursor.setAttribute("x2", x);
}

/** A number of the series in words. */
function speak(value, toValue = (x) => 10 ** x) {
  if (Number.isNaN(value)) return DASH;
  return value === Infinity ? "not finite" : formatNumber(value === -Infinity ? 0 : toValue(value));
}

/**
 * The smallest and largest finite value of all rows, at least `span` apart, with what must be seen.
 * @param {number[][]} rows @param {number[]} seen @returns {[number, number]}
 */
function scaleOfRows(rows, seen, span = 1) {
  let [low, high] = [Math.min(Infinity, ...seen), Math.max(-Infinity, ...seen)];
  for (const row of rows)
    for (const value of row)
      if (Number.isFinite(value)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
  if (low > high) return [0, 1];
  const missing = Math.max(0, (span || Math.abs(high) || 1) * (span || high === low ? 1 : 0) - (high - low)) / 2;
  return [low - missing, high + missing];
}

/** @param {[number, number]} scale of logarithms */
function spanOf([low, high]) {
  return `${formatNumber(10 ** low)} to ${formatNumber(10 ** high)}`;
}

/** The series as plain arrays: `norm` and `ratio` a row a parameter. @param {any} strips @param {number} rows */
function readSeries(strips, rows) {
  const numbers = (view, size, read) => Array.from({ length: view ? view.byteLength / size : 0 }, (_, i) => read(view, i * size));
  const float = (view, at) => view.getFloat32(at, true);
  const steps = numbers(strips.steps, 4, (view, at) => view.getInt32(at, true));
  const split = (all) => Array.from({ length: rows }, (_, i) => all.slice(i * steps.length, (i + 1) * steps.length));
  return {
    steps,
    loss: numbers(strips.loss, 4, float),
    norm: split(numbers(strips.norm, 4, float)),
    ratio: split(numbers(strips.ratio, 4, float)),
    dead: strips.dead ?? [],
    bad: strips.bad ?? {},
  };
}
