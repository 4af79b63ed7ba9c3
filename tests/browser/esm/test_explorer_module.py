"""The explorer's behaviour in a plain page: choosing, walking, zooming, live gradients, and what it says when there is nothing."""

import dataclasses
import re

import lesson
import numpy as np
import pytest
from looks import CONTRAST, inspector, pane, push
from playwright.sync_api import expect

from nbgrad.graph.records import Graph, Value


def node(page, id):
    return page.locator(f".nb-node[data-id='{id}']")


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('data-id')")


def view_box(page):
    return [float(x) for x in page.locator(".nbgrad").get_attribute("viewBox").split()]


# -- choosing ------------------------------------------------------------------------------------------------------------------------


def test_click_shows_the_tensor_and_tells_the_kernel(explore):
    page = explore()
    node(page, "t2").click()
    expect(inspector(page).locator("h2")).to_have_text("w")
    expect(inspector(page)).to_contain_text("(5, 3)")
    expect(inspector(page)).to_contain_text("w = torch.randn(5, 3, requires_grad=True)")
    expect(pane(page, "data").locator("tbody td")).to_have_count(15)
    assert page.evaluate("H.model.sent") == [{"selected": "t2"}]


def test_kernel_selects(explore):
    page = explore(selected="t3")
    expect(inspector(page).locator("h2")).to_have_text("b")
    page.evaluate("H.model.receive('selected', 'c0')")
    expect(inspector(page).locator("h2")).to_have_text("matmul")
    page.evaluate("H.model.receive('selected', 'no such id')")
    expect(inspector(page).locator("h2")).to_have_text("Graph")


def test_numbers_in_the_cells_are_the_array(explore):
    page = explore(selected="t2")
    want = lesson.lesson_arrays()["t2"]["grad"]
    for (i, j), x in np.ndenumerate(want):
        assert float(pane(page, "grad").locator(f"td[data-cell='{i},{j}']").inner_text().replace("−", "-")) == pytest.approx(
            x, rel=0.01
        )


def test_pointing_at_a_cell_reads_out_the_same_cell_of_both_sides(explore):
    page = explore(selected="t2")
    pane(page, "data").locator("td[data-cell='3,0']").hover()
    expect(pane(page, "data").locator(".nbx-heatmap .nbx-readout")).to_have_text("[3, 0] = 3.32")
    expect(pane(page, "grad").locator(".nbx-heatmap .nbx-readout")).to_have_text("[3, 0] = 0.297")


def test_operator_shows_its_inputs_outputs_parameters_and_formulas(explore):
    page = explore(selected="c2")
    expect(inspector(page)).to_contain_text("reduction = 'mean'")
    expect(inspector(page)).to_contain_text("grad * (sigmoid(self) - target) / n")
    expect(inspector(page)).to_contain_text("step 0")
    inspector(page).get_by_role("button", name="z", exact=True).click()
    expect(inspector(page).locator("h2")).to_have_text("z")
    expect(node(page, "t5")).to_have_attribute("aria-current", "true")


def test_click_beside_the_nodes_and_escape_clear_the_selection(explore):
    page = explore(selected="t2")
    page.locator(".nbx-picture").click(position={"x": 5, "y": 5})
    expect(inspector(page).locator("h2")).to_have_text("Graph")
    node(page, "t2").click()
    page.keyboard.press("Escape")
    expect(inspector(page).locator("h2")).to_have_text("Graph")
    assert page.evaluate("H.model.state.selected") == ""


# -- why there is no gradient ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (dict(cut="detach"), "detach() cut it"),
        (dict(cut="no_grad", is_leaf=False), "torch.no_grad()"),
        (dict(dtype="int64"), "floating point"),
        (dict(), "requires_grad is False"),
        (dict(is_leaf=False), "None of the tensors it was made from"),
        (dict(requires_grad=True), "backward() has not been called"),
    ],
)
def test_a_missing_gradient_is_a_dash_and_a_reason(explore, flags, words):
    value = Value("t0", (2,), **{"dtype": "float32", "name": "v", **flags})
    page = explore(Graph((value,)), svg="", arrays={}, selected="t0")
    expect(pane(page, "grad")).to_contain_text("–")
    expect(pane(page, "grad")).to_contain_text(words)
    expect(pane(page, "grad")).not_to_contain_text("0")


def test_after_backward_the_reason_says_what_stands_between(explore):
    graph = lesson.lesson_graph()
    cleared = tuple(dataclasses.replace(v, grad=None, grad_kept=False) if v.id in ("t2", "t5") else v for v in graph.values)
    page = explore(graph.replace(values=cleared), arrays={}, selected="t2")
    expect(pane(page, "grad")).to_contain_text("no path leads from its root")
    page.evaluate("H.model.receive('selected', 't5')")
    expect(pane(page, "grad")).to_contain_text("retain_grad()")


def test_a_gradient_that_was_not_kept_is_told_apart(explore):
    page = explore(selected="t5")
    expect(pane(page, "grad")).to_contain_text("Seen in backward, not kept in .grad.")
    expect(pane(page, "grad").locator("h3")).to_have_text("gradient")
    asked = [m for m in page.evaluate("H.requests.sent") if m["kind"] == "array"]
    assert [m["which"] for m in asked] == ["data"]  # the kernel has no such gradient any more


# -- live ------------------------------------------------------------------------------------------------------------------------------

NORM2 = {"size": 15, "mean": 0.1, "norm": 2.0}


def test_gradients_appear_and_are_announced(explore):
    page = explore(lesson.lesson_graph(backward=False), arrays={}, selected="t2")
    line = page.locator("[data-grad=t2]")
    expect(line).to_have_text("∂ –")
    expect(page.get_by_test_id("backward")).to_have_attribute("aria-pressed", "false")
    push(page, {"t2": {"data": None, "grad": NORM2, "stamp": 1}})
    expect(line).to_have_text("∂ ‖g‖ 2.0")
    expect(page.get_by_test_id("backward")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("announcer")).to_have_text("gradient arrived: w")
    expect(node(page, "t2")).to_have_attribute("aria-label", "w, parameter, 5 by 3, gradient norm 2.0, line 3")
    expect(pane(page, "grad")).to_contain_text("norm")
    push(page, {"t2": {"data": None, "grad": None, "stamp": 2}})
    expect(line).to_have_text("∂ –")
    expect(page.get_by_test_id("announcer")).to_have_text("gradient set to None: w")


def test_a_row_of_a_card_shows_the_magnitude_by_its_fill(explore):
    row = (
        '<g class="nb-node nb-parameter nb-row" data-id="t2" data-value="t2"><rect width="60" height="18"/><rect id="cell" class="f-zero" '
        'x="60" width="60" height="18"/><text y="13">w</text><text class="nb-grad" data-grad="t2" x="118" y="13" text-anchor="end">'
        '<tspan class="f-muted" font-size="10">∂ –</tspan></text></g>'
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" class="nbgrad" viewBox="0 0 120 18">{row}</svg>'
    page = explore(lesson.lesson_graph(backward=False), svg=svg)
    push(page, {"t2": {"data": None, "grad": NORM2, "stamp": 1}})
    expect(page.locator("[data-grad=t2] tspan")).to_have_text("∂ 2.0")
    expect(page.locator("[data-grad=t2] tspan")).to_have_class("f-i5")
    expect(page.locator("#cell")).to_have_class("f-m5")
    push(page, {"t2": {"data": None, "grad": {"size": 15, "norm": 0, "zeros": 15}, "stamp": 2}})
    expect(page.locator("[data-grad=t2] tspan")).to_have_text("∂ 0.0")
    expect(page.locator("#cell")).to_have_class("f-zero")
    push(page, {"t2": {"data": None, "grad": {"size": 15, "nan": 1}, "stamp": 3}})
    expect(page.locator("[data-grad=t2] tspan")).to_have_text("∂ NaN")


def test_gradient_set_to_none_since_the_record(explore):
    page = explore(selected="t2")
    push(page, {"t2": {"data": None, "grad": None, "stamp": 1}})
    expect(pane(page, "grad")).to_contain_text("set to None since")


def test_a_state_without_news_changes_nothing(explore):
    page = explore(live={"t2": {"data": None, "grad": NORM2, "stamp": 1}})
    expect(page.locator("[data-grad=t2]")).to_have_text("∂ ‖g‖ 2.0")
    push(page, {"t2": {"data": None, "grad": {**NORM2, "norm": 9}, "stamp": 1}})
    expect(page.locator("[data-grad=t2]")).to_have_text("∂ ‖g‖ 2.0")


def test_operator_table_follows_live_gradients_without_losing_focus(explore):
    page = explore(selected="c1")
    link = inspector(page).get_by_role("button", name="b", exact=True)
    link.focus()
    push(page, {"t3": {"data": None, "grad": {"size": 3, "norm": 7.5}, "stamp": 1}})
    expect(inspector(page)).to_contain_text("∂ 7.5")
    expect(link).to_be_focused()


def test_the_list_of_what_learns_follows_live_gradients(explore):
    page = explore()
    expect(inspector(page).locator("[data-norm=t3]")).to_have_text(re.compile(r"∂ 0\.\d+"))
    push(page, {"t3": {"data": None, "grad": None, "stamp": 1}})
    expect(inspector(page).locator("[data-norm=t3]")).to_have_text("∂ –")


# -- requests --------------------------------------------------------------------------------------------------------------------------


def test_without_an_answer_the_record_still_shows(explore):
    page = explore(replies=False, selected="t3")
    expect(pane(page, "data").locator("tbody td")).to_have_count(3)  # three values are kept in the record
    page.evaluate("H.model.receive('selected', 't2')")
    expect(pane(page, "data")).to_contain_text("1.38")  # the recorded deviation
    expect(inspector(page)).to_contain_text("not at hand", timeout=10_000)


def test_the_first_model_serves_where_the_second_cannot_be_found(explore):
    page = explore(second_model=False, selected="t2")
    expect(pane(page, "data").locator("tbody td")).to_have_count(15)


def test_sliders_ask_for_another_slice(explore):
    graph, arrays = lesson.with_large_values(lesson.lesson_graph())
    page = explore(graph, arrays={id: {"data": a, "grad": a / 100} for id, a in arrays.items()}, selected="t7")
    expect(pane(page, "data").locator("canvas")).to_be_visible()
    page.get_by_label("index in dimension 1").fill("2")
    page.wait_for_function("H.requests.sent.some(m => m.which === 'grad' && m.index?.[1] === 2)")
    expect(inspector(page)).to_contain_text("2 / 2")


def test_an_overview_says_so_and_a_click_moves_the_exact_values(explore):
    graph, arrays = lesson.with_large_values(lesson.lesson_graph())
    page = explore(graph, arrays={id: {"data": a} for id, a in arrays.items()}, selected="t8")
    expect(pane(page, "data")).to_contain_text("each cell: largest magnitude of 5 × 3")
    canvas = pane(page, "data").locator("canvas")
    canvas.click(position={"x": 100, "y": 80})
    page.wait_for_function("H.requests.sent.some(m => m.at?.[0] > 100)")
    expect(pane(page, "data").locator("details")).to_have_attribute("open", "")
    expect(pane(page, "data").locator(".nbx-bad")).to_have_text("1")  # one NaN
    canvas.focus()
    page.keyboard.press("ArrowRight")
    expect(pane(page, "data").locator(".nbx-heatmap .nbx-readout")).to_contain_text("largest =")


# -- keys and pointer --------------------------------------------------------------------------------------------------------------------


def test_tab_enters_the_graph_once_and_arrows_follow_edges(explore):
    page = explore()
    assert page.locator(".nb-node[tabindex='0']").count() == 1
    page.get_by_test_id("search").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "t0"
    walk = [
        ("ArrowRight", "c0"),
        ("ArrowUp", "t2"),
        ("ArrowDown", "c0"),
        ("ArrowRight", "c1"),
        ("ArrowRight", "t5"),
        ("ArrowLeft", "c1"),
    ]
    for key, want in walk:
        page.keyboard.press(key)
        assert focused(page) == want, key
    page.keyboard.press("End")
    assert focused(page) == "t6"
    page.keyboard.press("Home")
    assert focused(page) == "t0"
    page.keyboard.press("Enter")
    expect(inspector(page).locator("h2")).to_have_text("x")
    assert page.locator(".nb-node[tabindex='0']").count() == 1


def test_search_finds_dims_the_rest_and_enter_goes_through_the_hits(explore):
    page = explore()
    node(page, "t0").focus()
    page.keyboard.press("/")
    expect(page.get_by_test_id("search")).to_be_focused()
    page.keyboard.type("randn")
    expect(page.locator(".nb-node.nbx-found")).to_have_count(0)
    page.get_by_test_id("search").fill("b")
    expect(page.locator(".nbx-found-count")).to_have_text("2 matches")  # b and binary_cross_entropy…
    page.keyboard.press("Enter")
    expect(inspector(page).locator("h2")).to_have_text("b")
    page.keyboard.press("Enter")
    expect(inspector(page).locator("h2")).to_have_text("binary_cross_entropy_with_logits")
    page.keyboard.press("Escape")
    expect(page.locator(".nbx-found")).to_have_count(0)
    expect(page.get_by_test_id("search")).to_have_value("")


def test_zoom_by_keys_and_fit(explore):
    page = explore()
    node(page, "t0").focus()
    whole = view_box(page)
    page.keyboard.press("+")
    page.wait_for_function(
        "whole => Number(document.querySelector('.nbgrad').getAttribute('viewBox').split(' ')[2]) < whole", arg=whole[2]
    )
    page.keyboard.press("0")
    assert view_box(page) == whole


def test_a_graph_too_tall_to_read_begins_at_its_top_and_fit_shows_all(explore):
    tall = lesson.lesson_svg(lesson.lesson_graph()).replace('viewBox="0 0 1160 216"', 'viewBox="0 0 1160 9000"')
    page = explore(svg=tall, width=1100)
    more = page.locator(".nbx-more")
    expect(more).to_be_visible()
    assert abs(view_box(page)[1]) < 40 and view_box(page)[3] < 3000
    page.get_by_role("button", name="Fit the graph").click()
    expect(more).to_be_hidden()
    assert view_box(page)[3] > 9000


def test_drag_pans_and_does_not_select(explore):
    page = explore()
    before = view_box(page)
    box = node(page, "t5").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] - 80, box["y"] + 20, steps=4)
    page.mouse.up()
    page.wait_for_function(
        "x => Number(document.querySelector('.nbgrad').getAttribute('viewBox').split(' ')[0]) > x", arg=before[0]
    )
    expect(inspector(page).locator("h2")).to_have_text("Graph")


def test_wheel_scrolls_the_page_until_the_picture_is_held(explore):
    page = explore()
    page.evaluate("document.body.append(Object.assign(document.createElement('div'), { style: 'height:3000px' }))")
    before = view_box(page)
    page.locator(".nbx-picture").hover()
    page.mouse.wheel(0, 120)
    page.wait_for_function("scrollY > 0")
    assert view_box(page) == before
    page.evaluate("scrollTo(0, 0)")
    page.locator(".nbx-picture").click(position={"x": 5, "y": 5})
    page.mouse.wheel(0, -240)
    page.wait_for_function(
        "w => Number(document.querySelector('.nbgrad').getAttribute('viewBox').split(' ')[2]) < w", arg=before[2]
    )
    assert page.evaluate("scrollY") == 0


def test_hover_lights_every_place_of_a_value(explore):
    alias = '<g class="nb-node nb-parameter" data-id="t2@c9" data-value="t2" tabindex="-1"><rect x="20" y="5" width="30" height="20"/></g></svg>'
    page = explore(svg=lesson.lesson_svg(lesson.lesson_graph()).replace("</svg>", alias))
    node(page, "t2").hover()
    expect(node(page, "t2@c9")).to_have_class("nb-node nb-parameter nbx-lit")
    node(page, "t2@c9").click()
    expect(inspector(page).locator("h2")).to_have_text("w")
    expect(node(page, "t2")).to_have_attribute("aria-current", "true")


# -- the host --------------------------------------------------------------------------------------------------------------------------


def test_static_sibling_of_the_same_output_hides_and_comes_back(explore):
    page = explore()
    expect(page.locator("#sibling")).to_be_hidden()
    expect(page.locator("#elsewhere")).to_be_visible()
    page.evaluate("H.unmount()")
    expect(page.locator("#sibling")).to_be_visible()
    assert page.evaluate("[H.model.listenerCount(), document.getElementById('el').childElementCount]") == [0, 0]
    page.wait_for_function("H.requests.listenerCount() === 0")


def test_a_sibling_that_arrives_later_hides_too(explore):
    page = explore()
    page.evaluate(
        """() => { const late = document.createElement("div"); late.dataset.nbgradStatic = "key1"; late.id = "late"; late.textContent = "p";
                   document.querySelector(".jp-OutputArea").append(late); }"""
    )
    expect(page.locator("#late")).to_be_hidden()


def test_a_new_record_replaces_the_view(explore):
    page = explore(Graph((Value("t0", (), "float32", name="only"),)), svg="")
    expect(page.get_by_test_id("explorer")).to_contain_text("There is no picture")
    graph = lesson.lesson_graph()
    page.evaluate(
        "([g, s]) => { H.model.receive('graph', g); H.model.receive('svg', s); }", [graph.to_json(), lesson.lesson_svg(graph)]
    )
    expect(node(page, "t2")).to_be_visible()
    expect(page.get_by_test_id("explorer")).to_have_count(1)


@pytest.mark.parametrize(
    "name", ["<script>window.bad = 1</script>", '"><img src=x onerror="window.bad=1">', "a&b", "two\nlines", "\u2028"]
)
def test_names_are_text(explore, name):
    page = explore(lesson.lesson_graph(x_name=name), selected="t0")
    expect(inspector(page).locator("h2")).to_have_text(" ".join(name.split()))
    assert page.evaluate("window.bad") is None


def test_nothing_in_the_picture_runs_or_loads(explore, serve):
    asked = []

    def on_request(request):
        asked.append(request.url)

    serve.on("request", on_request)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" class="nbgrad" viewBox="0 0 9 9" onload="bad=1">'
        '<script>window.bad=1</script><foreignObject><p xmlns="http://www.w3.org/1999/xhtml">p</p></foreignObject>'
        '<style>@import url(http://elsewhere.test/c)</style><a xlink:href="javascript:bad=1"><text>x</text></a><image href="http://elsewhere.test/a.png"/>'
        '<rect fill="url(http://elsewhere.test/b)" filter="url(#ok)" width="9" height="9" onclick="bad=1"/></svg>'
    )
    page = explore(svg=svg)
    html = page.locator(".nbgrad").evaluate("e => e.outerHTML")
    for word in ("<script", "foreignObject", "<style", "javascript", "elsewhere", "onload", "onclick"):
        assert word not in html
    assert 'filter="url(#ok)"' in html and page.evaluate("window.bad") is None
    serve.remove_listener("request", on_request)
    assert [url.rsplit("/", 1)[1] for url in asked] == ["host.js", "explorer.js"]


@pytest.mark.parametrize("svg", ["", "not xml", "<svg", "<html/>"])
def test_a_broken_picture_leaves_the_inspector_working(explore, svg):
    page = explore(svg=svg, selected="t2")
    expect(inspector(page).locator("h2")).to_have_text("w")
    page.keyboard.press("0")


# -- looks and access ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "layout"), [(500, "below"), (1100, "below"), (1500, "beside")])
def test_layout_keeps_a_long_graph_readable(explore, width, layout):
    page = explore(width=width)
    expect(page.get_by_test_id("explorer")).to_have_attribute("data-layout", layout)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_tall_graph_stands_beside_the_inspector(explore):
    page = explore(svg=lesson.lesson_svg(lesson.lesson_graph()).replace("0 0 1160 216", "0 0 600 900"), width=900)
    expect(page.get_by_test_id("explorer")).to_have_attribute("data-layout", "beside")


def test_theme_follows_the_notebook_before_the_system(explore):
    page = explore()
    page.emulate_media(color_scheme="dark")
    expect(page.get_by_test_id("explorer")).to_have_attribute("data-theme", "dark")
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    expect(page.get_by_test_id("explorer")).to_have_attribute("data-theme", "light")
    page.evaluate("H.model.receive('theme', 'dark')")
    expect(page.get_by_test_id("explorer")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_on_both_themes(explore, scheme):
    page = explore(selected="t2", theme=scheme)
    expect(pane(page, "grad").locator("tbody td")).to_have_count(15)
    low = page.evaluate(CONTRAST)
    assert low == []
