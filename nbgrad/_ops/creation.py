"""Tensors from nothing or from plain data: `tensor`, `zeros`, `arange` and their like.

These are no operators: what they make is a leaf. `_given` and `_made` hold what they all share: types, devices, `requires_grad`, `out`.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from .._engine import dtypes, errors
from .._engine.dtypes import CPU, strided
from .._engine.modes import place_of_user, state
from .._engine.op import NUMBERS, into, plain
from .._engine.tensor import Tensor, wrap


def numpy_type(dtype, default=None):
    """The NumPy type behind a `dtype=` argument; the default float type where it is None and nothing else is given."""
    if dtype is None:
        return default if default is not None else dtypes.get_default_dtype().numpy
    return dtypes.as_dtype(dtype).numpy


def check_options(device=None, layout=strided, pin_memory=False, memory_format=None):
    """Raise for what a tensor cannot be here: on a GPU, sparse, pinned."""
    if device is not None and device is not CPU:
        dtypes.device(device)
    if layout is not None and layout is not strided:
        raise errors.unsupported(f"the layout {layout}", "tensors are strided")
    if pin_memory:
        raise RuntimeError("Cannot access accelerator device when none is available.")


def _made(array, requires_grad=False, out=None):
    tensor = wrap(array)
    if out is not None:
        return into(out, tensor)
    if requires_grad:
        if array.dtype.kind not in "fc":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        tensor.requires_grad_(True)
    observer = state.mode.observer
    if observer is not None:
        observer.made(tensor, place_of_user())
    return tensor


def sizes_of(name, size):
    """Sizes given one by one or as one sequence, as a tuple of ints."""
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
        first = 0
    else:
        first = 1
    out = []
    for i, n in enumerate(size):
        try:
            out.append(operator.index(n))
        except TypeError:
            if first and len(size) == 1:
                message = f"{name}(): argument 'size' (position 1) must be tuple of ints, not {type(n).__name__}"
            else:
                message = f"{name}(): argument 'size' failed to unpack the object at pos {i + 1} with error \"type must be tuple of ints,but got {type(n).__name__}\""
            raise TypeError(message) from None
        if out[-1] < 0:
            raise RuntimeError(f"{name}: Dimension size must be non-negative.")
    return tuple(out)


def _sizes_given(name, size, keyword):
    if keyword is not None:
        return sizes_of(name, (tuple(keyword),))
    if not size:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    return sizes_of(name, size)


# ---- from data


@plain()
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """Make a tensor by copying `data`: a number, nested sequences of numbers, a NumPy array or another tensor.

    Without `dtype` Python floats become the default type, ints int64; arrays and NumPy numbers keep theirs.
    """
    check_options(device, pin_memory=pin_memory)
    return _made(_copied(data, None if dtype is None else numpy_type(dtype), "torch.tensor"), requires_grad)


def _copied(data, kind, caller):
    if isinstance(data, Tensor):
        import warnings

        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            f"sourceTensor.detach().clone().requires_grad_(True), rather than {caller}(sourceTensor).",
            UserWarning,
            stacklevel=3,
        )
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
        import warnings

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
    return wrap(array_from(data, None if dtype is None else numpy_type(dtype)))


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
    return _made(array_from(obj, None if dtype is None else numpy_type(dtype)), bool(requires_grad))


@plain()
def from_numpy(array):
    """Make a tensor on the memory of a NumPy array: a change of one is a change of the other."""
    if not isinstance(array, np.ndarray):
        kind = type(array)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise TypeError(f"expected np.ndarray (got {name})")
    _check_array(array)
    return wrap(array.view(np.ndarray))


@plain()
def scalar_tensor(s, *, dtype=None, layout=strided, device=None, requires_grad=False, pin_memory=False):
    """Make a 0-dim tensor of the default type, or of `dtype`, from a number."""
    check_options(device, layout, pin_memory)
    return _made(_filled((), s, numpy_type(dtype)), requires_grad)


# ---- of given sizes


def _filled(size, value, kind):
    if isinstance(value, Tensor):
        value = value.item()
    if kind.kind != "c" and isinstance(value, complex):
        raise RuntimeError(f"value cannot be converted to type {_C_NAMES.get(kind.name, kind.name)} without overflow")
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        if value != value or not (limits.min if kind.kind == "i" else -limits.max) <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {_C_NAMES.get(kind.name, kind.name)} without overflow")
        value = int(value) if kind.kind == "i" else int(value) % (limits.max + 1)
    with np.errstate(over="ignore"):
        return np.full(size, value, kind)


_C_NAMES = {"float32": "float", "float64": "double", "int64": "int64_t", "int32": "int", "int16": "int16_t", "int8": "int8_t", "uint8": "uint8_t"}


def _of_sizes(name, make, doc):
    def create(*sizes, size=None, out=None, dtype=None, layout=strided, device=None, pin_memory=False, requires_grad=False, memory_format=None):
        check_options(device, layout, pin_memory)
        kind = numpy_type(dtype, None if out is None else out._array.dtype)
        return _made(make(_sizes_given(name, sizes, size), kind), requires_grad, out)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    return plain()(create)


def _like(name, make, doc):
    def create(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False):
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        check_options(device, layout, pin_memory)
        return _made(like(input._array, make, numpy_type(dtype, input._array.dtype)), requires_grad)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    return plain()(create)


def like(array, make, kind):
    """A new array made by `make(sizes, kind)` with the sizes and the order in memory of another."""
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    if order == list(range(array.ndim)) or 0 in array.strides:
        return make(array.shape, kind)
    made = make(tuple(array.shape[i] for i in order), kind)
    return made.transpose(np.argsort(order))


def _new(name, make, doc):
    def create(self, *sizes, size=None, dtype=None, device=None, requires_grad=False, layout=strided, pin_memory=False):
        check_options(device, layout, pin_memory)
        return _made(make(_sizes_given(name, sizes, size), numpy_type(dtype, self._array.dtype)), requires_grad)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    setattr(Tensor, name, create)


for _make, _what, _of in ((np.zeros, "zeros", "zeros"), (np.ones, "ones", "ones"), (np.zeros, "empty", "zeros (PyTorch leaves the memory as it is)")):
    _of_sizes(_what, _make, f"Make a tensor of {_of}, of the given sizes.")
    _like(f"{_what}_like", _make, f"Make a tensor of {_of}, with the sizes and type of `input`.")
    _new(f"new_{_what}", _make, f"Make a tensor of {_of}, of the given sizes and of this tensor's type.")


@plain()
def full(size, fill_value, *, out=None, dtype=None, layout=strided, device=None, requires_grad=False, pin_memory=False):
    """Make a tensor of the given sizes filled with one number; its type is that of the number unless `dtype` says otherwise."""
    check_options(device, layout, pin_memory)
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    fill_value = _number(fill_value, "full")
    if dtype is None and out is None:
        default = dtypes.default_numpy(dtypes._PYTHON_CATEGORY[type(fill_value)])
    else:
        default = None if out is None else out._array.dtype
    return _made(_filled(sizes_of("full", (size,)), fill_value, numpy_type(dtype, default)), requires_grad, out)


def _number(value, name):
    if isinstance(value, Tensor) and (value._requires_grad or value._array.ndim):
        raise TypeError(f"{name}(): argument 'fill_value' (position 2) must be Number, not Tensor")
    if isinstance(value, (Tensor, np.generic)):
        value = value.item()
    if not isinstance(value, NUMBERS):
        raise TypeError(f"{name}(): argument 'fill_value' (position 2) must be Number, not {type(value).__name__}")
    return value


@plain()
def full_like(input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False):
    """Make a tensor filled with one number, with the sizes and type of `input`."""
    check_options(device, layout, pin_memory)
    value = _number(fill_value, "full_like")
    return _made(like(input._array, lambda size, kind: _filled(size, value, kind), numpy_type(dtype, input._array.dtype)), requires_grad)


def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=strided, pin_memory=False):
    """Make a tensor of the given sizes filled with one number, of this tensor's type."""
    check_options(device, layout, pin_memory)
    return _made(_filled(sizes_of("new_full", (size,)), _number(fill_value, "new_full"), numpy_type(dtype, self._array.dtype)), requires_grad)


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=strided, pin_memory=False):
    """Make a tensor by copying `data`, of this tensor's type."""
    check_options(device, layout, pin_memory)
    return _made(_copied(data, numpy_type(dtype, self._array.dtype), "tensor.new_tensor"), requires_grad)


def new(self, *args):
    """Make a tensor of this tensor's type, from sizes or from data."""
    if len(args) == 1 and not isinstance(args[0], int):
        return wrap(_copied(args[0], self._array.dtype, "tensor.new"))
    return wrap(np.zeros(args or (0,), self._array.dtype))


Tensor.new_full, Tensor.new_tensor, Tensor.new = new_full, new_tensor, new


# ---- patterns


def _whole(name, what, value):
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}(): argument '{what}' (position 1) must be int, not {type(value).__name__}") from None


@plain()
def eye(n, m=None, *, out=None, dtype=None, layout=strided, device=None, requires_grad=False, pin_memory=False):
    """Make an (n, m) matrix with ones on the diagonal and zeros elsewhere; m is n unless given."""
    check_options(device, layout, pin_memory)
    n = _whole("eye", "n", n)
    m = n if m is None else _whole("eye", "m", m)
    for name, value in (("n", n), ("m", m)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {value}")
    return _made(np.eye(n, m, dtype=numpy_type(dtype, None if out is None else out._array.dtype)), requires_grad, out)


def _plain_number(value):
    return value.item() if isinstance(value, (Tensor, np.generic)) else value


@plain()
def arange(*args, start=None, end=None, step=None, out=None, dtype=None, layout=strided, device=None, requires_grad=False, pin_memory=False):
    """Make the numbers from `start` (0) up to, and without, `end`, by steps of `step` (1): ints if all three are, else the default float."""
    check_options(device, layout, pin_memory)
    given = [_plain_number(a) for a in args]
    if len(given) == 1 and end is None:
        given = [0 if start is None else start, *given]
    names = dict(zip(("start", "end", "step"), given))
    if len(given) > 3:
        raise TypeError(f"arange() takes at most 3 positional arguments ({len(args)} given)")
    start = names.get("start", 0 if start is None else _plain_number(start))
    end = names.get("end", _plain_number(end))
    step = names.get("step", 1 if step is None else _plain_number(step))
    for value in (start, end, step):
        if not isinstance(value, (int, float)):
            raise TypeError(f"arange() received an invalid combination of arguments: numbers are expected, not {type(value).__name__}")
    if dtype is None and out is None:
        kind = np.dtype(np.int64) if all(isinstance(v, int) for v in (start, end, step)) else dtypes.get_default_dtype().numpy
    else:
        kind = numpy_type(dtype, None if out is None else out._array.dtype)
    if kind.kind in "bc":
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{dtypes.of_array(kind).tensor_name}'")
    if kind.kind in "iu":
        if step and not int(step):
            raise ValueError("step must be nonzero")
        start, end, step = int(start), int(end), int(step)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if kind.kind in "iu":
        array = np.arange(start, end, step).astype(kind)
    else:
        array = (start + step * np.arange(math.ceil((end - start) / step))).astype(kind)
    return _made(array, requires_grad, out)


def _steps(name, start, end, steps):
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer, Tensor)):
        kinds = f"({type(start).__name__}, {type(end).__name__}{'' if steps is None else f', steps={type(steps).__name__}'})"
        raise TypeError(f"{name}() received an invalid combination of arguments - got {kinds}, but expected start, end and the int steps")
    steps = int(steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    for what, value in (("start", start), ("end", end)):
        if isinstance(value, Tensor) and value._array.ndim:
            raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got {what} with {value._array.ndim} dimension(s).")
    return _plain_number(start), _plain_number(end), steps


def _line(start, end, steps, kind):
    if steps == 0:
        return np.zeros(0, kind)
    if steps == 1:
        return np.array([start]).astype(kind)
    index = np.arange(steps)
    if kind.kind in "iu":
        start, end = int(start), int(end)
        step = (end - start) / (steps - 1)
        return np.where(index < steps // 2, start + step * index, end - step * (steps - 1 - index)).astype(kind)
    wide = np.dtype(np.complex128) if kind.kind == "c" else np.dtype(np.float64)
    first, last = (np.array(v).astype(kind).astype(wide) for v in (start, end))
    step = (last - first) / (steps - 1)
    # from both ends, so that the last element is exactly `end`
    return np.where(index < steps // 2, first + step * index, last - step * (steps - 1 - index)).astype(kind)


def _line_type(name, start, end, dtype, out):
    if dtype is None and out is None:
        default = dtypes.get_default_dtype()
        return (default.to_complex() if isinstance(start, complex) or isinstance(end, complex) else default).numpy
    kind = numpy_type(dtype, None if out is None else out._array.dtype)
    if kind.kind == "b":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    if kind.kind != "c" and (isinstance(start, complex) or isinstance(end, complex)):
        raise RuntimeError(f"torch.{name}(): inferred dtype ComplexFloat can't be safely cast to passed dtype {dtypes.of_array(kind).tensor_name}")
    return kind


@plain()
def linspace(start, end, steps=None, *, out=None, dtype=None, layout=strided, device=None, requires_grad=False, pin_memory=False):
    """Make `steps` numbers from `start` to `end`, both included, evenly spaced."""
    check_options(device, layout, pin_memory)
    start, end, steps = _steps("linspace", start, end, steps)
    return _made(_line(start, end, steps, _line_type("linspace", start, end, dtype, out)), requires_grad, out)


@plain()
def logspace(start, end, steps=None, base=10.0, *, out=None, dtype=None, layout=strided, device=None, requires_grad=False, pin_memory=False):
    """Make `steps` numbers from `base ** start` to `base ** end`, evenly spaced on a logarithmic scale."""
    check_options(device, layout, pin_memory)
    start, end, steps = _steps("logspace", start, end, steps)
    kind = _line_type("logspace", start, end, dtype, out)
    if kind.kind in "iu":
        exponents = _line(int(start), int(end), steps, np.dtype(np.float64))
    else:
        exponents = _line(start, end, steps, np.dtype(np.complex128) if kind.kind == "c" else np.dtype(np.float64))
    with np.errstate(all="ignore"):
        return _made(np.power(base, exponents).astype(kind), requires_grad, out)


def _indices(found, dtype):
    return wrap(np.stack(found).astype(numpy_type(dtype, np.dtype(np.int64))))


@plain()
def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=strided):
    """Make the (2, n) row and column numbers of the lower triangle of a (row, col) matrix."""
    check_options(device, layout)
    return _indices(np.tril_indices(row, offset, col), dtype)


@plain()
def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=strided):
    """Make the (2, n) row and column numbers of the upper triangle of a (row, col) matrix."""
    check_options(device, layout)
    return _indices(np.triu_indices(row, offset, col), dtype)
