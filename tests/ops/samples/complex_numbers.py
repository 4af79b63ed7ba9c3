"""Samples for complex numbers and their parts."""

import numpy as np

from . import Maker, Sample

m = Maker(31)


def whole(*shape, dtype=np.complex128):
    return np.asarray(m.real(*shape) + 1j * m.real(*shape)).astype(dtype)


WITH_ZERO = np.array([0.0, 1.0 - 2.0j, -1.0, 2.0j])
SAMPLES = {
    "real": [Sample(whole(2, 3)), Sample(whole()), Sample(m.real(3)), Sample(whole(3, 2).T)],
    "imag": [Sample(whole(2, 3)), Sample(whole(dtype=np.complex64))],
    "conj": [Sample(whole(2, 3)), Sample(whole()), Sample(m.real(3))],
    "conj_physical": [Sample(whole(2, 3)), Sample(whole()), Sample(m.real(3))],
    "resolve_conj": [Sample(whole(3))],
    "resolve_neg": [Sample(whole(3)), Sample(m.real(3))],
    "view_as_real": [Sample(whole(2, 3)), Sample(whole()), Sample(whole(3, 2).T), Sample(whole(0)).but(grad=False)],
    "view_as_complex": [Sample(m.real(3, 2)), Sample(m.real(2)), Sample(m.real(2, 3, 2, dtype=np.float32))],
    "complex": [Sample(m.real(2, 3), m.real(3)), Sample(m.real(), m.real()), Sample(m.real(3, dtype=np.float32), m.real(3, dtype=np.float32))],
    "polar": [Sample(m.real(2, 3, low=0.3), m.real(2, 3)), Sample(m.real(3, low=0.5), m.real()), Sample(m.real(2, low=0.5, dtype=np.float32), m.real(2, dtype=np.float32))],
    # at 0 the second derivative of PyTorch is nan
    "angle": [Sample(whole(2, 3)), Sample(WITH_ZERO).but(second=False), Sample(m.away(4)), Sample(m.whole(3)), Sample(whole())],
}
