"""Elementary functions, elementwise: exponentials, logarithms, roots, trigonometric and hyperbolic functions."""

from __future__ import annotations

import math

import numpy as np

from .._engine import errors
from .._engine.op import ELEMENTWISE, primitive
from .._engine.tensor import Tensor
from .choice import where
from .pointwise import is_number, no_derivative


@primitive(vjp={"self": lambda grad, result: grad * result}, promote="float", in_place=True, ufunc=np.exp)
def exp(self):
    """Raise e to the power of each element."""
    return np.exp(self)


@primitive(
    vjp={"self": lambda grad, result: grad * result * math.log(2)}, promote="float", in_place=True, aliases=("special.exp2",), ufunc=np.exp2
)
def exp2(self):
    """Raise 2 to the power of each element."""
    return np.exp2(self)


@primitive(
    vjp={"self": lambda grad, result: grad * (result + 1)}, promote="float", in_place=True, aliases=("special.expm1",), ufunc=np.expm1
)
def expm1(self):
    """Raise e to the power of each element and subtract 1, exactly also near 0."""
    return np.expm1(self)


@primitive(vjp={"self": lambda grad, self: grad / self}, promote="float", in_place=True, ufunc=np.log)
def log(self):
    """Take the natural logarithm."""
    return np.log(self)


@primitive(vjp={"self": lambda grad, self: grad / (self * math.log(2))}, promote="float", in_place=True, ufunc=np.log2)
def log2(self):
    """Take the logarithm to base 2."""
    return np.log2(self)


@primitive(vjp={"self": lambda grad, self: grad / (self * math.log(10))}, promote="float", in_place=True, ufunc=np.log10)
def log10(self):
    """Take the logarithm to base 10."""
    return np.log10(self)


@primitive(
    vjp={"self": lambda grad, self: grad / (self + 1)},
    promote="float",
    in_place=True,
    aliases=("special.log1p",),
    node="Log1PBackward0",
    ufunc=np.log1p,
)
def log1p(self):
    """Take the natural logarithm of 1 plus each element, exactly also near 0."""
    return np.log1p(self)


@primitive(vjp={"self": lambda grad, result: grad / (2 * result)}, promote="float", in_place=True, ufunc=np.sqrt)
def sqrt(self):
    """Take the square root."""
    return np.sqrt(self)


@primitive(vjp={"self": lambda grad, result: -0.5 * grad * (result * result * result)}, promote="float", in_place=True, jvp=ELEMENTWISE)
def rsqrt(self):
    """Take the reciprocal of the square root."""
    return np.reciprocal(np.sqrt(self))


@primitive(
    vjp={"self": lambda grad, self: grad * (2 * self**1)},  # a power, as in PyTorch: the third derivative is 0, no error
    promote="same", in_place=True, node="PowBackward0", jvp=ELEMENTWISE,
)  # fmt: skip
def square(self):
    """Multiply each element by itself."""
    return self.astype(np.int64) * self if self.dtype.kind == "b" else np.multiply(self, self)


@primitive(vjp={"self": lambda grad, result: -grad * (result * result)}, promote="float", in_place=True, ufunc=np.reciprocal)
def reciprocal(self):
    """Divide 1 by each element."""
    return np.reciprocal(self)


@primitive(vjp={"self": lambda grad, self: grad * cos(self)}, promote="float", in_place=True, ufunc=np.sin)
def sin(self):
    """Take the sine of each element, in radians."""
    return np.sin(self)


@primitive(vjp={"self": lambda grad, self: grad * -sin(self)}, promote="float", in_place=True, ufunc=np.cos)
def cos(self):
    """Take the cosine of each element, in radians."""
    return np.cos(self)


@primitive(vjp={"self": lambda grad, result: grad * (1 + result * result)}, promote="float", in_place=True, ufunc=np.tan)
def tan(self):
    """Take the tangent of each element, in radians."""
    return np.tan(self)


@primitive(
    vjp={"self": lambda grad, self: grad * rsqrt(1 - self * self)}, promote="float", in_place=True, aliases=("arcsin",), ufunc=np.arcsin
)
def asin(self):
    """Take the inverse sine, in radians."""
    return np.arcsin(self)


@primitive(
    vjp={"self": lambda grad, self: grad * -rsqrt(1 - self * self)}, promote="float", in_place=True, aliases=("arccos",), ufunc=np.arccos
)
def acos(self):
    """Take the inverse cosine, in radians."""
    return np.arccos(self)


@primitive(vjp={"self": lambda grad, self: grad / (self * self + 1)}, promote="float", in_place=True, aliases=("arctan",), ufunc=np.arctan)
def atan(self):
    """Take the inverse tangent, in radians."""
    return np.arctan(self)


@primitive(
    vjp={
        "self": lambda grad, self, other: grad * other * _masked_reciprocal(self * self + other * other),
        "other": lambda grad, self, other: grad * -self * _masked_reciprocal(self * self + other * other),
    },
    promote="float", in_place=True, aliases=("arctan2",), ufunc=np.arctan2, kinds="f", tensors=("self", "other"),
)  # fmt: skip
def atan2(self, other):
    """Give the angle of the point with ordinate `self` and abscissa `other`, in radians."""
    return np.arctan2(self, other)


def _masked_reciprocal(x):
    return where(x == 0, 0, reciprocal(x))


@primitive(vjp={"self": lambda grad, self: grad * cosh(self)}, promote="float", in_place=True, ufunc=np.sinh)
def sinh(self):
    """Take the hyperbolic sine."""
    return np.sinh(self)


@primitive(vjp={"self": lambda grad, self: grad * sinh(self)}, promote="float", in_place=True, ufunc=np.cosh)
def cosh(self):
    """Take the hyperbolic cosine."""
    return np.cosh(self)


@primitive(
    vjp={"self": lambda grad, result: _tanh_backward(grad, result)},
    promote="float",
    in_place=True,
    namespace=("", "nn.functional"),
    ufunc=np.tanh,
)
def tanh(self):
    """Take the hyperbolic tangent."""
    return np.tanh(self)


@primitive(
    vjp={
        "grad_output": lambda grad, result_of_tanh: grad * (1 - result_of_tanh * result_of_tanh),
        "result_of_tanh": lambda grad, grad_output, result_of_tanh: grad * grad_output * -2.0 * result_of_tanh,
    },
    method=False, namespace=(),
)  # fmt: skip
def _tanh_backward(grad_output, result_of_tanh):
    """The gradient of `tanh`, by its result; one buffer instead of three."""
    slope = np.multiply(result_of_tanh, result_of_tanh)
    slope = np.subtract(1, slope, out=slope) if type(slope) is np.ndarray else 1 - slope
    return (
        np.multiply(grad_output, slope, out=slope)
        if type(slope) is np.ndarray and slope.dtype == grad_output.dtype
        else grad_output * slope
    )


@primitive(
    vjp={"self": lambda grad, self: grad * rsqrt(self * self + 1)}, promote="float", in_place=True, aliases=("arcsinh",), ufunc=np.arcsinh
)
def asinh(self):
    """Take the inverse hyperbolic sine."""
    return np.arcsinh(self)


@primitive(
    vjp={"self": lambda grad, self: grad * rsqrt(self * self - 1)}, promote="float", in_place=True, aliases=("arccosh",), ufunc=np.arccosh
)
def acosh(self):
    """Take the inverse hyperbolic cosine."""
    return np.arccosh(self)


@primitive(
    vjp={"self": lambda grad, self: grad / (1 - self * self)}, promote="float", in_place=True, aliases=("arctanh",), ufunc=np.arctanh
)
def atanh(self):
    """Take the inverse hyperbolic tangent."""
    return np.arctanh(self)


@primitive(
    vjp={"self": lambda grad, self, result: grad * (self / result), "other": lambda grad, other, result: grad * (other / result)},
    promote="same", in_place=True, ufunc=np.hypot, kinds="f", tensors=("self", "other"),
)  # fmt: skip
def hypot(self, other):
    """Give the length of the hypotenuse over two legs."""
    return np.hypot(self, other)


@primitive(
    vjp={"self": lambda grad, self, other: grad / (1 + exp(other - self)), "other": lambda grad, self, other: grad / (1 + exp(self - other))},
    promote="float", ufunc=np.logaddexp, tensors=("self", "other"),
)  # fmt: skip
def logaddexp(self, other):
    """Give `log(exp(self) + exp(other))` without overflow."""
    return complex_logaddexp(self, other) if self.dtype.kind == "c" else np.logaddexp(self, other)


def complex_logaddexp(a, b):
    """The logarithm of a sum of exponentials of complex arrays: the one with the greater real part, and what the other adds to it."""
    less = np.less(a.real, b.real)
    small, big = np.where(less, a, b), np.where(less, b, a)
    out = big + np.log1p(np.exp(small - big))
    infinite = np.isinf(small.real) & (small.real == big.real)
    return np.where(infinite, np.where(small.real < 0, small, np.log(np.exp(small) + np.exp(big))), out).astype(a.dtype, copy=False)


@primitive(
    vjp={"self": lambda grad, self, other: grad / (1 + exp2(other - self)), "other": lambda grad, self, other: grad / (1 + exp2(self - other))},
    promote="float", ufunc=np.logaddexp2, tensors=("self", "other"),
)  # fmt: skip
def logaddexp2(self, other):
    """Give `log2(2 ** self + 2 ** other)` without overflow."""
    if self.dtype.kind == "c":
        raise errors.unsupported("logaddexp2 of complex numbers")
    return np.logaddexp2(self, other)


@primitive(
    vjp={"self": lambda grad, result: _sigmoid_backward(grad, result)}, promote="float", in_place=True, namespace=("", "nn.functional"),
    aliases=("special.expit",), jvp=ELEMENTWISE,
)  # fmt: skip
def sigmoid(self):
    """Squash each element to (0, 1): `1 / (1 + exp(-x))`."""
    return np.reciprocal(1 + np.exp(-self))


@primitive(
    vjp={
        "grad_output": lambda grad, result_of_sigmoid: grad * ((1 - result_of_sigmoid) * result_of_sigmoid),
        "result_of_sigmoid": lambda grad, grad_output, result_of_sigmoid: grad * grad_output * (1 - 2 * result_of_sigmoid),
    },
    method=False, namespace=(),
)  # fmt: skip
def _sigmoid_backward(grad_output, result_of_sigmoid):
    """The gradient of `sigmoid`, by its result."""
    return grad_output * ((1 - result_of_sigmoid) * result_of_sigmoid)


@primitive(
    vjp={"self": lambda grad, self, eps: _logit_slope(grad, self, eps)},
    promote="float",
    promoted=("self",),
    in_place=True,
    aliases=("special.logit",), jvp=ELEMENTWISE, kinds="f",
)
def logit(self, eps=None):
    """Invert `sigmoid`: `log(x / (1 - x))`, with the elements brought into [eps, 1 - eps] first if `eps` is given."""
    if eps is not None and eps >= 0:
        self = np.clip(self, self.dtype.type(eps), self.dtype.type(1 - eps))
    return np.log(self / (1 - self))


def _logit_slope(grad, self, eps):
    slope = grad / (self * (1 - self))
    if eps is None or eps < 0:
        return where((self < 0) | (self > 1), math.nan, slope)
    return where((self < eps) | (self > 1 - eps), 0, slope)


@primitive(
    vjp={"self": lambda grad, self, other: grad * _log_where_positive(self, other), "other": lambda grad, self, other: grad * self / other},
    promote="float", in_place=True, tensors=(), aliases=("special.xlogy",),
    node=lambda self, other: "XlogyBackward2" if not isinstance(other, Tensor) else "XlogyBackward0" if isinstance(self, Tensor) else "XlogyBackward1", jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def xlogy(self, other):
    """Give `self * log(other)`, which is 0 where `self` is 0, unless `other` is nan."""
    return np.where(np.isnan(other), np.nan, np.where(self == 0, 0, self * np.log(other))).astype(self.dtype)


def _log_where_positive(self, other):
    if is_number(other):
        if other > 0:
            return math.log(other)
        return where(self == 0, 0.0, -math.inf if other == 0 else math.nan)
    return where((self == 0) & (other <= 0), 0.0, log(other))


@primitive(vjp={"self": lambda grad, self: grad * _sinc_slope(self)}, promote="float", in_place=True, aliases=("special.sinc",), jvp=ELEMENTWISE)
def sinc(self):
    """Give `sin(pi x) / (pi x)`, which is 1 at 0."""
    angle = np.pi * self
    return np.where(angle == 0, 1, np.sin(angle) / angle).astype(self.dtype)


def _sinc_slope(self):
    angle = self * math.pi
    return where(self == 0, 0.0, (cos(angle) * angle - sin(angle)) / (angle * self))


@primitive(vjp={"self": lambda grad: grad * (math.pi / 180)}, promote="float", in_place=True, node="Deg2RadBackward0", jvp=ELEMENTWISE, kinds="f")
def deg2rad(self):
    """Convert degrees to radians."""
    return self * (math.pi / 180)


@primitive(vjp={"self": lambda grad: grad * (180 / math.pi)}, promote="float", in_place=True, node="Rad2DegBackward0", jvp=ELEMENTWISE, kinds="f")
def rad2deg(self):
    """Convert radians to degrees."""
    return self * (180 / math.pi)


@primitive(
    vjp={"self": no_derivative("heaviside"), "values": no_derivative("heaviside")}, promote="same", in_place=True, node="NotImplemented", tensors=("self", "values"), kinds="fiub", alike=("self", "values"),
)  # fmt: skip
def heaviside(self, values):
    """Give 0 for negative elements, 1 for positive ones and `values` at 0."""
    return np.where(self == 0, values, self > 0).astype(self.dtype)
