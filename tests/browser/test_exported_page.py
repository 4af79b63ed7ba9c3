"""The exported file in a browser, opened from disk with every network request refused."""

import lesson
import numpy as np
import pytest
from playwright.sync_api import expect

import nbgrad as torch
from nbgrad.graph.captured import capture_array
from nbgrad.graph import record
from nbgrad.graph.html import to_html
from nbgrad.graph.records import Graph, Value


@pytest.fixture
def opened(page, tmp_path):
    """Write a page to disk and open it; fails on errors in the page and on anything it tries to load."""
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: message.type == "error" and troubles.append(message.text))

    def only_the_file(route):
        if route.request.url.startswith("file:"):
            return route.continue_()
        troubles.append(route.request.url)
        return route.abort()

    def open_page(text):
        (tmp_path / "graph.html").write_text(text, encoding="utf-8")
        page.context.set_offline(True)
        page.route(lambda url: not url.startswith("data:"), only_the_file)
        page.goto((tmp_path / "graph.html").as_uri())
        return page

    yield open_page
    assert troubles == []


def plain(arrays):
    return {
        id: {which: capture_array(a) for which, a in sides.items() if a is not None} for id, sides in arrays.items()
    }


def test_page_is_interactive_from_disk(opened):
    graph = lesson.lesson_graph()
    page = opened(to_html(graph, lesson.lesson_svg(graph), plain(lesson.lesson_arrays()), title="Lesson"))
    page.locator("[data-id=t2]").click()
    expect(page.get_by_test_id("pane-grad").locator("tbody td")).to_have_count(15)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("inspector").locator("h2")).to_have_text("matmul")
    page.get_by_test_id("backward").click()
    expect(page.locator(".nb-back").first).to_be_hidden()


def test_page_without_arrays_says_so(opened):
    graph = lesson.lesson_graph()
    page = opened(to_html(graph, lesson.lesson_svg(graph)))
    page.locator("[data-id=t2]").click()
    expect(page.get_by_test_id("pane-data")).to_contain_text("Its elements are not in this file.")
    expect(page.get_by_test_id("pane-data")).to_contain_text("1.38")


def test_page_tells_that_only_the_first_slice_is_there(opened):
    graph, arrays = lesson.with_large_values(lesson.lesson_graph())
    page = opened(to_html(graph, lesson.lesson_svg(graph), plain({"t7": {"data": arrays["t7"], "grad": None}})))
    page.get_by_role("button", name="images").click()
    expect(page.get_by_test_id("pane-data")).to_contain_text("This file holds the first slice only.")


def readout(page):
    return page.get_by_test_id("pane-data").get_by_test_id("table").locator(".nbx-readout")


def go_to(page, index):
    page.get_by_label("Go to the element at an index").fill(index)
    page.get_by_label("Go to the element at an index").press("Enter")


def shown(arrays, **of_graph):
    """A file with only these values, given as id -> {"data", "grad"}."""
    values = [
        Value(id, a["data"].shape, str(a["data"].dtype), id, requires_grad=True, data=lesson.summarize(a["data"]), **of_graph) for id, a in arrays.items()
    ]
    buttons = "".join(
        f'<g class="nb-node" data-id="{id}" data-value="{id}"><rect x="{40 * i}" width="30" height="20"/></g>' for i, id in enumerate(arrays)
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" class="nbgrad" viewBox="0 0 400 20">{buttons}</svg>'
    return Graph(tuple(values)), svg


def test_table_in_a_file_holds_what_was_captured_and_says_where_it_ends(opened):
    random = np.random.default_rng(0)
    arrays = {"t0": {"data": random.standard_normal((100, 90)).astype("f4"), "grad": None}, "t1": {"data": random.standard_normal((600, 500)), "grad": None}}
    arrays["t1"]["data"][400, 30] = np.nan
    page = opened(to_html(*shown(arrays), plain(arrays)))
    page.locator("[data-id=t0]").click()
    go_to(page, "99, 89")
    expect(readout(page)).to_contain_text("[99, 89] = ")
    assert np.float32(readout(page).inner_text().split("= ")[1].replace("−", "-")) == arrays["t0"]["data"][99, 89]
    page.locator("[data-id=t1]").click()
    go_to(page, "31, 15")
    expect(readout(page)).to_have_text(f"[31, 15] = {float(arrays['t1']['data'][31, 15])!r}".replace("-", "−"))
    page.get_by_role("button", name="1 NaN: Go to the next NaN").click()
    expect(readout(page)).to_have_text("[400, 30] Its elements are not in this file.")
    page.get_by_label("Find an element of the value").select_option("max")
    expect(page.get_by_test_id("inspector")).to_contain_text("This file knows the first place only.")


def test_histograms_and_differences_work_from_what_is_in_the_file(opened):
    random = np.random.default_rng(0)
    a, b, large = random.standard_normal((9, 8)), random.standard_normal((9, 8)), random.standard_normal((300, 300))
    b[2, 3] = 30
    a[0, 0] = b[0, 0] = np.nan
    arrays = {"t0": {"data": a, "grad": None}, "t1": {"data": b, "grad": None}, "t2": {"data": large, "grad": None}}
    page = opened(to_html(*shown(arrays), plain(arrays)))
    page.locator("[data-id=t0]").click()
    page.get_by_role("button", name="log |x|").first.click()
    expect(page.get_by_role("img", name="Histogram of value of magnitudes, 0 zeros left out")).to_be_visible()
    page.get_by_test_id("pin-data").click()
    page.locator("[data-id=t1]").click()
    difference = page.get_by_test_id("difference")
    expect(difference).to_contain_text("largest at [2, 3]: ")
    want = capture_array(a - b)
    for name in ("norm", "mean", "std"):
        told = difference.locator("dl div", has_text=name).locator("dd").inner_text().replace("−", "-")
        assert float(told) == pytest.approx(want["stats"][name], rel=0.01), name
    expect(difference).to_contain_text("NaN in both at 1 place.")
    page.locator("[data-id=t2]").click()
    expect(difference).to_contain_text("a file subtracts tensors of one shape only")


def test_histories_are_in_the_file(opened):
    with record() as drawing:
        w = torch.ones(30, requires_grad=True)
        for _ in range(4):
            (w * w).sum().backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
            w.grad = None
    page = opened(drawing.to_html())
    id = drawing.graph.named("w").id
    page.locator(f"[data-id={id}]").first.click()
    expect(page.get_by_test_id("history-data").get_by_role("img", name="in this cell, 5 values")).to_be_visible()
    expect(page.get_by_test_id("history-grad").get_by_role("img", name="in this cell, 4 passes")).to_be_visible()


def test_hostile_names_stay_text(opened):
    name = "</script><script>window.bad = 1</script>"
    graph = lesson.lesson_graph(x_name=name)
    page = opened(to_html(graph, lesson.lesson_svg(graph), title=name))
    page.locator("[data-id=t0] rect").click(position={"x": 4, "y": 4})  # the name runs over its neighbours
    expect(page.get_by_test_id("inspector").locator("h2")).to_have_text(name)
    assert page.evaluate("window.bad") is None


def test_backward_is_played_in_the_file_too(opened):
    import nbgrad as torch
    from nbgrad.graph import record

    with record(engine="builtin") as drawing:
        a = torch.tensor(0.5, requires_grad=True)
        h = torch.tensor([1.0, 2.0])
        for _ in range(200):
            h = torch.tanh(h * a)
        h.sum().backward()
    page = opened(drawing.to_html())
    page.get_by_test_id("player-next").click()
    expect(page.get_by_test_id("player-label")).to_contain_text("step 1 of 402 · SumBackward0")
    page.get_by_test_id("player-next").click(click_count=2)
    expect(page.get_by_test_id("player-facts")).to_contain_text("grad_h = grad_(h * a) * a")
    page.get_by_test_id("player-jacobian").locator("summary").click()
    expect(page.get_by_test_id("player-jacobian").locator("td").first).to_have_text("0.500")
    page.get_by_test_id("player-last").click()
    expect(page.get_by_test_id("player-facts")).to_have_text("Step 402 is not in this file.")
    expect(page.get_by_test_id("inspector")).to_contain_text("Of the 402 steps of backward only the first 320 are in this file.")


def test_a_long_loop_in_a_file_says_what_it_does_not_hold(opened):
    with torch.graph.record() as g:
        w = torch.tensor(1.0, requires_grad=True)
        x = torch.ones(())
        for _ in range(400):
            x = (x * w).sin()
        x.backward()
    page = opened(g.to_html())
    expect(page.locator("body")).to_contain_text("Of the 801 steps of backward only the first 320 are in this file.")
    page.get_by_label("Step of backward").fill("700")
    expect(page.locator(".nbx-player")).to_contain_text("Step 701 is not in this file.")
    page.get_by_label("Search tensors and operators").fill("sin")
    expect(page.locator(".nbx-found-count")).to_contain_text("in what is drawn")
