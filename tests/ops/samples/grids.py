"""Samples for sampling at grids."""

import numpy as np

from . import Maker, Sample

m = Maker(26)


def ways(d, modes, numbers):
    """Every mode with every padding and both meanings of the borders; places inside and outside."""
    image = (5, 4, 3)[:d]
    names, paddings = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
    found = []
    for mode in modes:
        for padding in paddings:
            for corners in (False, True):
                x, grid = m.real(2, 2, *image), m.real(2, 3, *(2,) * (d - 1), d, low=-1.6, high=1.6)
                if numbers:
                    found.append(Sample(x, grid, names.index(mode), paddings.index(padding), corners))
                else:
                    found.append(Sample(x, grid, mode, padding, corners))
    return found


EDGES = np.array([-1.0, 1.0, -0.2, 0.2, np.nan, np.inf, -np.inf, 1e30, -3.0, 0.6]).reshape((1, 1, 5, 2))
AT_EDGES = [
    Sample(m.real(1, 1, 5, 5), EDGES, mode, padding, False).but(grad=False)
    for mode in ("bilinear", "nearest", "bicubic") for padding in ("zeros", "border", "reflection")
]  # fmt: skip

SAMPLES = {
    "grid_sample": [
        *ways(2, ("bilinear", "nearest", "bicubic"), False),
        *ways(3, ("bilinear", "nearest"), False),
        Sample(m.real(1, 2, 4, 4, dtype=np.float32), m.real(1, 3, 3, 2, dtype=np.float32, low=-1, high=1), align_corners=False).but(tolerance=1e-5),
        Sample(m.real(1, 2, 1, 1), m.real(1, 3, 3, 2), padding_mode="reflection", align_corners=True),
        *AT_EDGES,
    ],
    "grid_sampler": ways(2, ("bilinear", "bicubic"), True)[:4],
    "grid_sampler_2d": ways(2, ("bilinear", "bicubic"), True),
    "grid_sampler_3d": ways(3, ("bilinear", "nearest"), True),
    "affine_grid": [
        Sample(m.real(1, 2, 3), (1, 1, 3, 4), align_corners=False),
        Sample(m.real(2, 2, 3), (2, 3, 4, 2), align_corners=True),
        Sample(m.real(1, 3, 4), (1, 1, 2, 3, 2), align_corners=False),
        Sample(m.real(1, 3, 4), (1, 1, 2, 1, 2), align_corners=True),
        Sample(m.real(1, 2, 3, dtype=np.float32), (1, 1, 5, 4), align_corners=False),
    ],
    "affine_grid_generator": [Sample(m.real(1, 2, 3), (1, 1, 3, 4), False), Sample(m.real(2, 2, 3), (2, 3, 4, 2), True)],
}
