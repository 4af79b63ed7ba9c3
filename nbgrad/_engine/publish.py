"""Where users find operators: the public names, the methods of Tensor, Python's own operators, and functions that only choose between operators.

op.py calls this for each entry as it is declared. Nothing here knows what an operator does or how it is carried out.
"""

from __future__ import annotations

import functools
import inspect
import sys

import numpy as np

from .arguments import blamed
from .modes import state
from .tensor import Tensor

ALIASES = {"input": "self", "axis": "dim", "keepdims": "keepdim", "x": "self", "x1": "self", "x2": "other"}
NUMBERS = (bool, int, float, complex)
FACADES: dict = {}  # dotted public name -> function that chooses between operators
NAMES: dict = {}  # dotted public name -> function, what the faces of the package export


def dress(function, public, kernel):
    """Let a function show the name, docstring and signature of its entry."""
    function.__name__ = public.rpartition(".")[2]
    function.__qualname__ = public
    function.__doc__ = kernel.__doc__
    function.__wrapped__ = kernel
    function.__module__ = "nbgrad"


def settle(place, *public):
    """Let classes and functions say that they live in the module where users find them, as `type(x)` prints it."""
    for one in public:
        one.__module__ = place


def camel(name):
    """`log_softmax` as in `LogSoftmaxBackward0`."""
    return "".join(part.capitalize() for part in name.rpartition(".")[2].split("_"))


def with_inplace_flag(op, public, kernel):
    """The function that chooses between an operator and its in-place twin by a last argument `inplace`."""
    count = op.positional

    def function(*args, **kwargs):
        inplace = kwargs.pop("inplace", False) if kwargs else False
        if len(args) > count:
            *args, inplace = args
        mode = state.mode
        before = mode.place
        if before is None:
            frame = sys._getframe(1)
            mode.place = (frame.f_code, frame.f_lasti)
        try:
            return (op.twin if inplace else op.function)(*args, **kwargs)
        finally:
            mode.place = before

    dress(function, public, kernel)
    return function


def facade(name=None, *, method=True, namespace=("",), operators=(), aliases=()):
    """Declare a public function that only chooses between operators, by what it is given; the graph shows the one chosen."""

    def declare(function):
        public = name or function.__name__

        @functools.wraps(function)
        def choose(*args, **kwargs):
            if kwargs:
                kwargs = {(k if k in params else ALIASES.get(k, k)): v for k, v in kwargs.items()}
            mode = state.mode
            before = mode.place
            if before is None:
                frame = sys._getframe(1)
                mode.place = (frame.f_code, frame.f_lasti)
            try:
                return function(*args, **kwargs)
            except Exception as error:
                error = blamed(public, code, args, kwargs, error)
                if error is None:
                    raise
                raise error from None
            finally:
                mode.place = before

        code = inspect.unwrap(function).__code__
        params = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        choose.__module__ = "nbgrad"
        FACADES.update((f"{place}.{public.rpartition('.')[2]}" if place else public, choose) for place in namespace)
        publish(choose, public, method, namespace, operators, aliases)
        return choose

    return declare


def publish(function, public, method, namespace, operators, aliases):
    """Make a function public: as a function, as a method, as a Python operator."""
    short = public.rpartition(".")[2]
    for place in namespace:
        NAMES[f"{place}.{short}" if place else short] = function
    if method:
        setattr(Tensor, short if isinstance(method, bool) else method, function)
    for alias in aliases:
        NAMES[alias] = function
        if method and "." not in alias:
            setattr(Tensor, alias, function)
    function = getattr(function, "operator", function)  # without keywords, one frame nearer to the user
    for dunder in operators:
        if dunder in ("__eq__", "__ne__"):
            setattr(Tensor, dunder, python_operator(function, False))
        elif dunder in REFLECTED and short != dunder.strip("_"):
            setattr(Tensor, dunder, python_operator(function, True))
        else:
            setattr(Tensor, dunder, function)


# those whose operands may not be exchanged; `2 * x` and its like run as `x * 2`
REFLECTED = frozenset(f"__r{n}__" for n in ("sub", "truediv", "floordiv", "mod", "pow", "matmul", "lshift", "rshift"))
# those that have a form such as `+=`, which changes the tensor in place
AUGMENTED = frozenset(f"__{n}__" for n in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift"))


def python_operator(function, reflected):
    """A Python operator that exchanges its operands, or one that leaves strangers to Python: `x == None` is False."""

    def operator(self, other):
        if not isinstance(other, (Tensor, *NUMBERS, np.ndarray, np.generic)):
            return NotImplemented
        mode = state.mode
        before = mode.place
        if before is None:
            frame = sys._getframe(1)
            mode.place = (frame.f_code, frame.f_lasti)
        try:
            return function(other, self) if reflected else function(self, other)
        finally:
            mode.place = before

    return operator
