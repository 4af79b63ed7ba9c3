// The static picture beside the widget in a cell's output: hidden while the explorer is alive, shown again when it goes.
//
// A notebook file keeps both outputs. Without a kernel, or in a stranger's notebook, only the picture appears.

// What holds the outputs of one cell, so that the same picture in another cell is left alone.
const CELLS = ".jp-OutputArea, .jp-Cell, .cell_container, .output_container, #output-area, [data-nbgrad-cell]";

/** @param {HTMLElement} el the widget's element @param {string} key @returns {() => void} undo */
export function hideStatic(el, key) {
  /** @type {Map<HTMLElement, string>} */
  const hidden = new Map();
  let watcher = null;
  const hide = (area) => {
    for (const mark of area.querySelectorAll(`[data-nbgrad-static="${CSS.escape(key)}"]`)) {
      const output = /** @type {HTMLElement} */ (mark.closest(".jp-OutputArea-child") ?? mark);
      if (output.contains(el) || hidden.has(output)) continue;
      hidden.set(output, output.style.display);
      output.style.display = "none";
    }
  };
  // The element enters the page after render, and the sibling may come later still.
  let waiting = 0;
  const begin = () => {
    if (!el.isConnected) {
      waiting = requestAnimationFrame(begin);
      return;
    }
    const area = key && el.closest(CELLS);
    if (!area) return;
    hide(area);
    watcher = new MutationObserver(() => hide(area));
    watcher.observe(area, { childList: true, subtree: true });
  };
  begin();
  return () => {
    cancelAnimationFrame(waiting);
    watcher?.disconnect();
    for (const [output, display] of hidden) output.style.display = display;
  };
}
