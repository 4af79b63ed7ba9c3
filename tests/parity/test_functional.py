"""`autograd.functional`, held against PyTorch's: results, flags, what strict mode refuses, and every message."""

from __future__ import annotations

import itertools

import pytest

from .side_by_side import compare

# name -> (function, inputs by name, v of the outputs' shapes, v of the inputs' shapes)
FUNCTIONS = {
    "one": (lambda torch: lambda x: x.exp() * x, "x", "v", "v"),
    "recorded": (lambda torch: lambda x: x.exp() * x, "r", "v", "v"),
    "two": (lambda torch: lambda x, y: (2 * x * y, (x + y * y).sum()), "xy", "vs", "vv"),
    "two recorded": (lambda torch: lambda x, y: (2 * x * y, (x + y * y).sum()), "ry", "vs", "vv"),
    "linear": (lambda torch: lambda x: 2 * x, "r", "v", "v"),
    "unused": (lambda torch: lambda x, y: (x**3).sum(), "ry", "s", "vv"),
    "constant": (lambda torch: lambda x: torch.tensor([1.0, 2.0]), "x", "v", "v"),
    "tuple of one": (lambda torch: lambda x: (x * x,), ("x",), ("v",), ("v",)),
    "matrix": (lambda torch: lambda x: x.reshape(2, 1) * x, "x", None, "v"),
    "scalar": (lambda torch: lambda x: (x**3).sum(), "r", None, "v"),
    "scalar of two": (lambda torch: lambda x, y: (x * x * y * y).sum(), "ry", "s", "vv"),
    "scalar, linear": (lambda torch: lambda x: x.sum(), "r", None, "v"),
    "one element": (lambda torch: lambda x: (x**4).sum(), "o", None, None),
    "constant number": (lambda torch: lambda x: torch.tensor(1.0), "x", None, "v"),
    "captured": (lambda torch: lambda x: (x * x * torch.tensor([3.0, 4.0], requires_grad=True)).sum(), "x", None, "v"),
    "in place": (lambda torch: lambda x: x.clone().mul_(x).exp_(), "r", "v", "v"),
    "not several": (lambda torch: lambda x: (x.exp() * x, x), "x", "v", "vv"),
    "wrong size": (lambda torch: lambda x: x.exp() * x, "x", "w", "w"),
    "wrong sizes": (lambda torch: lambda x, y: (x, y), "xy", "vw", "wv"),
}


def tensors(torch, names):
    values = {
        "x": lambda: torch.tensor([1.0, 2.0]), "r": lambda: torch.tensor([1.0, 2.0], requires_grad=True), "y": lambda: torch.tensor([3.0, -1.0]),
        "v": lambda: torch.tensor([1.0, 10.0]), "s": lambda: torch.tensor(2.0), "o": lambda: torch.tensor([2.0]), "w": lambda: torch.ones(3),
    }  # fmt: skip
    if names is None:
        return None
    found = tuple(values[n]() for n in names)
    return found if len(found) > 1 or isinstance(names, tuple) else found[0]


def product(name, which, v, **options):
    def program(torch):
        function, inputs, of_outputs, of_inputs = FUNCTIONS[name]
        given = tensors(torch, {"outputs": of_outputs, "inputs": of_inputs, None: None}[v])
        return getattr(torch.autograd.functional, which)(function(torch), tensors(torch, inputs), given, **options)

    return program


FLAGS = [{"create_graph": c, "strict": s} for c, s in itertools.product((False, True), repeat=2)]
# Where a second derivative is constant, PyTorch's `x ** n` still says that it could be differentiated; the numbers are the same.


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_vjp(name, flags):
    compare(product(name, "vjp", "outputs", **flags))
    compare(product(name, "vjp", None, **flags))


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize("which", ["jvp", "hvp", "vhp"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jvp_hvp_vhp(name, which, flags):
    compare(product(name, which, "inputs", **flags))
    compare(product(name, which, None, **flags))


STRATEGIES = [(False, "reverse-mode"), (True, "reverse-mode"), (False, "forward-mode"), (True, "forward-mode")]


def without_flags(program, vectorize):
    """PyTorch's batched rows all have a history where one has; ours only those that have one."""
    return (lambda torch: _detached(program(torch))) if vectorize else program


def _detached(x):
    return type(x)(map(_detached, x)) if isinstance(x, (tuple, list)) else x.detach()


@pytest.mark.parametrize(("vectorize", "strategy"), STRATEGIES)
@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian(name, flags, vectorize, strategy):
    function, inputs, _, _ = FUNCTIONS[name]

    def program(torch):
        return torch.autograd.functional.jacobian(function(torch), tensors(torch, inputs), vectorize=vectorize, strategy=strategy, **flags)

    if strategy == "forward-mode" and not vectorize:
        return refused_alike(program)
    compare(without_flags(program, vectorize))


@pytest.mark.parametrize(("vectorize", "strategy"), STRATEGIES)
@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_hessian(name, flags, vectorize, strategy):
    function, inputs, _, _ = FUNCTIONS[name]

    def program(torch):
        return torch.autograd.functional.hessian(
            function(torch), tensors(torch, inputs), vectorize=vectorize, outer_jacobian_strategy=strategy, **flags
        )

    if strategy == "forward-mode" and not vectorize:
        return refused_alike(program)
    compare(without_flags(program, vectorize))


def refused_alike(program):
    """The same kind of error; of two words of PyTorch's message that are run together ours keeps the gap."""

    def short(torch):
        try:
            return program(torch)
        except Exception as error:
            raise type(error)(str(error).replace("isonly", "is only")) from None

    compare(short)


@pytest.mark.parametrize(
    "program",
    [
        lambda torch: torch.autograd.functional.jacobian(torch.exp, [torch.ones(2)]),
        lambda torch: torch.autograd.functional.jacobian(torch.exp, ([torch.ones(2)],)),
        lambda torch: torch.autograd.functional.vjp(torch.exp, 3.0),
        lambda torch: torch.autograd.functional.hvp(torch.exp, (torch.ones(2), 3.0)),
        lambda torch: torch.autograd.functional.vjp(lambda x: 3, torch.ones(2)),
        lambda torch: torch.autograd.functional.jacobian(lambda x: [x], torch.ones(2)),
        lambda torch: torch.autograd.functional.jacobian(lambda x: (x, 3), torch.ones(2)),
        lambda torch: torch.autograd.functional.jacobian(torch.exp, torch.ones(2), strategy="sideways"),
        lambda torch: torch.autograd.functional.hessian(torch.exp, torch.ones(2), outer_jacobian_strategy="sideways"),
        lambda torch: torch.autograd.functional.vjp(torch.exp, torch.ones(2), [torch.ones(2)]),
    ],
)  # fmt: skip
def test_what_is_refused(program):
    assert compare(program)[0] in ("TypeError", "RuntimeError", "AssertionError")


def under_no_grad(torch):
    r = torch.tensor([1.0, 2.0], requires_grad=True)
    functional = torch.autograd.functional
    with torch.no_grad():
        return (
            functional.jacobian(torch.exp, r, create_graph=True), functional.vjp(torch.exp, r, torch.ones(2), create_graph=True),
            functional.hvp(lambda x: x.exp().sum(), r, torch.ones(2)), torch.is_grad_enabled(),
        )  # fmt: skip


def differentiated_further(torch):
    r = torch.tensor([1.0, 2.0], requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(lambda x: x.exp() * x.sum(), r, create_graph=True)
    hessian = torch.autograd.functional.hessian(lambda x: (x.exp() * x.prod()).sum(), r, create_graph=True)
    return jacobian, hessian, torch.autograd.grad((jacobian**2).sum() + hessian.sum(), r)


def the_captured_input_is_a_constant(torch):
    r = torch.tensor([1.0, 2.0], requires_grad=True)
    return torch.autograd.functional.jacobian(lambda x: x * r, r)


@pytest.mark.parametrize("program", [under_no_grad, differentiated_further, the_captured_input_is_a_constant])
def test_where_it_stands(program):
    compare(program)
