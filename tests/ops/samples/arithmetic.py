"""Samples for arithmetic and for choosing between values."""

import numpy as np

from . import Maker, Sample

m = Maker(1)
inf, nan = np.inf, np.nan
TIES = np.array([1.0, 2.0, 3.0, 2.0]), np.array([2.0, 2.0, 1.0, 2.0])
SPECIAL = np.array([-inf, -1.5, -0.0, 0.0, 0.5, 2.5, inf, nan])


def both(*, low=-2.0, high=2.0, other_low=None):
    """Two tensors, broadcast, a number, and operands of mixed types."""
    o = {"low": low if other_low is None else other_low, "high": high}
    return [
        Sample(m.real(3, 4, low=low, high=high), m.real(4, **o)),
        Sample(m.real(2, 1, low=low, high=high), m.real(3, **o)),
        Sample(m.real(low=low, high=high), m.real(2, **o)),
        Sample(m.real(3, low=low, high=high, dtype=np.float32), m.real(**o)).but(tolerance=1e-6),
        Sample(m.whole(3, low=1), m.real(3, **o, dtype=np.float32)),
        Sample(m.real(0, 3), m.real(3)),
    ]


def edges(*numbers):
    """Infinities and nan, beside each number."""
    return [Sample(SPECIAL, n).but(grad=False) for n in numbers]


SAMPLES = {
    "add": [*both(), Sample(m.real(2), m.real(2), alpha=2.5), Sample(m.real(), 2), Sample(m.flags(3), m.flags(3)), Sample(m.whole(3), 0.5)],
    "sub": [*both(), Sample(m.real(2), m.real(2), alpha=2), Sample(m.real(3), 1.5), Sample(m.whole(3), 1)],
    "rsub": [Sample(m.real(3), m.real(3)), Sample(m.real(3), 2), Sample(m.real(3), m.real(1), alpha=2.0), Sample(m.whole(3), 1)],
    "__rsub__": [Sample(m.real(3), 2), Sample(m.whole(2), 1.5)],
    "mul": [*both(), Sample(m.real(2), 3), Sample(m.whole(3), m.whole(3)), Sample(m.whole(3), 0.5), *edges(0)],
    "div": [
        *both(other_low=0.5),
        Sample(m.real(2), 3),
        Sample(m.whole(3), 2),
        Sample(m.whole(3), m.whole(3, low=1)),
        *edges(0, inf),
        Sample(m.real(4), m.away(4), rounding_mode="floor"),
        Sample(m.real(4), 0.3, rounding_mode="trunc"),
        Sample(m.whole(9), m.whole(9, low=1), rounding_mode="trunc"),
        Sample(m.whole(9), -3, rounding_mode="floor"),
        Sample(m.whole(9), -3, rounding_mode="trunc"),
    ],
    "true_divide": [Sample(m.real(3), m.away(3)), Sample(m.whole(3), 2)],
    "__rdiv__": [Sample(m.away(3), 2), Sample(m.whole(3, low=1), 2)],
    "floor_divide": [
        Sample(m.real(4), m.away(4)).but(grad=False),
        Sample(m.whole(9), -2),
        Sample(m.whole(9), m.whole(9, low=1)),
        *edges(0, 2, -2, inf),
        Sample(m.real(3), 0.3).but(grad=False),
    ],
    "remainder": [
        Sample(m.real(4), m.away(4)),
        Sample(m.real(4), 0.7),
        Sample(m.whole(9), -3),
        Sample(m.whole(9), m.whole(9, low=1)),
        *edges(0, 2, -2, inf),
    ],
    "fmod": [
        Sample(m.real(4), m.away(4)),
        Sample(m.real(4), 0.7),
        Sample(m.whole(9), -3),
        Sample(m.whole(9), m.whole(9, low=1)),
        *edges(0, 2, inf),
    ],
    "pow": [
        *both(low=0.3, high=2.0),
        *(Sample(m.away(4), n) for n in (0, 1, 2, 3, 4, -1, -2, 2.0)),
        Sample(m.real(3, low=0.2), 0.5),
        Sample(m.real(3, low=0.2), -0.5),
        Sample(m.real(3, low=0.2), 1.7),
        Sample(2, m.real(3)),
        Sample(0.0, m.real(3, low=0.5)).but(second=False),
        Sample(1.5, m.real()),
        Sample(np.array([0.0, 0.0, 1.0, -2.0]), np.array([0.0, 2.0, 0.0, 2.0])).but(
            leaves=(0,), parity=False
        ),  # PyTorch's second derivative is nan at 0 ** 0
        Sample(np.array([0.0, 0.0, 1.0, -2.0]), np.array([0.0, 2.0, 0.0, 2.0])).but(leaves=(0,), second=False),
        Sample(np.array([0.0, 0.0, 2.0]), np.array([0.0, 2.0, 3.0])).but(smooth=False, second=False),
        Sample(np.array([0.0, 1.0]), 2),
        Sample(np.array([0.0, 1.0]), 3),
        Sample(np.array([0.0, -1.0]), 0),
        Sample(m.whole(5), 2),
        Sample(m.whole(5), m.whole(5, low=0)),
        Sample(m.whole(5), m.whole(5)),
        Sample(m.whole(5), 0.5).but(grad=False),
        *edges(2, 3, 0.5, -1, -0.5, 0),
        Sample(np.array([-inf, inf, 4.0]), np.array([0.5])).but(grad=False),
    ],
    "float_power": [
        Sample(m.real(3, low=0.2), 2),
        Sample(m.whole(3), 2),
        Sample(m.real(2, low=0.2, dtype=np.float32), m.real(2, dtype=np.float32)),
    ],
    "neg": [Sample(m.real(3)), Sample(m.whole(3)), Sample(m.real())],
    "positive": [Sample(m.real(3)), Sample(m.whole(3))],
    "abs": [Sample(m.away(3)), Sample(SPECIAL).but(smooth=False), Sample(m.whole(3))],
    "sign": [Sample(m.away(3)), Sample(SPECIAL).but(smooth=False), Sample(m.whole(3)), Sample(m.flags(3))],
    "sgn": [Sample(m.away(3)), Sample(SPECIAL).but(smooth=False), Sample(m.whole(3))],
    "floor": [Sample(m.away(3)), Sample(SPECIAL).but(smooth=False), Sample(m.whole(3))],
    "ceil": [Sample(m.away(3)), Sample(SPECIAL).but(smooth=False), Sample(m.whole(3))],
    "trunc": [Sample(m.away(3)), Sample(SPECIAL).but(smooth=False), Sample(m.whole(3))],
    "frac": [Sample(m.away(3)), Sample(SPECIAL).but(smooth=False)],
    "round": [
        Sample(m.real(5)),
        Sample(SPECIAL).but(smooth=False),
        Sample(m.whole(3)),
        Sample(m.real(5) * 100, decimals=1),
        Sample(m.real(5) * 1000, decimals=-2),
        Sample(m.real(5, dtype=np.float32), decimals=2),
    ],
    "where": [
        Sample(m.flags(3, 4), m.real(4), m.real(3, 1)),
        Sample(m.flags(3), m.real(3), 2.0),
        Sample(m.flags(3), 1, m.real(3, dtype=np.float32)),
        Sample(m.flags(3), 1, 2),
        Sample(m.flags(3), 1.0, 2.0),
        Sample(m.flags(2, 3)),
        Sample(m.flags(3), m.whole(3), m.real(3)),
    ],
    "clamp": [
        Sample(m.real(5), -0.5, 0.7),
        Sample(m.real(5), min=0.1),
        Sample(m.real(5), max=0.1),
        Sample(m.real(5), m.real(5), m.real(5)),
        Sample(m.real(5), min=m.real(1)),
        Sample(m.real(2, 3), max=m.real(3)),
        Sample(m.whole(5), -1, 2),
        Sample(m.whole(5), 0.5),
        Sample(np.array([0.0, 1.0, 2.0]), 0, 1).but(smooth=False),
        Sample(np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 1.0])).but(smooth=False),
        Sample(SPECIAL, -1, 1).but(smooth=False),
        Sample(m.real(4), 1, -1),
    ],
    "clamp_min": [Sample(m.real(5), 0.1), Sample(m.real(5), m.real(5)), Sample(*TIES).but(smooth=False), Sample(m.whole(3), 1)],
    "clamp_max": [Sample(m.real(5), 0.1), Sample(m.real(5), m.real(5)), Sample(*TIES).but(smooth=False), Sample(m.whole(3), 1)],
    **{
        name: [
            Sample(m.real(3, 4), m.real(4)),
            Sample(*TIES).but(smooth=False),
            Sample(m.whole(3), m.whole(3)),
            Sample(m.whole(3), m.real(3)),
            Sample(SPECIAL, SPECIAL[::-1].copy()).but(smooth=False, second=False),
        ]
        for name in ("maximum", "minimum", "fmax", "fmin")
    },
    "lerp": [
        Sample(m.real(3), m.real(3), 0.3),
        Sample(m.real(3), m.real(3), 0.8),
        Sample(m.real(2, 3), m.real(3), m.real(3, low=0, high=1)),
    ],
    "addcmul": [
        Sample(m.real(3), m.real(3), m.real(2, 3)),
        Sample(m.real(3), m.real(3), m.real(3), value=0.5),
        Sample(m.whole(3), m.whole(3), m.whole(3), value=2),
    ],
    "addcdiv": [Sample(m.real(3), m.real(3), m.away(2, 3)), Sample(m.real(3), m.real(3), m.away(3), value=0.5)],
    "copysign": [
        Sample(m.away(3), m.away(3)),
        Sample(m.away(3), -1.0),
        Sample(np.array([0.0, -0.0, 1.0]), np.array([-1.0, 1.0, -0.0])).but(smooth=False),
    ],
    "nan_to_num": [
        Sample(m.real(3)),
        Sample(SPECIAL).but(smooth=False),
        Sample(SPECIAL, 1.0, 2.0, -3.0).but(smooth=False),
        Sample(m.whole(3)),
    ],
}
SAMPLES["__rsub__"] = [s.but(method=True) for s in SAMPLES["__rsub__"]]
SAMPLES["__rdiv__"] = [s.but(method=True) for s in SAMPLES["__rdiv__"]]
