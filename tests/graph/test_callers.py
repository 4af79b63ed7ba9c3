"""The user's functions as scopes of the record: each call one, nested as they ran, lambdas and comprehensions part of their caller."""

import sys

import nbgrad as torch
from nbgrad.graph import record


def twice(x):
    return double(x).exp()


def double(x):
    y = x * 2
    return y + (lambda z: z * 0)(x)


class Layer:
    def __call__(self, x):
        return [v.sin().cos() for v in x]


def tree(graph):
    """Operators with the names of the scopes around them."""

    def path(id):
        return () if id is None else (*path(graph.scope(id).parent), graph.scope(id).name)

    return [(c.op, *path(c.scope)) for c in graph.calls]


def test_each_call_is_a_scope_of_its_own():
    x = torch.ones(2, requires_grad=True)
    with record() as drawn:
        twice(x)
        for _ in range(2):
            double(x)
    scopes = [(s.kind, s.name, s.place.text) for s in drawn.graph.scopes]
    assert scopes == [("function", "twice", "twice(x)"), ("function", "double", "return double(x).exp()")] + [("function", "double", "double(x)")] * 2
    inner = [("mul", "twice", "double"), ("mul", "twice", "double"), ("add", "twice", "double"), ("exp", "twice")]
    assert tree(drawn.graph) == inner + [("mul", "double"), ("mul", "double"), ("add", "double")] * 2


def test_callable_objects_and_comprehensions():
    with record() as drawn:
        Layer()([torch.ones(1), torch.ones(1)])
    assert [s.name for s in drawn.graph.scopes] == ["Layer"] and {path for _, *path in map(list, tree(drawn.graph)) for path in path} == {"Layer"}


def test_composites_and_modules_stand_in_the_function_that_called_them():
    model = torch.nn.Linear(2, 2)

    def step(x):
        return torch.matmul(model(x), x.t()).sum()

    with record() as drawn:
        step(torch.ones(2, 2))
    paths = tree(drawn.graph)
    assert all(path[1] == "step" for path in paths) and any("Linear" in path for path in paths) and any("matmul" in path for path in paths)


def test_what_ran_before_the_recording_began_is_no_scope():
    def outer():
        with record() as drawn:
            torch.ones(1) * 2
        return drawn

    assert tree(outer().graph) == [("mul",)]


def test_names_inside_functions_are_found():
    def forward_pass(x):
        hidden = x.exp()
        scores = hidden / 2
        return scores.sum()

    with record() as drawn:
        loss = forward_pass(torch.ones(2, requires_grad=True))
    assert [v.name for v in drawn.graph.values][-3:] == ["hidden", "scores", "loss"]
    del loss


def test_debuggers_are_left_alone():
    seen = []

    def trace(frame, event, arg):
        seen.append(frame.f_code.co_name)
        return None

    before = sys.gettrace()
    with record() as drawn:
        sys.settrace(trace)
        try:
            twice(torch.ones(1))
        finally:
            sys.settrace(before)
    assert "twice" in seen and drawn.graph.scopes == ()


def test_a_generator_that_goes_on_is_where_it_runs():
    def numbers(x):
        yield x.exp()
        yield x.sin()

    with record() as drawn:
        for v in numbers(torch.ones(1)):
            v.cos()
    assert tree(drawn.graph) == [("exp", "numbers"), ("cos",), ("sin", "numbers"), ("cos",)]
