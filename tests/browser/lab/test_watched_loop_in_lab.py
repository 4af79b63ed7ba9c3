"""A watched training loop in a real JupyterLab: seen while it runs, after the page was loaded anew, and after its kernel has gone."""

import re

from labkit import eventually
from playwright.sync_api import expect

SETUP = """
%load_ext nbgrad
import time
from pathlib import Path
import nbgrad as torch
torch.manual_seed(0)
x, y = torch.randn(16, 4), torch.randn(16, 1)
w1, w2 = torch.randn(4, 8, requires_grad=True), torch.randn(8, 1, requires_grad=True)
"""
LOOP = """%%autograd --watch
for i in range(3000):
    loss = ((torch.relu(x @ w1) @ w2 - y) ** 2).mean()
    w1.grad = w2.grad = None
    loss.backward()
    with torch.no_grad():
        w1 -= 0.01 * w1.grad
        w2 -= 0.01 * w2.grad
    time.sleep(0.03)
    if Path("stop").exists(): break
"""


def progress(notebook):
    return notebook.output(1).get_by_test_id("progress")


def test_the_loop_is_seen_while_it_runs_and_after_a_reload(notebook):
    stop = notebook.server.root / "stop"
    stop.unlink(missing_ok=True)
    notebook.reset(SETUP, LOOP).start()
    output = notebook.output(1)
    expect(output.locator("[data-strip]")).to_have_count(2, timeout=20_000)
    expect(progress(notebook)).to_have_text(re.compile(r"^step [\d,]+ of 3,000 · loss"))
    gradient = output.locator(".nb-node.nb-parameter .nb-grad").first
    for follows in (progress(notebook), gradient):
        shown = follows.text_content()
        eventually(follows.text_content, lambda now, shown=shown: now != shown)
    notebook.save()
    notebook.open(kernel=False)
    picture = notebook.output(1).locator("img[alt^='Computation graph']")
    expect(picture).to_be_visible()  # Lab asks for the widgets when the cell is over: until then the picture stands there
    stop.touch()
    expect(progress(notebook)).to_have_text(re.compile("^finished: step"), timeout=30_000)
    expect(notebook.output(1).locator("[data-strip]")).to_have_count(2)
    expect(picture).to_be_hidden()
    eventually(lambda: notebook.server.evaluate("'idle'"), "'idle'", 30)
    assert notebook.errors == []


def test_a_restarted_kernel_is_told_and_what_it_sent_stays(notebook):
    (notebook.server.root / "stop").unlink(missing_ok=True)
    notebook.reset(SETUP, LOOP).start()
    output = notebook.output(1)
    expect(output.locator("[data-strip]")).to_have_count(2, timeout=20_000)
    notebook.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel(); }")
    expect(progress(notebook)).to_contain_text("the kernel is gone: stopped at step")
    output.locator("[data-strip='0'] button").click()
    expect(output.get_by_test_id("inspector").locator("h2")).to_have_text("w1")
    assert notebook.errors == []
