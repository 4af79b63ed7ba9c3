"""Samples of arguments for every operator: one file per topic, each with a dictionary `SAMPLES` from operator name to a list.

Arrays stand for tensors; whatever else is given is passed as it is. A new operator adds its samples to the file of its topic, and every
generated test picks them up.
"""

from __future__ import annotations

import copy
import importlib
import pkgutil

import numpy as np


class Sample:
    """One call of an operator. Floating point arrays require a gradient, unless said otherwise.

    `but(smooth=False)`: at a kink or a tie, where finite differences say nothing. `but(second=False)`: no second derivatives.
    `but(grad=False)`: forward only. `but(parity=False)`: PyTorch cannot be asked. `but(method=True)`: call the method, not the function.
    `but(leaves=(0, 2))`: only these arrays, counted in order, require a gradient. `but(tolerance=1e-4)`: relative, for parity.
    """

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs
        self.smooth = self.second = self.grad = self.parity = True
        self.method = False
        self.leaves = None
        self.tolerance = None

    def but(self, **changes):
        """The same call, to be treated otherwise."""
        other = copy.copy(self)
        for name, value in changes.items():
            if not hasattr(other, name):
                raise TypeError(f"a sample has no {name!r}")
            setattr(other, name, value)
        return other


class Maker:
    """Arrays of random numbers from a fixed seed."""

    def __init__(self, seed=0):
        self._random = np.random.default_rng(seed)

    def real(self, *shape, low=-2.0, high=2.0, dtype=np.float64):
        """Uniform floats."""
        return np.asarray(self._random.uniform(low, high, shape)).astype(dtype)

    def away(self, *shape, low=0.2, high=2.0, dtype=np.float64):
        """Floats of both signs, away from zero."""
        signs = np.asarray(self._random.choice([-1.0, 1.0], shape)).astype(dtype)
        return np.asarray(self.real(*shape, low=low, high=high, dtype=dtype) * signs)

    def whole(self, *shape, low=-4, high=5, dtype=np.int64):
        """Integers."""
        return np.asarray(self._random.integers(low, high, shape)).astype(dtype)

    def flags(self, *shape):
        """Bools."""
        return np.asarray(self._random.integers(0, 2, shape)).astype(bool)


def all_samples() -> dict[str, list[Sample]]:
    """The samples of all topics. Raises if two topics give samples for one operator."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        for name, samples in importlib.import_module(f"{__name__}.{module.name}").SAMPLES.items():
            if name in found:
                raise ValueError(f"samples of {name} are given twice, the second time in {module.name}")
            found[name] = samples
    return found
