"""What if, in the page: a slider asks the kernel's own handler, and every number in the view follows; nothing passes for what was recorded."""

import json
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

import nbgrad as torch
from nbgrad.notebook.answers import replay as answers

FOLDING = {"actions": [], "focus": [], "level": "", "folds": {}}
_ASK_PYTHON = """() => {
  const channel = H.requests, before = channel.answer;
  channel.answer = async (message) => {
    if (message.kind !== 'replay') return before(message);
    const reply = JSON.parse(await kernel(JSON.stringify(message)));
    const buffers = reply.buffers.map((bytes) => new DataView(Uint8Array.from(bytes).buffer));
    channel.emit('msg:custom', { kind: 'replay', request: message.request, found: reply.header !== null, header: reply.header }, buffers);
  };
}"""


def neuron():
    with torch.graph.record() as g:
        w = torch.tensor(0.5, requires_grad=True)
        x = torch.tensor([1.0, -2.0, 3.0])
        y = (w * x).tanh()
        loss = (y * y).sum()
        loss.backward()
    return g


def of_neuron(w0):
    """What the same gives when it is computed with another number: loss, gradient of w."""
    w = torch.tensor(w0, requires_grad=True)
    y = (w * torch.tensor([1.0, -2.0, 3.0])).tanh()
    loss = (y * y).sum()
    loss.backward()
    return loss.item(), w.grad.item()


@pytest.fixture
def ask_kernel(explore):
    """Mount a drawing whose questions about replays are answered by the kernel's handler; returns the page and what was asked."""
    asked = []

    def mount(drawing, **state):
        view = SimpleView(drawing)

        def kernel(text):
            wish = json.loads(text)
            asked.append(wish)
            header, buffers = answers.answer(view, wish) or (None, [])
            return json.dumps({"header": header, "buffers": [list(b) for b in buffers]}, allow_nan=False)

        page = explore(drawing.shown, svg=drawing.svg, arrays={}, folding=FOLDING, **state)
        _ask(page, kernel)
        page.evaluate(_ASK_PYTHON)
        return page

    mount.asked = asked
    return mount


class SimpleView:
    """As much of a GraphView as the handler asks for."""

    def __init__(self, drawing):
        self.drawing, self.folding = drawing, FOLDING


# the page is shared by all tests: the function is exposed once, and told whom to ask
_KERNELS = SimpleNamespace(answer=None, pages=set())


def _ask(page, kernel):
    _KERNELS.answer = kernel
    if page not in _KERNELS.pages:
        page.expose_function("kernel", lambda text: _KERNELS.answer(text))
        _KERNELS.pages.add(page)


def bar(page):
    return page.get_by_test_id("whatif")


def banner(page):
    return page.get_by_test_id("whatif-banner")


def slide(page, number):
    bar(page).locator("input[type=range]").evaluate("(e, x) => { e.value = x; e.dispatchEvent(new Event('input')); }", str(number))


def words(page, id):
    """The words that stand on the node of a value."""
    return page.locator(f'.nb-node[data-value="{id}"] > text').locator("visible=true")


def shows(page, id, text):
    """The words on a node come to hold this text."""
    expect(words(page, id).filter(has_text=text)).to_have_count(1)


def test_a_slider_on_a_scalar_moves_every_number(ask_kernel):
    page = ask_kernel(neuron())
    page.evaluate("H.model.receive('selected', 't0')")
    expect(bar(page)).to_contain_text("w =")
    slide(page, 0.75)
    loss, grad = of_neuron(0.75)
    expect(banner(page)).to_contain_text("what if: w = 0.75 (was 0.50)")
    shows(page, "t5", f"loss = {loss:.3g}")
    shows(page, "t0", f"∂ {grad:.3g}")
    expect(page.get_by_test_id("pane-grad")).to_contain_text(f"{grad:.3g}")
    banner(page).get_by_role("button").click()
    loss, grad = of_neuron(0.5)
    expect(banner(page)).to_be_hidden()
    shows(page, "t5", f"loss = {loss:.3g}")
    shows(page, "t0", f"∂ {grad:.3g}")
    expect(page.get_by_test_id("pane-grad")).to_contain_text(f"{grad:.3g}")


def badges(page):
    """The words of the badges that are seen, by node."""
    return page.evaluate("""() => Object.fromEntries([...document.querySelectorAll('.nb-bad, .nbx-mark')]
        .filter((b) => getComputedStyle(b).display !== 'none').map((b) => [b.closest('[data-id]').dataset.value || b.closest('[data-id]').dataset.id, b.lastElementChild.textContent]))""")


def test_what_is_not_a_number_is_marked_as_the_slider_moves(ask_kernel):
    with torch.graph.record() as g:
        w = torch.tensor(0.5, requires_grad=True)
        root = (w - 0.25).sqrt()
        loss = root * 3
        loss.backward()
    page = ask_kernel(g)
    page.evaluate("H.model.receive('selected', 't0')")
    assert badges(page) == {}
    slide(page, 0.1)
    expect(banner(page)).to_contain_text("w = 0.1")
    expect(page.locator(".nbx-mark")).not_to_have_count(0)
    assert set(badges(page).values()) == {"NaN"}
    slide(page, 0.75)
    expect(banner(page)).to_contain_text("w = 0.75")
    expect(page.locator(".nbx-mark")).to_have_count(0)
    assert badges(page) == {}


def test_recorded_badges_go_and_come_back(ask_kernel):
    with torch.graph.record() as g:
        w = torch.tensor(-0.5, requires_grad=True)
        root = w.sqrt()
        loss = root * 3
        loss.backward()
    page = ask_kernel(g)
    recorded = badges(page)
    assert "NaN" in recorded.values()
    page.evaluate("H.model.receive('selected', 't0')")
    slide(page, 0.5)
    expect(banner(page)).to_contain_text("w = 0.5")
    expect(page.locator(".nb-bad[display=none]")).not_to_have_count(0)
    assert badges(page) == {}
    banner(page).get_by_role("button").click()
    expect(banner(page)).to_be_hidden()
    assert badges(page) == recorded


def test_elements_that_cannot_be_computed_again_are_told_and_break_nothing(ask_kernel, monkeypatch):
    real = answers.answer
    refuses = lambda view, wish: ({"refused": "it has changed meanwhile"}, []) if "of" in wish else real(view, wish)  # noqa: E731
    monkeypatch.setattr(answers, "answer", refuses)
    page = ask_kernel(neuron())
    page.evaluate("H.model.receive('selected', 't0')")
    slide(page, 0.75)
    shows(page, "t5", f"loss = {of_neuron(0.75)[0]:.3g}")
    page.evaluate("H.model.receive('selected', 't1')")
    expect(page.get_by_test_id("inspector").locator("h2")).to_have_text("x")
    page.wait_for_function("H.requests.sent.filter((m) => m.of?.value === 't1').length > 0")
    expect(page.get_by_test_id("pane-data")).to_contain_text("−2")  # what the record knows; the page has had no error


def test_norms_on_edges_follow_and_come_back(ask_kernel):
    page = ask_kernel(neuron())
    labels = "els => els.map((e) => e.textContent)"
    before = page.locator(".nbx-back-label").evaluate_all(labels)
    page.evaluate("H.model.receive('selected', 't0')")
    slide(page, -0.25)
    expect(banner(page)).to_contain_text("(was 0.50)")
    shows(page, "t0", "w = −0.25")
    after = page.locator(".nbx-back-label").evaluate_all(labels)
    assert before != after and len(before) == len(after)
    page.keyboard.press("Escape")
    page.locator("body").press("Escape")
    bar(page).locator("input[type=range]").press("Escape")
    expect(banner(page)).to_be_hidden()
    assert page.locator(".nbx-back-label").evaluate_all(labels) == before


def test_one_element_of_a_larger_leaf(ask_kernel):
    page = ask_kernel(neuron())
    page.evaluate("H.model.receive('selected', 't1')")
    expect(bar(page)).to_contain_text("x[")
    field = bar(page).get_by_label("place along dimension 0")
    field.fill("2")
    field.press("Enter")
    expect(bar(page).locator("input[type=text]")).to_have_value("3")
    number = bar(page).locator("input[type=text]")
    number.fill("0")
    number.press("Enter")
    expect(banner(page)).to_contain_text("x[2] = 0.0 (was 3.0)")
    shows(page, "t1", "1 −2 0")
    page.get_by_test_id("pane-data").locator("[data-cell='0,1']").click()
    expect(bar(page).locator("input[type=text]")).to_have_value("-2")


def test_the_keyboard_alone_is_enough_and_says_what_came_of_it(ask_kernel):
    page = ask_kernel(neuron())
    page.evaluate("H.model.receive('selected', 't0')")
    expect(bar(page).locator("input[type=range]")).to_be_visible()
    page.locator("g.nb-node").first.focus()
    page.keyboard.press("w")
    slider = bar(page).locator("input[type=range]")
    expect(slider).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(banner(page)).to_contain_text("w = 0.51 (was 0.50)")
    expect(page.get_by_test_id("announcer")).to_contain_text("loss would be")
    page.keyboard.press("Escape")
    expect(banner(page)).to_be_hidden()


def test_what_cannot_be_replayed_says_why_and_offers_no_slider(ask_kernel):
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    with torch.graph.record() as g:
        w = torch.tensor(0.5, requires_grad=True)
        Double.apply(w).backward()
    page = ask_kernel(g)
    page.evaluate("H.model.receive('selected', 't0')")
    expect(bar(page)).to_contain_text("Double is a custom Function")
    expect(bar(page).locator("input[type=range]")).to_be_hidden()


def test_a_number_for_which_the_cell_would_decide_otherwise_shows_the_recorded_ones(ask_kernel):
    with torch.graph.record() as g:
        w = torch.tensor(0.5, requires_grad=True)
        loss = w * 2 if w > 0 else w * 3
        loss.backward()
    page = ask_kernel(g)
    page.evaluate("H.model.receive('selected', 't0')")
    slide(page, -0.5)
    expect(banner(page)).to_contain_text("the answer would be another")
    shows(page, "t2", "loss = 1")
    slide(page, 0.25)
    expect(banner(page)).not_to_contain_text("another")
    shows(page, "t2", "loss = 0.5")


def test_of_many_wishes_the_last_is_shown(ask_kernel):
    page = ask_kernel(neuron())
    page.evaluate("H.model.receive('selected', 't0')")
    slider = bar(page).locator("input[type=range]")
    expect(slider).to_be_visible()
    slider.evaluate("e => { for (let i = 1; i <= 60; i += 1) { e.value = String(i / 100); e.dispatchEvent(new Event('input')); } }")
    expect(banner(page)).to_contain_text("w = 0.6")
    shows(page, "t5", f"loss = {of_neuron(0.6)[0]:.3g}")
    assert len([a for a in ask_kernel.asked if a["changes"] and "of" not in a]) < 10


def test_views_share_the_change_as_a_trait(ask_kernel):
    page = ask_kernel(neuron())
    page.evaluate("H.model.receive('what_if', [['t0', null, 0.75]])")
    expect(banner(page)).to_contain_text("w = 0.75")
    shows(page, "t5", f"loss = {of_neuron(0.75)[0]:.3g}")
    page.evaluate("H.model.receive('what_if', [])")
    shows(page, "t5", f"loss = {of_neuron(0.5)[0]:.3g}")


def test_a_saved_file_offers_nothing_that_needs_a_kernel(one_page, tmp_path):
    path = neuron().save(tmp_path / "graph.html")
    one_page.goto(path.as_uri())
    one_page.locator('.nb-node[data-value="t0"]').click()
    expect(one_page.get_by_test_id("inspector")).to_contain_text("w")
    expect(one_page.get_by_test_id("whatif")).to_be_hidden()
