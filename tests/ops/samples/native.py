"""Samples for operators that PyTorch's own functions stand on, and for memory of another size."""

import numpy as np

from . import Maker, Sample

m = Maker(35)
rows, columns = np.array([[0], [5], [2]]), np.array([[1, 0, 3]])

RUNS = np.array([3, 0, 2])
SAMPLES = {
    "native_layer_norm": [
        Sample(m.real(2, 5), (5,), m.real(5), m.real(5), 1e-5), Sample(m.real(2, 3, 4), (3, 4), None, None, 1e-3),
    ],
    "native_group_norm": [Sample(m.real(2, 4, 3), m.real(4), m.real(4), 2, 4, 3, 2, 1e-5).but(parity=False)],  # there the statistics are the node's
    "native_batch_norm": [
        Sample(m.real(4, 3), m.real(3), m.real(3), None, None, True, 0.1, 1e-5),
        Sample(m.real(4, 3, 2), m.real(3), m.real(3), m.real(3), m.real(3, low=0.2), False, 0.1, 1e-5).but(leaves=(0, 1, 2)),
    ],
    "_softmax_backward_data": [Sample(m.real(3, 4), m.real(3, 4), 1, None).but(parity=False)],  # PyTorch asks for its own type
    "_chunk_cat": [Sample([m.real(3, 4), m.real(2, 3)], 0, 2).but(parity=False)],  # PyTorch has no derivative
    "_unsafe_masked_index": [Sample(m.real(3, 4), np.array([[True, True, False]] * 3) & (rows < 3), [rows, columns], 2.0).but(parity=False)],
    "_unsafe_masked_index_put_accumulate": [
        Sample(m.real(3, 4), np.array([[True, True, False]] * 3) & (rows < 3), [rows, columns], m.real(3, 3)).but(parity=False)
    ],
    "segment_reduce": [
        s.but(second=False) for s in (  # PyTorch has no second derivative
            *(Sample(m.real(5), r, lengths=RUNS, initial=0.5) for r in ("sum", "prod", "max", "min", "mean")),
            *(Sample(m.real(5), r, lengths=np.array([3, 2])) for r in ("sum", "prod", "max", "min")),
            *(Sample(m.real(5), r, lengths=RUNS).but(smooth=False) for r in ("mean", "max")),
            Sample(m.real(5, 2), "mean", offsets=np.array([0, 2, 5])),
            Sample(m.real(2, 5), "prod", lengths=np.array([[3, 0, 2], [1, 1, 3]]), axis=1),
            Sample(np.array([1.0, 2.0, 2.0, -1.0, 5.0]), "max", lengths=RUNS, initial=2).but(smooth=False),
            Sample(np.array([0.0, 2.0, 3.0, 0.0, 0.0]), "prod", lengths=RUNS).but(smooth=False),
            Sample(m.real(5), "sum", lengths=np.array([1, 2]), unsafe=True).but(parity=False),
        )
    ],
    "hash_tensor": [
        Sample(m.real(3, 4)), Sample(m.real(3, 4), 1), Sample(m.whole(3, 4), (0, 1), keepdim=True), Sample(m.real(3, dtype=np.float32)),
        Sample(m.flags(3)), Sample(m.real()),
    ],
    "resize_": [Sample(m.real(3, 4), (2, 3)).but(grad=False, method=True), Sample(m.real(3), (3, 1)).but(grad=False, method=True)],
    "resize_as_": [Sample(m.real(3, 4), m.real(5)).but(grad=False)],
    "nonzero_static": [Sample(m.whole(3, 4), size=4), Sample(m.flags(3), size=5, fill_value=7), Sample(m.whole(2), size=0)],
}
