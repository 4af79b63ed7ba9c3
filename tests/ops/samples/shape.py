"""Samples for views."""

from . import Maker, Sample

m = Maker(2)

SAMPLES = {
    "transpose": [Sample(m.real(2, 3, 4), 0, -1), Sample(m.real(), 0, -1)],
    "expand": [s.but(method=True) for s in (Sample(m.real(2, 1), (3, 2, 4)), Sample(m.real(2, 1), (-1, 4)), Sample(m.real(), (2,)))],
}
