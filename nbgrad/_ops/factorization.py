"""Factorizations of matrices into orthogonal ones: QR and singular values.

Derivatives: S. F. Walter and L. Lehmann on QR (2010); J. Townsend, "Differentiating the singular value decomposition" (2016); Z.-Q. Wan and
S.-X. Zhang, "Automatic differentiation for complex valued SVD" (2019).
"""

from __future__ import annotations

import numpy as np

from .._engine import errors
from .._engine.batched import NotBatchable, anywhere
from .._engine.op import composite, named_result, primitive
from .._engine.tensor import Tensor, wrap
from .._engine.writing import writes_out
from .conversion import _nothing
from .decomposition import COMPLEX, LINALG, LinAlgError, adjoint_of, check_floating, solve_triangular
from .joining import _piece, cat
from .rearrange import diag_embed, diagonal, tril
from .shape import unsqueeze


def check_phase(name, what, phases, size):
    """Raise where a loss depends on the phase of complex vectors, which is LAPACK's choice; `phases` should vanish beside `size`.

    Not on tensors: forward mode runs the formulas on stand-ins for gradients, of which this need not hold.
    """
    if isinstance(phases, Tensor):
        return
    try:
        tolerance = 1e-2 if phases.dtype in (np.float32, np.complex64) else 1e-8
        depends = anywhere(np.abs(phases) > tolerance * (1 + np.abs(size).max(initial=0)))
    except NotBatchable:
        return
    if depends:
        raise RuntimeError(f"{name}: The {what} in the complex case are specified up to multiplication by e^{{i phi}}. The specified loss function "
                           "depends on this quantity, so it is ill-defined.")  # fmt: skip


# ---- QR


def _copied_lower(x):
    """The symmetric matrix with the lower triangle of `x`; of complex numbers the Hermitian one, with a real diagonal."""
    if x.dtype not in COMPLEX:
        return tril(x) + tril(x, -1).mT
    below = tril(x, -1)
    return below + adjoint_of(below) + diag_embed(diagonal(x, 0, -2, -1).real)


def _of_qr(grad_Q, grad_R, Q, R, A_shape, mode):
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
    of_x = _of_tall(grad_Q + (Q @ V) @ adjoint_of(grad_V), _piece(grad_R, last, 0, m), Q, _piece(R, last, 0, m))
    return cat([of_x, Q @ grad_V], -1)


def _of_tall(grad_Q, grad_R, Q, R):
    inner = R @ adjoint_of(grad_R) - adjoint_of(grad_Q) @ Q
    return adjoint_of(solve_triangular(R, adjoint_of(grad_Q + Q @ _copied_lower(inner)), upper=True))


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
    if U.shape[-1] != k:  # the further columns may be any that complete a basis: what comes from them is left out, as in PyTorch
        U, grad_U = _piece(U, last, 0, k), None if grad_U is None else _piece(grad_U, last, 0, k)
    if Vh.shape[-2] != k:
        Vh, grad_Vh = _piece(Vh, last - 1, 0, k), None if grad_Vh is None else _piece(grad_Vh, last - 1, 0, k)
    if grad_U is None and grad_Vh is None:
        return U @ (unsqueeze(grad_S, -1) * Vh)
    squares = S * S
    gaps = unsqueeze(squares, -2) - unsqueeze(squares, -1) + _identity(S)
    turn_u = None if grad_U is None else _skew(adjoint_of(U) @ grad_U)
    turn_v = None if grad_Vh is None else _skew(Vh @ adjoint_of(grad_Vh))
    inner = None if grad_S is None else diag_embed(grad_S)
    if turn_u is not None:
        part = turn_u / gaps * unsqueeze(S, -2)
        inner = part if inner is None else inner + part
    if turn_v is not None:
        part = unsqueeze(S, -1) * (turn_v / gaps)
        inner = part if inner is None else inner + part
    if U.dtype in COMPLEX:
        inner = _with_phases(inner, turn_u, turn_v, S)
    out = U @ inner @ Vh
    if grad_U is not None and m > k:
        scaled = grad_U / unsqueeze(S, -2)
        out = out + (scaled - U @ (adjoint_of(U) @ scaled)) @ Vh
    if grad_Vh is not None and n > k:
        scaled = grad_Vh / unsqueeze(S, -1)
        out = out + U @ (scaled - (scaled @ adjoint_of(Vh)) @ Vh)
    return out


def _skew(x):
    return x - adjoint_of(x)


def _with_phases(inner, turn_u, turn_v, S):
    """Put the part on the diagonal right that moves the phases of U and V against each other; together they may be any."""
    of_u, of_v = (None if turn is None else diagonal(turn, 0, -2, -1) for turn in (turn_u, turn_v))
    together = of_u if of_v is None else of_v if of_u is None else of_u + of_v
    check_phase("svd_backward", "singular vectors", together, inner)
    already = sum(x for x in (of_u, of_v) if x is not None) * S  # divided by the ones on the diagonal of the gaps
    against = of_u if of_v is None else -of_v if of_u is None else (of_u - of_v) * 0.5
    return inner + diag_embed(against / (2 * S) - already)


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
    result = named_result("svd", "U", "S", "V")
    U, S, Vh = linalg_svd.function(self, not some)
    if not compute_uv:
        m, n = self._array.shape[-2:]
        zeros = [wrap(np.zeros((*self._array.shape[:-2], k, k), self._array.dtype)) for k in (m, n)]
        return result(zeros[0], S, zeros[1])
    return result(U, S, Vh.mH)


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
