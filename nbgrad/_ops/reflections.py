"""Products of Householder's reflections, in which LAPACK keeps the Q of a QR factorization: reflection i is I - tau_i v_i v_i', with v_i below the diagonal
of column i, 1 on it and 0 above.

Derivatives: the product rule, from reflection to reflection.
"""

from __future__ import annotations

import numpy as np

from .._engine import dtypes
from .._engine.arguments import check_kinds
from .._engine.op import primitive
from .decomposition import LINALG, adjoint_of, check_floating
from .joining import cat
from .lapack import each_matrix, routine
from .pointwise import no_derivative
from .rearrange import tril
from .selection import select
from .shape import unsqueeze


@primitive(vjp={"self": no_derivative("geqrf")}, outputs=("a", "tau"), node="NotImplemented")
def geqrf(self):
    """Factor matrices (…, m, n) as LAPACK does: R on and above the diagonal of `a`, and the reflections of which Q is the product below it."""
    check_kinds("geqrf_cpu", self, "fc")
    check_floating("geqrf", self)
    k = min(self.shape[-2:])
    if not k:
        return self.copy(), np.zeros((*self.shape[:-2], k), self.dtype)
    factor = routine("geqrf", self)
    return each_matrix(lambda a: factor(a)[:2], self, kinds=(self.dtype, self.dtype))


def _of_reflections(grad, input, tau, inner, backwards):
    """The gradients of F_1 … F_k inner by `input`, `tau` and `inner`; F_i are the reflections, or `backwards` their adjoints in the other order."""
    k = tau.shape[-1]
    if not k:
        return input * 0, tau * 0, grad
    ones = tril(input[..., :, :k], -1) + np.eye(input.shape[-2], k, dtype=_kind(tau))
    order = range(k)[::-1] if backwards else range(k)
    vectors = {i: unsqueeze(select(ones, -1, i), -1) for i in order}  # (…, m, 1)
    factors = {i: unsqueeze(unsqueeze(select(tau, -1, i), -1), -1) for i in order}
    if backwards:
        factors = {i: t.conj() for i, t in factors.items()}
    rights = {}  # what reflection i is applied to
    for i in reversed(order):
        rights[i] = inner
        inner = inner - factors[i] * (vectors[i] @ (adjoint_of(vectors[i]) @ inner))
    of_vectors, of_factors = [None] * k, [None] * k
    for i in order:
        v, t = vectors[i], factors[i]
        right, left = adjoint_of(rights[i]) @ v, adjoint_of(grad) @ v
        forth, back = grad @ right, rights[i] @ left  # M v and M' v, with M = grad right'
        of_vectors[i] = -(t.conj() * forth + t * back)
        of_factors[i] = -(adjoint_of(v) @ forth)
        grad = grad - t.conj() * (v @ (adjoint_of(v) @ grad))
    of_tau = cat(of_factors, -1)[..., 0, :]
    if input.shape[-1] > k:
        of_vectors.append(input[..., :, k:] * 0)
    return tril(cat(of_vectors, -1), -1), of_tau.conj() if backwards else of_tau, grad


def _of_product(grad, input, tau):
    identity = grad * 0 + np.eye(*input.shape[-2:], dtype=_kind(grad))
    return _of_reflections(grad, input, tau, identity, False)[:2]


def _kind(x):
    return getattr(x, "_array", x).dtype


def _check_reflections(name, input, tau):
    if input.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if input.shape[-2] < input.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if input.shape[-1] < tau.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if input.ndim - tau.ndim != 1:
        raise RuntimeError(f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and input.ndim is equal "
                           f"to {input.ndim}")  # fmt: skip
    if input.shape[:-2] != tau.shape[:-1]:
        raise RuntimeError(f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(tau.shape[:-1])}")
    if input.dtype != tau.dtype:
        raise RuntimeError(f"{name}: tau dtype {dtypes.of_array(tau.dtype).tensor_name} does not match input dtype "
                           f"{dtypes.of_array(input.dtype).tensor_name}")  # fmt: skip


@primitive(
    "linalg.householder_product", vjp={("input", "tau"): _of_product}, analytic=False, namespace=LINALG, method="orgqr",
    aliases=("orgqr",), tensors=("input", "tau"),
    node="LinalgHouseholderProductBackward0",
)  # fmt: skip
def householder_product(input, tau):
    """Multiply reflections: the first n columns of H_1 … H_k, for vectors in the columns of `input` (…, m, n) and their factors `tau` (…, k)."""
    _check_reflections("torch.linalg.householder_product", input, tau)
    check_floating("torch.linalg.householder_product", input)
    if not input.size:
        return input.copy()
    multiply = routine("ungqr" if input.dtype.kind == "c" else "orgqr", input)
    return each_matrix(lambda a, t: multiply(a, t)[:1], input, tau, cores=(2, 1), kinds=(input.dtype,))[0]


def _of_ormqr(grad, self, input2, input3, left, transpose):
    if left:
        return _of_reflections(grad, self, input2, input3, transpose)
    # C Q is the adjoint of Q' C'
    of_self, of_tau, of_inner = _of_reflections(adjoint_of(grad), self, input2, adjoint_of(input3), not transpose)
    return of_self, of_tau, adjoint_of(of_inner)


@primitive(
    vjp={("self", "input2", "input3"): _of_ormqr}, analytic=False, tensors=("self", "input2", "input3"), node="OrmqrBackward0",
)  # fmt: skip
def ormqr(self, input2, input3, left=True, transpose=False):
    """Multiply `input3` (…, m, n) by the Q whose reflections are the columns of `self` with the factors `input2`, or by its adjoint."""
    for what, x, least in (("input", self, 2), ("other", input3, 2)):
        if x.ndim < least:
            raise RuntimeError(f"torch.ormqr: {what} must have at least {least} dimensions.")
    side = -2 if left else -1
    if input3.shape[side] < input2.shape[-1]:
        raise RuntimeError(f"torch.ormqr: other.shape[{side}] must be greater than or equal to tau.shape[-1]")
    if input2.shape[-1] != min(input3.shape[side], self.shape[-1]):
        raise RuntimeError(f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])")
    if input3.shape[side] != self.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    if self.ndim - input2.ndim != 1:
        raise RuntimeError(f"torch.ormqr: Expected tau to have one dimension less than input, but got tau.ndim equal to {input2.ndim} and input.ndim is "
                           f"equal to {self.ndim}")  # fmt: skip
    if self.ndim != input3.ndim:
        raise RuntimeError(f"torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to {input3.ndim} and "
                           f"input.ndim is equal to {self.ndim}")  # fmt: skip
    if self.shape[:-2] != input2.shape[:-1]:
        raise RuntimeError(f"torch.ormqr: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(input2.shape[:-1])}")
    if self.shape[:-2] != input3.shape[:-2]:
        raise RuntimeError(f"torch.ormqr: Expected batch dimensions of other to be equal to input.shape[:-2], but got {list(input3.shape[:-2])}")
    for what, x in (("tau", input2), ("other", input3)):
        if x.dtype != self.dtype:
            raise RuntimeError(f"torch.ormqr: Expected input and {what} to have the same dtype, but input has dtype "
                               f"{dtypes.of_array(self.dtype).tensor_name} and {what} has dtype {dtypes.of_array(x.dtype).tensor_name}")  # fmt: skip
    check_floating("torch.ormqr", self)
    if not input3.size or not input2.size:
        return input3.copy()
    whole = self.dtype.kind == "c"
    multiply = routine("unmqr" if whole else "ormqr", self)
    sides, way = "L" if left else "R", ("C" if whole else "T") if transpose else "N"

    def product(a, tau, c):
        room = int(multiply(sides, way, a, tau, c, lwork=-1)[1][0].real)
        return multiply(sides, way, a, tau, c, lwork=room)[:1]

    return each_matrix(product, self, input2, input3, cores=(2, 1, 2), kinds=(self.dtype,))[0]
