// What the picture shows beside boxes and arrows, each when asked: which direction, gradient magnitude, shapes, memory, every operator.

import { element, shapeBox, svgElement } from "./dom.js";
import { formatBytes } from "./format.js";

const DIRECTIONS = { both: "forward and backward", forward: "forward only", backward: "backward only" };
const BYTES = { bool: 1, int8: 1, uint8: 1, float16: 2, int16: 2, float32: 4, int32: 4, complex64: 8, complex128: 16 };

export class Show {
  place = "toolbar";

  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    const name = `nbx-direction-${(Show.made += 1)}`;
    const direction = Object.entries(DIRECTIONS).map(([value, text]) =>
      element("label", {}, element("input", { type: "radio", name, value, checked: value === "both", onchange: () => this.direct(value) }), text),
    );
    this.panel = element(
      "div",
      { class: "nbx-options" },
      element("fieldset", {}, element("legend", {}, "Arrows"), ...direction),
      element(
        "fieldset",
        {},
        element("legend", {}, "On the picture"),
        this.option("magnitude", "gradient size by width and colour"),
        this.option("shapes", "shapes on arrows", true),
        this.option("memory", "memory of each tensor"),
        this.option("saved", "what is saved for backward"),
      ),
      element("fieldset", {}, element("legend", {}, "Level"), this.level()),
    );
    this.element = element(
      "details",
      { class: "nbx-show", dataset: { testid: "show" }, onkeydown: (event) => event.key === "Escape" && this.close(event) },
      element("summary", { role: "button" }, "Show"),
      this.panel,
    );
    this.elsewhere = (event) => this.element.contains(event.composedPath()[0]) || (this.element.open = false);
    document.addEventListener("pointerdown", this.elsewhere, true);
    this.keys = { b: () => this.explorer.toggleBackward(), m: () => this.toggle("magnitude") };
  }

  option(name, text, on = false) {
    const box = element("input", { type: "checkbox", checked: on, dataset: { option: name }, onchange: () => this.apply() });
    return element("label", {}, box, text);
  }

  level() {
    this.every = element("input", { type: "checkbox", dataset: { option: "ops" }, onchange: () => this.changeLevel() });
    return element("label", {}, this.every, "every operator inside matmul, losses …");
  }

  isOn(name) {
    return Boolean(this.panel.querySelector(`[data-option="${name}"]`)?.checked);
  }

  toggle(name) {
    const box = this.panel.querySelector(`[data-option="${name}"]`);
    box.checked = !box.checked;
    this.apply();
    this.explorer.announce(`${box.parentNode.textContent} ${box.checked ? "on" : "off"}`);
  }

  direct(value) {
    const list = this.explorer.element.classList;
    list.toggle("nbx-backward-only", value === "backward");
    this.explorer.showBackward(value !== "forward");
  }

  /** The arrows that are shown, after the toolbar's button changed them. @param {boolean} on */
  backwardShown(on) {
    const value = !on ? "forward" : this.explorer.element?.classList.contains("nbx-backward-only") ? "backward" : "both";
    for (const radio of this.panel.querySelectorAll("[type=radio]")) radio.checked = radio.value === value;
    if (!on) this.explorer.element?.classList.remove("nbx-backward-only");
  }

  async changeLevel() {
    const folding = this.explorer.part("folding");
    await folding.show({ level: this.every.checked ? "ops" : "story", actions: [] }, this.every.checked ? "every operator" : "what was written");
    this.every.checked = folding.state.level === "ops";
  }

  apply() {
    const list = this.explorer.element.classList;
    list.toggle("nbx-magnitude", this.isOn("magnitude"));
    list.toggle("nbx-no-shapes", !this.isOn("shapes"));
    this.mark();
  }

  /** Write the bytes of each tensor beside its box, and mark what backward has kept. */
  mark() {
    const { picture, record } = this.explorer;
    for (const old of picture.element.querySelectorAll(".nbx-bytes, .nbx-saved-mark")) old.remove();
    const saved = this.isOn("saved") ? new Set([...record.calls.values()].flatMap((call) => call.saved)) : new Set();
    for (const node of picture.nodes) {
      const value = record.values.get(node.getAttribute("data-value") ?? "");
      const box = value && shapeBox(node);
      if (!box || node.classList.contains("nb-row")) continue;
      if (this.isOn("memory")) {
        const bytes = value.shape.reduce((a, b) => a * b, 1) * (BYTES[value.dtype] ?? 8);
        node.append(svgElement("text", { class: "nbx-bytes", x: box.x + 3, y: box.y + box.height + 9 }, formatBytes(bytes)));
      }
      if (saved.has(value.id)) {
        const mark = svgElement("path", { class: "nbx-saved-mark", d: `M${box.x + 8} ${box.y - 5}h8v10l-4 -3.5l-4 3.5z` });
        mark.append(svgElement("title", {}, "saved for backward"));
        node.append(mark);
      }
    }
  }

  redrawn() {
    this.apply();
    const folding = this.explorer.part("folding");
    this.every.checked = folding?.state.level === "ops";
    const wish = (level) => ({ level, actions: [] });
    this.every.closest("fieldset").hidden = !(folding?.can(wish("ops")) && folding.can(wish("story")));
    const record = this.explorer.record;
    this.panel.querySelector('[data-option="saved"]').parentNode.hidden = ![...record.calls.values()].some((call) => call.saved.length);
  }

  close(event) {
    this.element.open = false;
    this.element.querySelector("summary").focus();
    event.stopPropagation();
  }

  destroy() {
    document.removeEventListener("pointerdown", this.elsewhere, true);
  }
}

Show.made = 0;
