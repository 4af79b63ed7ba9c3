"""Changes through views in the recorded graph: the base comes out changed, other views are taken anew, and every value shows what it held then."""

import pytest

import nbgrad as torch


@pytest.fixture
def graph():
    with torch.graph.record() as drawing:
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        w = torch.tensor([2.0, 2.0], requires_grad=True)
        y = x * 2
        v = y[:2]
        tail = y[1:]
        v.mul_(w)
        loss = y.sum() + tail.sum()
        loss.backward()
    return drawing.graph


def numbers(value):
    return list(value.data.values)


def test_a_change_through_a_view_changes_the_base(graph):
    call = next(c for c in graph.calls if c.op == "mul_")
    before, old_base = graph.value(call.inputs[0]), graph.value(call.inputs[-1])
    base, view = map(graph.value, call.outputs)
    assert (before.name, old_base.name, base.name, view.name) == ("v", "y", "y", "v")
    assert [numbers(v) for v in (before, old_base, base, view)] == [[2.0, 4.0], [2.0, 4.0, 6.0], [4.0, 8.0, 6.0], [4.0, 8.0]]
    assert call.node == "CopySlices"


def test_other_views_are_taken_anew_and_keep_what_they_held(graph):
    made = [c for c in graph.calls if any(graph.value(o).name == "tail" for o in c.outputs)]
    assert [c.node for c in made] == ["SliceBackward0", "AsStridedBackward0"]
    assert [numbers(graph.value(c.outputs[0])) for c in made] == [[4.0, 6.0], [8.0, 6.0]]
    assert [graph.value(c.outputs[0]).version for c in made] == [0, 1]
    changed = next(c for c in graph.calls if c.op == "mul_").outputs[0]
    assert made[1].inputs == (changed,)


def test_gradients_pass_from_the_changed_base_to_what_it_was(graph):
    step = next(s for s in graph.steps if s.node == "CopySlices")
    call = next(c for c in graph.calls if c.op == "mul_")
    assert [None if g is None else list(g.values) for g in step.grads_out] == [None, [2.0, 8.0], [2.0, 4.0, 2.0]]
    assert list(graph.value(call.outputs[0]).grad.values) == [1.0, 2.0, 2.0]
    assert list(graph.value(call.inputs[-1]).grad.values) == [2.0, 4.0, 2.0]
