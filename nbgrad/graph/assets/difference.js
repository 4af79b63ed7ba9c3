// The difference between the pinned tensor and the selected one: pinned − factor × selected, its statistics, its map, where it is largest.

import { element } from "./dom.js";
import { DASH, formatCount, formatNumber, formatShape, plural } from "./format.js";
import { Heatmap } from "./heatmap.js";
import { allDigits } from "./table.js";

/** @typedef {{ id: string, which: "data" | "grad" }} Side one array: a tensor's values or its gradient */

/** @param {string} text as the shared value "pinned" holds it, such as "t3.grad" @returns {Side | null} */
export function readSide(text) {
  const found = /^(\w+)(\.grad)?$/.exec(text ?? "");
  return found && { id: found[1], which: found[2] ? "grad" : "data" };
}

/** @param {Side} side */
export function writeSide({ id, which }) {
  return which === "grad" ? `${id}.grad` : id;
}

/**
 * @typedef {{ theme: () => "light" | "dark", nameOf: (side: Side) => string, onUnpin: () => void, onWish: () => void,
 *   onGo: (index: number[]) => void }} DifferenceOptions
 */

export class Difference {
  /** @param {DifferenceOptions} options */
  constructor(options) {
    this.options = options;
    this.title = element("h3", {});
    this.factor = element("input", {
      type: "number",
      step: "any",
      value: "1",
      "aria-label": "Factor of what is taken away",
      onchange: () => options.onWish(),
    });
    this.side = element(
      "select",
      { "aria-label": "What is taken away", onchange: () => options.onWish() },
      element("option", { value: "data" }, "value"),
      element("option", { value: "grad" }, ".grad"),
    );
    this.note = element("p", {});
    this.facts = element("dl", { class: "nbx-stats" });
    this.largest = element("div", { class: "nbx-row" });
    this.heatmap = new Heatmap({
      theme: options.theme,
      name: "difference",
      onPoint: (row, column) => this.heatmap.point([row, column]),
      onLeave: () => this.heatmap.point(null),
      onPick: () => {},
    });
    const unpin = element("button", { type: "button", class: "nbx-small", onclick: () => options.onUnpin() }, "unpin");
    this.formula = element("div", { class: "nbx-row" });
    this.element = element(
      "section",
      { class: "nbx-difference", hidden: true, dataset: { testid: "difference" } },
      element("header", {}, this.title, unpin),
      this.formula,
      this.note,
      this.facts,
      this.largest,
      this.heatmap.element,
    );
    this.chosen = "";
  }

  /** What is to be compared now. @param {Side} pinned @param {string} id of the selected value */
  begin(pinned, id) {
    const { nameOf } = this.options;
    if (this.chosen !== `${writeSide(pinned)} ${id}`) {
      this.chosen = `${writeSide(pinned)} ${id}`;
      this.side.value = pinned.id === id ? (pinned.which === "data" ? "grad" : "data") : pinned.which;
      this.factor.value = "1";
    }
    this.other = { id, which: this.side.value };
    this.title.textContent = "difference";
    this.formula.replaceChildren(
      element("span", {}, nameOf(pinned)),
      "−",
      this.factor,
      "×",
      element("span", {}, nameOf({ id, which: "data" })),
      this.side,
    );
    this.element.hidden = false;
  }

  /** @param {Side} pinned @param {any} view the plane that is looked at */
  wish(pinned, view) {
    const factor = Number(this.factor.value);
    this.factor.toggleAttribute("aria-invalid", !Number.isFinite(factor) || this.factor.value === "");
    const times = Number.isFinite(factor) && this.factor.value !== "" ? factor : 1;
    const { id, which } = pinned;
    return { value: id, which, other: this.other.id, other_which: this.other.which, factor: times, ...view };
  }

  /** @param {import("./inspection.js").Inspection} seen */
  show(seen) {
    const { difference: told, stats } = seen;
    const item = (name, text, bad = false) =>
      element("div", {}, element("dt", {}, name), element("dd", { class: bad && "nbx-bad nbx-hatched" }, text));
    this.facts.replaceChildren(
      item("norm", formatNumber(stats.norm)),
      item("relative", relativeInWords(told.relative)),
      item("mean", formatNumber(stats.mean)),
      item("std", formatNumber(stats.std)),
      item("equal", formatCount(told.equal)),
      ...(stats.nan ? [item("NaN", String(stats.nan), true)] : []),
      ...(stats.inf ? [item("Inf", String(stats.inf), true)] : []),
    );
    const [first, second] = told.shapes;
    const spread =
      first.join() !== second.join() &&
      `${formatShape(first)} and ${formatShape(second)} broadcast to ${formatShape(seen.shape)}.`;
    const both = told.both_nan > 0 && `NaN in both at ${plural(told.both_nan, "place")}.`;
    this.note.textContent = [spread, both].filter(Boolean).join(" ");
    this.note.className = "nbx-quiet";
    this.largest.replaceChildren(...(told.largest ? this.largestParts(told) : []));
    this.heatmap.element.hidden = false;
    this.heatmap.show(seen);
  }

  largestParts({ largest, factor }) {
    const digits = (x) => (typeof x === "number" ? allDigits(Number(x.toPrecision(9)), false) : String(x));
    const times = factor === 1 ? "" : `${digits(factor)} × `;
    const text = `largest at [${largest.index.join(", ")}]: ${digits(largest.first)} − ${times}${digits(largest.second)} = ${digits(largest.difference)}`;
    return [
      element("span", {}, text),
      element("button", { type: "button", class: "nbx-link", onclick: () => this.options.onGo(largest.index) }, "show"),
    ];
  }

  /** No difference, and why. @param {string} reason */
  refuse(reason) {
    this.note.textContent = `${DASH} ${reason}.`;
    this.note.className = "";
    this.facts.replaceChildren();
    this.largest.replaceChildren();
    this.heatmap.element.hidden = true;
  }

  hide() {
    this.element.hidden = true;
  }

  destroy() {
    this.heatmap.destroy();
  }
}

/** The norm of the difference by that of what is taken away. @param {number | null} ratio */
function relativeInWords(ratio) {
  if (ratio === null) return DASH;
  return ratio < 10
    ? `${formatNumber(Number((100 * ratio).toPrecision(3)))} %`
    : `${formatNumber(Number(ratio.toPrecision(3)))} ×`;
}
