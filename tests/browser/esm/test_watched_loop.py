"""A watched training loop in the explorer: progress, strips, marks in the picture, reading with pointer and keyboard, and what it does without a kernel."""

import re

import pytest
from playwright.sync_api import expect
from watched import RECEIVE, Watched, deep_net, modules

import nbgrad as torch
from nbgrad.notebook import watch as watch_module


@pytest.fixture(scope="module")
def deep():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch_module, "SHARE", 1e9)  # every step
        return deep_net()


@pytest.fixture
def show(explore):
    """Mount the explorer on the graph of a watched loop and send it what was measured."""

    def show(watched, width=1100, **changed):
        page = explore(watched.drawing.shown, arrays={}, svg=watched.drawing.svg, width=width, watched=[], strips={}, progress={}, marks={})
        for name, value in {**watched.sent, **changed}.items():
            page.evaluate(RECEIVE, [name, value])
        return page

    return show


def row(page, name):
    return page.locator("[data-strip]").filter(has=page.locator("th", has_text=re.compile(f"^{re.escape(name)}$")))


def numbers(page, name):
    return row(page, name).locator(".nbx-strip-number").all_inner_texts()


@pytest.mark.parametrize("traits", [{}, {"watched": [], "strips": {}, "progress": {}, "marks": {}}])
def test_without_a_watched_loop_nothing_of_it_shows(explore, traits):
    page = explore(**traits)
    expect(page.get_by_test_id("strips")).to_be_hidden()
    expect(page.get_by_test_id("progress")).to_be_hidden()


def test_each_parameter_has_a_strip_in_the_order_of_the_graph(show, deep):
    page = show(deep)
    names = page.locator("[data-strip] th").all_inner_texts()
    assert names == [f"{kind}{i}" for i in range(1, 7) for kind in "wb"]
    assert numbers(page, "w6")[0] == f"{deep.watch._kept[0, 39, 10]:.3g}".replace("e-0", "e−")
    line = page.locator("[data-strip='0'] svg[data-kind=norm] .nbx-strip-line").get_attribute("d")
    assert line.count("L") == 39


def test_a_loop_that_was_over_before_the_page_was_loaded_shows_too(explore, deep):
    sent = {name: value for name, value in deep.sent.items() if name != "strips"}
    page = explore(deep.drawing.shown, arrays={}, svg=deep.drawing.svg, strips={}, **sent)
    expect(page.get_by_test_id("progress")).to_contain_text("finished: 40 steps")
    expect(page.locator(".nbx-mark").first).to_be_visible()


def test_progress_is_told_in_words_and_to_screen_readers(show, deep):
    running = {**deep.sent["progress"], "state": "running", "step": 10, "of": 40, "seconds": 5.0, "loss": 0.5}
    page = show(deep, progress={**running, "step": 9})
    page.evaluate(RECEIVE, ["progress", running])
    expect(page.get_by_test_id("progress")).to_have_text("step 10 of 40 · loss 0.500 · 5.0 s · about 15 s left")
    bar = page.get_by_role("progressbar", name="Training steps")
    assert (bar.get_attribute("aria-valuenow"), bar.get_attribute("aria-valuemax")) == ("10", "40")
    page.evaluate(RECEIVE, ["progress", {**running, "of": None}])
    expect(page.get_by_test_id("progress")).to_have_text("10 steps · loss 0.500 · 5.0 s")
    expect(bar).to_be_hidden()
    page.evaluate(RECEIVE, ["progress", {**running, "state": "stopped", "why": "KeyboardInterrupt"}])
    expect(page.get_by_test_id("progress")).to_contain_text("stopped by KeyboardInterrupt at step 10 of 40")
    expect(page.get_by_test_id("announcer")).to_contain_text("stopped by KeyboardInterrupt")


def test_a_kernel_that_has_gone_is_told_and_everything_stays_usable(show, deep):
    page = show(deep, progress={**deep.sent["progress"], "state": "running", "step": 10, "of": 40})
    page.evaluate("H.model.emit('comm_live_update')")
    expect(page.get_by_test_id("progress")).to_contain_text("the kernel is gone: stopped at step 10 of 40")
    expect(page.get_by_test_id("explorer")).to_contain_text("The kernel has gone: this is what it had sent.")
    page.get_by_role("button", name="w1", exact=True).first.click()
    expect(page.get_by_test_id("inspector").locator("h2")).to_have_text("w1")


def test_pointing_reads_every_strip_at_that_step(show, deep):
    page = show(deep)
    target = row(page, "w1").locator("svg").first
    box = target.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 5)
    expect(page.locator(".nbx-strip-step")).to_have_text("step 1")
    want = deep.watch._kept[:, 0, 10]
    assert [float(t.replace("−", "-")) for t in numbers(page, "w6")] == pytest.approx(want.tolist(), rel=0.006)
    page.mouse.move(5, 5)
    expect(page.locator(".nbx-strip-step")).to_have_text("step 40, the last measured")


def test_the_keyboard_reads_them_too(show, deep):
    page = show(deep)
    slider = page.get_by_role("slider", name="Measured step")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".nbx-strip-step")).to_have_text("step 39")
    assert slider.get_attribute("aria-valuetext") == "step 39"
    page.keyboard.press("Home")
    expect(page.locator(".nbx-strip-step")).to_have_text("step 1")


def test_vanishing_layers_are_marked_in_strips_and_picture_and_unmarked_again(show, deep):
    page = show(deep)
    expect(row(page, "w1").locator("[data-kind=vanishing]").last).to_have_text("vanishing")
    ids = {p["name"]: p["id"] for p in deep.sent["watched"]}
    badge = page.locator(f".nb-node[data-id='{ids['w1']}'] .nbx-mark")
    expect(badge.locator("text")).to_have_text("vanishing")
    assert "vanishing: gradient" in page.locator(f".nb-node[data-id='{ids['w1']}']").get_attribute("aria-label")
    assert page.locator(f".nb-node[data-id='{ids['w6']}'] .nbx-mark").count() == 0
    page.evaluate(RECEIVE, ["marks", {}])
    expect(badge).to_have_count(0)
    assert "vanishing" not in page.locator(f".nb-node[data-id='{ids['w1']}']").get_attribute("aria-label")


def test_marks_are_there_again_after_the_picture_was_drawn_anew(show, deep):
    page = show(deep)
    expect(page.locator(".nbx-mark").first).to_be_visible()
    before = page.locator(".nbx-mark").count()
    page.evaluate("H.model.receive('svg', H.model.get('svg') + ' ')")
    expect(page.locator(".nbx-mark")).to_have_count(before)


def test_dead_units_and_nan_have_words(show, deep):
    bad = {"2": {"where": "gradient", "what": "NaN", "step": 7, "after": 6}}
    page = show(deep, strips={**deep.sent["strips"], "bad": bad})
    dead = deep.sent["strips"]["dead"][8]
    assert dead
    expect(row(page, "w5")).to_contain_text(f"{round(100 * dead / 8)}% dead")
    expect(row(page, "w2")).to_contain_text("NaN at step 7")
    assert row(page, "w2").locator("[data-kind=nan]").get_attribute("title") == "in the gradient, finite at step 6"


def test_a_strip_leaves_gaps_where_nothing_was_measured_and_marks_what_is_not_finite(show):
    w = torch.ones(2, requires_grad=True)
    v = torch.ones(2, requires_grad=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch_module, "SHARE", 1e9)
        watched = Watched({"w": w, "v": v})
        for i in range(6):
            w.grad = v.grad = None
            (w * (float("nan") if i == 4 else 0.0 if i == 1 else 1.0) + (v if i != 2 else 0)).sum().backward()
        watched.finish()
    page = show(watched)
    column = {p["name"]: i for i, p in enumerate(watched.sent["watched"])}
    path = lambda name, kind: page.locator(f"[data-strip='{column[name]}'] svg[data-kind=norm] .nbx-strip-{kind}").get_attribute("d")  # noqa: E731
    assert path("w", "bad").count("M") == 1 and path("v", "bad") == ""
    assert path("w", "line").count("M") == 2 and path("v", "line").count("M") == 2
    page.get_by_role("slider", name="Measured step").fill("4")
    assert numbers(page, "w")[0] == "not finite"
    page.get_by_role("slider", name="Measured step").fill("1")
    assert numbers(page, "w")[0] == "0"
    page.get_by_role("slider", name="Measured step").fill("2")
    assert numbers(page, "v")[0] == "–"


def test_two_hundred_parameters_stand_in_groups_that_fold(show):
    watched = modules(count=66, steps=3)
    page = show(watched, width=600)
    expect(page.locator("[data-strip]")).to_have_count(198)
    box = page.get_by_test_id("strips").bounding_box()
    assert box["height"] < 560 and box["width"] <= 600
    group = page.get_by_role("button", name="net.block0", exact=True)
    group.focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-strip='0']")).to_be_hidden()
    expect(page.get_by_role("button", name="net.block0 · 3 parameters")).to_have_attribute("aria-expanded", "false")
    for name, value in watched.sent.items():  # a push does not open it
        page.evaluate(RECEIVE, [name, value])
    expect(page.locator("[data-strip='0']")).to_be_hidden()
    took = page.evaluate(
        "() => { const t = performance.now(); for (let i = 0; i < 10; i += 1) H.model.emit('change:strips'); return performance.now() - t; }"
    )
    assert took < 50  # drawn once a frame, however much comes


def test_hostile_names_are_text(show):
    names = {"<img src=x onerror=window.bad=1>": torch.ones(2, requires_grad=True), "w" * 10_000: torch.ones(2, requires_grad=True)}
    watched = Watched(names)
    for _ in range(3):
        sum(t.sum() for t in names.values()).backward()
    watched.finish()
    page = show(watched)
    expect(page.locator("[data-strip]")).to_have_count(2)
    assert page.evaluate("window.bad") is None
    assert page.get_by_test_id("strips").bounding_box()["height"] < 300
