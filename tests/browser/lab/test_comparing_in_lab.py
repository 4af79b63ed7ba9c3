"""One cell in a real JupyterLab, looked at from all sides: differences, histories, the small map, and what the Show menu adds to the picture."""

import re

import pytest
from labkit import eventually
from playwright.sync_api import expect

LOAD = "%load_ext nbgrad\nimport nbgrad as torch\nfrom nbgrad.nn import functional as F"
CELL = """%%autograd
a = torch.tensor([[0.0, 1, 2], [3, 4, 5]], requires_grad=True)
b = torch.full((2, 3), 0.5, requires_grad=True)
y = (a * b).exp()
loss = F.cross_entropy(y, torch.tensor([0, 1]))
for _ in range(3):
    loss.backward(retain_graph=True)"""
VIEW = "from nbgrad.notebook import magic\n[(source, view)] = magic._state.open_views()\none_pass = b.grad.norm().item() / 3  # the three are equal"


@pytest.fixture(scope="module")
def cell(notebook):
    """The output of the cell, run once for all tests here."""
    notebook.reset(LOAD, CELL, VIEW).run()
    output = notebook.output(1)
    expect(output.locator("[data-nbgrad-requests=ready]")).to_be_visible()
    yield output
    assert notebook.errors == []


def choose(output, name):
    output.locator(f".nb-node[aria-label^='{name},']").first.click()


def run_beside(notebook, code):
    """Run something in the kernel that is no cell of the notebook, and wait for its end."""
    notebook.page.evaluate(
        """async (code) => { const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
                             await kernel.requestExecute({ code }).done; }""",
        code,
    )


def option(output, name):
    return output.locator(f".nbx-options [data-option={name}]")


def test_two_tensors_are_subtracted_by_the_kernel(notebook, cell):
    choose(cell, "a")
    cell.get_by_test_id("pin-data").click()
    choose(cell, "b")
    shown = cell.get_by_test_id("difference")
    expect(shown).to_contain_text("largest at [1, 2]: 5 − 0.5 = 4.5")
    norm = float(notebook.server.evaluate("(a - b).norm().item()"))
    expect(shown.locator("dl > div", has_text="norm").locator("dd")).to_have_text(f"{norm:.3g}")
    shown.get_by_label("Factor of what is taken away").fill("2")
    shown.get_by_label("Factor of what is taken away").press("Enter")
    expect(shown).to_contain_text("largest at [1, 2]: 5 − 2 × 0.5 = 4")
    eventually(lambda: notebook.server.evaluate("view.pinned == view.drawing.graph.named('a').id"), "True")
    shown.get_by_role("button", name="unpin").click()
    expect(shown).to_be_hidden()


def test_the_history_of_a_gradient_goes_on_with_later_backward_passes(notebook, cell):
    choose(cell, "b")
    history = cell.get_by_test_id("history-grad")
    expect(history.locator("figcaption")).to_have_text(["in this cell, 3 passes"])
    chart = history.get_by_role("img").first
    chart.press("End")
    norm = float(notebook.server.evaluate("one_pass"))
    expect(history.locator(".nbx-readout").first).to_contain_text(f"pass 2: norm {norm:.3g}")
    run_beside(notebook, "import time\nfor _ in range(4):\n    loss.backward(retain_graph=True); time.sleep(0.1)")
    # where the machine is busy some of the passes are not looked at
    expect(history.locator("figcaption")).to_have_text([re.compile("in this cell, 3 passes"), re.compile(r"since then, (\d of )?\d+ backward passes")])
    seen, norm = eval(notebook.server.evaluate("(lambda told: (told['at'][-1], told['norm'][-1]))(source.history(view.selected, 'grad'))"))
    history.get_by_role("img").last.press("End")
    expect(history.locator(".nbx-readout").last).to_contain_text(f"pass {seen}: norm {norm:.3g}")
    assert norm == pytest.approx((seen + 4) * float(notebook.server.evaluate("one_pass")), rel=1e-5)  # `.grad` adds up


def test_the_small_map_shows_where_one_is_and_moves_there(cell):
    map = cell.get_by_test_id("minimap")
    cell.get_by_role("button", name="Fit the graph (0)").click()
    expect(map).to_be_hidden()
    for _ in range(4):
        cell.get_by_role("button", name="Zoom in (+)").click()
    expect(map).to_be_visible()
    boxes = map.locator("g rect")
    assert boxes.count() == cell.locator(".nb-node").count() - cell.locator(".nb-row").count()
    frame = map.locator(".nbx-frame")
    place = map.locator("svg").bounding_box()
    map.page.mouse.click(place["x"] + place["width"] - 4, place["y"] + place["height"] / 2)
    right = eventually(lambda: float(frame.get_attribute("x")), lambda x: x > 200)
    map.page.mouse.click(place["x"] + 4, place["y"] + place["height"] / 2)
    eventually(lambda: float(frame.get_attribute("x")), lambda x: x < right - 100)
    expect(cell.locator(".nb-node[aria-label^='a,']")).to_be_in_viewport()
    expect(cell.locator(".nb-root")).not_to_be_in_viewport()
    cell.get_by_role("button", name="Fit the graph (0)").click()
    expect(map).to_be_hidden()


def test_the_show_menu_adds_what_is_asked_for_and_takes_it_away(notebook, cell):
    cell.get_by_test_id("show").evaluate("menu => { menu.open = true; }")
    arrows = cell.locator(".nb-back").first
    lines = cell.locator(".nb-back .s-grad")
    widths = "lines => lines.map((line) => parseFloat(getComputedStyle(line).strokeWidth))"
    plain = lines.evaluate_all(widths)
    option(cell, "magnitude").check()
    steps = lines.evaluate_all("lines => lines.map((line) => Number(/nb-m(\\d)/.exec(line.closest('.nb-back').getAttribute('class'))[1]))")
    assert lines.evaluate_all(widths) == pytest.approx([1 + 1.1 * step for step in steps]) != plain
    option(cell, "magnitude").uncheck()
    assert lines.evaluate_all(widths) == plain

    option(cell, "memory").check()
    expect(cell.locator(".nb-node[aria-label^='a,'] .nbx-bytes")).to_have_text("24 B")  # 6 float32
    expect(cell.locator(".nb-node[aria-label^='loss,'] .nbx-bytes")).to_have_text("4 B")
    option(cell, "memory").uncheck()
    expect(cell.locator(".nbx-bytes")).to_have_count(0)

    option(cell, "saved").check()
    kept = {name for name in ("a", "b", "y") if cell.locator(f".nb-node[aria-label^='{name},'] .nbx-saved-mark").count()}
    assert kept == {"a", "b", "y"}  # a * b keeps both of them, exp its result
    assert cell.locator(".nb-node[aria-label^='loss,'] .nbx-saved-mark").count() == 0
    option(cell, "saved").uncheck()
    expect(cell.locator(".nbx-saved-mark")).to_have_count(0)

    expect(arrows).to_be_visible()
    cell.get_by_label("forward only").check()
    expect(arrows).to_be_hidden()
    expect(cell.get_by_test_id("backward")).to_have_attribute("aria-pressed", "false")
    cell.get_by_label("backward only").check()
    expect(arrows).to_be_visible()
    expect(cell.locator(".nb-edge").first).to_have_css("opacity", "0.25")
    cell.get_by_label("forward and backward").check()
    expect(cell.locator(".nb-edge").first).to_have_css("opacity", "1")

    few = cell.locator(".nb-op").count()
    option(cell, "ops").check()
    expect(cell.locator(".nb-op")).not_to_have_count(few)
    eventually(lambda: notebook.server.evaluate("view.folding['level']"), "'ops'")
    option(cell, "ops").uncheck()
    expect(cell.locator(".nb-op")).to_have_count(few)
    cell.page.keyboard.press("Escape")
    expect(cell.locator(".nbx-options")).to_be_hidden()


def test_the_graph_is_walked_along_its_edges_by_keyboard(notebook, cell):
    choose(cell, "y")
    node = cell.locator(".nb-node[aria-label^='y,']").first
    node.focus()
    notebook.page.keyboard.press("ArrowLeft")
    notebook.page.keyboard.press("Enter")
    expect(cell.get_by_test_id("inspector").locator("h2")).to_have_text("exp")
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("Enter")
    expect(cell.get_by_test_id("inspector").locator("h2")).to_have_text("y")
    eventually(lambda: notebook.server.evaluate("view.selected == view.drawing.graph.named('y').id"), "True")


def test_value_and_gradient_stand_side_by_side(notebook, cell):
    choose(cell, "a")
    for side in ("data", "grad"):
        pane = cell.get_by_test_id(f"pane-{side}")
        expect(pane.locator("tbody td")).to_have_count(6)
        norm = float(notebook.server.evaluate(f"a.{'grad.' if side == 'grad' else ''}norm().item()"))
        assert float(pane.locator("dl > div", has_text="norm").locator("dd").inner_text()) == pytest.approx(norm, rel=5e-3)  # three digits
