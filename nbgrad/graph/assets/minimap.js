// A small map of the whole graph in the picture's corner while only a part of it shows: drag on it to move.

import { element, shapeBox, svgElement } from "./dom.js";

const MAP_SIZE = [150, 120];
const MAP_ROOM = 6;

export class Minimap {
  place = "stage";

  /** @param {import("./explorer.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.frame = svgElement("rect", { class: "nbx-frame" });
    this.boxes = svgElement("g", {});
    this.map = svgElement("svg", { "aria-hidden": "true", onpointerdown: (event) => this.drag(event) }, this.boxes, this.frame);
    this.element = element("div", { class: "nbx-minimap", hidden: true, dataset: { testid: "minimap" } }, this.map);
  }

  redrawn() {
    const { picture } = this.explorer;
    picture.onView = () => this.follow();
    if (!picture.drawing) return;
    const [x, y, width, height] = picture.box;
    const scale = Math.min(MAP_SIZE[0] / width, MAP_SIZE[1] / height);
    this.map.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
    this.map.setAttribute("width", String(Math.max(14, width * scale)));
    this.map.setAttribute("height", String(Math.max(14, height * scale)));
    const boxes = picture.nodes.map((node) => {
      const box = shapeBox(node);
      const kind = node.classList.contains("nb-parameter") ? "nbx-learns" : "";
      return box && svgElement("rect", { class: kind, x: box.x, y: box.y, width: box.width, height: box.height });
    });
    this.boxes.replaceChildren(...boxes.filter(Boolean));
    this.follow();
  }

  follow() {
    const { picture } = this.explorer;
    if (!picture.view || !picture.drawing) return;
    const [width, height] = picture.size();
    const { x, y, scale } = picture.view;
    const [left, top, wide, high] = picture.box;
    const whole = width / scale >= wide - 2 * MAP_ROOM && height / scale >= high - 2 * MAP_ROOM;
    this.element.hidden = whole;
    if (whole) return;
    const [x0, y0] = [Math.max(left, x - width / 2 / scale), Math.max(top, y - height / 2 / scale)];
    const [x1, y1] = [Math.min(left + wide, x + width / 2 / scale), Math.min(top + high, y + height / 2 / scale)];
    const place = { x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) };
    for (const [name, value] of Object.entries(place)) this.frame.setAttribute(name, String(value));
  }

  drag(event) {
    event.preventDefault();
    const { picture } = this.explorer;
    const go = (now) => {
      const box = this.map.getBoundingClientRect();
      const [left, top, wide, high] = picture.box;
      picture.moveTo(left + ((now.clientX - box.left) / box.width) * wide, top + ((now.clientY - box.top) / box.height) * high);
    };
    go(event);
    this.map.setPointerCapture(event.pointerId);
    const end = () => {
      this.map.removeEventListener("pointermove", go);
      this.map.removeEventListener("pointerup", end);
    };
    this.map.addEventListener("pointermove", go);
    this.map.addEventListener("pointerup", end);
  }
}
