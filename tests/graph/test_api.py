"""The Python way to a graph: capture, record, draw, and what a drawing can be asked."""

import builtins
import doctest
import inspect
import typing

import pytest

import nbgrad as torch
from nbgrad.graph import Call, CannotReplay, Drawing, Value, capture, drawing, recorded
from nbgrad.graph import replay as replay_function


def loss_of(w, x):
    error = x * w - 1
    return (error**2).sum()


def small():
    return capture(loss_of)(torch.tensor(2.0, requires_grad=True), torch.tensor([1.0, 2.0]))


def names(graph):
    return [v.name for v in graph.values if v.name]


def ops(graph):
    return [c.op for c in graph.calls]


def test_capture_gives_the_result_and_the_names_of_parameters_and_variables():
    g = small()
    assert isinstance(g, Drawing) and g.result.item() == 10.0
    assert ops(g.graph) == ["mul", "sub", "pow", "sum"]
    assert {"w", "x", "error"} <= set(names(g.graph))


def test_capture_decorates_with_options_and_keeps_the_functions_face():
    @capture(direction="TB", values=False)
    def doubled(x, *, times=2):
        """Twice."""
        return x * times

    g = doubled(torch.ones(2), times=3)
    assert doubled.__name__ == "doubled" and doubled.__doc__ == "Twice."
    assert g.result.tolist() == [3.0, 3.0] and "3 3" not in g.to_text()


def test_capture_of_modules_partials_builtins_and_closures():
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(torch.ones(2))
    model.forward = lambda x: (model.weight * x).sum()
    assert "model.weight" in names(capture(model)(torch.ones(2)).graph)
    outside = torch.ones(2)

    def uses_outside(x):
        return outside + x

    assert {"outside", "x"} <= set(names(capture(uses_outside)(torch.zeros(2)).graph))
    assert capture(torch.add)(outside, 1).result.tolist() == [2.0, 2.0]


def test_capture_lets_errors_through_and_ends_recording():
    def fails(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        capture(fails)(torch.ones(1))
    with torch.graph.record() as g:
        _ = torch.ones(1) * 2
    assert ops(g.graph) == ["mul"]


def test_find_gives_records():
    g = small()
    assert [type(hit) for hit in g.find("mul")] == [Call]
    (w,) = [hit for hit in g.find("w") if isinstance(hit, Value) and hit.name == "w"]
    assert w.requires_grad and w in g.find("grad is None") and g.find("has NaN") == []
    many = capture(lambda x: [x * 1.0 for _ in range(300)])(torch.ones(1))
    assert len([c for c in many.find("mul") if isinstance(c, Call)]) == 300


def test_parts_of_a_graph():
    with torch.graph.record() as g:
        a, b = torch.ones(2), torch.ones(2)
        c = a * 2
        d = c + b
        e = d.sum()
        f = b - 1
    assert ops(g.leads_to("d").graph) == ["mul", "add"]
    assert ops(g.comes_of("c").graph) == ["add", "sum"]
    assert ops(g.between("c", "d").graph) == ["add"]
    assert ops(g.comes_of("b").leads_to("d").graph) == ["add"]
    for unknown in (g.leads_to, g.comes_of):
        with pytest.raises(KeyError):
            unknown("nobody")
    assert e is not None and f is not None


def test_replay_gives_a_drawing_also_of_a_part():
    with torch.graph.record() as g:
        w = torch.tensor(1.0, requires_grad=True)
        y = w * 3
        z = y + 1
        z.backward()
    other = g.replay({"w": 2.0})
    assert other.graph.named("z").data.values == (7.0,) and g.graph.named("z").data.values == (4.0,)
    part = g.leads_to("y").replay({"w": 2.0})
    assert ops(part.graph) == ["mul"] and part.graph.named("y").data.values == (6.0,)
    with pytest.raises(CannotReplay):
        torch.graph.draw(z).replay({"w": 2.0})
    assert "6" in other.to_text() and w.item() == 1.0


def test_options_and_saving(tmp_path):
    g = small()
    assert g.with_options(values=False).to_text() != g.to_text()
    with pytest.raises(TypeError, match="no option 'colour'"):
        g.show(colour="red")
    with pytest.raises(ValueError, match="theme must be one of"):
        g.with_options(theme="pink")
    assert g.save(tmp_path / "g.svg").read_text().startswith("<svg")
    assert g.with_options(theme="dark").result is g.result


def test_show_prints_words_where_there_is_no_notebook(capsys):
    g = small()
    g.show()
    assert capsys.readouterr().out == g.to_text() + "\n"


def test_what_is_public_is_typed_and_described():
    public = [capture, recorded.record, recorded.draw, replay_function]
    public += [m for name, m in inspect.getmembers(Drawing, inspect.isfunction) if not name.startswith("_")]
    for thing in public:
        assert thing.__doc__, thing
        signature = inspect.signature(thing)
        typed = typing.get_overloads(thing) or [thing]
        for one in typed:
            given = inspect.signature(one)
            missing = [p.name for p in given.parameters.values() if p.annotation is p.empty and p.name != "self"]
            assert not missing and given.return_annotation is not signature.empty, (thing, missing)


@pytest.mark.parametrize("module", [drawing, recorded, inspect.getmodule(replay_function)], ids=lambda m: m.__name__)
def test_examples(module):
    found = [t for t in doctest.DocTestFinder().find(module) if t.examples]
    assert found
    for example in found:
        runner = doctest.DocTestRunner()
        runner.run(example)
        assert runner.failures == 0, example.name
    del builtins._  # which doctest leaves, and for which IPython then keeps no `_` of its own
