"""Factorizations of matrices: Cholesky, QR, singular values, eigenvalues of symmetric matrices.

Derivatives: I. Murray, "Differentiation of the Cholesky decomposition" (2016); S. F. Walter and L. Lehmann on QR (2010); J. Townsend,
"Differentiating the singular value decomposition" (2016); M. B. Giles (2008) on eigenvalues.
"""

from __future__ import annotations

import numpy as np

from .._engine import errors
from .._engine.batched import contiguous
from .._engine.op import composite, plain, primitive
from .._engine.tensor import wrap
from .._engine.writing import writes_out
from .conversion import _nothing
from .decomposition import COMPLEX, LINALG, LinAlgError, adjoint_of, check_floating, check_square, solve_triangular
from .joining import _piece, cat
from .rearrange import diag_embed, tril
from .shape import unsqueeze


def _of_cholesky(grad, result, upper):
    lower, g = (adjoint_of(result), adjoint_of(grad)) if upper else (result, grad)
    inner = tril(adjoint_of(lower) @ g)
    inner = (inner + adjoint_of(tril(inner, -1))) * 0.5
    # L^-H inner L^-1
    left = solve_triangular(adjoint_of(lower), inner, upper=True)
    return adjoint_of(solve_triangular(adjoint_of(lower), adjoint_of(left), upper=True))


@primitive(
    "linalg.cholesky", vjp={"self": _of_cholesky}, analytic=False, method=False, namespace=LINALG, node="LinalgCholeskyExBackward0",
)  # fmt: skip
def linalg_cholesky(self, *, upper=False):
    """Factor symmetric positive definite matrices into L L', L lower triangular; or into U' U with `upper`."""
    check_square("linalg.cholesky", self)
    try:
        # NumPy looks at the lower triangle, PyTorch at the one that is asked for
        lower = np.linalg.cholesky(self.swapaxes(-1, -2).conj() if upper else self)
    except np.linalg.LinAlgError:
        raise _not_definite(self) from None
    return contiguous(lower.swapaxes(-1, -2).conj()) if upper else lower


def _not_definite(a):
    for place in np.ndindex(*a.shape[:-2]):
        for order in range(1, a.shape[-1] + 1):
            try:
                np.linalg.cholesky(a[place][:order, :order])
            except np.linalg.LinAlgError:
                batch = f"(Batch element {np.ravel_multi_index(place, a.shape[:-2])}): " if a.ndim > 2 else ""
                return LinAlgError(f"linalg.cholesky: {batch}The factorization could not be completed because the input is not "
                                   f"positive-definite (the leading minor of order {order} is not positive-definite).")  # fmt: skip
    return LinAlgError("linalg.cholesky: The factorization could not be completed because the input is not positive-definite.")


@primitive("cholesky", vjp={"self": _of_cholesky}, analytic=False, node="CholeskyBackward0")
def cholesky(self, upper=False):
    """Factor symmetric positive definite matrices into L L', or U' U with `upper`."""
    return linalg_cholesky.kernel(self, upper=upper)


def _refuse_complex(name, x):
    if x.dtype in COMPLEX:
        raise errors.unsupported(f"gradients of {name} for complex matrices")


# ---- QR


def _copied_lower(x):
    """The symmetric matrix with the lower triangle of `x`."""
    return tril(x) + tril(x, -1).mT


def _of_qr(grad_Q, grad_R, Q, R, A_shape, mode):
    _refuse_complex("qr", Q)
    if mode == "r":
        raise errors.unsupported("the gradient of qr with mode='r'", "use mode='reduced', which has R as well")
    m, n = A_shape[-2:]
    if mode == "complete" and m > n:
        raise errors.unsupported("the gradient of qr with mode='complete' for matrices with more rows than columns", "use mode='reduced'")
    grad_Q = _nothing(Q) if grad_Q is None else grad_Q
    grad_R = _nothing(R) if grad_R is None else grad_R
    last = len(A_shape) - 1
    if m >= n:
        return _of_tall(grad_Q, grad_R, Q, R)
    # [X | Y] = Q [U | V]: Y only goes with V
    V, grad_V = _piece(R, last, m, n), _piece(grad_R, last, m, n)
    of_x = _of_tall(grad_Q + (Q @ V) @ grad_V.mT, _piece(grad_R, last, 0, m), Q, _piece(R, last, 0, m))
    return cat([of_x, Q @ grad_V], -1)


def _of_tall(grad_Q, grad_R, Q, R):
    inner = R @ grad_R.mT - grad_Q.mT @ Q
    return solve_triangular(R, (grad_Q + Q @ _copied_lower(inner)).mT, upper=True).mT


@primitive(
    "linalg.qr", vjp={"A": _of_qr}, analytic=False, outputs=("Q", "R"), method=False, namespace=LINALG, node="LinalgQrBackward0", tensors=("A",),
)  # fmt: skip
def linalg_qr(A, mode="reduced"):
    """Factor matrices (…, m, n) into Q R, Q with orthonormal columns and R upper triangular; `mode` is "reduced", "complete" or "r"."""
    check_floating("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")
    if mode == "r":
        return np.zeros(0, A.dtype), np.linalg.qr(A, "r")
    q, r = np.linalg.qr(A, mode)
    return q, r


@composite()
def qr(self, some=True):
    """Factor matrices (…, m, n) into Q R; the full Q unless `some`."""
    return linalg_qr.function(self, "reduced" if some else "complete")


# ---- singular values


def _of_svd(grad_U, grad_S, grad_Vh, U, S, Vh):
    if grad_U is None and grad_Vh is None and grad_S is None:
        return None
    m, n, k = U.shape[-2], Vh.shape[-1], S.shape[-1]
    last = U.ndim - 1
    if U.shape[-1] != k:
        U, grad_U = _piece(U, last, 0, k), _leading(grad_U, last, k)
    if Vh.shape[-2] != k:
        Vh, grad_Vh = _piece(Vh, last - 1, 0, k), _leading(grad_Vh, last - 1, k)
    if grad_U is None and grad_Vh is None:
        return U @ (unsqueeze(grad_S, -1) * Vh)
    _refuse_complex("the singular vectors of svd", U)
    squares = S * S
    gaps = unsqueeze(squares, -2) - unsqueeze(squares, -1) + _identity(S)
    inner = None if grad_S is None else diag_embed(grad_S)
    if grad_U is not None:
        turn = U.mT @ grad_U
        part = (turn - turn.mT) / gaps * unsqueeze(S, -2)
        inner = part if inner is None else inner + part
    if grad_Vh is not None:
        turn = Vh @ grad_Vh.mT
        part = unsqueeze(S, -1) * ((turn - turn.mT) / gaps)
        inner = part if inner is None else inner + part
    out = U @ inner @ Vh
    if grad_U is not None and m > k:
        scaled = grad_U / unsqueeze(S, -2)
        out = out + (scaled - U @ (U.mT @ scaled)) @ Vh
    if grad_Vh is not None and n > k:
        scaled = grad_Vh / unsqueeze(S, -1)
        out = out + U @ (scaled - (scaled @ Vh.mT) @ Vh)
    return out


def _leading(grad, dim, k):
    """The gradient of the singular vectors that are unique; the others of the full matrices may be any, and so have none."""
    if grad is None:
        return None
    if bool((_piece(grad, dim, k, grad.shape[dim]) != 0).any()):
        raise errors.unsupported("the gradient of the additional columns of U and rows of Vh that full_matrices=True gives", "use full_matrices=False")
    return _piece(grad, dim, 0, k)


@primitive("_identity", vjp={}, method=False, namespace=())
def _identity(self):
    """The identity matrices (…, n, n) for vectors (…, n)."""
    n = self.shape[-1]
    return np.broadcast_to(np.eye(n, dtype=self.dtype), (*self.shape, n))


@primitive(
    "linalg.svd", vjp={"A": _of_svd}, analytic=False, outputs=("U", "S", "Vh"), method=False, namespace=LINALG, node="LinalgSvdBackward0", tensors=("A",),
)  # fmt: skip
def linalg_svd(A, full_matrices=True, *, driver=None):
    """Factor matrices (…, m, n) into U diag(S) Vh, with singular values S in falling order."""
    check_floating("linalg.svd", A)
    try:
        return np.linalg.svd(A, full_matrices=full_matrices)
    except np.linalg.LinAlgError:
        raise LinAlgError("linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values.") from None


@composite("linalg.svdvals", method=False, namespace=LINALG)
@writes_out
def svdvals(A, *, driver=None):
    """Compute the singular values of matrices (…, m, n), in falling order."""
    return linalg_svd.function(A, False)[1]


@composite()
def svd(self, some=True, compute_uv=True):
    """Factor matrices (…, m, n) into U diag(S) V', with singular values S in falling order; gives U, S and V."""
    import collections

    result = collections.namedtuple("svd", ("U", "S", "V"))
    U, S, Vh = linalg_svd.function(self, not some)
    if not compute_uv:
        m, n = self._array.shape[-2:]
        zeros = [wrap(np.zeros((*self._array.shape[:-2], k, k), self._array.dtype)) for k in (m, n)]
        return result(zeros[0], S, zeros[1])
    return result(U, S, Vh.mH)


# ---- eigenvalues of symmetric matrices


def _of_eigh(grad_L, grad_V, L, V):
    if grad_V is None:
        return None if grad_L is None else V @ (unsqueeze(grad_L, -1) * adjoint_of(V))
    _refuse_complex("the eigenvectors of eigh", V)
    gaps = unsqueeze(L, -2) - unsqueeze(L, -1) + _identity(L)
    turn = V.mT @ grad_V
    inner = (turn - turn.mT) * 0.5 / gaps
    if grad_L is not None:
        inner = inner + diag_embed(grad_L)
    return V @ inner @ V.mT


@primitive(
    "_eigh", vjp={"A": _of_eigh}, analytic=False, outputs=("L", "V"), method=False, namespace=(), node="LinalgEighBackward0", tensors=("A",),
)  # fmt: skip
def _eigh(A, UPLO):
    """Eigenvalues in rising order, and eigenvectors as columns."""
    check_square("linalg.eigh", A)
    if str(UPLO).upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    try:
        return np.linalg.eigh(A, str(UPLO).upper())
    except np.linalg.LinAlgError:
        raise LinAlgError("linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
                          "eigenvalues.") from None  # fmt: skip


def eigh(A, UPLO="L"):
    """Find the eigenvalues (…, n) of symmetric matrices (…, n, n), in rising order, and eigenvectors as columns.

    Not public yet: an eigenvector's sign is LAPACK's choice, NumPy's and PyTorch's differ, and a lesson would print other numbers here.
    """
    import collections

    return collections.namedtuple("linalg_eigh", ("eigenvalues", "eigenvectors"))(*_eigh.function(A, UPLO))


@composite("linalg.eigvalsh", method=False, namespace=LINALG)
@writes_out
def eigvalsh(A, UPLO="L"):
    """Find the eigenvalues of symmetric matrices (…, n, n), in rising order."""
    return _eigh.function(A, UPLO)[0]


def _no_gradient(name, A):
    if A._requires_grad:
        raise errors.unsupported(f"gradients through {name}, whose results are complex", "use linalg.eigvalsh for a symmetric matrix, or detach()")


@plain("linalg.eig", namespace=LINALG)
@writes_out
def eig(A):
    """Find the eigenvalues and eigenvectors of square matrices, as complex numbers; without gradients."""
    import collections

    _no_gradient("linalg.eig", A)
    check_square("linalg.eig", A._array)
    values, vectors = (np.asarray(x, np.result_type(A._array.dtype, np.complex64)) for x in np.linalg.eig(A._array))
    return collections.namedtuple("linalg_eig", ("eigenvalues", "eigenvectors"))(wrap(values), wrap(vectors))


@plain("linalg.eigvals", namespace=LINALG)
@writes_out
def eigvals(A):
    """Find the eigenvalues of square matrices, as complex numbers; without gradients."""
    return eig(A)[0]


@composite("linalg.cond", method=False, namespace=LINALG)
@writes_out
def cond(A, p=None):
    """Compute how sensitive the solutions of linear systems with these matrices are: the largest singular value over the smallest, or by norm `p`."""
    from .._engine.op import NAMES

    if p in (None, 2, -2):
        s = svdvals(A)
        last = s._array.shape[-1] - 1
        top, bottom = s.narrow(-1, 0, 1), s.narrow(-1, last, 1)
        return (bottom / top if p == -2 else top / bottom).squeeze(-1)
    norm = NAMES["linalg.matrix_norm"]
    return norm(A, p) * norm(NAMES["linalg.inv"](A), p)
