"""The history of a tensor in a record, and since: of what it consists, how it is thinned, and what looking costs."""

import time

import numpy as np
import pytest

import nbgrad as torch
from nbgrad._engine.observe import observing
from nbgrad.graph import record
from nbgrad.graph.capture import Recorder
from nbgrad.graph.history import MOST_ENTRIES, Histories, thinned
from nbgrad.graph.records import Graph
from nbgrad.graph.stepping import stepping
from nbgrad.notebook import live, rings
from nbgrad.notebook.live import LiveTensors
from nbgrad.notebook.pace import Pace
from nbgrad.notebook.rings import BINS, Rings

STEPS = 4
LOOP = """
w = torch.ones(3, 2, requires_grad=True)
for i in range(4):
    h = x @ w
    loss = (h * h).sum()
    loss.backward()
    norms.append((w.detach().norm().item(), w.grad.norm().item(), loss.item(), h.detach().norm().item()))
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad = None
"""


@pytest.fixture(scope="module")
def loop():
    """A training loop in one cell: its record, and what it measured itself."""
    names = {"torch": torch, "x": torch.arange(12.0).reshape(4, 3), "norms": []}
    recorder = Recorder()
    with observing(recorder):
        exec(compile(LOOP, "cell", "exec"), names)
    return recorder.graph(names, LOOP, "cell"), np.array(names["norms"])


def history(graph, id, which):
    return Histories(graph).tell(id, which)


def test_a_parameter_is_told_version_after_version(loop):
    graph, norms = loop
    told = history(graph, graph.named("w").id, "data")
    assert told["total"] == STEPS + 1 and told["at"] == list(range(STEPS + 1))
    np.testing.assert_allclose(told["norm"][:-1], norms[:, 0], rtol=1e-5)


def test_its_gradient_is_told_pass_after_pass(loop):
    graph, norms = loop
    told = history(graph, graph.named("w").id, "grad")
    assert told["at"] == list(range(STEPS))
    np.testing.assert_allclose(told["norm"], norms[:, 1], rtol=1e-5)
    assert told == history(graph, told["ids"][0], "grad")  # any version tells the same


def test_one_expression_is_one_thing_each_time_it_ran(loop):
    graph, norms = loop
    np.testing.assert_allclose(history(graph, graph.named("loss").id, "data")["norm"], norms[:, 2], rtol=1e-5)
    h = history(graph, graph.named("h").id, "data")
    np.testing.assert_allclose(h["norm"], norms[:, 3], rtol=1e-5)
    assert len(history(graph, graph.named("h").id, "grad")["at"]) == STEPS


def test_an_unknown_value_has_no_history(loop):
    assert history(loop[0], "t999", "data") is None


def test_thinning_keeps_the_ends_and_the_first_that_is_marked():
    entries = list(range(10_001))
    kept = thinned(entries, lambda e: e in (777, 778))
    assert {0, 777, 10_000} <= set(kept) and 778 not in kept and len(kept) <= MOST_ENTRIES + 2 and kept == sorted(kept)
    assert thinned(entries[:5], lambda e: False) == entries[:5]


# -- since ---------------------------------------------------------------------------------------------------------------------------


class View:
    def flush(self):
        """Nothing to draw."""


def watched():
    """A tensor, a function that runs a pass of its loss, and the source that an open view has."""
    recorder = Recorder()
    with observing(recorder):
        w = torch.arange(4.0, requires_grad=True)
        (w * w).sum()
    recorder.graph()
    live, view = LiveTensors(recorder), View()
    live.attach(view)
    return w, lambda: (w * w).sum().backward(), live, view


@pytest.fixture
def unrationed(monkeypatch):
    monkeypatch.setattr(rings, "SHARE", 1e9)
    monkeypatch.setattr(live.VIEWS._ends, "histories", Pace(1e9))
    monkeypatch.setattr(live.VIEWS, "_left", 0)


def test_later_passes_are_noted_with_their_histograms(unrationed):
    w, run, live, _view = watched()
    for _ in range(3):
        run()
    live.close()
    grad, data = live.history("t0", "grad"), live.history("t0", "data")
    assert grad["at"] == [0, 1, 2] and grad["total"] == 3
    np.testing.assert_allclose(grad["norm"], [np.linalg.norm(n * 2 * w.detach().numpy()) for n in (1, 2, 3)], rtol=1e-5)
    assert [sum(c) for c in grad["counts"]] == [3, 3, 3] and grad["scale"] == "log"  # the zero has no logarithm
    assert data["counts"][0] == tuple(np.histogram(w.detach().numpy(), BINS)[0]) and (data["lo"][0], data["hi"][0]) == (0, 3)


def test_nothing_is_noted_without_a_pass_and_nothing_without_a_view(unrationed):
    _, run, live, view = watched()
    assert live.history("t0", "grad") is None
    del view
    run()
    run()
    assert live.history("t0", "grad") is None


def test_a_full_history_thins_and_still_reaches_back(unrationed):
    kept, a = Rings(), np.ones(3)
    for n in range(1000):
        a[0] = n
        kept.pass_ended(lambda: {"t0": (a, a)})
    told = kept.tell("t0", "data")
    assert told["at"][0] == 0 and told["total"] == 1000 and told["at"][-1] > 990 and len(told["at"]) <= MOST_ENTRIES + 2
    np.testing.assert_allclose(told["max"], [max(n, 1) for n in told["at"]])


def test_looking_back_takes_its_share_of_the_time_and_no_more():
    """A thousand large tensors and quick passes: what is noted is rationed, and every tensor has its turn."""
    kept, a = Rings(), np.ones(1000)
    many = {f"t{i}": (a, a) for i in range(1000)}
    spent = 0.0
    start = time.perf_counter()
    while time.perf_counter() - start < 1.0:
        began = time.thread_time()  # what this thread itself has worked, however busy the machine is
        kept.pass_ended(lambda: many)
        spent += time.thread_time() - began
        time.sleep(0.002)
    assert spent < 0.1  # a tenth of the time at most; the ration is a hundredth beyond the first twenty milliseconds
    assert kept.tell("t0", "data")["at"] == [0]
    noted = [id for id in many if kept.tell(id, "data")]
    assert len(noted) > 20 and all(len(kept.tell(id, "data")["at"]) == 1 for id in noted)


def test_the_tensor_that_is_looked_at_comes_first(monkeypatch):
    kept, a = Rings(), np.ones(10)
    many = {f"t{i}": (a, a) for i in range(1000)}
    kept.tell("t500", "data")
    for _ in range(20):
        kept._allowance = 1e-9  # time for one
        kept.pass_ended(lambda: many)
    assert kept.tell("t500", "data")["at"] == list(range(20)) and kept.tell("t0", "data") is None


def test_a_large_tensor_is_followed_only_while_it_is_looked_at_and_does_not_hold_up_the_others(monkeypatch, unrationed):
    monkeypatch.setattr(rings, "LARGE", 100)
    kept, small, large = Rings(), np.ones(10), np.ones(200)
    for n in range(10):
        if n == 5:
            assert kept.tell("large", "data") is None
        kept._allowance = 1.0
        kept.pass_ended(lambda: {"large": (large, None), "small": (small, None)})
    assert kept.tell("small", "data")["at"] == list(range(10)) and kept.tell("large", "data")["at"] == list(range(5, 10))


def test_a_record_in_columns_and_one_read_from_a_file_tell_the_same():
    with record() as drawn:
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        x = torch.ones(2)
        for _ in range(4):
            w.grad = None
            h = (w * x).relu()
            parts = h.split(1)
            loss = (parts[0] * parts[1]).log().sum() + h.sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.9 * w.grad
    again = Graph.from_json(drawn.graph.to_json())
    ours, theirs = Histories(drawn.graph), Histories(again)
    told = 0
    for value in drawn.graph.values:
        for which in ("data", "grad"):
            assert repr(ours.tell(value.id, which)) == repr(theirs.tell(value.id, which)), (value.id, which)
            told += ours.tell(value.id, which)["total"]
    assert told > 100
    mine, other = stepping(drawn.graph), stepping(again)
    for first in mine.starts:
        for level in ("story", "ops"):
            shown = drawn.look(level=level).graph
            assert repr(mine.timeline(first, shown)) == repr(other.timeline(first, shown))
    assert [repr(mine.facts(n)) for n in range(len(again.steps))] == [repr(other.facts(n)) for n in range(len(again.steps))]
