"""Cholesky's factorization, and solving and inverting with its factor.

Derivatives: I. Murray, "Differentiation of the Cholesky decomposition" (2016); M. B. Giles (2008) for the others.
"""

from __future__ import annotations

import numpy as np

from .._engine.arguments import check_kinds
from .._engine.batched import contiguous
from .._engine.op import primitive
from .decomposition import LINALG, LinAlgError, adjoint_of, check_floating, check_square, solve_triangular
from .lapack import each_matrix, routine
from .rearrange import tril


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


def _order_not_definite(matrix, upper):
    """The factor as far as LAPACK gets, and the order of the first leading minor that is not positive, 0 if there is none."""
    factor, info = routine("potrf", matrix)(matrix, lower=not upper, clean=True)
    return factor, info


def _not_definite(a, name="linalg.cholesky"):
    for place in np.ndindex(*a.shape[:-2]):
        order = _order_not_definite(a[place], False)[1]
        if order:
            batch = f"(Batch element {np.ravel_multi_index(place, a.shape[:-2])}): " if a.ndim > 2 else ""
            return LinAlgError(f"{name}: {batch}The factorization could not be completed because the input is not "
                               f"positive-definite (the leading minor of order {order} is not positive-definite).")  # fmt: skip
    return LinAlgError(f"{name}: The factorization could not be completed because the input is not positive-definite.")


@primitive(
    "linalg.cholesky_ex", vjp={"self": lambda grad_L, L, upper: _of_cholesky(grad_L, L, upper)}, analytic=False, outputs=("L", "info"), method=False,
    namespace=LINALG, node="LinalgCholeskyExBackward0",
)  # fmt: skip
def cholesky_ex(self, *, upper=False, check_errors=False):
    """Factor as `cholesky` does, without raising: `info` is the order of the first leading minor that is not positive, 0 if there is none."""
    check_square("linalg.cholesky", self)
    try:
        return linalg_cholesky.kernel(self, upper=upper), np.zeros(self.shape[:-2], np.int32)
    except LinAlgError:
        if check_errors:
            raise _not_definite(self, "linalg.cholesky_ex") from None
    return each_matrix(lambda a: _order_not_definite(a, upper), self, kinds=(self.dtype, np.int32))


@primitive("cholesky", vjp={"self": _of_cholesky}, analytic=False, node="CholeskyBackward0")
def cholesky(self, upper=False):
    """Factor symmetric positive definite matrices into L L', or U' U with `upper`."""
    check_kinds("cholesky_cpu", self, "fc")
    return linalg_cholesky.kernel(self, upper=upper)


def _of_product(of_product, factor, upper):
    """The gradient of a factor, lower or upper, from that of the product of the lower factor and its adjoint."""
    return factor @ (of_product + adjoint_of(of_product)) if upper else (of_product + adjoint_of(of_product)) @ factor


def _check_factor(name, factor):
    if factor.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if factor.shape[-1] != factor.shape[-2]:
        raise RuntimeError(f"{name}: A must be batches of square matrices, but they are {factor.shape[-2]} by {factor.shape[-1]} matrices")


@primitive(
    vjp={"self": lambda grad, self, result, upper: _of_product(-(result @ grad @ result), self, upper)}, analytic=False,
    node="CholeskyInverseBackward0",
)  # fmt: skip
def cholesky_inverse(self, upper=False):
    """Invert the matrices whose Cholesky factors (…, n, n) are given: (L L')^-1, or (U' U)^-1 with `upper`. The other triangle is not read."""
    check_kinds("cholesky_inverse_out_cpu", self, "fc")
    _check_factor("cholesky_inverse", self)
    check_floating("cholesky_inverse", self)
    lower = np.tril(adjoint_of(self) if upper else self)
    inverse = np.linalg.inv(lower)
    return adjoint_of(inverse) @ inverse


def _of_cholesky_solve(grad, result, input2, upper):
    of_self = cholesky_solve(grad, input2, upper)
    return of_self, _of_product(-(of_self @ adjoint_of(result)), input2, upper)


@primitive(vjp={("self", "input2"): _of_cholesky_solve}, analytic=False, tensors=("self", "input2"), alike=("self", "input2"), node="CholeskySolveBackward0")
def cholesky_solve(self, input2, upper=False):
    """Solve A X = B for matrices B (…, n, k), given the Cholesky factor `input2` (…, n, n) of A: A = L L', or U' U with `upper`."""
    if self.ndim < 2:
        raise RuntimeError(f"b should have at least 2 dimensions, but has {self.ndim} dimensions instead")
    if input2.ndim < 2:
        raise RuntimeError(f"u should have at least 2 dimensions, but has {input2.ndim} dimensions instead")
    if input2.shape[-1] != input2.shape[-2]:
        raise RuntimeError(f"cholesky_solve: A must be batches of square matrices, but they are {input2.shape[-2]} by {input2.shape[-1]} matrices")
    if self.shape[-2] != input2.shape[-2]:
        raise RuntimeError(f"Incompatible matrix sizes for cholesky_solve: each A matrix is {input2.shape[-1]} by {input2.shape[-1]} but each b matrix "
                           f"is {self.shape[-2]} by {self.shape[-1]}")  # fmt: skip
    lower = np.tril(adjoint_of(input2) if upper else input2)
    return np.linalg.solve(adjoint_of(lower), np.linalg.solve(lower, self))
