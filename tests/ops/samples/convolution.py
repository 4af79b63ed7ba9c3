"""Samples for convolutions."""

import numpy as np

from . import Maker, Sample

m = Maker(21)


def plain(d):
    """Kernels of three elements in each dimension, and every setting."""
    image = (5, 6, 4)[:d]
    kernel = (3, 2, 2)[:d]
    return [
        Sample(m.real(1, 2, *image), m.real(2, 2, *kernel)),
        Sample(m.real(2, 2, *image), m.real(3, 2, *kernel), m.real(3)),
        Sample(m.real(2, *image), m.real(3, 2, *kernel), m.real(3)),
        Sample(m.real(2, 2, *image), m.real(4, 1, *kernel), m.real(4), stride=2, padding=1, groups=2),
        Sample(m.real(2, 2, *image), m.real(1, 2, *kernel), dilation=2, padding=2),
        Sample(m.real(1, 2, *image), m.real(1, 2, *kernel), None, (2,) * d, (1,) * d),
        Sample(m.real(1, 2, *image), m.real(2, 2, *kernel), padding="same"),
        Sample(m.real(1, 2, *image), m.real(2, 2, *kernel), padding="same", dilation=2),
        Sample(m.real(1, 2, *image), m.real(2, 2, *kernel), padding="valid"),
        Sample(m.real(2, 3, *image), m.real(2, 3, *(1,) * d), m.real(2)),
        Sample(m.real(2, 2, *image), m.real(2, 2, *image), m.real(2), padding=1),
        Sample(m.real(2, 2, *image, dtype=np.float32), m.real(3, 2, *kernel, dtype=np.float32), m.real(3, dtype=np.float32)).but(tolerance=1e-5),
        Sample(m.whole(2, 2, *image), m.whole(3, 2, *kernel)),
        Sample(m.real(0, 2, *image), m.real(3, 2, *kernel), m.real(3)),
    ]


def transposed(d):
    """The same for transposed convolutions."""
    image = (3, 4, 2)[:d]
    kernel = (3, 2, 2)[:d]
    return [
        Sample(m.real(1, 2, *image), m.real(2, 3, *kernel)),
        Sample(m.real(2, 2, *image), m.real(2, 3, *kernel), m.real(3)),
        Sample(m.real(2, *image), m.real(2, 1, *kernel), m.real(1)),
        Sample(m.real(2, 2, *image), m.real(2, 2, *kernel), m.real(4), stride=2, padding=1, output_padding=1, groups=2),
        Sample(m.real(1, 2, *image), m.real(2, 1, *kernel), stride=2, dilation=3, output_padding=2),
        Sample(m.real(2, 3, *image), m.real(3, 2, *(1,) * d), m.real(2)),
        Sample(m.real(2, 3, *(1,) * d), m.real(3, 2, *kernel), m.real(2)),
        Sample(m.real(2, 2, *image, dtype=np.float32), m.real(2, 3, *kernel, dtype=np.float32)).but(tolerance=1e-5),
        Sample(m.whole(2, 2, *image), m.whole(2, 3, *kernel)),
    ]


SAMPLES = {
    "conv1d": plain(1),
    "conv2d": plain(2),
    "conv3d": plain(3),
    "conv_transpose1d": transposed(1),
    "conv_transpose2d": transposed(2),
    "conv_transpose3d": transposed(3),
    "convolution": [
        Sample(m.real(2, 2, 5), m.real(3, 2, 3), m.real(3), (2,), (1,), (1,), False, (0,), 1),
        Sample(m.real(2, 2, 5), m.real(2, 3, 3), m.real(3), (2,), (1,), (1,), True, (1,), 1),
        Sample(m.real(2, 2, 5), m.real(2, 3, 3), None, (2,), (1,), (1,), True, (1,), 1),
        Sample(m.real(2, 2, 5), m.real(2, 3, 3), None, [2], [1], [1], True, [1], 1),
    ],
}
