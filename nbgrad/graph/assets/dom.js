// Building page elements without ever handing data to an HTML parser.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. Strings become text nodes; `on…` properties become listeners, `dataset` is merged, the rest are attributes.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function element(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/**
 * The same in the SVG namespace.
 * @param {string} tag @param {Record<string, any>} [properties] @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function svgElement(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/**
 * Where the shape of a node of the picture stands, in the picture's own units, also before the page shows it.
 * @param {Element} node @returns {{ x: number, y: number, width: number, height: number } | null}
 */
export function shapeBox(node, selector = ".nb-shape") {
  const shape = node.querySelector(selector);
  if (!shape) return null;
  const [x, y, width, height, cx, cy, r] = ["x", "y", "width", "height", "cx", "cy", "r"].map((name) => Number(shape.getAttribute(name)));
  return shape.localName === "circle" ? { x: cx - r, y: cy - r, width: 2 * r, height: 2 * r } : { x, y, width, height };
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/**
 * Parse our renderer's picture. It is ours, but everything that could run or load is dropped all the same; its style sheet, which gives
 * every colour for light and for dark, stays where it names nothing outside.
 * @param {string} text
 * @returns {SVGSVGElement | null} null where the text is not an SVG
 */
export function parsePicture(text) {
  const start = text.indexOf("<svg");
  const parsed = new DOMParser().parseFromString(start > 0 ? text.slice(start) : text, "image/svg+xml");
  if (parsed.documentElement.localName !== "svg" || parsed.querySelector("parsererror")) return null;
  const picture = /** @type {any} */ (document.importNode(parsed.documentElement, true));
  for (const node of [picture, ...picture.querySelectorAll("*")]) {
    const name = node.localName.toLowerCase();
    if (FORBIDDEN.has(name) || (name === "style" && /@import|url\(|\\/i.test(node.textContent))) {
      node.remove();
      continue;
    }
    for (const { name, value } of [...node.attributes]) {
      const local = name.toLowerCase().replace(/^.*:/, "");
      const elsewhere = local === "href" && !value.startsWith("#") && !/^data:image\/(png|jpeg|gif);/.test(value);
      const loads = /url\((?!\s*['"]?#)/i.test(value);
      if (local.startsWith("on") || elsewhere || loads) node.removeAttribute(name);
    }
  }
  return picture;
}

const FORBIDDEN = new Set([
  "script",
  "foreignobject",
  "iframe",
  "object",
  "embed",
  "audio",
  "video",
  "animate",
  "set",
  "animatetransform",
  "animatemotion",
]);

/** Call `work` once per frame at most, however often it is asked for. @param {() => void} work */
export function oncePerFrame(work) {
  let asked = 0;
  const ask = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      work();
    });
  };
  ask.cancel = () => cancelAnimationFrame(asked);
  return ask;
}
