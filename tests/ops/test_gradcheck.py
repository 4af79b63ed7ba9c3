"""Every differentiable operator through our `gradcheck` and `gradgradcheck`, as users would check one of their own."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

import nbgrad
from nbgrad._engine.op import REGISTRY, Op

from .harness import SAMPLES, find, flat, our_tensor, prepare
from .samples import Sample
from .test_complex import made_complex, of_torch

GradcheckError = nbgrad.autograd.gradcheck.__globals__["GradcheckError"]  # the module has the name of the function
MANY = 40  # elements; larger samples take the fast way


def is_right(check, name, sample, **settings):
    """Whether a check finds the gradients of one call right."""
    leaves = prepare(sample, our_tensor).leaves

    def results(moved):
        given = iter(moved)
        prepared = prepare(sample, lambda array, wanted: next(given) if wanted else our_tensor(array, False))
        return flat(find(nbgrad, name, sample)(*prepared.args, **prepared.kwargs))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = [i for i, t in enumerate(results(leaves)) if isinstance(t, nbgrad.Tensor) and t.grad_fn is not None]
        if not wanted:
            pytest.skip("no output is differentiable")
        return check(lambda *moved: tuple(results(moved)[i] for i in wanted), leaves, fast_mode=sum(t.numel() for t in leaves) > MANY, **settings)


def can_be_checked(sample):
    """Whether all that requires a gradient is smooth and of double precision."""
    leaves = prepare(sample, our_tensor).leaves
    return sample.smooth and leaves and all(leaf.dtype in (nbgrad.float64, nbgrad.complex128) for leaf in leaves)


CHOSEN = {}  # for each operator its first sample that can be checked
for _name, _samples in sorted(SAMPLES.items()):
    for _sample in _samples:
        if can_be_checked(_sample):
            CHOSEN.setdefault(_name, _sample)


@pytest.mark.parametrize("name", CHOSEN)
def test_gradcheck(name):
    assert is_right(nbgrad.autograd.gradcheck, name, CHOSEN[name])


@pytest.mark.parametrize("name", [n for n, sample in CHOSEN.items() if sample.second])
def test_gradgradcheck(name):
    assert is_right(nbgrad.autograd.gradgradcheck, name, CHOSEN[name])


REAL = [n for n, sample in CHOSEN.items() if not any(leaf.is_complex() for leaf in prepare(sample, our_tensor).leaves)]


@pytest.mark.parametrize("name", REAL)
def test_gradcheck_of_forward_mode(name):
    assert is_right(nbgrad.autograd.gradcheck, name, CHOSEN[name], check_forward_ad=True, check_backward_ad=False)


COMPLEX = {name: made for name, sample in CHOSEN.items() if (made := made_complex(sample)) is not None}
UNIQUE_UP_TO_A_PHASE = {"svd", "linalg.svd"}  # PyTorch refuses all but what does not depend on it


@pytest.mark.parametrize("name", sorted({*COMPLEX} - UNIQUE_UP_TO_A_PHASE))
def test_gradcheck_of_complex_numbers(name):
    if of_torch(name, COMPLEX[name]) is None:
        return  # PyTorch refuses
    try:
        assert is_right(nbgrad.autograd.gradcheck, name, COMPLEX[name])
    except NotImplementedError as error:
        pytest.skip(str(error))


STEPS = {"floor_divide", "heaviside"}  # constant wherever they have a gradient
SYMMETRIC = {"linalg.cholesky", "linalg.cholesky_ex", "cholesky"}  # of matrices that one element alone may not change: checked below
TRIANGULAR = {"cholesky_inverse", "cholesky_solve"}  # that read one triangle only: checked below
UNDERIVED = {"geqrf", "linalg.ldl_solve"}  # PyTorch has no derivative of these: asking for it raises


def test_every_differentiable_operator_is_checked():
    """But for those that fill a tensor whatever it held; those that are private to us are checked in the public ones that call them."""
    names = {n if n in SAMPLES else n.partition(".")[0] for n, op in REGISTRY.items() if isinstance(op, Op) and op.vjp}
    unchecked = {n for n in names - {*CHOSEN} if not n.startswith("_") and not n.endswith("_")}
    assert sorted(unchecked - STEPS - SYMMETRIC - TRIANGULAR - UNDERIVED) == []


@pytest.mark.parametrize("check", [nbgrad.autograd.gradcheck, nbgrad.autograd.gradgradcheck])
def test_cholesky(check):
    root = our_tensor(np.random.default_rng(0).normal(size=(3, 3)), True)
    for function in (nbgrad.linalg.cholesky, nbgrad.cholesky, lambda a: nbgrad.linalg.cholesky_ex(a).L):
        assert check(lambda r, function=function: function(r @ r.T + nbgrad.eye(3, dtype=nbgrad.float64)), root)


@pytest.mark.parametrize("check", [nbgrad.autograd.gradcheck, nbgrad.autograd.gradgradcheck])
@pytest.mark.parametrize("upper", [False, True])
def test_solving_and_inverting_with_a_factor(check, upper):
    random = np.random.default_rng(0)
    factor, right = our_tensor(random.normal(size=(3, 3)) + 3 * np.eye(3), True), our_tensor(random.normal(size=(3, 2)), True)
    triangle = nbgrad.triu if upper else nbgrad.tril
    assert check(lambda f: nbgrad.cholesky_inverse(triangle(f), upper), factor)
    assert check(lambda f, b: nbgrad.cholesky_solve(b, triangle(f), upper), (factor, right))


def test_a_wrong_derivative_is_noticed(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "find", lambda *_: lambda x: x * our_tensor(x.numpy(force=True), False))
    sample = Sample(np.array([0.5, 1.5]))
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        is_right(nbgrad.autograd.gradcheck, "square", sample)
