"""Samples for indexing, gathering, scattering and masks."""

import numpy as np

from . import Maker, Sample

m = Maker(22)


def methods(*samples):
    return [s.but(method=True) for s in samples]


rows, mask = np.array([0, 2]), np.array([True, False, True])
grid = np.array([[0, 1, 1, 2], [2, 0, 0, 1]])
four = np.array([[1, 2], [3, 1]])

SAMPLES = {
    "__getitem__": methods(
        Sample(m.real(3, 4), 1), Sample(m.real(3, 4), -1), Sample(m.real(3, 4), slice(1, None)), Sample(m.real(3, 4), slice(None)),
        Sample(m.real(3, 4), (slice(None), 2)), Sample(m.real(3, 4), (slice(0, 3, 2), slice(1, -1))), Sample(m.real(3, 4), ...),
        Sample(m.real(3, 4), (..., 0)), Sample(m.real(3, 4), (None, 1)), Sample(m.real(3, 4), (0, ..., None)), Sample(m.real(), None),
        Sample(m.real(3, 4), rows), Sample(m.real(3, 4), ([0, 0, 1], [1, 1, 3])), Sample(m.real(3, 4), (slice(None), rows)),
        Sample(m.real(3, 4), mask), Sample(m.real(3, 4), m.flags(3, 4)), Sample(m.real(3, 4, 2), (rows, slice(None), np.array([0, 1]))),
        Sample(m.real(3, 4, 2), (0, slice(None), np.array([0, 0, 1]))), Sample(m.real(3, 4), True), Sample(m.real(3, 4), np.array(1)),
        Sample(m.real(3, 4), np.array([[0, 1], [2, 0]])), Sample(m.real(3, 4), (mask, np.array([0, 1]))), Sample(m.real(3, 4), []),
        Sample(m.whole(3, 4), np.array([-1, 0])),
    ),
    "gather": [Sample(m.real(3, 4), 0, grid), Sample(m.real(3, 4), -1, grid), Sample(m.real(), 0, np.array(0)), Sample(m.real(3), 0, np.array([2, 2, 2, 0]))],
    "scatter": [
        Sample(m.real(3, 4), 0, np.array([[0, 1, 1, 2]]), m.real(1, 4)), Sample(m.real(3, 4), 0, np.array([[0, 1]]), m.real(2, 4)).but(parity=False),  # PyTorch has no gradient for an index smaller than src
        Sample(m.real(3, 4), 1, np.array([[0, 1]]), 1.5), Sample(m.whole(3, 4), 1, np.array([[0, 1]]), 2),
        Sample(m.whole(3, 4), 1, np.array([[0, 0]]), m.whole(1, 2), reduce="add"), Sample(m.real(3, 4), 0, grid, 1.5, reduce="multiply").but(grad=False),
    ],
    "scatter_": methods(Sample(m.real(3, 4), 0, np.array([[0, 1, 1, 2]]), m.real(1, 4)).but(leaves=(2,)), Sample(m.real(3), 0, rows, 2.0).but(leaves=()),
                        Sample(m.real(3), 0, np.array([0, 0]), m.real(2), reduce="multiply").but(grad=False)),
    "scatter_add": [Sample(m.real(3, 4), 0, grid, m.real(2, 4)), Sample(m.real(3, 4), 1, grid, m.real(3, 5)).but(parity=False), Sample(m.whole(3), 0, rows, m.whole(3))],
    "scatter_reduce": [
        *(Sample(m.real(3, 4), 0, grid, m.real(2, 4), r, include_self=kept) for r in ("sum", "prod", "mean", "amax", "amin") for kept in (True, False)),
        Sample(m.real(3, 4), 1, grid, m.real(3, 5), "prod").but(parity=False), Sample(m.real(3, 4), -1, grid, m.real(2, 4, dtype=np.float32).astype(float), "mean"),
        Sample(m.real(), 0, np.array(0), m.real(), "prod"), Sample(m.real(3), 0, np.zeros(0, np.int64), m.real(3), "amax").but(parity=False),
        Sample(np.array([0.0, 2.0, 3.0]), 0, np.array([0, 0, 1, 1, 1]), np.array([2.0, 3.0, 0.0, 5.0, 1.5]), "prod").but(smooth=False),
        Sample(np.array([1.0, 2.0, 3.0]), 0, np.array([0, 1, 1, 1]), np.array([2.0, 0.0, 0.0, 1.5]), "prod").but(smooth=False, second=False),
        *(Sample(m.whole(3), 0, np.array([0, 2, 2, 2]), m.whole(4), r, include_self=False) for r in ("sum", "prod", "mean", "amax", "amin")),
        *(Sample(m.flags(3), 0, np.array([0, 2, 2, 2]), m.flags(4), r) for r in ("sum", "prod", "amax", "amin")),
        *(Sample(np.array([1.0, 2.0, 3.0]), 0, np.array([0, 1, 1, 2]), np.array([1.0, 2.0, 2.0, 1.5]), r).but(smooth=False) for r in ("amax", "amin")),
    ],
    "index_reduce": [
        *(Sample(m.real(3, 4), 0, np.array([2, 0, 2]), m.real(3, 4), r, include_self=kept) for r in ("prod", "mean", "amax", "amin") for kept in (True, False)),
        Sample(m.real(3, 4), -1, np.array([3, 3]), m.real(3, 2), "prod"), Sample(m.real(), 0, np.array([0]), m.real(), "mean"),
        Sample(np.array([[0.0, 2.0], [1.0, 3.0]]), 0, np.array([0, 0, 1]), np.array([[2.0, 0.0], [3.0, 4.0], [0.0, 1.0]]), "prod").but(smooth=False),
        Sample(m.whole(3, 2), 0, np.array([1, 1]), m.whole(2, 2), "mean"), Sample(m.real(3, 4), 0, np.zeros(0, np.int64), m.real(0, 4), "amin"),
    ],
    "index_select": [Sample(m.real(3, 4), 0, np.array([2, 0, 2])), Sample(m.real(3, 4), -1, rows), Sample(m.real(3, 4), 0, np.array(1))],
    "index_add": [Sample(m.real(3, 4), 0, np.array([2, 2]), m.real(2, 4)), Sample(m.real(3, 4), 1, rows, m.real(3, 2), alpha=2), Sample(m.whole(3), 0, rows, m.whole(2))],
    "index_copy": [Sample(m.real(3, 4), 0, rows, m.real(2, 4)), Sample(m.real(3, 4), 1, rows, m.real(3, 2))],
    "index_fill": [Sample(m.real(3, 4), 0, rows, 2.0), Sample(m.real(3, 4), 1, np.array([1, 1]), m.real())],
    "index_put": [Sample(m.real(3, 4), (rows,), m.real(4)), Sample(m.real(3, 4), (np.array([1, 1]), rows), m.real(2), True), Sample(m.real(3, 4), (m.flags(3, 4),), m.real())],
    "index_put_": methods(Sample(m.real(3, 4), (rows,), m.real(4)).but(leaves=(2,))),
    "take": [Sample(m.real(3, 4), four), Sample(m.real(3, 4), np.array([-1, 0, -1]))],
    "take_along_dim": [Sample(m.real(3, 4), grid, 0), Sample(m.real(3, 4), four.reshape(-1)), Sample(m.real(3, 4), np.array([[0], [1], [2]]), 1)],
    "put": [Sample(m.real(3, 4), four.reshape(-1)[:3], m.real(3)), Sample(m.real(3, 4), np.array([1, 1]), m.real(2), True)],
    "masked_fill": [Sample(m.real(3, 4), m.flags(3, 4), 2.0), Sample(m.real(3, 4), m.flags(4), m.real()), Sample(m.whole(3), mask, 5)],
    "masked_select": [Sample(m.real(3, 4), m.flags(3, 4)), Sample(m.real(3, 1), m.flags(4))],
    "masked_scatter": [Sample(m.real(3, 4), m.flags(3, 4), m.real(3, 5)), Sample(m.real(3, 3), mask, m.real(9))],
    "nonzero": [Sample(m.whole(3, 4)), Sample(m.flags(3))],
    "argwhere": [Sample(m.whole(3, 4))],
    "nn.functional.embedding": [
        Sample(np.array([[0, 2], [2, 1]]), m.real(3, 2)), Sample(np.array([0, 2, 2]), m.real(3, 2), padding_idx=2).but(smooth=False), Sample(np.array(1), m.real(3, 2)),
    ],
    "nn.functional.one_hot": [Sample(np.array([0, 2])), Sample(np.array([[1]]), 3)],
}
