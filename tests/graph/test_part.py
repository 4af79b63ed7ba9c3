"""A part of a graph: the records that lead to a value, come of one, or lie between two."""

import dataclasses
import gc
import json
import pickle
import weakref

import numpy as np
import pytest
from graph_builder import chain, fixture, mlp, recurrent

import nbgrad as torch
from nbgrad.graph import part
from nbgrad.graph.columns import columns_of
from nbgrad.graph.outline import outline_of
from nbgrad.graph.records import MAX_KNOWN, Graph, Rows
from nbgrad.graph.render import prepare


def recorded():
    with torch.graph.record() as g:
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        h = torch.ones(2)
        for _ in range(5):
            h = torch.tanh(h @ torch.ones(2, 2) * w) + 1
            h.mul_(2)
        other = w.exp()
        loss = h.sum()
        loss.backward()
        loss2 = (other + 1).max()
        loss2.backward()
    assert g.graph.named("loss") and isinstance(g.graph.calls, Rows)
    return g.graph


GRAPHS = {
    "recorded": recorded, "chain": lambda: chain(30), "mlp": mlp, "recurrent": lambda: recurrent(20), "lesson": lambda: fixture("lesson_after"),
    "part": lambda: part.focus(recorded(), "loss"),
}  # fmt: skip


@pytest.fixture(params=GRAPHS)
def graph(request):
    return GRAPHS[request.param]()


def leading_to(graph, value):
    """Ids of the calls, by going from record to record."""
    makers = [c.id for c in graph.calls if value in c.outputs]
    return set(makers).union(*(leading_to(graph, id) for m in makers for id in graph.call(m).inputs))


def coming_of(graph, value):
    reached, calls = {value}, set()
    for call in graph.calls:
        if reached & set(call.inputs):
            calls.add(call.id)
            reached |= set(call.outputs)
    return calls


def of_calls(graph, calls, roots):
    """The part with these calls, in tuples."""
    kept = [c for c in graph.calls if c.id in calls]
    values = {id for c in kept for id in c.inputs + c.outputs} | set(roots)
    steps = [dataclasses.replace(s, value=s.value if s.value in values else None) for s in graph.steps if s.call is None or s.call in calls]
    return graph.replace(values=tuple(v for v in graph.values if v.id in values), calls=tuple(kept), steps=tuple(steps), roots=tuple(roots))


def test_parts_hold_what_going_through_the_records_finds(graph):
    chosen = [v.id for v in graph.values][:: max(1, len(graph.values) // 8)]
    for a in chosen:
        assert part.focus(graph, a) == of_calls(graph, leading_to(graph, a), [a])
        after = coming_of(graph, a)
        made = {id for c in graph.calls if c.id in after for id in c.outputs} | {a}
        assert part.follow(graph, a) == of_calls(graph, after, [id for id in graph.roots if id in made] or [a])
        for b in chosen:
            assert part.between(graph, a, b) == of_calls(graph, after & leading_to(graph, b), [b])


def test_columns_of_a_part_are_those_of_its_records(graph):
    found = part.focus(graph, graph.values[-1].id)
    cut, counted = columns_of(found), columns_of(Graph.from_json(found.to_json()))
    for field in dataclasses.fields(cut):
        a, b = getattr(cut, field.name), getattr(counted, field.name)
        if field.name in ("calls", "values"):
            assert dict(a) == dict(b)
        elif field.name in ("op", "place"):  # numbers that are equal where the things are
            assert a.shape == b.shape and ((a[:, None] == a) == (b[:, None] == b)).all() and ((a == -1) == (b == -1)).all()
        else:
            assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b, field.name


def test_a_part_answers_like_a_graph(graph):
    found = part.focus(graph, graph.values[-1].id)
    plain = Graph.from_json(found.to_json())
    for value in graph.values:
        inside = any(v.id == value.id for v in plain.values)
        assert (found.producer(value.id), found.consumers(value.id)) == (plain.producer(value.id), plain.consumers(value.id))
        if inside:
            assert found.value(value.id) == value
        else:
            with pytest.raises(KeyError):
                found.value(value.id)
        assert value.name is None or found.named(value.name) == plain.named(value.name)
    assert found.named("nothing of this name") is None
    with pytest.raises(KeyError):
        part.between(graph, "nothing", graph.values[-1].id)


def test_focus_keeps_only_what_leads_there():
    focused = part.focus(fixture("lesson"), "z")
    assert [v.name for v in focused.values if v.name] == ["x", "w", "b", "z"]
    assert focused.roots == (focused.named("z").id,)
    with pytest.raises(ValueError, match="no value of this graph is called 'nothing'"):
        prepare(fixture("lesson"), backward="nothing")


def test_what_was_found_out_about_a_graph_goes_with_it():
    graph = recurrent(20)
    columns, made = columns_of(graph), weakref.ref(outline_of(graph, "story"))
    assert columns_of(graph) is columns and columns_of(graph.replace(notes=("copied",))) is not columns
    copied = pickle.loads(pickle.dumps(graph))
    assert copied == graph and not copied.known and "known" not in json.loads(graph.to_json())
    for n in range(20):
        prepare(graph, max_nodes=50 + n)
    assert max(map(len, graph.known.values())) <= MAX_KNOWN
    del columns, graph
    gc.collect()
    assert made() is None
