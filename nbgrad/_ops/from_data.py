"""Tensors from numbers, sequences, arrays and other tensors: `tensor`, `as_tensor`, `from_numpy`, and PyTorch's inference of their type."""

from __future__ import annotations

import warnings

import numpy as np

from .._engine import dtypes
from .._engine.dtypes import strided
from .._engine.observe import tell_read
from .._engine.op import NUMBERS, plain
from .._engine.tensor import Tensor, wrap
from .creation import check_options, made, numpy_type


@plain()
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """Make a tensor by copying `data`: a number, nested sequences of numbers, a NumPy array or another tensor.

    Without `dtype` Python floats become the default type, ints int64; arrays and NumPy numbers keep theirs.
    """
    check_options(device, pin_memory=pin_memory)
    return made(_copied(data, None if dtype is None else numpy_type(dtype), "torch.tensor"), requires_grad)


def _copied(data, kind, caller):
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            f"sourceTensor.detach().clone().requires_grad_(True), rather than {caller}(sourceTensor).",
            UserWarning,
            stacklevel=3,
        )
        tell_read(data)
        return data._array.astype(kind or data._array.dtype, copy=True)
    if isinstance(data, np.ndarray):
        _check_array(data)
        return data.astype(kind or data.dtype, order="C", copy=True)
    return array_from(data, kind)


def _check_array(array):
    dtypes_held = ", ".join(d.name for d in dtypes.ALL)
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported."
        )
    if array.dtype.kind not in "biufc" or array.dtype not in dtypes._BY_NUMPY:
        raise TypeError(f"can't convert np.ndarray of type {array.dtype.type.__module__}.{array.dtype.type.__name__}. "
                        f"The only supported types are: {dtypes_held}.")  # fmt: skip
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. "
            "(You can probably work around this by making a copy of your array  with array.copy().) "
        )


def array_from(data, kind=None):
    """A new array from numbers or nested sequences of them, of the type that PyTorch would infer unless `kind` is given."""
    shape = _shape_of(data)
    if kind is None:
        found = set()
        _collect_types(data, found)
        kind = _inferred(found)
    flat = []
    _flatten(data, shape, 0, flat)
    if kind.kind in "biuf" and any(type(v) is complex for v in flat):
        raise TypeError("must be real number, not complex")
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        lowest = limits.min if kind.kind == "i" else -limits.max
        for v in flat:
            if v != v or not lowest <= v <= limits.max:
                if type(v) is int and not -(2**63) <= v < 2**64:
                    raise ValueError("Overflow when unpacking long long")
                if type(v) is int and kind == np.int64:
                    raise ValueError("Overflow when unpacking long long")
                raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow")
        if kind.kind == "u":
            flat = [int(v) % (limits.max + 1) for v in flat]
        else:
            flat = [int(v) for v in flat]
    with np.errstate(over="ignore"):
        return np.array(flat, dtype=kind).reshape(shape)


def _is_sequence(data):
    return isinstance(data, (list, tuple, range)) or isinstance(data, np.ndarray) and data.ndim > 0


def _shape_of(data):
    shape = []
    while True:
        if isinstance(data, str):
            raise TypeError(f"new(): invalid data type '{type(data).__name__}'") if not shape else ValueError(f"too many dimensions '{type(data).__name__}'")
        if isinstance(data, np.ndarray):
            return (*shape, *data.shape)
        if isinstance(data, Tensor):
            if data._array.size != 1:
                raise ValueError("only one element tensors can be converted to Python scalars")
            return tuple(shape)
        if not _is_sequence(data):
            return tuple(shape)
        shape.append(len(data))
        if not len(data):
            return tuple(shape)
        data = data[0]


_NUMBER_TYPES = frozenset(NUMBERS)


def _collect_types(data, found):
    """Gather the types of all numbers: Python types, and NumPy types of arrays, NumPy numbers and tensors."""
    if isinstance(data, (Tensor, np.ndarray, np.generic)):
        if isinstance(data, np.ndarray):
            _check_array(data)
        found.add(data._array.dtype if isinstance(data, Tensor) else data.dtype)
    elif isinstance(data, range):
        found.add(int)
    elif isinstance(data, (list, tuple)):
        types = set(map(type, data))
        if types <= _NUMBER_TYPES:
            found |= types
        else:
            for element in data:
                _collect_types(element, found)
    elif isinstance(data, NUMBERS):
        found.add(bool if isinstance(data, bool) else int if isinstance(data, int) else float if isinstance(data, float) else complex)
    elif isinstance(data, str):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    else:
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")


def _inferred(found):
    if not found:
        return dtypes.get_default_dtype().numpy
    kinds = [f if isinstance(f, np.dtype) else dtypes.default_numpy(dtypes._PYTHON_CATEGORY[f]) for f in found]
    out = kinds[0]
    for k in kinds[1:]:
        out = dtypes.promote_numpy(out, k)
    return out


def _flatten(data, shape, depth, flat):
    if depth == len(shape):
        if isinstance(data, (Tensor, np.generic, np.ndarray)):
            if isinstance(data, Tensor):
                _warn_about_gradient(data)
                if data._array.size != 1:
                    raise ValueError("only one element tensors can be converted to Python scalars")
            flat.append(data.item())
        elif isinstance(data, NUMBERS):
            flat.append(data)
        elif isinstance(data, (list, tuple)):
            raise TypeError(f"'{type(data).__name__}' object cannot be interpreted as an integer")
        elif isinstance(data, str):
            raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
        else:
            raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
        return
    if not _is_sequence(data):
        raise TypeError("not a sequence")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    if depth == len(shape) - 1 and isinstance(data, (list, tuple, range)) and set(map(type, data)) <= _NUMBER_TYPES:
        flat.extend(data)
    elif isinstance(data, np.ndarray) and data.shape == shape[depth:]:
        flat.extend(data.ravel().tolist())
    else:
        for element in data:
            _flatten(element, shape, depth + 1, flat)


def _warn_about_gradient(data):
    if data._requires_grad:
        warnings.warn(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\nConsider using tensor.detach() first.",
            UserWarning,
            stacklevel=2,
        )


@plain()
def as_tensor(data, dtype=None, device=None):
    """Make a tensor of `data` without copying where that can be: a tensor itself, the memory of a NumPy array."""
    check_options(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        out = from_numpy(data)
        return out if dtype is None else out.to(dtype)
    return made(array_from(data, None if dtype is None else numpy_type(dtype)))


@plain()
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """Make a tensor of a tensor, an array or nested sequences; `copy=True` copies always, None only where needed, False never."""
    check_options(device)
    if isinstance(obj, (Tensor, np.ndarray)):
        present = obj._array.dtype if isinstance(obj, Tensor) else obj.dtype
        if copy is False and dtype is not None and numpy_type(dtype) != present:
            raise ValueError("can't alias tensor of another dtype")
        out = as_tensor(obj, dtype)
        if copy and (isinstance(obj, Tensor) and out is obj or np.shares_memory(out._array, obj if isinstance(obj, np.ndarray) else obj._array)):
            out = out.clone()
        if requires_grad is None:
            return out
        if not requires_grad:
            return out.detach() if out._requires_grad else out
        return out if out._requires_grad else out.requires_grad_(True)
    if copy is False:
        raise ValueError("can't alias arbitrary sequences into a tensor.")
    return made(array_from(obj, None if dtype is None else numpy_type(dtype)), bool(requires_grad))


@plain()
def from_numpy(array):
    """Make a tensor on the memory of a NumPy array: a change of one is a change of the other."""
    if not isinstance(array, np.ndarray):
        kind = type(array)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise TypeError(f"expected np.ndarray (got {name})")
    _check_array(array)
    return made(array.view(np.ndarray))


@plain()
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """Make a tensor on the memory of a Python buffer: `count` elements (all for -1) from byte `offset` on.

    Raises `ValueError` where they do not fit. A tensor on memory that is read-only is read-only itself.
    """
    kind = numpy_type(dtype)
    try:
        length = memoryview(buffer).nbytes
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1")
    if count > 0 and offset + count * kind.itemsize > length:
        raise ValueError(f"requested buffer length ({count} * {kind.itemsize} bytes) after offset ({offset} bytes) must not be greater than actual "
                         f"buffer length ({length} bytes)")  # fmt: skip
    if count < 0 and (length - offset) % kind.itemsize:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size ({kind.itemsize})"
        )
    return made(np.frombuffer(buffer, kind, count, offset), requires_grad)


@plain()
def from_dlpack(ext_tensor, *, device=None, copy=None):
    """Make a tensor on the memory of anything that exports DLPack: an array, another library's tensor, or a capsule. `copy=True` copies it."""
    check_options(device)
    if isinstance(ext_tensor, Tensor):
        ext_tensor.__dlpack__()  # raises as any other exchange would
        array = ext_tensor._array
    else:
        array = np.from_dlpack(ext_tensor if hasattr(ext_tensor, "__dlpack__") else _Capsule(ext_tensor))
    return made(np.array(array, order="K") if copy else array)


class _Capsule:
    """What exports a capsule that somebody else has made."""

    def __init__(self, capsule):
        if type(capsule).__name__ != "PyCapsule":
            raise RuntimeError(
                "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might have already "
                "constructed a tensor from it once."
            )
        self._capsule = capsule

    def __dlpack__(self, **options):
        return self._capsule

    def __dlpack_device__(self):
        return (1, 0)


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=strided, pin_memory=False):
    """Make a tensor by copying `data`, of this tensor's type."""
    check_options(device, layout, pin_memory)
    return made(_copied(data, numpy_type(dtype, self._array.dtype), "tensor.new_tensor"), requires_grad)


def new(self, *args):
    """Make a tensor of this tensor's type, from sizes or from data."""
    if len(args) == 1 and not isinstance(args[0], int):
        return wrap(_copied(args[0], self._array.dtype, "tensor.new"))
    return wrap(np.zeros(args or (0,), self._array.dtype))


Tensor.new_tensor, Tensor.new = new_tensor, new
