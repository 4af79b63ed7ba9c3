"""The widget's module on a plain page with a made-up kernel: no server, no network, every request answered from here."""

import base64
import json
from pathlib import Path

import lesson
import pytest

from nbgrad.graph.drawing import Drawing
from nbgrad.graph.html import explorer_script, explorer_style
from nbgrad.graph.records import Graph
from nbgrad.notebook.answers import ANSWERS

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>explorer</title><style>%s</style>
<body style="margin:0"><main><div class="jp-OutputArea"><div class="jp-OutputArea-child" id="sibling">
<div data-nbgrad-static="key1">picture</div></div><div id="el"></div></div>
<div data-nbgrad-static="key1" id="elsewhere">picture</div></main>"""


@pytest.fixture(scope="session")
def kernel():
    """What answers the questions of every page."""
    return Kernel()


@pytest.fixture(scope="session")
def one_page(browser, kernel):
    """One page for all tests, loaded anew for each: half the time of a new one."""
    context = browser.new_context()
    page = context.new_page()
    page.expose_function("askKernel", kernel.answer)
    yield page
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
def explore(serve, kernel):
    """Mount the explorer on a graph (by default the lesson after backward) and return the page; `H` in the page is the host.

    Questions are answered by the real answers on the kernel's side, of `arrays` (id -> {"data", "grad"}) and the graph, or the `whole` that it is folded from.
    """

    def mount(graph=None, *, arrays=None, svg=None, replies=True, second_model=True, width=1100, history=None, whole=None, **state):
        serve.set_viewport_size({"width": width, "height": 900})
        graph = graph or lesson.lesson_graph()
        kernel.source.arrays = lesson.lesson_arrays() if arrays is None else arrays
        kernel.source.told = history or {}
        kernel.drawing.graph, kernel._record = whole or graph, graph
        state = {
            "graph": graph.to_json(), "svg": lesson.lesson_svg(graph) if svg is None else svg, "selected": "", "live": {}, "status": "",
            "theme": "auto", "key": "key1", "requests": "IPY_MODEL_second", "pinned": "", **state,
        }  # fmt: skip
        serve.evaluate(
            "async ([state, replies, options]) => { window.H = await (await import('/host.js')).mount(state, replies, options); }",
            [state, replies, {"secondModel": second_model}],
        )
        return serve

    return mount


class Kernel:
    """The kernel's side: a view as far as the answers know one."""

    def __init__(self):
        self.source = Source()
        self.drawing = Drawing(Graph())
        self._record = Graph()

    def answer(self, wish):
        found = ANSWERS[wish["kind"]](self, wish)
        if found is None:
            return None
        header, buffers = found
        assert len(json.dumps(header, allow_nan=False)) + sum(map(len, buffers)) <= 100_000
        return {"header": header, "buffers": [base64.b64encode(b).decode() for b in buffers]}


class Source:
    """Living arrays, by hand."""

    def __init__(self):
        self.arrays, self.told = {}, {}

    def array(self, value_id, which):
        return self.arrays.get(value_id, {}).get(which)

    def history(self, value_id, which):
        return self.told.get((value_id, which))
