// What if: a slider on a ready-made number. The kernel computes the recorded graph again, forward and backward, and every number follows.
//
// The changes are shared by all views of a graph, as `what_if`: a list of [value id, index or null, number].

import { element } from "./dom.js";
import { formatBrief, formatNumber, isolated, oneLine, plural, toNumber } from "./format.js";
import { Rewriting } from "./rewriting.js";

const STEPS = 200; // of the slider, over its whole range

export class WhatIf {
  place = "below";

  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.choice = element("span", { class: "nbx-whatif-choice" });
    this.slider = element("input", { type: "range", step: "any", oninput: () => this.set(Number(this.slider.value)) });
    this.number = element("input", { type: "text", inputmode: "decimal", size: 9, onchange: () => this.typed() });
    this.low = element("span", { class: "nbx-quiet" });
    this.high = element("span", { class: "nbx-quiet" });
    const button = (text, title, work) => element("button", { type: "button", title, "aria-label": title, onclick: work }, text);
    this.controls = element(
      "span",
      { class: "nbx-whatif-controls" },
      this.number,
      this.low,
      this.slider,
      this.high,
      button("÷10", "Narrow the slider's range", () => this.scale(0.1)),
      button("×10", "Widen the slider's range", () => this.scale(10)),
    );
    this.words = element("span", { class: "nbx-quiet nbx-whatif-words" });
    this.element = element(
      "div",
      {
        class: "nbx-whatif",
        role: "group",
        "aria-label": "What if",
        hidden: true,
        dataset: { testid: "whatif" },
        onkeydown: (event) => this.key(event),
      },
      element("span", { class: "nbx-whatif-title" }, "What if"),
      this.choice,
      this.controls,
      this.words,
    );
    this.said = element("span", { class: "nbx-whatif-said" });
    this.banner = element(
      "div",
      { class: "nbx-whatif-banner", hidden: true, dataset: { testid: "whatif-banner" } },
      this.said,
      element("button", { type: "button", onclick: () => this.reset() }, "Reset"),
    );
    /** @type {Map<string, { id: string, index: number[] | null, was: number }>} what is changed, to say what it was */
    this.known = new Map();
    /** @type {[string, number[] | null, number][]} */
    this.changes = [];
    const { shared } = explorer;
    const forgetting = [
      shared.onChange("what_if", () => this.follow()),
      shared.onChange("step", () => this.active && shared.get("step") >= 0 && this.reset()), // steps are told as they were recorded
    ];
    this.forget = () => forgetting.forEach((forget) => forget());
  }

  get keys() {
    return this.changes.length ? { Escape: () => this.reset(), w: () => this.focus() } : { w: () => this.focus() };
  }

  get active() {
    return this.changes.length > 0;
  }

  focus() {
    if (!this.element.hidden && !this.controls.hidden) this.slider.focus();
  }

  key(event) {
    if (event.key !== "Escape" || !this.active) return;
    event.stopPropagation();
    event.preventDefault();
    this.reset();
  }

  // -- which number -------------------------------------------------------------------------------------------------------------

  /** Offer a slider where a ready-made floating point tensor is chosen and a kernel is there. @param {string} id */
  async selected(id) {
    const { record, host } = this.explorer;
    const value = record.values.get(id);
    const leaf = value && !record.producers.get(id) && /^(float|bfloat)/.test(value.dtype) && !value.shape.includes(0);
    this.element.hidden = !leaf || Boolean(host.knows);
    this.target = null;
    if (this.element.hidden) return;
    this.choose(value, value.shape.length && countOf(value.shape) > 1 ? value.shape.map(() => 0) : null);
    this.say("…", true);
    const can = await this.asked();
    if (this.explorer.selected !== id) return;
    if (can.refused) this.say(asSentence(can.refused), true);
    else if (!can.changeable?.includes(id)) this.say("Its elements were not kept: nothing to change here.", true);
    else this.offer();
  }

  /** What can be changed, asked for once. */
  asked() {
    this.can ??= this.explorer.host
      .ask("replay", { changes: [] })
      .then((answer) => answer?.header ?? { refused: "there is no record at hand" })
      .catch(() => {
        this.can = undefined; // the kernel may be busy now and answer later
        return { refused: "the kernel does not answer" };
      });
    return this.can;
  }

  choose(value, index) {
    this.value = value;
    this.index = index;
    const name = element("span", { class: "nbx-whatif-name" }, isolated(oneLine(this.explorer.record.label(value.id))));
    const fields = (index ?? []).map((at, dim) =>
      element("input", {
        type: "number",
        min: 0,
        max: value.shape[dim] - 1,
        value: at,
        "aria-label": `place along dimension ${dim}, 0 to ${value.shape[dim] - 1}`,
        onchange: (event) => this.moveTo(dim, event.target),
      }),
    );
    this.choice.replaceChildren(name, ...(fields.length ? ["[", ...fields, "]"] : []), " =");
  }

  /** Offer the element that was chosen in the inspector. @param {string} id @param {number[]} index */
  pick(id, index) {
    if (id !== this.value?.id || !this.index || this.element.hidden) return;
    this.choose(this.value, index);
    this.offer();
  }

  moveTo(dim, field) {
    const at = Math.max(0, Math.min(this.value.shape[dim] - 1, Math.round(Number(field.value) || 0)));
    field.value = String(at);
    this.index = this.index.map((old, k) => (k === dim ? at : old));
    this.offer();
  }

  /** Show the slider at the chosen number. */
  async offer() {
    const { value, index } = this;
    const known = value.data?.values ?? [];
    let was = known.length === countOf(value.shape) ? toNumber(known[offsetIn(value.shape, index)]) : null;
    if (was === null) {
      const answer = await this.explorer.host.ask("replay", { changes: [], element: [value.id, index ?? []] }).catch(() => null);
      if (value !== this.value || index !== this.index) return;
      was = answer?.header?.number == null ? null : toNumber(answer.header.number);
    }
    if (was === null || !Number.isFinite(was)) return this.say(was === null ? "Its elements are not at hand." : `It is ${formatNumber(was)}: no slider goes there.`);
    this.target = { id: value.id, index, was };
    this.known.set(changeKey(value.id, index), this.target);
    this.reach = niceReach(was === 0 ? 1 : 2 * Math.abs(was));
    this.centre = was;
    this.say("");
    this.show();
  }

  /** Say something in the place of the slider, or of all, or nothing. @param {string} text */
  say(text, alone = false) {
    this.words.textContent = text;
    this.controls.hidden = text !== "";
    this.choice.hidden = alone;
  }

  // -- the slider ---------------------------------------------------------------------------------------------------------------

  /** The number that is set, or the recorded one. */
  get present() {
    const found = this.changes.find(([id, index]) => changeKey(id, index) === changeKey(this.target.id, this.target.index));
    return found ? found[2] : this.target.was;
  }

  show() {
    const { present } = this;
    if (Math.abs(present - this.centre) > this.reach * 1.000001) this.reach = niceReach(Math.abs(present - this.centre) * 1.5);
    const [low, high] = [this.centre - this.reach, this.centre + this.reach];
    Object.assign(this.slider, { min: String(low), max: String(high), step: String(this.reach / (STEPS / 2)), value: String(present) });
    this.slider.setAttribute("aria-label", `what if ${this.nameOf(this.target)} were`);
    this.slider.setAttribute("aria-valuetext", formatBrief(present));
    this.number.setAttribute("aria-label", `${this.nameOf(this.target)}, a number`);
    if (document.activeElement !== this.number) this.number.value = String(Number(present.toPrecision(6)));
    this.low.textContent = formatBrief(low);
    this.high.textContent = formatBrief(high);
  }

  scale(factor) {
    this.centre = this.present;
    this.reach = niceReach(this.reach * factor);
    this.show();
  }

  typed() {
    const wanted = Number(this.number.value.replace("−", "-").trim());
    if (this.number.value.trim() !== "" && Number.isFinite(wanted)) this.set(wanted);
    this.number.value = String(Number(this.present.toPrecision(6)));
  }

  set(number) {
    const { id, index, was } = this.target;
    const others = this.changes.filter(([other, at]) => changeKey(other, at) !== changeKey(id, index));
    this.explorer.shared.set("what_if", Math.abs(number - was) < this.reach * 1e-9 ? others : [...others, [id, index, number]]);
  }

  reset() {
    this.explorer.shared.set("what_if", []);
    this.explorer.announce("the recorded numbers again");
  }

  // -- every number follows -----------------------------------------------------------------------------------------------------

  /** Take over the changes that this or another view has made, the newest where they come faster than answers. */
  async follow() {
    this.changes = (this.explorer.shared.get("what_if") ?? []).filter((change) => Array.isArray(change) && change.length === 3);
    if (this.target) this.show();
    if (!this.active) this.restore();
    else if (this.explorer.shared.get("step") >= 0) this.explorer.shared.set("step", -1);
    this.showBanner();
    if (this.asking || !this.active) return;
    this.asking = true;
    while (this.active) {
      const wish = this.changes;
      const answer = await this.explorer.host.ask("replay", { changes: wish }).catch(() => undefined);
      if (this.gone) return;
      if (!this.active) break;
      this.apply(wish, answer === undefined ? { refused: "the kernel does not answer" } : (answer?.header ?? { refused: "there is no record at hand" }));
      if (wish === this.changes) break;
    }
    this.asking = false;
  }

  apply(wish, header) {
    this.trouble = header.refused ?? "";
    this.notes = header.notes ?? [];
    if (this.trouble) this.restore();
    else {
      const { picture, record } = this.explorer;
      this.shown = wish;
      this.rewriting ??= new Rewriting(picture);
      const stamp = (this.stamp = (this.stamp ?? 0) + 1);
      const state = Object.entries(header.state).filter(([id]) => record.values.has(id));
      this.explorer.imagine(Object.fromEntries(state.map(([id, now]) => [id, { ...now, stamp: `what if ${stamp}` }])));
      for (const [id, lines] of Object.entries(header.nodes)) this.rewriting.setValue(id, lines);
      this.rewriting.setBadges(header.bad ?? {});
      // after the gradients of the values: along an edge comes only what its own operator sent
      this.edges = header.edges;
      this.updated();
    }
    this.explorer.element.classList.toggle("nbx-imagined", !this.trouble);
    this.showBanner();
    if (wish === this.changes) this.explorer.announce(this.trouble ? asSentence(this.trouble) : this.outcome());
  }

  /** Write again what came back along the edges, after gradients were written. */
  updated() {
    if (!this.shown) return;
    for (const [from, to, value, norm, width] of this.edges) this.rewriting.setEdge(from, to, value, norm, width);
  }

  /** What is spoken after a change: the new number and what came of it at the end of the graph. */
  outcome() {
    const { record, imagined } = this.explorer;
    const root = record.roots.at(-1);
    const end = imagined?.[root]?.data?.values;
    return `${this.sentence()}${end?.length === 1 ? `; ${record.label(root)} would be ${formatBrief(/** @type {number | string} */ (end[0]))}` : ""}`;
  }

  restore() {
    if (this.explorer.imagined) {
      this.explorer.imagine(null);
      this.rewriting?.restore();
      this.rewriting = null;
    }
    this.shown = null;
    this.explorer.element.classList.remove("nbx-imagined");
  }

  sentence() {
    const one = ([id, index, number]) => {
      const was = this.known.get(changeKey(id, index))?.was ?? this.recorded(id, index);
      return `${this.nameOf({ id, index })} = ${formatBrief(number)}${was === undefined ? "" : ` (was ${formatBrief(/** @type {number | string} */ (was))})`}`;
    };
    const first = this.changes.slice(0, 3).map(one).join(", ");
    return `what if: ${first}${this.changes.length > 3 ? ` and ${plural(this.changes.length - 3, "more change")}` : ""}`;
  }

  /** What the record says of a number that another view has changed; undefined where it does not say. */
  recorded(id, index) {
    const values = [...this.explorer.record.values.values()];
    const value = this.explorer.record.values.get(id) ?? values.find((v) => v.name === id);
    const known = value?.data?.values ?? [];
    return value && known.length === countOf(value.shape) && (index || known.length === 1) ? known[offsetIn(value.shape, index)] : undefined;
  }

  nameOf({ id, index }) {
    return isolated(oneLine(this.explorer.record.label(id))) + (index?.length ? `[${index.join(", ")}]` : "");
  }

  showBanner() {
    this.banner.hidden = !this.active;
    this.banner.classList.toggle("nbx-refused", Boolean(this.active && this.trouble));
    if (!this.active) this.trouble = "";
    const says = this.trouble ? `${this.sentence()} — ${asSentence(this.trouble)} The recorded numbers are shown.` : this.sentence();
    this.said.title = this.said.textContent = this.active ? [says, ...(this.notes ?? [])].join(" · ") : "";
  }

  /** Ask about elements under the changes that are shown; undefined where the tensors themselves are shown. */
  ask(kind, wish) {
    if (!this.shown) return undefined;
    const answer = this.explorer.host.ask("replay", { changes: this.shown, of: { ...wish, kind } });
    return answer.then((found) => (found?.header?.refused && kind !== "difference" ? null : found)); // only a difference can tell why there is none
  }

  /** Another scene of the same graph is drawn, or the first one. */
  redrawn() {
    if (!this.banner.isConnected) this.explorer.status.before(this.banner); // in the toolbar, where it hides nothing
    this.explorer.imagined = null;
    this.shown = this.rewriting = null;
    if (this.explorer.shared.get("what_if")?.length) this.follow();
  }

  destroy() {
    this.gone = true;
    this.forget();
  }
}

/** @param {number[]} shape */
function countOf(shape) {
  return shape.reduce((a, b) => a * b, 1);
}

/** Where an element stands among all, row by row. @param {number[]} shape @param {number[] | null} index */
function offsetIn(shape, index) {
  return (index ?? []).reduce((at, i, dim) => at * shape[dim] + i, 0);
}

function changeKey(id, index) {
  return `${id}[${index ?? ""}]`;
}

/** The next larger of 1, 2 or 5 times a power of ten. @param {number} x */
function niceReach(x) {
  const power = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= x * 0.999) ?? x;
}

/** @param {string} words */
function asSentence(words) {
  const text = oneLine(words, 300);
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
