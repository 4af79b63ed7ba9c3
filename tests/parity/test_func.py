"""`func`, held against PyTorch's: the transforms alone, in all nestings of two and three, and inside and around ordinary autograd."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections import OrderedDict, namedtuple

import pytest

import nbgrad

from .side_by_side import assert_alike, compare, outcome

Pair = namedtuple("Pair", "first second")


def x_of(torch, **options):
    return torch.tensor([0.5, 2.0], dtype=torch.float64, **options)


def v_of(torch):
    return torch.tensor([1.0, 10.0], dtype=torch.float64)


# ---- alone


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    "use",
    [
        lambda F, x, v: F.grad(lambda x: (x.sin() * x).sum())(x),
        lambda F, x, v: F.grad(lambda x, y: (x * y).sum(), argnums=1)(x, v),
        lambda F, x, v: F.grad(lambda x, y: (x * y).sum(), argnums=-1)(x, v),
        lambda F, x, v: F.grad(lambda x, y: (x * y).sum(), argnums=(1, 0))(x, v),
        lambda F, x, v: F.grad(lambda x, y=None: (x * y).sum())(x, y=v),
        lambda F, x, v: F.grad(lambda x: (x.sum(), (x.sin(), {"a": x.detach() * 2})), has_aux=True)(x),
        lambda F, x, v: F.grad(lambda x: (x.sum(), x), has_aux=True)(x),
        lambda F, x, v: F.grad_and_value(lambda x: x.exp().sum())(x),
        lambda F, x, v: F.grad_and_value(lambda x: (x.exp().sum(), x.cos()), has_aux=True)(x),
        lambda F, x, v: F.grad_and_value(lambda x, y: (x * y * y).sum(), argnums=(0, 1))(x, v),
        lambda F, x, v: F.grad(lambda d: (d["a"] * d["b"][0] + d["b"][1]).sum())({"a": x, "b": [v, x * 2]}),
        lambda F, x, v: F.grad(lambda p: (p.first * p.second["k"]).sum())(Pair(x, OrderedDict(k=v))),
        lambda F, x, v: F.grad(lambda x: v.sum())(x),
        lambda F, x, v: F.grad(lambda x, y: y.sum())(x, v),
        lambda F, x, v: F.grad(lambda x: x.sum().long())(x),
        lambda F, x, v: F.grad(lambda x: x[0])(x),
        lambda F, x, v: F.grad(lambda x: x)(x[0]),
        lambda F, x, v: F.grad(lambda x: (x.detach() * x).sum())(x),
        lambda F, x, v: F.grad(lambda x: x.clone().mul_(x).index_fill_(0, x.long()[:1], 3.0).sum())(x),
        lambda F, x, v: F.vjp(lambda x: x.exp(), x)[1](v),
        lambda F, x, v: F.vjp(lambda x: x.exp(), x)[0],
        lambda F, x, v: F.vjp(lambda x, y: {"a": x * y, "b": (y, x.sum())}, x, v)[1]({"a": v, "b": (v, v[0])}),
        lambda F, x, v: [F.vjp(lambda x: (x * x, x.cos()), x, has_aux=True)[i] for i in (0, 2)],
        lambda F, x, v: F.vjp(lambda d: d["a"] * d["b"], {"a": x, "b": v})[1](v),
        lambda F, x, v: F.vjp(lambda x: v, x)[1](v),
        lambda F, x, v: F.vjp(lambda x: x.exp(), x)[1](v, retain_graph=False),
        lambda F, x, v: F.vjp(lambda x: x.exp(), x)[1](v, create_graph=False),
        lambda F, x, v: F.jvp(lambda x: x.exp() * x, (x,), (v,)),
        lambda F, x, v: F.jvp(lambda x, y: [x * y, {"a": y, "b": x.sum()}], (x, v), (v, x)),
        lambda F, x, v: F.jvp(lambda x: (x.exp(), {"k": x * 2}), (x,), (v,), has_aux=True),
        lambda F, x, v: F.jvp(lambda x: v, (x,), (v,)),
        lambda F, x, v: F.jvp(lambda x: x, (x,), (v,)),
        lambda F, x, v: F.jvp(lambda x: x.long(), (x,), (v,)),
        lambda F, x, v: F.jvp(lambda d: d["a"] * d["b"], ({"a": x, "b": v},), ({"a": v, "b": x},)),
        lambda F, x, v: F.jvp(lambda x: x * x, (x.float(),), (v,)),
        lambda F, x, v: F.jacrev(lambda x: x.sin() * x.sum())(x),
        lambda F, x, v: F.jacrev(lambda x, y: (x * y, {"k": x.sum()}), argnums=(0, 1))(x, v),
        lambda F, x, v: F.jacrev(lambda x: (x.sin(), x.cos()), has_aux=True)(x),
        lambda F, x, v: F.jacrev(lambda x: x.sin(), chunk_size=1)(x),
        lambda F, x, v: F.jacrev(lambda x: x.reshape(1, 2, 1))(x.reshape(2, 1)),
        lambda F, x, v: F.jacrev(lambda x: x.sin())(x[0]),
        lambda F, x, v: F.jacrev(lambda d: d["a"] * d["b"])({"a": x, "b": v}),
        lambda F, x, v: F.jacrev(lambda x: v)(x),
        lambda F, x, v: F.jacrev(lambda x: x[:0])(x),
        lambda F, x, v: F.jacfwd(lambda x: x.sin() * x.sum())(x),
        lambda F, x, v: F.jacfwd(lambda x, y: ((x * y).sin(), {"k": x.sum()}), argnums=(0, 1))(x, v),
        lambda F, x, v: F.jacfwd(lambda x, y: [x * y, x], argnums=1)(x, v),
        lambda F, x, v: F.jacfwd(lambda x: (x.sin(), {"a": x.cos()}), has_aux=True)(x),
        lambda F, x, v: F.jacfwd(lambda x: x.reshape(1, 2, 1))(x.reshape(2, 1)),
        lambda F, x, v: F.jacfwd(lambda d: (d["a"] * d["b"]).sin())({"a": x, "b": v}),
        lambda F, x, v: F.jacfwd(lambda x: v)(x),
        lambda F, x, v: F.hessian(lambda x: (x.sin() * x.sum()).sum())(x),
        lambda F, x, v: F.hessian(lambda x, y: (x * y).sin().sum(), argnums=(0, 1))(x, v),
        lambda F, x, v: F.hessian(lambda x: x.sin())(x),
    ],
)  # fmt: skip
def test_transforms_give_what_torch_gives(use, recorded):
    compare(lambda torch: use(torch.func, x_of(torch, requires_grad=recorded), v_of(torch)))


@pytest.mark.parametrize(
    "use",
    [
        lambda F, x, v: F.grad(lambda x: x)(x),
        lambda F, x, v: F.grad(lambda x: x.reshape(2, 1)[:1])(x),
        lambda F, x, v: F.grad(lambda x: 1.0)(x),
        lambda F, x, v: F.grad(lambda x: (x.sum(),))(x),
        lambda F, x, v: F.grad(lambda x: x.sum(), has_aux=True)(x),
        lambda F, x, v: F.grad(lambda x: (x.sum(), 1, 2), has_aux=True)(x),
        lambda F, x, v: F.grad(lambda x: (x.sum(), {"b": 3}), has_aux=True)(x),
        lambda F, x, v: F.grad(lambda x: x.sum(), argnums=1)(x),
        lambda F, x, v: F.grad(lambda x, y: x.sum(), argnums=-3)(x, v),
        lambda F, x, v: F.grad(lambda x, y: x.sum(), argnums=(0, 0))(x, v),
        lambda F, x, v: F.grad(lambda x, y: x.sum(), argnums=(0, -2))(x, v),
        lambda F, x, v: F.grad(lambda x, y: x.sum(), argnums=0.5)(x, v),
        lambda F, x, v: F.grad(lambda x, y: x.sum(), argnums=())(x, v),
        lambda F, x, v: F.grad(lambda x, y: x.sum(), argnums=[0])(x, v),
        lambda F, x, v: F.grad(lambda x: x.sum() * 1.0)(x.long()),
        lambda F, x, v: F.grad(lambda x: x * 1.0)(2.0),
        lambda F, x, v: F.grad(lambda d: d["a"].sum())({"a": x, "b": 2}),
        lambda F, x, v: F.grad(lambda x: x.mul_(2).sum())(x),
        lambda F, x, v: F.vjp(lambda x: {"a": x}, x)[1](v),
        lambda F, x, v: F.vjp(lambda x: {"a": x}, x)[1]([v]),
        lambda F, x, v: F.vjp(lambda x: x, x)[1](v[:1]),
        lambda F, x, v: F.vjp(lambda x: 3, x),
        lambda F, x, v: F.vjp(lambda x: (x, 3), x),
        lambda F, x, v: F.vjp(lambda x: (), x),
        lambda F, x, v: F.vjp(lambda x: x, x.long()),
        lambda F, x, v: F.vjp(lambda x: x.long(), x),
        lambda F, x, v: F.vjp(lambda x: x, x, has_aux=True),
        lambda F, x, v: F.jvp(lambda x: x, x, v),
        lambda F, x, v: F.jvp(lambda x: x, [x], [v]),
        lambda F, x, v: F.jvp(lambda: x, (), ()),
        lambda F, x, v: F.jvp(lambda x: x, (x,), (v, v)),
        lambda F, x, v: F.jvp(lambda x: x, (x,), ([v],)),
        lambda F, x, v: F.jvp(lambda x: x, (x,), (v[:1],)),
        lambda F, x, v: F.jvp(lambda x: x, (x.long(),), (v.long(),)),
        lambda F, x, v: F.jvp(lambda x: x, (1.0,), (1.0,)),
        lambda F, x, v: F.jvp(lambda x: 3, (x,), (v,)),
        lambda F, x, v: F.jvp(lambda x: v, (x,), (v,), strict=True),
        lambda F, x, v: F.jvp(lambda x: x, (x,), (v,), has_aux=True),
        lambda F, x, v: F.jacrev(lambda x: x, argnums=2)(x),
        lambda F, x, v: F.jacrev(lambda x: x.long())(x),
        lambda F, x, v: F.jacrev(lambda x: 3)(x),
        lambda F, x, v: F.jacrev(lambda x: x)(x.long()),
        lambda F, x, v: F.jacrev(lambda x: x, chunk_size=0),
        lambda F, x, v: F.jacrev(lambda x: (x, 3), has_aux=True)(x),
        lambda F, x, v: F.jacrev(lambda x: ())(x),
        lambda F, x, v: F.jacfwd(lambda x: x, argnums=2)(x),
        lambda F, x, v: F.jacfwd(lambda x: 3)(x),
        lambda F, x, v: F.jacfwd(lambda x: x)(x.long()),
        lambda F, x, v: F.jacfwd(lambda x: ())(x),
        lambda F, x, v: F.jacfwd(lambda x, y: x)(x, y=v),
        lambda F, x, v: F.jacfwd(lambda x: x, has_aux=True)(x),
        lambda F, x, v: F.jacfwd(lambda x: (x, 3), has_aux=True)(x),
    ],
)  # fmt: skip
def test_what_is_refused(use):
    import re

    def program(torch):
        try:
            return use(torch.func, x_of(torch), v_of(torch))
        except Exception as error:  # names of local functions differ
            raise type(error)(re.sub(r"^.*<lambda>\(\)", "f()", str(error))) from None

    first = compare(program)[0]
    assert first.endswith("Error"), first


def test_transforms_keep_the_name(torch):
    def named():
        """Say something."""

    for transform in (torch.func.grad, torch.func.grad_and_value, torch.func.jacrev, torch.func.jacfwd, torch.func.hessian):
        assert transform(named).__name__ == "named"


def test_inputs_are_leaves_inside(torch):
    seen = []

    def f(x):
        seen.append((x.requires_grad, x.is_leaf, x.grad_fn, x._is_view()))
        return x.sum()

    torch.func.grad(f)(torch.ones(2))
    torch.func.grad(f)(torch.ones(2, requires_grad=True) * 1)
    torch.func.vjp(f, torch.ones(2, requires_grad=True))
    assert seen == [(True, True, None, False)] * 3


def test_nothing_accumulates(torch):
    x, w = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    torch.func.grad(lambda x: (x * w).sum())(x)
    torch.func.jvp(lambda x: x * w, (x,), (w,))
    assert x.grad is None
    assert w.grad is None


# ---- nested

# a function of one tensor to another of its shape, and the transforms that take such a function to the next
FUNCTIONS = {
    "product": lambda torch: lambda x: x * x.flip(0) * x,
    "transcendental": lambda torch: lambda x: (x * 0.7).sin() * x.exp().sum() + x.tanh(),
    "in place": lambda torch: lambda x: _in_place(torch, x),
    "captured": lambda torch: _captured(torch),
    "derived rules": lambda torch: lambda x: torch.logsumexp(x[:, None] * x, 0) + torch.cumprod(x, 0) + x.softmax(0),
}


def _in_place(torch, x):
    y = torch.zeros(3, dtype=torch.float64)
    y[1:] = x * x
    y[:2].mul_(x.sum())
    y.exp_()
    return y[1:] * x


def _captured(torch):
    w = torch.tensor([3.0, -1.0], dtype=torch.float64)
    return lambda x: (x * w).cos() * x + w


TRANSFORMS = {
    "grad": lambda torch, f: torch.func.grad(lambda x: f(x).sum()),
    "value": lambda torch, f: lambda x: sum(torch.func.grad_and_value(lambda x: (f(x) * x).sum())(x)),
    "vjp": lambda torch, f: lambda x: torch.func.vjp(f, x)[1](x.cos())[0],
    "jvp": lambda torch, f: lambda x: torch.func.jvp(f, (x,), (x * x,))[1],
    "jacrev": lambda torch, f: lambda x: torch.func.jacrev(f)(x).sum(1),
    "jacfwd": lambda torch, f: lambda x: torch.func.jacfwd(f)(x).sum(0),
    "hessian": lambda torch, f: lambda x: torch.func.hessian(f)(x).sum((0, 2)),
    "autograd": lambda torch, f: lambda x: _by_autograd(torch, f, x),
}


def _by_autograd(torch, f, x):
    y = x if x.requires_grad else x.clone().requires_grad_()
    return torch.autograd.grad((f(y) * y).sum(), y, create_graph=True)[0]


def nested(name, transforms):
    def program(torch):
        f = FUNCTIONS[name](torch)
        for t in transforms:
            f = TRANSFORMS[t](torch, f)
        return f

    return program


PAIRS = list(itertools.product([t for t in TRANSFORMS if t != "autograd"], repeat=2))
TRIPLES = list(itertools.product(["grad", "vjp", "jvp", "jacrev", "jacfwd"], repeat=3))


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("transforms", PAIRS, ids="-".join)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_transforms_nest_in_any_order(name, transforms, recorded):
    def program(torch):
        x = x_of(torch, requires_grad=recorded)
        y = nested(name, transforms)(torch)(x)
        if not recorded:
            return y
        # where a derivative is constant PyTorch may still give it a history, whose gradients are zero
        return y.detach(), torch.autograd.grad(y.sum(), x, materialize_grads=True)[0] if y.requires_grad else torch.zeros_like(y)

    compare(program)


@pytest.mark.parametrize("transforms", TRIPLES, ids="-".join)
@pytest.mark.parametrize("name", ["product", "transcendental", "in place"])
def test_three_transforms_nest_in_any_order(name, transforms):
    compare(lambda torch: nested(name, transforms)(torch)(x_of(torch)))


@pytest.mark.parametrize("transform", ["grad", "value", "vjp", "jvp", "jacrev", "jacfwd", "hessian"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_inside_and_around_ordinary_autograd(name, transform):
    def around(torch):
        fw = torch.autograd.forward_ad
        x = x_of(torch)
        if transform in ("jvp", "jacfwd", "hessian"):
            return None  # PyTorch does not nest these in a level of dual tensors
        with fw.dual_level():
            return fw.unpack_dual(TRANSFORMS[transform](torch, FUNCTIONS[name](torch))(fw.make_dual(x, v_of(torch)))).tangent

    def inside(torch):
        f = FUNCTIONS[name](torch)
        return TRANSFORMS[transform](torch, lambda x: torch.autograd.grad((f(x) * x).sum(), x, create_graph=True)[0])(x_of(torch))

    compare(around)
    if transform in ("grad", "value", "vjp", "jacrev"):  # where x requires a gradient inside
        compare(inside)


def test_levels_are_not_confused(torch):
    grad, jvp = torch.func.grad, torch.func.jvp
    one = torch.tensor(1.0)
    assert grad(lambda x: x * grad(lambda y: x + y)(one))(one).item() == 1.0
    assert jvp(lambda x: x * jvp(lambda y: x + y, (one,), (one,))[1], (one,), (one,))[1].item() == 1.0
    assert grad(lambda x: x * jvp(lambda y: x + y, (one,), (one,))[1])(one).item() == 1.0
    assert jvp(lambda x: x * grad(lambda y: x + y)(one), (one,), (one,))[1].item() == 1.0
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(one).item() == 4.0
    assert jvp(lambda x: jvp(lambda y: x * y, (x,), (x,))[1], (one * 3,), (one,))[1].item() == 6.0


# ---- captured tensors, modes, what stays behind


def captured_is_a_parameter(torch):
    w = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    x = x_of(torch)
    out = []
    for result in (
        torch.func.grad(lambda x: (x * x * w * w).sum())(x),
        torch.func.jvp(lambda x: x * w, (x,), (v_of(torch),))[1],
        torch.func.vjp(lambda x: x * w * w, x)[1](v_of(torch))[0],
        torch.func.jacrev(lambda x: x * x * w)(x),
        torch.func.jacfwd(lambda x: x * x * w)(x),
        torch.func.hessian(lambda x: (x**3 * w).sum())(x),
    ):
        out.append((result, torch.autograd.grad(result.sum(), w)))
    return out


def under_no_grad(torch):
    x, w = x_of(torch, requires_grad=True), torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        return (
            torch.func.grad(lambda x: (x * x * w).sum())(x), torch.func.grad_and_value(lambda x: (x * w).sum())(x),
            torch.func.jvp(lambda x: x * x * w, (x,), (v_of(torch),)), torch.func.vjp(lambda x: x * x * w, x)[1](v_of(torch)),
            torch.func.grad(lambda x: torch.func.grad(lambda y: (y**3 * w).sum())(x).sum())(x), torch.func.hessian(lambda x: (x**3).sum())(x),
            torch.is_grad_enabled(),
        )  # fmt: skip


def no_grad_inside(torch):
    def f(x):
        with torch.no_grad():
            c = x * x
        return (x - c).sum()

    def inner(x):
        with torch.no_grad():
            c = torch.func.grad(lambda y: (y**3).sum())(x)
        return (c * x).sum()

    x = x_of(torch)
    return torch.func.grad(f)(x), torch.func.grad(inner)(x), torch.func.jvp(f, (x,), (v_of(torch),)), torch.func.jvp(inner, (x,), (v_of(torch),))


def pulled_back_twice_and_further(torch):
    x, c = x_of(torch, requires_grad=True), torch.tensor([1.0, 10.0], dtype=torch.float64, requires_grad=True)
    y, pull = torch.func.vjp(lambda x: x**3, x)
    (first,), (second,) = pull(c), pull(c * 2)
    return y, first, second, torch.autograd.grad(first.sum() + (second * second).sum(), (x, c))


def tangents_that_are_differentiated(torch):
    x, t = x_of(torch), torch.tensor([1.0, 10.0], dtype=torch.float64, requires_grad=True)
    out = []
    for f in (
        torch.func.grad(lambda x: (x**3).sum()),
        lambda x: torch.func.grad_and_value(lambda x: (x.exp() * x).sum())(x)[1],
        lambda x: torch.func.grad(lambda x: ((x * x).sum(), x * x * x), has_aux=True)(x)[1],
        lambda x: torch.func.vjp(torch.sin, x)[0],
        lambda x: torch.func.vjp(torch.sin, x)[1](x)[0],
        torch.func.jacrev(torch.sin),
    ):
        value, pushed = torch.func.jvp(f, (x,), (t,))
        out.append((value, pushed, torch.autograd.grad(pushed.sum(), t)))
    return out


def jvp_changes_its_input(torch):
    x = x_of(torch)
    return torch.func.jvp(lambda x: x.mul_(2).sum(), (x,), (v_of(torch),)), x


def meta_learning(torch):
    w = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    x = x_of(torch)

    def step(w):
        return w - 0.1 * torch.func.grad(lambda w: ((w * x).tanh() ** 2).sum())(w)

    loss = (step(step(w)) ** 2).sum()
    loss.backward()
    return loss, w.grad


@pytest.mark.parametrize(
    "program", [captured_is_a_parameter, under_no_grad, no_grad_inside, pulled_back_twice_and_further, tangents_that_are_differentiated, jvp_changes_its_input, meta_learning]
)
def test_where_it_stands(program):
    compare(program)


def test_an_error_leaves_no_level_behind(torch):
    def fails(x):
        raise ValueError("mine")

    for run in (
        lambda: torch.func.grad(fails)(torch.ones(2)),
        lambda: torch.func.jvp(fails, (torch.ones(2),), (torch.ones(2),)),
        lambda: torch.func.jacfwd(torch.func.grad(fails))(torch.ones(2)),
    ):
        with pytest.raises(ValueError, match="mine"):
            run()
    with torch.no_grad(), pytest.raises(ValueError, match="mine"):
        torch.func.grad(fails)(torch.ones(2))
    assert torch.is_grad_enabled()
    assert torch.autograd.forward_ad._current_level == -1
    assert torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))[1].item() == 1.0


def test_only_who_differentiates_further_pays():
    result = nbgrad.func.grad(lambda x: (x * x).sum())(nbgrad.ones(2))
    assert not result.requires_grad
    assert nbgrad.func.grad(lambda x: (x * x).sum())(nbgrad.ones(2, requires_grad=True)).grad_fn is not None


def test_graphs_of_levels_are_freed_by_counting():
    gc.collect()
    gc.disable()
    try:
        gone = []

        def f(x):
            y = (x * x).exp()
            gone.append(weakref.ref(y))
            return y.sum()

        x = nbgrad.ones(2)
        for run in (
            lambda: nbgrad.func.grad(f)(x),
            lambda: nbgrad.func.grad(nbgrad.func.grad(lambda z: f(z * x)))(nbgrad.tensor(1.0)),
            lambda: nbgrad.func.jvp(f, (x,), (x,)),
            lambda: nbgrad.func.hessian(f)(x),
            lambda: nbgrad.func.vjp(f, x)[1](nbgrad.tensor(1.0)),
            lambda: nbgrad.func.linearize(f, x)[1](x),
        ):
            run()
        assert gone
        assert [r() for r in gone if r() is not None] == []
    finally:
        gc.enable()


# ---- linearize


@pytest.mark.parametrize(
    "use",
    [
        lambda F, x, v: _applied(F.linearize(lambda x: x.sin() * x.sum(), x), (v,), (v * 2,)),
        lambda F, x, v: _applied(F.linearize(lambda x, y: (x * y, {"k": y.sum()}), x, v), (v, x), (x, v)),
        lambda F, x, v: _applied(F.linearize(lambda d: [d["a"] * 2], {"a": x}), ({"a": v},)),
        lambda F, x, v: F.linearize(lambda x: x, x)[1](v[:1]),
        lambda F, x, v: F.linearize(lambda x: x, x)[1](v.float()),
        lambda F, x, v: F.linearize(lambda x: x, x)[1](v, v),
        lambda F, x, v: F.linearize(lambda d: d["a"], {"a": x})[1](v),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_linearize(use):
    compare(lambda torch: use(torch.func, x_of(torch), v_of(torch)))


def _applied(linearized, *tangents):
    output, push = linearized
    return output, [push(*t) for t in tangents]


def test_linearize_runs_the_function_once():
    runs = []

    def f(x):
        runs.append(1)
        return x * nbgrad.rand(2).double() + x.logsumexp(0)

    x, v = x_of(nbgrad), v_of(nbgrad)
    output, push = nbgrad.func.linearize(f, x)
    assert runs == [1]
    first = push(v)
    assert runs == [1]
    assert push(v).tolist() == first.tolist()
    nbgrad.manual_seed(0)
    output, push = nbgrad.func.linearize(f, x)
    nbgrad.manual_seed(0)
    assert_alike(outcome(lambda _: push(v), None), outcome(lambda _: nbgrad.func.jvp(f, (x,), (v,))[1], None))


def test_linearize_of_a_function_that_overwrites():
    x, v = x_of(nbgrad), v_of(nbgrad)
    push = nbgrad.func.linearize(lambda x: x.clone().mul_(x).exp_(), x)[1]
    assert_alike(outcome(lambda _: push(v), None), outcome(lambda _: nbgrad.func.jvp(lambda x: (x * x).exp(), (x,), (v,))[1], None))
