"""Linear algebra that says how it went, that takes tensors for matrices, or that approximates by matrices of low rank."""

from __future__ import annotations

import math

import numpy as np

from .._engine.op import NAMES, composite, named_result, primitive
from .._engine.tensor import check_dim
from .._engine.writing import writes_out
from .decomposition import LINALG, LinAlgError, _of_solve, _singular_inverse, check_square, first_zero, inv, solve
from .factorization import linalg_qr, linalg_svd

# ---- without raising


def _zeros_on_diagonals(A):
    """The number, from 1, of the first zero that elimination meets on each diagonal; 0 if there is none."""
    info = np.zeros(A.shape[:-2], np.int32)
    for place in np.ndindex(*A.shape[:-2]):
        try:
            np.linalg.inv(A[place])
        except np.linalg.LinAlgError:
            info[place] = first_zero(A[place])[1]
    return info


def _where_regular(A, info, compute, shape):
    """What can be computed, and nan for the singular matrices of a batch."""
    out = np.full(shape, np.nan, A.dtype)
    regular = info == 0
    if regular.any():
        out[regular] = compute(regular)
    return out


@primitive(
    "linalg.inv_ex", vjp={"A": lambda grad_inverse, inverse: -(inverse.mT @ grad_inverse @ inverse.mT)}, outputs=("inverse", "info"), method=False,
    namespace=LINALG, node="LinalgInvExBackward0", tensors=("A",),
)  # fmt: skip
def inv_ex(A, *, check_errors=False):
    """Invert square matrices without raising: `info` is the first zero on U's diagonal, counted from 1, or 0; singular ones give nan."""
    check_square("linalg.inv_ex", A)
    try:
        return np.linalg.inv(A), np.zeros(A.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        if check_errors:
            raise _singular_inverse("linalg.inv_ex", A) from None
    info = _zeros_on_diagonals(A)
    return _where_regular(A, info, lambda regular: np.linalg.inv(A[regular]), A.shape), info


@primitive(
    "_solve_ex", method=False, namespace=(), node="LinalgSolveExBackward0", tensors=("A", "B"), outputs=("solution", "info"),
    vjp={("A", "B"): lambda grad_solution, A, A_shape, B_shape, left, solution: _of_solve(grad_solution, A, A_shape, B_shape, left, solution)},
)  # fmt: skip
def _solve_ex(A, B, left, check_errors):
    """The solutions, and whether they are any."""
    try:
        return solve.kernel(A, B, left=left), np.zeros(A.shape[:-2], np.int32)
    except LinAlgError:
        if check_errors:
            raise LinAlgError(f"torch.linalg.solve_ex: {first_zero(A)[0]}The solver failed because the input matrix is singular.") from None
    info = _zeros_on_diagonals(A)
    safe = np.where((info == 0)[..., None, None], A, np.eye(A.shape[-1], dtype=A.dtype))
    found = solve.kernel(safe, B, left=left)
    return np.where((info == 0).reshape(info.shape + (1,) * (found.ndim - info.ndim)), found, np.nan).astype(A.dtype), info


@composite("linalg.solve_ex", method=False, namespace=LINALG)
@writes_out
def solve_ex(A, B, *, left=True, check_errors=False):
    """Solve A X = B, or X A = B with `left=False`, without raising: `info` as for `inv_ex`; nan where a matrix is singular."""
    return named_result("linalg_solve_ex", "result", "info")(*_solve_ex.function(A, B, left, check_errors))


# ---- tensors as matrices


@composite("linalg.tensorinv", method=False, namespace=LINALG)
@writes_out
def tensorinv(A, ind=2):
    """Invert a tensor as a matrix whose rows are its first `ind` dimensions, whose columns are the others."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    first, last = tuple(A._array.shape[:ind]), tuple(A._array.shape[ind:])
    if math.prod(first) != math.prod(last):
        raise RuntimeError(f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {math.prod(last)} != "
                           f"{math.prod(first)}")  # fmt: skip
    return inv.function(A.reshape((math.prod(first), math.prod(last)))).reshape((*last, *first))


@composite("linalg.tensorsolve", method=False, namespace=LINALG)
@writes_out
def tensorsolve(A, B, dims=None):
    """Solve A X = B for tensors: the last dimensions of A, whose sizes X has, are summed over; `dims` are first moved there."""
    ndim = A._array.ndim
    if dims is not None:
        for d in dims:
            check_dim(d, ndim)
        moved = [d % ndim for d in dims]
        A = A.permute([d for d in range(ndim) if d not in moved] + moved)
    sizes = tuple(A._array.shape[B._array.ndim :])
    count = math.prod(sizes)
    if count != B._array.size or A._array.size != count * count:
        raise RuntimeError(f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got {count} != "
                           f"{B._array.size}")  # fmt: skip
    return solve.function(A.reshape((count, count)), B.reshape((-1,))).reshape(sizes)


# ---- low rank: N. Halko, P. G. Martinsson and J. A. Tropp, "Finding structure with randomness" (2011), algorithms 4.4 and 5.1


def _range_of(A, q, niter):
    """An orthonormal basis of nearly all that A maps to, from random vectors."""
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    random = NAMES["randn"](A.shape[-1], q, dtype=A.dtype)
    Q = linalg_qr.function(A @ random)[0]
    for _ in range(niter):
        Q = linalg_qr.function(A.mH @ Q)[0]
        Q = linalg_qr.function(A @ Q)[0]
    return Q


@composite(method=False)
def svd_lowrank(A, q=6, niter=2, M=None):
    """Approximate the singular values and vectors of A (…, m, n), less `M` if given, by those of a matrix of rank `q`: gives U, S and V."""
    q = 6 if q is None else q
    niter = 2 if niter is None else niter
    if M is not None:
        A = A - M.broadcast_to(A.shape)
    tall = A.shape[-2] >= A.shape[-1]
    if not tall:
        A = A.mH
    Q = _range_of(A, q, niter)
    U, S, Vh = linalg_svd.function(Q.mH @ A, False)
    U, V = Q @ U, Vh.mH
    return (U, S, V) if tall else (V, S, U)


@composite(method=False)
def pca_lowrank(A, q=None, center=True, niter=2):
    """Approximate the principal components of A (…, m, n): `svd_lowrank` of the matrix less the means of its columns, if `center`."""
    m, n = A.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
