"""The explorer in a real JupyterLab: arrays from the kernel, gradients that appear, and the picture that takes over."""

import json
from pathlib import Path

import pytest
from labkit import NotebookPage, eventually
from playwright.sync_api import expect

FOLDER = str(Path(__file__).parents[1])
SHOW = f"""
import sys
sys.path.insert(0, {FOLDER!r})
from lesson import LessonSource, lesson_graph, lesson_svg
from nbgrad.notebook.explorer import GraphView
source = LessonSource(backward=False)
graph = lesson_graph(backward=False)
view = GraphView(graph, lesson_svg(lesson_graph()), source)
view.show("x w b -> loss")
"""


def explorer(notebook, cell=0):
    return notebook.output(cell).get_by_test_id("explorer")


def picture(notebook, cell=0):
    return notebook.output(cell).locator("img[alt^='Computation graph']")


def choose(notebook, id):
    notebook.page.locator(f"[data-id={id}]").click()


def test_selection_reaches_the_kernel_and_arrays_come_back(notebook):
    notebook.reset(SHOW).run()
    choose(notebook, "t2")
    expect(notebook.page.get_by_test_id("pane-data").locator("td[data-cell='4,2']")).to_be_visible()
    eventually(lambda: notebook.server.evaluate("view.selected"), "'t2'")
    assert notebook.errors == []


def test_python_selects(notebook):
    notebook.reset(SHOW, "view.selected = 't3'").run()
    expect(notebook.page.get_by_test_id("inspector").locator("h2")).to_have_text("b")


def test_gradients_appear_in_a_later_cell_and_go_again(notebook):
    notebook.reset(SHOW, "source.backward(); view.refresh()").run()
    line = notebook.page.locator("[data-grad=t2]")
    expect(line).to_contain_text("0.668")
    notebook.page.evaluate(
        """() => { const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
                   kernel.requestExecute({ code: "source.zero_grad(); view.refresh()" }); }"""
    )
    expect(line).to_have_text("∂ –")


def test_only_the_last_of_a_burst_need_arrive_but_it_does(notebook):
    burst = "import numpy as np\nfor i in range(3000):\n    source.arrays['t2']['grad'] = np.full((5, 3), 7.0 if i == 2999 else float(i))\n    view.refresh()"
    notebook.reset(SHOW, burst).run()
    expect(notebook.page.locator("[data-grad=t2]")).to_contain_text("27.1")  # 7 * sqrt(15)


def test_arrays_come_while_a_cell_runs(notebook):
    loop = "import time\nend = time.monotonic() + 4\nwhile time.monotonic() < end:\n    source.backward(); view.refresh(); time.sleep(0.02)"
    notebook.reset(SHOW).run()
    expect(notebook.output().locator("[data-nbgrad-requests=ready]")).to_be_visible()
    notebook.page.evaluate(
        """(code) => { const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
                       window.running = kernel.requestExecute({ code }).done; }""",
        loop,
    )
    expect(notebook.page.locator("[data-grad=t2]")).to_contain_text("0.668")
    choose(notebook, "t2")
    expect(notebook.page.get_by_test_id("pane-data").locator("td[data-cell='4,2']")).to_be_visible(timeout=1500)
    notebook.page.evaluate("() => window.running")


STEPS = """
import nbgrad as torch, ipywidgets
from IPython.display import display
from nbgrad.graph import record
from nbgrad.notebook.explorer import GraphView
with record() as drawing:
    x = torch.tensor([1., 2.], requires_grad=True)
    z = x * x
    loss = z.sum()
    loss.backward()
view = GraphView(drawing.shown, drawing.svg, None, drawing)
slider = ipywidgets.IntSlider(-1, min=-1, max=2)
link = ipywidgets.jslink((slider, "value"), (view, "step"))
display(slider)
view.show()
"""


def test_backward_is_played_step_by_step_and_the_position_is_shared(notebook):
    notebook.reset(STEPS, "slider.value = 1").run()
    label = notebook.page.get_by_test_id("player-label")
    expect(label).to_contain_text("step 2 of 3 · MulBackward0")  # the slider leads
    notebook.page.get_by_test_id("player-jacobian").locator("summary").click()
    expect(notebook.page.get_by_test_id("player-jacobian").locator("td")).to_have_text(["1", "0", "0", "2"] * 2)
    notebook.page.get_by_test_id("player-next").click()
    expect(notebook.page.get_by_test_id("player-leaf")).to_contain_text("– none")
    eventually(lambda: notebook.server.evaluate("view.step, slider.value"), "(2, 2)")
    notebook.page.get_by_test_id("player-leave").click()
    eventually(lambda: notebook.server.evaluate("view.step"), "-1")
    assert notebook.errors == []


def test_single_keys_stay_in_the_explorer(notebook):
    notebook.reset(SHOW).run()
    choose(notebook, "t2")
    notebook.page.keyboard.press("0")
    notebook.page.keyboard.press("0")  # Lab's "restart the kernel"
    notebook.page.keyboard.press("ArrowDown")
    notebook.page.keyboard.press("Enter")
    expect(notebook.page.get_by_test_id("inspector").locator("h2")).to_have_text("matmul")
    assert notebook.page.locator(".jp-Dialog").count() == 0


def test_theme_follows_lab(notebook):
    notebook.reset(SHOW).run()
    expect(explorer(notebook)).to_have_attribute("data-theme", "light")
    change = "async (name) => { await window.jupyterapp.commands.execute('apputils:change-theme', { theme: name }); }"
    notebook.page.evaluate(change, "JupyterLab Dark")
    try:
        expect(explorer(notebook)).to_have_attribute("data-theme", "dark")
    finally:
        notebook.page.evaluate(change, "JupyterLab Light")
    expect(explorer(notebook)).to_have_attribute("data-theme", "light")


def test_lab_does_not_restyle_the_columns(notebook):
    notebook.reset(SHOW).run()
    choose(notebook, "t2")
    rows = notebook.page.get_by_test_id("pane-data").locator(".nbx-stats > div")
    expect(rows).to_have_count(8)
    measure = "rows => rows.map(r => [...r.children].map(c => c.getBoundingClientRect()).map(b => [b.left, b.right]))"
    # they have no size before Lab has laid the output out
    boxes = eventually(lambda: rows.evaluate_all(measure), lambda boxes: all(left < right for row in boxes for left, right in row))
    for (_, end_of_name), (start_of_number, _) in boxes:
        assert end_of_name <= start_of_number
    assert len({round(number[1]) for _, number in boxes}) == 3  # three columns, right-aligned


def test_picture_hides_while_the_explorer_lives_and_only_in_its_own_cell(notebook):
    again = "from IPython.display import display\nfrom nbgrad.notebook.explorer import static_bundle\ndisplay(static_bundle(graph, view.svg, view.key), raw=True)"
    notebook.reset(SHOW, again).run()
    expect(explorer(notebook)).to_be_visible()
    expect(picture(notebook)).to_be_hidden()
    expect(picture(notebook, 1)).to_be_visible()


def test_closing_the_view_brings_the_picture_back(notebook):
    notebook.reset(SHOW, "view.close()").run()
    expect(explorer(notebook)).to_have_count(0)
    expect(picture(notebook)).to_be_visible()


def test_after_a_reload_with_the_kernel_alive_the_explorer_is_back(notebook):
    notebook.reset(SHOW).run().save()
    notebook.open()
    expect(explorer(notebook)).to_be_visible()
    expect(picture(notebook)).to_be_hidden()


@pytest.fixture
def other_page(lab, browser):
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield lambda name: NotebookPage(lab, context.new_page(), name)
    context.close()


def test_without_its_kernel_the_saved_notebook_shows_the_picture(notebook, other_page):
    notebook.reset(SHOW).run().save()
    saved = json.loads((notebook.server.root / "lesson.ipynb").read_text())
    (notebook.server.root / "trusted.ipynb").write_text(json.dumps(saved))
    page = other_page("trusted.ipynb")
    page.open()
    trust = """async () => { const { content, context } = window.jupyterapp.shell.currentWidget;
        for (const cell of content.widgets) cell.model.trusted = true;
        await context.save(); }"""
    page.page.evaluate(trust)
    page.open()  # another kernel: the widget's model is not found
    expect(picture(page)).to_be_visible()
    expect(explorer(page)).to_have_count(0)
    eventually(lambda: picture(page).evaluate("image => image.complete && image.naturalWidth > 0"), True)


def test_in_an_untrusted_notebook_the_cleaned_html_still_shows_the_picture(notebook, other_page):
    notebook.reset(SHOW).run().save()
    saved = json.loads((notebook.server.root / "lesson.ipynb").read_text())
    saved["cells"][0]["source"] = ["# a stranger's"]  # changes the signature
    (notebook.server.root / "stranger.ipynb").write_text(json.dumps(saved))
    page = other_page("stranger.ipynb").open()
    assert not page.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[0].model.trusted")
    expect(picture(page)).to_be_visible()
    expect(explorer(page)).to_have_count(0)
    eventually(lambda: picture(page).evaluate("image => image.complete && image.naturalWidth > 0"), True)


def test_notebook_7_shows_the_explorer_and_its_gradients(lab, browser):
    (lab.root / "seven.ipynb").write_text((lab.root / "lesson.ipynb").read_text())
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    seven = NotebookPage(lab, context.new_page(), "seven.ipynb", "notebooks").open()
    cell = "%load_ext nbgrad\nimport nbgrad as torch"
    lesson = "%%autograd\nw = torch.ones(5, 3, requires_grad=True)\nloss = (torch.ones(5) @ w).sum()"
    seven.reset(cell, lesson, "loss.backward()").run()
    expect(seven.page.locator(".nbx .nb-parameter .nb-grad")).to_contain_text("3.87")
    seven.page.locator(".nbx .nb-parameter").click()
    expect(seven.page.get_by_test_id("pane-grad").locator("td[data-cell='4,2']")).to_be_visible()
    expect(picture(seven, 1)).to_be_hidden()
    assert seven.errors == []
    context.close()
