"""Bessel functions, the modified ones, and Airy's, elementwise; SciPy computes them.

Derivatives: DLMF 10.29, and products with the exponential that scales them. PyTorch gives none to those that only `torch.special` names.
"""

from __future__ import annotations

import numpy as np

from .._engine.batched import as_array
from .._engine.op import ELEMENTWISE, primitive
from .choice import where
from .pointwise import sgn, widened
from .special import _scipy, check_real

SPECIAL = ("special",)


def _computed(name, self):
    check_real(name, self)
    return as_array(_scipy(name)(widened(self))).astype(self.dtype, copy=False)


@primitive(
    vjp={"self": lambda grad, self: grad * i1(self)}, promote="float", in_place=True, aliases=("special.i0",), jvp=ELEMENTWISE,
)  # fmt: skip
def i0(self):
    """Take the modified Bessel function of the first kind of order 0."""
    return _computed("i0", self)


@primitive(
    name="special.i0e", vjp={"self": lambda grad, self, result: grad * (i1e(self) - sgn(self) * result)}, promote="float", method=False,
    namespace=SPECIAL, node="SpecialI0EBackward0", jvp=ELEMENTWISE,
)  # fmt: skip
def i0e(self):
    """Give `i0(x) * exp(-|x|)`."""
    return _computed("i0e", self)


def _safe(self):
    return where(self == 0, 1.0, self)


@primitive(
    name="special.i1", vjp={"self": lambda grad, self, result: grad * where(self == 0, 0.5, i0(self) - result / _safe(self))}, promote="float",
    method=False, namespace=SPECIAL, node="SpecialI1Backward0", jvp=ELEMENTWISE,
)  # fmt: skip
def i1(self):
    """Take the modified Bessel function of the first kind of order 1."""
    return _computed("i1", self)


@primitive(
    name="special.i1e",
    vjp={"self": lambda grad, self, result: grad * where(self == 0, 0.5, i0e(self) - result * (sgn(self) + 1 / _safe(self)))},
    promote="float", method=False, namespace=SPECIAL, node="SpecialI1EBackward0", jvp=ELEMENTWISE,
)  # fmt: skip
def i1e(self):
    """Give `i1(x) * exp(-|x|)`."""
    return _computed("i1e", self)


def _constant(name, doc, function):
    """Declare a function that PyTorch gives no gradient."""

    def kernel(self):
        check_real(name, self, halves=False)
        return as_array(function(self)).astype(self.dtype, copy=False)

    kernel.__doc__ = doc
    primitive(name=f"special.{name}", promote="float", promoted=("self",), method=False, namespace=SPECIAL)(kernel)


def _spherical_j0(x):
    return np.where(x == 0, 1, np.where(np.isinf(x), 0, np.sin(x) / x))


for _name, _what, _function in (
    ("airy_ai", "Take Airy's function Ai", lambda x: _scipy("airy")(x)[0]),
    ("bessel_j0", "Take the Bessel function of the first kind of order 0", lambda x: _scipy("j0")(x)),
    ("bessel_j1", "Take the Bessel function of the first kind of order 1", lambda x: _scipy("j1")(x)),
    ("bessel_y0", "Take the Bessel function of the second kind of order 0", lambda x: _scipy("y0")(x)),
    ("bessel_y1", "Take the Bessel function of the second kind of order 1", lambda x: _scipy("y1")(x)),
    ("modified_bessel_i0", "Take the modified Bessel function of the first kind of order 0", lambda x: _scipy("i0")(x)),
    ("modified_bessel_i1", "Take the modified Bessel function of the first kind of order 1", lambda x: _scipy("i1")(x)),
    ("modified_bessel_k0", "Take the modified Bessel function of the second kind of order 0", lambda x: _scipy("k0")(x)),
    ("modified_bessel_k1", "Take the modified Bessel function of the second kind of order 1", lambda x: _scipy("k1")(x)),
    ("scaled_modified_bessel_k0", "Give `modified_bessel_k0(x) * exp(x)`", lambda x: _scipy("k0e")(x)),
    ("scaled_modified_bessel_k1", "Give `modified_bessel_k1(x) * exp(x)`", lambda x: _scipy("k1e")(x)),
    ("spherical_bessel_j0", "Give `sin(x) / x`, which is 1 at 0: the spherical Bessel function of the first kind of order 0", _spherical_j0),
):
    _constant(_name, f"{_what}. It has no gradient, as in PyTorch.", _function)
