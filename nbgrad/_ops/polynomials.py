"""Orthogonal polynomials of degree `n` at `x`, elementwise. As in PyTorch they have no gradients.

One small degree for all elements goes up by the recurrence of three terms (DLMF 18.9); for degrees that differ SciPy does the same, element by element.
Each step passes over all elements, so that a million of them take ten to twenty times as long as in PyTorch, which keeps them in registers.
DLMF 18.7 has how the Chebyshev polynomials of the third and fourth kind come from those of the second.
"""

from __future__ import annotations

import numpy as np

from .._engine.batched import as_array, everywhere
from .._engine.op import primitive
from .special import _scipy, check_real

FEW = 64  # degrees up to this go up by NumPy


def _second_kind(n, x):
    return np.where(n < 0, 0, _scipy("eval_chebyu")(n, x))


def _chebyshev(k, x, last, before):
    return 2 * x * last - before


# what it is called; of degree 1; of degree k + 1 by those of k and k - 1; of any degrees
_KINDS = {
    "chebyshev_polynomial_t": ("Chebyshev polynomial of the first kind", lambda x: x, _chebyshev, lambda n, x: _scipy("eval_chebyt")(n, x)),
    "chebyshev_polynomial_u": ("Chebyshev polynomial of the second kind", lambda x: 2 * x, _chebyshev, _second_kind),
    "chebyshev_polynomial_v": (
        "Chebyshev polynomial of the third kind", lambda x: 2 * x - 1, _chebyshev, lambda n, x: _second_kind(n, x) - _second_kind(n - 1, x),
    ),
    "chebyshev_polynomial_w": (
        "Chebyshev polynomial of the fourth kind", lambda x: 2 * x + 1, _chebyshev, lambda n, x: _second_kind(n, x) + _second_kind(n - 1, x),
    ),
    "hermite_polynomial_h": (
        "physicist's Hermite polynomial", lambda x: 2 * x, lambda k, x, last, before: 2 * x * last - 2 * k * before,
        lambda n, x: _scipy("eval_hermite")(n, x),
    ),
    "hermite_polynomial_he": (
        "probabilist's Hermite polynomial", lambda x: x, lambda k, x, last, before: x * last - k * before,
        lambda n, x: _scipy("eval_hermitenorm")(n, x),
    ),
    "laguerre_polynomial_l": (
        "Laguerre polynomial", lambda x: 1 - x, lambda k, x, last, before: ((2 * k + 1 - x) * last - k * before) / (k + 1),
        lambda n, x: _scipy("eval_laguerre")(n, x),
    ),
    "legendre_polynomial_p": (
        "Legendre polynomial", lambda x: x, lambda k, x, last, before: ((2 * k + 1) * x * last - k * before) / (k + 1),
        lambda n, x: _scipy("eval_legendre")(n, x),
    ),
}  # fmt: skip


def _by_recurrence(degree, x, first, step):
    last, before = first(x), np.ones_like(x)
    for k in range(1, degree):
        last, before = step(k, x, last, before), last
    return last


def _declare(name, doc, first, step, evaluate, shifted):
    falling = name == "laguerre_polynomial_l"  # the sign of its highest power is (-1)^n, that of all others is positive

    def kernel(x, n):
        check_real(name, x, halves=False)
        degree = n.astype(np.int64)
        at = 2 * x - 1 if shifted else x
        one = degree.item() if type(degree) is np.ndarray and not degree.ndim else None
        if one is not None and one < 1:
            return np.full_like(x, 1 if one == 0 else 0)
        values = _by_recurrence(one, at, first, step) if one is not None and one <= FEW else evaluate(degree, at)
        if not everywhere(np.isfinite(at)):  # the highest power decides
            values = np.where(np.isinf(at), (-at if falling else at) ** np.maximum(degree, 1), values)
        return as_array(values if one is not None else np.where(degree > 0, values, degree == 0)).astype(x.dtype, copy=False)

    kernel.__doc__ = doc + " at `x`; 0 for a negative degree. It has no gradient, as in PyTorch."
    primitive(name=f"special.{name}", promote="float", promoted=("x", "n"), method=False, namespace=("special",), tensors=())(kernel)


for _name, (_what, *_ways) in _KINDS.items():
    _declare(_name, f"Give the {_what} of degree `n`", *_ways, False)
    if _name.startswith("chebyshev"):
        _declare(f"shifted_{_name}", f"Give the {_what} of degree `n`, shifted to [0, 1]: that of `2 * x - 1`,", *_ways, True)
