"""Samples for reductions, running sums, norms and statistics."""

import numpy as np

from . import Maker, Sample

m = Maker(3)
inf, nan = np.inf, np.nan
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
HOLES = np.array([[1.0, nan, 3.0], [nan, 2.0, nan]])
ZEROS = np.array([[1.5, 0.0, 2.0], [0.0, -1.0, 0.0], [1.2, -0.7, 0.4]])


def dims(*, integers=True, several=True):
    """All ways to name dimensions."""
    found = [
        Sample(m.real(2, 3)),
        Sample(m.real(2, 3, 2), 1),
        Sample(m.real(2, 3), -1, True),
        Sample(m.real()),
        Sample(m.real(), 0),
        Sample(m.real(3, dtype=np.float32)),
    ]
    found += [Sample(m.real(2, 3, 2), (0, -1)), Sample(m.real(2, 3, 2), (0, 2), True), Sample(m.real(2, 3), ())] if several else []
    return found + ([Sample(m.whole(3)), Sample(m.whole(2, 3), 0)] if integers else [])


def along(*, integers=True, ties=True):
    """A dimension that has to be named."""
    found = [Sample(m.real(2, 3, 2), 1), Sample(m.real(4), -1), Sample(m.real(), 0), Sample(m.real(2, 3, dtype=np.float32), 0)]
    return found + ([Sample(m.whole(2, 3), 1)] if integers else []) + ([Sample(TIES, 1).but(smooth=False)] if ties else [])


EXTREME = [
    Sample(m.real(2, 3)),
    Sample(m.real(2, 3), 1),
    Sample(m.real(2, 3), 0, True),
    Sample(m.real(2, 3), dim=-1, keepdim=True),
    Sample(m.real(), 0),
    Sample(m.whole(2, 3)),
    Sample(m.whole(2, 3), 1),
    Sample(TIES).but(smooth=False),
    Sample(TIES, 1).but(smooth=False),
    Sample(HOLES).but(smooth=False),
    Sample(HOLES, 1).but(smooth=False),
    Sample(m.flags(3)),
    Sample(m.real(0, 3), 1).but(smooth=False),
]
INDEX = [
    s.but(grad=False)
    for s in (
        Sample(m.real(2, 3)),
        Sample(m.real(2, 3), 1),
        Sample(m.real(2, 3), 0, True),
        Sample(m.real(2, 3), keepdim=True),
        Sample(TIES, 1),
        Sample(HOLES, 1),
        Sample(m.whole(5)),
        Sample(m.real()),
    )
]
TRUTH = [
    s.but(grad=False)
    for s in (
        Sample(m.flags(2, 3)),
        Sample(m.flags(2, 3), 1),
        Sample(m.flags(2, 3), (0, 1), True),
        Sample(m.whole(3, low=0, high=2)),
        Sample(m.real(3)),
        Sample(m.real(0)),
        Sample(HOLES, 0),
        Sample(m.whole(3, low=0, high=2, dtype=np.uint8)),
    )
]
SPREAD = [
    Sample(m.real(5)),
    Sample(m.real(2, 3), 1),
    Sample(m.real(2, 3), 0, keepdim=True),
    Sample(m.real(2, 3, 2), (0, 2)),
    Sample(m.real(2, 3), False),
    Sample(m.real(2, 3), 1, False),
    Sample(m.real(2, 3), dim=1, correction=0),
    Sample(m.real(4), correction=2),
    Sample(m.real(3, dtype=np.float32)),
    Sample(m.real(2, 3), unbiased=False),
    Sample(m.real(2, 3), (0, 1), True, True),
]
NORMS = [
    *(Sample(m.away(2, 3), p) for p in (2, 1, 3, 0, 0.5, 1.5, inf, -inf, -1)),
    *(Sample(m.away(2, 3), p, dim=1) for p in (2, 1, 3, inf)),
    Sample(m.away(2, 3), 2, dim=(0, 1), keepdim=True),
    Sample(m.away(2, 3), 2, 0, True),
    Sample(m.away(3, dtype=np.float32)),
    Sample(m.real(), 2),
    Sample(m.away(2, 3)),
    *(Sample(np.zeros(3), p).but(smooth=False, second=False) for p in (1, 2, 3, inf)),
    Sample(np.array([1.0, -1.0, 0.0]), inf).but(smooth=False, second=False),
]
QUANTILES = [
    *(Sample(m.real(7), 0.3, interpolation=i).but(leaves=(0,)) for i in ("linear", "lower", "higher", "midpoint", "nearest")),
    Sample(m.real(2, 5), 0.5, 1),
    Sample(m.real(2, 5), 0.25, 0, True),
    Sample(m.real(2, 5), np.array([0.1, 0.9]), 1),
    Sample(m.real(2, 5), np.array([0.1, 0.9]), 1, True).but(leaves=(0,)),
    Sample(m.real(2, 5), np.array([0.0, 0.5, 1.0])).but(leaves=(0,)),
    Sample(HOLES, 0.5, 1).but(smooth=False),
    Sample(HOLES, 0.5).but(smooth=False),
    Sample(m.real(4, dtype=np.float32), 0.4),
    Sample(m.real(2, 3), 0.5, keepdim=True),
]

SAMPLES = {
    "sum": [*dims(), Sample(m.flags(3)), Sample(m.real(0, 3), 0), Sample(m.whole(3)).but(grad=False)],
    "nansum": [*dims(), Sample(HOLES).but(smooth=False), Sample(HOLES, 1).but(smooth=False)],
    "mean": [*dims(integers=False), Sample(m.real(0, 3), 0).but(smooth=False), Sample(m.real(0)).but(smooth=False)],
    "nanmean": [*dims(integers=False), Sample(HOLES, 0).but(smooth=False, second=False)],
    "prod": [
        *dims(several=False),
        Sample(ZEROS),
        Sample(ZEROS, 0),
        Sample(ZEROS, 1, True),
        Sample(ZEROS[0]),
        Sample(m.flags(3)),
        Sample(m.real(0, 3), 0),
    ],
    "amax": [*dims(), Sample(TIES, 1).but(smooth=False), Sample(HOLES, 1).but(smooth=False)],
    "amin": [*dims(), Sample(TIES, 1).but(smooth=False), Sample(HOLES, 1).but(smooth=False)],
    "aminmax": [
        Sample(m.real(2, 3)),
        Sample(m.real(2, 3), dim=1),
        Sample(m.real(2, 3), dim=0, keepdim=True),
        Sample(m.whole(3)),
        Sample(TIES, dim=1).but(smooth=False),
    ],
    "max": [*EXTREME, Sample(m.real(3), m.real(3))],
    "min": [*EXTREME, Sample(m.real(3), m.real(3))],
    "argmax": INDEX,
    "argmin": INDEX,
    "all": TRUTH,
    "any": TRUTH,
    "count_nonzero": [
        s.but(grad=False)
        for s in (Sample(m.whole(2, 3, low=0, high=2)), Sample(ZEROS, 1), Sample(ZEROS, (0, 1)), Sample(HOLES), Sample(m.real()))
    ],
    "logsumexp": [
        *along(ties=False),
        Sample(m.real(2, 3, 2), (0, 2), True),
        Sample(np.array([-inf, 0.0, 900.0]), 0).but(smooth=False),
        Sample(np.array([-inf, -inf]), 0).but(grad=False),
    ],
    "cumsum": [*along(ties=False), Sample(m.flags(3), 0)],
    "cumprod": [*along(ties=False), Sample(ZEROS, 0), Sample(ZEROS, 1), Sample(ZEROS[0], 0)],
    "cummax": [*along(), Sample(HOLES, 1).but(smooth=False)],
    "cummin": [*along(), Sample(HOLES, 1).but(smooth=False)],
    "logcumsumexp": [*along(ties=False, integers=False), Sample(np.array([-inf, 0.0, 900.0]), 0).but(grad=False)],
    "var": SPREAD,
    "std": [*SPREAD, Sample(np.ones(3)).but(smooth=False, second=False)],
    "var_mean": SPREAD,
    "std_mean": SPREAD,
    "linalg.vector_norm": NORMS,
    "norm": [
        *(s for s in NORMS),
        *(Sample(m.away(2, 3), p="fro", dim=d) for d in (None, 0, (0, 1))),
        Sample(m.away(2, 3), 1, (0, 1), True),
        Sample(m.real(2, 3), "fro", None, True),
    ],
    "linalg.norm": [
        *(Sample(m.away(4), p) for p in (None, 1, 2, 3, inf, 0)),
        *(Sample(m.away(2, 3), p) for p in (None, "fro", 1, -1, inf, -inf)),
        Sample(m.away(2, 3, 2), dim=1),
        Sample(m.away(2, 3, 2), "fro", (0, 2)),
        Sample(m.away(2, 3, 2), 1, (0, 2), True),
        Sample(m.away(2, 3, 2)),
    ],
    "linalg.matrix_norm": [*(Sample(m.away(2, 3, 4), p) for p in ("fro", 1, -1, inf, -inf)), Sample(m.away(2, 3, 4), 1, (0, 2), True)],
    "dist": [*(Sample(m.away(2, 3), m.away(3) + 5, p) for p in (2, 1, 3, inf, 1.5)), Sample(m.away(3), m.away(3) + 5)],
    "median": [*EXTREME[:11]],
    "nanmedian": [*EXTREME[:11]],
    "mode": [
        Sample(m.real(2, 3)),
        Sample(m.real(2, 3), 0, True),
        Sample(TIES, 1).but(smooth=False),
        Sample(m.whole(2, 7, low=0, high=3), 1),
        Sample(m.real()),
    ],
    "quantile": QUANTILES,
    "nanquantile": QUANTILES,
}
