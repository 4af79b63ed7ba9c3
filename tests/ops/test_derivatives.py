"""Every differentiable operator against finite differences in float64, first and second order; needs no PyTorch."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

import nbgrad

from .harness import cases, cotangents, find, flat, our_tensor, prepare
from .samples import Sample

STEP = 1e-5


def call(name, sample, replaced=None):
    prepared = prepare(sample, our_tensor, replaced)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = flat(find(nbgrad, name, sample)(*prepared.args, **prepared.kwargs))
    return prepared.leaves, [t for t in result if isinstance(t, nbgrad.Tensor) and t.grad_fn is not None]


def in_double(name, sample):
    leaves = prepare(sample, our_tensor).leaves
    return sample.smooth and leaves and all(leaf.dtype is nbgrad.float64 for leaf in leaves)


def gradients(name, sample, arrays, weights, order):
    """The weighted outputs' gradient by the leaves at `arrays`; with order 2, that of the weighted gradients."""
    leaves, outputs = call(name, sample, arrays)
    if not outputs:
        pytest.skip("no output is differentiable")
    cotangent = [our_tensor(w.astype(t._array.dtype), False) for w, t in zip(cotangents([tuple(t.shape) for t in outputs]), outputs)]
    grads = nbgrad.autograd.grad(outputs, leaves, cotangent, allow_unused=True, create_graph=order == 2)
    if order == 1:
        return [None if g is None else g.numpy() for g in grads]
    chosen = [(g, w) for g, w in zip(grads, weights) if g is not None and g.requires_grad]
    if not chosen:
        return [None] * len(leaves)
    found = nbgrad.autograd.grad([g for g, _ in chosen], leaves, [our_tensor(w.copy(), False) for _, w in chosen], allow_unused=True)
    return [None if g is None else g.numpy() for g in found]


def difference(name, sample, arrays, weights, direction, order):
    """The directional derivative of the weighted outputs, or of the weighted gradients, by a central difference."""
    values = []
    for sign in (1, -1):
        moved = [a + sign * STEP * d for a, d in zip(arrays, direction)]
        if order == 1:
            outputs = call(name, sample, moved)[1]
            weighted = zip(cotangents([tuple(t.shape) for t in outputs]), (t.numpy(force=True) for t in outputs))
        else:
            weighted = ((w, g) for w, g in zip(weights, gradients(name, sample, moved, weights, 1)) if g is not None)
        values.append(sum(float(np.sum(w * v).real) for w, v in weighted))
    return (values[0] - values[1]) / (2 * STEP)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("name", "sample"), cases(in_double))
def test_derivatives_are_those_of_finite_differences(name, sample, order):
    if order == 2 and not sample.second:
        pytest.skip("has no second derivative")
    leaves, _ = call(name, sample)
    arrays = [leaf.numpy(force=True).copy() for leaf in leaves]
    weights = cotangents([a.shape for a in arrays], seed=8)
    direction = cotangents([a.shape for a in arrays], seed=9)
    found = gradients(name, sample, arrays, weights, order)
    got = sum(float(np.sum(g * d)) for g, d in zip(found, direction) if g is not None)
    expected = difference(name, sample, arrays, weights, direction, order)
    assert got == pytest.approx(expected, rel=2e-5, abs=1e-6)


def test_a_wrong_derivative_is_noticed(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "find", lambda *_: lambda x: x * our_tensor(x.numpy(force=True), False))
    with pytest.raises(AssertionError):
        test_derivatives_are_those_of_finite_differences("square", Sample(np.array([0.5, 1.5])), 1)


def test_a_wrong_second_derivative_is_noticed(monkeypatch):
    def half_differentiable(x):
        return x * x * our_tensor(x.numpy(force=True), False)

    monkeypatch.setattr(sys.modules[__name__], "find", lambda *_: half_differentiable)
    with pytest.raises(AssertionError):
        test_derivatives_are_those_of_finite_differences("cube", Sample(np.array([0.5, 1.5])), 2)
