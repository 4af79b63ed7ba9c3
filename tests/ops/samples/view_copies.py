"""Samples for copies of what views show."""

import numpy as np

from . import Maker, Sample

m = Maker(34)

SAMPLES = {
    "alias_copy": [Sample(m.real(2, 3)), Sample(m.real())],
    "permute_copy": [Sample(m.real(2, 3, 4), (2, 0, -2))],
    "transpose_copy": [Sample(m.real(2, 3), 0, -1)],
    "t_copy": [Sample(m.real(2, 3)), Sample(m.real(3))],
    "squeeze_copy": [Sample(m.real(2, 1, 3, 1)), Sample(m.real(2, 1, 3), 1), Sample(m.real(2, 1, 1), (1, -1))],
    "unsqueeze_copy": [Sample(m.real(2, 3), -1)],
    "expand_copy": [Sample(m.real(2, 1), (3, 2, 4)), Sample(m.real(3), (-1,)), Sample(m.whole(3), (2, 3))],
    "view_copy": [Sample(m.real(2, 3), (3, -1)), Sample(m.whole(2, 2), (4,))],
    "diagonal_copy": [Sample(m.real(3, 4)), Sample(m.real(2, 3, 3), 1, 1, -1)],
    "select_copy": [Sample(m.real(3, 4), 1, -1)],
    "slice_copy": [Sample(m.real(3, 4), 1, 0, 4, 2)],
    "unfold_copy": [Sample(m.real(5, 2), 0, 3, 1)],
    "unbind_copy": [Sample(m.real(3, 2), -1)],
    "split_copy": [Sample(m.real(5, 2), 2)],
    "split_with_sizes_copy": [Sample(m.real(5, 2), [2, 0, 3])],
    "narrow_copy": [Sample(m.real(5, 2), 0, 1, 3), Sample(m.real(2, 5), -1, -3, 2)],
    "as_strided_copy": [Sample(m.real(3, 4), (2, 2), (1, 2), 1), Sample(m.real(6), (3, 2), (1, 1))],
    "unsafe_split": [Sample(m.real(5, 2), 2)],
    "unsafe_split_with_sizes": [Sample(m.real(5, 2), [2, 0, 3])],
    "unsafe_chunk": [Sample(m.real(5, 2), 2), Sample(m.real(0, 2), 3)],
    "diagonal_scatter": [Sample(m.real(3, 4), m.real(3)), Sample(m.real(2, 3, 3), m.real(2, 2), 1, 1, -1), Sample(np.eye(3, dtype=bool), m.flags(3))],
}
