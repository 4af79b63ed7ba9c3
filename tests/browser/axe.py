"""axe-core, the checker that browsers' own tools use: what it finds wrong in the explorer."""

import importlib.resources

AXE = (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text()
WORST = ("serious", "critical")


def violations(page):
    """The serious and critical findings, a line each."""
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run('.nbx', { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })).violations")
    return [f"{v['id']}: {node['html'][:160]}" for v in found if v["impact"] in WORST for node in v["nodes"]]
