"""The explorer's kernel side without a browser: what is pushed, how often, and what a request gets."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import ipywidgets
import numpy as np
import pytest

import nbgrad as torch
from nbgrad.graph import record
from nbgrad.graph.records import Graph, Summary, Value
from nbgrad.notebook import explorer
from nbgrad.notebook.explorer import Requests, GraphView, static_bundle

GRAD = Summary(2, (0.5, 0.5), mean=0.5, std=0.0, min=0.5, max=0.5, norm=2**-0.5)
DATA = Summary(2, (1.0, float("nan")), mean=1.0, std=0.0, min=1.0, max=1.0, norm=1.0, nan=1)
SVG = '<svg class="nbgrad" viewBox="0 0 1 1"/>'


class OneTensor:
    def __init__(self, grad=None):
        self.grad = grad
        self.reads = 0

    def array(self, value_id, which):
        return np.arange(6.0).reshape(2, 3) if (value_id, which) == ("t0", "data") else None

    def state(self, ids):
        self.reads += 1
        return {"t0": {"data": DATA, "grad": self.grad}}


def graph(**flags):
    return Graph((Value("t0", (2,), "float32", name="w", requires_grad=True, data=DATA, **flags),))


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(explorer, "time", clock)
    return clock


def run(cell):
    """Run a coroutine function as a kernel runs a cell, in a thread of its own: browser tests leave a loop running in the main one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(cell())).result()


def test_nothing_is_pushed_while_the_record_is_still_true():
    assert GraphView(graph(), SVG, OneTensor()).live == {}
    assert GraphView(graph(grad=GRAD, grad_kept=True), SVG, OneTensor(GRAD)).live == {}


def test_a_gradient_that_appears_and_goes_is_pushed_with_a_new_stamp(clock):
    source = OneTensor()
    view = GraphView(graph(), SVG, source)
    source.grad = GRAD
    clock.now += 1
    view.refresh()
    first = view.live["t0"]
    assert first["grad"]["values"] == [0.5, 0.5] and first["data"]["values"] == [1.0, "nan"]
    source.grad = None
    clock.now += 1
    view.refresh()
    assert view.live["t0"]["grad"] is None and view.live["t0"]["stamp"] > first["stamp"]
    clock.now += 1
    view.refresh()
    assert view.live["t0"]["stamp"] == first["stamp"] + 1
    json.dumps(view.live, allow_nan=False)


def test_a_gradient_seen_but_not_kept_does_not_count_as_gone():
    assert GraphView(graph(grad=GRAD, grad_kept=False), SVG, OneTensor()).live == {}


def test_refresh_reads_at_most_ten_times_a_second_and_the_last_state_arrives():
    async def cell():
        source = OneTensor()
        view = GraphView(graph(), SVG, source)
        before = source.reads
        for i in range(10_000):
            source.grad = Summary(2, (float(i), 0.0))
            view.refresh()
        assert source.reads - before <= 10
        await asyncio.sleep(3 * explorer.PUSH_INTERVAL)
        return view.live["t0"]["grad"]["values"]

    assert run(cell) == [9999.0, 0.0]


def test_without_a_loop_the_next_refresh_brings_the_last_state(clock):
    source = OneTensor()
    view = GraphView(graph(), SVG, source)
    source.grad = GRAD
    with ThreadPoolExecutor(1) as pool:
        pool.submit(view.refresh).result()
        assert view.live == {}
        clock.now += 1
        pool.submit(view.refresh).result()
    assert "t0" in view.live


def test_a_fault_in_the_source_is_told_in_the_toolbar_and_stops_nothing(clock):
    source = OneTensor()
    view = GraphView(graph(), SVG, source)
    source.state = lambda ids: 1 / 0
    clock.now += 1
    view.refresh()
    assert view.status == "not live any more: ZeroDivisionError: division by zero"


def test_closing_cancels_what_was_planned():
    async def cell():
        source = OneTensor()
        view = GraphView(graph(), SVG, source)
        view.refresh()
        before = source.reads
        view.close()
        await asyncio.sleep(2 * explorer.PUSH_INTERVAL)
        return source.reads - before

    assert run(cell) == 0


def ask(source, **message):
    requests = Requests(SimpleNamespace(source=source))
    sent = []
    requests.send = lambda content, buffers=None: sent.append((content, buffers))
    requests._answer(requests, {"kind": "array", "request": "r1", "value": "t0", "which": "data", **message}, [])
    return sent


def test_a_request_gets_the_inspection():
    [(reply, buffers)] = ask(OneTensor(), index=[], at=[0, 0], reduce="max_abs")
    assert reply["request"] == "r1" and reply["found"] and reply["header"]["shape"] == [2, 3]
    assert np.frombuffer(buffers[0], "<f4").tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "message", [{"which": "grad"}, {"which": "__class__"}, {"value": "t9"}, {"value": None}, {"value": ["t0"], "index": {"a": 1}}]
)
def test_what_is_not_there_is_answered_with_not_found(message):
    [(reply, buffers)] = ask(OneTensor(), **message)
    assert reply["found"] is False and reply["header"] is None and buffers == []


@pytest.mark.parametrize(
    "message", [{"index": "abc"}, {"at": [1e300, "x"]}, {"at": []}, {"index": [float("nan"), None]}, {"reduce": 7}]
)
def test_odd_requests_are_answered_all_the_same(message):
    [(reply, _)] = ask(OneTensor(), **message)
    assert reply["found"]


def test_messages_that_are_not_ours_are_ignored():
    requests = Requests(SimpleNamespace(source=OneTensor()))
    for message in (None, "x", {}, {"kind": "other"}):
        requests._answer(requests, message, [])


def test_a_fault_while_reading_is_answered_not_raised():
    class Broken(OneTensor):
        def array(self, value_id, which):
            raise RuntimeError("gone")

    [(reply, _)] = ask(Broken())
    assert reply["found"] is False and reply["error"] == "RuntimeError: gone"


def test_the_view_itself_answers_in_hosts_that_cannot_find_the_second_model():
    view = GraphView(graph(), SVG, OneTensor())
    sent = []
    view.send = lambda content, buffers=None: sent.append(content)
    view._handle_custom_msg({"kind": "array", "request": "r1", "value": "t0", "which": "data"}, [])
    assert [(m["request"], m["found"]) for m in sent] == [("r1", True)]


def test_static_bundle_survives_cleaning_and_escapes_names():
    bundle = static_bundle(Graph((Value("t0", (), "float32", name='"><script>'),)), SVG, "k", "<t0>")
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert "<script" not in bundle["text/html"] and 'data-nbgrad-static="k"' in bundle["text/html"]
    assert "&lt;t0&gt;" in bundle["text/html"] and "<svg" not in bundle["text/html"]


def test_repr_shows_no_address():
    assert repr(GraphView(graph(), SVG)) == "<GraphView: 1 values, 0 operators>"


def test_the_same_graph_has_the_same_key():
    assert GraphView(graph(), SVG).key == GraphView(graph(), SVG).key != GraphView(graph(cut="data"), SVG).key


def test_only_what_is_drawn_is_read_and_sent():
    """Of a record of thousands of living tensors a view reads those of its picture, also after another scene was asked for."""
    asked = []

    class Many(OneTensor):
        def state(self, ids):
            asked.append(set(ids))
            return {}

    with record() as drawing:
        x = torch.ones(3, requires_grad=True)
        for _ in range(500):
            x = torch.tanh(x)
    view = GraphView(drawing.shown, drawing.svg, Many(), drawing)
    assert asked[-1] == {v.id for v in drawing.shown.values} and len(asked[-1]) < 20
    [group] = [dict(c.params) for c in drawing.shown.calls if c.id.startswith("g")]
    view.look([{"open": [group["first"], group["last"]]}])
    assert asked[-1] > {v.id for v in drawing.shown.values}
    assert view.folding["actions"] and json.loads(view.graph)["calls"] and view.folding["whole"]["operators"] == 500
    view.close()


def test_a_closed_view_leaves_no_model_behind():
    before = set(ipywidgets.widgets.widget._instances)
    view = GraphView(graph(), SVG, OneTensor())
    assert len(set(ipywidgets.widgets.widget._instances) - before) == 4  # the two models, each with its layout
    view.close()
    assert set(ipywidgets.widgets.widget._instances) <= before


def test_a_layout_that_somebody_gave_stays_open():
    layout = ipywidgets.Layout()
    GraphView(graph(), SVG, OneTensor(), layout=layout).close()
    assert layout.comm is not None
    layout.close()
