"""What is drawn of the scripts that people write: modules, training loops, updates, and a cell that fails."""

import pytest

import nbgrad as torch
from nbgrad import nn
from nbgrad.graph import _text, record
from nbgrad.graph.parameters import learning
from nbgrad.graph.picture import picture
from nbgrad.graph.records import Graph
from nbgrad.graph.scene import scene
from nbgrad.graph.stepping import embedded
from nbgrad.graph.transform import is_group


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4) * 0.5)
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return torch.relu(self.fc(x * self.scale))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Scaled(), Scaled()
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.second(self.first(x)))


def ops(graph):
    return [c.op for c in graph.calls]


def heads(drawn):
    return ["".join(span.text for span in n.lines[0]) for n in drawn.nodes if n.shape == "card"]


@pytest.fixture(scope="module")
def modules():
    with record() as g:
        net = Net()
        x = torch.ones(2, 4)
        loss = net(x).sum()
        loss.backward()
    return g


def test_how_modules_make_their_parameters_is_not_drawn(modules):
    recorded, shown = ops(modules.graph), ops(modules.shown)
    assert "uniform_" in recorded and "detach" in recorded
    assert not {"uniform_", "detach"} & set(shown) and shown[0] == "mul" and len(shown) == 8
    assert "uniform_" in ops(modules.look(level="ops").graph)


def test_modules_and_parameters_bear_the_names_that_the_user_has_for_them(modules):
    drawn = picture(modules.shown)
    assert {(c.name, c.label) for c in drawn.clusters} == {("net", "Net"), ("first", "Scaled"), ("second", "Scaled")}
    assert [h.split()[:2] for h in heads(drawn)] == [["fc", "Linear"], ["fc", "Linear"], ["head", "Linear"]]
    assert [r.name for n in drawn.nodes for r in n.rows] == ["fc.weight", "fc.bias", "fc.weight", "fc.bias", "head.weight", "head.bias"]
    assert {v.name for v in modules.shown.values if v.is_parameter} == {
        "net.first.scale", "net.first.fc.weight", "net.first.fc.bias", "net.second.scale", "net.second.fc.weight", "net.second.fc.bias",
        "net.head.weight", "net.head.bias",
    }  # fmt: skip
    assert any("net.first.fc.weight" in r.about for n in drawn.nodes for r in n.rows)  # whole for screen readers
    assert Graph.from_json(modules.to_json()).scopes == modules.graph.scopes


def test_what_learns_is_counted_in_the_whole_record(modules):
    assert modules.whole["parameters"] == 8 and modules.whole["numbers"] == 2 * (4 + 16 + 4) + 5


def test_what_learns_is_counted_alike_in_columns_and_in_plain_records(modules, trained):
    for drawing, count, numbers in ((modules, 8, 53), (trained, 4, 15 + 5 + 5 + 1)):
        assert learning(drawing.graph) == learning(Graph.from_json(drawing.to_json())) == (count, numbers)


def test_a_module_called_twice_is_named_at_each_call():
    lin = nn.Linear(3, 3)
    with record() as g:
        out = torch.tanh(lin(torch.tanh(lin(torch.ones(2, 3)))))
    assert [h.split()[:2] for h in heads(picture(g.shown))] == [["lin", "Linear"]] * 2
    assert {v.name for v in g.graph.values if v.is_parameter} == {"lin.weight", "lin.bias"}
    assert out is not None


def test_a_cell_that_only_makes_a_model_shows_its_parameters():
    with record() as g:
        model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert model is not None and ops(g.shown) == []
    assert {n.lines[0][0].text for n in picture(g.shown).nodes} == {"model.0.weight", "model.0.bias", "model.2.weight", "model.2.bias"}


def test_a_closed_module_bears_its_name(modules):
    fold = next(f for id, f in modules.first_look.folds.items() if modules.shown.scope(id).path == "net.first")
    closed = modules.look(({"close": list(fold.ends)},)).graph
    assert dict(next(c for c in closed.calls if is_group(c)).params)["module"] == "net.first"
    assert heads(picture(closed))[0] == "first  Scaled"


# ---- training loops


def train(steps=30, update=True):
    X, Y = torch.ones(4, 3), torch.ones(4, 1)
    w, b, v, d = (torch.full(s, 0.1, requires_grad=True) for s in ((3, 5), (5,), (5, 1), (1,)))
    params = [w, b, v, d]
    with record() as g:
        for step in range(steps):
            h = torch.tanh(X @ w + b)
            loss = ((h @ v + d - Y) ** 2).mean()
            loss.backward()
            if update:
                with torch.no_grad():
                    for p in params:
                        p -= 0.1 * p.grad
                        p.grad = None
    return g, step


@pytest.fixture(scope="module")
def trained():
    return train()[0]


def test_of_a_training_loop_the_last_iteration_is_drawn_and_its_update_closed(trained):
    look = trained.first_look
    [fold] = [f for f in look.folds.values() if f.times]
    assert fold.times == 30 and fold.shown == (29,) and fold.alone
    [group] = [c for c in look.graph.calls if is_group(c)]
    assert dict(group.params)["times"] == "4" and len(look.graph.calls) == 9
    assert {v.version for v in look.graph.values if v.name == "w" and look.graph.producer(v.id) is None} == {29}
    counted = next(n for n in picture(look.graph).nodes if n.id == group.id).lines
    assert any(span.text == "4 gradients" for line in counted for span in line)


def test_the_slider_of_a_training_loop_leaves_everything_in_its_place(trained):
    fold = next(f for f in trained.first_look.folds.values() if f.times)
    looks = [trained.look(({"iteration": [*fold.ends, k]},)) for k in (3, 17)]
    assert ops(looks[0].graph) == ops(looks[1].graph) == ops(trained.shown)
    assert [next(f for f in look.folds.values() if f.times).shown for look in looks] == [(3,), (17,)]
    assert all(len(look.graph.roots) == 1 and look.graph.producer(look.graph.roots[0]) for look in looks)


def test_a_training_loop_closes_opens_and_reveals_what_is_not_drawn(trained):
    fold = next(f for f in trained.first_look.folds.values() if f.times)
    closed = trained.look(({"close": list(fold.ends)},)).graph
    assert len(closed.calls) == 1 and dict(closed.calls[0].params)["times"] == "30"
    again = trained.look(({"close": list(fold.ends)}, {"open": list(fold.ends)}))
    assert ops(again.graph) == ops(trained.shown)
    far = trained.graph.calls[7 * len(trained.graph.calls) // 30 + 2]
    found = trained.look(({"reveal": far.id},))
    assert far.id in {c.id for c in found.graph.calls} and next(f for f in found.folds.values() if f.times).shown == (7,)


def test_opening_an_update_shows_its_operators(trained):
    group = dict(next(c for c in trained.shown.calls if is_group(c)).params)
    opened = trained.look(({"open": [group["first"], group["last"]]},)).graph
    assert ops(opened).count("sub_") >= 2


def test_an_update_stands_after_the_loss(trained):
    drawn = picture(trained.shown)
    [hidden] = [e for e in drawn.edges if e.hidden]
    group = next(c.id for c in trained.shown.calls if is_group(c))
    assert hidden.target == group and hidden.source == trained.shown.producer(trained.shown.roots[-1]).id
    assert f'data-to="{group}"' not in trained.svg


def test_a_loop_that_carries_a_gradient_on_keeps_its_first_and_last_iteration():
    w = torch.full((3, 3), 0.1, requires_grad=True)
    with record() as g:
        h = torch.ones(2, 3)
        for _ in range(60):
            h = torch.tanh(h @ w)
            h.sum().backward(retain_graph=True)
    fold = next(f for f in g.first_look.folds.values() if f.times)
    assert not fold.alone and fold.shown == (0, 59)


def test_updates_without_a_loop_are_one_group_that_names_what_changes():
    w, b = torch.ones(3, requires_grad=True), torch.zeros(1, requires_grad=True)
    with record() as g:
        loss = (torch.ones(3) * w + b).sum()
        loss.backward()
        with torch.no_grad():
            error = (w.detach() - 1).abs().max()
            w -= 0.1 * w.grad
            b -= 0.1 * b.grad
            w.grad = b.grad = None
    assert ops(g.shown)[-1] == "update of w, b" and "abs" in ops(g.shown) and error is not None
    assert {v.name for v in g.graph.values if v.name and v.name.endswith(".grad")} == {"w.grad", "b.grad"}  # named though they are gone


def test_a_file_holds_the_steps_of_the_iteration_that_it_shows(trained):
    steps = len(trained.graph.steps)
    found, _ = embedded(trained.graph, [({}, trained.shown)], str)
    assert str({"window": (steps - 1) // 64}) in found or steps <= 64


def test_the_slider_works_where_the_last_iteration_is_cut_short():
    w = torch.full((3, 3), 0.1, requires_grad=True)
    with record() as g:
        h = torch.ones(2, 3)
        for t in range(5):
            h = torch.tanh(h @ w)
            if t < 4:
                h = h * 2
    fold = next(f for f in g.first_look.folds.values() if f.times)
    assert fold.times == 5
    shown = g.look(({"iteration": [*fold.ends, 2]},))
    assert next(f for f in shown.folds.values() if f.times).shown == (2,) and ops(shown.graph) != ops(g.shown)


# ---- what fails, and long names


def test_an_operator_that_failed_tells_why_and_shows_the_shapes_it_was_given():
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(8, 1))
    with pytest.raises(RuntimeError), record() as g:
        model(torch.ones(2, 4))
    drawn = picture(g.shown)
    [failed] = [n for n in drawn.nodes if n.kind == "failed"]
    words = " ".join(span.text for line in failed.lines for span in line)
    assert "linear failed" in words and "mat1 and mat2 shapes cannot be multiplied (2x16 and 8x1)" in words
    assert any("(1, 8)" in span.text for n in drawn.nodes for line in n.lines for span in line)
    assert not g.graph.roots


def test_long_names_lose_parts_in_the_middle():
    assert _text.shorten_path("net.layers[0].neurons[0].w[0]", 24) == "net.la…[0].ne…[0].w[0]"
    assert _text.shorten_path("model.encoder.layers.11.attention.query.weight", 28) == "model…attention.query.weight"
    assert _text.shorten_path("net.fc.weight", 24) == "net.fc.weight"
    assert len(_text.shorten_path("x" * 10_000, 24)) == 24 and len(_text.shorten_path("." * 10_000, 24)) <= 24
    assert _text.wrapped("ValueError: " + "long " * 90, 3, 20)[-1].endswith("…")


def test_without_folding_every_operator_is_drawn():
    small = train(2)[0].graph
    assert ops(scene(small, level="ops", fold=False).graph) == ops(small)
    assert not any(map(is_group, scene(small, fold=False).graph.calls)) and any(map(is_group, scene(small).graph.calls))
