"""Samples for resizing."""

import numpy as np

from . import Maker, Sample

m = Maker(24)


def both_ways(d, mode, **kwargs):
    """Larger and smaller, by size and by factor, in double and single precision."""
    image = (5, 4, 3)[:d]
    x = m.real(1, 2, *image)
    return [
        Sample(x, (7, 3, 2)[:d], mode=mode, **kwargs),
        Sample(x, 8, mode=mode, **kwargs),
        Sample(x, scale_factor=2, mode=mode, **kwargs),
        Sample(x, None, (0.6, 1.7, 2.7)[:d], mode, **kwargs),  # to twice the size PyTorch's gradient of "nearest" forgets the factor
        Sample(x, scale_factor=1.7, mode=mode, recompute_scale_factor=True, **kwargs),
        Sample(x, scale_factor=1.7, mode=mode, recompute_scale_factor=False, **kwargs),
        Sample(x, image, mode=mode, **kwargs),
        Sample(x, 1, mode=mode, **kwargs),
        Sample(m.real(2, 1, *image, dtype=np.float32), 6, mode=mode, **kwargs).but(tolerance=1e-5),
    ]


def modes():
    for d, linear in ((1, "linear"), (2, "bilinear"), (3, "trilinear")):
        yield from both_ways(d, linear)
        yield from both_ways(d, linear, align_corners=True)
        for mode in ("nearest", "nearest-exact", "area"):
            yield from both_ways(d, mode)
    for corners in (False, True):
        yield from both_ways(2, "bicubic", align_corners=corners)
        for mode in ("bilinear", "bicubic"):
            yield from both_ways(2, mode, align_corners=corners, antialias=True)
    yield Sample(m.real(1, 1, 110, 90), scale_factor=1.3, mode="bilinear").but(second=False)
    yield Sample(m.real(1, 1, 110, 90), (40, 200), mode="bicubic").but(second=False)
    yield Sample(m.real(1, 1, 150, 130), (40, 20), mode="bilinear", antialias=True).but(second=False)
    for mode in ("nearest", "nearest-exact"):  # where rounding decides: PyTorch's gradient then goes elsewhere than its values came from
        for dtype in (np.float32, np.float64):
            yield from (Sample(m.real(1, 2, n, dtype=dtype), size, mode=mode).but(grad=False) for n, size in ((14, 46), (26, 22), (39, 33), (2, 41), (12, 37)))
    yield Sample(np.where(m.flags(1, 1, 6, 6), np.inf, 1.0), 9, mode="nearest").but(smooth=False, second=False)
    yield Sample(m.whole(1, 2, 4, 4, low=0, high=255, dtype=np.uint8), 7)


SAMPLES = {
    "interpolate": [*modes()],
    "upsample": [Sample(m.real(1, 2, 4, 3), 6), Sample(m.real(1, 2, 4, 3), None, 2, "bilinear", True)],
    "upsample_nearest": [Sample(m.real(1, 2, 4, 3), 6), Sample(m.real(1, 2, 4), scale_factor=3)],
    "upsample_bilinear": [Sample(m.real(1, 2, 4, 3), 6), Sample(m.real(1, 2, 4, 3), None, 2)],
}
