"""`vmap` with the other transforms, in both orders and nested: per-example gradients, Jacobians, Hessians, tangents; each program beside PyTorch."""

import numpy as np
import pytest

from .outcomes import check


class Setting:
    """A function of shared weights and one example, and numbers for it."""

    def __init__(self, torch):
        self.torch = torch
        self.x, self.w, self.W = self.numbers(3, 4), self.numbers(4, start=1.0), self.numbers(2, 4, start=2.0)

    def numbers(self, *shape, start=0.3):
        return self.torch.tensor(np.sin(np.arange(int(np.prod(shape))) * 1.7 + start).reshape(shape).tolist(), dtype=self.torch.float64)

    def f(self, w, x):
        return (self.torch.tanh(self.W @ x) * 2).sum() * (w * x).sum()

    def layer(self, v):
        return self.torch.tanh(self.W @ v)

    def first_written(self, a):
        b = a * 2
        b[0] = a[1] * a[2]
        return (b**2).sum()


def twice(torch, s):
    """Gradients of what per-example gradients give, with respect to the weights and the examples."""
    w, x = s.w.clone().requires_grad_(), s.x.clone().requires_grad_()
    first, second = torch.vmap(torch.func.grad(s.f, argnums=(0, 1)), in_dims=(None, 0))(w, x)
    return torch.autograd.grad((first**2).sum() + (second**3).sum(), (w, x))


def reverse_over_forward(torch, s):
    w = s.w.clone().requires_grad_()
    out, tangent = torch.func.jvp(lambda v: torch.vmap(lambda a: s.f(v, a) * (w * a).sum())(s.x), (s.w,), (s.w * 2,))
    return torch.autograd.grad(tangent.sum() + out.sum(), w)


PROGRAMS = {
    "gradients per example": lambda torch, s: torch.vmap(torch.func.grad(s.f), in_dims=(None, 0))(s.w, s.x),
    "gradients per example of captured weights": lambda torch, s: torch.vmap(lambda a: torch.func.grad(lambda v: s.f(v, a))(s.w))(s.x),
    "gradients and values": lambda torch, s: torch.vmap(torch.func.grad_and_value(s.f), in_dims=(None, 0))(s.w, s.x),
    "gradients of dictionaries": lambda torch, s: torch.vmap(
        torch.func.grad(lambda p, a: ((p["W"] @ a + p["b"]) ** 2).sum()), in_dims=(None, 0))({"W": s.W, "b": s.numbers(2)}, s.x),
    "gradients through changes in place": lambda torch, s: torch.vmap(torch.func.grad(s.first_written))(s.x),
    "gradients of gradients": lambda torch, s: torch.vmap(
        torch.func.grad(lambda w, x: (torch.func.grad(s.f, argnums=1)(w, x) ** 2).sum()), in_dims=(None, 0))(s.w, s.x).detach(),
    "gradients of gradients per example": twice,
    "gradient of a vmap": lambda torch, s: torch.func.grad(lambda w: torch.vmap(lambda a: s.f(w, a))(s.x).sum())(s.w),
    "nested vmaps of a gradient": lambda torch, s: torch.vmap(torch.vmap(torch.func.grad(s.f), in_dims=(None, 0)), in_dims=(0, None))(s.numbers(5, 4), s.x),
    "hessians per example": lambda torch, s: torch.vmap(torch.func.hessian(s.f, argnums=1), in_dims=(None, 0))(s.w, s.x),
    "jacrev in vmap": lambda torch, s: torch.vmap(torch.func.jacrev(s.layer))(s.x),
    "jacfwd in vmap": lambda torch, s: torch.vmap(torch.func.jacfwd(s.layer))(s.x),
    "vmap in jacrev": lambda torch, s: torch.func.jacrev(lambda w: torch.vmap(lambda a: s.f(w, a))(s.x))(s.w),
    "vmap in jacfwd": lambda torch, s: torch.func.jacfwd(lambda w: torch.vmap(lambda a: s.f(w, a))(s.x))(s.w),
    "tangents": lambda torch, s: torch.vmap(lambda a, b: torch.func.jvp(s.layer, (a,), (b,)))(s.x, s.numbers(3, 4, start=3.0)),
    "tangents at one point": lambda torch, s: torch.vmap(lambda b: torch.func.jvp(s.layer, (s.w,), (b,)))(s.numbers(3, 4, start=3.0)),
    "cotangents": lambda torch, s: torch.vmap(lambda a, b: torch.func.vjp(s.layer, a)[1](b))(s.x, s.numbers(3, 2, start=3.0)),
    "cotangents at one point": lambda torch, s: torch.vmap(torch.func.vjp(s.layer, s.w)[1])(s.numbers(3, 2)),
    "gradient of tangents of a vmap": lambda torch, s: torch.func.grad(
        lambda w: torch.func.jvp(lambda v: torch.vmap(lambda a: s.f(v, a) ** 2)(s.x), (w,), (w * 2,))[1].sum())(s.w),
    "tangents of gradients of a vmap": lambda torch, s: torch.func.jvp(
        lambda v: torch.func.grad(lambda u: (torch.vmap(lambda a: s.f(u, a))(s.x) ** 2).sum())(v), (s.w,), (s.w * 2,)),
    "reverse over forward over a vmap": reverse_over_forward,
    "linearize": lambda torch, s: torch.vmap(torch.func.linearize(s.layer, s.w)[1])(s.x),
    "jacobian, vectorized": lambda torch, s: torch.autograd.functional.jacobian(s.layer, s.w, vectorize=True),
    "hessian, vectorized": lambda torch, s: torch.autograd.functional.hessian(lambda a: s.layer(a).sum(), s.w, vectorize=True),
    "jacobian, vectorized forward": lambda torch, s: torch.autograd.functional.jacobian(s.layer, s.w, vectorize=True, strategy="forward-mode"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_what_it_does_on_torch(name):
    # PyTorch warns here of its own compiler
    check(lambda torch: PROGRAMS[name](torch, Setting(torch)), with_warnings=False)
