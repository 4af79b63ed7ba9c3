// Light or dark: what the notebook says, else what the system prefers.

/**
 * Keep `data-theme` of an element at "light" or "dark".
 * @param {HTMLElement} node @param {string} wish "auto", "light" or "dark" @param {() => void} onChange
 */
export function followTheme(node, wish, onChange) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  /** @type {{ name: "light" | "dark", stop: () => void }} */
  const theme = { name: "light", stop: () => {} };
  const read = () => (wish === "light" || wish === "dark" ? wish : (hostTheme() ?? (system.matches ? "dark" : "light")));
  const apply = (first = false) => {
    const name = read();
    const changed = name !== theme.name;
    theme.name = name;
    node.dataset.theme = name;
    if (changed && !first) onChange();
  };
  const changed = () => apply();
  const watcher = new MutationObserver(changed);
  for (const root of [document.body, document.documentElement])
    watcher.observe(root, {
      attributes: true,
      attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind", "theme", "class"],
    });
  system.addEventListener("change", changed);
  theme.stop = () => {
    watcher.disconnect();
    system.removeEventListener("change", changed);
  };
  apply(true);
  return theme;
}

/** JupyterLab and Notebook 7, then VS Code, then Colab; null elsewhere. @returns {"light" | "dark" | null} */
function hostTheme() {
  const { body, documentElement: root } = document;
  const lab = body.dataset.jpThemeLight;
  if (lab) return lab === "true" ? "light" : "dark";
  const code = body.dataset.vscodeThemeKind;
  if (code) return code.includes("light") ? "light" : "dark";
  const colab = root.getAttribute("theme");
  return colab === "dark" || colab === "light" ? colab : null;
}
