"""The exported file in a browser, opened from disk with every network request refused."""

import lesson
import pytest
from playwright.sync_api import expect

from nbgrad.graph.html import to_html
from nbgrad.graph.inspect_array import inspect_array


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
        id: {which: inspect_array(a).to_plain() for which, a in sides.items() if a is not None} for id, sides in arrays.items()
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


def test_hostile_names_stay_text(opened):
    name = "</script><script>window.bad = 1</script>"
    graph = lesson.lesson_graph(x_name=name)
    page = opened(to_html(graph, lesson.lesson_svg(graph), title=name))
    page.locator("[data-id=t0] rect").click(position={"x": 4, "y": 4})  # the name runs over its neighbours
    expect(page.get_by_test_id("inspector").locator("h2")).to_have_text(name)
    assert page.evaluate("window.bad") is None
