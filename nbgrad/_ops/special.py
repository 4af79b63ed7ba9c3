"""Error functions, the normal distribution's, and the gamma function's kin, elementwise. SciPy computes them, and is loaded when one of them first runs."""

from __future__ import annotations

import math

import numpy as np

from .._engine import dtypes
from .._engine.batched import anywhere, as_array
from .._engine.errors import unsupported
from .._engine.op import ELEMENTWISE, composite, facade, primitive
from .._engine.tensor import Tensor
from .._engine.writing import writes_out
from .choice import where
from .elementary import exp, log
from .pointwise import is_number, mul_by_number, widened


def _scipy(name):
    import scipy.special

    return getattr(scipy.special, name)


def check_real(name, array, halves=True):
    """Raise PyTorch's error for complex numbers, and for half precision unless the function takes it."""
    if array.dtype.kind == "c" or not halves and array.dtype == np.float16:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{dtypes.of_array(array.dtype).tensor_name}'")


@primitive(
    vjp={"self": lambda grad, self: exp(-(self * self)) * grad * (2 / math.sqrt(math.pi))},
    promote="float",
    in_place=True,
    aliases=("special.erf",), jvp=ELEMENTWISE, kinds="f",
)
def erf(self):
    """Take the error function."""
    return as_array(_scipy("erf")(widened(self))).astype(self.dtype, copy=False)


@primitive(
    vjp={"self": lambda grad, self: exp(-(self * self)) * grad * (-2 / math.sqrt(math.pi))},
    promote="float",
    in_place=True,
    aliases=("special.erfc",), jvp=ELEMENTWISE, kinds="f",
)
def erfc(self):
    """Take 1 minus the error function, exactly also where that is small."""
    return as_array(_scipy("erfc")(widened(self))).astype(self.dtype, copy=False)


@primitive(
    vjp={"self": lambda grad, result: exp(result * result) * grad * (math.sqrt(math.pi) / 2)},
    promote="float",
    in_place=True,
    aliases=("special.erfinv",), jvp=ELEMENTWISE, kinds="f",
)
def erfinv(self):
    """Invert the error function, on (-1, 1)."""
    return as_array(_scipy("erfinv")(widened(self))).astype(self.dtype, copy=False)


@primitive(vjp={"self": lambda grad, self: grad * digamma(self)}, promote="float", in_place=True, aliases=("special.gammaln",), jvp=ELEMENTWISE, kinds="f")
def lgamma(self):
    """Take the logarithm of the absolute value of the gamma function."""
    return np.where(self == -np.inf, np.inf, _scipy("gammaln")(widened(self))).astype(self.dtype)


@primitive(
    vjp={"self": lambda grad, self: grad * _polygamma(self, 1)}, promote="float", in_place=True, aliases=("special.digamma", "special.psi"),
    jvp=ELEMENTWISE, kinds="f",
)
def digamma(self):
    """Take the logarithmic derivative of the gamma function."""
    return np.where(self == 0, np.copysign(np.inf, -self), _scipy("psi")(widened(self))).astype(self.dtype)


@primitive(
    vjp={"self": lambda grad, self, n: grad * _polygamma(self, n + 1)},
    promote="float",
    promoted=("self",),
    method=False,
    namespace=(),
    node="PolygammaBackward0", kinds="f",
)
def _polygamma(self, n):
    """Take the n-th derivative of `digamma`."""
    if n < 2:
        return _trigamma(self) if n else digamma.kernel(self)
    # SciPy's polygamma is for positive arguments: step up to them by psi_n(x) = psi_n(x + 1) - (-1)^n n! / x^(n + 1)
    x, passed = self.copy(), np.zeros_like(self)
    if anywhere(x < -1000):
        raise unsupported("polygamma of order 2 and higher below -1000")
    while anywhere(negative := x < 0):
        passed = np.where(negative, passed - (-1.0) ** n * math.factorial(n) / x ** (n + 1), passed)
        x = np.where(negative, x + 1, x)
    return as_array(_scipy("polygamma")(n, x) + passed).astype(self.dtype)


def _trigamma(x):
    # the reflection formula, for the same reason
    mirrored = np.where(x < 0, 1 - x, x)
    values = _scipy("polygamma")(1, mirrored)
    return np.where(x < 0, (np.pi / np.sin(np.pi * x)) ** 2 - values, values).astype(x.dtype)


@facade(namespace=("", "special"))
def polygamma(n, input):
    """Take the n-th derivative of `digamma`; `n` at least 0."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return _polygamma.function(input, n)


@primitive(
    name="special.entr", vjp={"self": lambda grad, self: grad * (-log(self) - 1)}, promote="float", namespace=("special",), method=False,
    node="SpecialEntrBackward0", jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def entr(self):
    """Give `-x * log(x)`: 0 at 0, -inf for negative elements."""
    return np.where(self > 0, -self * np.log(self), np.where(self == 0, 0, np.where(np.isnan(self), np.nan, -np.inf))).astype(self.dtype)


@primitive(
    name="special.xlog1py", promote="float", namespace=("special",), method=False, tensors=(),
    node=lambda self, other: _by_kinds("SpecialXlog1PyBackward", self, other),
    vjp={
        "self": lambda grad, self, other: grad * _log1p_where_defined(self, other),
        "other": lambda grad, self, other: grad * self / (other + 1),
    }, jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def xlog1py(self, other):
    """Give `self * log1p(other)`, which is 0 where `self` is 0, unless `other` is nan."""
    return np.where(np.isnan(other), np.nan, np.where(self == 0, 0, self * np.log1p(other))).astype(self.dtype)


def _log1p_where_defined(self, other):
    if is_number(other):
        return where(self == 0, 0.0, math.nan if other < -1 else -math.inf) if other <= -1 else math.log1p(other)
    return where((self == 0) & (other <= -1), 0.0, log(other + 1))


def _by_kinds(name, self, other):
    """The node's name, which in PyTorch says which of the operands is a number."""
    return f"{name}{2 if not isinstance(other, Tensor) else 0 if isinstance(self, Tensor) else 1}"


@primitive(
    name="special.erfcx", vjp={"self": lambda grad, self, result: grad * (2 * self * result - 2 / math.sqrt(math.pi))}, promote="float",
    namespace=("special",), method=False, node="SpecialErfcxBackward0", jvp=ELEMENTWISE,
)  # fmt: skip
def erfcx(self):
    """Give `exp(x * x) * erfc(x)`, also where the factors would be infinite and zero."""
    check_real("erfcx", self, halves=False)
    return as_array(_scipy("erfcx")(self)).astype(self.dtype, copy=False)


# ---- the normal distribution


@composite("special.ndtr", method=False, namespace=("special",))
@writes_out
def ndtr(self):
    """Give the probability that a standard normal variable is at most `x`, exactly also where that is small."""
    return mul_by_number.function(erfc.function(self * -math.sqrt(0.5)), 0.5)


@primitive(
    name="special.ndtri", vjp={"self": lambda grad, result: grad * (exp(result * result * 0.5) * math.sqrt(2 * math.pi))}, promote="float",
    namespace=("special",), method=False, node="SpecialNdtriBackward0", jvp=ELEMENTWISE,
)  # fmt: skip
def ndtri(self):
    """Invert `ndtr`: the quantile of the standard normal distribution, for probabilities in [0, 1]."""
    check_real("ndtri", self, halves=False)
    return as_array(_scipy("ndtri")(self)).astype(self.dtype, copy=False)


@primitive(
    name="special.log_ndtr", vjp={"self": lambda grad, self: grad / erfcx(self * -math.sqrt(0.5)) * math.sqrt(2 / math.pi)}, promote="float",
    namespace=("special",), method=False, node="SpecialLogNdtrBackward0", jvp=ELEMENTWISE,
)  # fmt: skip
def log_ndtr(self):
    """Take the logarithm of `ndtr`, exactly also where that is small."""
    check_real("log_ndtr", self, halves=False)
    return as_array(_scipy("log_ndtr")(self)).astype(self.dtype, copy=False)


# ---- incomplete gamma functions, Hurwitz's zeta function, the multivariate gamma function


def _no_derivative_by(what):
    def formula(grad):
        raise NotImplementedError(f"the derivative for '{what}' is not implemented.")

    return formula


def _gamma_density(self, other):
    return exp((self - 1) * log(other) - other - lgamma(self))


@primitive(
    vjp={"self": _no_derivative_by("igamma: input"), "other": lambda grad, self, other: grad * _gamma_density(self, other)}, promote="float",
    in_place=True, aliases=("special.gammainc",), tensors=("self", "other"), jvp=ELEMENTWISE,
)  # fmt: skip
def igamma(self, other):
    """Give the regularized lower incomplete gamma function of shape `self` at `other`. Its gradient is that by `other` only."""
    check_real("igamma", self)
    return as_array(_scipy("gammainc")(widened(self), widened(other))).astype(self.dtype, copy=False)


@primitive(
    vjp={"self": _no_derivative_by("igammac: input"), "other": lambda grad, self, other: -grad * _gamma_density(self, other)}, promote="float",
    in_place=True, aliases=("special.gammaincc",), tensors=("self", "other"), jvp=ELEMENTWISE,
)  # fmt: skip
def igammac(self, other):
    """Give the regularized upper incomplete gamma function, 1 minus `igamma`. Its gradient is that by `other` only."""
    check_real("igammac", self)
    return as_array(_scipy("gammaincc")(widened(self), widened(other))).astype(self.dtype, copy=False)


@primitive(
    name="special.zeta", vjp={"self": _no_derivative_by("zeta"), "other": lambda grad, self, other: grad * -self * zeta(self + 1, other)},
    promote="float", namespace=("special",), method=False, tensors=(), node=lambda self, other: _by_kinds("SpecialZetaBackward", self, other),
    jvp=ELEMENTWISE,
)  # fmt: skip
def zeta(self, other):
    """Give Hurwitz's zeta function: the sum of `(k + other) ** -self` over k = 0, 1, … Its gradient is that by `other` only."""
    check_real("zeta", other, halves=False)  # the formula above may give a number for `self`
    return as_array(_scipy("zeta")(self, other)).astype(other.dtype, copy=False)


@primitive(
    vjp={"self": lambda grad, self, p: grad * _sum_of_digammas(self, p)}, promote="float", promoted=("self",), in_place=True,
    aliases=("special.multigammaln",), jvp=ELEMENTWISE,
)  # fmt: skip
def mvlgamma(self, p):
    """Take the logarithm of the multivariate gamma function of dimension `p`, at least 1 (DLMF 35.3.4)."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    check_real("mvlgamma", self)
    x = widened(self)
    return as_array(sum(lgamma.kernel(x - 0.5 * i) for i in range(p)) + p * (p - 1) / 4 * math.log(math.pi)).astype(self.dtype, copy=False)


def _sum_of_digammas(self, p):
    return sum((digamma(self - 0.5 * i) for i in range(1, p)), digamma(self))
