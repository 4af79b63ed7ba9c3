"""Samples for elementary and special functions."""

import numpy as np

from . import Maker, Sample

m = Maker(4)
inf, nan = np.inf, np.nan


def one(low=-2.0, high=2.0, *, whole=(1, 4), edges=(-inf, -2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, inf, nan), **changes):
    """Inside the domain, at its edges, 0-dim, float32, integers, bools."""
    return [
        Sample(m.real(4, low=low, high=high)),
        Sample(m.real(low=low, high=high)),
        Sample(m.real(4, low=low, high=high, dtype=np.float32)),
        Sample(m.whole(3, low=whole[0], high=whole[1])),
        Sample(m.flags(3)),
        Sample(m.real(0)),
        Sample(np.array(edges)).but(smooth=False, second=False, **changes),
    ]


SAMPLES = {
    **{
        name: one()
        for name in (
            "exp",
            "exp2",
            "expm1",
            "sin",
            "cos",
            "tan",
            "atan",
            "sinh",
            "cosh",
            "tanh",
            "asinh",
            "sigmoid",
            "deg2rad",
            "rad2deg",
            "erf",
            "erfc",
            "square",
        )
    },
    **{name: one(0.1, 3.0) for name in ("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal")},
    **{name: one(-0.9, 0.9) for name in ("asin", "acos", "atanh")},
    "acosh": one(1.1, 3.0),
    "erfinv": one(-0.9, 0.9),
    "sinc": [*one(0.2, 2.0, edges=(-inf, -1.0, 0.5, 1.0, inf, nan)), Sample(np.array([0.0, 1.5])).but(smooth=False, second=False)],
    "lgamma": [
        s.but(tolerance=1e-6) for s in one(0.3, 4.0, edges=(-inf, -2.0, -1.0, 0.0, 0.5, 1.0, 3.0, inf, nan))
    ],  # PyTorch's trigamma has 9 digits
    "digamma": [s.but(tolerance=1e-6) for s in one(0.3, 4.0, edges=(0.5, 1.0, 3.0, -0.5, -1.5))],
    "polygamma": [
        *(Sample(n, m.real(3, low=0.3, high=4.0)).but(tolerance=1e-6) for n in (0, 1, 2, 3)),
        Sample(1, m.real(3, low=-0.8, high=-0.2)),
        Sample(2, m.real(3, low=-1.8, high=-1.2)),
    ],
    "logit": [
        Sample(m.real(4, low=0.1, high=0.9)),
        Sample(m.real(4, low=0.01, high=0.99), 0.1),
        Sample(m.real(3, low=0.1, high=0.9), eps=0.2),
        Sample(np.array([-0.5, 0.0, 1.0, 1.5])).but(smooth=False, second=False),
    ],
    "atan2": [
        Sample(m.away(3), m.away(2, 3)),
        Sample(m.whole(3), m.whole(3)),
        Sample(np.array([0.0, 1.0, 0.0, -0.0]), np.array([0.0, 0.0, -1.0, -1.0])).but(smooth=False, second=False),
    ],
    "hypot": [Sample(m.away(3), m.away(2, 3)), Sample(np.array([0.0, inf]), np.array([0.0, 1.0])).but(grad=False)],
    "logaddexp": [Sample(m.real(3), m.real(2, 3)), Sample(np.array([-inf, inf, 800.0]), np.array([-inf, 1.0, 900.0])).but(grad=False)],
    "logaddexp2": [Sample(m.real(3), m.real(2, 3))],
    "xlogy": [
        Sample(m.away(3), m.real(2, 3, low=0.2)),
        Sample(2, m.real(3, low=0.2)),
        Sample(m.real(3), 1.5),
        Sample(np.array([0.0, 0.0, 1.0]), np.array([0.0, nan, 0.0])).but(grad=False),
        Sample(m.whole(3), m.whole(3, low=1)),
    ],
    "heaviside": [Sample(np.array([-1.0, 0.0, 2.0, nan]), np.array([0.5])).but(grad=False), Sample(m.whole(3), m.whole(3))],
    "special.entr": [Sample(m.real(3, low=0.1)), Sample(np.array([-1.0, 0.0, nan])).but(grad=False)],
    "special.xlog1py": [Sample(m.away(3), m.real(2, 3, low=-0.5)), Sample(np.array([0.0, 0.0]), np.array([-1.0, nan])).but(grad=False)],
}
