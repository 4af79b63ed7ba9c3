"""Samples for views, splitting and windows."""

from . import Maker, Sample

m = Maker(2)


def methods(*samples):
    return [s.but(method=True) for s in samples]


SAMPLES = {
    "transpose": [Sample(m.real(2, 3, 4), 0, -1), Sample(m.real(), 0, -1)],
    "swapaxes": [Sample(m.real(2, 3, 4), 0, -1)],
    "swapdims": [Sample(m.real(2, 3), 0, 1)],
    "t": [Sample(m.real(2, 3)), Sample(m.real(3)), Sample(m.real())],
    "permute": [Sample(m.real(2, 3, 4), (2, 0, 1)), Sample(m.real(2, 3, 4), (-1, 0, 1))],
    "movedim": [Sample(m.real(2, 3, 4), 0, 2), Sample(m.real(2, 3, 4), (0, 1), (-1, 0)), Sample(m.real(), 0, 0)],
    "moveaxis": [Sample(m.real(2, 3, 4), 0, 2)],
    "as_strided": [Sample(m.real(4), (2, 2), (1, 1)), Sample(m.real(2, 3), (2,), (2,)), Sample(m.real(3), (), ()), Sample(m.real(3), (2, 3), (0, 1))],
    "as_strided_scatter": [Sample(m.real(2, 3), m.real(2), (2,), (2,), 1).but(leaves=(1,)), Sample(m.real(4), m.real(2, 2), (2, 2), (2, 1)).but(leaves=(1,))],
    "adjoint": [Sample(m.real(2, 3, 4))],
    "expand": methods(Sample(m.real(2, 1), (3, 2, 4)), Sample(m.real(2, 1), (-1, 4)), Sample(m.real(), (2,)), Sample(m.real(2, 1), 2, 3)),
    "expand_as": methods(Sample(m.real(2, 1), m.real(3, 2, 4)).but(leaves=(0,))),
    "broadcast_to": [Sample(m.real(2, 1), (3, 2, 4))],
    "broadcast_tensors": [Sample(m.real(2, 1), m.real(3))],
    "view": methods(Sample(m.real(2, 6), (3, -1)), Sample(m.real(2, 6), 4, 3), Sample(m.real(1), ()), Sample(m.whole(2, 3), -1)),
    "view_as": methods(Sample(m.real(2, 6), m.real(3, 4)).but(leaves=(0,))),
    "reshape": [Sample(m.real(2, 6), (3, -1)), Sample(m.real(2, 3), (2, 3)), Sample(m.real(0, 3), (3, 0))],
    "reshape_as": methods(Sample(m.real(2, 6), m.real(3, 4)).but(leaves=(0,))),
    "flatten": [Sample(m.real(2, 3, 4)), Sample(m.real(2, 3, 4), 1), Sample(m.real()), Sample(m.real(3)), Sample(m.real(2, 3, 4), 0, 1)],
    "ravel": [Sample(m.real(2, 3)), Sample(m.real(3))],
    "unflatten": [Sample(m.real(2, 6), 1, (2, -1)), Sample(m.real(6), -1, (2, 3))],
    "squeeze": [
        Sample(m.real(1, 3, 1)), Sample(m.real(1, 3, 1), 0), Sample(m.real(1, 3, 1), (0, 2)), Sample(m.real(2, 3), 0), Sample(m.real(), -1),
    ],
    "unsqueeze": [Sample(m.real(2, 3), 1), Sample(m.real(2, 3), -1), Sample(m.real(), 0)],
    "sum_to_size": methods(
        Sample(m.real(2, 3, 4), (3, 1)), Sample(m.real(2, 3), (2, 3)), Sample(m.real(2, 3), (1, 3)), Sample(m.real(2, 3), ()),
    ),
    "atleast_1d": [Sample(m.real()), Sample(m.real(2)), Sample(m.real(), m.real(2))],
    "atleast_2d": [Sample(m.real()), Sample(m.real(2)), Sample(m.real(2, 3))],
    "atleast_3d": [Sample(m.real()), Sample(m.real(2)), Sample(m.real(2, 3)), Sample(m.real(1, 2, 3))],
    "meshgrid": [Sample(m.real(2), m.real(3), indexing="ij"), Sample(m.real(2), m.real(3), m.real(2), indexing="xy")],
    "unbind": [Sample(m.real(2, 3)), Sample(m.real(2, 3), 1), Sample(m.real(1, 3)), Sample(m.real(2, 3, 2), -1)],
    "split": [Sample(m.real(5, 2), 2), Sample(m.real(5, 2), [1, 4]), Sample(m.real(2, 5), 5, 1)],
    "split_with_sizes": [Sample(m.real(5, 2), [1, 4]), Sample(m.real(2, 3), [0, 3], 1)],
    "chunk": [Sample(m.real(5, 2), 2), Sample(m.real(2, 5), 3, 1), Sample(m.real(2), 5)],
    "tensor_split": [Sample(m.real(5, 2), 3), Sample(m.real(2, 5), (1, 3), 1), Sample(m.real(3), (4,))],
    "hsplit": [Sample(m.real(2, 4), 2), Sample(m.real(4), (1, 3))],
    "vsplit": [Sample(m.real(4, 2), 2)],
    "dsplit": [Sample(m.real(2, 2, 4), (1,))],
    "select": [Sample(m.real(2, 3, 4), 1, -1), Sample(m.real(3), 0, 2)],
    "narrow": [Sample(m.real(2, 5), 1, 1, 3), Sample(m.real(4), 0, -2, 2)],
    "unfold": methods(Sample(m.real(6), 0, 3, 2), Sample(m.real(2, 5, 3), 1, 2, 1), Sample(m.real(), 0, 1, 1)),
    "select_scatter": [Sample(m.real(2, 3), m.real(3), 0, 1), Sample(m.real(2, 3), m.real(2), 1, -1)],
    "slice_scatter": [Sample(m.real(5, 2), m.real(2, 2), 0, 1, 5, 2)],
    "contiguous": methods(Sample(m.real(2, 3))),
}
