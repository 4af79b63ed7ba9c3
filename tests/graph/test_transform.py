"""Transforms fold and focus without losing what is computed."""

import dataclasses

import pytest
from graph_builder import Build, chain, fixture, mlp, recurrent

from nbgrad.graph import loops, transform
from nbgrad.graph.assemble import assemble
from nbgrad.graph.cut import Cut
from nbgrad.graph.outline import outline_of
from nbgrad.graph.records import Graph, Place
from nbgrad.graph.render import prepare


def ops(graph):
    return [c.op for c in graph.calls]


def valid(graph):
    return Graph.from_json(graph.to_json()) == graph


def test_matmul_folds_to_the_one_call_that_was_written():
    folded = prepare(fixture("lesson"))
    assert ops(folded) == ["matmul", "add", "nn.functional.binary_cross_entropy_with_logits"]
    matmul = folded.calls[0]
    assert [folded.value(i).name for i in matmul.inputs] == ["x", "w"]
    assert matmul.id == "c2" and folded.consumers(matmul.outputs[0]) == (folded.calls[1],)
    assert valid(folded)


def test_steps_of_folded_calls_keep_their_order_and_name_the_folded_call():
    folded = prepare(fixture("lesson_after"))
    assert [s.call for s in folded.steps] == ["c4", "c3", "c2", "c2", None, None]


def test_recurrent_loop_keeps_first_and_last_iteration_around_one_group():
    folded = loops.fold_loops(recurrent(100))
    group = next(c for c in folded.calls if transform.is_group(c))
    assert group.op == "98 more" and dict(group.params) == {"times": "98", "calls": "588", "first": "c7", "last": "c594"}
    assert len(folded.calls) == 1 + 6 + 1 + 6 + 2
    assert folded.scope(group.scope).name == "for t in range(steps) ×100"
    assert valid(folded)


def test_a_group_takes_what_comes_in_and_gives_what_goes_out():
    folded = loops.fold_loops(recurrent(100))
    group = next(c for c in folded.calls if transform.is_group(c))
    assert {folded.value(i).name for i in group.inputs} == {"x", "wx", "h", "wh", "b"}
    assert [folded.value(i).name for i in group.outputs] == ["h"]


def test_loop_can_fold_to_a_single_group():
    folded = loops.fold_loops(recurrent(100), show="none")
    assert ops(folded) == ["zeros", "for t in range(steps) ×100", "mm", "sum"]


def test_two_repeats_are_no_loop():
    assert loops.fold_loops(recurrent(2)) == recurrent(2)


def test_layers_of_different_shapes_are_marked_and_not_folded():
    marked = loops.fold_loops(mlp(), show="all")
    assert ops(marked) == ops(mlp())
    assert marked.scopes[-1].name == "for layer in layers ×3"
    assert [c.scope for c in marked.calls] == ["s0"] * 5 + [None]


def test_loops_in_loops_fold_from_the_inside():
    g = Build("for i in a:\n    for j in b:\n        x = x.sin()\n    x = x.exp()\n")
    x = g.leaf("x", (2,), True)
    for _ in range(4):
        for _ in range(5):
            x = g.op("sin", x, shape=(2,), line=3)
        x = g.op("exp", x, shape=(2,), line=4)
    folded = loops.fold_loops(g.graph(x))
    assert ops(folded) == ["sin", "3 more", "sin", "exp", "2 more", "sin", "3 more", "sin", "exp"]
    assert [s.name for s in folded.scopes] == ["for i in a ×4", "for j in b ×5", "for j in b ×5"]
    assert valid(folded)


def test_an_operator_that_stands_twice_in_a_body_does_not_hide_the_loop():
    g = Build("for i in a:\n    x = f(f(x)) + 1\n")
    x = g.leaf("x", (2,), True)
    for _ in range(4):
        x = g.op("tanh", x, shape=(2,), line=9)
        x = g.op("tanh", x, shape=(2,), line=9)
        x = g.op("neg", x, shape=(2,), line=2)
    assert "2 more" in ops(loops.fold_loops(g.graph(x)))


def test_iterations_that_the_capture_marked_are_not_drawn_twice():
    g = Build("for i in a:\n    x = x.sin()\n    x = x.exp()\n")
    x = g.leaf("x", (2,), True)
    for _ in range(4):
        s = g.scope("loop", "for i in a")
        x = g.op("sin", x, shape=(2,), line=2, scope=s)
        x = g.op("exp", x, shape=(2,), line=3, scope=s)
    folded = loops.fold_loops(g.graph(x))
    assert {folded.scope(c.scope).name for c in folded.calls} == {"for i in a ×4"}


def test_modules_fold_to_groups_from_a_given_depth():
    g = Build()
    x = g.leaf("x", (2,))
    net = g.scope("module", "Sequential")
    for n in range(3):
        layer = g.scope("module", f"layer{n}", net)
        w = g.leaf(f"w{n}", (2, 2), True)
        x = g.op("mm", x, w, shape=(2,), scope=layer)
        x = g.op("relu", x, shape=(2,), scope=layer)
    graph = g.graph(x)
    assert ops(transform.fold_functions(graph, depth=1)) == ["layer0", "layer1", "layer2"]
    assert ops(transform.fold_functions(graph)) == ["Sequential"]
    assert transform.scope_depth(graph) == 2


def test_hidden_views_hand_their_base_on():
    graph = recurrent(1)
    hidden = transform.hide_views(graph)
    assert "select" not in ops(hidden)
    assert hidden.value(hidden.calls[1].inputs[0]).name == "x"
    assert valid(hidden)


def test_prepare_folds_only_what_does_not_fit():
    assert len(prepare(recurrent(4)).calls) == len(recurrent(4).calls)
    assert len(prepare(recurrent(400)).calls) == 16
    assert prepare(recurrent(400), fold=False) == recurrent(400)


def test_transforms_change_nothing_they_are_given():
    graph = recurrent(30)
    before = graph.to_json()
    prepare(graph, max_nodes=5)
    assert graph.to_json() == before


def layers_written_out(count):
    g = Build()
    h = g.leaf("x", (2,))
    for n in range(count):
        w = g.leaf(f"w{n}", (2, 2), True)
        h = g.op("mm", h, w, shape=(2,), name=f"z{n}", line=2 * n + 1)
        h = g.op("tanh", h, shape=(2,), name=f"h{n}", line=2 * n + 2)
    return g.graph(h)


def test_layers_written_out_line_by_line_fold_by_what_repeats():
    folded = prepare(layers_written_out(80))
    assert ops(folded) == ["mm", "tanh", "78 more", "mm", "tanh"]
    assert [s.name for s in folded.scopes] == ["lines 1–160 ×80"]
    assert dict(folded.calls[2].params)["parameters"] == "78"


def test_a_repeated_body_outside_the_cell_is_called_after_its_function():
    g = Build()
    x = g.leaf("x", (2,), True)
    place = Place("models.py", 7, 7, 0, 5, "Block.__call__", "x = f(x)")
    for _ in range(5):
        x = g.op("tanh", x, shape=(2,))
        g.calls[-1] = dataclasses.replace(g.calls[-1], place=place)
    assert loops.fold_loops(g.graph(x)).scopes[-1].name == "Block, line 7 ×5"


def test_how_a_parameter_was_made_is_left_out_of_a_large_graph():
    g = Build()
    noise = g.leaf(None, (2,))
    w = g.op("mul", noise, shape=(2,), line=1)
    g.values[int(w[1:])] = dataclasses.replace(g.values[int(w[1:])], requires_grad=True, name="w")
    out = g.op("sum", g.op("sin", w, shape=(2,), line=2), line=2)
    cut = Cut(outline_of(g.graph(out), "ops", start_at_leaves=True))
    cut.add(cut.outline.loops, "all")
    started = assemble(cut)
    assert ops(started) == ["sin", "sum"]
    assert started.producer(w) is None and noise not in {v.id for v in started.values}
    assert valid(started)


def test_what_does_not_repeat_keeps_its_beginning_and_its_end():
    drawn = prepare(chain(6000, places=True))
    assert ops(drawn)[30] == "5,940 more" and len(drawn.calls) == 61
    assert drawn.roots == chain(6000).roots
    assert valid(drawn)


def test_layers_of_different_shapes_fold_where_they_are_many():
    g = Build("for w in weights:\n    h = (h @ w).tanh()\n")
    h = g.leaf("x", (2,))
    for n in range(100):
        w = g.leaf(f"weights[{n}]", (2 + n, 3 + n), True)
        h = g.op("mm", h, w, shape=(3 + n,), line=2, column=4)
        h = g.op("tanh", h, shape=(3 + n,), name="h", line=2)
    folded = prepare(g.graph(h))
    assert ops(folded) == ["mm", "tanh", "98 more", "mm", "tanh"]
    assert folded.scopes[-1].name == "for w in weights ×100"
