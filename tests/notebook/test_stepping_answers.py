"""What the kernel answers about the steps of backward, for the picture as it stands."""

import pytest

import nbgrad as torch
from nbgrad.graph import record
from nbgrad.notebook.answers import ANSWERS
from nbgrad.notebook.explorer import GraphView


@pytest.fixture
def view():
    with record(engine="builtin") as drawing:
        a = torch.tensor(0.9, requires_grad=True)
        h = torch.tensor([1.0, 2.0])
        for _ in range(100):
            h = torch.tanh(h * a)
        h.sum().backward()
    view = GraphView(drawing.shown, drawing.svg, None, drawing)
    yield view
    view.close()


def ask(view, **wish):
    found = ANSWERS["step"](view, {"kind": "step", "request": "1", **wish})
    return found and found[0]


def test_the_timeline_follows_what_the_reader_opens(view):
    before = ask(view, timeline=0)["ran"]
    group = next(c for c in view.drawing.shown.calls if c.id.startswith("g"))
    params = dict(group.params)
    assert group.id in before and params["first"] not in before
    view.look([{"open": [params["first"], params["last"]]}])
    after = ask(view, timeline=0)["ran"]
    assert params["first"] in after and len(after) > len(before)


def test_facts_and_jacobians_come_from_the_whole_record(view):
    assert ask(view)["steps"] == len(view.drawing.graph.steps) == 202
    step = ask(view, window=5)["steps"][1]
    assert step["n"] == 101 and step["node"] == "TanhBackward0"
    [only] = ask(view, jacobian=101)["inputs"]
    assert len(only["rows"]) == 2 and only["rows"][0][1] == only["rows"][1][0] == 0


@pytest.mark.parametrize("wish", [{"window": "x"}, {"timeline": None}, {"jacobian": "7"}, {"jacobian": -1}, {"jacobian": True}, {"window": 10**30}])
def test_nonsense_is_answered_with_nothing(view, wish):
    assert ask(view, **wish) is None


def test_a_view_of_a_bare_record_knows_no_steps(view):
    bare = GraphView(view.drawing.shown, view.drawing.svg)
    assert ask(bare) is None
    bare.close()


def test_the_step_is_a_public_trait(view):
    assert view.step == -1
    view.step = 3
    assert view.step == 3 and "step" in view.get_state()
