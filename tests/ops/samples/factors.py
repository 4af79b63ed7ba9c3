"""Samples for factorizations by elimination and by reflections, solving with factors, and what says how it went."""

import numpy as np
import scipy.linalg

from . import Maker, Sample
from .linalg import definite, regular

m = Maker(77)


def factors(a):
    """LU factors and row exchanges counted from 1, as LAPACK gives them."""
    lu, pivots = zip(*(scipy.linalg.lu_factor(one) for one in a.reshape(-1, *a.shape[-2:])))
    return np.stack(lu).reshape(a.shape), (np.stack(pivots) + 1).astype(np.int32).reshape(a.shape[:-1])


def reflections(rows, columns):
    """Reflections and their factors, as a QR factorization leaves them."""
    (a, tau), _ = scipy.linalg.qr(m.real(rows, columns), mode="raw")
    return np.ascontiguousarray(a), tau


def symmetric(*shape):
    """Symmetric matrices that are not definite."""
    a = m.real(*shape)
    return a + a.swapaxes(-1, -2)


ldl = symmetric(3, 3)
ld, ld_pivots, _ = scipy.linalg.lapack.dsytrf(ldl, lower=1)
lower = np.tril(m.real(3, 3)) + 3 * np.eye(3)
single = factors(regular(3, 3))
several = factors(regular(2, 3, 3))

SAMPLES = {
    "linalg.cholesky_ex": [Sample(definite(3, 3)).but(smooth=False), Sample(definite(2, 2, 2), upper=True).but(smooth=False), Sample(-np.eye(2)).but(grad=False)],
    "linalg.inv_ex": [Sample(regular(3, 3)), Sample(regular(2, 2, 2)), Sample(m.real(0, 2, 2)), Sample(regular(3, 3).astype(np.float32)).but(tolerance=1e-5)],
    "linalg.solve_ex": [Sample(regular(3, 3), m.real(3, 2)), Sample(regular(2, 2, 2), m.real(2, 2)), Sample(regular(2, 2), m.real(3, 2), left=False)],
    **{name: [Sample(regular(3, 3)), Sample(regular(2, 3, 3)), Sample(m.real(4, 3)), Sample(m.real(2, 4)), Sample(m.real(2, 0, 3)).but(grad=False)]
       for name in ("linalg.lu_factor", "linalg.lu_factor_ex", "lu")},
    "linalg.lu": [Sample(regular(3, 3)), Sample(regular(2, 3, 3)), Sample(m.real(4, 3)), Sample(m.real(2, 4)), Sample(regular(3, 3).astype(np.float32)).but(tolerance=1e-5)],
    "lu_unpack": [Sample(*single), Sample(*several), Sample(m.real(4, 2), np.array([3, 4], np.int32)), Sample(m.real(2, 4), np.array([2, 2], np.int32)),
                  Sample(*single, unpack_data=False).but(grad=False), Sample(*single, unpack_pivots=False)],
    "linalg.lu_solve": [
        *(Sample(*single, m.real(3, 3), left=left, adjoint=adjoint) for left in (True, False) for adjoint in (True, False)), Sample(*several, m.real(2, 3, 1)),
        Sample(*single, m.real(2, 3, 2)),
    ],
    "lu_solve": [Sample(m.real(3, 2), *single), Sample(m.real(2, 3, 2), *several)],
    # PyTorch has no derivatives of these
    **{name: [Sample(symmetric(3, 3)).but(grad=False), Sample(symmetric(2, 2, 2)).but(grad=False), Sample(np.array([[0.0, 1.0], [1.0, 0.0]])).but(grad=False)]
       for name in ("linalg.ldl_factor", "linalg.ldl_factor_ex")},
    "linalg.ldl_solve": [Sample(np.tril(ld), ld_pivots, m.real(3, 2)).but(grad=False), Sample(np.tril(ld), ld_pivots, m.real(2, 3, 1)).but(grad=False)],
    "geqrf": [Sample(m.real(4, 3)).but(grad=False), Sample(m.real(2, 2, 3)).but(grad=False)],
    "linalg.householder_product": [Sample(*reflections(4, 3)), Sample(*reflections(3, 3)), Sample(m.real(2, 4, 3), m.real(2, 2)), Sample(m.real(3, 0), m.real(0)).but(grad=False)],
    "orgqr": [Sample(*reflections(4, 3))],
    "ormqr": [
        *(Sample(*reflections(4, 3), m.real(4, 4), left, transpose) for left in (True, False) for transpose in (True, False)),
        Sample(m.real(2, 4, 3), m.real(2, 3), m.real(2, 4, 2)),
    ],
    "linalg.tensorinv": [Sample(m.real(2, 3, 6)).but(parity=False), Sample(m.real(4, 2, 2), ind=1).but(parity=False)],  # there the last step is a view of a transposed matrix
    "linalg.tensorsolve": [Sample(m.real(2, 3, 6), m.real(2, 3)), Sample(m.real(2, 6, 3), m.real(2, 3), dims=(1,))],
    # only one triangle is read, but as in PyTorch the gradient is that of the whole product
    "cholesky_inverse": [Sample(a, **k).but(smooth=False) for a, k in ((lower, {}), (lower.T.copy(), {"upper": True}), (np.stack([lower, lower + np.eye(3)]), {}))],
    "cholesky_solve": [
        Sample(m.real(3, 2), lower).but(smooth=False), Sample(m.real(3, 2), lower.T.copy(), upper=True).but(smooth=False), Sample(m.real(2, 3, 2), lower).but(smooth=False),
    ],
    "linalg.eigvals": [Sample(np.diag([1.0, 2.0, 4.0]) + 0.1 * m.real(3, 3))],
    # an eigenvector's phase is the library's choice, and no loss may depend on it; subspaces are drawn
    "linalg.eig": [Sample(np.diag([1.0, 2.0, 4.0]) + 0.1 * m.real(3, 3)).but(parity=False, grad=False)],
    "svd_lowrank": [Sample(m.real(4, 3), 3).but(parity=False, smooth=False)],
    "pca_lowrank": [Sample(m.real(4, 3), 3).but(parity=False, smooth=False)],
}  # fmt: skip
