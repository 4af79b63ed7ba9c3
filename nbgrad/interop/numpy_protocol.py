"""NumPy's functions on tensors: `np.sin(x)`, `np.ones(3) * x` and `np.mean(x, axis=0)` run as our operators.

A result that involves a tensor is a tensor, and gradients flow through it. `ufunc` and `function` are what `Tensor.__array_ufunc__` and
`Tensor.__array_function__` call; what they find here by NumPy's name has NumPy's arguments and meaning (numpy_functions.py holds the functions). A
ufunc without counterpart computes on arrays and gives tensors without history; any other function without counterpart gives what NumPy gives. Both
raise `RuntimeError` for a tensor that requires a gradient: `detach()` it first. Loaded when first needed.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools

import numpy as np

from .._engine import dtypes
from .._engine.modes import place_of_user, state
from .._engine.node import check_counted
from .._engine.op import NAMES
from .._engine.tensor import Tensor, wrap
from .._engine.views import count_change, spread_history
from .._engine.writing import into, writable
from .numpy_functions import FUNCTIONS, NoCounterpart, as_tensor, together

NUMBERS = (bool, int, float, complex, np.generic)

# NumPy's name -> ours, where they differ
_RENAMED = {
    "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh",
    "absolute": "abs", "fabs": "abs", "negative": "neg", "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "power": "pow",
    "rint": "round", "degrees": "rad2deg", "radians": "deg2rad", "conjugate": "conj", "invert": "bitwise_not", "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne",
}  # fmt: skip
_SAME = frozenset(
    "acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_not bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift ceil copysign "
    "cos cosh deg2rad exp exp2 expm1 float_power floor floor_divide fmax fmin fmod heaviside hypot isfinite isinf isnan log log10 log1p log2 "
    "logaddexp logaddexp2 logical_and logical_not logical_or logical_xor maximum minimum positive pow rad2deg reciprocal remainder sign signbit "
    "sin sinh sqrt square tan tanh trunc".split()
)  # fmt: skip
_TOGETHER = frozenset((  # those that do not promote, or take no numbers
    "heaviside", "logaddexp", "logaddexp2", "hypot", "copysign", "atan2", "maximum", "minimum", "fmax", "fmin", "logical_and", "logical_or", "logical_xor",
    "nextafter", "gcd", "lcm",
))  # fmt: skip


def _operator(name):
    """Our function for a ufunc, None where there is none."""
    if name == "matmul":
        return lambda a, b: NAMES["matmul"](*together(a, b))
    if name == "divmod":
        return lambda a, b: (NAMES["floor_divide"](a, b), NAMES["remainder"](a, b))
    if name == "clip":
        return FUNCTIONS[np.clip]
    if name not in _RENAMED and name not in _SAME:
        return None
    name = _RENAMED.get(name, name)
    found = NAMES.get(name)
    if name in _TOGETHER and found is not None:
        return lambda a, b: found(*together(a, b))
    return found


_REDUCTIONS = {"add": np.sum, "multiply": np.prod, "maximum": np.max, "minimum": np.min, "logical_and": np.all, "logical_or": np.any}
_ACCUMULATIONS = {"add": np.cumsum, "multiply": np.cumprod}


def ufunc(self, which, method, *inputs, out=None, **options):
    """Carry out a call of a ufunc, or of one of its methods, in which a tensor takes part."""
    if any(not isinstance(i, (Tensor, np.ndarray, *NUMBERS, list, tuple)) for i in inputs):
        return NotImplemented
    with _for_user():
        found = _method_of(which, method)
        if found is not None and any(isinstance(i, Tensor) for i in inputs):
            operands = _operands(inputs, which)
            if not options or _takes(found, operands, options):
                result = found(*operands, **options)
                return result if out is None else _written(out, result, which.__name__)
        if method == "at" and isinstance(inputs[0], Tensor):
            which.at(_opened(inputs[0]), *_arrays(inputs[1:], which.__name__))
            _closed(inputs[:1], None)
            return None
        arrays = _arrays(inputs, which.__name__)
        if out is not None:
            options["out"] = tuple(_opened(o) for o in out)
        result = getattr(which, method)(*arrays, **_arrays(options, which.__name__))
        return _closed(out, result) if out is not None else _tensors(result)


def function(self, which, types, args, kwargs):
    """Carry out a call of any other NumPy function in which a tensor takes part."""
    if not all(issubclass(t, (Tensor, np.ndarray)) for t in types):
        return NotImplemented
    with _for_user():
        name = which.__name__
        if which in _QUESTIONS:
            return which(*_arrays(args, None), **_arrays(kwargs, None))
        if which in _WRITERS and args and isinstance(args[0], Tensor):
            which(_opened(args[0]), *_arrays(args[1:], name), **_arrays(kwargs, name))
            _closed(args[:1], None)
            return None
        found = FUNCTIONS.get(which)
        if found is not None:
            given = dict(kwargs)
            out = given.pop("out", None)
            if _takes(found, args, given):
                with contextlib.suppress(NoCounterpart):
                    result = found(*args, **given)
                    return result if out is None else _written((out,), result, name)
        arrays, given = _arrays(args, name), _arrays({k: v for k, v in kwargs.items() if k != "out"}, name)
        out = kwargs.get("out")
        if not isinstance(out, Tensor):
            return which(*arrays, **kwargs | given)
        return _closed((out,), which(*arrays, **given, out=_opened(out)))


# they ask what an array is, not what it holds
_QUESTIONS = {np.result_type, np.can_cast, np.may_share_memory, np.shares_memory, np.iscomplexobj, np.isrealobj, np.common_type, np.min_scalar_type}


_WRITERS = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}  # into their first argument


class _for_user:  # noqa: N801
    """While the block runs, operators name the line that called NumPy."""

    def __enter__(self):
        self.mode = state.mode
        self.before = self.mode.place
        self.mode.place = place_of_user()

    def __exit__(self, *exception):
        self.mode.place = self.before


@functools.cache
def _method_of(which, method):
    """What carries out a method of a ufunc on tensors, None where nothing does."""
    name = which.__name__
    if method == "__call__":
        return _operator(name)
    if method == "reduce" and name in _REDUCTIONS:
        # unlike the functions, a ufunc's method reduces along the first axis unless told otherwise
        return lambda a, axis=0, dtype=None, keepdims=False: FUNCTIONS[_REDUCTIONS[name]](
            a, axis=axis, keepdims=keepdims, **({} if dtype is None else {"dtype": dtype})
        )
    if method == "accumulate" and name in _ACCUMULATIONS:
        return lambda a, axis=0, dtype=None: FUNCTIONS[_ACCUMULATIONS[name]](a, axis=axis, dtype=dtype)
    if method == "outer" and which.nin == 2 and _operator(name) is not None:
        return lambda a, b: _operator(name)(as_tensor(a).reshape((*np.shape(a), *(1 for _ in np.shape(b)))), b)
    return None


def _operands(inputs, which):
    """The arguments of a ufunc as our operators take them: those take a number first only where it makes a difference."""
    operands = [_operand(i) for i in inputs]
    if len(operands) == 2 and isinstance(operands[0], NUMBERS) and isinstance(operands[1], Tensor) and which is not np.power:
        kind = operands[1]._array.dtype, operands[1]._array.ndim == 0
        operands[0] = wrap(np.array(operands[0], dtypes.result_numpy(type(operands[0]), kind)))
    return operands


def _operand(x):
    """An argument of a ufunc as our operators take it."""
    if isinstance(x, (list, tuple, np.ndarray)):
        return as_tensor(x)
    return x.item() if isinstance(x, np.generic) else x


_signature = functools.cache(inspect.signature)


def _takes(found, args, kwargs):
    """Whether ours has all these arguments; if not, NumPy's own does the work."""
    try:
        _signature(found).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _arrays(x, name):
    """The same arguments with arrays in the place of tensors; without a name also of those that require gradients."""
    if isinstance(x, Tensor):
        if name is not None and x._requires_grad and state.mode.grad:
            raise RuntimeError(
                f"Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead. (np.{name}, called so, has no counterpart "
                "through which gradients could flow.)"
            )
        return x._array
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)(_arrays(part, name) for part in x)
    if isinstance(x, dict):
        return {key: _arrays(part, name) for key, part in x.items()}
    return x


def _tensors(result):
    """A ufunc's result on arrays as tensors; types that tensors cannot hold stay arrays."""
    if isinstance(result, tuple):
        return tuple(map(_tensors, result))
    if not isinstance(result, (np.ndarray, np.generic)) or result.dtype not in dtypes._BY_NUMPY:
        return result
    return wrap(np.asarray(result))


def _opened(out):
    """The array behind something to write into."""
    if not isinstance(out, Tensor):
        return out
    _refuse_gradient(out)
    check_counted(out)
    return writable(out._array)


def _closed(out, result):
    """Count the change of what was written into, and give it back."""
    for o in out:
        if isinstance(o, Tensor):
            count_change(o, state.mode.place)
            spread_history(o)
    given = tuple(o if o is not None else r for o, r in zip(out, result if isinstance(result, tuple) else (result,)))
    return given[0] if len(given) == 1 else given


def _written(out, result, name):
    """Write tensors into the tensors or arrays given as `out=`."""
    results = result if isinstance(result, tuple) else (result,)
    for o, r in zip(out, results):
        if o is None:
            continue
        _refuse_gradient(o, r)
        if isinstance(o, Tensor):
            into(o, r)
        else:
            np.copyto(o, _arrays(r, name), casting="same_kind")
    given = tuple(r if o is None else o for o, r in itertools.zip_longest(out, results))
    return given[0] if len(given) == 1 else given


def _refuse_gradient(*things):
    if state.mode.grad and any(isinstance(t, Tensor) and t._requires_grad for t in things):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad. "
            "detach() it first, or compute a new tensor."
        )
