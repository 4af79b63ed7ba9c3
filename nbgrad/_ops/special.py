"""Error functions and the gamma function's kin, elementwise. SciPy computes them, and is loaded when one of them first runs."""

from __future__ import annotations

import math

import numpy as np

from .._engine.batched import anywhere, as_array
from .._engine.errors import unsupported
from .._engine.op import ELEMENTWISE, facade, primitive
from .choice import where
from .elementary import exp, log
from .pointwise import widened


def _scipy(name):
    import scipy.special

    return getattr(scipy.special, name)


@primitive(
    vjp={"self": lambda grad, self: exp(-(self * self)) * grad * (2 / math.sqrt(math.pi))},
    promote="float",
    in_place=True,
    aliases=("special.erf",), jvp=ELEMENTWISE,
)
def erf(self):
    """Take the error function."""
    return as_array(_scipy("erf")(widened(self))).astype(self.dtype, copy=False)


@primitive(
    vjp={"self": lambda grad, self: exp(-(self * self)) * grad * (-2 / math.sqrt(math.pi))},
    promote="float",
    in_place=True,
    aliases=("special.erfc",), jvp=ELEMENTWISE,
)
def erfc(self):
    """Take 1 minus the error function, exactly also where that is small."""
    return as_array(_scipy("erfc")(widened(self))).astype(self.dtype, copy=False)


@primitive(
    vjp={"self": lambda grad, result: exp(result * result) * grad * (math.sqrt(math.pi) / 2)},
    promote="float",
    in_place=True,
    aliases=("special.erfinv",), jvp=ELEMENTWISE,
)
def erfinv(self):
    """Invert the error function, on (-1, 1)."""
    return as_array(_scipy("erfinv")(widened(self))).astype(self.dtype, copy=False)


@primitive(vjp={"self": lambda grad, self: grad * digamma(self)}, promote="float", in_place=True, aliases=("special.gammaln",), jvp=ELEMENTWISE)
def lgamma(self):
    """Take the logarithm of the absolute value of the gamma function."""
    return np.where(self == -np.inf, np.inf, _scipy("gammaln")(widened(self))).astype(self.dtype)


@primitive(
    vjp={"self": lambda grad, self: grad * _polygamma(self, 1)}, promote="float", in_place=True, aliases=("special.digamma", "special.psi"),
    jvp=ELEMENTWISE,
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
    node="PolygammaBackward0",
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
    node="SpecialEntrBackward0", jvp=ELEMENTWISE,
)  # fmt: skip
def entr(self):
    """Give `-x * log(x)`: 0 at 0, -inf for negative elements."""
    return np.where(self > 0, -self * np.log(self), np.where(self == 0, 0, np.where(np.isnan(self), np.nan, -np.inf))).astype(self.dtype)


@primitive(
    name="special.xlog1py", promote="float", namespace=("special",), method=False, node="SpecialXlog1PyBackward0", tensors=(),
    vjp={
        "self": lambda grad, self, other: grad * where((self == 0) & (other <= -1), 0.0, log(other + 1)),
        "other": lambda grad, self, other: grad * self / (other + 1),
    }, jvp=ELEMENTWISE,
)  # fmt: skip
def xlog1py(self, other):
    """Give `self * log1p(other)`, which is 0 where `self` is 0, unless `other` is nan."""
    return np.where(np.isnan(other), np.nan, np.where(self == 0, 0, self * np.log1p(other))).astype(self.dtype)
