"""Looking into tensors in a plain page, with the kernel's real answers: planes, tables, searches, histograms, differences, histories."""

import re

import lesson
import numpy as np
import pytest
from looks import CONTRAST, inspector, pane, push
from playwright.sync_api import expect

from nbgrad.graph.history import columns_of
from nbgrad.graph.records import Graph, Summary, Value
from nbgrad.graph.summary import summarize
from nbgrad.notebook.rings import Rings


def number(text):
    return float(text.replace("−", "-"))


def value(id, array, name="v", **flags):
    flags = {"requires_grad": True, "is_parameter": True, **flags}
    return Value(id, array.shape, str(array.dtype), name, data=summarize(array), **flags)


@pytest.fixture
def look(explore):
    """Show arrays, selected the first: `look(a, b)` are t0 and t1, a pair is a value with its gradient."""

    def show(*arrays, **options):
        pairs = [a if isinstance(a, tuple) else (a, None) for a in arrays]
        values = []
        for i, (data, grad) in enumerate(pairs):
            kept = {} if grad is None else {"grad": summarize(grad), "grad_kept": True}
            values.append(value(f"t{i}", data, "abcdef"[i], **kept))
        sides = {f"t{i}": {"data": data, "grad": grad} for i, (data, grad) in enumerate(pairs)}
        options = {"graph": Graph(tuple(values)), "svg": "", "arrays": sides, "selected": "t0", **options}
        return explore(options.pop("graph"), **options)

    return show


def random(*shape, dtype=np.float32):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def table(page, which="data"):
    return pane(page, which).get_by_test_id("table")


def open_table(page, which="data"):
    pane(page, which).get_by_text("table of values").click()
    expect(table(page, which).get_by_role("gridcell").first).not_to_have_text("…")


def readout(page, which="data"):
    return table(page, which).locator(".nbx-readout")


def cell_in_view(page, row, column, which="data"):
    grid = table(page, which).get_by_role("grid")
    return grid.locator(f"tr[aria-rowindex='{row + 2}'] td[aria-colindex='{column + 2}']")


def asked(page, kind):
    return [m for m in page.evaluate("H.requests.sent") if m["kind"] == kind]


# -- the table of values -----------------------------------------------------------------------------------------------------------


def test_table_is_a_grid_that_tells_its_whole_size_and_holds_what_is_in_view(look):
    a = random(700, 300)
    page = look(a)
    open_table(page)
    grid = table(page).get_by_role("grid")
    assert [grid.get_attribute(n) for n in ("aria-rowcount", "aria-colcount")] == ["701", "301"]
    assert grid.locator("tbody tr").count() == 10
    for row, column in [(0, 0), (9, 2)]:
        assert number(cell_in_view(page, row, column).inner_text()) == pytest.approx(a[row, column], rel=0.01)
    expect(grid.get_by_role("rowheader").first).to_have_text("0")


def test_keys_walk_the_table_to_its_far_end_and_every_digit_is_told(look):
    a = random(700, 300)
    page = look(a)
    open_table(page)
    table(page).get_by_role("grid").focus()
    for key, (row, column) in [
        ("ArrowRight", (0, 1)), ("ArrowDown", (1, 1)), ("PageDown", (11, 1)), ("End", (11, 299)), ("Control+End", (699, 299)),
        ("ArrowUp", (698, 299)), ("Home", (698, 0)), ("Control+Home", (0, 0)), ("ArrowLeft", (0, 0)), ("Control+ArrowDown", (699, 0)),
    ]:  # fmt: skip
        page.keyboard.press(key)
        expect(readout(page)).to_have_text(re.compile(rf"^\[{row}, {column}\] = "))
        assert np.float32(number(readout(page).inner_text().split("= ")[1])) == a[row, column], key
        cell = cell_in_view(page, row, column)
        expect(cell).to_have_attribute("aria-selected", "true")
        expect(table(page).get_by_role("grid")).to_have_attribute("aria-activedescendant", cell.get_attribute("id"))


def test_both_sides_show_the_same_place(look):
    a = random(700, 300)
    page = look((a, a / 100))
    open_table(page)
    table(page, "grad").get_by_role("grid").focus()
    page.keyboard.press("Control+End")
    for which, want in (("data", a), ("grad", a / 100)):
        expect(readout(page, which)).to_contain_text("[699, 299] = ")
        assert np.float32(number(readout(page, which).inner_text().split("= ")[1])) == want[-1, -1]


def test_ten_million_rows_scroll_and_only_windows_are_asked_for(look):
    a = np.arange(10_000_000, dtype=np.float32).reshape(-1, 1)
    page = look(a)
    open_table(page)
    table(page).get_by_role("grid").focus()
    page.keyboard.press("Control+End")
    expect(cell_in_view(page, 9_999_999, 0)).to_have_text("1.00e7")
    expect(readout(page)).to_have_text("[9999999, 0] = 9999999")
    table(page).locator(".nbx-scroll").hover()
    page.mouse.wheel(0, -220)  # ten rows, though a pixel of the scroll bar is over fifty
    expect(cell_in_view(page, 9_999_980, 0)).not_to_have_text("…")
    page.mouse.wheel(0, -220)
    expect(cell_in_view(page, 9_999_970, 0)).not_to_have_text("…")
    page.evaluate("document.querySelector('.nbx-scroll').scrollTop = 2_000_000")
    expect(table(page).get_by_role("rowheader").first).to_have_text(re.compile(r"^(49|50)\d{5}$"))
    assert len(asked(page, "window")) < 12 and all(m["size"] == [64, 16] for m in asked(page, "window"))


def test_what_changes_shows_in_the_open_table(look):
    a = random(700, 300)
    page = look(a)
    open_table(page)
    a[0, 0] = 42
    push(page, {"t0": {"data": {"size": a.size, "norm": 9.0}, "grad": None, "stamp": 1}})
    expect(cell_in_view(page, 0, 0)).to_have_text("42")


def test_an_index_is_jumped_to_as_python_writes_it(look):
    a = random(4, 5, 60, 70)
    page = look(a)
    expect(pane(page, "data").locator("canvas")).to_be_visible()
    field = page.get_by_label("Go to the element at an index")
    field.fill("[2, -1, 59, 3]")
    field.press("Enter")
    expect(readout(page)).to_have_text(re.compile(r"^\[2, 4, 59, 3\] = "))
    assert np.float32(number(readout(page).inner_text().split("= ")[1])) == a[2, 4, 59, 3]
    expect(page.get_by_label("index in dimension 1")).to_have_value("4")
    for wrong, words in [("1, 2", "4 numbers are needed"), ("0, 5, 0, 0", "dimension 1 has 0 to 4"), ("a, 0, 0, 0", "dimension 0 has 0 to 3")]:
        field.fill(wrong)
        field.press("Enter")
        expect(inspector(page)).to_contain_text(words)
        expect(field).to_have_attribute("aria-invalid", "")


def test_nan_is_gone_to_one_after_the_other_and_round_again(look):
    a = random(3, 80, 90)
    a[1, 70, 5] = a[2, 3, 4] = np.nan
    page = look(a)
    count = pane(page, "data").get_by_role("button", name="2 NaN: Go to the next NaN")
    for place in ("[1, 70, 5]", "[2, 3, 4]", "[1, 70, 5]"):
        count.click()
        expect(readout(page)).to_have_text(f"{place} = NaN")
    expect(page.get_by_label("index in dimension 0")).to_have_value("1")
    expect(cell_in_view(page, 70, 5)).to_have_class(re.compile("nbx-hatched"))
    page.get_by_label("Find an element of the value").select_option("next Inf")
    expect(inspector(page)).to_contain_text("There is none.")
    page.get_by_label("Find an element of the value").select_option("largest |x|")
    place = np.unravel_index(np.nanargmax(np.abs(a)), a.shape)
    expect(readout(page)).to_contain_text(f"[{', '.join(map(str, place))}] = ")


def test_complex_numbers_stand_in_full(look):
    page = look(np.full((20, 20), 3 - 4j))
    open_table(page)
    expect(cell_in_view(page, 0, 0)).to_have_text("3-4j")


def test_another_scene_leaves_the_reader_where_he_was(look):
    a = random(3, 200, 90)
    page = look(a)
    open_table(page)
    page.get_by_label("Go to the element at an index").fill("2, 150, 80")
    page.get_by_label("Go to the element at an index").press("Enter")
    expect(readout(page)).to_contain_text("[2, 150, 80] = ")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" class="nbgrad" viewBox="0 0 9 9"/>'
    page.evaluate("svg => H.model.receive('svg', svg)", svg)
    expect(page.locator("svg.nbgrad")).to_be_visible()
    expect(readout(page)).to_contain_text("[2, 150, 80] = ")
    expect(cell_in_view(page, 150, 80)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("index in dimension 0")).to_have_value("2")


# -- planes ------------------------------------------------------------------------------------------------------------------------


def test_any_two_dimensions_can_be_rows_and_columns(look):
    a = random(3, 2, 4)
    page = look(a)
    expect(pane(page, "data").locator("tbody td")).to_have_count(8)
    page.get_by_label("dimension shown as rows").select_option("dim 2 (4)")  # what it was changes places
    expect(page.get_by_label("dimension shown as columns")).to_have_value("1")
    page.get_by_label("dimension shown as columns").select_option("dim 0 (3)")
    page.get_by_label("index in dimension 1").fill("1")
    expect(pane(page, "data").locator("thead th")).to_have_count(3)
    for i in range(4):
        for j in range(3):
            cell = pane(page, "data").locator(f"td[data-cell='{i},{j}']")
            expect(cell).to_have_text(re.compile(r"\d"))
            assert number(cell.inner_text()) == pytest.approx(a[j, 1, i], rel=0.01)
    pane(page, "data").locator("td[data-cell='3,2']").hover()
    expect(pane(page, "data").locator(".nbx-heatmap .nbx-readout")).to_contain_text("[2, 1, 3] = ")


# -- histograms --------------------------------------------------------------------------------------------------------------------


def test_a_histogram_is_read_bin_by_bin(look):
    a = random(100, 100)
    page = look(a)
    bars = pane(page, "data").get_by_role("img", name="Histogram of value")
    counts, edges = np.histogram(a.astype(np.float64), 64)
    bars.focus()
    page.keyboard.press("End")
    said = pane(page, "data").locator(".nbx-histogram .nbx-readout")
    expect(said).to_have_text(f"{edges[-2]:.2f} to {edges[-1]:.2f}: {counts[-1]} element{'s' if counts[-1] != 1 else ''}")
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text(f": {counts[-2]} element")


def test_histogram_by_magnitude_and_by_logarithm_of_the_count_on_both_sides(look):
    a = np.exp(4 * random(50, 60))
    a[0, :5] = 0
    page = look((a, a * 1e-5))
    pane(page, "grad").get_by_role("button", name="log |x|").click()
    for which in ("data", "grad"):
        expect(pane(page, which).get_by_role("button", name="log |x|")).to_have_attribute("aria-pressed", "true")
        expect(pane(page, which).get_by_role("img", name="of magnitudes, 5 zeros left out")).to_be_visible()

    def heights():
        return page.evaluate("[...document.querySelectorAll('.nbx-data .nbx-bars rect:not(.nbx-bin)')].map(r => +r.getAttribute('height'))")

    before, counts = heights(), np.histogram(np.log10(a[a > 0].astype(np.float64)), 64)[0]
    assert np.argmax(before) == np.argmax(counts)
    pane(page, "data").get_by_role("button", name="log count").click()
    after = heights()
    low = int(np.argmin(np.where(counts > 0, counts, 10**9)))
    assert after[low] / max(after) == pytest.approx(np.log1p(counts[low]) / np.log1p(counts.max()), abs=0.05) and after[low] > before[low]


# -- difference --------------------------------------------------------------------------------------------------------------------


def test_the_pinned_tensor_minus_the_selected_one(look):
    a, b = random(40, 30), random(40, 30) + 1
    b[7, 8] = 50
    page = look(a, b)
    page.get_by_test_id("pin-data").click()
    assert page.evaluate("H.model.state.pinned") == "t0"
    page.evaluate("H.model.receive('selected', 't1')")
    shown = page.get_by_test_id("difference")
    expect(shown).to_contain_text("largest at [7, 8]: ")
    delta = a.astype(np.float64) - b
    norm = shown.locator("dl div", has_text="norm").locator("dd")
    assert number(norm.inner_text()) == pytest.approx(np.linalg.norm(delta), rel=0.01)
    shown.get_by_label("Factor of what is taken away").fill("0.5")
    shown.get_by_label("Factor of what is taken away").press("Tab")
    page.wait_for_function("H.requests.sent.some(m => m.kind === 'difference' && m.factor === 0.5)")
    expect(norm).not_to_have_text(re.compile(f"^{np.linalg.norm(delta):.3g}"))
    assert number(norm.inner_text()) == pytest.approx(np.linalg.norm(a.astype(np.float64) - 0.5 * b), rel=0.01)
    shown.get_by_role("button", name="show").click()
    expect(readout(page)).to_contain_text("[7, 8] = 50")
    shown.get_by_role("button", name="unpin").click()
    expect(shown).to_be_hidden()


def test_a_value_minus_a_multiple_of_its_gradient(look):
    a = random(5, 3)
    page = look((a, 2 * a))
    page.get_by_test_id("pin-data").click()
    shown = page.get_by_test_id("difference")
    expect(shown.get_by_label("What is taken away", exact=True)).to_have_value("grad")
    expect(shown.locator("td[data-cell='0,0']")).to_have_text(re.compile(r"\d"))
    assert number(shown.locator("td[data-cell='0,0']").inner_text()) == pytest.approx(-a[0, 0], rel=0.01)


def test_what_cannot_be_subtracted_says_why(look):
    page = look(random(3, 4), random(5), pinned="t1.grad")
    expect(page.get_by_test_id("difference")).to_contain_text("the elements of one of the two are not at hand")
    page.evaluate("H.model.receive('pinned', 't1')")
    expect(page.get_by_test_id("difference")).to_contain_text("– shapes (5,) and (3, 4) do not fit together.")
    page.evaluate("H.model.receive('pinned', 't9')")  # folded away, and gone
    expect(page.get_by_test_id("difference")).to_contain_text("the elements of one of the two are not at hand")
    page.evaluate("H.model.receive('pinned', 'no such id')")
    expect(page.get_by_test_id("difference")).to_be_hidden()


# -- history -----------------------------------------------------------------------------------------------------------------------


def versions():
    """A name that had five values, and what a view saw of it since."""
    arrays = [np.arange(12, dtype=np.float32).reshape(3, 4) * (n + 1) for n in range(5)]
    graph = Graph(tuple(value(f"t{n}", a, "w", version=n) for n, a in enumerate(arrays)))
    kept = Rings()
    for n in range(30):
        kept._allowance = 1.0
        kept.pass_ended(lambda: {"t4": (arrays[4], arrays[4] / (n + 1))})
    return graph, arrays, {("t4", which): kept.tell("t4", which) for which in ("data", "grad")}


def test_history_of_versions_and_of_passes_since(explore):
    graph, arrays, since = versions()
    page = explore(graph, svg="", arrays={"t4": {"data": arrays[4], "grad": None}}, history=since, selected="t4")
    strip = page.get_by_test_id("history-data")
    expect(strip.get_by_role("img")).to_have_count(2)
    first = strip.get_by_role("img", name="in this cell, 5 values")
    first.focus()
    page.keyboard.press("Home")
    norm = np.linalg.norm(arrays[0])
    expect(strip.locator(".nbx-readout").first).to_have_text(f"value 0: norm {norm:.1f}, mean 5.50 ± 3.45, from 0 to 11")
    expect(strip.get_by_role("img", name="since then, 30 backward passes")).to_be_visible()
    assert strip.locator(".nbx-heat").count() > 30
    page.keyboard.press("Enter")  # opens that version
    page.wait_for_function("H.model.state.selected === 't0'")


def test_a_nan_in_the_history_is_marked_and_said(explore):
    series = columns_of([Summary(4, norm=float(n), mean=0.0, std=1.0, min=-1.0, max=1.0, nan=int(n == 3)) for n in range(1, 6)])
    since = {("t0", "data"): {"at": list(range(5)), **series, "lo": [-1] * 5, "hi": [1] * 5, "counts": [[1] * 24] * 5, "scale": "linear", "total": 5}}
    a = random(5, 5)
    page = explore(Graph((value("t0", a),)), svg="", arrays={"t0": {"data": a}}, history=since, selected="t0")
    strip = page.get_by_test_id("history-data")
    expect(strip.locator(".nbx-lost")).to_have_count(1)
    expect(strip.get_by_role("img", name="1 entry with NaN or Inf")).to_be_visible()


def test_an_entry_of_the_history_stands_where_its_number_is_and_holds_until_the_next(explore):
    series = columns_of([Summary(4, norm=float(n), mean=0.0, std=1.0, min=-1.0, max=1.0) for n in range(3)])
    since = {("t0", "data"): {"at": [0, 1, 9], **series, "lo": [-1] * 3, "hi": [1] * 3, "counts": [[1]] * 3, "scale": "linear", "total": 10}}
    a = random(5, 5)
    page = explore(Graph((value("t0", a),)), svg="", arrays={"t0": {"data": a}}, history=since, selected="t0")
    strip = page.get_by_test_id("history-data")
    expect(strip.get_by_role("img", name="since then, 3 of 10 backward passes")).to_be_visible()
    places = strip.locator(".nbx-heat").evaluate_all("cells => cells.map(c => +c.getAttribute('x'))")
    assert places == [0, 30, 270]
    strip.locator("svg").hover(position={"x": 0.6 * strip.locator("svg").bounding_box()["width"], "y": 10})
    expect(strip.locator(".nbx-readout")).to_contain_text("pass 1: norm 1, ")


# -- a tensor that changes all the time --------------------------------------------------------------------------------------------


def test_a_storm_of_changes_asks_a_few_questions_and_shows_the_last(look):
    a = random(60, 60)
    page = look((a, a))
    expect(pane(page, "data").locator("canvas")).to_be_visible()
    before = len(page.evaluate("H.requests.sent"))
    page.evaluate(
        """async () => { for (let n = 1; n <= 100; n += 1) {
            H.model.receive('live', { t0: { data: { size: 3600, norm: n }, grad: { size: 3600, norm: n }, stamp: n } });
            await new Promise((r) => setTimeout(r, 20)); } }"""
    )
    assert len(page.evaluate("H.requests.sent")) - before < 60  # in two seconds and more
    a[:] = 7
    push(page, {"t0": {"data": {"size": 3600, "norm": 420}, "grad": None, "stamp": 999}})
    expect(pane(page, "data").locator("dl div", has_text="mean").locator("dd")).to_have_text("7")


# -- ten million elements ------------------------------------------------------------------------------------------------------------

DRAWN = """([id]) => new Promise((resolve) => {
    const start = performance.now();
    H.model.receive("selected", id);
    const look = () => {
        const canvas = document.querySelector(".nbx-data canvas");
        const inked = canvas?.width && canvas.getContext("2d").getImageData(0, 0, 1, 1).data[3];
        if (inked) resolve(performance.now() - start); else requestAnimationFrame(look);
    };
    look();
})"""


def test_ten_million_elements_are_drawn_within_200_ms(look):
    big = random(4000, 2500)
    page = look(np.zeros(3), (big, big), selected="t0")
    times = []
    while len(times) < 10 and min(times, default=200) >= 200:  # other work may run beside this
        page.evaluate("H.model.receive('selected', 't0')")
        page.wait_for_timeout(700)
        times.append(page.evaluate(DRAWN, ["t1"]))
        page.wait_for_timeout(700)
    assert min(times) < 200, times


# -- looks and access --------------------------------------------------------------------------------------------------------------


def everything(explore, **options):
    graph, arrays = lesson.with_large_values(lesson.lesson_graph())
    kept = Rings()
    for n in range(12):
        kept._allowance = 1.0
        kept.pass_ended(lambda: {"t8": (arrays["t8"], arrays["t8"] / (n + 1))})
    since = {("t8", which): kept.tell("t8", which) for which in ("data", "grad")}
    sides = {id: {"data": a, "grad": a / 100} for id, a in arrays.items()}
    page = explore(graph, arrays=sides, history=since, selected="t8", pinned="t8", **options)
    open_table(page)
    expect(page.get_by_test_id("history-grad").get_by_role("img")).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_that_is_written_has_contrast(explore, scheme):
    page = everything(explore, theme=scheme)
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [380, 600, 1100, 1500])
def test_nothing_is_wider_than_its_place(explore, width):
    page = everything(explore, width=width)
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".nbx-tensor *")].filter((e) => !e.closest(".nbx-scroll, .nbx-map, svg") &&
             e.getBoundingClientRect().right > document.querySelector(".nbx-tensor").getBoundingClientRect().right + 1)
             .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert wide == [] and page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_control_has_a_name_and_can_be_reached(explore):
    page = everything(explore)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(".nbx-tensor :is(button, select, input, svg[role], canvas, [role=grid])")].filter((e) =>
             !(e.getAttribute("aria-label") || e.textContent.trim()) || (e.tabIndex < 0)).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
