"""Samples for linear algebra."""

import numpy as np

from . import Maker, Sample

m = Maker(24)


def regular(*shape):
    """Square matrices that are well away from singular ones."""
    return m.real(*shape) + 4 * np.eye(shape[-1])


def definite(*shape):
    """Symmetric positive definite matrices."""
    a = m.real(*shape)
    return a @ a.swapaxes(-1, -2) + np.eye(shape[-1])


triangular = np.tril(m.real(3, 3)) + 3 * np.eye(3)

SAMPLES = {
    "linalg.inv": [Sample(regular(3, 3)), Sample(regular(2, 2, 2))],
    "inverse": [Sample(regular(3, 3))],
    "linalg.solve": [
        Sample(regular(3, 3), m.real(3, 2)), Sample(regular(3, 3), m.real(3)), Sample(regular(2, 2, 2), m.real(2, 2)),
        Sample(regular(2, 2), m.real(3, 2), left=False), Sample(regular(2, 2), m.real(3, 2, 2)),
    ],
    "linalg.solve_triangular": [
        Sample(triangular, m.real(3, 2), upper=False), Sample(triangular.T.copy(), m.real(3, 2), upper=True), Sample(triangular, m.real(2, 3), upper=False, left=False),
        Sample(triangular, m.real(3, 2), upper=False, unitriangular=True),
    ],
    "triangular_solve": [Sample(m.real(3, 2), triangular, upper=False), Sample(m.real(3, 2), triangular, upper=False, transpose=True)],
    "linalg.det": [Sample(regular(3, 3)), Sample(m.real(2, 2, 2)), Sample(np.ones((3, 3))).but(second=False)],
    "det": [Sample(regular(3, 3))],
    "linalg.slogdet": [Sample(regular(3, 3)), Sample(m.real(2, 2, 2))],
    "slogdet": [Sample(regular(3, 3))],
    "logdet": [Sample(definite(3, 3))],
    "linalg.matrix_power": [Sample(regular(2, 2), n) for n in (0, 1, 2, 3, 4, 5, -1, -3)],
    "matrix_power": [Sample(regular(2, 2), 2)],
    "linalg.matrix_exp": [Sample(m.real(2, 2)), Sample(m.real(2, 2, 2))],
    "linalg.pinv": [Sample(m.real(4, 3)), Sample(m.real(2, 3))],
    "pinverse": [Sample(m.real(4, 3))],
    "linalg.lstsq": [Sample(m.real(4, 3), m.real(4, 2)), Sample(m.real(2, 3), m.real(2, 2))],
    "linalg.vander": [Sample(m.real(3)), Sample(m.real(2, 2), N=4)],
    # only one triangle is read: finite differences would have to move both
    "linalg.cholesky": [Sample(definite(3, 3)).but(smooth=False), Sample(definite(2, 2, 2), upper=True).but(smooth=False)],
    "cholesky": [Sample(definite(3, 3)).but(smooth=False)],
    "linalg.qr": [Sample(m.real(4, 3)), Sample(m.real(3, 3)), Sample(m.real(2, 4))],
    "qr": [Sample(m.real(4, 3))],
    # vectors are unique up to their sign, which is the library's choice: their derivatives are tested by finite differences
    "linalg.svd": [Sample(m.real(4, 3), full_matrices=False).but(parity=False), Sample(m.real(2, 3), full_matrices=False).but(parity=False)],
    "svd": [Sample(m.real(4, 3)).but(parity=False)],
    "linalg.svdvals": [Sample(m.real(4, 3)), Sample(m.real(2, 2, 3))],
    "linalg.eigvalsh": [Sample(definite(3, 3)).but(smooth=False), Sample(definite(2, 2, 2)).but(smooth=False)],
    "linalg.cond": [Sample(regular(3, 3))],
    "linalg.matrix_rank": [Sample(m.real(3, 4))],
}  # fmt: skip
