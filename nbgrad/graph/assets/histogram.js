// The histogram of a tensor's finite elements: linear or by magnitude, counts plain or by their logarithm, read bin by bin with the arrow keys.

import { element, svgElement } from "./dom.js";
import { formatNumber, plural } from "./format.js";

const BAR_HEIGHT = 44;

/**
 * @typedef {{ scale: "linear" | "log", logCounts: boolean }} Taste how a reader likes histograms; both sides of the inspector share it
 * @typedef {{ name: string, taste: () => Taste, onTaste: (taste: Partial<Taste>) => void }} HistogramOptions
 */

export class Histogram {
  /** @param {HistogramOptions} options */
  constructor(options) {
    this.options = options;
    this.picture = element("div", { class: "nbx-bars" });
    this.ends = element("div", { class: "nbx-ends" });
    this.readout = element("div", { class: "nbx-readout", "aria-live": "polite" });
    this.scale = toggle("log |x|", "Bins of the logarithm of the magnitude", () =>
      options.onTaste({ scale: options.taste().scale === "log" ? "linear" : "log" }),
    );
    this.counts = toggle("log count", "Heights by the logarithm of the count", () =>
      options.onTaste({ logCounts: !options.taste().logCounts }),
    );
    this.element = element(
      "div",
      { class: "nbx-histogram", hidden: true },
      element("div", { class: "nbx-row" }, element("span", { class: "nbx-quiet" }, "histogram"), this.scale, this.counts),
      this.picture,
      this.ends,
      this.readout,
    );
    /** @type {import("./inspection.js").Counts | null} */
    this.seen = null;
    this.bin = -1;
  }

  /** @param {import("./inspection.js").Counts | null} seen */
  show(seen) {
    this.seen = seen;
    this.draw();
  }

  draw() {
    const { seen } = this;
    const { scale, logCounts } = this.options.taste();
    this.scale.setAttribute("aria-pressed", String(scale === "log"));
    this.counts.setAttribute("aria-pressed", String(logCounts));
    this.element.hidden = !seen;
    if (!seen) return;
    if (seen.lo === null) {
      this.picture.replaceChildren(element("p", { class: "nbx-quiet" }, "No element to count on this axis."));
      this.ends.replaceChildren();
      return;
    }
    const focused = this.picture.contains(document.activeElement);
    const svg = this.makeBars(seen, logCounts);
    this.picture.replaceChildren(svg);
    if (focused) svg.focus();
    this.ends.replaceChildren(
      element("span", {}, axisNumber(seen, seen.lo)),
      element("span", {}, `tallest ${plural(Math.max(...seen.counts), "element")}`),
      element("span", {}, axisNumber(seen, seen.hi)),
    );
    this.read(this.bin);
  }

  makeBars({ lo, hi, bins, counts, scale, zeros }, logCounts) {
    const most = Math.max(1, ...counts);
    const share = (count) => (logCounts ? Math.log1p(count) / Math.log1p(most) : count / most);
    const bars = [...counts].map((count, i) => {
      const height = count ? Math.max(1, share(count) * BAR_HEIGHT) : 0; // one element is still seen
      return svgElement("rect", { x: i + 0.08, y: BAR_HEIGHT - height, width: 0.84, height });
    });
    const zero = scale === "linear" && lo < 0 && hi > 0 ? (-lo / (hi - lo)) * bins : null;
    const axis =
      zero !== null &&
      svgElement("line", { class: "nbx-zero", x1: zero, x2: zero, y1: 0, y2: BAR_HEIGHT, "vector-effect": "non-scaling-stroke" });
    this.mark = svgElement("rect", { class: "nbx-bin", y: 0, width: 1, height: BAR_HEIGHT, visibility: "hidden" });
    const what = scale === "log" ? `of magnitudes, ${plural(zeros, "zero")} left out,` : "";
    const ends = `from ${axisNumber({ scale }, lo)} to ${axisNumber({ scale }, hi)}`;
    const label = `Histogram of ${this.options.name} ${what} ${ends}, tallest bin ${plural(most, "element")}. Arrow keys read bins.`;
    const binUnder = (event) => {
      const box = svg.getBoundingClientRect();
      return Math.max(0, Math.min(bins - 1, Math.floor(((event.clientX - box.left) / box.width) * bins)));
    };
    const svg = svgElement(
      "svg",
      {
        viewBox: `0 0 ${bins} ${BAR_HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img",
        tabindex: 0,
        "aria-label": label.replace(/ +/g, " "),
        onpointermove: (event) => this.read(binUnder(event)),
        onpointerleave: () => this.read(-1),
        onkeydown: (event) => this.steer(event, bins),
      },
      ...bars,
      axis,
      this.mark,
    );
    return svg;
  }

  steer(event, bins) {
    const to = { ArrowLeft: this.bin - 1, ArrowRight: this.bin + 1, Home: 0, End: bins - 1 }[event.key];
    if (to === undefined) return;
    this.read(Math.max(0, Math.min(bins - 1, to)));
    event.preventDefault();
    event.stopPropagation();
  }

  /** Tell one bin in words. @param {number} bin -1 for none */
  read(bin) {
    const { seen } = this;
    this.bin = bin;
    this.mark?.setAttribute("visibility", bin < 0 ? "hidden" : "visible");
    if (!seen || seen.lo === null || bin < 0) return void (this.readout.textContent = this.about());
    this.mark.setAttribute("x", String(bin));
    const width = (seen.hi - seen.lo) / seen.bins;
    const [from, to] = [seen.lo + bin * width, seen.lo + (bin + 1) * width].map((x) => axisNumber(seen, x));
    this.readout.textContent = `${width ? `${from} to ${to}` : from}: ${plural(seen.counts[bin], "element")}`;
  }

  about() {
    return this.seen?.scale === "log" ? `${plural(this.seen.zeros, "zero")} left out` : "";
  }
}

/** A place on the axis: of logarithms, the magnitude. */
function axisNumber({ scale }, x) {
  return scale === "log" ? formatNumber(Number((10 ** x).toPrecision(3))) : formatNumber(x);
}

/** A small button that is on or off. @param {string} text @param {string} title @param {() => void} onclick */
export function toggle(text, title, onclick) {
  return element("button", { type: "button", class: "nbx-small", "aria-pressed": "false", title, onclick }, text);
}
