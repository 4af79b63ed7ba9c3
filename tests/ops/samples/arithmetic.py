"""Samples for arithmetic, pointwise."""

import numpy as np

from . import Maker, Sample

m = Maker(1)

SAMPLES = {
    "add": [
        Sample(m.real(3, 4), m.real(4)),
        Sample(m.real(2, 1), m.real(3), alpha=2.5),
        Sample(m.real(), 2),
        Sample(m.whole(3), m.real(3, dtype=np.float32)),
        Sample(m.real(3, dtype=np.float32), m.real()),
        Sample(m.flags(3), m.flags(3)),
        Sample(m.real(0, 3), m.real(3)),
    ],
    "sub": [Sample(m.real(3, 4), m.real(4)), Sample(m.real(2, 1), m.real(3), alpha=2), Sample(m.real(3), 1.5), Sample(m.whole(3), 1.5)],
    "mul": [Sample(m.real(3, 4), m.real(4)), Sample(m.real(2), 3), Sample(m.whole(3), m.whole(3)), Sample(m.whole(3), 0.5), Sample(m.real(), m.real(2))],
    "exp": [Sample(m.real(3)), Sample(m.real()), Sample(m.whole(3)), Sample(m.flags(3))],
}
