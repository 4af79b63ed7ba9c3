"""Samples for flipping, rolling, repeating, triangles, diagonals and joining."""

import numpy as np

from . import Maker, Sample

m = Maker(21)

SAMPLES = {
    "flip": [Sample(m.real(2, 3, 2), (0, -1)), Sample(m.real(3), (0,))],
    "fliplr": [Sample(m.real(2, 3))],
    "flipud": [Sample(m.real(2, 3))],
    "rot90": [Sample(m.real(2, 3)), Sample(m.real(2, 3, 2), -1, (1, 2)), Sample(m.real(2, 3), 2)],
    "roll": [Sample(m.real(2, 3), 1), Sample(m.real(2, 3), 1, 0), Sample(m.real(2, 3), (1, -1), (0, 1))],
    "tril": [Sample(m.real(3, 4)), Sample(m.real(2, 3, 3), -1)],
    "triu": [Sample(m.real(3, 4)), Sample(m.real(2, 3, 3), 1)],
    "diagonal": [Sample(m.real(3, 4)), Sample(m.real(2, 3, 4), 1, 0, 2), Sample(m.real(2, 3), 5)],
    "linalg.diagonal": [Sample(m.real(2, 3, 4), offset=-1)],
    "diag_embed": [Sample(m.real(3)), Sample(m.real(2, 3), 1, 0, 2), Sample(m.real(2, 2), -1)],
    "diag": [Sample(m.real(3)), Sample(m.real(3, 4)), Sample(m.real(3), 1), Sample(m.real(3, 4), -1)],
    "diagflat": [Sample(m.real(2, 2)), Sample(m.real(), 1)],
    "trace": [Sample(m.real(3, 3)), Sample(m.real(2, 3)), Sample(m.whole(2, 2))],
    "repeat": [s.but(method=True) for s in (Sample(m.real(2, 1), 3, 1, 2), Sample(m.real(2), 2), Sample(m.real(), 2, 2), Sample(m.real(2), (0,)))],
    "tile": [Sample(m.real(2, 3), (2,)), Sample(m.real(2), (2, 1, 2))],
    "repeat_interleave": [
        Sample(m.real(2, 3), 2), Sample(m.real(2, 3), 2, 1), Sample(m.real(3), np.array([1, 0, 2])), Sample(m.real(2, 2), np.array([3, 1]), dim=0),
    ],
    "cat": [
        Sample([m.real(2, 3), m.real(1, 3)]), Sample([m.real(2, 3), m.real(2, 1)], -1), Sample([m.real(2, 3), m.real(0)]),
        Sample([m.real(2), m.real(2, dtype=np.float32)]), Sample([m.real(2), m.whole(2)]),
    ],
    "concat": [Sample([m.real(2, 3), m.real(1, 3)])],
    "concatenate": [Sample([m.real(2, 3), m.real(1, 3)])],
    "stack": [Sample([m.real(2, 3), m.real(2, 3)]), Sample([m.real(2), m.real(2)], -1), Sample([m.real(), m.real()])],
    "hstack": [Sample([m.real(2, 3), m.real(2, 1)]), Sample([m.real(2), m.real(1)])],
    "vstack": [Sample([m.real(2, 3), m.real(3)])],
    "row_stack": [Sample([m.real(3), m.real(3)])],
    "dstack": [Sample([m.real(2, 3), m.real(2, 3)])],
    "column_stack": [Sample([m.real(2), m.real(2, 3)])],
    "block_diag": [Sample(m.real(2, 3), m.real(2), m.real())],
    "nn.functional.pad": [
        Sample(m.real(2, 3), (1, 2)), Sample(m.real(2, 3), (1, 0, -1, 2), value=3.0), Sample(m.real(1, 2, 4), (1, 2), mode="reflect"),
        Sample(m.real(1, 2, 3, 3), (1, 0, 2, 1), mode="replicate"), Sample(m.real(1, 2, 4), (3, -2), mode="reflect"),
        Sample(m.real(1, 2, 4), (1, 2), mode="circular"), Sample(m.real(1, 2, 3, 4), (1, 2, 2, -1), mode="circular"),
        Sample(m.real(2, 2, 3, 4), (1, 1, 0, 1, 1, 0), mode="reflect"), Sample(m.real(1, 2, 2, 3, 4), (1, 1, 0, 3, 1, 0), mode="replicate"),
    ],
    "constant_pad_nd": [Sample(m.real(2, 3), (1, 2)), Sample(m.real(2, 3), (1, 0, -1, 2), 3.0), Sample(m.whole(2, 3), (1, 1), 2)],
}
