"""Programs as people write them, drawn: the picture stays of a readable size and says what happened."""

import builtins
import doctest
import random

import pytest

import nbgrad as torch
from nbgrad.graph import recorded
from nbgrad.graph.render import prepare, to_picture, to_text


def train(steps):
    torch.manual_seed(0)
    with torch.graph.record() as drawing:
        X = torch.randn(20, 3)
        y = X @ torch.tensor([1.0, -2.0, 0.5]) + 0.3
        w = torch.zeros(3, requires_grad=True)
        b = torch.zeros(1, requires_grad=True)
        for _ in range(steps):
            loss = ((X @ w + b - y) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                b -= 0.1 * b.grad
                w.grad.zero_()
                b.grad.zero_()
    return drawing


def test_a_training_loop_shows_the_loss_of_the_iteration_that_is_drawn():
    graph = train(50).graph
    drawn = to_picture(graph)
    [loss] = [n for n in drawn.nodes if n.kind == "root"]
    assert loss.value == graph.roots[-1] and loss.lines[0][0].text == "loss"
    assert len(drawn.nodes) < 20
    assert to_text(graph).startswith("graph of loss: ")


def test_an_update_in_place_sends_no_gradient_and_keeps_the_versions_apart():
    graph = train(2).graph
    versions = [v.version for v in graph.values if v.name == "w"]
    assert versions == [0, 1, 2]
    for options in ({}, {"fold": False}):  # both updates of a step in one box, and each by itself
        shown = prepare(graph, **options)
        updates = {c.id for c in shown.calls if c.op.startswith("update of") or c.op == "sub_"}
        edges = [e for e in to_picture(graph, **options).edges if {e.source, e.target} & updates]
        assert len(updates) == (4 if options else 2) and not any(e.room or e.back is not None for e in edges)
        assert {e.cut for e in edges if e.target in updates and e.value and graph.value(e.value).requires_grad} == {"no_grad"}
    first = graph.named("w") and next(v for v in graph.values if v.name == "w")
    assert first.grad is not None and not first.grad_kept  # what arrived before the update


def test_a_gradient_that_was_zeroed_is_zero_whatever_backward_adds_later():
    graph = train(2).graph
    zeroed = [graph.value(c.outputs[0]).data.values for c in graph.calls if c.op == "zero_"]
    assert zeroed == [(0.0, 0.0, 0.0), (0.0,)] * 2


class Neuron:
    def __init__(self, nin):
        self.w = [torch.tensor(random.uniform(-1, 1), requires_grad=True) for _ in range(nin)]
        self.b = torch.tensor(0.0, requires_grad=True)

    def __call__(self, x):
        return sum((wi * xi for wi, xi in zip(self.w, x)), self.b).tanh()


class Layer:
    def __init__(self, nin, nout):
        self.neurons = [Neuron(nin) for _ in range(nout)]

    def __call__(self, x):
        out = [n(x) for n in self.neurons]
        return out[0] if len(out) == 1 else out


class MLP:
    def __init__(self, *sizes):
        self.layers = [Layer(a, b) for a, b in zip(sizes, sizes[1:])]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_a_network_of_scalars_counts_its_parameters_where_they_are_too_many_to_show():
    random.seed(1)
    with torch.graph.record() as drawing:
        model = MLP(3, 4, 4, 1)
        loss = sum((model([2.0, 3.0, -1.0 + n]) - 1.0) ** 2 for n in range(4))
        loss.backward()
    drawn = to_picture(drawing.graph)
    assert len(drawn.nodes) <= 150
    assert "41 parameters" in {line[0].text for n in drawn.nodes for line in n.lines}
    assert drawing.graph.named("model.layers[0].neurons[1].w[2]") is not None


def test_many_values_that_go_the_same_way_are_one_edge():
    with torch.graph.record() as drawing:
        h = w = torch.ones(3, requires_grad=True)
        for x in torch.randn(40, 3):
            h = torch.tanh(h * w + x * w - x)
        h.sum().backward()
    drawn = to_picture(drawing.graph, max_nodes=100)
    assert "38 × (3,)" in {e.label for e in drawn.edges}
    assert len(prepare(drawing.graph, max_nodes=100).calls) < 20


def test_what_a_tensor_held_before_a_change_in_place_bears_its_name():
    b = torch.zeros(3, requires_grad=True)
    with torch.graph.record() as drawing:
        with torch.no_grad():
            b[1] = 5.0
    assert [(v.name, v.version) for v in drawing.graph.values] == [("b", 0), ("b", 1)]
    assert [n.lines[0][0].text for n in to_picture(drawing.graph).nodes if n.call] == ["[ ] ="]


def test_one_expression_of_two_operators_names_its_result_only():
    with torch.graph.record() as drawing:
        x = torch.ones(3, requires_grad=True)
        q = 1 / x
    assert [v.name for v in drawing.graph.values] == ["x", None, "q"]
    assert q.grad_fn is not None


def test_the_gradient_of_nothing_is_zero_and_not_a_dash():
    with torch.graph.record() as drawing:
        x = torch.zeros(0, 3, requires_grad=True)
        (x * 2).sum().backward()
    assert "∂ ‖g‖ 0.0" in to_picture(drawing.graph).nodes[0].lines[-1][0].text


def test_operators_that_are_private_to_us_bear_the_name_of_their_node():
    w = torch.ones(5, 3, requires_grad=True)
    assert [c.op for c in torch.graph.draw(torch.ones(5) @ w).graph.calls] == ["mm", "squeeze"]
    with torch.graph.record(level="ops") as drawing:
        torch.ones(5) @ w
    assert [c.op for c in drawing.graph.calls] == ["unsqueeze", "mm", "squeeze"]


def test_the_example_of_draw_is_what_it_prints():
    found = doctest.DocTestFinder().find(recorded.draw, "draw", globs={})
    runner = doctest.DocTestRunner()
    assert [runner.run(test).failed for test in found] == [0]
    del builtins._  # which doctest leaves, and for which IPython then keeps no `_` of its own


def test_options_of_draw_are_checked_at_once():
    w = torch.ones(2, requires_grad=True)
    for wrong in ({"direction": "up"}, {"engine": "neato"}, {"theme": "pink"}, {"level": "all"}):
        with pytest.raises(ValueError, match="must be one of"):
            torch.graph.draw(w, **wrong)
    with pytest.raises(TypeError, match="'colour'"):
        torch.graph.draw(w, colour="red")
