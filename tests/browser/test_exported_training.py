"""Training scripts in the exported file: loops, their iterations, what failed, and the room for a tensor's numbers."""

import linecache

import pytest
from playwright.sync_api import expect

import nbgrad
from nbgrad.graph import record
from nbgrad.graph.drawing import Drawing
from nbgrad.graph.capture import Recorder
from nbgrad._engine.observe import observing
from test_exported_page import opened  # noqa: F401

CELL = """X, Y = torch.ones(64, 3), torch.ones(64, 1)
w, b = torch.full((3, 1), 0.1, requires_grad=True), torch.zeros(1, requires_grad=True)
for epoch in range(12):
    for batch in range(0, 64, 16):
        loss = ((X[batch : batch + 16] @ w + b - Y[batch : batch + 16]) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.05 * p.grad
                p.grad = None
    total = loss.detach() + 1
"""


def cell_drawing(text, namespace=None):
    """What `%%autograd` makes of a cell with this text."""
    name, recorder, space = "<ipython-input-1-training>", Recorder(), {"torch": nbgrad, "__name__": "__main__", **(namespace or {})}
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    try:
        with observing(recorder):
            exec(compile(text, name, "exec"), space)
    except RuntimeError:
        pass
    return Drawing(recorder.graph(space, text, name), recorder.tensors())


@pytest.fixture(scope="module")
def training():
    return cell_drawing(CELL).to_html()


def test_rows_tell_which_loop_lies_in_which(opened, training):  # noqa: F811
    rows = opened(training).locator(".nbx-loop")
    expect(rows).to_have_count(2)
    expect(rows.nth(0).locator("code")).to_have_text("for epoch in range(12)")
    expect(rows.nth(1).locator("code")).to_have_text("for epoch › for batch in range(0, 64, 16)")
    expect(rows.nth(0).locator("output")).to_have_text("12 of 12")
    expect(rows.nth(1).locator("output")).to_have_text("4 of 4")


def test_after_the_slider_has_moved_a_loop_can_still_be_closed_and_undone(opened, training):  # noqa: F811
    page = opened(training)
    row = page.locator(".nbx-loop").first
    nodes = page.locator(".nb-node").count()
    row.locator("input").evaluate("e => { e.value = 2; e.dispatchEvent(new Event('input')); }")
    expect(row.locator("output")).not_to_have_text("12 of 12")
    expect(page.locator(".nb-root")).to_have_count(1)
    assert page.locator(".nb-node").count() == nodes  # an iteration is drawn as another
    row.get_by_role("button", name="Close for epoch").click()
    expect(page.locator(".nbx-loop")).to_have_count(0)
    expect(page.locator(".nb-group").first).to_contain_text("for epoch in range(12) ×12")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".nbx-loop")).to_have_count(2)


def long_chain():
    with record() as g:
        x = nbgrad.ones(2, 3, requires_grad=True)
        y = x
        for n in range(40):
            y = [nbgrad.sin, nbgrad.cos, nbgrad.tanh, nbgrad.exp][(n * n + n // 3) % 4](y)
        y.sum().backward()
    return g.with_options(max_nodes=400)


def test_a_tall_graph_leaves_room_for_value_and_gradient_side_by_side(opened):  # noqa: F811
    page = opened(long_chain().to_html())
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.get_by_test_id("explorer")).to_have_attribute("data-layout", "beside")
    page.locator(".nb-parameter").first.click()
    picture, value, gradient = (page.locator(part).bounding_box() for part in (".nbx-picture", "[data-testid=pane-data]", "[data-testid=pane-grad]"))
    assert picture["x"] + picture["width"] <= value["x"] and value["x"] + value["width"] <= gradient["x"] and abs(value["y"] - gradient["y"]) < 2
    page.set_viewport_size({"width": 800, "height": 900})  # no longer
    expect(page.get_by_test_id("explorer")).to_have_attribute("data-inspector", "narrow")


def test_what_learns_and_how_much_there_is_are_told_of_the_whole_record(opened, training):  # noqa: F811
    inspector = opened(training).get_by_test_id("inspector")
    expect(inspector).to_contain_text("4 numbers")
    expect(inspector).to_contain_text("drawn as")


def test_a_cell_that_failed_shows_how_far_it_came_and_the_line(opened):  # noqa: F811
    text = "x, w = torch.ones(2, 3), torch.ones(3, 4, requires_grad=True)\nh = torch.tanh(x @ w)\nout = h @ w\n"
    page = opened(cell_drawing(text).to_html())
    expect(page.locator(".nb-failed")).to_contain_text("mat1 and mat2 shapes cannot be multiplied")
    expect(page.get_by_test_id("source")).to_have_attribute("open", "")
    expect(page.locator(".nbx-source .nbx-failed")).to_have_text("3out = h @ w")


def test_the_player_begins_at_the_pass_of_the_iteration_that_is_drawn(opened, training):  # noqa: F811
    page = opened(training)
    expect(page.locator(".nbx-player select").first.locator("option:checked")).to_contain_text("backward 48 from loss")


def test_the_hint_that_the_graph_goes_on_covers_nothing_of_it(opened):  # noqa: F811
    page = opened(long_chain().to_html())
    expect(page.locator(".nbx-toolbar .nbx-more")).to_be_visible()
    assert page.locator(".nbx-picture .nbx-more").count() == 0


LESSON = """x = torch.ones(5)
w = torch.full((5, 3), 0.5, requires_grad=True)
b = torch.zeros(3, requires_grad=True)
z = x @ w + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, torch.zeros(3))
loss.backward()
"""


@pytest.fixture(scope="module")
def lesson_file():
    return cell_drawing(LESSON).to_html()


def heading(page):
    return page.get_by_test_id("inspector").locator("h2")


def test_a_file_is_searched_and_walked_by_keyboard(opened, lesson_file):  # noqa: F811
    page = opened(lesson_file)
    page.locator(".nb-node[aria-label^='z,']").focus()
    page.keyboard.press("/")
    page.keyboard.type("parameter")
    expect(page.locator(".nbx-found-count")).to_have_text("2 matches")
    page.get_by_test_id("search").fill("z")
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("z")
    page.locator(".nb-node[aria-label^='z,']").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("add")


def test_a_file_shows_what_leads_to_a_tensor_or_comes_of_one(opened, lesson_file):  # noqa: F811
    page = opened(lesson_file)
    operators = page.locator(".nb-op")
    expect(operators).to_have_count(3)
    page.locator(".nb-node[aria-label^='z,']").click()
    page.get_by_role("button", name="what leads here").click()
    expect(operators).to_have_count(2)
    page.get_by_test_id("focus").get_by_role("button", name="Show all").click()
    expect(operators).to_have_count(3)


def test_a_file_has_the_map_the_show_menu_and_the_source(opened, lesson_file):  # noqa: F811
    page = opened(lesson_file)
    for _ in range(4):
        page.get_by_role("button", name="Zoom in (+)").click()
    expect(page.get_by_test_id("minimap")).to_be_visible()
    page.get_by_test_id("show").evaluate("menu => { menu.open = true; }")
    page.locator("[data-option=memory]").check()
    expect(page.locator(".nb-node[aria-label^='w,'] .nbx-bytes")).to_have_text("60 B")
    page.get_by_label("forward only").check()
    expect(page.locator(".nb-back").first).to_be_hidden()
    page.get_by_test_id("source").locator("summary").click()
    page.locator(".nbx-source > div", has_text="x @ w").hover()
    expect(page.locator(".nb-node.nbx-lit").first).to_be_visible()


def test_the_whole_backward_pass_is_stepped_through_in_a_file(opened, lesson_file):  # noqa: F811
    page = opened(lesson_file)
    page.get_by_test_id("player-last").click()
    expect(page.get_by_test_id("player-label")).to_contain_text("step")
    expect(page.get_by_test_id("player-facts")).to_contain_text("previous")
