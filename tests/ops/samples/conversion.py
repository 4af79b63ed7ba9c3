"""Samples for copies, types and fills."""

import nbgrad

from . import Maker, Sample

m = Maker(25)


def methods(*samples):
    return [s.but(method=True) for s in samples]


SAMPLES = {
    "clone": [Sample(m.real(2, 3))],
    "to": methods(Sample(m.real(2), nbgrad.float32).but(smooth=False), Sample(m.real(2), nbgrad.float64), Sample(m.whole(2), nbgrad.float32), Sample(m.real(2), nbgrad.int64)),
    **{n: methods(Sample(m.real(3, low=0)).but(smooth=False), Sample(m.whole(3, low=0))) for n in ("float", "double", "half", "long", "int", "short", "char", "byte", "bool")},
    **{n: methods(Sample(m.real(3)).but(grad=False)) for n in ("cfloat", "cdouble")},
    "type": methods(Sample(m.real(2), nbgrad.float32).but(smooth=False), Sample(m.real(2))),
    "type_as": methods(Sample(m.real(2), m.whole(2)).but(leaves=(0,))),
    "cpu": methods(Sample(m.real(2))),
    "copy_": methods(Sample(m.real(2, 3), m.real(3)).but(leaves=(1,)), Sample(m.whole(2), m.real(2)).but(grad=False)),
    "fill": [Sample(m.real(2, 3), 2.0), Sample(m.real(2, 3), m.real())],
    "fill_": methods(Sample(m.real(2, 3), 2.0).but(leaves=()), Sample(m.real(2, 3), m.real()).but(leaves=(1,))),
    "zero_": methods(Sample(m.real(2, 3)).but(leaves=())),
    "item": methods(Sample(m.real())),
}
