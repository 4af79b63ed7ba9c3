// The inspector: everything about the selected tensor or operator, from the record at once and from the kernel when it answers.

import { element } from "./dom.js";
import { formatBrief, formatCount, formatNumber, formatShape, isolated, oneLine, plural } from "./format.js";
import { opName } from "./record.js";
import { TensorView } from "./tensor.js";

const MOST_LISTED = 12;

/**
 * @typedef {{ record: import("./record.js").Record, state: (id: string) => import("./record.js").State | undefined,
 *   backwardSeen: () => boolean, theme: () => "light" | "dark", onSelect: (id: string) => void,
 *   ask: (kind: string, wish: any) => Promise<import("./inspection.js").Reply | null>, shared: import("./shared.js").Shared,
 *   onReveal: (id: string) => void, noElements: string, actionsFor: (id: string) => HTMLElement[],
 *   onElement?: (id: string, index: number[]) => void, whole: () => { tensors?: number, operators?: number, parameters?: number, numbers?: number } }} InspectorOptions
 */

export class Inspector {
  /** @param {InspectorOptions} options */
  constructor(options) {
    this.options = options;
    this.element = element("section", {
      class: "nbx-inspector",
      "aria-label": "Inspector",
      tabindex: 0,
      dataset: { testid: "inspector" },
    });
    /** @type {TensorView | null} */
    this.tensor = null;
    this.id = "";
    this.taste = { scale: /** @type {const} */ ("linear"), logCounts: false, table: false, names: new Map() }; // kept from tensor to tensor
    this.show("");
  }

  /** @param {string} id of a value or call, or "" for the overview */
  show(id) {
    const { record } = this.options;
    const value = record.values.get(id);
    const call = record.calls.get(id);
    const stays = value && id === this.id ? this.tensor : null; // the same tensor in another scene: where a reader was in it stays
    if (!stays) this.tensor?.destroy();
    this.tensor = stays;
    this.id = id;
    const parts = value ? this.valueParts(value) : call ? this.callParts(call) : this.overviewParts();
    if (stays) {
      for (const child of [...this.element.children]) if (child !== stays.element) child.remove();
      this.element.prepend(...parts.slice(0, -1));
      stays.show(value);
    } else {
      this.element.replaceChildren(...parts);
      this.element.scrollTop = 0;
    }
  }

  // -- a tensor -----------------------------------------------------------------------------------------------------------------

  valueParts(value) {
    const { record } = this.options;
    const producer = record.producers.get(value.id);
    const users = record.users.get(value.id) ?? [];
    const facts = [
      ["made at", placeParts(value.place)],
      [
        "by",
        producer && [
          this.link(producer.id, opName(producer)),
          producer.node && element("span", { class: "nbx-quiet" }, producer.node),
        ],
      ],
      ["formula", producer?.formulas.length && producer.formulas.map(formulaLine)],
      ["used by", users.length && users.slice(0, 12).map((call) => this.link(call.id, opName(call)))],
      ["version", value.version > 0 && [`${value.version}, changed in place`]],
    ];
    this.tensor ??= new TensorView(this.options, value, this.taste);
    return [
      this.heading(record.label(value.id), value),
      element("div", { class: "nbx-actions" }, ...this.options.actionsFor(value.id)),
      factList(facts),
      this.tensor.element,
    ];
  }

  heading(label, value) {
    const flags = [value.is_parameter && "parameter", value.is_leaf && "leaf", value.requires_grad && "requires_grad"];
    return element(
      "header",
      { class: "nbx-heading" },
      element("h2", { class: value.name ? null : "nbx-unnamed" }, isolated(label)),
      element("span", { class: "nbx-shape" }, formatShape(value.shape)),
      element("span", { class: "nbx-quiet" }, value.dtype),
      element(
        "span",
        { class: "nbx-flags" },
        ...flags.filter(Boolean).map((flag) => element("span", { class: `nbx-flag nbx-flag-${flag}` }, flag)),
      ),
    );
  }

  /** What is shown may have changed. */
  refresh() {
    if (this.tensor) this.tensor.refresh();
    else this.refreshGradients();
  }

  // -- an operator --------------------------------------------------------------------------------------------------------------

  callParts(call) {
    const { record } = this.options;
    const flags = [call.is_view && "view", call.in_place && "in place", !call.grad_mode && "no_grad"].filter(Boolean);
    const scope = this.scopePath(call.scope);
    const group = call.id.startsWith("g") ? new Map(call.params) : null; // a folded run of operators tells its size there
    const facts = [
      ["made at", placeParts(call.place)],
      ["inside", scope && [scope]],
      ["params", !group && call.params.length && call.params.map(([name, text]) => codeLine(`${name} = ${oneLine(text)}`))],
      ["inputs", call.inputs.length && [this.valueTable(call.inputs)]],
      ["outputs", call.outputs.length && [this.valueTable(call.outputs)]],
      ["derivative", call.formulas.length && call.formulas.map(formulaLine)],
      ["backward", this.stepLines(call)],
      ["raised", call.error && [element("span", { class: "nbx-bad" }, call.error)]],
    ];
    return [
      element(
        "header",
        { class: "nbx-heading" },
        element("h2", {}, opName(call)),
        element("span", { class: "nbx-quiet" }, group ? foldedSize(group) : (call.node ?? "not recorded for backward")),
        element("span", { class: "nbx-flags" }, ...flags.map((flag) => element("span", { class: "nbx-flag" }, flag))),
      ),
      factList(facts),
    ];
  }

  valueTable(ids) {
    const { record } = this.options;
    const rows = ids.map((id) => {
      const value = record.values.get(id);
      return element(
        "tr",
        {},
        element("td", {}, this.link(id, record.label(id))),
        element("td", { class: "nbx-quiet" }, value ? formatShape(value.shape) : ""),
        element("td", { class: "nbx-grad-ink", dataset: { norm: id } }, this.gradientText(id)),
      );
    });
    return element("table", { class: "nbx-values" }, element("tbody", {}, ...rows));
  }

  gradientText(id) {
    const value = this.options.record.values.get(id);
    return `∂ ${formatBrief(value && this.options.record.normOf(this.options.record.gradOf(value, this.options.state(id)).grad))}`;
  }

  refreshGradients() {
    for (const cell of this.element.querySelectorAll("[data-norm]")) cell.textContent = this.gradientText(cell.dataset.norm);
  }

  stepLines(call) {
    const norms = (grads) => (grads ?? []).map((grad) => formatNumber(this.options.record.normOf(grad))).join(", ");
    const steps = this.options.record.steps.filter((step) => step.call === call.id).slice(0, 8);
    return (
      steps.length &&
      steps.map((step) =>
        element(
          "div",
          {},
          `step ${step.order}`,
          element("span", { class: "nbx-grad-ink" }, `  ‖∂‖ ${norms(step.grads_in)} → ${norms(step.grads_out)}`),
        ),
      )
    );
  }

  scopePath(id) {
    const names = [];
    for (
      let scope = this.options.record.scopes.get(id);
      scope && names.length < 20;
      scope = this.options.record.scopes.get(scope.parent)
    )
      names.unshift(oneLine(scope.path ? `${scope.path}: ${scope.name}` : scope.name));
    return names.join(" › ");
  }

  // -- nothing selected ---------------------------------------------------------------------------------------------------------

  overviewParts() {
    const { record } = this.options;
    const values = [...record.values.values()];
    const replaced = new Set([...record.calls.values()].filter((call) => call.in_place).map((call) => call.inputs[0]));
    const learning = values.filter((value) => value.is_parameter && !replaced.has(value.id));
    const parameters = [...new Map(learning.map((value) => [value.name ?? value.id, value])).values()]; // the newest of each name
    const whole = this.options.whole();
    const count = whole.parameters ?? parameters.length;
    const listed = parameters.slice(0, MOST_LISTED);
    const more = count - listed.length;
    const learned = whole.numbers ?? parameters.reduce((sum, value) => sum + value.shape.reduce((a, b) => a * b, 1), 0);
    const facts = [
      ["tensors", [sizeOf(whole.tensors, values.length)]],
      ["operators", [sizeOf(whole.operators, record.calls.size)]],
      [
        "learns",
        count > 0 && [
          listed.length > 0 && this.valueTable(listed.map((value) => value.id)),
          element("div", { class: "nbx-quiet" }, `${more > 0 ? `${listed.length ? "and " : ""}${formatCount(more)} more, ` : ""}${plural(learned, "number")}`),
        ],
      ],
      ["notes", record.notes.length && record.notes.map((note) => element("div", {}, note))],
    ];
    return [
      element("header", { class: "nbx-heading" }, element("h2", {}, "Graph")),
      factList(facts),
      element("p", { class: "nbx-quiet" }, "Choose a tensor or an operator to look inside. Arrow keys follow the edges."),
    ];
  }

  link(id, text) {
    return element("button", { type: "button", class: "nbx-link", onclick: () => this.options.onSelect(id) }, isolated(text));
  }

  destroy() {
    this.tensor?.destroy();
  }
}

/** How many there are, and how many of them are drawn. @param {number | undefined} whole @param {number} shown */
function sizeOf(whole, shown) {
  return whole === undefined || whole === shown
    ? formatCount(shown)
    : `${formatCount(whole)}, drawn as ${formatCount(shown)}`;
}

function factList(facts) {
  const rows = facts
    .filter(([, parts]) => parts && parts.length)
    .map(([name, parts]) => element("div", {}, element("dt", {}, name), element("dd", {}, ...parts)));
  return element("dl", { class: "nbx-facts" }, ...rows);
}

function placeParts(place) {
  if (!place) return null;
  const where = place.source === "cell" ? `line ${place.line}` : `${place.source}, line ${place.line}`;
  return [element("span", { class: "nbx-where" }, where), place.text && codeLine(place.text)];
}

function codeLine(text) {
  return element("code", {}, isolated(text));
}

function formulaLine([name, formula]) {
  return element("div", { class: "nbx-formula" }, element("span", { class: "nbx-grad-ink" }, `∂ ${name}`), codeLine(formula));
}

/** @param {Map<string, string>} group what a folded call says of itself */
function foldedSize(group) {
  const operators = plural(Number(group.get("calls")), "operator");
  return group.has("times") ? `${plural(Number(group.get("times")), "iteration")}, ${operators}, folded` : `${operators}, folded`;
}
