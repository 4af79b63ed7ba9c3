"""Complex numbers and their parts. None of these is analytic, so each states its own gradient: dL/da + i dL/db for a number a + ib."""

from __future__ import annotations

import numpy as np

from .._engine import dtypes
from .._engine.arguments import require_tensor
from .._engine.batched import as_array, contiguous, zeros_for
from .._engine.observe import tell_read
from .._engine.op import facade, plain, primitive
from .._engine.tensor import Tensor, wrap
from .pointwise import sgn
from .selection import select
from .strided import strided_array

_REAL_OF = {np.dtype(np.complex64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.float64)}
_COMPLEX_OF = {real: whole for whole, real in _REAL_OF.items()}


def _is_complex(x):
    return (x._array if isinstance(x, Tensor) else x).dtype.kind == "c"


def _name(array):
    return dtypes.of_array(array.dtype).tensor_name


# ---- conjugates


@primitive("_conj", vjp={"self": lambda grad: grad.conj()}, analytic=False, method=False, namespace=(), node="ConjBackward0")
def _conj(self):
    """The complex conjugate, in memory of its own that may not be written: in PyTorch a change of it would be a change of `self`."""
    out = as_array(np.conj(self))
    out.flags.writeable = False
    return out


@primitive(vjp={"self": lambda grad: grad.conj()}, analytic=False, in_place=True)
def conj_physical(self):
    """Conjugate complex numbers, in new memory; real ones stay as they are."""
    return np.conj(self) if self.dtype.kind == "c" else self.copy()


@facade()
def conj(self):
    """Conjugate complex numbers; a real tensor is returned as it is. The result cannot be changed in place: clone() it first."""
    return _conj.function(self) if self._array.dtype.kind == "c" else self


@facade()
def resolve_conj(self):
    """The tensor with its conjugation carried out: in memory that can be written."""
    return self if self._array.flags.writeable or self._array.dtype.kind != "c" else self.clone()


@facade()
def resolve_neg(self):
    """The tensor with its negation carried out, which it always is."""
    require_tensor("resolve_neg", "self", 0, self)
    return self


@plain(method=True)
def is_conj(input):
    """Whether a conjugation has been put off: never, it is carried out at once."""
    return False


@plain(method=True)
def is_neg(input):
    """Whether a negation has been put off: never."""
    return False


# ---- complex numbers as pairs of real ones


@primitive(vjp={"self": lambda grad: _joined(grad)}, view=True, analytic=False, method=False)
def view_as_real(self):
    """View complex numbers as pairs of real ones, in a new last dimension of size 2."""
    if self.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    kind = _REAL_OF[self.dtype]
    return strided_array(self, (*self.shape, 2), (*self.strides, kind.itemsize), kind)


@primitive(vjp={"self": lambda grad: _parted(grad)}, view=True, analytic=False, method=False)
def view_as_complex(self):
    """View pairs of real numbers, in a last dimension of size 2 that lies in memory without gaps, as complex ones."""
    if self.dtype not in _COMPLEX_OF:
        raise RuntimeError(f"view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {_name(self)}")
    if not self.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if self.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if self.strides[-1] != self.itemsize and self.size:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    kind = _COMPLEX_OF[self.dtype]
    if self.size and any(s % kind.itemsize for s in self.strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    return strided_array(self, self.shape[:-1], self.strides[:-1], kind)


@primitive("_joined", vjp={"self": lambda grad: _parted(grad)}, analytic=False, method=False, namespace=(), node="ViewAsComplexBackward0")
def _joined(self):
    """Pairs of real numbers as complex ones, copied where need be."""
    return contiguous(self).view(_COMPLEX_OF[self.dtype])[..., 0]


@primitive("_parted", vjp={"self": lambda grad: _joined(grad)}, analytic=False, method=False, namespace=(), node="ViewAsRealBackward0")
def _parted(self):
    """Complex numbers as pairs of real ones, copied where need be."""
    return contiguous(self)[..., None].view(_REAL_OF[self.dtype])


@facade(method=False)
def real(self):
    """The real parts; a view. Of a real tensor, the tensor itself."""
    return select.function(view_as_real.function(self), -1, 0) if _is_complex(self) else self


@facade(method=False)
def imag(self):
    """The imaginary parts; a view. Raises `RuntimeError` for a real tensor."""
    if not _is_complex(self):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return select.function(view_as_real.function(self), -1, 1)


def _set_real(self, value):
    real(self).copy_(value)


def _set_imag(self, value):
    imag(self).copy_(value)


Tensor.real, Tensor.imag = property(real, _set_real), property(imag, _set_imag)


def _checked_pair(first, second, says):
    for one in (first, second):
        if one.dtype.kind != "f":
            raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {_name(first)} and {_name(second)}")
    if first.dtype != second.dtype:
        raise RuntimeError(f"Expected object of scalar type {_name(first)} but got scalar type {_name(second)} for {says}")


@primitive(
    vjp={"real": lambda grad: grad.real, "imag": lambda grad: grad.imag}, analytic=False, method=False, tensors=("real", "imag"),
)  # fmt: skip
def complex(real, imag):
    """Make complex numbers of their real and imaginary parts, of one real type."""
    _checked_pair(real, imag, "second argument")
    shape = np.broadcast_shapes(real.shape, imag.shape)
    out = zeros_for(shape, _COMPLEX_OF[real.dtype], real, imag)
    out.real, out.imag = real, imag
    return out


@primitive(
    vjp={
        "abs": lambda grad, result: (grad.conj() * sgn(result)).real,
        "angle": lambda grad, result: (grad.conj() * (result * 1j)).real,
    },
    analytic=False, method=False, tensors=("abs", "angle"),
)  # fmt: skip
def polar(abs, angle):
    """Make complex numbers of their absolute values and their angles in radians, of one real type."""
    _checked_pair(abs, angle, "second argument")
    out = zeros_for(np.broadcast_shapes(abs.shape, angle.shape), _COMPLEX_OF[abs.dtype], abs, angle)
    out.real, out.imag = abs * np.cos(angle), abs * np.sin(angle)
    return out


def _angle_gradient(grad, self):
    if not _is_complex(self):
        return grad * 0
    square = self.real * self.real + self.imag * self.imag
    safe = square + (square == 0)
    factor = (square != 0) / safe
    return (grad * factor) * (self * 1j)  # i z / |z|^2, and 0 at 0


@primitive(vjp={"self": lambda grad, self: _angle_gradient(grad, self)}, analytic=False, promote="float")
def angle(self):
    """The angles of complex numbers in radians, between -pi and pi; of real ones 0 or, where negative, pi. The gradient at 0 is 0."""
    if self.dtype.kind == "c":
        return np.angle(self)
    return np.where(np.isnan(self), self, np.where(self < 0, self.dtype.type(np.pi), self.dtype.type(0)))


@plain()
def isreal(input):
    """Whether each element's imaginary part is zero; of real tensors, all are."""
    tell_read(input)
    array = input._array
    return wrap(np.asarray(array.imag == 0 if array.dtype.kind == "c" else np.ones(array.shape, bool)))
