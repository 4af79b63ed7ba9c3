"""Samples for poolings: no two elements of a window are equal where derivatives are checked."""

import numpy as np

from . import Maker, Sample

m = Maker(22)


def distinct(*shape, dtype=np.float64):
    """Numbers that lie well apart."""
    size = int(np.prod(shape))
    return (np.random.default_rng(size).permutation(size) / 7 - size / 14).reshape(shape).astype(dtype)


NAN = np.array([[[1.0, np.nan, 3.0, np.nan, np.nan, 2.0, 0.0], [-np.inf] * 7]])
TIES = np.array([[[0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]]])


def image(d):
    return (6, 5, 4)[:d]


def roomy(d):
    return (7, 6, 5)[:d]


def plane(values, d):
    """The same numbers as an image of `d` dimensions."""
    return values.reshape((*values.shape[:2], *(1,) * (d - 1), values.shape[2])).repeat(3 if d > 1 else 1, axis=-2)


def maxima(d):
    x = distinct(2, 2, *image(d))
    return [
        Sample(distinct(1, 2, *image(d)), 2),
        Sample(x, 3, 2, 1),
        Sample(x, 2, return_indices=True),
        Sample(x, 3, stride=1, padding=1, return_indices=True),
        Sample(x[0], 2),
        Sample(x, (2,) * d, (2,) * d, (1,) * d, 2, True, True),
        Sample(x, 3, 2, ceil_mode=True),
        Sample(distinct(1, 1, *(11 for _ in range(d))), 11, return_indices=True).but(second=False),
        Sample(distinct(2, 2, *image(d), dtype=np.float32), 2, stride=3),
        Sample(plane(NAN, d), 3, 1, 1, return_indices=True).but(smooth=False, second=False),
        Sample(plane(TIES, d), 3, 2, 1, return_indices=True).but(smooth=False, second=False),
        Sample(distinct(0, 2, *image(d)), 2),
        Sample(x, 3, 2, 1, ceil_mode=True).but(grad=False),
        Sample(plane(NAN, d), 3, 1, 1).but(grad=False),
        *([Sample(m.whole(1, 2, *image(d)), 2, return_indices=True)] if d > 1 else []),
    ]


def places(d):
    """For each window of two, distinct places in the image that was pooled."""
    sizes = (3, 2, 2)[:d]
    count = int(np.prod(sizes))
    whole = int(np.prod([2 * n for n in sizes]))
    return np.stack([np.random.default_rng(i).permutation(whole)[:count].reshape(sizes) for i in range(4)]).reshape((2, 2, *sizes))


def unpooled(d):
    index = places(d)
    x = m.real(*index.shape)
    larger = tuple(2 * n + 1 for n in x.shape[2:])
    return [
        Sample(x, index, 2),
        Sample(x[0], index[0], 2, 2),
        Sample(x, index, (2,) * d, output_size=larger),
        Sample(x.astype(np.float32), index, 2, output_size=(*x.shape[:2], *larger)),
    ]


SAMPLES = {
    **{f"nn.functional.max_pool{d}d": maxima(d) for d in (1, 2, 3)},
    **{f"max_pool{d}d": [Sample(distinct(1, 2, *image(d)), 2), Sample(distinct(2, 2, *image(d)), 3, 2, 1)] for d in (1, 2, 3)},
    **{f"nn.functional.max_pool{d}d_with_indices": [Sample(distinct(1, 2, *image(d)), 2), Sample(distinct(2, *image(d)), 3, 2, 1)] for d in (1, 2, 3)},
    "max_pool1d_with_indices": [Sample(distinct(1, 2, *image(1)), 2), Sample(distinct(2, *image(1)), 3, 2, 1)],
    **{
        f"nn.functional.adaptive_max_pool{d}d": [
            Sample(distinct(1, 2, *image(d)), 3),
            Sample(distinct(2, 2, *image(d)), (4,) * d, True),
            Sample(distinct(2, *image(d)), 1, return_indices=True),
            Sample(distinct(2, 2, *image(d)), 7),
            Sample(distinct(2, *image(d)), (None,) * (d - 1) + (2,)) if d > 1 else Sample(distinct(2, *image(d)), (2,)),
            Sample(plane(NAN, d), 2, return_indices=True).but(smooth=False, second=False),
            Sample(distinct(0, 2, *image(d)), 2),
            Sample(distinct(1, 2, *(13 for _ in image(d))), 2, return_indices=True).but(second=False),
        ]
        for d in (1, 2, 3)
    },
    "adaptive_max_pool1d": [Sample(distinct(2, 2, 6), 4)],
    **{
        f"nn.functional.fractional_max_pool{d}d": [
            Sample(distinct(1, 2, *roomy(d)), 2, (3,) * d, _random_samples=m.real(1, 2, d, low=0, high=1)).but(leaves=(0,)),
            Sample(distinct(2, 2, *roomy(d)), 2, 3, None, True, m.real(2, 2, d, low=0, high=1)).but(leaves=(0,)),
            Sample(distinct(2, *roomy(d)), (2, 3, 2)[:d], output_ratio=(0.5, 0.6, 0.5)[:d], _random_samples=m.real(1, 2, d, low=0, high=1)).but(leaves=(0,)),
            Sample(distinct(2, 1, *roomy(d), dtype=np.float32), 2, 1, _random_samples=m.real(2, 1, d, low=0, high=1, dtype=np.float32)).but(leaves=(0,)),
        ]
        for d in (2, 3)
    },
    **{f"nn.functional.max_unpool{d}d": unpooled(d) for d in (1, 2, 3)},
}
