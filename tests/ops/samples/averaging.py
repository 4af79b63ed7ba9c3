"""Samples for poolings by average, and what is built on them."""

import numpy as np

from . import Maker, Sample

m = Maker(23)


def image(d):
    return (6, 5, 4)[:d]


def averages(d):
    wide = image(d)
    hole = m.real(1, 1, *wide)
    hole[(0, 0) + (1,) * d] = np.inf
    return [
        Sample(m.real(1, 2, *wide), 2),
        Sample(m.real(2, 2, *wide), 3, 2, 1),
        Sample(m.real(2, 2, *wide), 3, 2, 1, True, False),
        Sample(m.real(2, 2, *wide), 3, 2, 1, True, True),
        Sample(m.real(2, *wide), (2,) * d, stride=(1,) * d),
        Sample(m.real(2, 2, *wide, dtype=np.float32), 2, 3),
        Sample(m.real(0, 2, *wide), 2) if d < 3 else Sample(m.real(1, 2, *wide), (1, 2, 3)),
        Sample(m.whole(1, 2, *wide), 2, 1),
        Sample(m.whole(1, 2, *wide), 3, 2, 1, count_include_pad=False),
        Sample(hole, 2, 2).but(smooth=False, second=False),
        Sample(m.real(1, 1, *(70 for _ in range(d)) if d < 3 else (70, 3, 3)), 2),
        *([Sample(m.real(1, 2, *wide), 2, divisor_override=3), Sample(m.whole(1, 2, *wide), 2, divisor_override=-3)] if d > 1 else []),
    ]


def regions(d):
    wide = image(d)
    return [
        Sample(m.real(1, 2, *wide), 2),
        Sample(m.real(2, *wide), 4),
        Sample(m.real(2, 2, *wide), 7),
        Sample(m.real(2, 2, *wide), 1),
        Sample(m.real(2, 2, *wide), (3,) if d == 1 else (None, 2, 3)[:d]),
        Sample(m.real(2, 2, *wide, dtype=np.float32), 3),
    ]


SAMPLES = {
    **{f"avg_pool{d}d": averages(d) for d in (1, 2, 3)},
    **{f"adaptive_avg_pool{d}d": regions(d) for d in (1, 2, 3)},
    **{
        f"lp_pool{d}d": [
            Sample(m.real(1, 2, *image(d), low=0.5), 3.0, 2),
            Sample(m.real(2, 2, *image(d), low=0.5), 2, 3, 1, True),
            Sample(m.real(2, 2, *image(d), low=0.5), 1.5, (2,) * d if d > 1 else 2),
        ]
        for d in (1, 2, 3)
    },
    "local_response_norm": [
        Sample(m.real(1, 4, 3), 2),
        Sample(m.real(2, 5, 3, 2), 3, 0.5, 0.6, 2.0),
        Sample(m.real(1, 4, 2, 2, 2), 4, alpha=1.0),
        Sample(m.real(2, 3, 4, dtype=np.float32), 2),
        Sample(m.real(0, 3, 4), 2),
    ],
}
