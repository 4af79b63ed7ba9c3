"""Samples for sorting, and for finding and counting."""

import numpy as np

from . import Maker, Sample

m = Maker(26)

SAMPLES = {
    "sort": [Sample(m.real(3, 4)), Sample(m.real(3, 4), 0, True), Sample(m.real()), Sample(m.whole(5), stable=True)],
    "msort": [Sample(m.real(3, 4))],
    "argsort": [Sample(m.real(3, 4)), Sample(m.real(4), descending=True)],
    "topk": [Sample(m.real(3, 4), 2), Sample(m.real(3, 4), 1, 0, False), Sample(m.real(), 1)],
    "kthvalue": [Sample(m.real(3, 4), 2), Sample(m.real(3, 4), 1, 0, True), Sample(m.real(), 1)],
    "unique": [Sample(m.whole(6)), Sample(m.whole(2, 3), return_inverse=True, return_counts=True), Sample(np.array([[1, 2], [1, 2], [0, 1]]), dim=0)],
    "unique_consecutive": [Sample(np.array([1, 1, 2, 1]), return_counts=True)],
    "isin": [Sample(m.whole(5), m.whole(2))],
    "searchsorted": [Sample(np.array([1.0, 2.0, 3.0]), m.real(3)).but(grad=False)],
    "bucketize": [Sample(m.real(3), np.array([-1.0, 0.0, 1.0]), right=True).but(grad=False)],
    "bincount": [Sample(m.whole(6, low=0)), Sample(m.whole(6, low=0), m.real(6), 7).but(grad=False)],
    "histc": [Sample(m.real(9), 4).but(grad=False), Sample(m.real(9), 4, -1, 1).but(grad=False)],
}
