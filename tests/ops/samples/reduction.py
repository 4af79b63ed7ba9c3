"""Samples for reductions."""

from . import Maker, Sample

m = Maker(3)

SAMPLES = {
    "sum": [
        Sample(m.real(2, 3)),
        Sample(m.real(2, 3, 2), 1),
        Sample(m.real(2, 3, 2), (0, -1), True),
        Sample(m.real(), 0),
        Sample(m.real(0, 3), 0),
        Sample(m.whole(3)),
        Sample(m.flags(3)),
    ],
}
