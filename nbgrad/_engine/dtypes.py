"""Data types, devices, and which type a computation gives.

NumPy's promotion is not PyTorch's: in PyTorch a tensor with dimensions outweighs a 0-dim tensor of the same category, and both outweigh a
Python number. Result types are therefore computed here, from a cached table, and never left to NumPy. Knows nothing of tensors.
"""

from __future__ import annotations

import functools

import numpy as np

from .errors import unsupported

BOOL, INTEGER, FLOAT, COMPLEX = range(4)  # the categories, weakest first
_CATEGORY = {"b": BOOL, "u": INTEGER, "i": INTEGER, "f": FLOAT, "c": COMPLEX}


class dtype:  # noqa: N801  (torch's name)
    """A data type of tensors: `nbgrad.float32` and its like. There is one object for each, so compare by `is` or `==`."""

    __slots__ = ("name", "numpy", "category", "tensor_name")

    def __init__(self, name, tensor_name):
        self.name = name
        self.numpy = np.dtype(name)
        self.category = _CATEGORY[self.numpy.kind]
        self.tensor_name = tensor_name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return _named, (self.name,)

    def __deepcopy__(self, memo):
        return self

    is_floating_point = property(lambda self: self.category == FLOAT, doc="Whether this is a real floating point type.")
    is_complex = property(lambda self: self.category == COMPLEX, doc="Whether this is a complex type.")
    is_signed = property(lambda self: self.numpy.kind in "ifc", doc="Whether it holds negative numbers.")
    itemsize = property(lambda self: self.numpy.itemsize, doc="Bytes of one element.")

    def to_real(self):
        """The real type of a complex one's parts; itself for all others."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def to_complex(self):
        """The complex type whose parts are of this type."""
        return {"float32": complex64, "float64": complex128}.get(self.name, self)


def _named(name):
    return _BY_NAME[name]


float16 = half = dtype("float16", "Half")
float32 = dtype("float32", "Float")
float64 = double = dtype("float64", "Double")
complex64 = cfloat = dtype("complex64", "ComplexFloat")
complex128 = cdouble = dtype("complex128", "ComplexDouble")
uint8 = dtype("uint8", "Byte")
uint16 = dtype("uint16", "UInt16")
uint32 = dtype("uint32", "UInt32")
uint64 = dtype("uint64", "UInt64")
int8 = dtype("int8", "Char")
int16 = short = dtype("int16", "Short")
int32 = dtype("int32", "Int")
int64 = long = dtype("int64", "Long")
bool_ = dtype("bool", "Bool")

ALL = (float16, float32, float64, complex64, complex128, uint8, uint16, uint32, uint64, int8, int16, int32, int64, bool_)
_BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {d.numpy: d for d in ALL}
_BY_PYTHON = {bool: bool_, int: int64, complex: complex128}
_PYTHON_CATEGORY = {bool: BOOL, int: INTEGER, float: FLOAT, complex: COMPLEX}


class device:  # noqa: N801  (torch's name)
    """Where a tensor lives; here always the CPU. Raises `RuntimeError` for any other kind."""

    __slots__ = ("type", "index")

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        kind, _, number = str(type).partition(":")
        if kind != "cpu":
            raise RuntimeError(f"nbgrad computes on the CPU only, so there is no device {str(type)!r}; use 'cpu' or leave it out")
        self.type = kind
        self.index = int(number) if number else index

    def __repr__(self):
        return "device(type='cpu')" if self.index is None else f"device(type='cpu', index={self.index})"

    def __str__(self):
        return "cpu" if self.index is None else f"cpu:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))


CPU = device("cpu")


class layout:  # noqa: N801  (torch's name)
    """How elements lie in memory; here always `strided`."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"


class memory_format(layout):  # noqa: N801  (torch's name)
    """The order of dimensions in memory."""


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")

_default = [float32]


def get_default_dtype() -> dtype:
    """The type of tensors made from Python floats."""
    return _default[0]


def set_default_dtype(d: dtype) -> None:
    """Set the type of tensors made from Python floats; a real floating point type."""
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _default[0] = d
    result_numpy.cache_clear()


def of_array(numpy_dtype) -> dtype:
    """Our type for a NumPy type; raises `TypeError` for one that tensors cannot hold."""
    found = _BY_NUMPY.get(numpy_dtype)
    if found is None:
        held = ", ".join(d.name for d in ALL)
        raise TypeError(f"can't convert np.ndarray of type numpy.{numpy_dtype}. The only supported types are: {held}.")
    return found


def as_dtype(d) -> dtype:
    """Take a dtype, or the Python types `float`, `int`, `bool`, `complex`, for what PyTorch takes them for."""
    if isinstance(d, dtype):
        return d
    if d is float:
        return float64
    if isinstance(d, type) and d in _BY_PYTHON:
        return _BY_PYTHON[d]
    raise TypeError(f"dtype must be a torch.dtype, not {type(d).__name__}")


def category_of(numpy_dtype) -> int:
    """Which of the four categories a NumPy type belongs to."""
    return _CATEGORY[numpy_dtype.kind]


def default_numpy(category: int) -> np.dtype:
    """The NumPy type that a Python number of this category becomes when nothing else decides."""
    if category == FLOAT:
        return _default[0].numpy
    if category == COMPLEX:
        return _default[0].to_complex().numpy
    return np.dtype(np.int64) if category == INTEGER else np.dtype(np.bool_)


@functools.lru_cache(maxsize=4096)
def result_numpy(*operands) -> np.dtype:
    """The NumPy type that operands compute in.

    An operand is `(numpy dtype, is 0-dim)` for a tensor, or a Python number's type. Categories are bool < integer < float < complex; within
    the winning one, tensors with dimensions decide before 0-dim tensors, and these before Python numbers.
    """
    dimensioned, zero_dim, numbers = [], [], []
    for operand in operands:
        if isinstance(operand, tuple):
            (zero_dim if operand[1] else dimensioned).append(operand[0])
        else:
            numbers.append(_PYTHON_CATEGORY[operand])
    best = None
    for group in (dimensioned, zero_dim):
        if group:
            here = functools.reduce(promote_numpy, group)
            if best is None or category_of(here) > category_of(best):
                # a float32 tensor with a 0-dim complex128 one computes in complex64: the width stays the dimensioned one's
                best = here if best is None or best.kind != "f" or here.kind != "c" else of_array(best).to_complex().numpy
    if numbers and (best is None or max(numbers) > category_of(best)):
        highest = max(numbers)
        if highest == COMPLEX and best is not None and best.kind == "f":
            return of_array(best).to_complex().numpy
        return default_numpy(highest)
    return best


@functools.lru_cache(maxsize=1024)
def promote_numpy(a: np.dtype, b: np.dtype) -> np.dtype:
    """The smallest type that both of two equally weighted types convert to, as `torch.promote_types` has it."""
    if a == b:
        return a
    if a.kind in "fc" and b.kind in "iub":
        return a
    if b.kind in "fc" and a.kind in "iub":
        return b
    if {a.kind, b.kind} == {"u", "i"} and "uint64" in (a.name, b.name):
        raise unsupported("promotion of uint64 with a signed integer type")
    return np.promote_types(a, b)


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that both convert to."""
    return of_array(promote_numpy(type1.numpy, type2.numpy))


class finfo:  # noqa: N801  (torch's name)
    """Limits of a floating point type."""

    def __init__(self, type=None):
        type = as_dtype(type or get_default_dtype())
        info = np.finfo(type.numpy)
        self.dtype = type.name
        self.bits, self.resolution = info.bits, float(info.resolution)
        self.eps, self.max, self.min, self.tiny = float(info.eps), float(info.max), float(info.min), float(info.tiny)
        self.smallest_normal = self.tiny

    def __repr__(self):
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.tiny:g}, tiny={self.tiny:g}, dtype={self.dtype})")  # fmt: skip


class iinfo:  # noqa: N801  (torch's name)
    """Limits of an integer type."""

    def __init__(self, type):
        type = as_dtype(type)
        info = np.iinfo(type.numpy)
        self.dtype, self.bits, self.max, self.min = type.name, info.bits, int(info.max), int(info.min)

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
