"""Samples for lookups in bags. PyTorch has no second derivatives there."""

import numpy as np

from . import Maker, Sample

m = Maker(27)
V = np.array([0, 2, 1, 2, 4, 4, 0, 3])
OFFSETS = np.array([0, 3, 3, 5])


def both(**kwargs):
    return [
        Sample(m.whole(2, 3, low=0, high=5), m.real(5, 4), **kwargs).but(second=False),
        Sample(V, m.real(5, 2), OFFSETS, **kwargs).but(second=False),
        Sample(V, m.real(5, 2), np.append(OFFSETS, 8), include_last_offset=True, padding_idx=-1, **kwargs).but(second=False),
        Sample(V, m.real(5, 2), OFFSETS, padding_idx=2, **kwargs).but(second=False),
        Sample(V.astype(np.int32), m.real(5, 2, dtype=np.float32), OFFSETS.astype(np.int32), **kwargs).but(second=False),
        Sample(V[:0], m.real(5, 2), OFFSETS * 0, **kwargs).but(second=False),
    ]


SAMPLES = {
    "embedding_bag": [
        *both(),
        *both(mode="sum"),
        *both(mode="max"),
        Sample(m.whole(40, 30, low=0, high=50), m.real(50, 64)).but(second=False),
        Sample(V, m.real(5, 2), OFFSETS, mode="sum", per_sample_weights=m.real(8)).but(second=False),
        Sample(V.reshape(4, 2), m.real(5, 2), mode="sum", per_sample_weights=m.real(4, 2)).but(second=False),
        Sample(m.whole(40, 30, low=0, high=50), m.real(50, 64)).but(second=False),
        Sample(V, m.real(5, 2), OFFSETS, mode="sum", per_sample_weights=m.real(8), padding_idx=4).but(second=False),
    ],
}
