"""The widget's module on a plain page with a made-up kernel: no server, no network, every request answered from here."""

import base64
from pathlib import Path

import lesson
import pytest

from nbgrad.graph.html import explorer_script, explorer_style
from nbgrad.graph.inspect_array import inspect_array

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>explorer</title><style>%s</style>
<body style="margin:0"><main><div class="jp-OutputArea"><div class="jp-OutputArea-child" id="sibling">
<div data-nbgrad-static="key1">picture</div></div><div id="el"></div></div>
<div data-nbgrad-static="key1" id="elsewhere">picture</div></main>"""


@pytest.fixture(scope="session")
def one_page(browser):
    """One page for all tests, loaded anew for each: half the time of a new one."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def serve(one_page):
    """A page whose every request is answered from memory; fails the test on any error in the page."""

    def answer(route):
        path = route.request.url.removeprefix("http://nbgrad.test/")
        if path == "":
            return route.fulfill(body=_PAGE % explorer_style(), content_type="text/html")
        if path == "explorer.js":
            return route.fulfill(body=explorer_script("widget"), content_type="text/javascript")
        if path == "host.js":
            return route.fulfill(path=str(Path(__file__).with_name("host.js")), content_type="text/javascript")
        return route.fulfill(status=404)

    errors = []

    def on_error(error):
        errors.append(str(error))

    one_page.on("pageerror", on_error)
    one_page.route("**/*", answer)
    one_page.emulate_media(color_scheme="light")
    one_page.mouse.move(0, 0)
    one_page.goto("http://nbgrad.test/")
    yield one_page
    one_page.remove_listener("pageerror", on_error)
    one_page.unroute_all(behavior="wait")
    assert errors == []


@pytest.fixture
def explore(serve):
    """Mount the explorer on a graph (by default the lesson after backward) and return the page; `H` in the page is the host."""

    def mount(graph=None, *, arrays=None, svg=None, replies=True, second_model=True, width=1100, **state):
        serve.set_viewport_size({"width": width, "height": 900})
        graph = graph or lesson.lesson_graph()
        arrays = lesson.lesson_arrays() if arrays is None else arrays
        answers = {f"{id}/{which}": _reply(a) for id, sides in arrays.items() for which, a in sides.items() if a is not None}
        state = {
            "graph": graph.to_json(), "svg": lesson.lesson_svg(graph) if svg is None else svg, "selected": "", "live": {}, "status": "",
            "theme": "auto", "key": "key1", "requests": "IPY_MODEL_second", **state,
        }  # fmt: skip
        serve.evaluate(
            "async ([state, replies, options]) => { window.H = await (await import('/host.js')).mount(state, replies, options); }",
            [state, answers if replies else None, {"secondModel": second_model}],
        )
        return serve

    return mount


def _reply(array):
    seen = inspect_array(array)
    return {"header": seen.header, "buffers": [base64.b64encode(b).decode() for b in seen.buffers]}
