"""Backward, step by step, in a plain page: moving, what the picture and the words show at each step, and leaving it as it was."""

import re

import pytest
from axe import violations
from playwright.sync_api import expect

import nbgrad
from nbgrad.graph import record

LESSON = """\
w = torch.tensor([1., 2., 3.], requires_grad=True)
b = torch.tensor(0.5, requires_grad=True)
z = w * w
loss = (z + b).sum()
loss.backward(retain_graph=True)
"""


@pytest.fixture
def play(explore):
    """Record this code for real and mount the explorer on it, as a notebook does."""

    def mount(code=LESSON, **state):
        names = {"torch": nbgrad, "record": record}
        body = "".join(f"    {line}\n" for line in code.splitlines())
        exec(compile(f"with record(engine='builtin') as drawing:\n{body}", "<play>", "exec"), names)
        drawing = names["drawing"]
        page = explore(drawing.shown, svg=drawing.svg, arrays={}, whole=drawing.graph, **{"step": -1, **state})
        if drawing.graph.steps:
            expect(player(page)).to_be_visible()
        page.drawing = drawing
        return page

    return mount


def player(page):
    return page.get_by_test_id("player")


def label(page):
    return page.get_by_test_id("player-label")


def press(page, name, times=1):
    for _ in range(times):
        page.get_by_test_id(f"player-{name}").click()


def formulas(page):
    return page.locator(".nbx-player-formulas code")


def states(page, what):
    """Which backward edges, or nodes, are done or now at this step."""
    return set(page.evaluate(
        "what => [...document.querySelectorAll(what)].map(e => e.getAttribute('data-id') ?? `${e.getAttribute('data-from')}>${e.getAttribute('data-to')}`)",
        what,
    ))  # fmt: skip


def gradient_line(page, name):
    id = page.drawing.graph.named(name).id
    return page.locator(f"[data-grad={id}]").first


def ink(page):
    """All that the picture says and how it is painted."""
    return page.evaluate("[...document.querySelectorAll('.nbx-picture svg *')].map(e => [e.getAttribute('class'), e.childElementCount ? '' : e.textContent])")


# -- where it stands -------------------------------------------------------------------------------------------------------------------


def test_without_backward_there_is_no_player(play):
    page = play("x = torch.ones(3)\ny = x * 2\n")
    page.wait_for_timeout(100)
    expect(player(page)).to_be_hidden()


def test_off_it_changes_nothing_and_says_how_many_steps_there_are(play):
    page = play()
    expect(label(page)).to_have_text("backward ran 5 steps")
    expect(page.locator(".nbx-stepping")).to_have_count(0)
    expect(page.get_by_test_id("player-facts")).to_be_empty()
    expect(page.get_by_test_id("player-pass")).to_be_hidden()


def test_a_kernel_that_never_answers_leaves_it_away(explore):
    page = explore(step=3, replies=False)
    page.wait_for_timeout(100)
    expect(player(page)).to_be_hidden()


# -- moving ----------------------------------------------------------------------------------------------------------------------------


def test_buttons_move_and_the_kernel_hears_of_it(play):
    page = play()
    press(page, "next")
    expect(label(page)).to_have_text("step 1 of 5 · SumBackward0 · line 5")
    press(page, "next", 2)
    expect(label(page)).to_contain_text("step 3 of 5 · AccumulateGrad")
    press(page, "back")
    expect(label(page)).to_contain_text("step 2 of 5 · AddBackward0")
    page.wait_for_function("H.model.state.step === 1")
    press(page, "last")
    expect(label(page)).to_contain_text("step 5 of 5")
    press(page, "first")
    expect(label(page)).to_contain_text("step 1 of 5")
    press(page, "leave")
    page.wait_for_function("H.model.state.step === -1")
    assert page.evaluate("H.model.sent.at(-1)") == {"step": -1}


def test_somebody_else_moves_it(play):
    page = play(step=2)
    expect(label(page)).to_contain_text("step 3 of 5")
    page.evaluate("H.model.receive('step', 0)")
    expect(label(page)).to_contain_text("step 1 of 5")
    page.evaluate("H.model.receive('step', 99)")
    expect(label(page)).to_contain_text("step 5 of 5")
    page.evaluate("H.model.receive('step', -7)")
    expect(label(page)).to_have_text("backward ran 5 steps")


def test_keys(play):
    page = play()
    page.locator(".nbx-picture").click(position={"x": 3, "y": 3})
    page.locator(".nb-node").first.focus()
    page.keyboard.press("]")
    page.keyboard.press("]")
    expect(label(page)).to_contain_text("step 2 of 5")
    page.keyboard.press("[")
    expect(label(page)).to_contain_text("step 1 of 5")
    page.get_by_test_id("player-scrubber").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(label(page)).to_contain_text("step 3 of 5")
    page.keyboard.press("End")
    expect(label(page)).to_contain_text("step 5 of 5")
    page.keyboard.press("[")
    expect(label(page)).to_contain_text("step 4 of 5")
    expect(page.get_by_test_id("player-scrubber")).to_have_attribute("aria-valuetext", re.compile("step 4 of 5 · MulBackward0"))


def test_space_plays_but_presses_a_button_that_has_the_focus(play):
    page = play()
    page.get_by_test_id("player-last").focus()
    page.keyboard.press(" ")
    expect(label(page)).to_contain_text("step 5 of 5", timeout=1000)
    page.get_by_test_id("player-back").focus()
    page.keyboard.press(" ")
    expect(label(page)).to_contain_text("step 4 of 5", timeout=1000)
    assert page.get_by_test_id("player-play").get_attribute("aria-label") == "Play (space)"
    page.get_by_test_id("player-last").click()
    page.get_by_test_id("player-scrubber").focus()
    page.keyboard.press(" ")
    expect(page.get_by_test_id("player-play")).to_have_attribute("aria-label", "Pause (space)")
    expect(label(page)).to_contain_text("step 1 of 5")
    page.keyboard.press(" ")
    expect(page.get_by_test_id("player-play")).to_have_attribute("aria-label", "Play (space)")


def test_playing_goes_to_the_end_of_the_pass_and_stops(play):
    page = play(LESSON + "loss.backward()\n")
    page.get_by_test_id("player-speed").select_option("very fast")
    press(page, "play")
    expect(label(page)).to_contain_text("step 5 of 5")
    expect(page.get_by_test_id("player-play")).to_have_attribute("aria-label", "Play (space)")
    page.wait_for_function("H.model.state.step === 4")
    spoken = page.get_by_test_id("announcer").inner_text()
    assert "step" not in spoken  # too fast to be read out


def test_a_slow_step_is_read_out(play):
    page = play()
    press(page, "next", 2)
    expect(page.get_by_test_id("announcer")).to_have_text(re.compile(r"step 2 of 5, AddBackward0, .*grad_z = "), timeout=3000)


# -- what it shows ---------------------------------------------------------------------------------------------------------------------


def test_each_step_shows_its_formula_and_its_numbers(play):
    page = play()
    press(page, "next", 4)
    expect(formulas(page)).to_have_text(["grad_w += grad_z * w", "grad_w += grad_z * w"])
    expect(page.get_by_test_id("player-in")).to_contain_text("1  1  1")
    expect(page.get_by_test_id("player-out").locator("tr").first).to_contain_text("1  2  3")
    expect(formulas(page).first.locator(".nbx-grad-ink")).to_have_text(["grad_w", "grad_z"])


def test_previous_and_added_make_new(play):
    page = play(LESSON + "loss.backward()\n")
    page.get_by_test_id("player-pass").select_option(label="backward 2 from loss, 5 steps")
    press(page, "last")
    rows = page.get_by_test_id("player-leaf").locator("tr")
    expect(rows).to_have_text(["previous246", "+added246", "=new4812"])
    page.get_by_test_id("player-pass").select_option(label="backward 1 from loss, 5 steps")
    press(page, "last")
    expect(rows).to_have_text(["previous– none", "+added246", "=new246"])
    expect(gradient_line(page, "w")).to_have_text("∂ 2.0 4.0 6.0")  # as it was then, not as it is now


def test_the_picture_fills_with_gradients_as_they_are_computed(play):
    page = play()
    id = {n: page.drawing.graph.named(n).id for n in ("w", "b", "z", "loss")}
    press(page, "next")
    expect(page.locator(".nb-node.nbx-now")).to_have_attribute("data-id", "c2")
    assert states(page, ".nb-back.nbx-done") == {f"{id['loss']}>c2", "c2>c1"}
    expect(gradient_line(page, "z")).to_have_text("∂ –")
    press(page, "next")
    expect(page.locator(".nb-node.nbx-now")).to_have_attribute("data-id", "c1")
    assert states(page, ".nb-back.nbx-now") == {f"c1>{id['z']}", f"c1>{id['b']}"}
    expect(gradient_line(page, "z")).to_have_text("∂ –")  # not complete before its own node runs
    expect(gradient_line(page, "b")).to_have_text("∂ –")
    press(page, "next")
    expect(page.locator(".nb-node.nbx-now")).to_have_attribute("data-id", id["b"])
    expect(gradient_line(page, "b")).to_have_text("∂ 3.0")
    faint = page.locator(f".nb-back[data-to='{id['w']}']")
    expect(faint).to_have_css("opacity", "0.22")
    press(page, "next")
    expect(gradient_line(page, "z")).to_have_text("∂ 1.0 1.0 1.0")
    expect(faint).to_have_css("opacity", "1")
    press(page, "back", 2)
    expect(gradient_line(page, "b")).to_have_text("∂ –")


def test_leaving_puts_everything_back(play):
    page = play()
    before = ink(page)
    pressed = page.get_by_test_id("backward").get_attribute("aria-pressed")
    press(page, "next", 3)
    expect(label(page)).to_contain_text("step 3 of 5")
    assert ink(page) != before
    press(page, "leave")
    expect(page.locator(".nbx-stepping")).to_have_count(0)
    assert ink(page) == before
    expect(page.get_by_test_id("backward")).to_have_attribute("aria-pressed", pressed)


def test_a_gradient_that_arrives_meanwhile_is_there_after_leaving(play):
    page = play()
    press(page, "next")
    id = page.drawing.graph.named("b").id
    page.evaluate("live => H.model.receive('live', live)", {id: {"data": None, "grad": {"size": 1, "values": [9], "norm": 9}, "stamp": 1}})
    expect(gradient_line(page, "b")).to_have_text("∂ –")
    press(page, "leave")
    expect(gradient_line(page, "b")).to_have_text("∂ 9.0")
    page.evaluate("live => H.model.receive('live', live)", {id: {"data": None, "grad": {"size": 1, "values": [8], "norm": 8}, "stamp": 2}})
    press(page, "next")
    expect(gradient_line(page, "b")).to_have_text("∂ –")
    press(page, "leave")
    expect(gradient_line(page, "b")).to_have_text("∂ 8.0")


def test_a_loop_lights_its_group_and_shows_no_number_before_it_was_sent(play):
    page = play("a = torch.tensor(0.9, requires_grad=True)\nh = torch.tensor([1., 2.])\nfor t in range(100):\n    h = torch.tanh(h * a)\nh.sum().backward()\n")
    press(page, "next", 6)
    group = next(c for c in page.drawing.shown.calls if c.id.startswith("g"))
    expect(page.locator(".nb-node.nbx-now")).to_have_attribute("data-id", group.id)
    expect(page.locator(f".nb-back[data-from={group.id}]").first).not_to_have_class(re.compile("nbx-done"))


def test_the_local_jacobian_is_asked_for_when_it_is_opened(play):
    page = play()
    asked = "H.requests.sent.filter((m) => 'jacobian' in m).length"
    press(page, "next", 4)
    details = page.get_by_test_id("player-jacobian")
    assert page.evaluate(asked) == 0
    details.locator("summary").click()
    expect(details.locator("table").first.locator("tr")).to_have_text(["100", "020", "003"])
    expect(details.locator("caption").first).to_have_text("∂z / ∂w")
    press(page, "back")
    expect(details).to_have_count(0)  # a leaf has none
    press(page, "back")
    expect(details.locator("table").first.locator("tr")).to_have_text(["100", "010", "001"])  # stays open


def test_a_step_that_the_file_lacks_is_said_to_be_missing(play):
    page = play()
    page.evaluate("() => { H.requests.answer = (m) => setTimeout(() => H.requests.emit('msg:custom', { kind: m.kind, request: m.request, found: false })); }")
    press(page, "next")
    expect(page.get_by_test_id("player-facts")).to_have_text("Step 1 is not in this file.")


def test_nothing_moves_for_who_wants_no_motion(play):
    page = play()
    page.emulate_media(reduced_motion="reduce")
    press(page, "next")
    now = page.locator(".nb-back.nbx-now path").first
    expect(now).to_have_css("animation-name", "none")
    page.emulate_media(reduced_motion="no-preference")
    expect(now).not_to_have_css("animation-name", "none")


def test_another_picture_of_the_graph_shows_the_same_step(play):
    page = play()
    press(page, "next", 3)
    page.wait_for_function("H.model.state.step === 2")
    page.evaluate("svg => H.model.receive('svg', svg + ' ')", page.drawing.svg)
    expect(page.locator(".nbx-stepping .nbx-now.nb-node")).to_have_count(1)
    expect(label(page)).to_contain_text("step 3 of 5")


def test_hostile_names_are_text(play):
    page = play("params = {'<img src=x onerror=window.hit=1>': torch.ones(2, requires_grad=True)}\nloss = (params['<img src=x onerror=window.hit=1>'] * 2).sum()\nloss.backward()\n")
    press(page, "next", 2)
    expect(formulas(page).first).to_contain_text("<img src=x")
    assert page.evaluate("window.hit === undefined && !document.querySelector('.nbx-player img')")


@pytest.mark.parametrize("width", [600, 320])
def test_it_fits_a_narrow_cell(play, width):
    page = play(width=width)
    press(page, "next", 4)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = player(page).bounding_box()
    for name in ("first", "last", "leave", "speed", "scrubber"):
        inside = page.get_by_test_id(f"player-{name}").bounding_box()
        assert box["x"] <= inside["x"] and inside["x"] + inside["width"] <= box["x"] + box["width"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_while_it_plays(play, theme):
    page = play(theme=theme)
    assert violations(page) == []
    press(page, "next", 4)
    page.get_by_test_id("player-jacobian").locator("summary").click()
    expect(page.get_by_test_id("player-jacobian").locator("table")).to_have_count(2)
    assert violations(page) == []
    press(page, "last")
    expect(page.get_by_test_id("player-leaf")).to_be_visible()
    assert violations(page) == []
