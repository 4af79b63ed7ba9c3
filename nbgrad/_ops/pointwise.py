"""Arithmetic, elementwise with broadcasting: sums, products, quotients, powers, and choosing between values."""

from __future__ import annotations

import math
import operator

import numpy as np

from .._engine.arguments import must_be
from .._engine.batched import anywhere, everywhere
from .._engine.op import ELEMENTWISE, facade, primitive
from .._engine.tensor import Tensor


def no_derivative(name):
    """A formula for an operator that PyTorch gives no derivative: asking for it raises."""

    def formula(grad):
        raise NotImplementedError(f"derivative for aten::{name} is not implemented")

    return formula


def is_number(x):
    """Whether an argument is a Python number, not a tensor or array."""
    return isinstance(x, (int, float, complex))


def widened(x):
    """Half precision as single precision, in which PyTorch too computes what would overflow or lose digits; others as they are."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


@primitive(method=False, namespace=())
def _zeros(self):
    """Give zeros of the same shape and type: the gradient of what is constant almost everywhere."""
    return np.zeros(self.shape, self.dtype)


def _no_bool(self):
    if self.dtype.kind == "b":
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        )


def _scaled(x, alpha):
    """`alpha * x` in the type of `x`."""
    if alpha is True or alpha is False:
        if x.dtype.kind != "b":
            raise RuntimeError("Boolean alpha only supported for Boolean results.")
    elif x.dtype.kind in "biu" and not isinstance(alpha, int):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if x.dtype.kind == "b":
        alpha = bool(alpha)
    return np.multiply(x, alpha, dtype=x.dtype)


def _times(grad, alpha):
    return grad if alpha == 1 else grad * alpha


@primitive(
    vjp={"self": lambda grad: grad, "other": lambda grad, alpha: _times(grad, alpha)},
    promote="same", operators=("__add__", "__radd__"), in_place=True, ufunc=operator.add, tensors=(),
)  # fmt: skip
def add(self, other, *, alpha=1):
    """Add `other`, times `alpha`, to `self`, elementwise."""
    return np.add(self, other) if alpha == 1 and alpha is not True else np.add(self, _scaled(other, alpha))


@primitive(
    vjp={"self": lambda grad: grad, "other": lambda grad, alpha: -grad if alpha == 1 else grad * -alpha},
    promote="same", operators=("__sub__",), in_place=True, aliases=("subtract",), bools=False, tensors=(), jvp=ELEMENTWISE,
)  # fmt: skip
def sub(self, other, *, alpha=1):
    """Subtract `other`, times `alpha`, from `self`, elementwise."""
    _no_bool(self)
    return np.subtract(self, other) if alpha == 1 else np.subtract(self, _scaled(other, alpha))


@primitive(
    vjp={"self": lambda grad, alpha: -grad if alpha == 1 else grad * -alpha, "other": lambda grad: grad},
    promote="same", operators=("__rsub__",), bools=False,
    node=lambda self, other, alpha: "RsubBackward0" if isinstance(other, Tensor) else "RsubBackward1", jvp=ELEMENTWISE,
)  # fmt: skip
def rsub(self, other, *, alpha=1):
    """Subtract `self`, times `alpha`, from `other`, elementwise."""
    _no_bool(self)
    return np.subtract(other, self) if alpha == 1 else np.subtract(other, _scaled(self, alpha))


@primitive(
    vjp={"self": lambda grad, other: grad * other, "other": lambda grad, self: grad * self},
    promote="same", operators=("__mul__", "__rmul__"), in_place=True, ufunc=operator.mul, tensors=(), aliases=("multiply",),
    frees=("other",),
)  # fmt: skip
def mul(self, other):
    """Multiply `self` by `other`, elementwise."""
    return np.multiply(self, other)


@primitive(
    name="div", overload="true", vjp={"self": lambda grad, other: grad / other, "other": lambda grad, self, other: -grad * ((self / other) / other)},
    promote="float", in_place=True, tensors=(), ufunc=operator.truediv, frees=("other",),
)  # fmt: skip
def _div(self, other):
    """Divide `self` by `other`, elementwise."""
    return np.true_divide(self, other)


Tensor.__truediv__ = _div.function.operator


@primitive(
    name="div", overload="mode", vjp={"self": lambda grad: _zeros(grad), "other": lambda grad: _zeros(grad)}, promote="same", in_place=True,
    node="DivBackward2", tensors=(), jvp=ELEMENTWISE,
)  # fmt: skip
def _div_mode(self, other, rounding_mode):
    """Divide and round."""
    if rounding_mode == "floor":
        return floor_divide.kernel(self, other)
    if rounding_mode != "trunc":
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")
    if self.dtype.kind not in "biu":
        return np.trunc(np.true_divide(self, other))
    quotient = floor_divide.kernel(self, other)
    return quotient + ((quotient < 0) & (quotient * other != self)).astype(quotient.dtype)


@primitive(name="div", overload="number", vjp={"self": lambda grad, other: grad / other}, node="DivBackward1", jvp=ELEMENTWISE)
def div_by_number(self, other):
    """Divide by a number; PyTorch's own name for it inside its losses."""
    return np.true_divide(self, other)


@primitive(name="mul", overload="number", vjp={"self": lambda grad, other: grad * other}, node="MulBackward1", jvp=ELEMENTWISE)
def mul_by_number(self, other):
    """Multiply by a number; PyTorch's own name for it inside its composites."""
    return np.multiply(self, other)


@facade(aliases=("divide",))
def div(self, other, *, rounding_mode=None, out=None):
    """Divide `self` by `other`, elementwise; `rounding_mode` "trunc" rounds towards zero, "floor" down. Integers give floats without it."""
    further = {} if out is None else {"out": out}
    return _div.function(self, other, **further) if rounding_mode is None else _div_mode.function(self, other, rounding_mode, **further)


@facade(namespace=("",), aliases=("divide_",))
def div_(self, other, *, rounding_mode=None):
    """In-place version of `div`: the result replaces the tensor's elements."""
    return _div.twin(self, other) if rounding_mode is None else _div_mode.twin(self, other, rounding_mode)


Tensor.__itruediv__ = _div.twin


@facade(aliases=("true_divide_",), method=True)
def true_divide(self, other, *, out=None):
    """Divide `self` by `other`, elementwise."""
    return _div.function(self, other) if out is None else _div.function(self, other, out=out)


Tensor.true_divide_ = _div.twin


@facade(name="__rdiv__", namespace=(), operators=("__rtruediv__",))
def rdiv(self, other):
    """Divide `other` by `self`, elementwise."""
    return self.reciprocal() * other


Tensor.__rtruediv__ = rdiv  # the operands come in this order already


def _check_divisor(self, other):
    if self.dtype.kind in "biu" and not everywhere(other):
        raise RuntimeError("ZeroDivisionError")


@primitive(
    vjp={"self": no_derivative("floor_divide"), "other": no_derivative("floor_divide")}, promote="same", in_place=True, node="NotImplemented",
    operators=("__floordiv__", "__rfloordiv__"), tensors=(), kinds="fiub",
)  # fmt: skip
def floor_divide(self, other):
    """Divide `self` by `other` and round down, elementwise."""
    _check_divisor(self, other)
    return np.floor_divide(self, other)


@primitive(
    vjp={"self": lambda grad: grad, "other": lambda grad, self, other: -grad * _floored(self, other)},
    promote="same", in_place=True, operators=("__mod__", "__rmod__"), tensors=(),
    node=lambda self, other: (
        "RemainderBackward0" if not isinstance(other, Tensor) else "RemainderBackward1" if isinstance(self, Tensor) else "NotImplemented"
    ), jvp=ELEMENTWISE, kinds="fiub",
)  # fmt: skip
def remainder(self, other):
    """Give what is left of `self` after division by `other`, elementwise, with the sign of `other`."""
    _check_divisor(self, other)
    if self.dtype.kind != "f":
        return np.remainder(self, other)
    rest = np.fmod(self, other)  # has the sign of `self`, and keeps it where it is 0, as in torch and not in NumPy's own remainder
    return np.where((rest != 0) & ((rest < 0) != (other < 0)), rest + other, rest)


def _floored(self, other):
    if is_number(self):
        raise NotImplementedError("derivative for aten::remainder is not implemented")
    return floor(self / other)


@primitive(
    vjp={"self": lambda grad: grad, "other": lambda grad, self, other: -grad * trunc(self / other)}, promote="same", in_place=True,
    node=lambda self, other: "FmodBackward1" if isinstance(other, Tensor) else "FmodBackward0", jvp=ELEMENTWISE, kinds="fiub",
)  # fmt: skip
def fmod(self, other):
    """Give what is left of `self` after division by `other`, elementwise, with the sign of `self`."""
    _check_divisor(self, other)
    return np.fmod(self, other)


_POWERS = {
    2: lambda x: np.multiply(x, x),
    3: lambda x: np.multiply(np.multiply(x, x), x),
    1: lambda x: +x,
    0: lambda x: np.ones_like(x),
    0.5: np.sqrt,
    -0.5: lambda x: np.reciprocal(np.sqrt(x)),
    -1: np.reciprocal,
    -2: lambda x: np.reciprocal(np.multiply(x, x)),
}  # as PyTorch computes them: exact and many times faster than the general power


@primitive(
    vjp={
        "self": lambda grad, self, exponent: _power_by_base(grad, self, exponent),
        "exponent": lambda grad, self, exponent, result: _power_by_exponent(grad, self, exponent, result),
    },
    promote="same", in_place=True, operators=("__pow__", "__rpow__"), tensors=(),
    node=lambda self, exponent: "PowBackward0" if not isinstance(exponent, Tensor) else "PowBackward1" if isinstance(self, Tensor) else "PowBackward2", jvp=ELEMENTWISE,
)  # fmt: skip
def pow(self, exponent):
    """Raise `self` to the power `exponent`, elementwise."""
    if type(exponent) is np.ndarray and exponent.ndim == 0 and self.dtype.kind in "fc":
        special = _POWERS.get(exponent.item())
        if special is not None:
            return special(self)
    if self.dtype.kind in "iu":
        return _integer_power(self, exponent)
    if self.dtype.kind == "b":
        return np.logical_or(self, np.logical_not(exponent))
    if type(exponent) is np.ndarray and exponent.ndim and (0 in exponent.strides or exponent.shape != np.shape(self)):
        # NumPy takes a root where one exponent serves a whole row, and (-inf) ** 0.5 is inf as a power but nan as a root
        exponent = np.broadcast_to(exponent, np.broadcast_shapes(exponent.shape, np.shape(self))).copy()
    return np.power(self, exponent)


def _integer_power(self, other):
    negative = other < 0
    if not anywhere(negative):
        return np.power(self, other)
    if other.ndim == 0 and self.ndim:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    # of the integers only 1 and -1 have integer inverses; PyTorch gives 0 for the others
    inverse = np.where(self == 1, 1, np.where(self == -1, np.where(other % 2 == 0, 1, -1), 0)).astype(self.dtype)
    return np.where(negative, inverse, np.power(self, np.where(negative, 0, other).astype(other.dtype)))


def _power_by_base(grad, self, exponent):
    if is_number(exponent):
        if exponent == 0:
            return _zeros(grad)
        return grad * (exponent * self ** (exponent - 1))
    # the exponent is kept from -1 where it is 0, so that the second derivative at 0 ** 0 is no nan
    return where(exponent == 0, 0.0, grad * (exponent * self ** (where(exponent == 0, 1, exponent) - 1)))


def _power_by_exponent(grad, base, exponent, result):
    if is_number(base):
        if base == 0:
            return grad * where(_not_negative(exponent), 0.0, result * -math.inf)
        return grad * (result * (math.log(base) if base > 0 else math.nan))
    return grad * where((base == 0) & _not_negative(exponent), 0.0, result * log(base))


def _not_negative(exponent):
    return (exponent.imag == 0) & (exponent.real >= 0) if _is_complex(exponent) else exponent >= 0


@facade()
def float_power(self, exponent):
    """Raise `self` to the power `exponent`, elementwise, in float64."""
    from .._engine.dtypes import complex128, float64

    for index, x in enumerate((self, exponent)):
        if not isinstance(x, (Tensor, int, float, complex, np.number)):
            raise must_be("float_power", ("self", "exponent")[index], index, "Tensor", x)
    whole = any(x.is_complex() if isinstance(x, Tensor) else isinstance(x, complex) for x in (self, exponent))
    kind, number = (complex128, complex) if whole else (float64, float)
    self, exponent = (x.to(kind) if isinstance(x, Tensor) else number(x) for x in (self, exponent))
    return pow.function(self, exponent)


@primitive(vjp={"self": lambda grad: -grad}, promote="same", operators=("__neg__",), in_place=True, aliases=("negative",), jvp=ELEMENTWISE)
def neg(self):
    """Change the sign of each element."""
    if self.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
            "`logical_not()` operator instead."
        )
    return np.negative(self)


@facade(operators=("__pos__",))
def positive(self):
    """Give the tensor itself. Raises for bool tensors."""
    if self._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return self


@primitive(
    vjp={"self": lambda grad, self: grad * sgn(self)},
    promote="same",
    operators=("__abs__",),
    in_place=True,
    aliases=("absolute",),
    ufunc=np.abs,
    analytic=False, kinds="fiuc",
)
def abs(self):
    """Give the absolute value of each element. The gradient at 0 is 0."""
    return np.abs(self)


@primitive(vjp={"self": lambda grad: _zeros(grad)}, promote="same", in_place=True, jvp=ELEMENTWISE, kinds="fiub")
def sign(self):
    """Give -1, 0 or 1 by the sign of each element."""
    return (
        self.copy()
        if self.dtype.kind == "b"
        else np.where(np.isnan(self), 0, np.sign(self)).astype(self.dtype)
        if self.dtype.kind == "f"
        else np.sign(self)
    )


def _sgn_gradient(grad, self):
    if not _is_complex(self):
        return _zeros(grad)
    length = abs(self)
    direction = sgn(self)
    across = grad - direction * (direction.conj() * grad).real
    return where(length == 0, 0, across / where(length == 0, 1, length))


def _is_complex(x):
    return (x._array if isinstance(x, Tensor) else x).dtype.kind == "c"


@primitive(vjp={"self": lambda grad, self: _sgn_gradient(grad, self)}, promote="same", in_place=True, analytic=False, jvp=ELEMENTWISE)
def sgn(self):
    """Give -1, 0 or 1 by the sign of each element; for complex numbers, the one of the same angle and length 1."""
    return np.sign(self) if self.dtype.kind == "c" else sign.kernel(self)


@primitive(vjp={"self": lambda grad: _zeros(grad)}, promote="same", in_place=True, jvp=ELEMENTWISE, kinds="fiu")
def floor(self):
    """Round each element down."""
    return _rounded(np.floor, self)


@primitive(vjp={"self": lambda grad: _zeros(grad)}, promote="same", in_place=True, jvp=ELEMENTWISE, kinds="fiu")
def ceil(self):
    """Round each element up."""
    return _rounded(np.ceil, self)


@primitive(vjp={"self": lambda grad: _zeros(grad)}, promote="same", in_place=True, aliases=("fix",), jvp=ELEMENTWISE, kinds="fiu")
def trunc(self):
    """Round each element towards zero."""
    return _rounded(np.trunc, self)


@primitive(
    vjp={"self": lambda grad: _zeros(grad)}, promote="same", in_place=True, aliases=("special.round",),
    node=lambda self, decimals: "RoundBackward1" if decimals else "RoundBackward0", jvp=ELEMENTWISE, kinds="fiu",
)  # fmt: skip
def round(self, *, decimals=0):
    """Round each element to `decimals` places, halves to even."""
    if not decimals:
        return _rounded(np.rint, self)
    if self.dtype.kind in "biu":
        raise RuntimeError("round_decimals: not implemented for integer types")
    scale = self.dtype.type(10.0 ** operator.index(operator.abs(decimals)))
    return np.rint(self * scale) / scale if decimals > 0 else np.rint(self / scale) * scale


def _rounded(function, self):
    return self.copy() if self.dtype.kind in "iu" else function(self)


@primitive(vjp={"self": lambda grad: grad}, promote="same", in_place=True, jvp=ELEMENTWISE, kinds="f")
def frac(self):
    """Give the part of each element behind the point, with its sign."""
    return self - np.trunc(self)


from .choice import where  # noqa: E402  (the formulas of these two files name each other's operators)
from .elementary import log  # noqa: E402
