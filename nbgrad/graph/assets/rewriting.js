// Writing other numbers into the picture, and the recorded ones again: the words on nodes, and what came back along edges. Ink only: nothing moves.

import { formatBrief, isolated } from "./format.js";
import { drawBadge } from "./picture.js";

export class Rewriting {
  /** @param {import("./picture.js").Picture} picture */
  constructor(picture) {
    this.picture = picture;
    /** @type {Map<Element, string[][]>} what the renderer wrote on each node */
    this.words = new Map();
    /** @type {Map<Element, [string | null, string | null]>} width and class of each line of a gradient */
    this.lines = new Map();
    /** @type {Map<Element, string>} the norms beside them, as they stood when this began */
    this.norms = new Map();
    for (const line of picture.drawing?.querySelectorAll(".nbx-back-label") ?? []) this.norms.set(line, (line.querySelector("tspan") ?? line).textContent);
  }

  /** Write the words of a node, line by line and span by span, in the renderer's own lines. @param {string} id @param {string[][]} lines without that of the gradient */
  setValue(id, lines) {
    for (const node of this.picture.nodes) {
      if (node.getAttribute("data-id") !== id || node.classList.contains("nb-row")) continue;
      const texts = [...node.querySelectorAll(":scope > text:not(.nb-grad)")];
      if (!this.words.has(node)) this.words.set(node, texts.map((text) => [...text.children].map((span) => span.textContent.replace(/[\u2068\u2069]/g, ""))));
      this.write(node, lines);
    }
  }

  /** Mark the nodes that hold what is not a number, and no others. @param {{ [id: string]: string }} badges node -> "NaN" or "Inf" */
  setBadges(badges) {
    for (const node of this.picture.nodes) {
      const word = badges[node.getAttribute("data-id") ?? ""];
      const own = node.querySelector(":scope > .nb-bad");
      own?.setAttribute("display", word ? "inline" : "none");
      node.querySelector(":scope > .nbx-mark[data-imagined]")?.remove();
      if (!word || own) continue;
      drawBadge(node, word, `${word} under this change`);
      node.lastElementChild.setAttribute("data-imagined", "");
    }
  }

  write(node, lines) {
    const room = (node.querySelector(".nb-shape")?.getBBox().width ?? Infinity) - 16;
    [...node.querySelectorAll(":scope > text:not(.nb-grad)")].forEach((text, n) => {
      text.removeAttribute("textLength");
      [...text.children].forEach((span, k) => (span.textContent = isolated(lines[n]?.[k] ?? "").replace(/  /g, "\u00a0 ")));
      if (text.getComputedTextLength() <= room) return;
      text.setAttribute("textLength", String(room));
      text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    });
  }

  /**
   * Write the norm that came back along an edge, and draw its line as wide as that asks for.
   * @param {string} from @param {string} to @param {string} value @param {number | string} norm @param {number} width
   */
  setEdge(from, to, value, norm, width) {
    const along = (selector, a, b) =>
      [...(this.picture.drawing?.querySelectorAll(selector) ?? [])].filter(
        (e) => e.getAttribute("data-from") === a && e.getAttribute("data-to") === b && e.getAttribute("data-value") === value,
      );
    const step = typeof norm === "number" && norm > 0 ? Math.max(0, Math.min(5, Math.floor(((Math.log10(norm) + 6) / 7) * 6))) : null;
    const size = step !== null ? `nb-m${step}` : norm === 0 ? "nb-zero" : "nb-bad-size";
    for (const twin of along(".nb-back", to, from)) {
      const line = twin.querySelector("path");
      if (!this.lines.has(twin)) this.lines.set(twin, [line.getAttribute("stroke-width"), twin.getAttribute("class")]);
      line.setAttribute("stroke-width", String(width));
      twin.setAttribute("class", `nb-back ${size}`);
    }
    for (const label of along(".nb-label", from, to)) {
      const line = label.querySelector(".nbx-back-label");
      if (line) (line.querySelector("tspan") ?? line).textContent = formatBrief(norm);
    }
  }

  /** Bring everything back. */
  restore() {
    for (const [node, lines] of this.words) this.write(node, lines);
    for (const [twin, [width, kind]] of this.lines) {
      twin.querySelector("path").setAttribute("stroke-width", width);
      twin.setAttribute("class", kind);
    }
    for (const badge of this.picture.drawing?.querySelectorAll(".nb-bad") ?? []) badge.removeAttribute("display");
    for (const badge of this.picture.drawing?.querySelectorAll(".nbx-mark[data-imagined]") ?? []) badge.remove();
    for (const [line, text] of this.norms) (line.querySelector("tspan") ?? line).textContent = text;
  }
}
