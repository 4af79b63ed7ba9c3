// The diverging scale of the heatmaps: purple below zero, green above, the page's own paper at zero.
//
// Blue and orange are taken (what learns, and its gradient). Purple and green stay apart under every colour-blindness because their
// lightness along the scale is the same on both sides while their blue channels differ; NaN has its hatch besides its colour.

const SCALES = {
  light: {
    zero: [246, 246, 244],
    negative: [
      [184, 148, 212],
      [94, 38, 133],
    ],
    positive: [
      [132, 196, 150],
      [16, 104, 52],
    ],
    nan: [164, 14, 107],
    ink: ["#000000", "#ffffff"],
  },
  dark: {
    zero: [32, 38, 45],
    negative: [
      [112, 72, 142],
      [208, 162, 238],
    ],
    positive: [
      [38, 106, 66],
      [108, 212, 144],
    ],
    nan: [255, 122, 198],
    ink: ["#000000", "#ffffff"],
  },
};

/** @param {"light" | "dark"} theme */
export function scaleOf(theme) {
  return SCALES[theme];
}

/**
 * The colour of a number on a scale that ends at ±limit; numbers beyond it get the end's colour.
 * @param {number} value @param {number} limit @param {"light" | "dark"} theme
 * @returns {[number, number, number]}
 */
export function colourOf(value, limit, theme) {
  const scale = SCALES[theme];
  if (!Number.isFinite(value)) return /** @type {any} */ (scale.nan);
  const t = limit > 0 ? Math.max(-1, Math.min(1, value / limit)) : 0;
  const stops = [scale.zero, ...(t < 0 ? scale.negative : scale.positive)]; // a stop half way keeps the hue clear between paper and end
  const place = Math.abs(t) * 2;
  const low = Math.min(1, Math.floor(place));
  return /** @type {any} */ (stops[low].map((from, i) => Math.round(from + (stops[low + 1][i] - from) * (place - low))));
}

/**
 * Text that reads on a colour: of black and white, one always has at least 4.5:1.
 * @param {[number, number, number]} rgb @param {"light" | "dark"} theme
 */
export function inkOn(rgb, theme) {
  const [dark, light] = SCALES[theme].ink;
  return contrast(rgb, dark) >= contrast(rgb, light) ? dark : light;
}

function contrast(rgb, hex) {
  const other = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const [high, low] = [luminance(rgb), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {"light" | "dark"} theme a CSS gradient for the legend */
export function scaleGradient(theme) {
  const stops = Array.from({ length: 13 }, (_, i) => `rgb(${colourOf(i / 6 - 1, 1, theme).join(" ")})`);
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
