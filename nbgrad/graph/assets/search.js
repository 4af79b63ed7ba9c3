// Search over the whole record, also over what is folded away: a list of what was found, and a way to each of them.

import { element } from "./dom.js";
import { isolated, oneLine } from "./format.js";
import { opName } from "./record.js";

const KEY_REST = 150; // milliseconds after the last key
const SPECIAL = ["has NaN", "has Inf", "grad is None", "parameter", "leaf", "cut"];

export class Search {
  place = "search";

  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.count = 0;
    this.input = element("input", {
      type: "search",
      placeholder: "Search  /",
      role: "combobox",
      "aria-label": "Search tensors and operators",
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      title: `Names, operators, shapes, dtypes; or: ${SPECIAL.join(", ")}`,
      dataset: { testid: "search" },
      oninput: () => this.find(),
      onfocus: () => this.input.value || this.suggest(),
      onblur: () => setTimeout(() => this.close(), 150),
      onkeydown: (event) => this.key(event),
    });
    this.list = element("ul", { class: "nbx-hits", role: "listbox", "aria-label": "Found", hidden: true, id: `nbx-hits-${(Search.made += 1)}` });
    this.input.setAttribute("aria-controls", this.list.id);
    this.found = element("span", { class: "nbx-quiet nbx-found-count" });
    this.element = element("span", { class: "nbx-search" }, this.found, this.input, this.list);
    this.keys = { "/": () => this.input.focus() };
  }

  suggest() {
    this.show(SPECIAL.map((text) => ({ id: "", label: text, kind: "", wish: text })));
  }

  /** What the picture shows lights up at once; the whole record answers a moment later. */
  find() {
    const wanted = this.input.value.trim().toLowerCase();
    clearTimeout(this.resting);
    this.asked = wanted;
    if (!wanted) {
      this.explorer.picture.highlight(null);
      this.found.textContent = "";
      return this.suggest();
    }
    this.light((id) => this.matches(id, wanted));
    const { record } = this.explorer;
    this.show([...record.values.keys(), ...record.calls.keys()].filter((id) => this.matches(id, wanted)).map((id) => this.hitHere(id)));
    this.resting = setTimeout(() => this.ask(wanted), KEY_REST);
  }

  light(matches) {
    const { picture } = this.explorer;
    picture.highlight(matches);
    const ids = new Set(picture.nodes.map((n) => n.getAttribute("data-value") || n.getAttribute("data-id")));
    this.say([...ids].filter(matches).length);
  }

  say(count) {
    this.found.title = "";
    this.found.textContent = `${count.toLocaleString("en")} ${count === 1 ? "match" : "matches"}`;
  }

  /** Nobody knows the whole record: say that what is folded away was not searched. */
  sayWhere() {
    const whole = this.explorer.shared.get("folding")?.whole?.operators ?? 0;
    if (whole <= this.explorer.record.calls.size) return;
    this.found.textContent = `${this.found.textContent} in what is drawn`;
    this.found.title = "What is folded away is not searched here: that takes the kernel that recorded it.";
  }

  /** A letter or two find names; longer words also find node names, dtypes and shapes; as graph/find.py does for the whole record. */
  matches(id, wanted) {
    const call = this.explorer.record.calls.get(id);
    const value = this.explorer.record.values.get(id);
    const special = value && SPECIAL_HERE[wanted];
    if (SPECIAL_HERE[wanted]) return Boolean(special?.(value));
    const name = call ? opName(call) : (value?.name ?? "");
    const parts = wanted.length > 2 ? [name, call?.node, value?.dtype, value && `(${value.shape.join(", ")})`] : [name];
    return parts.filter(Boolean).join(" ").toLowerCase().includes(wanted);
  }

  async ask(wanted) {
    const answer = await this.explorer.host.ask("find", { text: wanted }).catch(() => null);
    if (wanted !== this.asked) return;
    if (!answer) return this.sayWhere(); // what is shown has answered already
    const { count, hits } = answer.header;
    this.say(count);
    const ids = new Set(hits.map((hit) => hit.id));
    this.explorer.picture.highlight((id) => ids.has(id) || this.matches(id, wanted));
    const chosen = this.hits[this.at]?.id;
    this.show(hits, count);
    this.at = hits.findIndex((hit) => hit.id === chosen);
  }

  hitHere(id) {
    const { record } = this.explorer;
    const call = record.calls.get(id);
    const value = record.values.get(id);
    return call
      ? { id, label: opName(call), kind: "operator", line: call.place?.line }
      : { id, label: record.label(id), kind: `(${value.shape.join(", ")})`, line: value.place?.line };
  }

  show(hits, count = hits.length) {
    this.hits = hits;
    this.at = -1;
    const { record } = this.explorer;
    const rows = hits.map((hit, i) =>
      element(
        "li",
        { role: "option", id: `${this.list.id}-${i}`, "aria-selected": "false", onpointerdown: (event) => this.take(i, event) },
        element("span", {}, isolated(oneLine(hit.label))),
        element("span", { class: "nbx-quiet" }, [hit.kind, hit.line && `line ${hit.line}`].filter(Boolean).join("  ")),
        hit.id && !record.values.has(hit.id) && !record.calls.has(hit.id) && element("span", { class: "nbx-quiet" }, "folded"),
      ),
    );
    if (count > hits.length) rows.push(element("li", { class: "nbx-quiet", role: "presentation" }, `and ${(count - hits.length).toLocaleString("en")} more`));
    this.list.replaceChildren(...rows);
    this.list.hidden = !hits.length || document.activeElement !== this.input;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }

  move(by) {
    if (!this.hits?.length) return;
    this.list.hidden = false;
    this.at = (this.at + by + this.hits.length) % this.hits.length;
    [...this.list.children].forEach((row, i) => row.setAttribute("aria-selected", String(i === this.at)));
    const row = this.list.children[this.at];
    this.input.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
  }

  take(i, event) {
    event?.preventDefault();
    const hit = this.hits[i];
    if (hit.wish) {
      this.input.value = hit.wish;
      return this.find();
    }
    this.explorer.reveal(hit.id);
  }

  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this.move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" && this.hits?.length) {
      if (this.at < 0 || this.hits[this.at].id === this.taken) this.move(event.shiftKey ? -1 : 1);
      this.taken = this.hits[this.at].id;
      this.take(this.at);
    } else if (event.key === "Escape") {
      this.input.value = "";
      this.explorer.picture.highlight(null);
      this.found.textContent = "";
      this.asked = "";
      this.close();
      (this.explorer.picture.nodes.find((node) => node.getAttribute("tabindex") === "0") ?? this.explorer.element).focus?.();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  redrawn() {
    if (this.asked) this.light((id) => this.matches(id, this.asked));
  }

  destroy() {
    clearTimeout(this.resting);
  }
}

Search.made = 0;

const SPECIAL_HERE = {
  "has nan": (v) => Boolean(v.data?.nan || v.grad?.nan),
  "has inf": (v) => Boolean(v.data?.inf || v.grad?.inf),
  "grad is none": (v) => v.requires_grad && !v.grad,
  parameter: (v) => v.is_parameter,
  leaf: (v) => v.is_leaf,
  cut: (v) => v.cut !== null,
};
