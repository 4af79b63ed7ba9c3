"""Choosing between values, elementwise: `where`, `clamp`, `maximum`, and what mixes them."""

from __future__ import annotations

import numpy as np

from .._engine.batched import as_array
from .._engine.batching import by_example
from .._engine.observe import tell_read
from .._engine.op import ELEMENTWISE, LINEAR, facade, primitive
from .._engine.tensor import Tensor, wrap

_BITS = {4: np.int32, 8: np.int64}


def select(condition, a, b):
    """`np.where`, by bits where the mask is large: that guesses no branches, and takes a tenth of the time on a random mask."""
    if condition.size < 512 or type(condition) is not np.ndarray:
        return np.where(condition, a, b)
    kind = getattr(a, "dtype", None) if type(a) is np.ndarray else getattr(b, "dtype", None)
    bits = kind is not None and kind.kind in "fi" and _BITS.get(kind.itemsize)
    if not bits:
        return np.where(condition, a, b)
    pieces = []
    for x in (a, b):
        if type(x) in (int, float) and (kind.kind == "f" or type(x) is int):
            x = kind.type(x)
        if getattr(x, "dtype", None) != kind or x.shape and x.shape != condition.shape:
            return np.where(condition, a, b)
        pieces.append(x.view(bits))
    mask = condition.astype(bits)
    np.negative(mask, out=mask)  # all bits set where the condition holds
    if not pieces[1].shape and not pieces[1]:
        return np.bitwise_and(mask, pieces[0], out=mask).view(kind)
    np.bitwise_and(mask, pieces[0] ^ pieces[1], out=mask)
    return np.bitwise_xor(mask, pieces[1], out=mask).view(kind)


@primitive(
    overload="self", vjp={"self": lambda grad, condition: where(condition, grad, 0), "other": lambda grad, condition: where(condition, 0, grad)},
    promote="same", tensors=("condition",), jvp=LINEAR,
)  # fmt: skip
def where(condition, self, other):
    """Take `self` where `condition` is true and `other` elsewhere."""
    if condition.dtype.kind != "b":
        if condition.dtype != np.uint8:
            raise RuntimeError("where expected condition to be a boolean tensor")
        condition = condition.astype(bool)
    return select(condition, self, other)


_MISSING = object()


@facade(name="where", method=False)
@by_example
def where_or_nonzero(condition, self=_MISSING, other=_MISSING, *, out=None):
    """Take `self` where `condition` is true and `other` elsewhere; with the condition alone, give the indices where it is true."""
    if self is _MISSING and other is _MISSING:
        if not isinstance(condition, Tensor):
            raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
        tell_read(condition)
        return tuple(wrap(i) for i in np.nonzero(np.atleast_1d(condition._array)))
    return where.function(condition, self, other) if out is None else where.function(condition, self, other, out=out)


@facade(name="where", namespace=())
def where_method(self, condition, other):
    """Take this tensor where `condition` is true and `other` elsewhere."""
    return where.function(condition, self, other)


def _clamp_self(grad, self, min, max):
    if min is None:
        return where(self <= max, grad, 0)
    return where(self >= min, grad, 0) if max is None else where((self >= min) & (self <= max), grad, 0)


def _clamp_bound(grad, self, min, max, which):
    if min is None or max is None:
        mask = self < min if max is None else self > max
    else:
        mask = (self < min) & (min < max) if which == "min" else (self > max) | (max < min)
    return where(mask, grad, 0)


@primitive(
    vjp={
        "self": lambda grad, self, min, max: _clamp_self(grad, self, min, max),
        "min": lambda grad, self, min, max: _clamp_bound(grad, self, min, max, "min"),
        "max": lambda grad, self, min, max: _clamp_bound(grad, self, min, max, "max"),
    },
    promote="same", in_place=True, aliases=("clip",),
    node=lambda self, min, max: "ClampBackward0" if isinstance(min, Tensor) or isinstance(max, Tensor) else "ClampBackward1", jvp=ELEMENTWISE, kinds="fiub",
)  # fmt: skip
def clamp(self, min=None, max=None):
    """Bring each element between `min` and `max`, numbers or tensors, either of which may be left out."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if min is not None:
        self = np.maximum(self, min)
    return self if max is None else np.minimum(self, max)


@primitive(
    vjp={
        "self": lambda grad, self, min: where(self >= min, grad, 0),
        "min": lambda grad, self, min: where(self < min, grad, 0),
    },
    promote="same", in_place=True, node=lambda self, min: "ClampMinBackward1" if isinstance(min, Tensor) else "ClampMinBackward0", jvp=ELEMENTWISE, kinds="fiub",
)  # fmt: skip
def clamp_min(self, min):
    """Raise elements below `min` to it."""
    return np.maximum(self, min)


@primitive(
    vjp={
        "self": lambda grad, self, max: where(self <= max, grad, 0),
        "max": lambda grad, self, max: where(self > max, grad, 0),
    },
    promote="same", in_place=True, node=lambda self, max: "ClampMaxBackward1" if isinstance(max, Tensor) else "ClampMaxBackward0", jvp=ELEMENTWISE, kinds="fiub",
)  # fmt: skip
def clamp_max(self, max):
    """Lower elements above `max` to it."""
    return np.minimum(self, max)


@primitive(
    vjp={
        "self": lambda grad, self, other: where(self < other, 0, where(self == other, grad / 2, grad)),
        "other": lambda grad, self, other: where(self > other, 0, where(self == other, grad / 2, grad)),
    },
    promote="same", ufunc=np.maximum, kinds="fiub", tensors=("self", "other"),
)  # fmt: skip
def maximum(self, other):
    """Take the larger of two elements; nan if either is. Of two equal ones each gets half of the gradient."""
    return np.maximum(self, other)


@primitive(
    vjp={
        "self": lambda grad, self, other: where(self > other, 0, where(self == other, grad / 2, grad)),
        "other": lambda grad, self, other: where(self < other, 0, where(self == other, grad / 2, grad)),
    },
    promote="same", ufunc=np.minimum, kinds="fiub", tensors=("self", "other"),
)  # fmt: skip
def minimum(self, other):
    """Take the smaller of two elements; nan if either is. Of two equal ones each gets half of the gradient."""
    return np.minimum(self, other)


@primitive(
    vjp={
        "self": lambda grad, self, other: where((self >= other) | (other != other), grad, 0),
        "other": lambda grad, self, other: where((self >= other) | (other != other), 0, grad),
    },
    promote="same", ufunc=np.fmax, kinds="fiub", tensors=("self", "other"),
)  # fmt: skip
def fmax(self, other):
    """Take the larger of two elements; where one is nan, the other."""
    return np.fmax(self, other)


@primitive(
    vjp={
        "self": lambda grad, self, other: where((self <= other) | (other != other), grad, 0),
        "other": lambda grad, self, other: where((self <= other) | (other != other), 0, grad),
    },
    promote="same", ufunc=np.fmin, kinds="fiub", tensors=("self", "other"),
)  # fmt: skip
def fmin(self, other):
    """Take the smaller of two elements; where one is nan, the other."""
    return np.fmin(self, other)


@primitive(
    vjp={
        "self": lambda grad, weight: grad * (1 - weight),
        "end": lambda grad, weight: grad * weight,
        "weight": lambda grad, self, end: grad * (end - self),
    },
    promote="same", in_place=True, node=lambda self, end, weight: "LerpBackward1" if isinstance(weight, Tensor) else "LerpBackward0", jvp=ELEMENTWISE, tensors=("self", "end"), alike=("self", "end", "weight"),
)  # fmt: skip
def lerp(self, end, weight):
    """Go from `self` towards `end` by the part `weight`: `self + weight * (end - self)`."""
    way = end - self
    if weight.ndim == 0:
        return self + weight * way if weight < 0.5 else end - way * (1 - weight)
    return np.where(np.abs(weight) < 0.5, self + weight * way, end - way * (1 - weight))


def _scale(grad, value):
    return grad if value == 1 else grad * value


@primitive(
    vjp={
        "self": lambda grad: grad,
        "tensor1": lambda grad, tensor2, value: _scale(grad * tensor2, value),
        "tensor2": lambda grad, tensor1, value: _scale(grad * tensor1, value),
    },
    promote="same", in_place=True, jvp=ELEMENTWISE, tensors=("self", "tensor1", "tensor2"),
)  # fmt: skip
def addcmul(self, tensor1, tensor2, *, value=1):
    """Add the product of two tensors, times `value`."""
    return self + np.multiply(_in_type(value, self.dtype), tensor1) * tensor2


@primitive(
    vjp={
        "self": lambda grad: grad,
        "tensor1": lambda grad, tensor2, value: _scale(grad / tensor2, value),
        "tensor2": lambda grad, tensor1, tensor2, value: -grad * (_scale(tensor1, value) / (tensor2 * tensor2)),
    },
    promote="same", in_place=True, jvp=ELEMENTWISE, tensors=("self", "tensor1", "tensor2"),
)  # fmt: skip
def addcdiv(self, tensor1, tensor2, *, value=1):
    """Add the quotient of two tensors, times `value`."""
    if self.dtype.kind in "biu":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true division of "
            "tensor1 and tensor2."
        )
    return self + np.multiply(_in_type(value, self.dtype), tensor1) / tensor2


def _in_type(value, numpy_dtype):
    if numpy_dtype.kind in "iu" and not isinstance(value, int):
        raise RuntimeError("value cannot be converted to an integer type without loss")
    return as_array(value, numpy_dtype)


@primitive(
    vjp={
        "self": lambda grad, self, result: grad * _copysign_slope(self, result),
        "other": lambda grad: _zeros(grad),
    },
    promote="float", in_place=True, node=lambda self, other: "CopysignBackward0" if isinstance(other, Tensor) else "CopysignBackward1", ufunc=np.copysign, kinds="f",
)  # fmt: skip
def copysign(self, other):
    """Give the magnitude of `self` with the sign of `other`."""
    return np.copysign(self, other)


def _copysign_slope(self, result):
    return where(self == 0, 0, result / self)


@primitive(
    vjp={"self": lambda grad, self: where((self == self) & (abs(self) != float("inf")), grad, 0)}, promote="same", in_place=True, jvp=ELEMENTWISE,
)  # fmt: skip
def nan_to_num(self, nan=None, posinf=None, neginf=None):
    """Replace nan by `nan` (0), and infinities by `posinf` and `neginf` (the largest and smallest number of the type)."""
    if self.dtype.kind not in "fc":
        return self.copy()
    return np.nan_to_num(self, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


from .pointwise import _zeros, abs  # noqa: E402  (the formulas of these two files name each other's operators)
