"""Two pages on one kernel, and kernels that die or are shut down: the views stay in step, the picture stays, and what needs a kernel says so."""

import os
import signal

import pytest
from labkit import NotebookPage, eventually
from playwright.sync_api import expect

LOAD = "%load_ext nbgrad\nimport nbgrad as torch, os, time\nopen('process', 'w').write(str(os.getpid()))"
CELL = """%%autograd
w = torch.tensor([0.5, 1.0], requires_grad=True)
x = torch.tensor(2.0)
y = w * x
z = y.exp()
loss = z.sum()
loss.backward()"""
VIEW = "from nbgrad.notebook import magic\n[(source, view)] = magic._state.open_views()"
WATCHED = """%%autograd --watch 1000
for i in range(1000):
    w.grad = None
    (w * x).exp().sum().backward()
    time.sleep(0.03)"""
GONE = "The kernel has gone: this is what it had sent."


@pytest.fixture
def second(lab, browser):
    """The same notebook in another page."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield NotebookPage(lab, context.new_page(), "lesson.ipynb")
    context.close()


@pytest.fixture(scope="module")
def mortal(lab, browser):
    """A notebook of its own whose kernel may die."""
    (lab.root / "mortal.ipynb").write_text((lab.root / "lesson.ipynb").read_text())
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield NotebookPage(lab, context.new_page(), "mortal.ipynb").open()
    context.close()
    for session in lab.ask("/api/sessions"):
        if session["path"] == "mortal.ipynb":
            lab.ask(f"/api/sessions/{session['id']}", "DELETE")


def node(output, name):
    return output.locator(f".nb-node[aria-label^='{name},']").first


def title(output):
    return output.get_by_test_id("inspector").locator("h2")


def player(output):
    return output.get_by_test_id("player")


def press(output, name, key):
    node(output, name).focus()
    output.page.keyboard.press(key)


def test_two_pages_on_one_kernel_stay_in_step_and_either_may_close(notebook, second):
    notebook.reset(LOAD, CELL, VIEW).run().save()
    kernels = notebook.server.ask("/api/kernels")
    one, two = notebook.output(1), second.open().output(1)
    expect(two.get_by_test_id("explorer")).to_be_visible(timeout=20_000)
    assert {k["id"] for k in notebook.server.ask("/api/kernels")} == {k["id"] for k in kernels}
    node(one, "w").click()
    expect(title(two)).to_have_text("w")
    expect(two.get_by_test_id("pane-data")).to_contain_text("0.750")  # the mean, asked for by the second page itself
    node(two, "y").click()
    expect(title(one)).to_have_text("y")
    press(one, "w", "]")
    press(one, "w", "]")
    expect(player(two)).to_contain_text("step 2 of 4")
    press(two, "w", "]")
    expect(player(one)).to_contain_text("step 3 of 4")
    eventually(lambda: notebook.server.evaluate("view.step"), "2")
    second.page.close()
    press(one, "w", "]")
    expect(player(one)).to_contain_text("step 4 of 4")
    node(one, "z").click()
    expect(one.get_by_test_id("pane-data")).to_contain_text("5.05")
    eventually(lambda: notebook.server.evaluate("(view.step, view.selected == view.drawing.graph.named('z').id)"), "(3, True)")
    assert notebook.errors == [] and second.errors == []


def run_cell(notebook, number):
    """Run one cell without waiting for its end."""
    notebook.page.evaluate(
        """(number) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = number;
                         window.jupyterapp.commands.execute("notebook:run-cell"); }""",
        number,
    )


def begin(notebook, *cells):
    """Run the first two of these cells, and look at `w` while the kernel lives."""
    notebook.reset(*cells)
    run_cell(notebook, 0)
    run_cell(notebook, 1)
    output = notebook.output(1)
    expect(output.locator("[data-nbgrad-requests=ready]")).to_be_visible(timeout=20_000)
    node(output, "w").click()
    expect(output.get_by_test_id("whatif").locator("input[type=text]")).to_be_visible()
    return output


def what_needs_a_kernel_says_so(output):
    """Try everything in turn: nothing hangs, and what the record knows is shown all the same."""
    node(output, "z").click()
    expect(title(output)).to_have_text("z")
    expect(output.get_by_test_id("pane-data")).to_contain_text("5.05")
    output.get_by_role("button", name="what leads here").click()
    expect(output.locator(".nbx-status")).to_have_text("Not shown: the kernel is busy or gone.")
    node(output, "w").click()
    number = output.get_by_test_id("whatif").locator("input[type=text]")
    number.fill("3")
    number.press("Enter")
    expect(output.get_by_test_id("whatif-banner")).to_contain_text("The kernel does not answer. The recorded numbers are shown.")
    output.get_by_test_id("whatif-banner").get_by_role("button").first.click()
    output.get_by_test_id("search").fill("exp")
    expect(output.locator(".nbx-found-count")).to_have_text("1 match")
    output.get_by_test_id("search").press("Escape")
    press(output, "z", "]")
    expect(player(output)).to_contain_text("The kernel does not answer: it is busy or has stopped.")
    output.get_by_test_id("source").locator("summary").click()
    expect(output.get_by_test_id("source")).to_contain_text("y = w * x")
    expect(output.locator(".nb-root")).to_contain_text("loss = 10.1")


def test_a_kernel_that_dies_in_a_watched_cell_leaves_views_that_say_so(mortal):
    before, running = begin(mortal, LOAD, CELL, WATCHED), mortal.output(2)
    run_cell(mortal, 2)
    expect(running.get_by_test_id("progress")).to_contain_text("of 1,000 · loss", timeout=20_000)
    os.kill(int((mortal.server.root / "process").read_text()), signal.SIGKILL)
    expect(before.locator(".nbx-status")).to_have_text(GONE, timeout=15_000)
    expect(running.get_by_test_id("progress")).to_contain_text("the kernel is gone: stopped at step")
    mortal.page.locator(".jp-Dialog button.jp-mod-accept").first.click()  # Lab's own word on it
    what_needs_a_kernel_says_so(before)
    running.locator("[data-strip='0'] button").click()
    expect(title(running)).to_have_text("w")
    assert mortal.errors == []


def test_a_kernel_that_is_shut_down_is_noticed_when_it_is_asked(mortal):
    output = begin(mortal, LOAD, CELL)
    (kernel,) = (s["kernel"]["id"] for s in mortal.server.ask("/api/sessions") if s["path"] == "mortal.ipynb")
    mortal.server.ask(f"/api/kernels/{kernel}", "DELETE")
    shut = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status ?? 'none'"
    eventually(lambda: mortal.page.evaluate(shut), lambda status: status in ("none", "dead"), 20)
    node(output, "y").click()
    expect(output.locator(".nbx-status")).to_have_text(GONE)
    what_needs_a_kernel_says_so(output)
    assert mortal.errors == []
