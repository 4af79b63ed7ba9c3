"""Make the screenshots of the README and the docs from the first notebook, in a real JupyterLab: `make screenshots`."""

from __future__ import annotations

import pathlib
import shutil
import sys
import tempfile

DOCS = pathlib.Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from playwright.sync_api import sync_playwright  # noqa: E402

from tests.browser.labkit import CHROMIUM_ARGS, LabServer, NotebookPage, find_chromium  # noqa: E402

LESSON = """%%autograd
x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
loss.backward()"""


RECURRENT = """%%autograd
x, y = torch.randn(8, 4), torch.randn(8, 4)
wx, wh, wo = ((torch.randn(*s) * 0.3).requires_grad_() for s in [(4, 6), (6, 6), (6, 4)])
b = torch.zeros(6, requires_grad=True)
h = torch.zeros(8, 6)
for t in range(500):
    h = torch.tanh(x @ wx + h @ wh + b)
out = h @ wo
loss = ((out - y) ** 2).mean()
loss.backward()"""
TRAINING = """%%autograd --watch
X, Y = torch.randn(64, 4), torch.randn(64, 1)
w1, b1 = (torch.randn(4, 32) * 0.5).requires_grad_(), torch.zeros(32, requires_grad=True)
w2, b2 = (torch.randn(32, 1) * 0.2).requires_grad_(), torch.zeros(1, requires_grad=True)
for step in range(400):
    hidden = torch.relu(X @ w1 + b1)
    loss = ((hidden @ w2 + b2 - Y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for p in (w1, b1, w2, b2):
            p -= 0.05 * p.grad
            p.grad = None"""


def iteration(page):
    """One iteration of the loop, and the sizes of its gradients."""
    slider = page.locator(".nbx-loop input[type=range]").first
    slider.evaluate("(e) => { e.value = 487; e.dispatchEvent(new Event('input')); }")
    page.locator(".nbx-loop output", has_text="488 of 500").wait_for()
    page.wait_for_timeout(600)
    page.keyboard.press("Escape")
    page.locator(".nb-node").first.focus()
    page.keyboard.press("m")


def backward(page):
    """The fifth step of backward."""
    page.locator(".nb-node").first.focus()
    for _ in range(5):
        page.keyboard.press("]")
        page.wait_for_timeout(150)


def strips(page):
    """A watched loop that has ended."""
    page.get_by_test_id("strips").wait_for()


MORE = (("recurrent", RECURRENT, iteration), ("backward", LESSON, backward), ("watch", TRAINING, strips))


def main() -> None:
    """Write docs/images/NAME-light.png and NAME-dark.png: the lesson, and the explorer at work."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(DOCS.parent / "notebooks" / "01_autograd_basics.ipynb", folder)
        with LabServer(pathlib.Path(folder)) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_ARGS))
            for theme in ("Light", "Dark"):
                context = browser.new_context(viewport={"width": 1180, "height": 1700}, device_scale_factor=2)
                notebook = NotebookPage(server, context.new_page(), "01_autograd_basics.ipynb").open()
                page = notebook.page
                page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", f"JupyterLab {theme}")
                notebook.reset("%load_ext nbgrad\nimport nbgrad as torch\ntorch.manual_seed(0);", LESSON).run()
                node = page.locator(".nbx .nb-parameter").first
                node.click()
                page.locator(".nbx .nbx-map").nth(1).wait_for()
                page.mouse.move(5, 5)
                page.wait_for_timeout(800)
                shot(page, "lesson", theme)
                for name, source, work in MORE:
                    notebook.reset("%load_ext nbgrad\nimport nbgrad as torch\ntorch.manual_seed(0);", source).run()
                    page.locator(".nbx .nb-node").first.wait_for()
                    work(page)
                    page.mouse.move(5, 5)
                    page.wait_for_timeout(800)
                    shot(page, name, theme)
                context.close()
                server.stop_kernels()
            browser.close()


def shot(page, name, theme):
    """Take a picture of the second cell."""
    page.locator(".jp-Notebook .jp-CodeCell").nth(1).screenshot(path=DOCS / "images" / f"{name}-{theme.lower()}.png")


if __name__ == "__main__":
    main()
