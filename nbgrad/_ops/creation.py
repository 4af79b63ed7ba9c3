"""Tensors from nothing: `zeros`, `full`, `arange` and their like, and questions about types. Those from data are in from_data.py.

These are no operators: what they make is a leaf. `made`, `numpy_type` and `check_options` hold what they share.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from .._engine import dtypes, errors
from .._engine.batched import batched_like
from .._engine.dtypes import CPU, strided
from .._engine.modes import place_of_user, state
from .._engine.op import NUMBERS, plain
from .._engine.tensor import Tensor, wrap
from .._engine.writing import into


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


def made(array, requires_grad=False, out=None):
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
        return made(make(_sizes_given(name, sizes, size), kind), requires_grad, out)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    return plain()(create)


def _like(name, make, doc):
    def create(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False):
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        check_options(device, layout, pin_memory)
        return made(beside(like(input._array, make, numpy_type(dtype, input._array.dtype)), input._array), requires_grad)

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


def beside(array, other):
    """An array made for a batch: one for each example, so that they can be written into."""
    return array if type(other) is np.ndarray else batched_like(array, other).copy()


def zeros_like(array, kind=None):
    """Zeros with the sizes and the order in memory of an array, for each example."""
    return beside(like(array, np.zeros, array.dtype if kind is None else kind), array)


def _new(name, make, doc):
    def create(self, *sizes, size=None, dtype=None, device=None, requires_grad=False, layout=strided, pin_memory=False):
        check_options(device, layout, pin_memory)
        return made(beside(make(_sizes_given(name, sizes, size), numpy_type(dtype, self._array.dtype)), self._array), requires_grad)

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
    return made(_filled(sizes_of("full", (size,)), fill_value, numpy_type(dtype, default)), requires_grad, out)


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
    filled = like(input._array, lambda size, kind: _filled(size, value, kind), numpy_type(dtype, input._array.dtype))
    return made(beside(filled, input._array), requires_grad)


def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=strided, pin_memory=False):
    """Make a tensor of the given sizes filled with one number, of this tensor's type."""
    check_options(device, layout, pin_memory)
    filled = _filled(sizes_of("new_full", (size,)), _number(fill_value, "new_full"), numpy_type(dtype, self._array.dtype))
    return made(beside(filled, self._array), requires_grad)


Tensor.new_full = new_full


@plain()
def scalar_tensor(s, *, dtype=None, layout=strided, device=None, requires_grad=False, pin_memory=False):
    """Make a 0-dim tensor of the default type, or of `dtype`, from a number."""
    check_options(device, layout, pin_memory)
    return made(_filled((), s, numpy_type(dtype)), requires_grad)


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
    return made(np.eye(n, m, dtype=numpy_type(dtype, None if out is None else out._array.dtype)), requires_grad, out)


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
    return made(array, requires_grad, out)


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
    return made(_line(start, end, steps, _line_type("linspace", start, end, dtype, out)), requires_grad, out)


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
        return made(np.power(base, exponents).astype(kind), requires_grad, out)


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
