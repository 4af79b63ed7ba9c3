"""Samples for windows as columns, and for shuffles."""

import numpy as np

from . import Maker, Sample

m = Maker(25)

EMPTY = Sample(m.real(0, 4, 2, 2), 2).but(parity=False)  # PyTorch's gradient of what is empty has another shape, which it refuses itself

SAMPLES = {
    "nn.functional.unfold": [
        Sample(m.real(1, 2, 4, 5), 2),
        Sample(m.real(2, 2, 4, 5), (3, 2), padding=1, stride=2),
        Sample(m.real(2, 4, 5), 2, 2),
        Sample(m.real(2, 4, 5, dtype=np.float32), (2, 3), (1, 2), (1, 0), (2, 1)),
        Sample(m.real(0, 2, 4, 5), 2),
        Sample(m.flags(1, 2, 4, 5), 2),
    ],
    "nn.functional.fold": [
        Sample(m.real(1, 8, 12), (4, 5), 2),
        Sample(m.real(2, 12, 6), (4, 5), (3, 2), padding=1, stride=2),
        Sample(m.real(8, 6), (4, 5), 2, 2),
        Sample(m.real(8, 12, dtype=np.float32), (4, 5), 2),
        Sample(m.real(0, 8, 12), (4, 5), 2),
    ],
    "pixel_shuffle": [Sample(m.real(1, 8, 2, 3), 2), Sample(m.real(9, 2, 3), 3), Sample(m.whole(2, 4, 1, 2), 2), Sample(m.real(2, 1, 2, 4, 3), 1), EMPTY],
    "pixel_unshuffle": [Sample(m.real(1, 2, 4, 6), 2), Sample(m.real(1, 6, 3), 3), Sample(m.whole(2, 4, 2, 2), 2), EMPTY],
    "channel_shuffle": [Sample(m.real(1, 6, 2, 3), 2), Sample(m.real(2, 6, 3), 3), Sample(m.whole(2, 4, 1, 2), 4), Sample(m.real(2, 4, 0), 2)],
}
