"""Comparisons, logic and bits, elementwise; none of them has a derivative."""

from __future__ import annotations

import numpy as np

from .._engine.observe import tell_read
from .._engine.op import facade, primitive
from .._engine.tensor import Tensor

BOTH = {"promote": "same", "promoted": ("self", "other"), "in_place": True}
ONE = {"promote": "same", "promoted": ("self",)}


@primitive(**BOTH, operators=("__eq__",), ufunc=np.equal)
def eq(self, other):
    """Whether elements are equal."""
    return np.equal(self, other)


@primitive(**BOTH, operators=("__ne__",), aliases=("not_equal",), ufunc=np.not_equal)
def ne(self, other):
    """Whether elements differ."""
    return np.not_equal(self, other)


@primitive(**BOTH, operators=("__lt__",), aliases=("less",), ufunc=np.less, kinds="fiub")
def lt(self, other):
    """Whether elements of `self` are less than those of `other`."""
    return np.less(self, other)


@primitive(**BOTH, operators=("__le__",), aliases=("less_equal",), ufunc=np.less_equal, kinds="fiub")
def le(self, other):
    """Whether elements of `self` are less than those of `other`, or equal."""
    return np.less_equal(self, other)


@primitive(**BOTH, operators=("__gt__",), aliases=("greater",), ufunc=np.greater, kinds="fiub")
def gt(self, other):
    """Whether elements of `self` are greater than those of `other`."""
    return np.greater(self, other)


@primitive(**BOTH, operators=("__ge__",), aliases=("greater_equal",), ufunc=np.greater_equal, kinds="fiub")
def ge(self, other):
    """Whether elements of `self` are greater than those of `other`, or equal."""
    return np.greater_equal(self, other)


@primitive(**BOTH, ufunc=np.logical_and, tensors=("self", "other"))
def logical_and(self, other):
    """Whether both elements are true, that is, not 0."""
    return np.logical_and(self, other)


@primitive(**BOTH, ufunc=np.logical_or, tensors=("self", "other"))
def logical_or(self, other):
    """Whether one of the elements is true, that is, not 0."""
    return np.logical_or(self, other)


@primitive(**BOTH, ufunc=np.logical_xor, tensors=("self", "other"))
def logical_xor(self, other):
    """Whether just one of the elements is true, that is, not 0."""
    return np.logical_xor(self, other)


@primitive(**ONE, in_place=True, ufunc=np.logical_not)
def logical_not(self):
    """Whether elements are false, that is, 0."""
    return np.logical_not(self)


@primitive(**BOTH, operators=("__and__", "__rand__"), kinds="biu", tensors=())
def bitwise_and(self, other):
    """And the bits of integers or bools."""
    return np.bitwise_and(self, other)


@primitive(**BOTH, operators=("__or__", "__ror__"), kinds="biu", tensors=())
def bitwise_or(self, other):
    """Or the bits of integers or bools."""
    return np.bitwise_or(self, other)


@primitive(**BOTH, operators=("__xor__", "__rxor__"), kinds="biu", tensors=())
def bitwise_xor(self, other):
    """Exclusive-or the bits of integers or bools."""
    return np.bitwise_xor(self, other)


@primitive(**ONE, in_place=True, kinds="biu")
def bitwise_not(self):
    """Invert the bits of integers; negate bools."""
    return np.invert(self)


@facade(name="__invert__", namespace=())
def invert(self):
    """Invert the bits of integers; negate bools."""
    if self._array.dtype.kind not in "biu":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return bitwise_not.function(self)


@primitive(**BOTH, operators=("__lshift__", "__rlshift__"), tensors=(), kinds="iu")
def bitwise_left_shift(self, other):
    """Shift the bits of integers to the left."""
    return np.left_shift(self, other)


@primitive(**BOTH, operators=("__rshift__", "__rrshift__"), tensors=(), kinds="iu")
def bitwise_right_shift(self, other):
    """Shift the bits of integers to the right."""
    return np.right_shift(self, other)


@primitive(**ONE)
def isnan(self):
    """Whether elements are nan."""
    return np.isnan(self) if self.dtype.kind in "fc" else np.zeros(self.shape, bool)


@primitive(**ONE)
def isinf(self):
    """Whether elements are infinite."""
    return np.isinf(self) if self.dtype.kind in "fc" else np.zeros(self.shape, bool)


@primitive(**ONE)
def isfinite(self):
    """Whether elements are neither infinite nor nan."""
    return np.isfinite(self) if self.dtype.kind in "fc" else np.ones(self.shape, bool)


@primitive(**ONE)
def isposinf(self):
    """Whether elements are positive infinity."""
    _no_complex(self, "isposinf")
    return self == np.inf if self.dtype.kind == "f" else np.zeros(self.shape, bool)


@primitive(**ONE)
def isneginf(self):
    """Whether elements are negative infinity."""
    _no_complex(self, "isneginf")
    return self == -np.inf if self.dtype.kind == "f" else np.zeros(self.shape, bool)


@primitive(**ONE, kinds="fiub")
def signbit(self):
    """Whether elements have their sign bit set, as -0.0 has."""
    return np.signbit(self) if self.dtype.kind == "f" else self < 0 if self.dtype.kind == "i" else np.zeros(self.shape, bool)


def _no_complex(self, name):
    if self.dtype.kind == "c":
        raise RuntimeError(f"{name} is not supported for complex tensors.")


@primitive(tensors=("self", "other"))
def isclose(self, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether elements differ by no more than `atol + rtol * abs(other)`."""
    from .._engine.dtypes import of_array

    if self.dtype != other.dtype:
        raise RuntimeError(f"{of_array(self.dtype).tensor_name} did not match {of_array(other.dtype).tensor_name}")
    if rtol < 0 or atol < 0:
        name, value = ("rtol", rtol) if rtol < 0 else ("atol", atol)
        raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    close = self == other
    if self.dtype.kind == "f" or self.dtype.kind == "c":
        close = close | np.isfinite(other) & np.isfinite(self) & (np.abs(self - other) <= atol + np.abs(rtol * other))
        return close | np.isnan(self) & np.isnan(other) if equal_nan else close
    if rtol == 0 and atol == 0 or self.dtype.kind == "b":
        return close
    difference = np.abs(self - other) if self.dtype.kind == "i" else np.maximum(self, other) - np.minimum(self, other)
    return close | (difference <= atol + np.abs(rtol * other))


@facade()
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements differ by no more than `atol + rtol * abs(other)`."""
    tell_read(input, other)
    return bool(isclose.function(input, other, rtol, atol, equal_nan)._array.all())


@facade()
def equal(input, other):
    """Whether two tensors have the same shape and elements."""
    if not isinstance(input, Tensor) or not isinstance(other, Tensor):
        raise TypeError("equal(): arguments must be Tensors")
    tell_read(input, other)
    a, b = input._array, other._array
    return a.shape == b.shape and bool(np.array_equal(a, b))
