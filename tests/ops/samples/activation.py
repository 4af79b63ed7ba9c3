"""Samples for activation functions."""

import numpy as np

from . import Maker, Sample

m = Maker(6)
EDGES = np.array([-np.inf, -6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 30.0, np.inf, np.nan])


def one(*rest, edges=EDGES, **kwargs):
    """Away from kinks, at them, 0-dim, float32."""
    return [
        Sample(m.away(3, 4, low=0.1, high=5.0), *rest, **kwargs),
        Sample(m.away(low=0.1), *rest, **kwargs),
        Sample(m.away(4, dtype=np.float32), *rest, **kwargs),
        Sample(edges, *rest, **kwargs).but(smooth=False, second=False),
        Sample(m.real(0), *rest, **kwargs),
    ]


FINITE = EDGES[1:-2]
SOFT = [
    Sample(m.real(2, 3), 1),
    Sample(m.real(2, 3, 2), -3),
    Sample(m.real(), 0),
    Sample(m.real(4, dtype=np.float32), 0),
    Sample(np.array([1000.0, 0.0, -1000.0]), 0),
    Sample(np.array([-np.inf, 0.0, 1.0]), 0).but(smooth=False, second=False),
    Sample(m.real(0, 3), 0),
]

SAMPLES = {
    "relu": [*one(), Sample(m.whole(4))],
    "nn.functional.relu": [*one(), Sample(m.real(3), False)],
    "relu6": one(),
    "threshold": [*one(0.3, 2.0), Sample(m.whole(4), 1, 5)],
    "nn.functional.threshold": one(0.3, 2.0),
    "hardtanh": [*one(), *one(-0.7, 2.0), Sample(m.whole(4))],
    "leaky_relu": [*one(), *one(0.2)],
    "elu": [*one(), *one(1.7)],
    "selu": one(),
    "celu": [*one(), *(s.but(tolerance=1e-6) for s in one(1.7))],  # PyTorch rounds 1 / alpha to single precision
    "nn.functional.celu": one(0.5),
    "gelu": [*one(edges=FINITE), *one(edges=FINITE, approximate="tanh")],
    "silu": one(edges=FINITE),
    "mish": one(edges=FINITE),
    "softplus": [*one(edges=FINITE), *one(2.0, 3.0, edges=FINITE)],
    "softsign": one(edges=FINITE),
    "tanhshrink": one(edges=FINITE),
    "hardsigmoid": [
        s.but(second=False, tolerance=1e-6) for s in one()
    ],  # PyTorch's sixth is of single precision, and its derivative the last
    "hardswish": one(edges=FINITE),
    "hardshrink": [*one(), *one(0.2)],
    "softshrink": [*one(), *one(0.2)],
    "prelu": [
        Sample(m.away(2, 3, 2), m.real(3)),
        Sample(m.away(2, 3), m.real(1)),
        Sample(m.away(3), m.real(1)),
        Sample(m.away(2, 3), m.real()),
    ],
    "glu": [Sample(m.real(2, 4)), Sample(m.real(4, 3), 0), Sample(m.real(2, 6, 2), 1)],
    "logsigmoid": one(edges=FINITE),
    "softmax": [*SOFT, Sample(m.real(3, dtype=np.float32), 0)],
    "log_softmax": SOFT,
    "nn.functional.softmax": [*SOFT[:3], Sample(m.real(2, 3)), Sample(m.real(3))],
    "nn.functional.log_softmax": [*SOFT[:3], Sample(m.real(2, 3))],
    "softmin": SOFT[:3],
    "normalize": [
        Sample(m.real(2, 3)),
        Sample(m.real(2, 3), 1.0, 0),
        Sample(m.real(2, 3), dim=-1),
        Sample(np.zeros((1, 3))).but(smooth=False, second=False),
    ],
}
