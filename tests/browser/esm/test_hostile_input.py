"""Endless and hostile texts, NaN everywhere and graphs with nothing in them, with every part open: nothing runs, nothing grows beyond the page, nothing breaks."""

import numpy as np
import pytest
from looks import inspector
from playwright.sync_api import expect
from watched import RECEIVE, Watched

import nbgrad as torch
from nbgrad.graph import record
from nbgrad.graph.drawing import Drawing
from nbgrad.graph.records import Call, Graph, Place, Scope, Step, Summary, Value

HOSTILE = "<img src=x onerror=window.bad=1><script>window.bad=2</script>\"'`${window.bad=3}\x00\x1b\u202e\ud800]]>-->"
ENDLESS = "w" * 100_000
WIDEST = 600  # characters of any one text on the page or in an attribute a reader hears


def graph_of(text):
    """A graph in which everything that has a name or a text has this one: a record as another program may make it."""
    text = text.encode("utf-8", "replace").decode()
    place = Place("cell", 1, 1, 0, 5, text, text)
    summary = Summary(2, (1.0, 2.0), 1.5, 0.5, 1.0, 2.0, 2.236)

    def value(n, **more):
        return Value(f"t{n}", (2,), "float32", f"{text}{n}", data=summary, grad=summary, place=place, **more)

    leaf = {"requires_grad": True, "is_parameter": True, "grad_kept": True}
    made = {"requires_grad": True, "is_leaf": False}
    scopes = (Scope("s0", "module", text, None, place), Scope("s1", "loop", f"for {text} in x ×4", "s0", place), Scope("s2", "with", text, None, place))
    calls = (
        Call("c0", text, ("t0", "t1"), ("t2",), f"{text}Backward0", ((text, text),), ((text, text),), "s1", place, error=None),
        Call("c1", "nn.functional." + text, ("t2",), ("t3",), f"{text}Backward1", scope="s2", place=place, error=text),
    )
    steps = tuple(Step(0, n, f"{text}Backward{n}", f"c{1 - n}", None, (summary,), (summary, summary)[: 2 - (n == 0)]) for n in range(2))
    steps += (Step(0, 2, "AccumulateGrad", None, "t0", (summary,), (), None, summary),)
    source = "\n".join([text, f"with {text}:  # {text}", text])
    graph = Graph((value(0, **leaf), value(1, **leaf), value(2, **made), value(3, **made)), calls, steps, scopes, ("t3",), source, (text,))
    return Graph.from_json(graph.to_json())


LENGTHS = """() => {
    const long = [];
    for (const e of document.querySelectorAll(".nbx, .nbx *")) {
        for (const name of ["aria-label", "title", "alt", "aria-valuetext", "placeholder"])
            if ((e.getAttribute(name) ?? "").length > %d) long.push(`${e.localName} ${name}: ${e.getAttribute(name).length}`);
        for (const n of e.childNodes)
            if (n.nodeType === 3 && n.data.length > %d && e.localName !== "style") long.push(`${e.localName}.${e.className?.baseVal ?? e.className}: ${n.data.length}`);
    }
    return long;
}""" % (WIDEST, WIDEST)


def go_through_everything(page):
    """Open and use each part once, as far as it is there."""
    for id in ("t0", "t2", "c0", "c1", "t1"):
        page.evaluate("id => H.model.receive('selected', id)", id)
        expect(inspector(page).locator("h2")).not_to_have_text("Graph")
    page.get_by_test_id("pin-data").click()
    page.evaluate("H.model.receive('selected', 't0')")
    if page.get_by_test_id("source").is_visible():
        page.get_by_test_id("source").locator("summary").click()
    page.get_by_test_id("show").evaluate("menu => { menu.open = true; }")
    for name in ("magnitude", "memory", "saved"):
        box = page.locator(f".nbx-options [data-option={name}]")
        if box.is_visible():
            box.check()
    page.get_by_test_id("show").evaluate("menu => { menu.open = false; }")
    if page.get_by_test_id("player").is_visible():
        for _ in range(3):
            page.get_by_test_id("player-next").click()
            page.wait_for_timeout(50)
    for text in ("w", "has NaN", "<img", "x" * 100_000):
        page.get_by_test_id("search").fill(text)
        page.wait_for_timeout(200)
    page.get_by_test_id("search").press("Escape")
    page.locator(".nb-node").first.hover()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)


def harmless(page):
    assert page.evaluate("window.bad") is None
    assert page.locator(".nbx img, .nbx script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("text", [HOSTILE, ENDLESS], ids=["hostile", "endless"])
@pytest.mark.parametrize("width", [1100, 600])
def test_every_part_with_such_texts(explore, text, width):
    graph = graph_of(text)
    arrays = {f"t{n}": {"data": np.float32([1, 2]), "grad": np.float32([1, 2])} for n in range(4)}
    folding = {"actions": [], "focus": [], "level": "", "folds": {"s1": {"ends": ["c0", "c0"], "times": 4, "shown": [0, 3]}}, "whole": {"tensors": 4, "operators": 2}}
    watched = [{"id": "t0", "name": text[:99_999], "group": text[:99_998], "shape": [2], "size": 2, "units": None, "every": 1}]
    page = explore(graph, svg=Drawing(graph, engine="builtin").svg, arrays=arrays, width=width, folding=folding, status="", step=-1, what_if=[], watched=watched, strips={}, progress={}, marks={})
    number = {"steps": _bytes("<i4", [1, 2]), "loss": _bytes("<f4", [1, 2]), "norm": _bytes("<f4", [0, 1]), "ratio": _bytes("<f4", [0, 1]), "dead": [None], "bad": {}}
    page.evaluate(RECEIVE, ["strips", number])
    page.evaluate(RECEIVE, ["progress", {"step": 2, "of": 3, "state": "failed", "why": text, "line": 1, "measured": 2, "every": 1, "loss": 1.0, "seconds": 1.0, "notes": [text]}])
    page.evaluate(RECEIVE, ["marks", {"t0": {"kind": "nan", "text": text}}])
    go_through_everything(page)
    page.evaluate("text => H.model.receive('status', text)", text.encode("utf-8", "replace").decode())
    harmless(page)
    assert "\n".join(page.evaluate(LENGTHS)) == ""
    assert page.locator(".nbx").bounding_box()["height"] < 2_400


def _bytes(kind, numbers):
    import base64

    return {"base64": base64.b64encode(np.array(numbers, kind).tobytes()).decode()}


def everything_nan():
    with record(engine="builtin") as g:
        w = torch.full((30, 4), float("nan"), requires_grad=True)
        s = torch.tensor(float("nan"), requires_grad=True)
        y = (w * s).tanh()
        loss = y.sum()
        loss.backward()
        loss = (w * s).sum()
        loss.backward()
    return g, (w, s, y)


def test_nan_everywhere_with_every_part_open(explore, kernel):
    g, _alive = everything_nan()
    before, kernel.drawing = kernel.drawing, g
    kernel.folding = folding = {"actions": [], "focus": [], "level": "", "folds": {}, "whole": g.whole}
    arrays = {v.id: {"data": t._array, "grad": t._grad._array if t._grad is not None else None} for v in g.graph.values if (t := g.tensors.get(v.id, lambda: None)()) is not None}
    page = explore(g.shown, svg=g.svg, arrays=arrays, whole=g.graph, folding=folding, step=-1, what_if=[], history={})
    go_through_everything(page)
    page.evaluate("id => H.model.receive('selected', id)", next(v.id for v in g.graph.values if v.shape == (30, 4)))
    pane = page.get_by_test_id("pane-data")
    expect(pane).to_contain_text("120")
    pane.locator("summary", has_text="table of values").click()
    expect(pane.get_by_role("gridcell").first).to_have_text("NaN")
    expect(page.get_by_test_id("difference")).to_contain_text("NaN")
    for words in ("next NaN", "next Inf", "max", "largest |x|"):
        pane.get_by_label("Find an element of the value").select_option(words)
        page.wait_for_timeout(60)
    page.evaluate("id => H.model.receive('selected', id)", next(v.id for v in g.graph.values if v.shape == ()))
    expect(page.get_by_test_id("whatif")).to_contain_text("It is NaN: no slider goes there.")
    expect(page.locator(".nb-root").last).to_contain_text("NaN")
    kernel.drawing = before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("graph", [
    Graph(), Graph(notes=("nothing ran",)), Graph((Value("t0", (0, 3), "float32", "x", requires_grad=True, data=Summary(0, norm=0.0)),), roots=("t0",)),
    Graph((Value("t0", (), "float32"),)), Graph(calls=(Call("c0", "seed", (), ()),)),
], ids=["nothing", "a note", "no elements", "one tensor", "an operator of nothing"])  # fmt: skip
def test_graphs_with_nothing_in_them(explore, graph):
    arrays = {"t0": {"data": np.zeros((0, 3), np.float32), "grad": None}} if graph.values else {}
    page = explore(graph, svg=Drawing(graph, engine="builtin").svg, arrays=arrays, folding={"actions": [], "focus": [], "level": "", "folds": {}}, step=-1, what_if=[], watched=[], strips={}, progress={}, marks={}, pinned="t0")
    for id in ("t0", "c0", ""):
        page.evaluate("id => H.model.receive('selected', id)", id)
    for text in ("x", "has NaN", "grad is None", ""):
        page.get_by_test_id("search").fill(text)
        page.wait_for_timeout(170)
    page.get_by_test_id("search").press("Escape")
    for key in ("]", "[", " ", "b", "m", "s", "w", "/", "Escape", "0", "+", "-", "ArrowRight"):
        page.get_by_test_id("inspector").focus()
        page.keyboard.press(key)
    expect(inspector(page)).to_be_visible()
    harmless(page)


def test_a_watched_loop_of_nan_alone(explore):
    names = {"w": torch.full((3,), float("nan"), requires_grad=True)}
    watched = Watched(names)
    for _ in range(4):
        (names["w"] * 2).sum().backward()
    watched.finish()
    page = explore(watched.drawing.shown, arrays={}, svg=watched.drawing.svg, watched=[], strips={}, progress={}, marks={})
    for name, value in watched.sent.items():
        page.evaluate(RECEIVE, [name, value])
    expect(page.get_by_test_id("progress")).to_contain_text("finished: 4 steps")
    expect(page.locator("[data-strip]")).to_have_count(1)
    harmless(page)
