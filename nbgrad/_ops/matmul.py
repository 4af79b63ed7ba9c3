"""Products of vectors and matrices. `matmul` is composed as PyTorch composes it, so that its node names are PyTorch's."""

from __future__ import annotations

import numpy as np

from .._engine import dtypes
from .._engine.arguments import check_alike, check_kinds, require_tensor
from .._engine.batched import contiguous
from .._engine.op import LINEAR, MULTILINEAR, composite, primitive, python_operator
from .._engine.tensor import Tensor, dim_of, wrap
from .._engine.writing import writes_out
from .shape import _unsafe_view, broadcast_shape, t, transpose, unsqueeze

_C_TYPES = {"float32": "float", "float64": "double", "int64": "long int", "int32": "int", "int16": "short int", "int8": "signed char",
            "uint8": "unsigned char", "bool": "bool", "float16": "c10::Half", "complex64": "c10::complex<float>",
            "complex128": "c10::complex<double>"}  # fmt: skip


def _check_types(a, b):
    if a.dtype != b.dtype:
        names = (_C_TYPES.get(x.dtype.name, x.dtype.name) for x in (a, b))
        raise RuntimeError("expected m1 and m2 to have the same dtype, but got: {} != {}".format(*names))
    check_kinds("addmm_impl_cpu_", a, "fiuc")


def _name(a):
    return dtypes.of_array(a.dtype).tensor_name


@primitive(vjp={"self": lambda grad, mat2: mm(grad, t(mat2)), "mat2": lambda grad, self: mm(t(self), grad)}, tensors=("self", "mat2"), jvp=MULTILINEAR)
def mm(self, mat2):
    """Multiply two matrices: (n, m) by (m, p) gives (n, p)."""
    for name, a in (("self", self), ("mat2", mat2)):
        if a.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    if self.shape[1] != mat2.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({self.shape[0]}x{self.shape[1]} and {mat2.shape[0]}x{mat2.shape[1]})"
        )
    if self.dtype is not mat2.dtype:
        _check_types(self, mat2)
    return self.dot(mat2) if type(mat2) is np.ndarray else np.dot(self, mat2)


@primitive(
    vjp={"self": lambda grad, vec: unsqueeze(grad, 1) * vec, "vec": lambda grad, self: mv(t(self), grad)}, tensors=("self", "vec"), jvp=MULTILINEAR,
)  # fmt: skip
def mv(self, vec):
    """Multiply a matrix (n, m) by a vector (m): a vector (n)."""
    if self.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {self.ndim}, {vec.ndim}")
    if self.shape[1] != vec.shape[0]:
        raise RuntimeError(f"size mismatch, got input ({self.shape[0]}), mat ({self.shape[0]}x{self.shape[1]}), vec ({vec.shape[0]})")
    if self.dtype != vec.dtype:
        raise RuntimeError(f"addmv input tensors must have the same dtype, but got {_name(self)}, {_name(vec)}, and {_name(self)}")
    return self.dot(vec) if type(vec) is np.ndarray else np.dot(self, vec)


def _check_vectors(name, a, b):
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise RuntimeError(f"{name} : expected both vectors to have same dtype, but found {_name(a)} and {_name(b)}")
    if a.shape != b.shape:
        raise RuntimeError(f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the same number of elements, but "
                           f"got {a.size} and {b.size} elements respectively")  # fmt: skip


@primitive(vjp={"self": lambda grad, tensor: grad * tensor, "tensor": lambda grad, self: grad * self}, tensors=("self", "tensor"), jvp=MULTILINEAR)
def dot(self, tensor):
    """Add up the products of the elements of two vectors."""
    _check_vectors("dot", self, tensor)
    return np.dot(self, tensor)


@primitive(
    vjp={"self": lambda grad, other: grad.conj() * other, "other": lambda grad, self: grad * self}, analytic=False, tensors=("self", "other"),
)  # fmt: skip
def vdot(self, other):
    """Add up the products of the elements of two vectors, the first one conjugated."""
    _check_vectors("vdot", self, other)
    return np.vdot(self, other).astype(self.dtype)


@primitive(
    vjp={"self": lambda grad, mat2: bmm(grad, transpose(mat2, 1, 2)), "mat2": lambda grad, self: bmm(transpose(self, 1, 2), grad)},
    tensors=("self", "mat2"), jvp=MULTILINEAR,
)  # fmt: skip
def bmm(self, mat2):
    """Multiply matrices in batches: (b, n, m) by (b, m, p) gives (b, n, p)."""
    if self.ndim != 3 or mat2.ndim != 3:
        raise RuntimeError(f"batch{1 if self.ndim != 3 else 2} must be a 3D tensor")
    if self.shape[0] != mat2.shape[0] or self.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{self.shape[0]}, {self.shape[2]}] but got: "
            f"[{mat2.shape[0]}, {mat2.shape[1]}]."
        )
    check_kinds("bmm", self, "fiuc")
    if self.dtype != mat2.dtype:
        raise RuntimeError(f"expected scalar type {_name(self)} but found {_name(mat2)}")
    return np.matmul(self, mat2)


@primitive("_squeezed", vjp={"self": lambda grad, self_shape: grad.reshape(self_shape)}, method=False, namespace=(), node="SqueezeBackward4", jvp=LINEAR)
def _squeezed(self, size):
    """Drop or add dimensions of size 1, of memory that nobody else holds."""
    return self.reshape(size)


def _folds(large, small):
    """Whether the batches of the larger array become rows of one matrix."""
    return small._array.ndim == 1 or small._requires_grad or large.size > 0 and large.flags.c_contiguous


@composite()
def matmul(self, other):
    """Multiply vectors, matrices or batches of matrices: a 1-dim operand is a row on the left and a column on the right; batches broadcast."""
    if not isinstance(other, Tensor) or not isinstance(self, Tensor):
        position, bad = ("1", self) if not isinstance(self, Tensor) else ("2", other)
        raise TypeError(f"matmul(): argument '{'input' if position == '1' else 'other'}' (position {position}) must be Tensor, not {type(bad).__name__}")
    n, m = self._array.ndim, other._array.ndim
    if n == 2 and m == 2:
        return mm.function(self, other)
    if n == 0 or m == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D")
    if n == 1 and m == 1:
        return dot.function(self, other)
    if n == 2 and m == 1:
        return mv.function(self, other)
    if n == 1 and m == 2:
        return _squeezed(mm.function(self.unsqueeze(0), other), other._array.shape[1:])
    if m <= 2 and _folds(self._array, other):
        shape = self._array.shape
        rows = self.reshape((-1, shape[-1])) if self._array.size else self.reshape((_product(shape[:-1]), shape[-1]))
        if m == 1:
            return _unsafe_view(mv.function(rows, other), shape[:-1])
        return _unsafe_view(mm.function(rows, other), (*shape[:-1], other._array.shape[1]))
    if n <= 2 and _folds(other._array.swapaxes(-2, -1), self):
        turned = other.mT
        shape = turned._array.shape
        rows = turned.reshape((_product(shape[:-1]), shape[-1]))
        if n == 1:
            return _unsafe_view(mv.function(rows, self), shape[:-1])
        out = _unsafe_view(mm.function(rows, self.t()), (*shape[:-1], self._array.shape[0]))
        return out.mT.contiguous()
    return _batched(self, other)


def _product(sizes):
    out = 1
    for n in sizes:
        out *= n
    return out


def _batched(self, other):
    a = self.unsqueeze(0) if self._array.ndim == 1 else self
    b = other.unsqueeze(1) if other._array.ndim == 1 else other
    ours, theirs = a._array.shape, b._array.shape
    batch = broadcast_shape([ours[:-2], theirs[:-2]])
    count = _product(batch)
    left = a.expand((*batch, *ours[-2:])).reshape((count, *ours[-2:]))
    right = b.expand((*batch, *theirs[-2:])).reshape((count, *theirs[-2:]))
    out = bmm.function(left, right)
    shape = (*batch, ours[-2], theirs[-1])
    if self._array.ndim == 1:
        shape = (*batch, theirs[-1])
    elif other._array.ndim == 1:
        shape = (*batch, ours[-2])
    return _unsafe_view(out, shape)


def _matmul_operator(self, other):
    """`@`, which also takes arrays, as tensors of the common type."""
    if isinstance(self, np.ndarray) or isinstance(other, np.ndarray):
        self, other = (wrap(t) if isinstance(t, np.ndarray) else t for t in (self, other))
        common = dtypes.promote_types(self.dtype, other.dtype)
        self, other = self.to(common), other.to(common)
    return matmul(self, other)


Tensor.__matmul__ = python_operator(_matmul_operator, False)
Tensor.__rmatmul__ = python_operator(_matmul_operator, True)
composite("linalg.matmul", method=False, namespace=("linalg",))(lambda input, other: matmul(input, other)).__doc__ = matmul.__doc__


# ---- products added to something


def scaled(x, factor):
    """`x * factor`, sparing the multiplication by 1."""
    return x if factor == 1 else x * factor


def _combined(self, product, beta, alpha):
    """`beta * self + alpha * product`; with `beta` 0 what `self` holds does not matter, not even nan."""
    if product.dtype.kind in "biu":
        alpha, beta = int(alpha), int(beta)
    out = scaled(product, product.dtype.type(alpha)) if alpha != 1 else product
    if beta == 0:
        return np.broadcast_to(out, product.shape).copy()
    added = scaled(self, product.dtype.type(beta)) if beta != 1 else self
    return out + added


def _check_added(self, product_shape, kind):
    if self.dtype != kind:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {_name(self)} and {dtypes.of_array(kind).tensor_name}")
    if self.ndim > len(product_shape) or any(n not in (1, m) for n, m in zip(self.shape[::-1], product_shape[::-1])):
        lead = len(product_shape) - self.ndim
        if lead < 0:
            raise RuntimeError(f"expand(torch.{_name(self)}Tensor{{{list(self.shape)}}}, size={list(product_shape)}): the number of sizes provided "
                               f"({len(product_shape)}) must be greater or equal to the number of dimensions in the tensor ({self.ndim})")  # fmt: skip
        i = next(i for i, n in enumerate(self.shape) if n not in (1, product_shape[lead + i]))
        raise RuntimeError(
            f"The expanded size of the tensor ({product_shape[lead + i]}) must match the existing size ({self.shape[i]}) at non-singleton "
            f"dimension {lead + i}.  Target sizes: {list(product_shape)}.  Tensor sizes: {list(self.shape)}"
        )


@primitive(
    vjp={
        "self": lambda grad, beta: scaled(grad, beta),
        "mat1": lambda grad, mat2, alpha: scaled(mm(grad, t(mat2)), alpha),
        "mat2": lambda grad, mat1, alpha: scaled(mm(t(mat1), grad), alpha),
    },
    tensors=("self", "mat1", "mat2"), in_place=True,
)  # fmt: skip
def addmm(self, mat1, mat2, *, beta=1, alpha=1):
    """Compute `beta * self + alpha * (mat1 @ mat2)` for matrices; `self` is broadcast."""
    for name, a in (("mat1", mat1), ("mat2", mat2)):
        if a.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {a.ndim}-D tensor")
    product = mm.kernel(mat1, mat2)
    _check_added(self, product.shape, product.dtype)
    if product.dtype.kind in "iu" and (isinstance(alpha, float) or isinstance(beta, float)):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return _combined(self, product, beta, alpha)


@primitive(
    vjp={
        "self": lambda grad, beta: scaled(grad, beta),
        "mat": lambda grad, vec, alpha: scaled(unsqueeze(grad, 1) * vec, alpha),
        "vec": lambda grad, mat, alpha: scaled(mv(t(mat), grad), alpha),
    },
    tensors=("self", "mat", "vec"), in_place=True,
)  # fmt: skip
def addmv(self, mat, vec, *, beta=1, alpha=1):
    """Compute `beta * self + alpha * (mat @ vec)` for a matrix and a vector."""
    product = mv.kernel(mat, vec)
    _check_added(self, product.shape, product.dtype)
    return _combined(self, product, beta, alpha)


@primitive(
    vjp={
        "self": lambda grad, beta: scaled(grad, beta),
        "vec1": lambda grad, vec2, alpha: scaled(mv(grad, vec2), alpha),
        "vec2": lambda grad, vec1, alpha: scaled(mv(t(grad), vec1), alpha),
    },
    tensors=("self", "vec1", "vec2"), in_place=True,
)  # fmt: skip
def addr(self, vec1, vec2, *, beta=1, alpha=1):
    """Compute `beta * self + alpha * outer(vec1, vec2)`."""
    if vec1.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(f"addr: Expected 1-D argument vec{1 if vec1.ndim != 1 else 2}, but got {vec1.ndim if vec1.ndim != 1 else vec2.ndim}-D")
    product = np.outer(vec1, vec2)
    if self.dtype != product.dtype:
        kind = dtypes.promote_numpy(self.dtype, product.dtype)
        self, product = self.astype(kind), product.astype(kind)
    _check_added(self, product.shape, product.dtype)
    return _combined(self, product, beta, alpha)


@primitive(
    vjp={
        "self": lambda grad, beta: scaled(grad, beta),
        "batch1": lambda grad, batch2, alpha: scaled(bmm(grad, transpose(batch2, 1, 2)), alpha),
        "batch2": lambda grad, batch1, alpha: scaled(bmm(transpose(batch1, 1, 2), grad), alpha),
    },
    tensors=("self", "batch1", "batch2"), in_place=True,
)  # fmt: skip
def baddbmm(self, batch1, batch2, *, beta=1, alpha=1):
    """Compute `beta * self + alpha * bmm(batch1, batch2)`."""
    product = bmm.kernel(batch1, batch2)
    _check_added(self, product.shape, product.dtype)
    return _combined(self, product, beta, alpha)


def _repeated(grad, count):
    return unsqueeze(grad, 0).repeat(count, 1, 1) if isinstance(grad, Tensor) else np.broadcast_to(grad, (count, *grad.shape))


@primitive(
    vjp={
        "self": lambda grad, beta: scaled(grad, beta),
        "batch1": lambda grad, batch2, alpha: scaled(bmm(_repeated(grad, batch2.shape[0]), transpose(batch2, 1, 2)), alpha),
        "batch2": lambda grad, batch1, alpha: scaled(bmm(transpose(batch1, 1, 2), _repeated(grad, batch1.shape[0])), alpha),
    },
    tensors=("self", "batch1", "batch2"), in_place=True,
)  # fmt: skip
def addbmm(self, batch1, batch2, *, beta=1, alpha=1):
    """Compute `beta * self + alpha *` the sum of the products of two batches of matrices."""
    product = np.add.reduce(bmm.kernel(batch1, batch2), 0, dtype=batch1.dtype)
    _check_added(self, product.shape, product.dtype)
    return _combined(self, product, beta, alpha)


# ---- composed


@composite()
def outer(self, vec2):
    """Multiply each element of a vector (n) by each of another (m): a matrix (n, m)."""
    for name, v in (("self", self), ("vec2", vec2)):
        if v._array.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {v._array.ndim}-D")
    return self.reshape((self._array.size, 1)) * vec2


@composite()
def ger(self, vec2):
    """Multiply each element of a vector (n) by each of another (m): a matrix (n, m)."""
    return outer(self, vec2)


@composite()
def inner(self, other):
    """Add up products over the last dimensions of both: (…, n) and (…, n) give the remaining sizes of both."""
    ours, theirs = self._array.shape, other._array.shape
    if not ours or not theirs:
        return self * other
    if ours[-1] != theirs[-1]:
        raise RuntimeError(f"inner() the last dimension must match on both input tensors but got shapes {list(ours)} and {list(theirs)}")
    return tensordot(self, other, ([-1], [-1]))


def _contracted(a, b, dims):
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(a.ndim - dims, a.ndim)), list(range(dims))
    if not isinstance(dims, (tuple, list)) or len(dims) != 2:
        raise RuntimeError(f"tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, but got dims={dims}")
    left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    return left, right


@composite(method=False)
@writes_out
def tensordot(a, b, dims=2):
    """Add up products over dimensions of both tensors: the last `dims` of `a` and the first `dims` of `b`, or two lists of dimensions."""
    from .shape import dims_of

    left, right = _contracted(a._array, b._array, dims)
    if len(left) != len(right):
        raise RuntimeError("both dimension lists should have same length")
    left, right = dims_of(left, a._array.ndim), dims_of(right, b._array.ndim)
    ours, theirs = a._array.shape, b._array.shape
    for i, j in zip(left, right):
        if ours[i] == 1 or theirs[j] == 1:  # broadcast: the other one is summed beforehand
            if ours[i] != 1:
                a, ours = a.sum(i, keepdim=True), (*ours[:i], 1, *ours[i + 1 :])
            elif theirs[j] != 1:
                b, theirs = b.sum(j, keepdim=True), (*theirs[:j], 1, *theirs[j + 1 :])
        elif ours[i] != theirs[j]:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {ours[i]} in dim {i} and second has size {theirs[j]} in dim {j}")
    kept_left = [d for d in range(len(ours)) if d not in left]
    kept_right = [d for d in range(len(theirs)) if d not in right]
    shape = (*(ours[d] for d in kept_left), *(theirs[d] for d in kept_right))
    first, second = a.permute((*kept_left, *left)), b.permute((*right, *kept_right))
    if len(ours) == 1 and len(theirs) == 1 and left:
        return dot.function(first, second).reshape(())
    n, k, m = _product(ours[d] for d in kept_left), _product(ours[d] for d in left), _product(theirs[d] for d in kept_right)
    return mm.function(first.reshape((n, k)), second.reshape((k, m))).reshape(shape)


@composite()
def kron(self, other):
    """Make the Kronecker product: each element of `self` times all of `other`, as blocks."""
    n = max(self._array.ndim, other._array.ndim)
    ours, theirs = ((1,) * (n - x._array.ndim) + x._array.shape for x in (self, other))
    first = self.reshape(tuple(k for m in ours for k in (m, 1)))
    second = other.reshape(tuple(k for m in theirs for k in (1, m)))
    return _unsafe_view(first * second, tuple(a * b for a, b in zip(ours, theirs)))


def _cheapest(sizes):
    """For matrices (sizes[i], sizes[i + 1]): where to split each chain so that the fewest multiplications are needed."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], split[i][j] = min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return split


@composite("linalg.multi_dot", method=False, namespace=("linalg",))
@writes_out
def multi_dot(tensors):
    """Multiply a chain of matrices in the cheapest order; the first and the last may be vectors."""
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first, last = tensors[0]._array.ndim == 1, tensors[-1]._array.ndim == 1
    for i, x in enumerate(tensors):
        if x._array.ndim != 2 and not (x._array.ndim == 1 and i in (0, len(tensors) - 1)):
            where = {0: "the first tensor must be 1D or 2D", len(tensors) - 1: "the last tensor must be 1D or 2D"}.get(i, f"tensor {i} must be 2D")
            raise RuntimeError(f"multi_dot(): {where} but got {x._array.ndim}D")
        if x._array.dtype != tensors[0]._array.dtype:
            raise RuntimeError(f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {tensors[0].dtype.tensor_name} and tensor {i} {x.dtype.tensor_name}")
    if first:
        tensors[0] = tensors[0].unsqueeze(0)
    if last:
        tensors[-1] = tensors[-1].unsqueeze(-1)
    sizes = [tensors[0]._array.shape[0], *(x._array.shape[1] for x in tensors)]
    for i in range(len(tensors) - 1):
        if tensors[i]._array.shape[1] != tensors[i + 1]._array.shape[0]:
            raise RuntimeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {list(tensors[i]._array.shape)} and "
                               f"{list(tensors[i + 1]._array.shape)} cannot be multiplied")  # fmt: skip
    split = _cheapest(sizes)
    out = _chained(tensors, split, 0, len(tensors) - 1)
    return out.view(() if first and last else (sizes[-1],) if first else (sizes[0],) if last else (sizes[0], sizes[-1]))


def _chained(tensors, split, i, j):
    """Multiply the tensors from `i` to `j`. No closure: one that calls itself would keep them in a cycle."""
    if i == j:
        return tensors[i]
    middle = split[i][j]
    return mm.function(_chained(tensors, split, i, middle), _chained(tensors, split, middle + 1, j))


@composite(method=False)
@writes_out
def chain_matmul(*matrices):
    """Multiply a chain of matrices in the cheapest order."""
    for matrix in matrices:
        if matrix._array.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {matrix._array.ndim}, expected 2 instead.")
    return multi_dot(matrices) if len(matrices) > 1 else matrices[0]


@composite("linalg.vecdot", method=False, namespace=("linalg",))
@writes_out
def vecdot(x, y, *, dim=-1):
    """Add up the products of the elements along a dimension."""
    require_tensor("linalg_vecdot", "y", 1, y)
    if x._array.dtype.kind not in "fc":
        raise RuntimeError(f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {x.dtype.tensor_name}")
    check_alike(x, y, says="linalg.vecdot: Expected x and y to have the same dtype, but found x of type {} and y of type {} instead")
    return (x.conj() * y).sum(dim) if x.is_complex() else (x * y).sum(dim)


def _cross_dim(shape):
    for i, n in enumerate(shape):
        if n == 3:
            return i
    raise RuntimeError("no dimension of size 3 in input")


@primitive(
    "linalg.cross", vjp={"self": lambda grad, other, dim: linalg_cross(other, grad, dim=dim), "other": lambda grad, self, dim: linalg_cross(grad, self, dim=dim)},
    promote="same", method=False, namespace=("linalg",), node="LinalgCrossBackward0", jvp=MULTILINEAR, kinds="fiuc", alike=("self", "other"), tensors=("self", "other"),
)  # fmt: skip
def linalg_cross(self, other, *, dim=-1):
    """Compute the cross product of 3-vectors along a dimension."""
    if self.ndim != other.ndim:
        raise RuntimeError(f"linalg.cross: inputs must have the same number of dimensions. got {self.ndim} and {other.ndim}")
    d = dim_of(dim, self.ndim)
    if self.shape[d] != 3 or other.shape[d] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {self.shape[d]} and {other.shape[d]}")
    a, b = np.moveaxis(self, d, 0), np.moveaxis(other, d, 0)
    out = np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], axis=0)
    return contiguous(np.moveaxis(out, 0, d))


@composite()
def cross(self, other, dim=None):
    """Compute the cross product of 3-vectors along a dimension: by default the first one of size 3."""
    if dim is None:
        dim = _cross_dim(broadcast_shape([self._array.shape, other._array.shape]))
    return linalg_cross.function(self, other, dim=dim)
