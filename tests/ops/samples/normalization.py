"""Samples for normalization."""

import numpy as np

from . import Maker, Sample

m = Maker(8)


def affine(n):
    return {"weight": m.real(n), "bias": m.real(n)}


SAMPLES = {
    "layer_norm": [
        Sample(m.real(2, 5), (5,)),
        Sample(m.real(2, 3, 4), (3, 4), m.real(3, 4), m.real(3, 4)),
        Sample(m.real(2, 5), (5,), **affine(5)),
        Sample(m.real(2, 5, dtype=np.float32), (5,), eps=1e-3),
        Sample(m.real(2, 5), (5,), m.real(5)),
        Sample(m.real(2, 5), (5,), bias=m.real(5)).but(second=False),
    ],
    "rms_norm": [Sample(m.real(2, 5), (5,)), Sample(m.real(2, 3, 4), (3, 4), m.real(3, 4)), Sample(m.real(2, 5), (5,), eps=0.1)],
    "group_norm": [
        Sample(m.real(2, 4, 3), 2),
        Sample(m.real(2, 6), 3, **affine(6)),
        Sample(m.real(2, 4, 3, 2), 4, **affine(4), eps=1e-2),
        Sample(m.real(2, 4, 3), 1, m.real(4)),
    ],
    "batch_norm": [
        Sample(m.real(5, 3), None, None, training=True),
        Sample(m.real(4, 3, 2), None, None, **affine(3), training=True),
        Sample(m.real(5, 3), m.real(3), m.real(3, low=0.2), **affine(3)).but(leaves=(0, 3, 4)),
        Sample(m.real(4, 3, 2), m.real(3), m.real(3, low=0.2), **affine(3), training=True, momentum=0.3).but(leaves=(0, 3, 4)),
        Sample(m.real(5, 3), m.real(3), m.real(3, low=0.2)).but(leaves=(0,)),
        Sample(m.real(0, 3), m.real(3), m.real(3), **affine(3)).but(leaves=(0, 3, 4)),
        Sample(m.real(0), m.real(0), m.real(0)).but(leaves=(0,)),
        Sample(m.real(2, 3, 2, 2, dtype=np.float32), None, None, training=True).but(tolerance=1e-4),
    ],
    "instance_norm": [Sample(m.real(2, 3, 4)), Sample(m.real(2, 3, 4), m.real(3), m.real(3, low=0.2), **affine(3)).but(leaves=(0, 3, 4))],
}
