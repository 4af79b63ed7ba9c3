// The graph picture: pan and zoom by its viewBox, hover, choice, and walking along edges with the keyboard.
//
// It knows the renderer's marks (nb-node, nb-edge, nb-back, nb-grad and their data-* attributes) and nothing of what they stand for.

import { element, oncePerFrame, parsePicture, shapeBox, svgElement } from "./dom.js";
import { formatBrief } from "./format.js";

const LARGEST = 8;
const MARGIN = 14;
const READS_WELL = 0.6; // the scale at which small text reads well
const TOO_SMALL = 0.45; // and below which it does not at all

/**
 * @typedef {{ text: string, label: (id: string) => string, onSelect: (id: string) => void, order: (id: string) => number }} PictureOptions
 */

export class Picture {
  /** @param {PictureOptions} options */
  constructor(options) {
    this.options = options;
    this.element = element("div", { class: "nbx-picture" });
    this.drawing = parsePicture(options.text);
    this.more = element("span", { class: "nbx-more nbx-quiet", hidden: true }, "The graph goes on: drag to move, Fit shows all of it.");
    /** @type {Map<string, string>} what is said of a value by its badge */
    this.marks = new Map();
    /** @type {SVGGElement[]} */
    this.nodes = [];
    this.before = new Map(); // what stood in a line before it was written into: line -> its text and classes
    this.anchor = ["", ""]; // what should stay in place when the picture is exchanged, and its id then
    /** @type {(() => void) | undefined} */
    this.onView = undefined;
    /** @type {((id: string) => void) | undefined} */
    this.onHover = undefined;
    /** @type {{ from: string, to: string, element: Element }[]} */
    this.edges = [];
    if (this.drawing) this.mount(this.drawing);
    else this.element.append(element("p", { class: "nbx-quiet" }, "There is no picture of this graph."));
  }

  mount(drawing) {
    const box = (drawing.getAttribute("viewBox") ?? "").split(/[\s,]+/).map(Number);
    this.box = box.length === 4 && box.every(Number.isFinite) && box[2] > 0 && box[3] > 0 ? box : [0, 0, 300, 150];
    for (const name of ["width", "height", "style", "preserveAspectRatio"]) drawing.removeAttribute(name);
    drawing.setAttribute("role", "graphics-document");
    drawing.setAttribute("aria-label", drawing.querySelector(":scope > title")?.textContent ?? "Computation graph");
    drawing.removeAttribute("aria-labelledby");
    drawing.setAttribute("tabindex", "-1"); // Chromium takes an svg that listens for focus into the tab order
    drawing.querySelector(":scope > title")?.remove(); // or it would pop up wherever the pointer rests
    for (const part of drawing.querySelectorAll(".nb-label .f-grad")) part.closest("text").classList.add("nbx-back-label");
    this.collectEdges(drawing);
    this.nodes = this.topological([...drawing.querySelectorAll(".nb-node")]);
    for (const node of this.nodes) {
      node.setAttribute("role", node.querySelector(".nb-node") ? "group" : "button"); // a button may hold no other, as a card its rows
      node.setAttribute("tabindex", "-1");
    }
    this.nodes[0]?.setAttribute("tabindex", "0");
    this.relabel();
    this.element.append(drawing);
    this.listen(drawing);
    this.redraw = oncePerFrame(() => this.applyView());
    this.watcher = new ResizeObserver(() => this.settle());
    this.watcher.observe(this.element);
  }

  collectEdges(drawing) {
    this.edges = [...drawing.querySelectorAll(".nb-edge")].map((edge) => ({
      from: edge.getAttribute("data-from") ?? "",
      to: edge.getAttribute("data-to") ?? "",
      element: edge,
    }));
    /** @type {Map<string, string[]>} */
    this.neighbours = new Map();
    for (const { from, to } of this.edges) {
      for (const [a, b] of [
        [from, to],
        [to, from],
      ])
        this.neighbours.set(a, [...(this.neighbours.get(a) ?? []), b]);
    }
  }

  /** Every node after the ones it was made from; among those that are ready, the record's own order. */
  topological(nodes) {
    const byId = new Map(nodes.map((node) => [idOf(node), node]));
    const waiting = new Map(nodes.map((node) => [idOf(node), 0]));
    const next = new Map();
    for (const { from, to } of this.edges) {
      if (!byId.has(from) || !byId.has(to)) continue;
      waiting.set(to, waiting.get(to) + 1);
      next.set(from, [...(next.get(from) ?? []), to]);
    }
    const rank = (id) => this.options.order(valueOf(byId.get(id)) || id);
    const ready = [...byId.keys()].filter((id) => !waiting.get(id));
    const sorted = [];
    while (ready.length) {
      ready.sort((a, b) => rank(b) - rank(a));
      const id = ready.pop();
      sorted.push(byId.get(id));
      for (const to of next.get(id) ?? []) {
        waiting.set(to, waiting.get(to) - 1);
        if (!waiting.get(to)) ready.push(to);
      }
    }
    return sorted.length === nodes.length ? sorted : nodes;
  }

  /** Say again what each node is, after gradients changed. @param {Set<string>} [only] value ids */
  relabel(only) {
    for (const node of this.nodes) {
      const id = valueOf(node) || idOf(node);
      if (only ? !only.has(id) : node.hasAttribute("aria-label")) continue; // the renderer's own words hold until something changes
      const label = [this.options.label(id), this.marks.get(id)].filter(Boolean).join(", ");
      node.setAttribute("aria-label", label);
      const title = node.querySelector(":scope > title");
      if (title) title.textContent = label;
    }
  }

  // -- the view ---------------------------------------------------------------------------------------------------------------

  size() {
    return [this.element.clientWidth || 300, this.element.clientHeight || 200];
  }

  /** The largest scale at which the whole graph shows, never above its natural size by much. */
  fittingScale() {
    const [width, height] = this.size();
    return Math.min((width - 2 * MARGIN) / this.box[2], (height - 2 * MARGIN) / this.box[3], 1.25);
  }

  fit() {
    if (!this.drawing) return;
    const [x, y, width, height] = this.box;
    this.moved = false;
    this.whole = true;
    this.view = { x: x + width / 2, y: y + height / 2, scale: Math.max(this.fittingScale(), 0.02) };
    this.applyView();
  }

  /** The first view: all of the graph where it can be read then, else its beginning. */
  begin() {
    if (!this.drawing) return;
    this.fit();
    const [width, height] = this.size();
    const [left, top, wide, high] = this.box;
    const across = (width - 2 * MARGIN) / wide;
    const down = (height - 2 * MARGIN) / high;
    const scale = Math.min(READS_WELL, Math.max(across, down));
    if (this.view.scale >= Math.min(TOO_SMALL, scale)) return;
    this.whole = false;
    this.view.scale = scale;
    if (down < across) this.view.y = top + (height / 2 - MARGIN) / scale;
    else this.view.x = left + (width / 2 - MARGIN) / scale;
    this.applyView();
  }

  /** What the reader asked for, and keeps when the room changes. */
  showAll() {
    this.asked = true;
    this.fit();
  }

  /** After the room changed: stay where the reader moved to, else show again what was shown. */
  settle() {
    if (this.moved) this.applyView();
    else if (this.asked) this.fit();
    else this.begin();
  }

  /**
   * After another state of the same graph was drawn, stay where the reader was: at the same scale, with what was touched where it was before,
   * else with the node or cluster nearest to the middle; and in the middle where there is room to spare.
   * @param {Picture} before
   */
  continueFrom(before) {
    if (!this.drawing || !before.view || (!before.moved && this.view.scale >= READS_WELL && this.whole)) return;
    const same = String(before.box) === String(this.box);
    const pair = same ? null : this.pairWith(before);
    if (!same && !pair) return;
    this.view = { ...before.view };
    if (pair) {
      this.view.x += pair.now[0] - pair.then[0];
      this.view.y += pair.now[1] - pair.then[1];
      const [width, height] = this.size();
      const [left, top, wide, high] = this.box;
      if (wide * this.view.scale <= width) this.view.x = left + wide / 2;
      if (high * this.view.scale <= height) this.view.y = top + high / 2;
    }
    this.moved = true;
    this.applyView();
  }

  /** Where one thing stands now and stood before. @param {Picture} before */
  pairWith(before) {
    const [then, now] = [before.places(), this.places()];
    const [from, to] = before.anchor;
    if (then.has(from) && now.has(to)) return { then: then.get(from), now: now.get(to) };
    const at = then.get(from) ?? [before.view.x, before.view.y];
    let best = null;
    for (const [id, place] of now) {
      const old = id.startsWith("g") ? null : then.get(id);
      const distance = old ? Math.hypot(old[0] - at[0], old[1] - at[1]) : Infinity;
      if (old && (!best || distance < best.distance)) best = { then: old, now: place, distance };
    }
    return best;
  }

  /** The middle of the upper edge of everything that has an id, in the picture's own units. */
  places() {
    const things = this.drawing?.querySelectorAll(".nb-node, .nb-cluster") ?? [];
    const places = new Map();
    for (const thing of things) {
      const box = shapeBox(thing, ".nb-shape, rect");
      if (box) places.set(idOf(thing), [box.x + box.width / 2, box.y]);
    }
    return places;
  }

  applyView() {
    if (!this.view) return;
    const [width, height] = this.size();
    const { x, y, scale } = this.view;
    this.more.hidden = this.moved || this.whole !== false;
    this.onView?.();
    this.drawing.setAttribute("viewBox", `${x - width / 2 / scale} ${y - height / 2 / scale} ${width / scale} ${height / scale}`);
  }

  /** Zoom about a point of the page, or the middle. @param {number} factor @param {{ clientX: number, clientY: number }} [at] */
  zoom(factor, at) {
    if (!this.view) return;
    const smallest = Math.min(this.fittingScale(), 1) / 2;
    const scale = Math.max(smallest, Math.min(LARGEST, this.view.scale * factor));
    const box = this.element.getBoundingClientRect();
    const dx = at ? at.clientX - box.left - box.width / 2 : 0;
    const dy = at ? at.clientY - box.top - box.height / 2 : 0;
    const change = 1 / this.view.scale - 1 / scale;
    this.moveTo(this.view.x + dx * change, this.view.y + dy * change, scale);
  }

  moveTo(x, y, scale = this.view.scale) {
    const [left, top, width, height] = this.box;
    const within = (value, low, span) => Math.max(low, Math.min(low + span, value)); // the graph cannot be lost
    this.view = { x: within(x, left, width), y: within(y, top, height), scale };
    this.moved = true;
    this.redraw();
  }

  /** Bring a node into view if it is not. @param {Element} node */
  reveal(node) {
    const box = this.element.getBoundingClientRect();
    const there = node.getBoundingClientRect();
    const outside = there.left < box.left || there.right > box.right || there.top < box.top || there.bottom > box.bottom;
    if (!outside || !this.view) return;
    const dx = there.left + there.width / 2 - box.left - box.width / 2;
    const dy = there.top + there.height / 2 - box.top - box.height / 2;
    this.moveTo(this.view.x + dx / this.view.scale, this.view.y + dy / this.view.scale);
  }

  // -- pointer and keys ---------------------------------------------------------------------------------------------------------

  listen(drawing) {
    drawing.addEventListener("pointerdown", (event) => this.startDrag(event));
    drawing.addEventListener("pointerover", (event) => this.hover(nodeOf(event.target)));
    drawing.addEventListener("pointerleave", () => this.hover(null));
    drawing.addEventListener("focusin", (event) => {
      const node = nodeOf(event.target);
      if (node) {
        this.rove(node);
        this.hover(node);
        this.reveal(node);
      }
    });
    drawing.addEventListener("focusout", () => this.hover(null));
    drawing.addEventListener("keydown", (event) => this.walk(event));
    drawing.addEventListener("dblclick", (event) => !nodeOf(event.target) && this.showAll());
    // The page keeps its scrolling until the reader has taken hold of the picture or asks for zoom by the usual key.
    this.element.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey && !this.held) return;
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), event);
      },
      { passive: false },
    );
    this.letGo = (event) => {
      if (!this.element.contains(event.composedPath()[0])) this.held = false;
    };
    document.addEventListener("pointerdown", this.letGo, true);
  }

  startDrag(event) {
    if (event.button !== 0) return;
    this.held = true;
    const start = { x: event.clientX, y: event.clientY, view: { ...this.view }, far: false };
    const node = nodeOf(event.target);
    const move = (now) => {
      const [dx, dy] = [now.clientX - start.x, now.clientY - start.y];
      if (!start.far && Math.hypot(dx, dy) < 4) return;
      if (!start.far) this.drawing.setPointerCapture(event.pointerId);
      start.far = true;
      this.element.classList.add("nbx-dragging");
      this.moveTo(start.view.x - dx / start.view.scale, start.view.y - dy / start.view.scale);
    };
    const end = (now) => {
      for (const name of ["pointermove", "pointerup", "pointercancel"])
        this.drawing.removeEventListener(name, name === "pointermove" ? move : end);
      this.element.classList.remove("nbx-dragging");
      if (!start.far && now.type === "pointerup") this.choose(node);
    };
    this.drawing.addEventListener("pointermove", move);
    this.drawing.addEventListener("pointerup", end);
    this.drawing.addEventListener("pointercancel", end);
  }

  /** @param {SVGGElement | null} node */
  choose(node) {
    this.options.onSelect(node ? valueOf(node) || idOf(node) : "");
    if (node) node.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  walk(event) {
    const node = nodeOf(event.target);
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (direction) this.stepFrom(node, direction)?.focus({ preventScroll: true });
    else if (event.key === "Home" || event.key === "End")
      this.nodes.at(event.key === "Home" ? 0 : -1)?.focus({ preventScroll: true });
    else if (event.key === "Enter" || event.key === " ") this.choose(node);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The neighbour along an edge that lies most nearly in a direction; without one there, the nearest node that does. */
  stepFrom(node, [dx, dy]) {
    const [x, y] = centre(node);
    const joined = new Set(this.neighbours.get(idOf(node)));
    let best = null;
    let lowest = Infinity;
    for (const other of this.nodes) {
      if (other === node) continue;
      const [ox, oy] = centre(other);
      const [along, distance] = [(ox - x) * dx + (oy - y) * dy, Math.hypot(ox - x, oy - y)];
      const isJoined = joined.has(idOf(other));
      if (along <= 0 || along < distance * (isJoined ? 0.25 : 0.6)) continue;
      const cost = (distance * (2 - along / distance)) / (isJoined ? 1000 : 1);
      if (cost < lowest) [best, lowest] = [other, cost];
    }
    return best;
  }

  rove(node) {
    for (const other of this.nodes) other.setAttribute("tabindex", other === node ? "0" : "-1");
  }

  // -- ink --------------------------------------------------------------------------------------------------------------------

  /** Light a node, the other places where the same value stands, and its edges. @param {SVGGElement | null} node */
  hover(node) {
    this.onHover?.(node ? valueOf(node) || idOf(node) : "");
    if (!node) return this.light(new Set());
    const ids = new Set(this.nodes.filter((other) => same(other, node)).map(idOf));
    this.lightNodes(ids, (edge) => ids.has(edge.from) || ids.has(edge.to));
  }

  /** Light the nodes of these values and operators. @param {Set<string>} wanted */
  light(wanted) {
    if (!this.drawing) return;
    const ids = new Set(this.nodes.filter((node) => wanted.has(idOf(node)) || wanted.has(valueOf(node))).map(idOf));
    this.lightNodes(ids, (edge) => ids.has(edge.from) && ids.has(edge.to));
  }

  lightNodes(ids, isLit) {
    for (const lit of this.drawing.querySelectorAll(".nbx-lit")) lit.classList.remove("nbx-lit");
    for (const other of this.nodes) if (ids.has(idOf(other))) other.classList.add("nbx-lit");
    for (const edge of this.edges) if (isLit(edge)) edge.element.classList.add("nbx-lit");
  }

  /** Mark the chosen value or operator. @param {string} id */
  select(id) {
    let first = null;
    for (const node of this.nodes) {
      const chosen = id !== "" && (valueOf(node) === id || idOf(node) === id);
      node.classList.toggle("nbx-chosen", chosen);
      if (chosen) {
        node.setAttribute("aria-current", "true");
        first ??= node;
      } else node.removeAttribute("aria-current");
    }
    if (first) {
      this.rove(first);
      this.reveal(first);
    }
  }

  /** @param {((id: string) => boolean) | null} matches null to end a search */
  highlight(matches) {
    this.drawing?.classList.toggle("nbx-searching", matches !== null);
    for (const node of this.nodes) node.classList.toggle("nbx-found", matches !== null && matches(valueOf(node) || idOf(node)));
  }

  /**
   * Write a value's gradient, the first of `texts` that fits its box, and let its node glow once. Ink only: nothing moves.
   * @param {string} id @param {string[]} texts @param {number | string | null} norm null where there is no gradient
   */
  setGradient(id, texts, norm) {
    const marked = (selector, attribute) =>
      [...(this.drawing?.querySelectorAll(selector) ?? [])].filter((e) => e.getAttribute(attribute) === id);
    for (const line of marked(".nb-grad", "data-grad")) writeLine(line, texts, norm);
    for (const twin of marked(".nb-back", "data-value")) twin.classList.toggle("nbx-none", norm === null);
    for (const label of marked(".nb-label", "data-value")) {
      const line = label.querySelector(".nbx-back-label");
      line?.classList.toggle("nbx-none", norm === null);
      if (line && norm !== null) (line.querySelector("tspan") ?? line).textContent = formatBrief(norm);
    }
    for (const node of this.nodes) {
      if (idOf(node) !== id || node.classList.contains("nbx-changed")) continue;
      node.classList.add("nbx-changed");
      node.addEventListener("animationend", () => node.classList.remove("nbx-changed"), { once: true });
    }
  }

  /**
   * Put a badge with a word on the places where a value stands, or take it away (`kind` ""). Ink only: nothing moves.
   * @param {string} id @param {string} kind @param {string} text all of it, for the title and for screen readers
   */
  mark(id, kind, text) {
    if (!this.drawing || (this.marks.get(id) ?? "") === text) return;
    if (kind) this.marks.set(id, text);
    else this.marks.delete(id);
    const rows = [...this.drawing.querySelectorAll(".nb-row .nb-grad")].filter((line) => line.getAttribute("data-grad") === id);
    const places = [...this.nodes.filter((node) => idOf(node) === id || valueOf(node) === id), ...rows.map((line) => line.closest(".nb-row"))];
    for (const place of places) {
      place.querySelector(":scope > .nbx-mark")?.remove();
      if (kind) drawBadge(place, kind, text);
    }
    this.relabel(new Set([id]));
  }

  /**
   * Show the picture as it stood at one step of backward, or with null all of it again. Ink only: nothing moves.
   * @param {{ now: string | null, node: (id: string, value: string) => string, edge: (from: string, to: string, value: string) => string,
   *   norm: (from: string, value: string) => number | string | null, gradient: (value: string) => { norm: any, texts: string[] } | null } | null} step
   *   `node` and `edge` give "now", "done" or ""; `norm` what came back along an edge; `gradient` what a value's line says, null for nothing
   */
  showStep(step) {
    if (!this.drawing) return;
    this.drawing.classList.toggle("nbx-stepping", step !== null);
    const paint = (part, state) => {
      part.classList.toggle("nbx-now", state === "now");
      part.classList.toggle("nbx-done", state === "done" || state === "now");
    };
    for (const node of this.nodes) {
      const [id, value] = [idOf(node), valueOf(node)];
      const now = step !== null && step.now !== null && (id === step.now || value === step.now);
      paint(node, now ? "now" : step && step.node(id, value) ? "done" : "");
      if (now && id === step.now) this.reveal(node);
    }
    const ends = (part) => ["data-from", "data-to", "data-value"].map((name) => part.getAttribute(name) ?? "");
    for (const twin of this.drawing.querySelectorAll(".nb-back")) {
      const [from, to, value] = ends(twin);
      paint(twin, step && step.edge(from, to, value));
    }
    for (const label of this.drawing.querySelectorAll(".nb-label")) {
      const [from, to, value] = ends(label);
      const line = label.querySelector(".nbx-back-label");
      if (!line) continue;
      const norm = step && step.edge(to, from, value) ? step.norm(to, value) : null;
      paint(line, norm === null ? "" : "done");
      this.ink(line, norm === null ? null : () => ((line.querySelector("tspan") ?? line).textContent = formatBrief(norm)));
    }
    for (const line of this.drawing.querySelectorAll(".nb-grad")) {
      const told = step && step.gradient(line.getAttribute("data-grad") ?? "");
      paint(line, told ? "done" : "");
      this.ink(line, told && (() => writeLine(line, told.texts, told.norm)));
    }
  }

  /** Write into a line, or with null put back what stood there before it was first written into. */
  ink(line, write) {
    const words = line.querySelector("tspan") ?? line;
    const box = line.closest(".nb-row") && line.previousElementSibling?.previousElementSibling;
    const parts = [words, box].filter(Boolean);
    if (!this.before.has(line)) this.before.set(line, [words.textContent, ...parts.map((part) => part.getAttribute("class"))]);
    const [text, ...classes] = this.before.get(line);
    if (write) return write();
    words.textContent = text;
    parts.forEach((part, k) => classes[k] !== null && part.setAttribute("class", classes[k]));
    this.before.delete(line);
  }

  /** What stands in the lines of these values now is to stay there. @param {string[]} ids */
  forgetInk(ids) {
    const gone = new Set(ids);
    for (const line of this.before.keys())
      if (gone.has(line.getAttribute("data-grad") ?? line.closest(".nb-label")?.getAttribute("data-value") ?? "")) this.before.delete(line);
  }

  destroy() {
    this.watcher?.disconnect();
    this.redraw?.cancel();
    if (this.letGo) document.removeEventListener("pointerdown", this.letGo, true);
  }
}

/** Put a badge on a node or row. @param {any} place @param {string} kind "nan", or the word to write @param {string} text all of it */
export function drawBadge(place, kind, text) {
  const box = place.getBBox();
  const word = svgElement("text", {}, kind === "nan" ? "NaN" : kind);
  const frame = svgElement("rect", { rx: 6, height: 13 });
  place.append(svgElement("g", { class: "nbx-mark", dataset: { kind: kind === "NaN" || kind === "Inf" ? "nan" : kind } }, svgElement("title", {}, text), frame, word));
  const width = word.getComputedTextLength() + 12;
  const [right, middle] = [box.x + box.width + 4, place.classList.contains("nb-row") ? box.y + box.height / 2 : box.y];
  for (const [name, value] of Object.entries({ x: right - width, y: middle - 6.5, width })) frame.setAttribute(name, value);
  word.setAttribute("x", right - width / 2);
  word.setAttribute("y", middle + 3.3);
}

function writeLine(line, texts, norm) {
  const words = line.querySelector("tspan") ?? line; // the renderer's type size and colour stand on the tspan
  const row = line.closest(".nb-row");
  const box = row ? line.previousElementSibling?.previousElementSibling : line.parentNode.querySelector(".nb-shape");
  const room = row ? (box?.getBBox().width ?? 60) - 5 : (box?.getBBox().width ?? Infinity) - 22;
  for (const text of row ? texts.slice(-1) : texts) {
    words.textContent = text;
    if (line.getComputedTextLength() <= room) break;
  }
  if (!row || box?.localName !== "rect") return;
  // A row of a card shows the magnitude by its fill as well: the renderer's scale, a step from 1e-6 to 10.
  const size = typeof norm === "number" && norm > 0 ? norm : null;
  const step = size && Math.max(0, Math.min(5, Math.floor(((Math.log10(size) + 6) / 7) * 6)));
  box.setAttribute("class", size ? `f-m${step}` : "f-zero");
  words.setAttribute("class", size ? `f-i${step}` : "f-muted");
}

/** @param {any} target @returns {SVGGElement | null} */
function nodeOf(target) {
  return target?.closest?.(".nb-node") ?? null;
}

/** @param {Element | undefined} node */
function idOf(node) {
  return node?.getAttribute("data-id") ?? "";
}

/** @param {Element | undefined} node */
function valueOf(node) {
  return node?.getAttribute("data-value") ?? "";
}

function same(a, b) {
  return a === b || (valueOf(a) !== "" && valueOf(a) === valueOf(b));
}

function centre(node) {
  const box = node.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}
