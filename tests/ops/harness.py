"""What the generated tests share: the list of cases, and how one sample is turned into a call."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nbgrad._engine.op import NAMES
from nbgrad._engine.tensor import Tensor, wrap

from .samples import all_samples

SAMPLES = all_samples()


def cases(wanted=lambda name, sample: True):
    """One pytest parameter per operator and sample."""
    return [
        pytest.param(name, sample, id=f"{name}-{i}")
        for name, samples in sorted(SAMPLES.items())
        for i, sample in enumerate(samples)
        if wanted(name, sample)
    ]


def public_name(name) -> str:
    """Under which dotted name users find an operator: a function as it is called or in a namespace, or a method of Tensor."""
    if name in NAMES:
        return name
    found = [n for n in NAMES if n.endswith(f".{name}")]
    return found[0] if found else f"Tensor.{name}"


def find(root, name, sample):
    """The callable of that operator under `root`, `nbgrad` or `torch`."""
    found = root
    for part in (f"Tensor.{name}" if sample.method else public_name(name)).split("."):
        found = getattr(found, part)
    return found


@dataclasses.dataclass
class Call:
    """The arguments of one call, made of tensors, and the leaves among them."""

    args: tuple
    kwargs: dict
    leaves: list


def prepare(sample, tensor, replaced=None, convert=lambda x: x) -> Call:
    """Make fresh tensors of a sample's arrays by `tensor(array, requires_grad)`; `replaced` gives other arrays for the leaves, in order."""
    leaves = []
    count = [0]

    def make(x):
        if isinstance(x, np.ndarray):
            index = count[0]
            count[0] += 1
            wanted = sample.grad and x.dtype.kind in "fc" and (sample.leaves is None or index in sample.leaves)
            if wanted and replaced is not None:
                x = replaced[len(leaves)]
            made = tensor(x.copy(), wanted)
            if wanted:
                leaves.append(made)
            return made
        if isinstance(x, (list, tuple)):
            return type(x)(make(y) for y in x)
        return convert(x)

    args = tuple(make(x) for x in sample.args)
    return Call(args, {k: make(v) for k, v in sample.kwargs.items()}, leaves)


def our_tensor(array, requires_grad) -> Tensor:
    """A leaf of ours."""
    out = wrap(array)
    return out.requires_grad_() if requires_grad else out


def flat(result) -> list:
    """The results of a call as a list, however they came."""
    return [y for x in result for y in flat(x)] if isinstance(result, (list, tuple)) else [result]


def of_type(array, dtype):
    """An array in another type; of a complex one the imaginary parts are the numbers in reverse order."""
    return array.astype(dtype) if dtype.kind != "c" else (array + 1j * array.ravel()[::-1].reshape(array.shape)).astype(dtype)


def cotangents(shapes, seed=7):
    """Random arrays of these shapes, the same each time."""
    random = np.random.default_rng(seed)
    return [np.asarray(random.uniform(-1, 1, shape)) for shape in shapes]
