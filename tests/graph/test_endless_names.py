"""Names, lines and texts of a hundred thousand characters, and hostile ones: the record, every picture of it and every answer stay small, and nothing of it runs."""

import json
import linecache
import re
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import pytest

import nbgrad as torch
from nbgrad import nn
from nbgrad.graph.capture import Recorder
from nbgrad.graph.drawing import Drawing
from nbgrad.graph.records import MAX_LINE, MAX_NAME, Graph
from nbgrad.notebook.answers import ANSWERS
from nbgrad.notebook.live import LiveTensors

LONG = 100_000
HOSTILE = "<img src=x onerror=window.bad=1>{}{0}%s$x$\u202e\x00\x1b&amp;\ud800"


def program(word, text):
    """A cell in which every kind of name is `word`, which is an identifier, or `text`, which may be anything."""
    return f"""
class M{word}(nn.Module):
    def __init__(self):
        super().__init__()
        self.add_module(chosen, nn.Linear(3, 3))
        self.register_parameter(chosen + "p", nn.Parameter(torch.ones(3)))
    def forward(self, x):
        for _ in range(5):  # {word}
            x = torch.tanh(self._modules[chosen](x)) + self._parameters[chosen + "p"]
        return x
def f{word}(x):
    y = x.exp()
    z = y.sin()
    return z + y
model = M{word}()
v{word} = torch.ones(2, 3, requires_grad=True)
{text!r}; h = model(v{word}); q = 1  # {word}
out = f{word}(h)
for step in range(6): out = f{word}(out)  # {word}
fin = Custom.apply(out)
loss = fin.mean()
loss.backward()
"""


@pytest.fixture(scope="module", params=["long", "hostile"])
def recorded(request):
    long = request.param == "long"
    text = "m" * LONG if long else HOSTILE
    word = "a" * LONG if long else "x"
    custom = type("C" * LONG if long else "<b>{}{0}</b>", (torch.autograd.Function,), {
        "forward": staticmethod(lambda ctx, x: x * 2), "backward": staticmethod(lambda ctx, g: g * 2),
    })  # fmt: skip
    source = program(word, text)
    names = {"torch": torch, "nn": nn, "chosen": text.replace(".", "_"), "Custom": custom}
    file = f"<cell {request.param}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    recorder = Recorder()
    with recorder.hearing():
        exec(compile(source, file, "exec"), names)
    graph = recorder.graph({**names, text: names["loss"]}, source, file)
    yield SimpleNamespace(drawing=Drawing(graph, recorder.tensors()), recorder=recorder)
    del linecache.cache[file]


def test_the_record_keeps_the_beginning_and_the_end_of_endless_names(recorded):
    graph = recorded.drawing.graph
    assert {v.name for v in graph.values} > {"fin", "h"}
    texts = [v.name or "" for v in graph.values] + [c.op for c in graph.calls] + [c.node or "" for c in graph.calls] + [s.name for s in graph.scopes]
    texts += [s.node for s in graph.steps] + [c.place.function for c in graph.calls if c.place]
    assert max(map(len, texts)) <= MAX_NAME
    assert max(len(line) for line in graph.source.split("\n")) <= MAX_LINE
    assert max(len(thing.place.text) for thing in (*graph.values, *graph.calls) if thing.place) <= MAX_LINE
    assert len(graph.to_json()) < 120_000


def test_every_picture_of_it_stays_small_and_well_formed(recorded):
    drawing = recorded.drawing
    ElementTree.fromstring(drawing.to_svg().encode())
    assert len(drawing.to_svg()) < 250_000 and len(drawing.to_page()) < 400_000 and len(drawing.to_dot()) < 100_000
    assert max(map(len, drawing.to_text().splitlines())) < 600
    for written in (drawing.to_svg(), drawing.to_page()):
        assert "<img src=x" not in written
    page = drawing.to_html()
    assert len(page) < 4_000_000 and "<img src=x" not in page and "onerror=window.bad=1>" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert max(len(m) for m in re.findall(r'aria-label="([^"]*)"', drawing.to_svg())) < 1_000


def wishes(graph):
    yield from ({"kind": "find", "text": text} for text in ("m" * LONG, HOSTILE, "exp", "a", "parameter", "has NaN"))
    yield from ({"kind": "step", **more} for more in ({}, {"window": 0}, {"window": 1}, {"timeline": 0, "actions": [], "focus": [], "level": ""}))
    yield from ({"kind": "step", "jacobian": n} for n in range(len(graph.steps)))
    yield from ({"kind": "history", "value": v.id, "which": which} for v in graph.values for which in ("data", "grad"))
    yield from ({"kind": "replay", "changes": changes} for changes in ([], [["t0", [0, 0], 3.0]], [["m" * LONG, [0, 0], 3.0]], [[HOSTILE, None, 1.0]]))
    yield from ({"kind": kind, "value": "m" * LONG, "which": "data"} for kind in ("array", "window", "histogram", "element"))
    yield {"kind": "difference", "value": "t0", "which": "data", "other": "m" * LONG, "other_which": "data"}


def test_every_answer_stays_small_and_is_plain_json(recorded):
    view = SimpleNamespace(drawing=recorded.drawing, source=LiveTensors(recorded.recorder), _record=recorded.drawing.shown)
    view = _View(view)
    for wish in wishes(recorded.drawing.graph):
        found = ANSWERS[wish["kind"]](view, wish)
        if found is not None:
            assert len(json.dumps(found[0], allow_nan=False)) + sum(map(len, found[1])) <= 100_000, wish["kind"]


class _View:
    """A view that can be referred to weakly, as the answers do."""

    def __init__(self, parts):
        self.__dict__.update(vars(parts), folding={"actions": [], "focus": [], "level": ""})


def test_a_custom_function_is_refused_by_its_name_whatever_it_is(recorded):
    view = _View(SimpleNamespace(drawing=recorded.drawing))
    header, _ = ANSWERS["replay"](view, {"changes": [["t0", [0, 0], 3.0]]})
    assert "is a custom Function" in header["refused"] and len(header["refused"]) < 400
    assert header["refused"].startswith(("cannot be replayed: CCC", "cannot be replayed: <b>{}{0}</b>"))


def test_an_endless_error_is_told_once():
    recorder = Recorder()
    with recorder.hearing():
        for _ in range(2):
            with pytest.raises(ValueError):
                Raising.apply(torch.ones(2, requires_grad=True))
    graph = recorder.graph()
    errors = [c.error for c in graph.calls if c.error]
    assert errors and max(map(len, errors)) <= MAX_LINE and errors[0].startswith("ValueError: eee")


class Raising(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        raise ValueError("e" * LONG)


def test_a_record_made_by_another_program_is_drawn_in_bounds_too():
    plain = json.loads(Graph.to_json(Drawing(_small()).graph))
    for value in plain["values"]:
        value["name"] = "n" * LONG
    for call in plain["calls"]:
        call["op"] = "o" * LONG
    graph = Graph.from_json(json.dumps(plain))
    assert len(Drawing(graph).to_svg()) < 60_000
    assert len(Drawing(graph).to_text()) < 5_000


def _small():
    with torch.graph.record() as g:
        a = torch.ones(2, requires_grad=True)
        b = a * 2
        b.sum()
    return g.graph


def test_a_module_whose_forward_belongs_to_no_file_runs():
    names = {"nn": nn, "torch": torch}  # without "__name__", as `exec` in a bare namespace leaves it
    exec("class Double(nn.Module):\n    def forward(self, x):\n        return x * 2\n", names)
    assert names["Double"]()(torch.ones(2)).tolist() == [2, 2]
