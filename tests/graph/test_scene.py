"""Scenes: what folding shows at first, and what opening, closing, iterations and search make of it."""

import random

import pytest
import nbgrad as torch
from graph_builder import Build, chain, fixture, recurrent, tangle

from nbgrad.graph import offline, record, transform
from nbgrad.graph.assemble import assemble
from nbgrad.graph.cut import Cut, group_of
from nbgrad.graph.drawing import Drawing
from nbgrad.graph.find import find
from nbgrad.graph.outline import outline_of
from nbgrad.graph.picture import picture
from nbgrad.graph.records import Call, Graph, Summary, Value
from nbgrad.graph.scene import scene
from nbgrad.graph.transform import is_group


def ops(graph):
    return [c.op for c in graph.calls]


def ends_of(graph, op):
    group = dict(next(c.params for c in graph.calls if is_group(c) and c.op == op))
    return [group["first"], group["last"]]


def loop_of(found):
    return next(f for f in found.folds.values() if f.times)


@pytest.mark.parametrize("seed", range(40))
def test_groups_take_and_give_what_crosses_their_borders(seed):
    """Arrays over all calls find the same borders as going through the calls one by one."""
    chance, graph = random.Random(seed), tangle(seed)
    outline = outline_of(graph, "ops")
    cut, runs, at = Cut(outline), [], 0
    while at < len(graph.calls):
        length = chance.choice([1, 1, 2, 5])
        last = min(at + length, len(graph.calls)) - 1
        if length > 1:
            cut.group(at, last, "run", None)
            runs.append((Call(f"g{len(runs)}", "run", (), (), params=(("calls", "1"),)), list(graph.calls[at : last + 1])))
        else:
            cut.add([at], "all")
        at = last + 1
    mine, theirs = assemble(cut), transform.collapse(graph, runs)
    assert [(c.inputs, c.outputs) for c in mine.calls] == [(c.inputs, c.outputs) for c in theirs.calls]
    assert {v.id for v in mine.values} == {v.id for v in theirs.values}


@pytest.mark.parametrize("seed", range(30))
def test_any_actions_in_any_order_leave_a_whole_graph(seed):
    chance = random.Random(seed)
    graph = chance.choice([tangle(seed), recurrent(chance.randrange(2, 60)), chain(chance.randrange(5, 200))])
    most = chance.choice([5, 8, 20])
    found, actions = scene(graph, max_nodes=most), []
    for _ in range(8):
        groups = [dict(c.params) for c in found.graph.calls if is_group(c)]
        choices = [{"open": [g["first"], g["last"]]} for g in groups] + [{"close": list(f.ends)} for f in found.folds.values()]
        choices += [{"iteration": [*f.ends, chance.randrange(f.times)]} for f in found.folds.values() if f.times]
        choices += [{"reveal": chance.choice(graph.calls).id}, {"open": ["c0", "c9999"]}, {"other": 1}, {"reveal": None}]
        actions.append(chance.choice(choices))
        found = scene(graph, max_nodes=most, actions=tuple(actions))
        assert Graph.from_json(found.graph.to_json()) == found.graph
        shown = [(dict(c.params)["first"], dict(c.params)["last"]) if is_group(c) else (c.id, c.id) for c in found.graph.calls]
        numbers = [int(last[1:]) for _, last in shown]
        assert numbers == sorted(numbers)  # nothing stands twice, everything in its order
        begins = [int(first[1:]) for first, _ in shown]
        assert all(end < begin for end, begin in zip(numbers, begins[1:]))
        assert picture(found.graph).nodes


def test_opening_shows_what_is_inside_and_undoing_gives_the_first_scene_back():
    graph = recurrent(100)
    first = scene(graph)
    opened = scene(graph, actions=({"open": ends_of(first.graph, "98 more")},))
    assert "96 more" in ops(opened.graph) and "98 more" not in ops(opened.graph)
    assert [s.name for s in opened.graph.scopes] == ["for t in range(steps) ×100", "98 more"]
    assert scene(graph, actions=()) == first


def test_an_iteration_of_a_loop_is_shown_alone():
    graph = recurrent(100)
    fold = loop_of(scene(graph))
    assert fold.times == 100 and fold.shown == (0, 99)
    found = scene(graph, actions=({"iteration": [*fold.ends, 41]},))
    assert [op for op in ops(found.graph) if "more" in op] == ["41 more", "58 more"]
    assert loop_of(found).shown == (41,)
    again = scene(graph, actions=({"iteration": [*fold.ends, 41]}, {"iteration": [*fold.ends, 0]}))
    assert [op for op in ops(again.graph) if "more" in op] == ["99 more"]


def test_a_cluster_closes_to_one_group_that_opens_again():
    graph = recurrent(100)
    fold = loop_of(scene(graph))
    closed = scene(graph, actions=({"close": list(fold.ends)},))
    assert ops(closed.graph) == ["zeros", "for t in range(steps) ×100", "mm", "sum"] and not any(f.times for f in closed.folds.values())
    assert ends_of(closed.graph, "for t in range(steps) ×100") == list(fold.ends)
    opened = scene(graph, actions=({"close": list(fold.ends)}, {"open": list(fold.ends)}))
    assert ops(opened.graph) == ops(scene(graph).graph)


def test_what_is_hidden_can_be_revealed():
    graph = recurrent(400)
    hidden = graph.calls[1000]
    found = scene(graph, actions=({"reveal": hidden.id},))
    assert hidden.id in {c.id for c in found.graph.calls}
    assert hidden.outputs[0] in {v.id for v in scene(graph, actions=({"reveal": hidden.outputs[0]},)).graph.values}


def test_functions_open_one_into_the_other():
    build = Build()
    x = build.leaf("x", (2,), True)
    for i in range(40):
        block = build.scope("module", f"block{i}")
        inner = build.scope("function", "inner", block)
        x = build.op("sin", x, shape=(2,), line=i + 2, scope=inner)
        x = build.op("cos", x, shape=(2,), line=i + 50, scope=inner)
        x = build.op("exp", x, shape=(2,), line=i + 100, scope=block)
    graph = build.graph(x)
    first = scene(graph, max_nodes=30)
    assert len(first.graph.calls) <= 30
    group = next(c for c in first.graph.calls if is_group(c))
    params = dict(group.params)
    opened = scene(graph, max_nodes=30, actions=({"open": [params["first"], params["last"]]},))
    assert len(opened.graph.calls) > len(first.graph.calls)


def test_focus_shows_one_way_only():
    graph = fixture("lesson")
    assert ops(scene(graph, focus=("z", None)).graph) == ["matmul", "add"]
    assert ops(scene(graph, focus=(None, "b")).graph) == ["add", "nn.functional.binary_cross_entropy_with_logits"]
    assert ops(scene(graph, focus=("w", "z")).graph) == ["matmul", "add"]
    with pytest.raises(KeyError):
        scene(graph, focus=("nothing", None))


def test_search_reads_the_whole_record():
    graph = recurrent(400)
    assert find(graph, "zeros").count == 1 and find(graph, "").count == 0
    assert find(graph, "mm").count == sum(c.op == "mm" for c in graph.calls)
    assert len(find(graph, "h", most=5).hits) == 5 and find(graph, "h", most=5).count > 100
    bad = Graph((Value("t0", (2,), "float32", name="w", requires_grad=True, data=Summary(2, nan=1)),))
    assert [v.id for v in find(bad, "has NaN").hits] == ["t0"] and find(bad, "has inf").count == 0
    assert find(bad, "Grad is None").count == 1 and find(bad, "(2,)").count == 1 and find(bad, "float32").count == 1
    assert find(bad, "w").plain() == {"count": 1, "hits": [{"id": "t0", "label": "w", "kind": "(2,)", "line": None}]}


def test_a_group_is_made_of_the_operators_that_were_written():
    outline = outline_of(fixture("lesson"), "story")
    assert dict(group_of(outline, 0, 3, "line 5", None).group.params) == {"calls": "2", "first": "c0", "last": "c3"}


@pytest.mark.parametrize("text", ["h", "w", "tanh", "(4,)", "float32", "has nan", "has inf", "grad is none", "parameter", "leaf", "cut", "in place", "pow", "zz", "Mul"])
def test_search_of_columns_finds_what_search_of_records_does(text):
    with record() as drawing:
        w = torch.full((4,), 0.5, requires_grad=True)
        big = torch.zeros(30)
        big[3] = float("inf")
        x = torch.ones(4)
        for _ in range(5):
            x = torch.tanh(x * w)
        unused = w * 3
        bad = torch.log(x.detach() - 2) * big[:4] + (big - big).sum()
        x.sum().backward()
        with torch.no_grad():
            w -= w.grad**2
    graph = drawing.graph
    columns, records = find(graph, text), find(Graph.from_json(graph.to_json()), text)
    assert columns.count == records.count and [h.id for h in columns.hits] == [h.id for h in records.hits]
    assert find(graph, text).count or text in ("zz", "h")
    del bad, unused


def test_a_loop_that_was_folded_to_one_group_inside_its_own_scope_opens():
    with record(max_nodes=20) as g:
        w, h = torch.ones(4, 4, requires_grad=True), torch.zeros(2, 4)
        for _ in range(30):
            x = torch.ones(2, 4)
            h = torch.tanh(x @ w + h @ w)
        h.sum().backward()
    for group in [dict(c.params) for c in g.shown.calls if is_group(c)]:
        found = g.look(actions=({"open": [group["first"], group["last"]]},)).graph
        assert Graph.from_json(found.to_json()) == found and len(found.calls) > len(g.shown.calls)


def test_what_is_revealed_in_a_loop_stands_once_where_a_group_has_taken_the_loops_end():
    with record(max_nodes=15) as g:
        w = torch.ones(3, 3, requires_grad=True)

        def layer(x):
            return torch.tanh(x @ w)

        def gen(x):
            for i in range(4):
                yield layer(x) * i

        y = torch.ones(2, 3)
        for _ in range(5):
            y = layer(y)
        z = sum(a.sum() for a in gen(y))
        for _ in range(5):
            y = layer(y)
        (z + y.sum()).backward()
    for call in g.graph.calls:
        found = g.look(actions=({"reveal": call.id},)).graph
        params = [dict(c.params) if is_group(c) else {"last": c.id} for c in found.calls]
        ends = [int(p["last"][1:]) for p in params]
        begins = [int(p.get("first", p["last"])[1:]) for p in params]
        assert all(end < begin for end, begin in zip(ends, begins[1:]))


def test_a_group_that_took_several_views_of_one_tensor_tells_no_gradient_for_all_of_them():
    with record(max_nodes=15) as g:
        w, rows = torch.arange(24.0).reshape(8, 3).requires_grad_(), torch.zeros(8, 3)
        for i in range(8):
            rows[i] = torch.tanh(w[i] * 2)
        rows[::2].mul_(2)
        rows.clamp_(min=-1)
        flat = rows.view(24)
        flat[3:6].add_(w[0].sum())
        (rows * rows).sum().backward()
    groups = {c.id: c for c in g.shown.calls if is_group(c)}
    leaf = g.graph.named("w").id
    views, several = {c.outputs[0] for c in g.graph.calls if c.is_view and c.inputs == (leaf,)}, 0
    for step in (s for s in g.shown.steps if s.call in groups):
        group = groups[step.call]
        assert len(step.grads_out) == len(group.inputs)
        first, last = (int(dict(group.params)[end][1:]) for end in ("first", "last"))
        taken = {id for c in g.graph.calls[first : last + 1] if not c.is_view for id in c.inputs}
        if len(taken & views) > 1:
            several += 1
            assert step.grads_out[group.inputs.index(leaf)] is None
    assert several


@pytest.mark.parametrize("room", [2_000_000, 0])
def test_a_saved_file_draws_a_bounded_number_of_scenes(room, monkeypatch):
    """Also of those that turn out not to fit."""
    drawing, looked = Drawing(recurrent(60)), []
    look = Drawing.look
    monkeypatch.setattr(Drawing, "look", lambda self, *wish: looked.append(wish) or look(self, *wish))
    answers, left_out = offline.scenes(drawing, room)
    assert len(looked) <= offline.MAX_SCENES + 1 and left_out and len(answers) <= (offline.MAX_SCENES if room else 0)
