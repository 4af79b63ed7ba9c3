// Everything about one selected tensor: value and gradient side by side, which plane of them is seen, and the difference from the pinned one.
//
// What is known from the record shows at once; the rest is asked of the kernel in rounds, so that no more than some fifteen questions a
// second are under way however fast the tensor changes: of the changes in between the last one shows.

import { Difference, readSide, writeSide } from "./difference.js";
import { element } from "./dom.js";
import { fromSummary, fullIndex, joinCounts, joinTile, joinWindow, otherDims } from "./inspection.js";
import { Pane } from "./pane.js";

const PER_QUESTION = 65; // milliseconds at least

/** @typedef {import("./inspector.js").InspectorOptions} InspectorOptions @typedef {import("./record.js").Value} Value */

export class TensorView {
  /** @param {InspectorOptions} options @param {Value} value @param {import("./histogram.js").Taste & { table: boolean, names: Map<string, string> }} taste */
  constructor(options, value, taste) {
    this.options = options;
    this.value = value;
    this.taste = taste;
    const count = value.shape.length;
    this.dims = value.shape.map((_, d) => d).slice(-2);
    this.place = value.shape.map(() => 0); // in every dimension; what counts are those that are not shown
    this.reduce = "max_abs";
    this.panes = /** @type {const} */ (["data", "grad"]).map((which) => this.makePane(which));
    this.difference = new Difference({
      theme: options.theme,
      nameOf: ({ id, which }) => `${this.nameOf(id)}${which === "grad" ? ".grad" : ""}`,
      onUnpin: () => options.shared.set("pinned", ""),
      onWish: () => this.refresh(),
      onGo: (index) => this.goTo(index),
    });
    this.controls = element("div", { class: "nbx-planes", hidden: count < 3 || value.shape.includes(0) });
    this.drawControls();
    this.jump = this.makeJump();
    this.element = element(
      "div",
      { class: "nbx-tensor" },
      this.controls,
      this.jump,
      element("div", { class: "nbx-panes" }, ...this.panes.map((pane) => pane.element)),
      this.difference.element,
    );
    this.forget = options.shared.onChange("pinned", () => this.refresh());
    this.refresh();
  }

  makePane(which) {
    const { options, taste } = this;
    const pane = new Pane({
      which,
      theme: options.theme,
      noElements: options.noElements,
      onPoint: (cell) => this.panes.forEach((each) => each.point(cell)),
      onPick: (row, column) => this.pick(pane, row, column),
      onReduce: (reduce) => this.look(() => (this.reduce = reduce)),
      onPin: () => this.togglePin(which),
      onActive: (row, column) => this.activate(row, column),
      onFind: (what) => this.find(pane, what),
      onOpen: (open) => this.openTables(open),
      onSelect: options.onReveal,
      window: async (at, size) => {
        const reply = await options.ask("window", { ...this.plane(), value: this.value.id, which, at, size });
        return reply && joinWindow(reply);
      },
      taste: () => taste,
      onTaste: (change) => {
        Object.assign(taste, change);
        for (const each of this.panes) each.histogram.draw();
        if (change.scale) this.refresh();
      },
    });
    pane.tablePlace.open = taste.table;
    return pane;
  }

  /** The same tensor in another scene. @param {Value} value */
  show(value) {
    this.value = value;
    this.refresh();
  }

  /** Also of what is folded away now. */
  nameOf(id) {
    const { record } = this.options;
    if (record.values.has(id)) this.taste.names.set(id, record.label(id));
    return this.taste.names.get(id) ?? id;
  }

  // -- which plane --------------------------------------------------------------------------------------------------------------

  plane() {
    return { dims: this.dims, index: otherDims(this.value.shape, this.dims).map((d) => this.place[d]) };
  }

  /** Two lists to choose rows and columns from, and a slider for every other dimension. */
  drawControls() {
    const { shape } = this.value;
    if (this.controls.hidden) return;
    const focused = this.controls.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
    const choose = (end, name) => {
      const options = shape.map((size, d) => element("option", { value: d }, `dim ${d} (${size})`));
      const select = element(
        "select",
        { "aria-label": `dimension shown as ${name}`, onchange: () => this.chooseDim(end, Number(select.value)) },
        ...options,
      );
      select.value = String(this.dims[end]);
      return element("label", {}, element("span", {}, name), select);
    };
    this.controls.replaceChildren(
      element("div", { class: "nbx-row" }, choose(0, "rows"), choose(1, "columns")),
      ...otherDims(shape, this.dims).map((d) => this.makeSlider(d, shape[d])),
    );
    if (focused)
      [...this.controls.querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === focused)?.focus();
  }

  makeSlider(dim, size) {
    const shown = element("output", {}, `${this.place[dim]} / ${size - 1}`);
    const label = `index in dimension ${dim}`;
    const slider = element("input", { type: "range", min: 0, max: size - 1, value: this.place[dim], "aria-label": label });
    slider.addEventListener("input", () => {
      shown.textContent = `${slider.value} / ${size - 1}`;
      this.look(() => (this.place[dim] = Number(slider.value)));
    });
    return element("label", { class: "nbx-slider" }, element("span", {}, `dim ${dim}`), slider, shown);
  }

  chooseDim(end, dim) {
    const other = this.dims[1 - end] === dim ? this.dims[end] : this.dims[1 - end]; // what was the other one changes places
    this.look(() => (this.dims = end ? [other, dim] : [dim, other]));
    this.drawControls();
  }

  look(change) {
    change();
    this.refresh(false);
  }

  // -- which element ------------------------------------------------------------------------------------------------------------

  makeJump() {
    const { shape } = this.value;
    const example = shape.map((size) => size >> 1).join(", ");
    this.jumpNote = element("span", { class: "nbx-quiet", "aria-live": "polite" });
    const field = element("input", {
      type: "text",
      placeholder: example,
      size: Math.max(8, example.length),
      "aria-label": `Go to the element at an index, such as ${example}`,
      onkeydown: (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        this.jumpTo(field);
      },
    });
    const button = element("button", { type: "button", class: "nbx-small", onclick: () => this.jumpTo(field) }, "go");
    return element(
      "div",
      { class: "nbx-row nbx-jump", hidden: true },
      element("span", { class: "nbx-quiet" }, "element"),
      field,
      button,
      this.jumpNote,
    );
  }

  /** An index as Python writes one: as many numbers as dimensions, negative ones from the end. */
  jumpTo(field) {
    const { shape } = this.value;
    const words = field.value
      .replace(/[[\]()]/g, " ")
      .split(/[\s,]+/)
      .filter(Boolean);
    const index = words.map(
      (word, d) => (/^[-−]?\d+$/.test(word) ? Number(word.replace("−", "-")) : NaN) + (/^[-−]/.test(word) ? shape[d] : 0),
    );
    const wrong = index.findIndex((i, d) => !(i >= 0 && i < shape[d]));
    field.toggleAttribute("aria-invalid", words.length !== shape.length || wrong >= 0);
    this.jumpNote.textContent =
      words.length !== shape.length
        ? `${shape.length} numbers are needed`
        : wrong >= 0
          ? `dimension ${wrong} has 0 to ${shape[wrong] - 1}`
          : "";
    if (!this.jumpNote.textContent) this.goTo(index);
  }

  /** Bring one element into view, in another slice if need be. @param {number[]} index in every dimension */
  goTo(index) {
    const rest = otherDims(this.value.shape, this.dims);
    const moved = rest.some((d) => this.place[d] !== index[d]);
    const [row, column] = [0, 0, ...this.dims.map((d) => index[d])].slice(-2);
    this.taste.table = true;
    for (const pane of this.panes) pane.tablePlace.open = true;
    if (moved) {
      for (const d of rest) this.place[d] = index[d];
      this.drawControls();
      this.refresh(false);
    }
    this.activate(row, column);
  }

  /** Make one element of the plane the active one on both sides. */
  activate(row, column) {
    for (const pane of this.panes) {
      pane.table?.goTo(row, column);
      const tile = pane.heatmap.seen?.tile;
      if (tile) pane.point([Math.floor(row / tile.block_rows), Math.floor(column / tile.block_columns)]);
    }
  }

  /** A cell of the map was chosen: its elements in the table. */
  pick(pane, row, column) {
    const { seen } = pane.heatmap;
    const { block_rows, block_columns } = seen.tile;
    const index = /** @type {number[]} */ (fullIndex(seen, row * block_rows, column * block_columns));
    if (!pane.tablePlace.hidden) this.goTo(index);
    this.options.onElement?.(this.value.id, index);
  }

  /** Go to the next NaN behind the active element, from the end to the first again; or to the largest and so on. */
  async find(pane, what) {
    if (!what) return;
    const seen = pane.heatmap.seen;
    const next = what === "nan" || what === "inf";
    const from = this.foundBy === `${what} ${pane.options.which}` ? this.found : -1;
    const wish = { value: this.value.id, which: pane.options.which, what };
    const ask = (after) => this.options.ask("element", { ...wish, after: next ? after : -1 }).catch(() => null);
    let reply = await ask(from);
    if (from >= 0 && reply && reply.header.position === null) reply = await ask(-1);
    if (this.closed || !seen) return;
    const { position = null, index, refused } = reply?.header ?? {};
    this.jumpNote.textContent = position !== null ? "" : !reply ? this.options.noElements : (refused ?? "There is none.");
    if (position === null) return;
    this.foundBy = `${what} ${pane.options.which}`;
    this.found = position;
    this.goTo(index);
  }

  openTables(open) {
    this.taste.table = open;
    for (const pane of this.panes) {
      pane.tablePlace.open = open;
      if (open) pane.table?.draw();
    }
  }

  // -- rounds -------------------------------------------------------------------------------------------------------------------

  /** Show what is known now, then ask. @param {boolean} whole or only what depends on the plane */
  refresh(whole = true) {
    for (const pane of this.panes) this.showKnown(pane);
    this.whole ||= whole;
    this.again = true;
    if (!this.running) this.run();
  }

  async run() {
    this.running = true;
    while (this.again && !this.closed) {
      const whole = this.whole;
      this.again = this.whole = false;
      const began = performance.now();
      this.questions = 0;
      await this.round(whole);
      const wait = this.questions * PER_QUESTION - (performance.now() - began);
      if (wait > 0 && !this.closed) await new Promise((resolve) => (this.pause = setTimeout(resolve, wait)));
    }
    this.running = false;
  }

  async ask(kind, wish) {
    this.questions += 1;
    const reply = await this.options.ask(kind, wish).catch(() => null);
    return this.closed ? null : reply;
  }

  /** Maps first: they are what a reader waits for. */
  async round(whole) {
    for (const pane of this.panes) await this.fill(pane);
    await this.compare();
    if (!whole || this.closed) return;
    for (const pane of this.panes) {
      const { which } = pane.options;
      const { seen } = pane.heatmap;
      if (pane.wanted && seen && !pane.heatmap.element.hidden && Pane.worthCounting(seen)) {
        const reply = await this.ask("histogram", { value: this.value.id, which, scale: this.taste.scale });
        if (this.closed) return;
        pane.histogram.show(reply && joinCounts(reply));
      }
      const told = await this.ask("history", { value: this.value.id, which });
      if (this.closed) return;
      pane.history.show(told && told.header);
    }
  }

  async fill(pane) {
    if (!pane.wanted) return;
    const reply = await this.ask("array", {
      value: this.value.id,
      which: pane.options.which,
      reduce: this.reduce,
      ...this.plane(),
    });
    if (this.closed || !pane.wanted) return; // the gradient may have gone while we asked
    if (reply) this.showElements(pane, joinTile(reply));
    else if (!pane.local) this.showNoElements(pane, this.known(pane));
    this.jump.hidden = this.panes.every((each) => each.tablePlace.hidden);
  }

  async compare() {
    const pinned = readSide(this.options.shared.get("pinned"));
    for (const pane of this.panes) {
      const here = pinned?.id === this.value.id && pinned.which === pane.options.which;
      pane.pin.setAttribute("aria-pressed", String(here));
      pane.pin.textContent = here ? "pinned" : "pin";
      pane.pin.setAttribute("aria-label", `${here ? "pinned:" : "pin"} this ${pane.name} to compare`);
    }
    const { difference, options } = this;
    if (this.closed) return;
    if (!pinned) return difference.hide();
    difference.begin(pinned, this.value.id);
    const kept = options.record.values.get(pinned.id)?.shape.join() === this.value.shape.join();
    const reply = await this.ask("difference", difference.wish(pinned, { reduce: this.reduce, ...(kept ? this.plane() : {}) }));
    if (this.closed) return;
    if (!reply) difference.refuse("the elements of one of the two are not at hand");
    else if (reply.header.refused) difference.refuse(reply.header.refused);
    else difference.show(joinTile(reply));
  }

  togglePin(which) {
    const { shared } = this.options;
    this.nameOf(this.value.id);
    const text = writeSide({ id: this.value.id, which });
    shared.set("pinned", shared.get("pinned") === text ? "" : text);
  }

  // -- what is known without asking -----------------------------------------------------------------------------------------------

  known(pane) {
    const { value, options } = this;
    const state = options.state(value.id);
    return pane.options.which === "grad" ? options.record.gradOf(value, state).grad : (state?.data ?? value.data);
  }

  showKnown(pane) {
    const { value, options } = this;
    const isGrad = pane.options.which === "grad";
    const summary = this.known(pane);
    pane.wanted = !isGrad || (summary !== null && this.isKept());
    if (isGrad) pane.title.textContent = !summary || this.isKept() ? ".grad" : "gradient";
    pane.local = null;
    if (isGrad && !summary)
      return pane.showMissing(options.record.whyNoGrad(value, options.state(value.id), options.backwardSeen()));
    const { dims, index } = this.plane();
    const local = fromSummary(value.shape, value.dtype, summary, dims, index);
    pane.local = local;
    if (local) pane.show(local, this.noteFor(pane));
    else if (summary) pane.showStats(summary, this.noteFor(pane));
    if (!pane.wanted && !local) this.showNoElements(pane, summary);
  }

  showElements(pane, seen) {
    const onlyFirst = seen.fixed && seen.shape.length > 2 && "This file holds the first slice only.";
    pane.show(seen, [this.noteFor(pane), onlyFirst].filter(Boolean).join(" "));
  }

  showNoElements(pane, summary) {
    if (pane.options.which === "data" && !summary) return pane.showMissing("Its values were not recorded, and it is gone.");
    pane.hideElements();
    if (summary && pane.wanted) pane.note.textContent = this.options.noElements;
  }

  isKept() {
    return this.options.record.gradOf(this.value, this.options.state(this.value.id)).kept;
  }

  noteFor(pane) {
    return pane.options.which === "grad" && !this.isKept() ? "Seen in backward, not kept in .grad." : "";
  }

  destroy() {
    this.closed = true;
    clearTimeout(this.pause);
    this.forget();
    this.difference.destroy();
    for (const pane of this.panes) pane.destroy();
  }
}
