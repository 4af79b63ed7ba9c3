"""Samples for Bessel functions, orthogonal polynomials, the normal distribution and the gamma function's kin."""

import numpy as np

from . import Maker, Sample

m = Maker(31)
inf, nan = np.inf, np.nan


def one(low=-3.0, high=3.0, *, edges, **changes):
    """Inside the domain, 0-dim, float32, integers, bools, none at all, not contiguous, and at the edges."""
    return [
        *(Sample(a).but(**changes) for a in (m.real(4, low=low, high=high), m.real(low=low, high=high), m.real(4, low=low, high=high, dtype=np.float32))),
        Sample(m.whole(3, low=1, high=4)).but(**changes), Sample(m.flags(3)).but(**changes), Sample(m.real(0)),
        Sample(m.real(4, 6, low=low, high=high)[::2, ::3]).but(**changes), Sample(np.array(edges)).but(smooth=False, second=False, **changes),
    ]


LINE = (-inf, -30.0, -1.0, -0.0, 0.0, 1e-9, 0.5, 1.0, 30.0, inf, nan)
POSITIVE = (-1.0, 0.0, 1e-9, 0.5, 1.0, 30.0, inf, nan)
WITHOUT_GRADIENT = (
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0",
    "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0",
)  # fmt: skip
CHEBYSHEV = tuple(f"{shifted}chebyshev_polynomial_{kind}" for shifted in ("", "shifted_") for kind in "tuvw")


def polynomial():
    """Degrees as tensors and numbers, truncated fractions of them, negative ones, points inside and outside the interval."""
    x, n = m.real(3, 1, low=-1.5, high=1.5), np.arange(-1, 9)
    return [
        Sample(x, n), Sample(x, n + 0.6), Sample(x, 4), Sample(0.3, n.astype(np.float64)), Sample(m.real(4, dtype=np.float32), 3), Sample(m.whole(4), 2),
        Sample(m.flags(3), 2), Sample(m.real(0), 2), Sample(m.real(), m.whole()), Sample(m.real(4, 6)[::2, ::3], 12),
        Sample(np.array([-1.0, 0.0, 1.0]), 7), Sample(np.array([-inf, inf]), 1).but(smooth=False), Sample(np.array([nan, 1.0]), 0), Sample(np.array([nan]), 1),
    ]  # fmt: skip


SAMPLES = {
    "i0": one(edges=LINE), "special.i0e": one(edges=LINE), "special.i1": one(edges=LINE[:-1]), "special.i1e": one(edges=LINE[:-1]),  # at nan PyTorch gives 0.5
   
    # PyTorch computes these with 7 digits
    **{f"special.{name}": one(0.1, 9.0, edges=LINE, tolerance=2e-6) for name in WITHOUT_GRADIENT},
    **{f"special.{name}": polynomial() for name in (*CHEBYSHEV, "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
                                                    "legendre_polynomial_p")},
    "special.erfcx": one(edges=LINE), "special.ndtr": one(edges=(-inf, -3.0, 0.0, 3.0, inf, nan)), "special.log_ndtr": one(edges=(-30.0, -3.0, 0.0, 3.0, nan)),
    "special.ndtri": one(0.05, 0.95, edges=(-0.5, 0.01, 0.99, 1.5, nan)),
    "igamma": [
        Sample(m.real(3, low=0.2), m.real(2, 3, low=0.2)).but(leaves=(1,)), Sample(m.real(low=0.2), m.real(3, low=0.2, dtype=np.float32)).but(leaves=(1,)),
        Sample(np.array([0.0, 1.0, 2.0, -1.0, inf, 2.0]), np.array([1.0, 0.0, inf, 1.0, 1.0, nan])).but(grad=False), Sample(m.real(0), m.real(0)).but(leaves=(1,)),
    ],
    "special.zeta": [
        Sample(m.real(3, low=1.5, high=4.0), m.real(2, 3, low=0.5)).but(leaves=(1,)), Sample(2, m.real(3, low=0.5)), Sample(m.real(3, low=1.5), 2.5).but(grad=False),
        Sample(np.array([1.0, 0.5, 2.0, 2.5, 3.0, inf]), np.array([2.0, 2.0, -1.0, -0.5, -0.5, 2.0])).but(grad=False), Sample(m.whole(3, low=2), m.whole(3, low=1)),
        Sample(m.real(3, low=1.5, dtype=np.float32), m.real(3, low=0.5, dtype=np.float32)).but(leaves=(1,)),
    ],
    "mvlgamma": [
        *(Sample(m.real(3, low=2.5, high=5.0), p).but(tolerance=1e-6) for p in (1, 3, 5)), Sample(m.whole(3, low=3), 2), Sample(m.real(low=2.0), p=2).but(tolerance=1e-6),
        Sample(np.array([-1.0, 0.5, 1.0, nan]), 2).but(grad=False), Sample(m.real(0), 3), Sample(m.real(3, low=2.0, dtype=np.float32), 2).but(tolerance=1e-5),
    ],
    "frexp": [Sample(m.real(4)), Sample(m.real()), Sample(m.real(3, dtype=np.float32)), Sample(np.array([0.0, -0.0, inf, nan, 8.0])).but(grad=False), Sample(m.real(0))],
    "ldexp": [
        Sample(m.real(3), m.whole(2, 3, low=0)), Sample(m.real(3), m.real(3)), Sample(m.whole(3), m.whole(3)), Sample(m.real(), m.whole(3, low=0)),
        Sample(m.real(3, dtype=np.float32), m.whole(3, low=0)), Sample(m.real(0), m.whole(0)),
        Sample(m.real(3), m.whole(3, low=-4, high=0)).but(parity=False),  # PyTorch's gradient is 0 there: it takes powers of whole numbers
    ],
    "nextafter": [
        Sample(m.real(3), m.real(2, 3)), Sample(np.array([1.0, 1.0, 0.0, inf]), np.array([1.0, 2.0, -1.0, 0.0])).but(smooth=False, second=False),
        Sample(m.real(3, dtype=np.float32), m.real(3, dtype=np.float32)),
    ],
}  # fmt: skip
SAMPLES["igammac"] = SAMPLES["igamma"]
