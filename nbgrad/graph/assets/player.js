// Backward, step by step: a part below the picture that plays the order in which nodes really ran.
//
// The kernel (or the file) tells of each step what happened, in windows of many steps, and of each pass what the picture shows when. The position
// is the shared value `step`: the number of a step in the whole record, -1 while the player is off. So several views stay together, and anything
// else that sets `step` plays along.

import { element, svgElement } from "./dom.js";
import { formatBrief, formatCount, formatNumber, formatShape, isolated, plural } from "./format.js";

const SPEEDS = { slow: 2200, normal: 1100, fast: 350, "very fast": 120 }; // milliseconds a step
const SPOKEN = 1000; // steps shorter than that are not read out
const TELL = 80; // milliseconds between two messages while the scrubber moves
const ICONS = {
  first: "M4 3v10M13 3L6 8l7 5z",
  back: "M11 3L4 8l7 5z",
  play: "M4 2.5v11l9-5.5z",
  pause: "M4.5 3v10M11.5 3v10",
  next: "M5 3l7 5-7 5z",
  last: "M12 3v10M3 3l7 5-7 5z",
};

/**
 * @typedef {{ size: number, norm?: number | string | null, values?: (number | string)[], nan?: number, inf?: number }} Grad
 * @typedef {{ name: string, id?: string, shape?: number[], grad: Grad | null }} Flow
 * @typedef {{ n: number, first: number, order: number, count: number, node: string, call: string | null, value: string | null,
 *   stands: string[], where: string, small: boolean, more?: { in?: number, out?: number, formulas?: number }, formulas: { text: string, words: boolean, notes: string[] }[], in: Flow[], out: Flow[],
 *   leaf?: { name: string, first: boolean, shape: number[], before: Grad | null, added: Grad | null, after: Grad | null } }} StepFacts
 */

export class Player {
  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.place = "below";
    this.keys = { " ": () => this.toggle(), "[": () => this.move(-1), "]": () => this.move(1) };
    this.at = -1;
    this.turn = 0;
    this.playing = false;
    /** @type {{ steps: number, window: number, passes: [number, number, string][], more_passes: number, last?: [number, number, string][] } | null} */
    this.overview = null;
    /** @type {Map<string, Promise<any>>} */
    this.answers = new Map();
    this.element = this.build();
    this.forget = explorer.shared.onChange("step", () => this.follow());
  }

  build() {
    const button = (name, label, work) =>
      element(
        "button",
        { type: "button", title: label, "aria-label": label, dataset: { testid: `player-${name}` }, onclick: work },
        icon(name),
      );
    this.playButton = button("play", "Play (space)", () => this.toggle());
    this.scrubber = element("input", {
      type: "range",
      min: "0",
      step: "1",
      "aria-label": "Step of backward",
      dataset: { testid: "player-scrubber" },
      oninput: () => this.go(this.pass()[0] + Number(this.scrubber.value)),
      onkeydown: (event) => this.scrubberKey(event),
    });
    this.passes = element("select", {
      "aria-label": "Backward pass",
      dataset: { testid: "player-pass" },
      onchange: () => this.go(Number(this.passes.value)),
    });
    this.speed = element("select", { "aria-label": "Speed of playing", title: "Speed of playing", dataset: { testid: "player-speed" } });
    for (const name of Object.keys(SPEEDS)) this.speed.append(element("option", { value: name, selected: name === "normal" }, name));
    this.leaveButton = element(
      "button",
      { type: "button", class: "nbx-player-leave", dataset: { testid: "player-leave" }, onclick: () => this.go(-1) },
      "Show all",
    );
    this.label = element("span", { class: "nbx-player-label", dataset: { testid: "player-label" } });
    this.details = element("div", { class: "nbx-player-facts", dataset: { testid: "player-facts" } });
    return element(
      "section",
      { class: "nbx-player", "aria-label": "Backward, step by step", hidden: true, dataset: { testid: "player" } },
      element(
        "div",
        { class: "nbx-player-bar" },
        element(
          "span",
          { class: "nbx-buttons", role: "group", "aria-label": "Transport" },
          button("first", "First step", () => this.go(this.pass()[0])),
          button("back", "Step back ([)", () => this.move(-1)),
          this.playButton,
          button("next", "Step forward (])", () => this.move(1)),
          button("last", "Last step", () => this.go(this.pass()[0] + this.pass()[1] - 1)),
        ),
        this.scrubber,
        this.label,
        this.passes,
        this.speed,
        this.leaveButton,
      ),
      this.details,
    );
  }

  // -- what is known --------------------------------------------------------------------------------------------------------------

  /** Ask once; a question that nobody answered may be asked again. @param {any} wish */
  ask(wish) {
    const key = JSON.stringify(wish);
    let answer = this.answers.get(key);
    if (!answer) {
      answer = this.explorer.host.ask("step", wish).then((found) => found?.header ?? null);
      answer.catch(() => this.answers.delete(key));
      this.answers.set(key, answer);
    }
    return answer;
  }

  /** The record or the picture is another one. */
  redrawn() {
    const asked = (this.asked = {});
    this.answers.clear();
    if (this.at >= 0) this.mark(null);
    this.ask({}).then(
      (overview) => asked === this.asked && this.begin(overview),
      () => {},
    );
  }

  begin(overview) {
    this.overview = overview?.steps ? overview : null;
    this.element.hidden = !this.overview;
    if (!this.overview) return;
    const { passes, more_passes } = this.overview;
    this.passes.replaceChildren(
      ...passes.map(([first, count, root], k) =>
        element("option", { value: String(first) }, `backward ${formatCount(k + 1)} from ${root}, ${formatCount(count)} steps`),
      ),
    );
    if (more_passes) this.passes.append(element("option", { disabled: true }, `and ${formatCount(more_passes)} more`));
    this.passes.hidden = passes.length < 2;
    if (this.at < 0) this.idle();
    else this.show(Math.min(this.at, this.overview.steps - 1));
    this.follow();
  }

  /** What is drawn now, as the kernel or the file knows it. */
  scene() {
    const { actions = [], focus = [], level = "" } = this.explorer.shared.get("folding") ?? {};
    return { actions, focus, level };
  }

  /** The node of the picture that stands for a step's operator or leaf, or null. @param {StepFacts} step */
  lit(step) {
    const { calls, values } = this.explorer.record;
    const own = step.stands.find((id) => calls.has(id) || values.has(id));
    if (own || !step.call) return own ?? null;
    const number = (id) => Number(String(id).slice(1));
    let best = null;
    for (const call of calls.values()) {
      const { first, last } = Object.fromEntries(call.params);
      if (!call.id.startsWith("g") || number(first) > number(step.call) || number(last) < number(step.call)) continue;
      const size = number(last) - number(first);
      if (!best || size < best.size) best = { id: call.id, size };
    }
    return best?.id ?? null;
  }

  /** `[first step, how many, root]` of the pass shown, or of the first one. */
  pass(at = this.at) {
    const passes = this.overview.passes;
    let found = this.home();
    if (at < 0) return found;
    for (const one of passes) if (one[0] <= at) found = one;
    const known = this.facts; // a pass beyond those in the list
    return known && known.n === at ? /** @type {[number, number, string]} */ ([known.first, known.count, ""]) : found;
  }

  /** The pass whose gradients the picture shows: of a training loop that of the iteration which is drawn. */
  home() {
    const { passes, more_passes, last } = this.overview;
    const shown = this.explorer.record.steps.filter((step) => step.call).map((step) => step.backward);
    const number = shown.length ? Math.min(...shown) : 0;
    return passes[number] ?? (number === passes.length + more_passes - 1 ? last?.[0] : null) ?? passes[0];
  }

  // -- moving -----------------------------------------------------------------------------------------------------------------------

  /** Take over the position that somebody has set. */
  follow() {
    if (!this.overview) return;
    const asked = Number(this.explorer.shared.get("step") ?? -1);
    const at = Number.isInteger(asked) ? Math.max(-1, Math.min(asked, this.overview.steps - 1)) : -1;
    if (at !== this.at) this.show(at);
  }

  /** The reader moves to a step of the record, or leaves with -1. @param {number} at */
  go(at, playing = false) {
    if (!this.overview) return Promise.resolve();
    if (!playing) this.stop();
    const place = Math.max(-1, Math.min(at, this.overview.steps - 1));
    const shown = this.show(place);
    clearTimeout(this.telling);
    const wait = Math.max(0, (this.told ?? 0) + TELL - performance.now());
    this.telling = setTimeout(() => {
      this.told = performance.now();
      this.explorer.shared.set("step", place);
    }, wait);
    return shown;
  }

  /** @param {number} by */
  move(by) {
    if (!this.overview) return;
    if (this.at < 0) return this.go(this.pass(-1)[0] + (by > 0 ? 0 : this.pass(-1)[1] - 1));
    this.go(Math.max(0, this.at + by));
  }

  toggle() {
    if (!this.overview) return;
    if (this.playing) return this.stop();
    const [first, count] = this.pass();
    this.setPlaying(true);
    this.run(this.at < 0 || this.at === first + count - 1 ? first : this.at + 1);
  }

  /** Show a step, and after a while the next one of the same pass. */
  async run(at) {
    const started = performance.now();
    const seen = await this.go(at, true);
    if (!this.playing) return;
    const [first, count] = this.pass();
    if (seen === false || at >= first + count - 1) return this.stop();
    const rest = Math.max(0, SPEEDS[this.speed.value] - (performance.now() - started));
    this.next = setTimeout(() => this.playing && this.run(at + 1), rest);
  }

  stop() {
    clearTimeout(this.next);
    if (this.playing) this.setPlaying(false);
  }

  setPlaying(playing) {
    this.playing = playing;
    const label = playing ? "Pause (space)" : "Play (space)";
    this.playButton.title = label;
    this.playButton.setAttribute("aria-label", label);
    this.playButton.replaceChildren(icon(playing ? "pause" : "play"));
  }

  scrubberKey(event) {
    const work = this.keys[event.key];
    if (!work || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    work();
  }

  // -- showing ----------------------------------------------------------------------------------------------------------------------

  /** Show a step; gives false where it is not known. @param {number} at */
  async show(at) {
    const turn = (this.turn += 1);
    const was = this.at;
    this.at = at;
    if (at < 0) {
      this.leave();
      return true;
    }
    if (was < 0) this.enter();
    const size = this.overview.window;
    let step = null;
    let timeline = null;
    try {
      step = (await this.ask({ window: Math.floor(at / size) }))?.steps[at % size] ?? null;
      timeline = step && (await this.ask({ timeline: step.first, ...this.scene() }));
    } catch {
      if (turn === this.turn) this.say("The kernel does not answer: it is busy or has stopped.");
      return false;
    }
    if (turn !== this.turn) return true; // the reader is somewhere else by now
    this.facts = step;
    this.timeline = timeline;
    if (!step) {
      this.mark(null);
      this.say(`Step ${formatCount(at + 1)} is not in this file.`);
      return false;
    }
    this.tell(step);
    this.mark(timeline);
    return true;
  }

  enter() {
    if (!this.element.classList.contains("nbx-player-on")) this.backwardShown = this.explorer.backward.getAttribute("aria-pressed") === "true";
    this.element.classList.add("nbx-player-on");
    this.explorer.showBackward(true);
    this.leaveButton.disabled = false;
  }

  /** The player is off: the picture shows all gradients again. */
  leave() {
    this.stop();
    this.facts = null;
    this.explorer.picture.showStep(null);
    if (this.element.classList.contains("nbx-player-on")) this.explorer.showBackward(this.backwardShown);
    this.element.classList.remove("nbx-player-on");
    this.idle();
  }

  idle() {
    const [first, count] = this.pass(-1);
    this.passes.value = String(first);
    this.scrubber.max = String(count - 1);
    this.scrubber.value = "0";
    this.scrubber.setAttribute("aria-valuetext", "not playing");
    this.leaveButton.disabled = true;
    this.details.replaceChildren();
    const passes = this.overview.passes.length + this.overview.more_passes;
    this.label.textContent = passes > 1 ? `${formatCount(passes)} backward passes` : `backward ran ${formatCount(count)} steps`;
  }

  say(text) {
    this.details.replaceChildren(element("p", { class: "nbx-quiet" }, text));
  }

  /** @param {StepFacts} step */
  tell(step) {
    const parts = [`step ${formatCount(step.order + 1)} of ${formatCount(step.count)}`, step.node, step.where];
    const label = parts.filter(Boolean).join(" · ");
    this.label.textContent = label;
    this.scrubber.max = String(step.count - 1);
    this.scrubber.value = String(step.order);
    this.scrubber.setAttribute("aria-valuetext", label);
    this.passes.value = String(step.first);
    const names = [...step.in, ...step.out].map((flow) => flow.name).filter(Boolean);
    const formulas = step.formulas.map(({ text, words, notes }) =>
      element(
        "p",
        { class: words ? "nbx-player-words" : "nbx-player-formula" },
        element("code", { dir: "ltr" }, ...inked(text, names)),
        notes.length > 0 && element("span", { class: "nbx-quiet" }, notes.join("; ")),
      ),
    );
    if (step.more?.formulas) formulas.push(element("p", { class: "nbx-quiet" }, `and ${plural(step.more.formulas, "formula")} more`));
    const hidden = step.call !== null && this.lit(step) === null;
    this.details.replaceChildren(
      element("div", { class: "nbx-player-formulas" }, ...formulas),
      ...(step.leaf ? [accumulation(step.leaf)] : [flows("in", step.in, step.more?.in), flows("out", step.out, step.more?.out)]),
      ...(step.small ? [this.jacobian(step)] : []),
      ...(hidden ? [element("p", { class: "nbx-quiet" }, "The picture does not draw this operator.")] : []),
    );
    const slow = !this.playing || SPEEDS[this.speed.value] >= SPOKEN;
    if (slow) this.explorer.announce(`${label.replace(/ · /g, ", ")}. ${step.formulas.map((f) => f.text).join("; ")}`);
  }

  /** What one small operator does to each element: asked for when it is opened. @param {StepFacts} step */
  jacobian(step) {
    const inside = element("div", { class: "nbx-player-jacobian" });
    const fill = async () => {
      this.open = details.open;
      if (!details.open || inside.childElementCount) return;
      let found = null;
      try {
        found = await this.ask({ jacobian: step.n });
      } catch {
        found = { why: "The kernel does not answer: it is busy or has stopped." };
      }
      const tables = found?.inputs?.map((input) => jacobianTable(found, input));
      inside.replaceChildren(...(tables ?? [element("p", { class: "nbx-quiet" }, found?.why ?? "It is not known here.")]));
    };
    const details = element(
      "details",
      { dataset: { testid: "player-jacobian" }, open: Boolean(this.open), ontoggle: fill },
      element("summary", {}, "Local Jacobian"),
      inside,
    );
    return details;
  }

  /** The picture as it stood at this step. @param {any} timeline */
  mark(timeline) {
    const { picture } = this.explorer;
    if (!timeline || !this.facts) return picture.showStep(null);
    const at = this.at;
    const { ran, got, sent } = timeline;
    const reached = (when) => (when === undefined || when > at ? "" : when === at ? "now" : "done");
    picture.showStep({
      now: this.lit(this.facts),
      node: (id, value) => reached(value && got[value] ? got[value][0] : ran[id]?.[0]),
      edge: (from, to, value) => {
        const one = sent[from]?.[value];
        if (one) return one[0] < at && at < one[1] ? "now" : reached(at < one[1] ? one[0] : one[1]);
        return from === value ? reached(ran[to]?.[0]) : "";
      },
      norm: (from, value) => {
        const one = sent[from]?.[value];
        return one ? one[2] : from === value ? (got[value]?.[1] ?? null) : null;
      },
      gradient: (value) => {
        const found = got[value];
        if (!found) return null;
        const [when, norm, values, before] = found;
        if (when <= at) return norm === "?" ? null : { norm, texts: gradientTexts(norm, values) };
        return before ? { norm: before[0], texts: gradientTexts(before[0], before[1]) } : { norm: null, texts: ["∂ –"] };
      },
    });
  }

  /** Living gradients were written into the picture meanwhile. */
  updated(ids) {
    if (this.at < 0 || !this.facts) return;
    this.explorer.picture.forgetInk(ids);
    this.mark(this.timeline);
  }

  destroy() {
    clearTimeout(this.telling);
    this.stop();
    this.forget();
  }
}

function icon(name) {
  const line = name === "pause";
  return svgElement(
    "svg",
    { viewBox: "0 0 16 16", width: "14", height: "14", "aria-hidden": "true", class: line ? "nbx-icon nbx-icon-line" : "nbx-icon" },
    svgElement("path", { d: ICONS[name] }),
  );
}

/** A name or expression of the reader's, in the order in which it is written. @param {string} text @param {string | null} [style] */
function inOrder(text, style = null) {
  return element("bdi", { class: style, dir: "ltr" }, isolated(text));
}

/** A formula with its gradients in the colour of gradients. @param {string} text @param {string[]} names */
function inked(text, names) {
  const sorted = [...new Set(names)].sort((a, b) => b.length - a.length);
  const parts = [];
  let rest = text;
  while (rest) {
    let [place, found] = [rest.length, ""];
    for (const name of sorted) {
      const at = rest.indexOf(name);
      if (at >= 0 && at < place) [place, found] = [at, name];
    }
    if (place > 0) parts.push(isolated(rest.slice(0, place)));
    if (found) parts.push(inOrder(found, "nbx-grad-ink"));
    rest = rest.slice(place + found.length);
  }
  return parts;
}

/** @param {Grad | null} grad */
function numbersOf(grad) {
  if (!grad) return "–";
  const bad = grad.nan ? `NaN in ${formatCount(grad.nan)}` : grad.inf ? `Inf in ${formatCount(grad.inf)}` : "";
  if (grad.values?.length) return grad.values.map(formatNumber).join("  ");
  return bad ? `${bad} of ${formatCount(grad.size)}` : `norm ${formatNumber(grad.norm)}`;
}

/** @param {string} title @param {Flow[]} list @param {number} [more] */
function flows(title, list, more) {
  const rows = list.map((flow) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, inOrder(flow.name || "gradient", flow.grad ? "nbx-grad-ink" : "nbx-quiet")),
      element("td", { class: "nbx-quiet" }, flow.shape ? formatShape(flow.shape) : ""),
      element("td", { class: flow.grad ? "nbx-player-numbers" : "nbx-quiet" }, flow.grad ? numbersOf(flow.grad) : "– not asked for"),
    ),
  );
  if (more) rows.push(element("tr", {}, element("td", { class: "nbx-quiet", colspan: "3" }, `and ${formatCount(more)} more`)));
  return element(
    "div",
    { class: "nbx-player-flow", dataset: { testid: `player-${title}` } },
    element("h3", {}, title),
    element("table", {}, element("tbody", {}, ...rows)),
  );
}

/** previous + added = new, in columns. @param {NonNullable<StepFacts["leaf"]>} leaf */
function accumulation(leaf) {
  const row = (sign, name, grad, missing) => {
    const values = grad?.values?.length ? grad.values : null;
    const cells = values
      ? values.map((x) => element("td", { class: "nbx-player-numbers" }, formatNumber(x)))
      : [element("td", { class: grad ? "nbx-player-numbers" : "nbx-quiet", colspan: "8" }, grad ? numbersOf(grad) : missing)];
    return element("tr", { class: `nbx-player-${name}` }, element("td", {}, sign), element("th", { scope: "row" }, name), ...cells);
  };
  const unknown = "– not recorded";
  return element(
    "div",
    { class: "nbx-player-flow", dataset: { testid: "player-leaf" } },
    element("h3", {}, inOrder(leaf.name), element("span", { class: "nbx-quiet" }, ` ${formatShape(leaf.shape)}`)),
    element(
      "table",
      {},
      element(
        "tbody",
        {},
        row("", "previous", leaf.before, leaf.first ? "– none" : unknown),
        row("+", "added", leaf.added, unknown),
        row("=", "new", leaf.after, unknown),
      ),
    ),
  );
}

function jacobianTable(found, input) {
  const cell = (x) => element("td", { class: x === 0 ? "nbx-quiet" : "" }, formatNumber(x));
  const caption = `∂${found.out} / ∂${input.name}`;
  return element(
    "table",
    {},
    element("caption", {}, inOrder(caption)),
    element("tbody", {}, ...input.rows.map((row) => element("tr", {}, ...row.map(cell)))),
  );
}

/** The forms of a gradient that the picture may write, the fullest first. */
function gradientTexts(norm, values) {
  const elements = values && `∂ ${values.map((x) => formatBrief(x)).join(" ")}`;
  return [elements, typeof norm === "number" && `∂ ‖g‖ ${formatBrief(norm)}`, `∂ ${formatBrief(norm)}`].filter(Boolean);
}
