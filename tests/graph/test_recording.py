"""A record is kept as columns: it reads like the tuples of records that it stands for, however and whenever the events were read."""

import copy
import gc
import itertools
import pickle
import re
import sys
import tracemalloc

import pytest

import nbgrad as torch
from nbgrad._engine.observe import observing
from nbgrad.graph import drain, table
from nbgrad.graph.capture import Recorder
from nbgrad.graph.columns import columns_of
from nbgrad.graph.records import Graph

capture = sys.modules["nbgrad.graph.capture"]  # `nbgrad.graph.capture` itself is a function


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, times):
        ctx.save_for_backward(x)
        return x * x * times

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g, None


def training():
    torch.manual_seed(0)
    x, w, b = torch.randn(6, 3), torch.zeros(3, 2, requires_grad=True), torch.zeros(2, requires_grad=True)
    for step in range(4):
        loss = ((x @ w + b - 1.0) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            b -= 0.1 / (step + 1) * b.grad
        w.grad.zero_()
        b.grad = None
    return locals()


def views():
    base = torch.zeros(4, 5, requires_grad=True) * 1
    row, tail = base[1], base[2:].view(-1)
    row.mul_(2.0)
    base.add_(1.0)
    tail.t_() if tail.ndim == 2 else tail.relu_()
    row.sum().backward()
    return locals()


def cuts():
    x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    still, sign, place = x.detach(), x > 0, x.argmax()
    with torch.no_grad():
        hidden = x * -0.0 + 0.0 * x
    with torch.inference_mode():
        thought = x * 2
    whole = torch.cat([x, still, x.data])
    top, where = whole.sort(descending=True)
    parts = torch.stack([top, top]).split(1)
    (parts[0] + parts[1] * torch.tensor(2)).sum().backward()
    return locals()


def functions():
    x = torch.ones(3, requires_grad=True)
    y = Square.apply(x, 2)
    g = torch.autograd.grad(y.sum(), x, create_graph=True)[0]
    (g * y).sum().backward()
    z = torch.func.vmap(lambda v: (v * v).sum())(torch.arange(6.0).reshape(2, 3))
    return locals()


def failures():
    torch.manual_seed(0)
    x = torch.ones(2, 3, requires_grad=True)
    for _ in range(2):
        try:
            x @ x
        except RuntimeError:
            continue
    bad = torch.log(x - 1) * 0
    bad.sum().backward()
    many = torch.randn(5, 20, requires_grad=True)
    ((many - 1) / many.std()).softmax(1)[0, 0].backward()
    return locals()


PROGRAMS = [training, views, cuts, functions, failures]


def heard(program, observer=Recorder):
    recorder = observer()
    with observing(recorder):
        return recorder, program()


def recorded(program, observer=Recorder):
    recorder, names = heard(program, observer)
    return recorder, recorder.graph(names)


@pytest.fixture(params=PROGRAMS, ids=lambda p: p.__name__)
def program(request):
    return request.param


def plain(graph):
    """The same graph in tuples."""
    return Graph.from_json(graph.to_json())


def test_reading_each_event_at_once_gives_the_same_record(program, monkeypatch):
    def read():
        return re.sub(r'"level","[0-9]+"', "", recorded(program)[1].to_json())  # vmap counts its levels

    later = read()
    monkeypatch.setattr(capture, "MAX_TAPE", 1)
    assert read() == later


@pytest.mark.parametrize("kept", [table.KEPT, 0])
def test_columns_read_like_tuples(program, kept, monkeypatch):
    monkeypatch.setattr(table, "KEPT", kept)
    monkeypatch.setattr(table, "BLOCK", 3)
    graph = recorded(program)[1]
    tuples = plain(graph)
    for name in ("values", "calls", "steps", "scopes"):
        rows, same = getattr(graph, name), getattr(tuples, name)
        assert len(rows) == len(same) and repr((*rows,)) == repr(same)
        assert repr(rows[1:-1]) == repr(same[1:-1]) and repr(rows[::-2]) == repr(same[::-2]) and repr((*reversed(rows),)) == repr(same[::-1])
        assert not same or repr(rows[-1]) == repr(same[-1])
        with pytest.raises(IndexError):
            rows[len(same)]
    for value in tuples.values:
        assert repr(graph.value(value.id)) == repr(value)
        assert graph.producer(value.id) == tuples.producer(value.id) and graph.consumers(value.id) == tuples.consumers(value.id)
        assert value.name is None or repr(graph.named(value.name)) == repr(tuples.named(value.name))
    assert [graph.call(c.id) for c in tuples.calls] == [*tuples.calls] and [graph.scope(s.id) for s in tuples.scopes] == [*tuples.scopes]


def test_a_record_equals_the_same_in_tuples_and_no_other():
    graph, other = recorded(training)[1], recorded(views)[1]
    assert graph == plain(graph) and plain(graph) == graph and graph != other and graph != plain(other)
    assert graph.replace(source="x") != graph and graph.replace(values=graph.values[:-1]) != graph
    assert hash(graph.calls) == hash(plain(graph).calls)
    for twin in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph)):
        assert twin == graph
    assert graph.values + graph.values[:1] == (*graph.values, graph.values[0]) and () + graph.calls == tuple(graph.calls)


@pytest.mark.parametrize("id", ["", "t", "t01", "t-1", "t1000000", "t²", "c0", "x1", "t1 ", "g0"])
def test_an_id_that_is_none_is_not_found(id):
    graph = recorded(views)[1]
    with pytest.raises(KeyError):
        graph.value(id)
    assert graph.producer(id) is None and graph.consumers(id) == ()


def test_the_columns_of_a_record_are_those_of_its_tuples(program):
    graph = recorded(program)[1]
    mine, theirs = columns_of(graph), columns_of(plain(graph))
    for name in ("scope", "input_calls", "inputs", "output_calls", "outputs", "producer", "named", "requires_grad", "learned", "step_call", "step_value",
                 "step_pass"):  # fmt: skip
        assert getattr(mine, name).tolist() == getattr(theirs, name).tolist(), name
    for name in ("op", "place"):  # numbers may differ, which are equal may not
        pairs = {*zip(getattr(mine, name).tolist(), getattr(theirs, name).tolist())}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    assert mine.paths == theirs.paths and {**mine.calls} == theirs.calls and {**mine.values} == theirs.values


def test_a_recorder_goes_on_after_a_record_was_made():
    recorder = Recorder()
    with observing(recorder):
        first = training()
        before = recorder.graph(first)
        text = before.to_json()
        second = training()
    after = recorder.graph(second)
    assert before.to_json() == text
    assert len(after.calls) == 2 * len(before.calls) and after.calls[: len(before.calls)] == tuple(before.calls)


def test_what_is_above_the_limits_is_counted_in_notes(monkeypatch):
    monkeypatch.setattr(drain, "MAX_CALLS", 7)
    monkeypatch.setattr(drain, "MAX_STEPS", 3)
    w = torch.ones(2, requires_grad=True)
    recorder = Recorder()
    with observing(recorder):
        h = w
        for _ in range(10):
            h = h * 2
        h.sum().backward()
    graph = recorder.graph()
    assert (len(graph.calls), len(graph.steps)) == (7, 3)
    assert graph.notes == (
        "4 more operators ran after the first 7 and are not shown", "9 more steps of backward ran after the first 3 and are not shown",
    )  # fmt: skip
    assert graph.value("t0").grad.values == (1024.0, 1024.0)  # though the step that told is not kept
    assert plain(graph) == graph


def test_tensors_and_nodes_are_found_again():
    w = torch.ones(2, requires_grad=True)
    recorder = Recorder()
    with observing(recorder):
        top, where = (w * 2).max(0, keepdim=True)
        gone = w + 1
        del gone
    graph, tensors, nodes = recorder.graph({"w": w, "top": top}), recorder.tensors(), recorder.nodes()
    assert tensors[graph.named("w").id]() is w and tensors[graph.named("top").id]() is top
    assert len(tensors) == 3 and {*tensors} == {id for id in tensors if tensors[id]() is not None}
    assert "t99" not in tensors and "c0" not in tensors and tensors.get("") is None
    assert nodes.get(top.grad_fn) == ("c1", graph.call("c1").outputs)
    later = (w * 3).grad_fn
    assert nodes.get(later) is None and top.grad_fn.sequence < nodes.newest < later.sequence


class Stop(BaseException):
    """As a KeyboardInterrupt, wherever it comes."""


@pytest.mark.parametrize("tape", [30, 10_000])
def test_an_interrupt_while_events_are_read_loses_nothing(tape, monkeypatch):
    """Wherever it comes, the record is what it would have been."""
    monkeypatch.setattr(capture, "MAX_TAPE", tape)
    expected = recorded(training)[1].to_json()
    ours = {sys.modules[f"nbgrad.graph.{name}"].__file__ for name in ("capture", "drain", "ledger", "summaries", "grown")}

    def trace(frame, event, arg):
        nonlocal left
        if frame.f_code.co_filename not in ours:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise Stop
        return trace

    for first in itertools.count(1, 31):
        recorder, names = heard(training)
        for left in (first, first + 13):
            before = sys.gettrace()
            sys.settrace(trace)
            try:
                recorder.heard()
            except Stop:
                pass
            finally:
                sys.settrace(before)
            if left > 0:  # it was read to its end
                break
        assert recorder.graph(names).to_json() == expected, first
        if left > 0:
            break
    assert first > 200


def test_an_operator_costs_some_hundred_bytes():
    def cell(count):
        w, h = torch.randn(4, 4, requires_grad=True), torch.zeros(3, 4)
        for _ in range(count):
            h = torch.tanh(h @ w)
        h.sum().backward()
        return locals()

    def held(count):
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        kept = recorded(lambda: cell(count))
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, kept

    def held_plain(count):
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        kept = cell(count)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, kept

    cell(10), recorded(lambda: cell(10))
    tracemalloc.start()
    try:
        alone, _ = held_plain(5_000)
        both, (_, graph) = held(5_000)
    finally:
        tracemalloc.stop()
    assert len(graph.calls) == 10_001 and len(graph.steps) == 10_002
    assert (both - alone) / len(graph.calls) < 500


def test_calls_tell_what_is_kept_for_backward():
    def several():
        a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
        c = torch.ones(2)
        products = a * b, a * c, a + b, a.exp(), torch.cat([a, b]), a.detach() * b
        return locals()

    recorder, names = heard(several)
    graph = recorder.graph(names)
    calls = [call for call in graph.calls if call.op != "detach"]
    assert [sorted(graph.value(id).name or graph.producer(id).op for id in call.saved) for call in calls] == [["a", "b"], ["c"], [], ["products[3]"], [], ["detach"]]
    assert [len(call.saved) for call in calls] == [len(out.grad_fn.saved or ()) for out in names["products"]]
