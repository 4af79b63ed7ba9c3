"""Eigenvalues and eigenvectors, of symmetric matrices and of any.

Derivatives: M. B. Giles (2008); C. Boeddeker et al., "On the computation of complex-valued gradients with application to statistically optimum
beamforming" (2017) for eigenvectors of length 1. A loss must not depend on what is not determined: the phase of a complex eigenvector.
"""

from __future__ import annotations

import numpy as np

from .._engine.arguments import check_kinds
from .._engine.op import composite, named_result, primitive
from .._engine.writing import writes_out
from .decomposition import COMPLEX, LINALG, LinAlgError, adjoint_of, check_square, solve
from .factorization import _identity, check_phase
from .rearrange import diag_embed, diagonal
from .shape import unsqueeze


# ---- eigenvalues of symmetric matrices


def _of_eigh(grad_L, grad_V, L, V):
    if grad_V is None:
        return None if grad_L is None else V @ (unsqueeze(grad_L, -1) * adjoint_of(V))
    gaps = unsqueeze(L, -2) - unsqueeze(L, -1) + _identity(L)
    turn = adjoint_of(V) @ grad_V
    turn = (turn - adjoint_of(turn)) * 0.5
    if V.dtype in COMPLEX:
        phases = diagonal(turn, 0, -2, -1)
        check_phase("linalg_eigh_backward", "eigenvectors", phases, turn)
        turn = turn - diag_embed(phases)
    inner = turn / gaps
    if grad_L is not None:
        inner = inner + diag_embed(grad_L)
    return V @ inner @ adjoint_of(V)


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
    return named_result("linalg_eigh", "eigenvalues", "eigenvectors")(*_eigh.function(A, UPLO))


@composite("linalg.eigvalsh", method=False, namespace=LINALG)
@writes_out
def eigvalsh(A, UPLO="L"):
    """Find the eigenvalues of symmetric matrices (…, n, n), in rising order."""
    check_kinds("linalg_eigh_cpu", A, "fc")
    return _eigh.function(A, UPLO)[0]


# ---- of any matrices


def _of_eig(grad_L, grad_V, L, V):
    inverse = None
    if grad_V is not None:
        turn = adjoint_of(V) @ grad_V
        lengths = diagonal(turn, 0, -2, -1)
        check_phase("linalg_eig_backward", "eigenvectors", lengths.imag, turn)
        # eigenvectors keep length 1: what would change it is taken away
        turn = turn - (adjoint_of(V) @ V) * unsqueeze(lengths.real, -2)
        gaps = (unsqueeze(L, -2) - unsqueeze(L, -1)).conj() + _identity(L)
        inverse = turn / gaps
        inverse = inverse - diag_embed(diagonal(inverse, 0, -2, -1))
    if grad_L is not None:
        inverse = diag_embed(grad_L) if inverse is None else inverse + diag_embed(grad_L)
    return None if inverse is None else solve(adjoint_of(V), inverse @ adjoint_of(V))


@primitive(
    "_eig", vjp={"A": _of_eig}, analytic=False, outputs=("L", "V"), method=False, namespace=(), node="LinalgEigBackward0", tensors=("A",),
)  # fmt: skip
def _eig(A):
    """Eigenvalues, and eigenvectors as columns, as complex numbers."""
    check_square("linalg.eig", A)
    if not np.isfinite(A).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    kind = np.result_type(A.dtype, np.complex64)
    return tuple(x.astype(kind, copy=False) for x in np.linalg.eig(A))


@composite("linalg.eig", method=False, namespace=LINALG)
@writes_out
def eig(A):
    """Find the eigenvalues and eigenvectors (columns, of length 1) of square matrices, as complex numbers.

    An eigenvector's sign, or its phase, is LAPACK's choice, and so may be another than PyTorch's.
    """
    return named_result("linalg_eig", "eigenvalues", "eigenvectors")(*_eig.function(A))


@composite("linalg.eigvals", method=False, namespace=LINALG)
@writes_out
def eigvals(A):
    """Find the eigenvalues of square matrices, as complex numbers."""
    return _eig.function(A)[0]
