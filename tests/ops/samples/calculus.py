"""Samples for sampled functions, covariances, distances between pairs, combinations and histograms."""

import numpy as np

from . import Maker, Sample

m = Maker(83)
rising = np.array([0.0, 0.5, 1.5, 2.0, 4.0])


def points(name):
    """Samples of a rule of integration."""
    return [
        Sample(m.real(5)), Sample(m.real(3, 5)), Sample(m.real(3, 5), dx=0.5, dim=0), Sample(m.real(3, 5), rising), Sample(m.real(3, 5), m.real(3, 5)),
        Sample(m.real(5, 3), rising, dim=-2), Sample(m.whole(4)), Sample(m.real(4, dtype=np.float32), dx=2), Sample(m.real(4, 6)[::2, ::2]),
        *([Sample(m.real(2, 0))] if name != "cumulative_trapezoid" else [Sample(m.real(2, 1))]),
    ]  # fmt: skip


SAMPLES = {
    "diff": [
        Sample(m.real(5)), Sample(m.real(3, 4), n=2, dim=0), Sample(m.real(3, 4), dim=-1, prepend=m.real(3, 1), append=m.real(3, 2)), Sample(m.whole(5)), Sample(m.flags(5)),
        Sample(m.real(3), n=5), Sample(m.real(3), n=0), Sample(m.real(4, 6)[::2, ::2]), Sample(m.real(3, dtype=np.float32)), Sample(m.real(0)), Sample(m.real(1)),
    ],
    "gradient": [
        Sample(m.real(4)), Sample(m.real(3, 4)), Sample(m.real(3, 4), spacing=2.0), Sample(m.real(3, 4), spacing=(0.5, 2)), Sample(m.real(4, 5), spacing=(rising[:4], rising)),
        Sample(m.real(4, 5), dim=1, edge_order=2), Sample(m.real(3, 5), dim=-1, spacing=(rising,), edge_order=2), Sample(m.real(3, 3), spacing=(rising[:3], rising[1:4]), edge_order=1),
        Sample(m.whole(4)), Sample(m.real(2), edge_order=1), Sample(m.real(3, 4, dtype=np.float32), dim=(0,)), Sample(m.real(3, 3), edge_order=2),
    ],
    **{name: points(name) for name in ("trapezoid", "trapz", "cumulative_trapezoid")},
    "cov": [
        Sample(m.real(3, 5)), Sample(m.real(5)), Sample(m.real(3, 5), correction=0), Sample(m.real(2, 4), fweights=np.array([1, 2, 3, 1])), Sample(m.whole(2, 3)),
        Sample(m.real(2, 4), correction=2, fweights=np.array([1, 2, 3, 1]), aweights=m.real(4, low=0.1)), Sample(m.real(2, 4), aweights=m.real(4, low=0.1)),
        Sample(m.real(3, 5, dtype=np.float32)), Sample(m.real(4, 6)[::2, ::2]),
    ],
    "corrcoef": [Sample(m.real(3, 5)), Sample(m.real(4, 6)[::2, ::2]), Sample(m.whole(2, 4)).but(grad=False), Sample(m.real(3, 5, dtype=np.float32))],
    "cdist": [
        # PyTorch has no second derivatives of most of these
        *(Sample(m.real(4, 3), m.real(2, 3), p).but(second=False) for p in (0.5, 1, 1.5, 2, 3.0, float("inf"))), Sample(m.real(4, 3), m.real(2, 3), p=0).but(grad=False),
        Sample(m.real(2, 1, 4, 3), m.real(3, 2, 3)).but(second=False), Sample(m.real(27, 3), m.real(4, 3)), Sample(m.real(2, 3), m.real(4, 3), compute_mode="use_mm_for_euclid_dist"),
        Sample(m.real(27, 3), m.real(2, 3), compute_mode="donot_use_mm_for_euclid_dist").but(second=False), Sample(m.real(0, 3), m.real(2, 3)).but(grad=False),
        Sample(m.real(2, 0), m.real(3, 0)).but(grad=False), Sample(np.ones((2, 3)), np.ones((2, 3))).but(smooth=False, second=False),
        Sample(m.real(4, 3, dtype=np.float32), m.real(2, 3, dtype=np.float32)).but(second=False),
    ],
    "pdist": [
        *(Sample(m.real(4, 3), p).but(second=False) for p in (1, 1.5, 2, 3.0, float("inf"))), Sample(m.real(4, 3)).but(second=False), Sample(m.real(4, 3), p=0).but(grad=False),
        Sample(m.real(1, 3)).but(grad=False), Sample(m.real(3, 2, dtype=np.float32)).but(second=False), Sample(np.ones((3, 2))).but(smooth=False, second=False),
    ],
    "renorm": [
        *(Sample(m.real(3, 4), p, dim, 1.0) for p in (1, 2, 3.5) for dim in (0, -1)), Sample(m.real(2, 3, 2), 2, 1, 2.5), Sample(m.real(2, 3), float("inf"), 0, 0.5),
        Sample(m.real(3, 4, dtype=np.float32), 2, 0, 1.5), Sample(np.zeros((2, 3)), 2, 0, 1.0).but(smooth=False, second=False),
    ],
    "combinations": [Sample(m.real(4)), Sample(m.real(4), 3), Sample(m.real(4), 2, True), Sample(m.real(4), r=1), Sample(m.real(4), 0), Sample(m.real(1)), Sample(m.whole(3))],
    "cartesian_prod": [Sample(m.real(3), m.real(2)), Sample(m.real(2), m.real(2), m.real(3)), Sample(m.whole(2), m.whole(3)), Sample(m.real(3), m.real(0))],
    "histogram": [
        Sample(a, *args, **kwargs).but(grad=False)
        for a, args, kwargs in (
            (m.real(3, 4), (5,), {}), (m.real(9), (4,), {"range": (-1.0, 1.0)}), (m.real(4), (4,), {"weight": m.real(4)}), (m.real(9), (3,), {"density": True}),
            (m.real(9), (rising,), {}), (np.array([0.0, 0.5, 1.0, 4.0, 4.5]), (rising,), {"density": True}), (m.real(9, dtype=np.float32), (3,), {}),
            (np.ones(3), (3,), {}), (m.real(0), (2,), {}),
        )
    ],
    "histogramdd": [
        Sample(a, *args, **kwargs).but(grad=False)
        for a, args, kwargs in (
            (m.real(9, 2), ([3, 2],), {}), (m.real(9, 2), (2,), {"range": (-1.0, 1.0, 0.0, 2.0)}), (m.real(2, 4, 3), ([2, 2, 3],), {"weight": m.real(2, 4, low=0.0)}),
            (m.real(9, 2), ([rising, rising[:3]],), {}), (m.real(9, 2), ([3, 2],), {"density": True}),
        )
    ],
}  # fmt: skip
