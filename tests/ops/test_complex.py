"""Every sample once more with complex numbers, against real PyTorch: values, types, gradients and gradients of gradients.

What is computed with complex numbers is right, or refused with a word that says so.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest

import nbgrad

from .harness import SAMPLES, cases, cotangents, find, flat, our_tensor, prepare
from .test_parity import as_torch, compare_gradients, quietly, same, torch, torch_tensor

# results that are unique only up to a phase, which differs between implementations of LAPACK
PHASE = {"svd", "linalg.svd", "qr", "linalg.qr", "linalg.eig"}
REAL_DIAGONAL = {"cholesky_inverse"}  # PyTorch does not look at the imaginary parts there, which a factor does not have


def made_complex(sample):
    """The sample with complex numbers for real ones; None where there are none, or infinite ones, whose imaginary parts mean little."""
    count = [0]

    def convert(x):
        if isinstance(x, np.ndarray) and x.dtype in (np.float64, np.float32):
            count[0] += 1 if np.isfinite(x).all() else -1000
            return np.asarray(x + 1j * np.asarray(np.random.default_rng(x.size).uniform(-1, 1, x.shape)).astype(x.dtype))
        return type(x)(map(convert, x)) if isinstance(x, (list, tuple)) else x

    other = copy.copy(sample)
    other.args, other.kwargs = tuple(map(convert, sample.args)), {k: convert(v) for k, v in sample.kwargs.items()}
    return other if count[0] > 0 else None


def of_torch(name, sample):
    """What PyTorch makes of a sample; None where it refuses."""
    theirs = prepare(sample, torch_tensor, convert=as_torch)
    try:
        return theirs, flat(quietly(find(torch, name, sample), *theirs.args, **theirs.kwargs))
    except (RuntimeError, TypeError, NotImplementedError, ValueError, IndexError, AssertionError):
        return None


def is_worth_it(name, sample):
    return sample.parity and name not in PHASE | REAL_DIAGONAL and made_complex(sample) is not None


@pytest.mark.parametrize(("name", "sample"), cases(is_worth_it))
def test_complex_values_and_derivatives_are_those_of_torch(name, sample):
    sample = made_complex(sample)
    found = of_torch(name, sample)
    ours = prepare(sample, our_tensor)
    if found is None:
        return  # what PyTorch refuses is nobody's lesson
    theirs, expected = found
    try:
        got = flat(quietly(find(nbgrad, name, sample), *ours.args, **ours.kwargs))
        pairs = [(g, e) for g, e in zip(got, expected) if isinstance(e, torch.Tensor) and e.grad_fn is not None]
        assert len(got) == len(expected)
        for i, (g, e) in enumerate(zip(got, expected)):
            same(g, e, f"output {i}", sample.tolerance)
        if pairs:
            compare_gradients(pairs, ours.leaves, theirs.leaves, sample)
    except NotImplementedError as error:
        assert "nbgrad does not support" in str(error)


def test_most_operators_take_complex_numbers():
    taken = sum(_is_taken(name, samples) for name, samples in SAMPLES.items())
    assert taken >= 150


def _is_taken(name, samples):
    for sample in samples:
        sample = made_complex(sample)
        if sample is None:
            continue
        try:
            ours = prepare(sample, our_tensor)
            out = [t for t in flat(quietly(find(nbgrad, name, sample), *ours.args, **ours.kwargs)) if isinstance(t, nbgrad.Tensor) and t.requires_grad]
            weights = [our_tensor(w.astype(t._array.dtype), False) for w, t in zip(cotangents([tuple(t.shape) for t in out]), out)]
            nbgrad.autograd.grad(out, ours.leaves, weights, allow_unused=True)
            return bool(out)
        except Exception:
            return False
    return False
