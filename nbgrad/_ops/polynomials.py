"""Orthogonal polynomials of degree `n` at `x`, elementwise; SciPy computes them. As in PyTorch they have no gradients.

DLMF 18.3 has the standardizations, 18.7 how the Chebyshev polynomials of the third and fourth kind come from those of the second.
"""

from __future__ import annotations

import numpy as np

from .._engine.batched import as_array
from .._engine.op import primitive
from .special import _scipy, check_real


def _second_kind(n, x):
    return np.where(n < 0, 0, _scipy("eval_chebyu")(n, x))


_KINDS = {
    "chebyshev_polynomial_t": ("Chebyshev polynomial of the first kind", lambda n, x: _scipy("eval_chebyt")(n, x)),
    "chebyshev_polynomial_u": ("Chebyshev polynomial of the second kind", _second_kind),
    "chebyshev_polynomial_v": ("Chebyshev polynomial of the third kind", lambda n, x: _second_kind(n, x) - _second_kind(n - 1, x)),
    "chebyshev_polynomial_w": ("Chebyshev polynomial of the fourth kind", lambda n, x: _second_kind(n, x) + _second_kind(n - 1, x)),
    "hermite_polynomial_h": ("physicist's Hermite polynomial", lambda n, x: _scipy("eval_hermite")(n, x)),
    "hermite_polynomial_he": ("probabilist's Hermite polynomial", lambda n, x: _scipy("eval_hermitenorm")(n, x)),
    "laguerre_polynomial_l": ("Laguerre polynomial", lambda n, x: _scipy("eval_laguerre")(n, x)),
    "legendre_polynomial_p": ("Legendre polynomial", lambda n, x: _scipy("eval_legendre")(n, x)),
}


def _declare(name, doc, evaluate, shifted):
    falling = name == "laguerre_polynomial_l"  # the sign of its highest power is (-1)^n, that of all others is positive

    def kernel(x, n):
        check_real(name, x, halves=False)
        degree = n.astype(np.int64)
        at = 2 * x - 1 if shifted else x
        values = np.where(np.isinf(at), (-at if falling else at) ** np.maximum(degree, 1), evaluate(degree, at))
        return as_array(np.where(degree > 0, values, degree == 0)).astype(x.dtype, copy=False)

    kernel.__doc__ = doc + " at `x`; 0 for a negative degree. It has no gradient, as in PyTorch."
    primitive(name=f"special.{name}", promote="float", promoted=("x", "n"), method=False, namespace=("special",), tensors=())(kernel)


for _name, (_what, _evaluate) in _KINDS.items():
    _declare(_name, f"Give the {_what} of degree `n`", _evaluate, False)
    if _name.startswith("chebyshev"):
        _declare(f"shifted_{_name}", f"Give the {_what} of degree `n`, shifted to [0, 1]: that of `2 * x - 1`,", _evaluate, True)
