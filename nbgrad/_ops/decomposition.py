"""Solving and inverting, and the determinants; factorizations are in factorization.py.

Derivatives: M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).
"""

from __future__ import annotations


import numpy as np

from .._engine import dtypes, errors
from .._engine.arguments import check_kinds, require_tensor
from .._engine.batched import as_array, contiguous
from .._engine.observe import tell_read
from .._engine.op import composite, named_result, plain, primitive
from .._engine.tensor import Tensor, wrap
from .._engine.writing import writes_out
from .choice import where
from .conversion import _nothing
from .joining import _piece, cat
from .rearrange import tril, triu
from .shape import unsqueeze

LINALG = ("linalg",)
COMPLEX = (np.complex64, np.complex128, dtypes.complex64, dtypes.complex128)  # types of arrays and of tensors


def adjoint_of(x):
    """The conjugate transposes of matrices, arrays or tensors."""
    return x.mT.conj()


class LinAlgError(RuntimeError):
    """A matrix does not have what was asked for: it is singular, not positive definite, or an iteration did not converge."""


def check_floating(name, a):
    """Raise PyTorch's error for a type that has no linear algebra."""
    if a.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if a.dtype.kind not in "fc":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {dtypes.of_array(a.dtype).tensor_name}")
    if a.dtype == np.float16:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got Half")


def check_square(name, a):
    """Raise PyTorch's error for what is no (batch of) square matrix."""
    check_floating(name, a)
    if a.shape[-1] != a.shape[-2]:
        raise RuntimeError(f"{name}: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices")


def first_zero(a):
    """In words, where elimination breaks down: "(Batch element 2): " and the number, from 1, of the first zero on U's diagonal."""
    from scipy.linalg import lu  # SciPy only where something has gone wrong

    for place in np.ndindex(*a.shape[:-2]):
        diagonal = np.diagonal(lu(a[place], permute_l=False)[2])
        zeros = np.flatnonzero(diagonal == 0)
        if zeros.size:
            batch = f"(Batch element {np.ravel_multi_index(place, a.shape[:-2])}): " if a.ndim > 2 else ""
            return batch, int(zeros[0]) + 1
    return "", a.shape[-1]


def _singular_inverse(name, a):
    batch, number = first_zero(a)
    return LinAlgError(
        f"{name}: {batch}The diagonal element {number} is zero, the inversion could not be completed because the input matrix is singular."
    )


@primitive(
    "linalg.inv", vjp={"A": lambda grad, result: -(result.mT @ grad @ result.mT)}, method=False, namespace=LINALG, node="LinalgInvExBackward0",
    tensors=("A",),
)  # fmt: skip
def inv(A):
    """Invert square matrices (…, n, n)."""
    check_square("linalg.inv", A)
    try:
        return np.linalg.inv(A)
    except np.linalg.LinAlgError:
        raise _singular_inverse("linalg.inv", A) from None


@composite()
def inverse(self):
    """Invert square matrices (…, n, n)."""
    return inv.function(self)


def _is_vector(a_shape, b_shape):
    """Whether a right-hand side is a vector, or a batch of vectors, rather than matrices."""
    return len(b_shape) == 1 or len(a_shape) - 1 == len(b_shape) and tuple(b_shape) == tuple(a_shape[:-1])


def _of_solve(grad, A, A_shape, B_shape, left, result):
    """The gradients of a solution X of A X = B: A' dB = dX, dA = -dB X'."""
    vector = _is_vector(A_shape, B_shape)
    of_b = solve(A.mT, grad, left=left)
    if vector:
        of_a = -(unsqueeze(of_b, -1) @ unsqueeze(result, -1).mT)
    else:
        of_a = -(of_b @ result.mT) if left else -(result.mT @ of_b)
    return of_a, of_b


@primitive("linalg.solve", vjp={("A", "B"): _of_solve}, method=False, namespace=LINALG, node="LinalgSolveExBackward0", tensors=("A", "B"))
def solve(A, B, *, left=True):
    """Solve A X = B, or X A = B with `left=False`, for square matrices A (…, n, n); B is a vector (n), vectors (…, n) or matrices (…, n, k)."""
    check_square("linalg.solve", A)
    if A.dtype != B.dtype:
        raise RuntimeError(f"linalg.solve: Expected A and B to have the same dtype, but found A of type {dtypes.of_array(A.dtype).tensor_name} "
                           f"and B of type {dtypes.of_array(B.dtype).tensor_name} instead")  # fmt: skip
    vector = _is_vector(A.shape, B.shape)
    if vector and not left:
        raise RuntimeError("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
                           "linalg.solve is equivalent to B / A.squeeze(-1)")  # fmt: skip
    right = B[..., None] if vector else B
    if right.shape[-2 if left else -1] != A.shape[-1]:
        raise RuntimeError(f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
                           f"({A.shape[-2]}x{A.shape[-1]} and {right.shape[-2]}x{right.shape[-1]})")  # fmt: skip
    try:
        out = np.linalg.solve(A, right) if left else np.linalg.solve(A.swapaxes(-1, -2), right.swapaxes(-1, -2)).swapaxes(-1, -2)
    except np.linalg.LinAlgError:
        batch, _ = first_zero(A)
        raise LinAlgError(f"torch.linalg.solve: {batch}The solver failed because the input matrix is singular.") from None
    return contiguous(out[..., 0] if vector else out)


def _triangle(A, upper, unitriangular):
    out = np.triu(A) if upper else np.tril(A)
    if unitriangular:
        diagonal = np.arange(A.shape[-1])
        out[..., diagonal, diagonal] = 1
    return out


def _of_triangular(grad, A, upper, left, unitriangular, result):
    of_b = solve_triangular(A.mT, grad, upper=not upper, left=left, unitriangular=unitriangular)
    of_a = -(of_b @ result.mT) if left else -(result.mT @ of_b)
    inner = 1 if unitriangular else 0
    return triu(of_a, inner) if upper else tril(of_a, -inner), of_b


@primitive(
    "linalg.solve_triangular", vjp={("A", "B"): _of_triangular}, method=False, namespace=LINALG, node="LinalgSolveTriangularBackward0",
    tensors=("A", "B"),
)  # fmt: skip
def solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """Solve A X = B, or X A = B, for triangular matrices A; the other triangle (and, if `unitriangular`, the diagonal) is not looked at."""
    check_kinds("triangular_solve_cpu", A, "fc")
    check_square("linalg.solve_triangular", A)
    if B.ndim < 2:
        raise RuntimeError("linalg.solve_triangular: The input tensor B must have at least 2 dimensions.")
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(f"linalg.solve_triangular: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
                           f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})")  # fmt: skip
    a = _triangle(A, upper, unitriangular)
    with np.errstate(all="ignore"):
        try:
            return np.linalg.solve(a, B) if left else contiguous(np.linalg.solve(a.swapaxes(-1, -2), B.swapaxes(-1, -2)).swapaxes(-1, -2))
        except np.linalg.LinAlgError:
            raise errors.unsupported("solve_triangular with a zero on the diagonal", "PyTorch gives inf or nan there") from None


# ---- determinants


@primitive("linalg.det", vjp={"A": lambda grad, A: grad.reshape(grad.shape + (1, 1)) * _cofactors(A)}, method=False, namespace=LINALG,
           node="LinalgDetBackward0", tensors=("A",))  # fmt: skip
def linalg_det(A):
    """Compute the determinants of square matrices (…, n, n)."""
    check_square("linalg.det", A)
    return np.linalg.det(A)


@composite()
def det(self):
    """Compute the determinants of square matrices (…, n, n)."""
    return linalg_det.function(self)


def _of_cofactors(grad, A):
    inverse = inv(A).mT
    determinant = linalg_det(A)
    determinant = determinant.reshape(tuple(determinant.shape) + (1, 1))
    trace = (grad * inverse).sum((-2, -1))
    return determinant * (trace.reshape(tuple(trace.shape) + (1, 1)) * inverse - inverse @ grad.mT @ inverse)


@primitive("_cofactors", vjp={"self": lambda grad, self: _of_cofactors(grad, self)}, method=False, namespace=())
def _cofactors(self):
    """The matrices of cofactors, also of singular matrices: by singular values, each the product of all others."""
    u, s, vh = (x.conj() for x in np.linalg.svd(self))
    n = self.shape[-1]
    others = np.stack([np.prod(np.delete(s, i, -1), -1) for i in range(n)], -1) if n else s
    sign = (np.linalg.det(u) * np.linalg.det(vh)).conj()
    return (u * (others * sign[..., None])[..., None, :] @ vh).astype(self.dtype)


@primitive(
    "linalg.slogdet", vjp={"A": lambda grad_sign, grad_logabsdet, A, sign: _of_slogdet(grad_sign, grad_logabsdet, A, sign)},
    outputs=("sign", "logabsdet"), analytic=False, method=False, namespace=LINALG, node="LinalgSlogdetBackward0", tensors=("A",),
)  # fmt: skip
def linalg_slogdet(A):
    """Compute the signs of determinants and the logarithms of their absolute values."""
    check_square("linalg.slogdet", A)
    sign, logarithm = np.linalg.slogdet(A)
    return as_array(sign, A.dtype), as_array(logarithm)


def _of_slogdet(grad_sign, grad_logabsdet, A, sign):
    """With log det A = l + i t and s = exp(i t), the change of l is the real part of tr(inv(A) dA), and that of t the imaginary one."""
    scale = grad_logabsdet
    if grad_sign is not None and sign.dtype in COMPLEX:
        turn = (grad_sign.conj() * sign).imag * -1j
        scale = turn if scale is None else scale + turn
    if scale is None:
        return None
    return scale.reshape(tuple(scale.shape) + (1, 1)) * adjoint_of(inv(A))


@composite()
def slogdet(self):
    """Compute the signs of determinants and the logarithms of their absolute values."""
    return linalg_slogdet.function(self)


@composite()
def logdet(self):
    """Compute the logarithms of determinants: -inf for singular matrices, nan where a determinant is negative."""
    sign, logarithm = linalg_slogdet.function(self)
    if self.is_complex():
        return logarithm + sign.log()
    nan = wrap(as_array(np.nan, self._array.dtype))
    tell_read(sign)
    return where(wrap(as_array(sign._array == -1)), nan, logarithm)


@composite("linalg.vander", method=False, namespace=LINALG)
def vander(x, *, N=None):
    """Make a row of powers 0 to N - 1 of each element: (…, n) gives (…, n, N)."""
    if x._array.dtype.kind == "b":
        raise RuntimeError("linalg.vander supports floating point, complex, and integer tensors, but got Bool")
    count = x._array.shape[-1] if N is None else N
    if count <= 1:
        raise RuntimeError("N must be greater than 1.")
    if not x._array.ndim:
        x = x.reshape((1,))
    ones = wrap(np.ones((*x._array.shape, 1), x._array.dtype))
    return cat.function([ones, x.unsqueeze(-1).expand((*x._array.shape, count - 1)).cumprod(-1)], -1)


@primitive(
    "triangular_solve",
    vjp={("b", "A"): lambda grad_solution, grad_cloned_coefficient, A, upper, transpose, unitriangular, solution:
         _of_transposed(grad_solution, grad_cloned_coefficient, A, upper, transpose, unitriangular, solution)},
    outputs=("solution", "cloned_coefficient"), tensors=("b", "A"), alike=("b", "A"), node="TriangularSolveBackward0",
)  # fmt: skip
def triangular_solve(b, A, upper=True, transpose=False, unitriangular=False):
    """Solve A X = b, or A' X = b with `transpose`, for triangular matrices A; gives X and a copy of A."""
    if b.ndim < 2 or A.ndim < 2:
        name, x = ("b", b) if b.ndim < 2 else ("A", A)
        raise RuntimeError(f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {x.ndim} dimensions instead")
    a, up = (A.swapaxes(-1, -2), not upper) if transpose else (A, upper)
    solution = solve_triangular.kernel(a, b, upper=up, unitriangular=unitriangular)
    return solution, np.broadcast_to(A, (*solution.shape[:-2], *A.shape[-2:])).copy()


def _of_transposed(grad, grad_copy, A, upper, transpose, unitriangular, solution):
    if grad is None:
        return None, grad_copy
    a, up = (A.mT, not upper) if transpose else (A, upper)
    of_a, of_b = _of_triangular(grad, a, up, True, unitriangular, solution)
    of_a = of_a.mT if transpose else of_a
    return of_b, of_a if grad_copy is None else of_a + grad_copy


# ---- powers and exponentials


@composite("linalg.matrix_power", method=False, namespace=LINALG)
@writes_out
def linalg_matrix_power(A, n):
    """Multiply square matrices n times by themselves; a negative n takes their inverses."""
    shape = A._array.shape
    if n not in (0, 1):
        check_kinds("addmm_impl_cpu_", A, "fiuc")
    if len(shape) < 2 or shape[-1] != shape[-2] or n < 0:
        check_square("linalg.matrix_power", A._array)
    if n == 0:
        identity = np.broadcast_to(np.eye(A._array.shape[-1], dtype=A._array.dtype), A._array.shape)
        return A.clone().copy_(wrap(identity))
    if n == 1:
        return A.clone()
    if n < 0:
        A, n = inv.function(A), -n
        if n == 1:
            return A
    if n == 3:
        return A @ A @ A
    result = None
    while n:
        if n & 1:
            result = A if result is None else result @ A
        n >>= 1
        if n:
            A = A @ A
    return result


@composite()
def matrix_power(self, n):
    """Multiply square matrices n times by themselves; a negative n takes their inverses."""
    return linalg_matrix_power(self, n)


def _of_exponential(grad, A):
    """The upper right block of the exponential of [[A', grad], [0, A']]."""
    n = A.shape[-1]
    turned = A.mT
    upper, lower = cat([turned, grad], -1), cat([_nothing(turned), turned], -1)
    whole = matrix_exp(cat([upper, lower], -2))
    rows = _piece(whole, whole.ndim - 2, 0, n)
    return _piece(rows, whole.ndim - 1, n, 2 * n)


@primitive(
    "linalg.matrix_exp", vjp={"A": lambda grad, A: _of_exponential(grad, A)}, method="matrix_exp", namespace=("", "linalg"),
    node="LinalgMatrixExpBackward0", tensors=("A",),
)  # fmt: skip
def matrix_exp(A):
    """Compute the matrix exponential of square matrices (…, n, n)."""
    from scipy.linalg import expm

    check_square("linalg.matrix_exp", A)
    return expm(A).astype(A.dtype) if A.size else A.copy()


# ---- without an inverse


def _of_pinv(grad, A, result):
    """Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems" (1973)."""
    p, pt = result, adjoint_of(result)
    first = -(pt @ grad @ pt)
    gt = adjoint_of(grad)
    second = (gt - A @ (p @ gt)) @ (p @ pt)
    third = (pt @ p) @ (gt - (gt @ p) @ A)
    return first + second + third


@primitive(
    "linalg.pinv", vjp={"A": _of_pinv}, analytic=False, method=False, namespace=LINALG, node="LinalgPinvBackward0", tensors=("A",),
)  # fmt: skip
def pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None):
    """Compute the pseudo-inverses of matrices (…, m, n), leaving out singular values up to max(atol, rtol * the largest)."""
    check_floating("linalg.pinv", A)
    if A.size == 0:
        return np.zeros((*A.shape[:-2], A.shape[-1], A.shape[-2]), A.dtype)
    atol, rtol = _tolerances(A, atol, rcond if rtol is None else rtol)
    if hermitian:
        diagonal = np.eye(A.shape[-1], dtype=A.real.dtype) * A.real
        A = diagonal + np.tril(A, -1) + np.tril(A, -1).swapaxes(-1, -2).conj()
    u, s, vh = np.linalg.svd(A, full_matrices=False)
    kept = s > np.maximum(atol, rtol * s[..., :1])
    inverse = np.where(kept, 1 / np.where(kept, s, 1), 0).astype(s.dtype)
    return contiguous((vh.conj().swapaxes(-1, -2) * inverse[..., None, :]) @ u.conj().swapaxes(-1, -2))


def _tolerances(A, atol, rtol):
    def plain_number(x):
        return x._array[..., None] if isinstance(x, Tensor) else np.asarray(x)[..., None] if isinstance(x, np.ndarray) and x.ndim else x

    atol, rtol = plain_number(atol), plain_number(rtol)
    if rtol is None:
        positive = atol is not None and np.all(as_array(atol) > 0)
        rtol = 0.0 if positive else max(A.shape[-2:]) * np.finfo(A.dtype).eps
    return 0.0 if atol is None else atol, rtol


@composite()
def pinverse(self, rcond=1e-15):
    """Compute the pseudo-inverses of matrices (…, m, n)."""
    return pinv.function(self, rcond)


@plain("linalg.matrix_rank", namespace=LINALG)
@writes_out
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None):
    """Count the singular values of matrices above max(atol, rtol * the largest)."""
    require_tensor("linalg_matrix_rank", "self", 0, A)
    tell_read(A)
    array = A._array
    check_floating("linalg.matrix_rank", array)
    if array.size == 0:
        return wrap(np.zeros(array.shape[:-2], np.int64))
    if tol is not None:
        atol, rtol = tol, 0.0
    atol, rtol = _tolerances(array, atol, rtol)
    s = np.abs(np.linalg.eigvalsh(array)) if hermitian else np.linalg.svd(array, compute_uv=False)
    return wrap(as_array((s > np.maximum(atol, rtol * s.max(-1, keepdims=True))).sum(-1), np.int64))


def _of_lstsq(grad_solution, grad_residuals, self, b, solution):
    vector = solution.ndim == self.ndim - 1
    X, right = (unsqueeze(solution, -1), unsqueeze(b, -1)) if vector else (solution, b)
    of_a = of_b = None
    if grad_solution is not None:
        p = pinv(self)
        g = unsqueeze(grad_solution, -1) if vector else grad_solution
        of_a, of_b = _of_pinv(g @ adjoint_of(right), self, p), adjoint_of(p) @ g
    if grad_residuals is not None and 0 not in grad_residuals.shape:
        # what is left over is orthogonal to the columns, so that the change of the solution does not matter
        g = unsqueeze(grad_residuals, -1) if vector else grad_residuals
        left_over = (self @ X - right) * unsqueeze(g, -2) * 2
        of_a = left_over @ adjoint_of(X) if of_a is None else of_a + left_over @ adjoint_of(X)
        of_b = -left_over if of_b is None else of_b - left_over
    return of_a, of_b.reshape(of_b.shape[:-1]) if vector and of_b is not None else of_b


@primitive(
    "_lstsq", vjp={("self", "b"): _of_lstsq}, analytic=False, outputs=("solution", "residuals"), method=False, namespace=(), node="LinalgLstsqBackward0",
    tensors=("self", "b"),
)  # fmt: skip
def _lstsq(self, b, rcond, with_residuals):
    """The solution of a linear least squares problem, and the sums of squares that are left over."""
    vector = b.shape == self.shape[:-1]
    right = b[..., None] if vector else b
    if right.ndim < 2:
        raise RuntimeError("torch.linalg.lstsq: other must have at least 2 dimensions, or be a vector for each matrix of input")
    if right.shape[-2] != self.shape[-2]:
        raise RuntimeError("torch.linalg.lstsq: input.size(-2) should match other.size(-2)")
    solution = pinv.kernel(self, rcond) @ right
    residuals = (np.abs(self @ solution - right) ** 2).sum(-2) if with_residuals else np.zeros(0, self.real.dtype)
    if vector:
        solution, residuals = solution[..., 0], residuals[..., 0] if with_residuals else residuals
    return contiguous(solution), residuals


@composite("linalg.lstsq", method=False, namespace=LINALG)
def lstsq(self, b, rcond=None, *, driver=None):
    """Find X with the least sum of squares of A X - B: (…, m, n) and (…, m, k) give (…, n, k); also residuals, rank, singular values."""
    tell_read(self)
    array = self._array
    check_floating("torch.linalg.lstsq", array)
    if array.dtype != b._array.dtype:
        raise RuntimeError(f"torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype "
                           f"{self.dtype.tensor_name} and other's dtype {b.dtype.tensor_name}")  # fmt: skip
    if not 0 <= array.ndim - b._array.ndim <= 1:
        raise RuntimeError("torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    m, n = array.shape[-2:]
    s = np.linalg.svd(array, compute_uv=False)
    cut = (np.finfo(array.dtype).eps * max(m, n) if rcond is None else rcond) * s.max(-1, keepdims=True) if s.size else s
    rank = as_array((s > cut).sum(-1), np.int64)
    with_residuals = m > n and (driver == "gels" or driver in ("gelsd", "gelss") and bool(np.all(rank == n)))
    solution, residuals = _lstsq.function(self, b, rcond, with_residuals)
    result = named_result("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
    return result(
        solution, residuals, wrap(rank if driver != "gels" else np.zeros(0, np.int64)),
        wrap(s if driver in ("gelsd", "gelss") else np.zeros(0, array.real.dtype)),
    )  # fmt: skip
