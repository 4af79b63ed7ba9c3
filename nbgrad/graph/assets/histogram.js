// The histogram of a tensor's finite elements, as a small SVG.

import { element, svgElement } from "./dom.js";
import { formatNumber, plural } from "./format.js";

const BAR_HEIGHT = 40;

/** @param {NonNullable<import("./inspection.js").Inspection["histogram"]>} histogram */
export function drawHistogram({ lo, hi, bins, counts }) {
  const most = Math.max(1, ...counts);
  const width = (hi - lo) / bins;
  const bars = [...counts].map((count, i) => {
    const height = count ? Math.max(1, (count / most) * BAR_HEIGHT) : 0; // one element is still seen
    const range = width ? `${formatNumber(lo + i * width)} to ${formatNumber(lo + (i + 1) * width)}` : formatNumber(lo);
    return svgElement(
      "rect",
      { x: i + 0.08, y: BAR_HEIGHT - height, width: 0.84, height },
      svgElement("title", {}, `${range}: ${plural(count, "element")}`),
    );
  });
  const zero = lo < 0 && hi > 0 ? (-lo / (hi - lo)) * bins : null;
  const axis =
    zero !== null &&
    svgElement("line", { class: "nbx-zero", x1: zero, x2: zero, y1: 0, y2: BAR_HEIGHT, "vector-effect": "non-scaling-stroke" });
  const label = `Histogram from ${formatNumber(lo)} to ${formatNumber(hi)}, tallest bin ${plural(most, "element")}`;
  const picture = svgElement(
    "svg",
    { viewBox: `0 0 ${bins} ${BAR_HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    ...bars,
    axis,
  );
  return element(
    "div",
    { class: "nbx-histogram" },
    picture,
    element("div", { class: "nbx-ends" }, element("span", {}, formatNumber(lo)), element("span", {}, formatNumber(hi))),
  );
}
