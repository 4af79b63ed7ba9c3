"""Running one program on both libraries and comparing everything that comes out."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import nbgrad

NUMBER = re.compile(r"0x[0-9a-f]+|\d+\.\d+")


def outcome(program, torch):
    """What a program gives on a library: values in a comparable form, or the type and message of what it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return plain(program(torch))
        except Exception as error:  # noqa: BLE001  (what is raised is what is compared)
            return (type(error).__name__, str(error).partition("\n")[0])


def plain(x):
    """Tensors as (shape, dtype, requires_grad, values), containers with their type."""
    if hasattr(x, "requires_grad"):
        values = np.asarray(x.detach().numpy(force=True), order="C") + 0  # no negative zeros
        return ("tensor", tuple(x.shape), str(x.dtype).removeprefix("torch."), x.requires_grad, values)
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (tuple, list)):
        return (type(x).__name__, *map(plain, x))
    return x


def assert_alike(ours, theirs, path="result"):
    """The same structure, types, shapes and flags, and values up to rounding."""
    if isinstance(theirs, np.ndarray):
        tolerance = 1e-5 if theirs.dtype.itemsize <= 4 else 1e-10
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=path)
        return
    assert type(ours) is type(theirs), (path, ours, theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), path
        for k in theirs:
            assert_alike(ours[k], theirs[k], f"{path}[{k!r}]")
    elif isinstance(theirs, tuple):
        assert len(ours) == len(theirs), (path, ours, theirs)
        for i, (a, b) in enumerate(zip(ours, theirs)):
            assert_alike(a, b, f"{path}[{i}]")
    elif isinstance(theirs, str):
        assert NUMBER.sub("#", ours) == NUMBER.sub("#", theirs), path
    else:
        assert ours == theirs, path


def compare(program):
    """Run a program on both libraries; everything must agree, also what it raises."""
    torch = pytest.importorskip("torch")
    theirs = outcome(program, torch)
    assert_alike(outcome(program, nbgrad), theirs)
    return theirs
