"""Numbers in a real JupyterLab, with the kernel that made them: steps of backward, what-if, tables and differences."""

import pytest
from labkit import eventually
from playwright.sync_api import expect

LOAD = "%load_ext nbgrad\nimport nbgrad as torch\nimport numpy as np"
SMALL = """%%autograd
w = torch.tensor(0.5, requires_grad=True)
x = torch.tensor(2.0)
loss = (w * x - 3.0) ** 2
loss.backward()"""
TABLE = """%%autograd
a = torch.arange(300.0 * 40).reshape(300, 40).requires_grad_()
b = a * 2
b.sum().backward()"""


@pytest.fixture
def cell(notebook):
    """Run one cell under the magic and return its output."""

    def run(source, *more):
        notebook.reset(LOAD, source, *more).run()
        output = notebook.output(1)
        expect(output.locator("[data-nbgrad-requests=ready]")).to_be_visible()
        return output

    return run


def choose(output, name):
    output.locator(f".nb-node[aria-label^='{name},']").first.click()


def test_a_slider_asks_what_if_and_the_tensors_stay_as_they_are(notebook, cell):
    page = cell(SMALL)
    choose(page, "w")
    number = page.get_by_test_id("whatif").locator("input[type=text]")
    number.fill("2")
    number.press("Enter")
    banner = page.get_by_test_id("whatif-banner")
    expect(banner).to_contain_text("w = 2")
    expect(page.locator(".nb-root")).to_contain_text("loss = 1")  # (2 * 2 - 3) ** 2
    expect(page.get_by_test_id("pane-grad")).to_contain_text("4")  # 2 * (2 * 2 - 3) * 2
    eventually(lambda: notebook.server.evaluate("(w.item(), w.grad.item(), loss.item())"), "(0.5, -8.0, 4.0)")
    banner.get_by_role("button").first.click()
    expect(page.locator(".nb-root")).to_contain_text("loss = 4")


def test_backward_is_stepped_through_with_the_numbers_that_flowed(notebook, cell):
    page = cell(SMALL)
    page.locator(".nb-node").first.focus()
    for _ in range(2):
        page.page.keyboard.press("]")
    player = page.get_by_test_id("player")
    expect(player).to_contain_text("step 2 of 4")
    expect(player).to_contain_text("grad_(w * x) = grad_((w * x) - 3.0)")
    expect(player.get_by_role("table").first).to_contain_text("−4")  # 2 * (0.5 * 2 - 3)
    eventually(lambda: notebook.server.evaluate("__import__('nbgrad.notebook.magic').notebook.magic._state.open_views()[-1][1].step"), "1")


def test_a_large_tensor_is_read_in_a_table_by_keyboard(cell):
    page = cell(TABLE)
    choose(page, "a")
    pane = page.get_by_test_id("pane-data")
    expect(pane.locator("canvas")).to_be_visible()
    pane.locator("summary", has_text="table of values").click()
    expect(pane.get_by_role("gridcell").first).not_to_have_text("…")
    pane.get_by_role("grid").focus()
    page.page.keyboard.press("Control+End")
    expect(pane).to_contain_text("11999")
