"""The same program on nbgrad and on PyTorch: what it gives, or what it raises, as plain data that can be compared."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nbgrad


def plain(x):
    """A result as plain data; tensors as type, shape, flag and rounded numbers."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (tuple, list)):
        return [plain(y) for y in x]
    if hasattr(x, "requires_grad") and hasattr(x, "detach"):
        return (type(x).__name__, str(x.dtype), tuple(x.shape), x.requires_grad, np.round(np.asarray(x.detach().tolist(), float), 5).tolist())
    return x if isinstance(x, (str, int, float, bool, type(None))) else repr(x)


def outcome(torch, program):
    """What a program gives, or the type and words of what it raises, and what it warns of."""
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = plain(program(torch))
        except Exception as error:
            result = (type(error).__name__, str(error))
    return result, [(w.category.__name__, str(w.message)) for w in caught]


def check(program, with_warnings=True):
    """Assert that a program does on nbgrad what it does on PyTorch."""
    ours, theirs = outcome(nbgrad, program), outcome(pytest.importorskip("torch"), program)
    assert ours[0] == theirs[0]
    if with_warnings:
        assert ours[1] == theirs[1]
