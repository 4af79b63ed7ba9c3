"""Arithmetic and elementary functions, elementwise with broadcasting."""

from __future__ import annotations

import operator

import numpy as np

from .._engine.op import primitive


def _no_bool(self, other):
    if self.dtype.kind == "b":
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        )


@primitive(
    vjp={"self": lambda grad: grad, "other": lambda grad, alpha: grad if alpha == 1 else grad * alpha},
    promote="same", operators=("__add__", "__radd__"), in_place=True, ufunc=operator.add,
)  # fmt: skip
def add(self, other, *, alpha=1):
    """Add `other`, times `alpha`, to `self`, elementwise."""
    return np.add(self, other) if alpha == 1 else np.add(self, np.multiply(other, alpha, dtype=self.dtype))


@primitive(
    vjp={"self": lambda grad: grad, "other": lambda grad, alpha: grad * -alpha},
    promote="same", operators=("__sub__", "__rsub__"), in_place=True,
)  # fmt: skip
def sub(self, other, *, alpha=1):
    """Subtract `other`, times `alpha`, from `self`, elementwise."""
    _no_bool(self, other)
    return np.subtract(self, other) if alpha == 1 else np.subtract(self, np.multiply(other, alpha, dtype=self.dtype))


@primitive(
    vjp={"self": lambda grad, other: grad * other, "other": lambda grad, self: grad * self},
    promote="same", operators=("__mul__", "__rmul__"), in_place=True, ufunc=operator.mul,
)  # fmt: skip
def mul(self, other):
    """Multiply `self` by `other`, elementwise."""
    return np.multiply(self, other)


@primitive(vjp={"self": lambda grad, result: grad * result}, promote="float", in_place=True)
def exp(self):
    """Raise e to the power of each element."""
    return np.exp(self)
