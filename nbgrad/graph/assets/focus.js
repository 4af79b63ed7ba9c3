// Looking at a part of the graph only: what leads to a tensor, what comes of it, or what lies between two.

import { element } from "./dom.js";

export class Focus {
  place = "above";

  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.element = element("div", { class: "nbx-focus", hidden: true, dataset: { testid: "focus" } });
    this.waiting = ""; // the first of two tensors
    this.names = new Map();
  }

  get folding() {
    return this.explorer.part("folding");
  }

  /** The buttons for a tensor in the inspector. @param {string} id */
  actions(id) {
    const button = (text, title, work) => element("button", { type: "button", class: "nbx-action", title, onclick: work }, text);
    const can = (focus) => this.folding.can({ focus, actions: [] });
    return [
      can([id, null]) && button("what leads here", "Show only what this tensor was computed from", () => this.show([id, null])),
      can([null, id]) && button("what comes of it", "Show only what was computed from this tensor", () => this.show([null, id])),
      this.explorer.host.knows ? null : this.waiting && this.waiting !== id
        ? button(`between ${this.nameOf(this.waiting)} and this`, "Show only the ways from one to the other", () => this.between(this.waiting, id))
        : button("between …", "Then choose the second tensor", () => this.wait(id)),
    ].filter(Boolean);
  }

  wait(id) {
    this.names.set(id, this.explorer.record.label(id));
    this.waiting = id;
    this.redrawn();
    this.explorer.announce("now choose the second tensor");
  }

  between(a, b) {
    this.waiting = "";
    // from the earlier one to the later one
    const [first, second] = this.explorer.rankOf(a) <= this.explorer.rankOf(b) ? [a, b] : [b, a];
    this.show([first, second]);
  }

  show(focus) {
    for (const id of focus) if (id) this.names.set(id, this.nameOf(id));
    this.folding.show({ focus, actions: [] }, "focused");
  }

  nameOf(id) {
    return this.names.get(id) ?? this.explorer.record.label(id);
  }

  redrawn() {
    const [a, b] = this.folding?.state.focus ?? [];
    const clear = (work) => element("button", { type: "button", class: "nbx-action", onclick: work }, "Show all");
    const parts = this.waiting
      ? [element("span", {}, `From ${this.nameOf(this.waiting)}: choose the second tensor.`), clear(() => this.stopWaiting())]
      : a || b
        ? [
            element("span", {}, a && b ? `Between ${this.nameOf(a)} and ${this.nameOf(b)}` : a ? `What leads to ${this.nameOf(a)}` : `What comes of ${this.nameOf(b)}`),
            clear(() => this.folding.show({ focus: [], actions: [] }, "all of the graph")),
          ]
        : [];
    this.element.replaceChildren(...parts);
    this.element.hidden = parts.length === 0;
  }

  stopWaiting() {
    this.waiting = "";
    this.redrawn();
  }
}
