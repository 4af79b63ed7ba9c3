"""Samples for comparisons, logic and bits."""

import numpy as np

from . import Maker, Sample

m = Maker(5)
SPECIAL = np.array([-np.inf, -1.0, -0.0, 0.0, 1.0, np.inf, np.nan])

_compared = [
    Sample(m.whole(4, low=0, high=3), m.whole(4, low=0, high=3)),
    Sample(m.whole(2, 3).astype(float), 1),
    Sample(m.whole(4), 1.5),
    Sample(m.real(3), m.real(2, 1)),
    Sample(m.flags(3), m.flags(3)),
    Sample(SPECIAL, SPECIAL),
    Sample(SPECIAL, SPECIAL[::-1].copy()),
    Sample(m.real(3, dtype=np.float32), 0.1),
    Sample(m.real(), m.real(0)),
]
_logical = [
    Sample(m.whole(4, low=0, high=2), m.whole(4, low=0, high=2)),
    Sample(m.flags(2, 3), m.flags(3)),
    Sample(SPECIAL, SPECIAL[::-1].copy()),
    Sample(m.flags(3), m.real(3)),
]
_bits = [
    Sample(m.whole(4), m.whole(4)),
    Sample(m.whole(4, dtype=np.int32), 3),
    Sample(m.flags(2, 3), m.flags(3)),
    Sample(m.whole(3, low=0, dtype=np.uint8), m.whole(3)),
]
_shifts = [Sample(m.whole(4), m.whole(4, low=0)), Sample(m.whole(4, dtype=np.int32), 2)]
_tests = [Sample(SPECIAL), Sample(m.whole(3)), Sample(m.flags(3)), Sample(m.real(dtype=np.float32))]

SAMPLES = {
    **{name: _compared for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{name: _logical for name in ("logical_and", "logical_or", "logical_xor")},
    "logical_not": [Sample(SPECIAL), Sample(m.whole(3)), Sample(m.flags(3))],
    **{name: _bits for name in ("bitwise_and", "bitwise_or", "bitwise_xor")},
    "bitwise_not": [Sample(m.whole(3)), Sample(m.flags(3)), Sample(m.whole(3, low=0, dtype=np.uint8))],
    "bitwise_left_shift": _shifts,
    "bitwise_right_shift": _shifts,
    **{name: _tests for name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit")},
    "isclose": [
        Sample(m.real(3), m.real(3)),
        Sample(SPECIAL, SPECIAL),
        Sample(SPECIAL, SPECIAL, equal_nan=True),
        Sample(np.array([1.0, 2.0]), np.array([1.00001, 2.1])),
        Sample(m.whole(3), m.whole(3), rtol=0.5),
        Sample(np.array([1.0]), np.array([1.05]), atol=0.1),
        Sample(np.array([np.inf]), np.array([1.0]), rtol=np.inf),
    ],
    "allclose": [
        Sample(np.array([1.0]), np.array([1.000001])),
        Sample(np.array([1.0]), np.array([1.1])),
        Sample(SPECIAL, SPECIAL, equal_nan=True),
        Sample(SPECIAL, SPECIAL),
    ],
    "equal": [
        Sample(m.whole(3), m.whole(3)),
        Sample(np.ones(2), np.ones(2)),
        Sample(np.ones(2), np.ones((1, 2))),
        Sample(SPECIAL, SPECIAL),
    ],
}
SAMPLES = {name: [s.but(grad=False) for s in samples] for name, samples in SAMPLES.items()}
