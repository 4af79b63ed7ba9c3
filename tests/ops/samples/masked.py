"""Samples for `torch.masked`: with a mask, with one to be broadcast, without, and with nothing left in a row."""

import numpy as np

from . import Maker, Sample

m = Maker(33)
ROW = np.array([True, False, True, True])
TWO = np.array([[True, True, False, True], [True, False, True, True], [False, True, True, True]])
EMPTY = np.array([[True, False, True, False], [False, False, False, False], [True, True, True, True]])


def reductions(*further, empty=True, whole=True, **kwargs):
    """Reductions over one, all and several dimensions."""
    return [
        Sample(m.real(3, 4), *further, 1, mask=ROW, **kwargs),
        Sample(m.real(3, 4), *further, dim=-2, keepdim=True, mask=TWO, **kwargs),
        *([Sample(m.real(3, 4), *further, 1, mask=EMPTY, **kwargs).but(smooth=False, second=False)] if empty else []),
        *([Sample(m.real(3, 4), *further, mask=ROW), Sample(m.real(2, 3, 2), *further, (0, 2))] if whole else []),
    ]


def along(*further):
    """What keeps the shape."""
    return [Sample(m.real(3, 4), *further, 1, mask=ROW), Sample(m.real(3, 4), *further, -2), Sample(m.real(3, 4), *further, 1, mask=m.flags(3, 4) | ROW)]


integers = Sample(m.whole(3, 4), 1, mask=ROW)
SAMPLES = {
    **{f"masked.{n}": [*reductions(), integers] for n in ("sum", "prod", "amax", "amin")},
    **{f"masked.{n}": [*reductions(empty=False, whole=False), Sample(m.real(3, 4), mask=EMPTY), integers] for n in ("argmax", "argmin")},
    "masked.mean": reductions(),
    "masked.median": [*reductions(empty=False, whole=False), integers],
    "masked.logsumexp": reductions(empty=False),
    "masked.norm": [*reductions(2.0, empty=False), *reductions(1.0, empty=False), Sample(m.real(3, 4), float("-inf"), 1, mask=ROW)],
    "masked.var": [*reductions(), Sample(m.real(3, 4), 1, False, mask=ROW), Sample(m.real(3, 4), 1, correction=2, mask=ROW), integers],
    "masked.std": [*reductions(empty=False), Sample(m.real(3, 4), 1, False, mask=ROW), integers],
    "masked.cumsum": [*along(), integers],
    "masked.cumprod": [*along(), integers],
    "masked.softmax": along(),
    "masked.log_softmax": [s.but(smooth=False) for s in along()],
    "masked.softmin": along(),
    "masked.normalize": along(2.0),
    "masked.logaddexp": [
        Sample(m.real(3, 4), m.real(3, 4)),
        Sample(m.real(3, 4), m.real(3, 4), input_mask=ROW, other_mask=~ROW).but(smooth=False, second=False),
    ],
}
