// The explorer: toolbar, picture and inspector side by side, one selection, one live state. `host` connects it to a kernel or a file.

import { element } from "./dom.js";
import { formatBrief, oneLine } from "./format.js";
import { Inspector } from "./inspector.js";
import { makeParts } from "./parts.js";
import { Picture } from "./picture.js";
import { Record } from "./record.js";
import { sharedHere } from "./shared.js";
import { followTheme } from "./theme.js";

const NARROW = 640;
const WIDE_INSPECTOR = 620;
const TALLEST_PICTURE = 680; // of the picture
const READABLE = 0.6; // the scale at which small text reads well

/**
 * @typedef {{ header: any, buffers: (DataView | ArrayBuffer)[] }} Answer
 * @typedef {{ graph: any, svg: string, theme: string, selected: string, live: { [id: string]: import("./record.js").State },
 *   ask: (kind: string, wish: any) => Promise<Answer | null>, knows?: (kind: string, wish: any) => boolean,
 *   onSelect: (id: string) => void, noElements: string, shared?: import("./shared.js").Shared }} Host
 *   `ask` puts a question of some kind (see notebook/answers.py) and gives null where nobody knows; it rejects where nobody answers.
 *   `knows` tells without asking; where it is missing, everything may be asked.
 *   `shared` is what all views of one graph have in common.
 */

export class Explorer {
  /** @param {HTMLElement} parent @param {Host} host */
  constructor(parent, host) {
    this.host = host;
    this.shared = host.shared ?? sharedHere();
    this.record = new Record(host.graph);
    this.live = host.live ?? {};
    this.selected = "";
    this.kernelGone = false;
    this.picture = this.draw(host.svg);
    this.inspector = new Inspector({
      record: this.record,
      state: (id) => this.state(id),
      backwardSeen: () => this.backwardSeen(),
      theme: () => this.theme.name,
      onSelect: (id) => this.choose(id),
      onReveal: (id) => this.reveal(id),
      onElement: (id, index) => this.part("whatif")?.pick(id, index),
      ask: (kind, wish) => this.part("whatif")?.ask(kind, wish) ?? host.ask(kind, wish),
      shared: this.shared,
      noElements: host.noElements,
      whole: () => this.shared.get("folding")?.whole ?? {},
      actionsFor: (id) => this.part("focus")?.actions(id) ?? [],
    });
    this.parts = makeParts(this);
    this.element = this.build();
    this.theme = followTheme(this.element, host.theme, () => this.inspector.refresh());
    parent.append(this.element);
    this.watcher = new ResizeObserver(() => this.arrange());
    this.watcher.observe(this.element);
    this.arrange();
    this.picture.begin();
    this.showBackward(this.backwardSeen());
    for (const id of Object.keys(this.live)) this.inkGradient(id);
    for (const part of this.parts) part.redrawn?.();
    if (host.selected) this.select(host.selected);
  }

  draw(svg) {
    const order = new Map([...this.record.calls.keys(), ...this.record.values.keys()].map((id) => [id, this.rankOf(id)]));
    return new Picture({
      text: svg,
      label: (id) => this.record.describe(id, this.state(id)),
      order: (id) => order.get(id) ?? 0,
      onSelect: (id) => this.choose(id),
    });
  }

  /** Show another state of the same graph, such as a group opened: what was selected stays so. @param {any} graph @param {string} svg */
  redraw(graph, svg) {
    const [before, chosen] = [this.picture, this.selected];
    this.record = new Record(graph);
    this.inspector.options.record = this.record;
    this.picture = this.draw(svg);
    before.element.replaceWith(this.picture.element);
    before.more.replaceWith(this.picture.more);
    this.selected = "";
    this.arrange();
    this.picture.begin();
    this.picture.continueFrom(before);
    before.destroy();
    for (const id of Object.keys(this.live)) this.inkGradient(id);
    for (const part of this.parts) part.redrawn?.();
    if (chosen) this.select(chosen);
    if (!this.selected) this.inspector.show("");
  }

  /** Values after what made them: their number in the record, kept in the order of the calls. */
  rankOf(id) {
    const number = Number(/\d+/.exec(id)?.[0] ?? 0);
    return this.record.calls.has(id) ? number + 0.5 : number;
  }

  build() {
    this.backward = element(
      "button",
      {
        type: "button",
        "aria-pressed": "false",
        title: "Show gradients flowing back (b)",
        dataset: { testid: "backward" },
        onclick: () => this.toggleBackward(),
      },
      element("span", { class: "nbx-swatch" }),
      "backward",
    );
    this.status = element("span", { class: "nbx-status nbx-quiet" });
    this.announcer = element("div", {
      class: "nbx-hidden",
      role: "status",
      "aria-live": "polite",
      dataset: { testid: "announcer" },
    });
    const button = (label, text, work) =>
      element("button", { type: "button", title: label, "aria-label": label, onclick: work }, text);
    const toolbar = element(
      "div",
      { class: "nbx-toolbar", role: "toolbar", "aria-label": "Graph view" },
      element(
        "span",
        { class: "nbx-buttons" },
        button("Zoom out (−)", "−", () => this.picture.zoom(1 / 1.25)),
        button("Fit the graph (0)", "Fit", () => this.picture.showAll()),
        button("Zoom in (+)", "+", () => this.picture.zoom(1.25)),
      ),
      this.backward,
      ...this.inPlace("toolbar"),
      this.picture.more,
      this.status,
      ...this.inPlace("search"),
    );
    this.stage = element("div", { class: "nbx-stage" }, this.picture.element, ...this.inPlace("stage"));
    return element(
      "div",
      {
        class: "nbx",
        role: "region",
        "aria-label": "Computation graph explorer",
        dataset: { testid: "explorer" },
        "data-lm-suppress-shortcuts": "true", // or JupyterLab takes `0 0` for "restart the kernel"
        onkeydown: (event) => this.key(event),
      },
      toolbar,
      ...this.inPlace("above"),
      element("div", { class: "nbx-body" }, this.stage, this.inspector.element),
      ...this.inPlace("below"),
      this.announcer,
    );
  }

  /** @param {string} name of a part's class, in lower case @returns {any} */
  part(name) {
    return this.parts?.find((part) => part.constructor.name.toLowerCase() === name);
  }

  /** Choose a value or operator, and open what hides it. @param {string} id */
  reveal(id) {
    if (id) this.part("folding").reveal(id);
  }

  inPlace(place) {
    return this.parts.filter((part) => part.place === place).map((part) => part.element);
  }

  /** Beside each other where there is room, else the inspector below; below too where a long graph would shrink beyond reading. */
  arrange() {
    const width = this.element.clientWidth;
    if (!width) return;
    const box = this.picture.box ?? [0, 0, 1, 1];
    const room = width - 380;
    const below = width < NARROW || (box[2] / box[3] > 2 && room / box[2] < 0.8);
    const readable = Math.min(1.25, Math.max(READABLE, (TALLEST_PICTURE - 36) / box[3]));
    const wide = !below && width - WIDE_INSPECTOR >= Math.max(300, box[2] * readable + 40); // value and gradient side by side
    const [layout, inspector] = [below ? "below" : "beside", wide ? "wide" : "narrow"];
    const changed = this.element.dataset.layout !== layout || this.element.dataset.inspector !== inspector;
    Object.assign(this.element.dataset, { layout, inspector });
    const ideal = below ? box[3] * Math.min(1.25, (width - 28) / box[2]) + 36 : box[3] * Math.min(1.25, (wide ? width - WIDE_INSPECTOR - 30 : room) / box[2]) + 36;
    const height = Math.round(below ? Math.max(150, Math.min(380, ideal)) : Math.max(440, Math.min(TALLEST_PICTURE, ideal)));
    this.element.style.setProperty("--nbx-picture-height", `${height}px`);
    if (changed) this.picture.settle();
  }

  // -- selection ----------------------------------------------------------------------------------------------------------------

  /** The reader's choice: show it and tell the host. @param {string} id */
  choose(id) {
    this.select(id);
    this.host.onSelect(id);
  }

  /** @param {string} id */
  select(id) {
    const known = this.record.values.has(id) || this.record.calls.has(id) ? id : "";
    if (known === this.selected) return;
    this.selected = known;
    this.picture.select(known);
    this.inspector.show(known);
    for (const part of this.parts) part.selected?.(known);
    this.announce(known ? `${this.record.describe(known, this.state(known))}, selected` : "selection cleared");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    const pressing = event.key === " " && event.target instanceof Element && event.target.closest("button, summary");
    const actions = {
      Escape: () => this.choose(""),
      "+": () => this.picture.zoom(1.25),
      "=": () => this.picture.zoom(1.25),
      "-": () => this.picture.zoom(1 / 1.25),
      0: () => this.picture.showAll(),
      ...Object.assign({}, ...this.parts.map((part) => part.keys)),
    };
    event.stopPropagation(); // the notebook has its own meaning for single keys
    if (typing || pressing || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  // -- gradients ----------------------------------------------------------------------------------------------------------------

  backwardSeen() {
    return this.record.sawBackward || Object.values(this.live).some((state) => state.grad !== null);
  }

  toggleBackward() {
    this.showBackward(this.backward.getAttribute("aria-pressed") !== "true");
  }

  showBackward(on) {
    this.backward.setAttribute("aria-pressed", String(on));
    this.part("show").backwardShown(on);
    this.element.classList.toggle("nbx-show-backward", on);
  }

  /** Take over what the tensors hold now. @param {{ [id: string]: import("./record.js").State }} live */
  update(live) {
    const changed = Object.keys(live).filter((id) => this.record.values.has(id) && live[id].stamp !== this.live[id]?.stamp);
    if (!changed.length) return;
    const before = this.live;
    const firstGradient = !this.backwardSeen();
    this.live = live;
    for (const id of changed) this.inkGradient(id);
    this.picture.relabel(new Set(changed));
    if (firstGradient && this.backwardSeen()) this.showBackward(true);
    if (!this.selected || changed.includes(this.selected) || this.record.calls.has(this.selected)) this.inspector.refresh();
    for (const part of this.parts) part.updated?.(changed);
    this.announceChange(changed, before);
  }

  /** What a value holds: under a "what if" what it would hold, else what the tensor holds now, where that is known. @param {string} id */
  state(id) {
    return this.imagined?.[id] ?? this.live[id];
  }

  /** Show other numbers than those of the tensors, or these again. @param {{ [id: string]: import("./record.js").State } | null} state */
  imagine(state) {
    const changed = new Set([...Object.keys(state ?? {}), ...Object.keys(this.imagined ?? {})]);
    this.imagined = state;
    for (const id of changed) this.inkGradient(id);
    for (const node of this.picture.nodes) node.classList.remove("nbx-changed"); // nothing arrived: a glow at every move would only flicker
    this.picture.relabel(changed);
    this.inspector.refresh();
  }

  inkGradient(id) {
    const value = this.record.values.get(id);
    if (!value) return;
    const { grad } = this.record.gradOf(value, this.state(id));
    const values = grad?.values ?? [];
    const few = values.length > 0 && values.length <= 4 && values.length === grad.size && !grad.nan && !grad.inf;
    const norm = this.record.normOf(grad);
    const elements = few && `∂ ${values.map((x) => formatBrief(/** @type {any} */ (x))).join(" ")}`;
    const texts = !grad
      ? ["∂ –"]
      : [elements, typeof norm === "number" && `∂ ‖g‖ ${formatBrief(norm)}`, `∂ ${formatBrief(norm)}`];
    this.picture.setGradient(id, texts.filter(Boolean), norm);
  }

  announceChange(changed, before) {
    const has = (id, state) => Boolean(this.record.gradOf(this.record.values.get(id), state).grad);
    const had = (id) => has(id, before[id]);
    const names = (ids) =>
      ids
        .slice(0, 4)
        .map((id) => this.record.label(id))
        .join(", ") + (ids.length > 4 ? ` and ${ids.length - 4} more` : "");
    const came = changed.filter((id) => has(id, this.live[id]) && !had(id));
    const gone = changed.filter((id) => !has(id, this.live[id]) && had(id));
    const chosen = this.live[this.selected]?.grad;
    const parts = [came.length && `gradient arrived: ${names(came)}`, gone.length && `gradient set to None: ${names(gone)}`];
    if (!came.length && !gone.length && changed.includes(this.selected) && chosen)
      parts.push(`gradient norm of ${this.record.label(this.selected)} is now ${formatBrief(this.record.normOf(chosen))}`);
    if (parts.some(Boolean)) this.announce(parts.filter(Boolean).join("; "));
  }

  /** Spoken at most once a second; of a burst only the last. @param {string} text */
  announce(text) {
    this.spoken = text;
    if (this.pause) return;
    this.announcer.textContent = text;
    this.pause = setTimeout(() => {
      this.pause = null;
      if (this.spoken !== this.announcer.textContent) this.announce(this.spoken);
    }, 1000);
  }

  setStatus(text) {
    this.status.textContent = oneLine(text, 300);
  }

  /** Nothing will change any more; what was recorded can still be looked at. */
  loseKernel() {
    this.kernelGone = true;
    this.setStatus("The kernel has gone: this is what it had sent.");
    for (const part of this.parts) part.kernelGone?.();
  }

  destroy() {
    clearTimeout(this.pause);
    this.watcher.disconnect();
    this.theme.stop();
    for (const part of this.parts) part.destroy?.();
    this.picture.destroy();
    this.inspector.destroy();
    this.element.remove();
  }
}
