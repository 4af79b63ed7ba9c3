"""What the arguments of a call must be, and the words for one that is not.

op.py asks `check` when an operator meets a combination of kinds of arguments for the first time, and `blamed` when a call has failed: one that goes
well pays nothing. Kernels and composites ask the rest. Knows no operators.
"""

from __future__ import annotations

import inspect

import numpy as np

from . import dtypes
from .plan import TENSOR_KINDS
from .tensor import Tensor

# Arguments by their names, where no default tells what they are.
WHOLE = frozenset(("dim", "dim0", "dim1", "dim2", "start_dim", "end_dim", "diagonal", "offset", "length", "k", "n", "chunks", "num_classes",
                   "upscale_factor", "downscale_factor", "interpolation_mode"))
# integers in a list or tuple, of some operators one alone
SEVERAL = frozenset(("size", "dims", "shifts", "repeats", "stride", "sizes", "normalized_shape", "source", "destination"))
FLAG = frozenset(("align_corners", "transposed"))
NUMBER = frozenset(("alpha", "value", "threshold"))
NO_NUMBER = (type(None), str, list, tuple, dtypes.dtype)


def refused(name, default):
    """How PyTorch calls what this argument must be, and the types of values that it refuses there."""
    if type(default) is bool or name in FLAG:
        return "bool", (int, float, complex, *NO_NUMBER)
    if name in WHOLE:
        return "int", (bool, float, complex, str, dtypes.dtype, *((type(None),) if default is not None and type(default) is not tuple else ()))
    if name in SEVERAL:
        return "tuple of ints", (bool, float, complex, str, dtypes.dtype, *((type(None),) if default is not None else ()))
    if type(default) is float or name in NUMBER and default is not None:
        return "Number", NO_NUMBER
    return "", ()


def check(op, args, kinds):
    """Raise `TypeError` for an argument of a type that the operator does not take: no tensor where it must be one, or text for a number."""
    for index in op.tensor_only:
        kind = kinds[index]
        if kind not in TENSOR_KINDS and not (kind is type(None) and op.defaults[index] is None):
            raise must_be(op.name, op.params[index], index, "Tensor", args[index])
    for index, (name, default, kind) in enumerate(zip(op.params, op.defaults, kinds)):
        if kind not in TENSOR_KINDS and index not in op.tensor_only:
            wanted, types = refused(name, default)
            if kind in types:
                raise must_be(op.name, name, index, wanted, args[index])


def check_given(op, arrays):
    """Check the types of elements before they are brought to one type, for an operator whose arguments must have one already."""
    if op.kinds is not None:
        check_kinds(op.name, arrays[0], op.kinds)
    check_alike(*(arrays[i] for i in op.alike))


def must_be(function, param, index, wanted, value) -> TypeError:
    """The error of an argument of another type."""
    param = "input" if param == "self" else param
    return TypeError(f"{function}(): argument '{param}' (position {index + 1}) must be {wanted}, not {type(value).__name__}")


def blamed(function, code, args, kwargs, error):
    """PyTorch's `TypeError` where a call has failed and an argument is of a type that no such call takes; else None.

    `code` is that of the Python function that was called, or of the kernel.
    """
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if code.co_flags & inspect.CO_VARARGS:
        rest = code.co_varnames[len(names)]
        count = code.co_argcount
        given = [*zip(names[:count], args), (rest, tuple(args[count:])), *kwargs.items()]
    else:
        given = [*zip(names, args), *kwargs.items()]
    return _no_tensor(function, given, error) or _no_integers(function, given)


def _no_tensor(function, given, error):
    """The error for an argument, or an element of one, that has been taken for a tensor."""
    if type(error) is AttributeError and not isinstance(error.obj, (Tensor, np.ndarray)):
        for index, (name, value) in enumerate(given):
            if value is error.obj:
                return must_be(function, name, index, "Tensor", value)
        for index, (_, value) in enumerate(given):
            for place, element in enumerate(value if isinstance(value, (list, tuple)) else ()):
                if element is error.obj or isinstance(element, (list, tuple)) and any(e is error.obj for e in element):
                    return TypeError(f"expected Tensor as element {place} in argument {index}, but got {type(element).__name__}")
    for index, (name, value) in enumerate(given):
        if name == "tensors" and not isinstance(value, (list, tuple, Tensor)):
            return must_be(function, name, index, "tuple of Tensors", value)
    return None


def _no_integers(function, given):
    """The error for text or fractions in the place of integers."""
    for index, (name, value) in enumerate(given):
        if name in SEVERAL:
            elements = value if isinstance(value, (list, tuple)) else (value,)
            nested = len({isinstance(e, (list, tuple)) for e in elements}) > 1  # a tuple of sizes, and more behind it
            for element in elements:
                if isinstance(element, (str, float)) or element is None and element is not value or nested and not isinstance(element, int):
                    return must_be(function, name, index, "tuple of ints", element)
    return None


def require_tensor(function, param, index, value):
    """Raise PyTorch's `TypeError` for what is no tensor."""
    if not isinstance(value, Tensor):
        raise must_be(function, param, index, "Tensor", value)


def check_kinds(function, array, kinds):
    """Raise `NotImplementedError` where elements (of an array or tensor) are of a kind, as NumPy calls them by letters, that is not among `kinds`."""
    found = numpy_type(array)
    if found.kind not in kinds:
        raise NotImplementedError(f"\"{function}\" not implemented for '{dtypes.of_array(found).tensor_name}'")


def check_alike(first, *others, says="expected scalar type {} but found {}"):
    """Raise `RuntimeError` where arrays or tensors are not of one type; what is neither is left out."""
    for other in others:
        if hasattr(other, "dtype") and numpy_type(other) != numpy_type(first):
            raise RuntimeError(says.format(*(dtypes.of_array(numpy_type(x)).tensor_name for x in (first, other))))


def numpy_type(x):
    """The NumPy type of the elements of an array or tensor."""
    return x._array.dtype if isinstance(x, Tensor) else x.dtype
