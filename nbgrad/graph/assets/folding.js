// Groups that open and close in place: a sign on each group and cluster of the picture, and above it a row for every loop that is open, with a
// slider for the iteration that is shown.
//
// What is shown is a list of the reader's actions (graph/scene.py tells which); all views of a graph share it. The kernel, or the file, draws.

import { element, shapeBox, svgElement } from "./dom.js";
import { formatCount, isolated, oneLine, plural } from "./format.js";
import { opName } from "./record.js";

const MOST_LOOPS = 4;
const SLIDER_REST = 120; // milliseconds that a slider rests before it asks

/** @typedef {{ ends: [string, string], times: number, shown: number[] }} Fold */

export class Folding {
  place = "above";

  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.element = element("div", { class: "nbx-folding", dataset: { testid: "folding" } });
    this.keys = { o: () => this.toggle(), u: () => this.undo() };
    this.forget = explorer.shared.onChange("folding", () => this.redrawn());
  }

  /** @returns {{ actions: any[], focus: (string | null)[], level: string, folds: { [scope: string]: Fold } }} */
  get state() {
    return { actions: [], focus: [], level: "", folds: {}, ...this.explorer.shared.get("folding") };
  }

  /** Ask for another scene. @param {{ actions?: any[], focus?: (string | null)[], level?: string }} change @param {string} said once it is there */
  async show(change, said) {
    const { actions, focus, level } = { ...this.state, ...change };
    this.explorer.element.classList.add("nbx-waiting");
    const answer = await this.explorer.host.ask("scene", { actions, focus, level }).catch(() => undefined);
    this.explorer.element.classList.remove("nbx-waiting");
    if (!answer) {
      const why = answer === null ? "this file holds no such view" : "the kernel is busy or gone";
      this.explorer.setStatus(`Not shown: ${why}.`);
      return;
    }
    this.explorer.setStatus("");
    if (answer.header.graph) {
      this.explorer.shared.set("folding", answer.header.folding);
      this.explorer.redraw(answer.header.graph, answer.header.svg);
    }
    this.explorer.announce(said);
  }

  act(action, said) {
    return this.show({ actions: this.after(action) }, said);
  }

  /** The actions done so far and this one. */
  after(action) {
    const { actions } = this.state;
    const [kind] = Object.keys(action);
    const ends = String(action[kind].slice?.(0, 2));
    const last = actions.at(-1);
    // of a slider that moves only the last place counts, and none once its loop is closed; closing what was opened last takes that back
    const again = last && kind === "iteration" && String(last.iteration?.slice(0, 2)) === ends;
    if (again) return [...actions.slice(0, -1), action];
    if (kind !== "close") return [...actions, action];
    const before = actions.filter((done) => String(done.iteration?.slice(0, 2)) !== ends); // which iteration showed matters no more
    return String(before.at(-1)?.open) === ends ? before.slice(0, -1) : [...before, action];
  }

  /** Whether this can be shown here: in a saved file only some can. @param {{ actions?: any[], focus?: (string | null)[] }} change */
  can(change) {
    const { actions, focus, level } = { ...this.state, ...change };
    return this.explorer.host.knows?.("scene", { actions, focus, level }) ?? true;
  }

  undo() {
    const { actions } = this.state;
    if (actions.length) this.show({ actions: actions.slice(0, -1) }, "taken back");
  }

  /** Open the chosen group, or close the cluster around the chosen node. */
  toggle() {
    const call = this.explorer.record.calls.get(this.explorer.selected);
    const group = call && groupOf(call);
    if (group) return this.open(call);
    const scope = (call ?? this.explorer.record.producers.get(this.explorer.selected))?.scope;
    if (scope && this.state.folds[scope]) this.close(scope);
  }

  open(call) {
    const { first, last } = groupOf(call);
    this.explorer.picture.anchor = [call.id, first];
    return this.act({ open: [first, last] }, `${opName(call)} opened`);
  }

  close(scope) {
    this.explorer.picture.anchor = [this.explorer.selected, this.explorer.selected];
    return this.act({ close: this.state.folds[scope].ends }, `${this.nameOf(scope)} closed`);
  }

  /** Open groups until a value or operator shows, then choose it. @param {string} id */
  async reveal(id) {
    const { record } = this.explorer;
    if (!record.values.has(id) && !record.calls.has(id)) {
      this.wanted = id;
      await this.act({ reveal: id }, "shown");
    }
    this.explorer.choose(id);
  }

  nameOf(scope) {
    const found = this.explorer.record.scopes.get(scope);
    return oneLine(found ? (found.path ? `${found.path}: ${found.name}` : found.name) : "group");
  }

  // -- what the reader sees ---------------------------------------------------------------------------------------------------------

  redrawn() {
    const { folds, actions } = this.state;
    const { record } = this.explorer;
    this.mark(folds);
    const number = (id) => Number(id.slice(1));
    const loops = Object.entries(folds)
      .filter(([scope, fold]) => fold.times && record.scopes.has(scope))
      .sort(([, a], [, b]) => number(a.ends[0]) - number(b.ends[0]) || number(b.ends[1]) - number(a.ends[1]));
    const around = this.loopsAround(loops);
    const rows = loops.slice(0, MOST_LOOPS).map(([scope, fold]) => this.loopRow(scope, fold, around.get(scope)));
    if (loops.length > MOST_LOOPS) rows.push(element("span", { class: "nbx-quiet" }, `and ${loops.length - MOST_LOOPS} more loops`));
    const undo = actions.length > 0 && [
      element("button", { type: "button", title: "Take the last step back (u)", onclick: () => this.undo() }, "Undo"),
      element("button", { type: "button", title: "As it was at first", onclick: () => this.show({ actions: [] }, "as at first") }, "Reset"),
    ];
    if (undo) rows.push(element("span", { class: "nbx-undo" }, ...undo));
    this.keepFocus(() => this.element.replaceChildren(...rows));
    this.element.hidden = rows.length === 0;
    if (this.wanted && (record.values.has(this.wanted) || record.calls.has(this.wanted))) {
      this.explorer.choose(this.wanted);
      this.wanted = "";
    }
  }

  /** A slider keeps the keyboard while its row is made anew. @param {() => void} work */
  keepFocus(work) {
    const name = document.activeElement?.getAttribute?.("data-loop");
    work();
    if (name) [...this.element.querySelectorAll("[data-loop]")].find((e) => e.dataset.loop === name)?.focus();
  }

  /**
   * What stands before each loop's name: the loops that it lies in, and in which of their iterations where several are shown.
   * @param {[string, Fold][]} loops outer ones before those inside @returns {Map<string, string>}
   */
  loopsAround(loops) {
    const { scopes } = this.explorer.record;
    const folds = new Map(loops);
    const [words, places] = [new Map(), new Map()];
    for (const [scope] of loops) {
      let outer = scopes.get(scope)?.parent;
      while (outer && !folds.has(outer)) outer = scopes.get(outer)?.parent;
      if (!outer) {
        words.set(scope, "");
        continue;
      }
      const siblings = `${outer} ${this.nameOf(scope)}`;
      const place = places.get(siblings) ?? 0;
      places.set(siblings, place + 1);
      const { shown } = folds.get(outer);
      const which = shown.length > 1 && place < shown.length ? ` (${formatCount(shown[place] + 1)})` : "";
      words.set(scope, `${words.get(outer) ?? ""}${this.nameOf(outer).replace(/ in .*|, lines? .*| ×\d+$/, "")}${which} › `);
    }
    return words;
  }

  loopRow(scope, fold, around) {
    const name = `${around}${this.nameOf(scope)}`;
    const one = fold.shown.length === 1 ? fold.shown[0] : null;
    const offered = this.offered(fold);
    const place = (iteration) => `${formatCount(iteration + 1)} of ${formatCount(fold.times)}`;
    const shown = element("output", {}, one !== null ? place(one) : fold.shown.length < fold.times ? "first and last" : "all");
    const slider = element("input", {
      type: "range",
      min: 0,
      max: offered.length - 1,
      value: one === null ? 0 : Math.max(0, offered.indexOf(one)),
      "aria-valuetext": shown.textContent,
      "aria-label": `iteration of ${name} to show`,
      dataset: { loop: scope },
    });
    let resting = 0;
    slider.addEventListener("input", () => {
      const iteration = offered[Number(slider.value)];
      const words = place(iteration);
      shown.textContent = words;
      slider.setAttribute("aria-valuetext", words);
      clearTimeout(resting);
      this.explorer.picture.anchor = [scope, scope];
      resting = setTimeout(() => this.act({ iteration: [...fold.ends, iteration] }, `iteration ${words}`), SLIDER_REST);
    });
    const button = (text, label, work) => element("button", { type: "button", title: label, "aria-label": label, onclick: work }, text);
    return element(
      "div",
      { class: "nbx-loop" },
      element("code", {}, element("span", { class: "nbx-quiet" }, isolated(around)), isolated(name.slice(around.length).replace(/ ×\d+$/, ""))),
      element("span", { class: "nbx-quiet" }, plural(fold.times, "iteration")),
      offered.length > 1 && slider,
      shown,
      offered.length < 2 && element("span", { class: "nbx-quiet" }, "the others are not in this file"),
      this.can({ actions: this.after({ close: fold.ends }) }) && button("Close", `Close ${name}`, () => this.close(scope)),
    );
  }

  /** The iterations of a loop that can be shown here. @param {Fold} fold */
  offered(fold) {
    const all = Array.from({ length: fold.times }, (_, i) => i);
    return this.explorer.host.knows ? all.filter((i) => this.can({ actions: this.after({ iteration: [...fold.ends, i] }) })) : all;
  }

  /** Put a sign on everything that opens or closes, above all else, so that a click reaches it. */
  mark(folds) {
    const { picture, record } = this.explorer;
    for (const old of picture.element.querySelectorAll(".nbx-sign")) old.remove();
    for (const node of picture.nodes) {
      const call = record.calls.get(node.getAttribute("data-id"));
      const group = call && groupOf(call);
      if (!group || !this.can({ actions: this.after({ open: [group.first, group.last] }) })) continue;
      const box = shapeBox(node);
      if (box) picture.drawing.append(this.sign("+", box.x + box.width, box.y + Math.min(box.height / 2, 12), `Open ${opName(call)}`, () => this.open(call)));
    }
    for (const cluster of picture.element.querySelectorAll(".nb-cluster")) {
      const scope = cluster.getAttribute("data-id");
      const box = shapeBox(cluster, "rect");
      if (!folds[scope] || !box || !this.can({ actions: this.after({ close: folds[scope].ends }) })) continue;
      picture.drawing.append(this.sign("−", box.x + box.width, box.y, `Close ${this.nameOf(scope)}`, () => this.close(scope)));
    }
  }

  sign(text, x, y, label, work) {
    const stop = (event) => event.stopPropagation();
    const sign = svgElement(
      "g",
      { class: "nbx-sign", role: "button", "aria-label": label, transform: `translate(${x} ${y})`, onpointerdown: stop },
      svgElement("title", {}, label),
      svgElement("circle", { r: 12, class: "nbx-reach" }),
      svgElement("circle", { r: 7.5 }),
      svgElement("path", { d: text === "+" ? "M-3.5 0H3.5M0 -3.5V3.5" : "M-3.5 0H3.5" }),
    );
    sign.addEventListener("click", (event) => {
      event.stopPropagation();
      work();
    });
    return sign;
  }

  destroy() {
    this.forget();
  }
}

/** The first and the last call that a folded call stands for; null for an operator. @param {import("./record.js").Call} call */
export function groupOf(call) {
  if (!call.id.startsWith("g")) return null;
  const { first, last } = Object.fromEntries(call.params);
  return first && last ? { first, last } : null;
}
