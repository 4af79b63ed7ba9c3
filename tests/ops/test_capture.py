"""Every operator can be recorded: on the user's line, with what went in and out, and with gradients where they belong."""

import pytest

import nbgrad
from nbgrad._engine.observe import observing
from nbgrad._engine.tensor import Tensor
from nbgrad.graph.capture import Recorder
from nbgrad.graph.records import Graph
from nbgrad.graph.summary import summarize

from .harness import cases, find, flat, our_tensor, prepare


@pytest.mark.filterwarnings("ignore:Using a target size", "ignore:Implicit dimension choice", "ignore:.*is deprecated")
@pytest.mark.parametrize(("name", "sample"), cases())
def test_a_recorded_operator_tells_its_line_and_its_gradients(name, sample):
    call = prepare(sample, our_tensor)
    function = find(nbgrad, name, sample)
    recorder = Recorder()
    with observing(recorder):
        result = function(*call.args, **call.kwargs)
        roots = [t for t in flat(result) if isinstance(t, Tensor) and t.requires_grad]
        if roots:
            nbgrad.autograd.backward(roots, [nbgrad.ones_like(t) for t in roots])
    graph = recorder.graph({"leaves": call.leaves})
    assert {c.place.source for c in graph.calls} <= {"test_capture.py"}
    assert {s.place.source for s in graph.scopes} <= {"test_capture.py"}
    for step in graph.steps:
        if step.call is not None:
            assert len(step.grads_out) == len(graph.call(step.call).inputs)
            assert len(step.grads_in) == len(graph.call(step.call).outputs)
    for i, leaf in enumerate(call.leaves):
        if leaf.grad is not None:
            value = graph.named(f"leaves[{i}]")
            assert value.grad_kept and repr(value.grad) == repr(summarize(leaf.grad.numpy()))  # by repr: nan is not nan
    assert Graph.from_json(graph.to_json()).to_json() == graph.to_json()
