// The record in the page: look-ups over the Graph's JSON, and what can be said about a value from it alone.
//
// The JSON leaves out fields that hold their default (see records.py), so this is the one place that knows the defaults.

import { formatBrief, oneLine, speakShape } from "./format.js";

/**
 * @typedef {{ size: number, values?: (number | string | boolean)[], mean?: number, std?: number, min?: number, max?: number,
 *   norm?: number, nan?: number, inf?: number, zeros?: number }} Summary
 * @typedef {{ source: string, line: number, end_line: number, column: number, end_column: number, function: string, text: string }} Place
 * @typedef {{ id: string, shape: number[], dtype: string, name: string | null, requires_grad: boolean, is_leaf: boolean,
 *   is_parameter: boolean, data: Summary | null, grad: Summary | null, grad_kept: boolean, place: Place | null, cut: string | null,
 *   version: number }} Value
 * @typedef {{ id: string, op: string, inputs: string[], outputs: string[], node: string | null, params: [string, string][],
 *   formulas: [string, string][], scope: string | null, place: Place | null, grad_mode: boolean, in_place: boolean, is_view: boolean,
 *   error: string | null, saved: string[] }} Call
 * @typedef {{ data: Summary | null, grad: Summary | null, stamp: number }} State what a value holds now
 */

const VALUE = {
  name: null,
  requires_grad: false,
  is_leaf: true,
  is_parameter: false,
  data: null,
  grad: null,
  grad_kept: false,
  place: null,
  cut: null,
  version: 0,
};
const CALL = {
  node: null,
  params: [],
  formulas: [],
  scope: null,
  place: null,
  grad_mode: true,
  in_place: false,
  is_view: false,
  error: null,
  saved: [],
};

export class Record {
  /** @param {any} plain what `Graph.to_json` wrote, parsed */
  constructor(plain) {
    /** @type {Map<string, Value>} */
    this.values = new Map((plain.values ?? []).map((v) => [v.id, { ...VALUE, ...v }]));
    /** @type {Map<string, Call>} */
    this.calls = new Map((plain.calls ?? []).map((c) => [c.id, { ...CALL, ...c }]));
    this.scopes = new Map((plain.scopes ?? []).map((s) => [s.id, s]));
    /** @type {any[]} */
    this.steps = plain.steps ?? [];
    /** @type {string[]} */
    this.notes = plain.notes ?? [];
    /** @type {string[]} values that backward was called on, else the last ones made */
    this.roots = plain.roots ?? [];
    /** @type {string} */
    this.source = plain.source ?? "";
    /** @type {Map<string, Call>} */
    this.producers = new Map();
    /** @type {Map<string, Call[]>} */
    this.users = new Map();
    for (const call of this.calls.values()) {
      for (const id of call.outputs) this.producers.set(id, call);
      for (const id of new Set(call.inputs)) {
        if (!this.users.has(id)) this.users.set(id, []);
        this.users.get(id).push(call);
      }
    }
    this.sawBackward = this.steps.length > 0 || [...this.values.values()].some((v) => v.grad);
  }

  /** What to call a value, always one line. @param {string} id */
  label(id) {
    const value = this.values.get(id);
    if (!value) return id;
    if (value.name) return oneLine(value.name);
    const producer = this.producers.get(id);
    return producer ? `${opName(producer)} result` : id;
  }

  /**
   * The gradient to show and whether it is the tensor's `.grad`. What only flowed by in backward is told by the record alone.
   * @param {Value} value @param {State | undefined} state
   * @returns {{ grad: Summary | null, kept: boolean }}
   */
  gradOf(value, state) {
    if (!state) return { grad: value.grad, kept: value.grad_kept };
    if (state.grad) return { grad: state.grad, kept: value.is_leaf || value.grad_kept };
    return value.grad_kept ? { grad: null, kept: true } : { grad: value.grad, kept: false };
  }

  /** The norm to print: not a number where some element is not one. @param {Summary | null | undefined} summary */
  normOf(summary) {
    return !summary ? null : summary.nan ? "nan" : summary.inf ? "inf" : (summary.norm ?? null);
  }

  /** A value or operator in one spoken sentence. @param {string} id @param {State | undefined} state */
  describe(id, state) {
    const call = this.calls.get(id);
    if (call) return `${opName(call)}, operator${call.place ? `, line ${call.place.line}` : ""}`;
    const value = this.values.get(id);
    if (!value) return "";
    const { grad } = this.gradOf(value, state);
    const parts = [this.label(id), this.kind(value), speakShape(value.shape)];
    parts.push(grad ? `gradient norm ${formatBrief(this.normOf(grad))}` : "no gradient");
    if (value.place) parts.push(`line ${value.place.line}`);
    return parts.join(", ");
  }

  /** @param {Value} value */
  kind(value) {
    if (value.is_parameter) return "parameter";
    if (value.is_leaf) return value.requires_grad ? "leaf that learns" : "input";
    return "result";
  }

  /**
   * Why a value has no gradient, in one sentence; the record knows more than `.grad is None` does.
   * @param {Value} value
   * @param {State | undefined} state
   * @param {boolean} backwardSeen in the record or since
   */
  whyNoGrad(value, state, backwardSeen) {
    const cuts = {
      detach: "detach() cut it from the graph: no gradient flows through it.",
      inference_mode: "It was made inside torch.inference_mode(): nothing was recorded, and backward cannot save it.",
      no_grad: "It was made inside torch.no_grad(): nothing was recorded to flow back through.",
      integer: `Only floating point and complex tensors carry gradients; this one is ${value.dtype}.`,
      data: "It was reached through .data, which the graph does not see.",
    };
    if (value.cut) return cuts[value.cut] ?? `Cut: ${value.cut}.`;
    if (!value.requires_grad && /^u?int|^bool/.test(value.dtype)) return cuts.integer;
    if (!value.requires_grad && value.is_leaf) return "requires_grad is False: no gradient is computed for it.";
    if (!value.requires_grad) return "None of the tensors it was made from requires a gradient.";
    if (value.grad && value.grad_kept && state && !state.grad) return "There was one; .grad has been set to None since.";
    if (!backwardSeen) return "backward() has not been called yet.";
    if (!value.is_leaf) return "It is not a leaf: .grad is kept only after retain_grad().";
    return "backward() ran, but no path leads from its root to this tensor.";
  }
}

/** @param {Call} call */
export function opName(call) {
  const module = call.id.startsWith("g") && call.params.find(([name]) => name === "module");
  const name = /^[\w.]+$/.test(call.op) ? call.op.replace(/^.*\./, "") : call.op;
  return module ? `${module[1]}: ${name}` : name;
}
