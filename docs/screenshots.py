"""Make the screenshots of the README and the docs from the first notebook, in a real JupyterLab: `make screenshots`."""

from __future__ import annotations

import pathlib
import shutil
import sys
import tempfile

DOCS = pathlib.Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from playwright.sync_api import sync_playwright  # noqa: E402

from tests.browser.labkit import CHROMIUM_ARGS, LabServer, NotebookPage, eventually, find_chromium  # noqa: E402

LESSON = """%%autograd
x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
loss.backward()"""


def main() -> None:
    """Write docs/images/lesson-light.png and lesson-dark.png."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(DOCS.parent / "notebooks" / "01_autograd_basics.ipynb", folder)
        with LabServer(pathlib.Path(folder)) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_ARGS))
            for theme in ("Light", "Dark"):
                context = browser.new_context(viewport={"width": 1180, "height": 1000}, device_scale_factor=2)
                notebook = NotebookPage(server, context.new_page(), "01_autograd_basics.ipynb").open()
                page = notebook.page
                page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", f"JupyterLab {theme}")
                notebook.reset("%load_ext nbgrad\nimport nbgrad as torch\ntorch.manual_seed(0);", LESSON).run()
                node = page.locator(".nbx .nb-parameter").first
                node.click()
                eventually(lambda page=page: page.locator(".nbx .nbx-map").count(), 2)
                page.mouse.move(5, 5)
                page.wait_for_timeout(800)
                page.locator(".jp-Notebook .jp-CodeCell").nth(1).screenshot(path=DOCS / "images" / f"lesson-{theme.lower()}.png")
                context.close()
                server.stop_kernels()
            browser.close()


if __name__ == "__main__":
    main()
