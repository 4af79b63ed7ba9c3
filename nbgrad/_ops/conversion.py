"""Copies and other types of the same numbers: `clone`, `to`, `detach`, `copy_` and their like."""

from __future__ import annotations

import numpy as np

from .._engine import dtypes, errors
from .._engine.arguments import must_be, require_tensor
from .._engine.batched import ARRAYS, as_array, zeros_for
from .._engine.modes import place_of_caller, state
from .._engine.op import ELEMENTWISE, LINEAR, NAMES, composite, primitive
from .._engine.tensor import Tensor, alias, follow_base
from .._engine.writing import check_unshared, same_memory
from .creation import check_options


def detach(self):
    """Give the same memory as a leaf without history; backward still notices changes made through it."""
    if not isinstance(self, Tensor):
        raise TypeError(f"detach(): argument 'input' (position 1) must be Tensor, not {self.__class__.__name__}")
    out = alias(self)
    observer = state.mode.observer
    if observer is not None:
        observer.op("detach", (self,), out, None, place_of_caller(1))
    return out


def detach_(self):
    """Cut this tensor off its history; returns it."""
    if state.mode.inference is not None:  # there, histories stay as they are
        return self
    if self._base is not None:
        raise RuntimeError("Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, "
                           "and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called "
                           "on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
                           "torch/optim/optimizer.py as the solution.")  # fmt: skip
    self._edge = None
    self._requires_grad = False
    self._accumulator = None
    follow_base(self)
    return self


Tensor.detach, Tensor.detach_ = detach, detach_
NAMES["detach"] = detach


@primitive(vjp={"self": lambda grad: grad}, jvp=ELEMENTWISE)
def clone(self, *, memory_format=None):
    """Copy a tensor; gradients flow through to the original."""
    return self.copy("C" if memory_format is dtypes.contiguous_format else "K")


def _cast(self, kind):
    if self.dtype.kind == "c" and kind.kind not in "cb":
        return self.real.astype(kind)
    return self.astype(kind)


@primitive("_to_copy", vjp={"self": lambda grad: grad}, node="ToCopyBackward0", method=False, namespace=(), jvp=ELEMENTWISE)
def to_copy(self, dtype=None):
    """Copy a tensor with its elements converted to `dtype`."""
    if dtype is None:
        return self.copy("K")
    return _cast(self, dtype.numpy)


@composite("to", namespace=())
def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
    """Convert to another type (and device: only the CPU); the tensor itself where nothing changes, unless `copy`.

    Takes a dtype, a device, both, or another tensor whose type is wanted.
    """
    args = list(args)
    if args and isinstance(args[0], Tensor):
        dtype = args.pop(0).dtype
    elif args and (args[0] is None or isinstance(args[0], (str, dtypes.device))):
        device = args.pop(0)
        if args and (args[0] is None or not isinstance(args[0], bool)):
            dtype = args.pop(0)
    elif args:
        dtype = args.pop(0)
    if len(args) > 2:
        raise TypeError("to() received an invalid combination of arguments")
    if args:
        non_blocking, copy = (*args, copy)[:2]
    if device is not None:
        check_options(device)
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
        if dtype.numpy == self._array.dtype:
            dtype = None
    if dtype is None and not copy:
        return self
    return to_copy.function(self, dtype)


def _converter(name, dtype):
    def convert(self, memory_format=None):
        if dtype.numpy == self._array.dtype:
            return self
        return to_copy.function(self, dtype)

    convert.__doc__ = f"Convert to {dtype.name}; the tensor itself if it is already of that type."
    convert.__name__ = name
    composite(name, namespace=())(convert)


for _name, _dtype in (
    ("float", dtypes.float32), ("double", dtypes.float64), ("half", dtypes.float16), ("long", dtypes.int64), ("int", dtypes.int32),
    ("short", dtypes.int16), ("char", dtypes.int8), ("byte", dtypes.uint8), ("bool", dtypes.bool_), ("cfloat", dtypes.complex64),
    ("cdouble", dtypes.complex128),
):  # fmt: skip
    _converter(_name, _dtype)


def bfloat16(self, memory_format=None):
    """Raise: NumPy has no bfloat16."""
    raise errors.unsupported("bfloat16", "use half() or float()")


def chalf(self, memory_format=None):
    """Raise: NumPy has no complex numbers of half precision."""
    raise errors.unsupported("complex numbers of half precision", "use cfloat()")


Tensor.bfloat16, Tensor.chalf = bfloat16, chalf


@composite("type", namespace=())
def type_(self, dtype=None, non_blocking=False):
    """Convert to `dtype`; without one, name the tensor's type as in "torch.FloatTensor"."""
    require_tensor("type", "self", 0, self)
    if dtype is None:
        return f"torch.{self.dtype.tensor_name}Tensor"
    if isinstance(dtype, str):
        named = {f"torch.{d.tensor_name}Tensor": d for d in dtypes.ALL}
        if dtype not in named:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = named[dtype]
    return self.to(dtype)


@composite(namespace=())
def type_as(self, other):
    """Convert to the type of `other`."""
    return self.to(other.dtype)


@composite(namespace=())
def cpu(self, memory_format=None):
    """Give the tensor itself: it is on the CPU."""
    require_tensor("cpu", "self", 0, self)
    return self


@composite(namespace=())
def contiguous(self, memory_format=dtypes.contiguous_format):
    """Give the tensor itself if its elements lie in memory row by row, else a copy that does."""
    return self if self._array.flags.c_contiguous else clone.function(self, memory_format=dtypes.contiguous_format)


def _cuda(self, device=None, non_blocking=False, memory_format=None):
    """Raise: there is no GPU."""
    check_options("cuda")


Tensor.cuda = _cuda


@primitive(
    "copy_", vjp={"self": lambda grad: _nothing(grad), "other": lambda grad: grad}, mutates=True, expanded=True, namespace=(),
    node="CopyBackwards", jvp=LINEAR,
)  # fmt: skip
def copy_(self, other, non_blocking=False):
    """Overwrite the elements with those of `other`, broadcast and converted; returns the tensor."""
    if other is None or isinstance(other, (list, tuple, str)):
        raise must_be("copy_", "other", 1, "Tensor", other)
    _check_source(self, other)
    if isinstance(other, np.ndarray) and isinstance(self, np.ndarray) and same_memory(self, other):
        return
    check_unshared(self)
    np.copyto(self, other.real if np.iscomplexobj(other) and self.dtype.kind not in "cb" else other, casting="unsafe")


def _check_source(self, other):
    if errors.broadcast([self.shape, np.shape(other)]) is not None:
        raise errors.broadcast([self.shape, np.shape(other)])
    if isinstance(other, ARRAYS) and other.shape != self.shape:
        common = np.broadcast_shapes(self.shape, other.shape)
        if common != self.shape:
            raise RuntimeError(f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(common)}")


@primitive("_nothing", method=False, namespace=())
def _nothing(self):
    """Zeros of the same shape and type: the gradient of what has been overwritten."""
    return np.zeros_like(self)


def _filled_value(self, value):
    if isinstance(value, ARRAYS):
        if value.ndim:
            raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
        return value.astype(self.dtype)
    return checked_number(self.dtype, value)


_C_NAMES = {"float32": "float", "float64": "double", "int64": "int64_t", "int32": "int", "int16": "int16_t", "int8": "int8_t", "uint8": "uint8_t"}


def checked_number(kind, value):
    """A Python number that elements of a type are to be set to; raises PyTorch's `RuntimeError` where it does not fit."""
    if not isinstance(value, (int, float, complex, np.number, np.bool_)):
        raise TypeError(f"argument 'value' must be Number, not {type(value).__name__}")
    if kind.kind not in "cb" and isinstance(value, complex):
        raise RuntimeError(f"value cannot be converted to type {_C_NAMES.get(kind.name, kind.name)} without overflow")
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        lowest = limits.min or (-limits.max if isinstance(value, (int, np.integer)) else 0)  # integers below 0 are counted down from the largest
        if value != value or not lowest <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {_C_NAMES.get(kind.name, kind.name)} without overflow")
        return int(value) % (limits.max + 1) if kind.kind == "u" else int(value)
    return bool(value) if kind.kind == "b" else value


def converted_value(kind, value):
    """A 0-dim array to which elements of a type are to be set, in that type; of a batch, whose numbers cannot be looked at, unchecked."""
    return as_array(checked_number(kind, value.item()), kind) if type(value) is np.ndarray else value.astype(kind)


def _fill_node(first):
    return lambda self, value: f"FillBackward{first + isinstance(value, Tensor)}"


def _fill_formulas():
    return {"self": lambda grad: _nothing(grad), "value": lambda grad: grad.sum()}


@primitive(vjp=_fill_formulas(), node=_fill_node(0), method=False, jvp=LINEAR)
def fill(self, value):
    """Make a tensor of the same shape and type with every element set to `value`."""
    value = _filled_value(self, value)
    out = zeros_for(self.shape, self.dtype, self, value)
    out[...] = value
    return out


@primitive("fill_", vjp=_fill_formulas(), node=_fill_node(2), mutates=True, expanded=True, namespace=("",), jvp=LINEAR)
def fill_(self, value):
    """Set every element to `value`, a number or a 0-dim tensor; returns the tensor."""
    self[...] = _filled_value(self, value)


@primitive("zero_", vjp={"self": lambda grad: _nothing(grad)}, mutates=True, expanded=True, namespace=("",), node="ZeroBackward0", jvp=LINEAR)
def zero_(self):
    """Set every element to zero; returns the tensor."""
    self[...] = 0
