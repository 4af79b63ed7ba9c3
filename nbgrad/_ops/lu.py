"""Factorizations by elimination, LU and LDL, and solving with them. LAPACK computes them, one matrix at a time.

Derivatives of LU: F. R. de Hoog, R. S. Anderssen and M. A. Lukas, "Differentiation of matrix functionals using triangular factorization" (2011).
PyTorch has none for LDL; asking for one raises.
"""

from __future__ import annotations

import math


import numpy as np

from .._engine import dtypes
from .._engine.arguments import check_kinds
from .._engine.batched import anywhere, as_array, contiguous
from .._engine.observe import tell_read
from .._engine.op import composite, named_result, primitive
from .._engine.tensor import wrap
from .._engine.writing import writes_out
from .decomposition import LINALG, adjoint_of, check_floating, check_square, solve_triangular
from .joining import _piece, _placed, cat
from .lapack import each_matrix, routine
from .pointwise import no_derivative
from .rearrange import tril, triu


def _check_pivot(pivot):
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def _permutations(pivots, rows):
    """After row exchanges as LAPACK gives them, (…, k) counted from 1: which row stands at each place."""
    order = np.broadcast_to(np.arange(rows), (*pivots.shape[:-1], rows)).copy()
    for i in range(pivots.shape[-1]):
        other = pivots[..., i, None] - 1
        kept = order[..., i, None].copy()
        order[..., i, None] = np.take_along_axis(order, other, -1)
        np.put_along_axis(order, other, kept, -1)
    return order


@primitive("_row_exchanges", vjp={}, method=False, namespace=())
def _row_exchanges(pivots, rows, like):
    """The permutation matrices P (…, rows, rows) of row exchanges, in the type of `like`."""
    return contiguous(np.eye(rows, dtype=like.dtype)[_permutations(pivots.astype(np.int64), rows)].swapaxes(-1, -2))


def _of_factors(grad_L, grad_U, L, U, P):
    """The gradient of A = P L U, for L (…, m, k) and U (…, k, n)."""
    m, n, k = L.shape[-2], U.shape[-1], L.shape[-1]
    last = L.ndim - 1
    if m == n:
        inner = tril(adjoint_of(L) @ grad_L, -1) + triu(grad_U @ adjoint_of(U))
        return P @ _between(inner, L, U)
    if m < n:  # A = P L [U1 | U2]
        first, second = _piece(U, last, 0, k), _piece(U, last, k, n)
        grad_first, grad_second = _piece(grad_U, last, 0, k), _piece(grad_U, last, k, n)
        inner = tril(adjoint_of(L) @ grad_L - grad_second @ adjoint_of(second), -1) + triu(grad_first @ adjoint_of(first))
        return P @ cat([_between(inner, L, first), solve_triangular(adjoint_of(L), grad_second, upper=True, unitriangular=True)], -1)
    above, below = _piece(L, last - 1, 0, k), _piece(L, last - 1, k, m)
    grad_above, grad_below = _piece(grad_L, last - 1, 0, k), _piece(grad_L, last - 1, k, m)
    inner = tril(adjoint_of(above) @ grad_above, -1) + triu(grad_U @ adjoint_of(U) - adjoint_of(below) @ grad_below)
    return P @ cat([_between(inner, above, U), solve_triangular(adjoint_of(U), grad_below, upper=False, left=False)], -2)


def _between(inner, L, U):
    """L^-H inner U^-H."""
    return solve_triangular(adjoint_of(L), solve_triangular(adjoint_of(U), inner, upper=False, left=False), upper=True, unitriangular=True)


def _zeros_if_none(grad, x):
    return x * 0 if grad is None else grad


# ---- both factors in one matrix


def _of_lu_factor(grad_LU, LU, pivots):
    if grad_LU is None:
        return None
    L, U = _unpacked(LU)
    k = L.shape[-1]
    last = LU.ndim - 1
    return _of_factors(_piece(tril(grad_LU, -1), last, 0, k), _piece(triu(grad_LU), last - 1, 0, k), L, U, _row_exchanges(pivots, LU.shape[-2], LU))


@primitive(
    "_lu_factor", vjp={"A": _of_lu_factor}, analytic=False, outputs=("LU", "pivots", "info"), method=False, namespace=(), tensors=("A",),
    node="LinalgLuFactorExBackward0",
)  # fmt: skip
def _lu_factor(A):
    """L (below the diagonal, which is 1) and U in one matrix, row exchanges counted from 1, and the first zero on U's diagonal, counted from 1."""
    check_kinds("lu_cpu", A, "fc")
    check_floating("torch.linalg.lu_factor", A)
    kinds = (A.dtype, np.int32, np.int32)
    if 0 in A.shape[-2:]:
        shape = (*A.shape[:-2], min(A.shape[-2:]))
        return A.copy(), np.zeros(shape, np.int32), np.zeros(A.shape[:-2], np.int32)
    if type(A) is np.ndarray and math.prod(A.shape[:-2]) > A.shape[-2]:
        return _many_factors(A)
    getrf = routine("getrf", A)

    def factor(a):
        lu, pivots, info = getrf(a)
        return lu, pivots + 1, info

    return each_matrix(factor, A, kinds=kinds)


def _many_factors(A):
    """The same for many small matrices at once, by SciPy, which gives their permutations: the row exchanges are found from these.

    A pass of NumPy for each step of the elimination: of thousands of 4 x 4 matrices fifty times as slow as PyTorch, which loops over them.
    """
    from scipy.linalg import lu

    rows, L, U = lu(A, p_indices=True, check_finite=False)  # A = L[rows] U
    k = L.shape[-1]
    LU = np.zeros_like(A)
    LU[..., :, :k] = np.tril(L, -1)
    LU[..., :k, :] += U
    wanted = np.argsort(rows, -1)  # which row stands at each place in the end
    order = np.broadcast_to(np.arange(A.shape[-2]), wanted.shape).copy()
    pivots = np.empty((*A.shape[:-2], k), np.int32)
    for i in range(k):
        other = (order == wanted[..., i, None]).argmax(-1)
        pivots[..., i] = other + 1
        np.put_along_axis(order, other[..., None], order[..., i, None], -1)
        order[..., i] = wanted[..., i]
    zero = np.diagonal(U, 0, -2, -1) == 0
    return LU, pivots, np.where(zero.any(-1), zero.argmax(-1) + 1, 0).astype(np.int32)


def _check_info(name, info):
    tell_read(info)
    array = info._array
    if anywhere(array > 0):
        place = int(np.flatnonzero(array)[0]) if array.ndim else None
        which = "" if place is None else f"(Batch element {place}): "
        number = int(array.reshape(-1)[place or 0])
        raise RuntimeError(f"torch.{name}: {which}U[{number},{number}] is zero and using it on lu_solve would result in a division by zero. If you still "
                           "want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)")  # fmt: skip


@composite("linalg.lu_factor_ex", method=False, namespace=LINALG)
@writes_out
def lu_factor_ex(A, *, pivot=True, check_errors=False):
    """Factor matrices (…, m, n) into P L U, without raising: `info` is the first zero on U's diagonal, counted from 1, or 0."""
    _check_pivot(pivot)
    LU, pivots, info = _lu_factor.function(A)
    if check_errors:
        _check_info("linalg.lu_factor_ex", info)
    return named_result("linalg_lu_factor_ex", "LU", "pivots", "info")(LU, pivots, info)


@composite("linalg.lu_factor", method=False, namespace=LINALG)
@writes_out
def lu_factor(A, *, pivot=True):
    """Factor matrices (…, m, n) into P L U: L and U in one matrix, and row exchanges counted from 1. Raises for singular ones."""
    _check_pivot(pivot)
    LU, pivots, info = _lu_factor.function(A)
    _check_info("linalg.lu_factor", info)
    return named_result("linalg_lu_factor", "LU", "pivots")(LU, pivots)


@composite()
def lu(self, pivot=True, get_infos=False):
    """Factor as `linalg.lu_factor` does, without raising; with `get_infos` also the first zero on U's diagonal."""
    _check_pivot(pivot)
    LU, pivots, info = _lu_factor.function(self)
    return (LU, pivots, info) if get_infos else (LU, pivots)


def _of_unpacked(grad_L, grad_U, self_shape):
    """Both gradients in one matrix."""
    found = None
    ndim = len(self_shape)
    if grad_L is not None:
        found = _widened(tril(grad_L, -1), self_shape, ndim - 1)
    if grad_U is not None:
        upper = _widened(triu(grad_U), self_shape, ndim - 2)
        found = upper if found is None else found + upper
    return found


def _widened(x, shape, dim):
    return x if x.shape[dim] == shape[dim] else _placed(x, shape, dim, 0)


@primitive(
    "_unpacked", vjp={"self": _of_unpacked}, outputs=("L", "U"), method=False, namespace=(), node="LuUnpackBackward0",
)  # fmt: skip
def _unpacked_op(self):
    """L, with ones on its diagonal, and U, out of one matrix."""
    k = min(self.shape[-2:])
    lower = np.tril(self[..., :, :k], -1)
    return lower + np.eye(*lower.shape[-2:], dtype=self.dtype), np.triu(self[..., :k, :])


def _unpacked(LU):
    """L and U as formulas need them."""
    k = min(LU.shape[-2:])
    last = LU.ndim - 1
    lower = tril(_piece(LU, last, 0, k), -1)
    return lower + np.eye(*lower.shape[-2:], dtype=_array_of(LU).dtype), triu(_piece(LU, last - 1, 0, k))


def _array_of(x):
    return getattr(x, "_array", x)


@composite(method=False)
@writes_out
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    """Give P, L and U of a factorization by `linalg.lu_factor`; empty tensors for what is not to be unpacked."""
    if LU_pivots._array.dtype != np.int32:
        raise RuntimeError("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype. Note: this function is intended to "
                           "be used with the output produced by torch.linalg.lu_factor")  # fmt: skip
    empty = wrap(np.zeros(0, LU_data._array.dtype))
    P, L, U = empty, empty, empty
    if unpack_pivots:
        P = _row_exchanges.function(LU_pivots, LU_data._array.shape[-2], LU_data.detach())
    if unpack_data:
        L, U = _unpacked_op.function(LU_data)
    return named_result("lu_unpack", "P", "L", "U")(P, L, U)


# ---- the factors themselves


def _of_lu(grad_L, grad_U, L, U, pivots):
    if grad_L is None and grad_U is None:
        return None
    return _of_factors(_zeros_if_none(grad_L, L), _zeros_if_none(grad_U, U), L, U, _row_exchanges(pivots, L.shape[-2], L))


@primitive(
    "_lu", vjp={"A": _of_lu}, analytic=False, outputs=("L", "U", "pivots"), method=False, namespace=(), tensors=("A",), node="LinalgLuBackward0",
)  # fmt: skip
def _lu(A):
    """L, U, and the row exchanges."""
    LU, pivots, _ = _lu_factor.kernel(A)
    return (*_unpacked_op.kernel(LU), pivots)


@composite("linalg.lu", method=False, namespace=LINALG)
@writes_out
def linalg_lu(A, *, pivot=True):
    """Factor matrices (…, m, n) into P L U: a permutation, a lower triangle with ones on its diagonal, and an upper triangle."""
    _check_pivot(pivot)
    L, U, pivots = _lu.function(A)
    P = _row_exchanges.function(pivots, A._array.shape[-2], A.detach())
    return named_result("linalg_lu", "P", "L", "U")(P, L, U)


# ---- solving


def _of_lu_solve(grad, LU, pivots, left, adjoint, result):
    of_b = lu_solve(LU, pivots, grad, left=left, adjoint=not adjoint)
    of_a = -(of_b @ adjoint_of(result)) if left else -(adjoint_of(result) @ of_b)
    of_a = adjoint_of(of_a) if adjoint else of_a
    L, U = _unpacked(LU)
    turned = _row_exchanges(pivots, LU.shape[-2], LU).mT @ of_a
    return tril(turned @ adjoint_of(U), -1) + triu(adjoint_of(L) @ turned), of_b


@primitive(
    "linalg.lu_solve", vjp={("LU", "B"): _of_lu_solve}, analytic=False, method=False, namespace=LINALG, tensors=("LU", "pivots", "B"),
    node="LinalgLuSolveBackward0",
)  # fmt: skip
def lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """Solve A X = B, or X A = B with `left=False`, given the LU factors of A (…, n, n); with `adjoint` for the conjugate transposed of A."""
    check_square("linalg.lu_solve", LU)
    if pivots.dtype != np.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    if B.ndim < 2:
        raise RuntimeError("linalg.lu_solve: The input tensor B must have at least 2 dimensions.")
    if LU.dtype != B.dtype:
        raise RuntimeError(f"linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {dtypes.of_array(LU.dtype).tensor_name} and B "
                           f"of type {dtypes.of_array(B.dtype).tensor_name} instead")  # fmt: skip
    if LU.shape[-1] != pivots.shape[-1]:
        raise RuntimeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")
    if LU.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(f"linalg.lu_solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
                           f"({LU.shape[-2]}x{LU.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})")  # fmt: skip
    right = B if left else B.swapaxes(-1, -2).conj()  # X A = B is A^H X^H = B^H
    if not B.size:
        batch = np.broadcast_shapes(LU.shape[:-2], B.shape[:-2])
        return np.zeros((*batch, *B.shape[-2:]), B.dtype)
    getrs = routine("getrs", LU, B)
    way = 2 if adjoint == left else 0
    found = each_matrix(lambda lu, p, b: (getrs(lu, p - 1, b, trans=way)[0],), LU, pivots, right, cores=(2, 1, 2), kinds=(B.dtype,))[0]
    return found if left else as_array(found.swapaxes(-1, -2).conj())


@composite("lu_solve")
@writes_out
def solve_with_lu(self, LU_data, LU_pivots):
    """Solve A X = B for matrices B (…, n, k), given the LU factors and the row exchanges of A."""
    return lu_solve.function(LU_data, LU_pivots, self)


# ---- LDL


@primitive(
    "_ldl_factor", vjp={"self": no_derivative("linalg_ldl_factor_ex")}, outputs=("LD", "pivots", "info"), method=False, namespace=(),
    node="NotImplemented",
)  # fmt: skip
def _ldl_factor(self, hermitian):
    """L and D in one matrix, the pivots, and the first zero on D's diagonal, counted from 1."""
    check_square("torch.linalg.ldl_factor_ex", self)
    kinds = (self.dtype, np.int32, np.int32)
    if not self.shape[-1]:
        return self.copy(), np.zeros(self.shape[:-1], np.int32), np.zeros(self.shape[:-2], np.int32)
    factor = routine("hetrf" if hermitian and self.dtype.kind == "c" else "sytrf", self)

    def lower(a):
        ld, pivots, info = factor(a, lower=1)
        return np.tril(ld), pivots, info

    return each_matrix(lower, self, kinds=kinds)


@composite("linalg.ldl_factor_ex", method=False, namespace=LINALG)
@writes_out
def ldl_factor_ex(A, *, hermitian=False, check_errors=False):
    """Factor symmetric (or Hermitian) matrices into L D L', D with blocks of one or two, without raising: `info` tells a zero in D."""
    LD, pivots, info = _ldl_factor.function(A, hermitian)
    if check_errors:
        _check_singular_d("linalg.ldl_factor_ex", info)
    return named_result("linalg_ldl_factor_ex", "LD", "pivots", "info")(LD, pivots, info)


def _check_singular_d(name, info):
    tell_read(info)
    if anywhere(info._array > 0):
        raise RuntimeError(f"torch.{name}: D has a zero on its diagonal: the matrix is singular.")


@composite("linalg.ldl_factor", method=False, namespace=LINALG)
@writes_out
def ldl_factor(A, *, hermitian=False):
    """Factor symmetric (or Hermitian) matrices into L D L', D with blocks of one or two; L and D in one matrix, and the pivots."""
    LD, pivots, info = _ldl_factor.function(A, hermitian)
    _check_singular_d("linalg.ldl_factor", info)
    return named_result("linalg_ldl_factor", "LD", "pivots")(LD, pivots)


@primitive(
    "linalg.ldl_solve", vjp={"LD": no_derivative("linalg_ldl_solve"), "B": no_derivative("linalg_ldl_solve")}, method=False, namespace=LINALG,
    tensors=("LD", "pivots", "B"), node="NotImplemented",
)  # fmt: skip
def ldl_solve(LD, pivots, B, *, hermitian=False):
    """Solve A X = B, given the LDL factors and pivots of A."""
    check_square("torch.linalg.ldl_solve", LD)
    if B.ndim < 2:
        raise RuntimeError(f"torch.linalg.ldl_solve: Expected B to have at least 2 dimensions, but it has {B.ndim} dimensions instead")
    if LD.shape[-2] != B.shape[-2]:
        raise RuntimeError("Incompatible matrix sizes for linalg.ldl_solve: each A matrix is "
                           f"{LD.shape[-1]} by {LD.shape[-1]} but each b matrix is {B.shape[-2]} by {B.shape[-1]}")  # fmt: skip
    if pivots.shape != LD.shape[:-1]:
        raise RuntimeError(f"torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
                           f"{list(pivots.shape)} instead")  # fmt: skip
    if pivots.dtype.kind not in "iu":
        raise RuntimeError(f"torch.linalg.ldl_solve: Expected pivots to be integers. Got {dtypes.of_array(pivots.dtype).tensor_name}")
    if LD.dtype != B.dtype:
        raise RuntimeError(f"torch.linalg.ldl_solve: Expected LD and B to have the same dtype, but found LD of type "
                           f"{dtypes.of_array(LD.dtype).tensor_name} and B of type {dtypes.of_array(B.dtype).tensor_name} instead")  # fmt: skip
    if not B.size:
        return np.zeros((*np.broadcast_shapes(LD.shape[:-2], B.shape[:-2]), *B.shape[-2:]), B.dtype)
    through = routine("hetrs" if hermitian and B.dtype.kind == "c" else "sytrs", LD, B)
    return each_matrix(lambda ld, p, b: (through(ld, p, b, lower=1)[0],), LD, pivots, B, cores=(2, 1, 2), kinds=(B.dtype,))[0]
