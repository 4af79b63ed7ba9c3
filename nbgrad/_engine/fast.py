"""The two hot shapes of call: one tensor, and two tensors or a tensor and a number, elementwise.

This is the one place where cleverness is worth its price: everything here happens for each operator of each step of somebody's training loop.
What is not the plain case (mixed types, integers that become floats, keywords) goes the general way through `run`.
"""

from __future__ import annotations

import sys

import numpy as np

from .batched import NotBatchable
from .dtypes import complex64, complex128
from .modes import place_of_caller, state
from .op import bind, failed, number, run, run_into
from .plan import DEFAULT, NEEDED, TENSOR
from .quiet import quiet_numpy, restore_numpy
from .tensor import Tensor, wrap

_ndarray = np.ndarray
_asarray = np.asarray
_new = object.__new__
_frame = sys._getframe
_COMPLEX128, _COMPLEX64 = complex128.numpy, complex64.numpy
_REAL = frozenset((float, int))
_MISSING = object()
_OPERANDS = (Tensor, bool, int, float, complex, np.ndarray, np.generic)


def make_binary(op):
    """The Python operator and the public function of an elementwise operator of two arguments.

    The first takes two arguments and nothing else, leaves strangers to their own methods, and is where the time goes; the second also takes
    keywords, and stands one frame above it.
    """
    kernel = op.ufunc or op.kernel
    scalars = op.ufunc is not None
    differentiable = bool(op.vjp)
    direct = "f" if op.promote == "float" else op.kinds  # the kinds of elements that need no promotion and no refusal
    limited = direct is not None
    real = frozenset() if 1 in op.tensor_only or limited and "f" not in direct else _REAL
    records = [None] * 12  # by which of the two need gradients (1, 2), whether `other` is a number (4), and whether both are complex (8)
    tail = tuple(op.defaults[2:])

    def record_for(key):
        first = NEEDED if key & 1 else TENSOR
        second = float if key & 4 else NEEDED if key & 2 else TENSOR
        kinds = (first, second, *(DEFAULT for _ in tail))
        found = records[key] = (op.complex_plan(kinds) if key & 8 else op.plan(kinds)).record
        return found

    def operator(self, other):
        mode = state.mode
        try:
            a = self._array
            kind = a.dtype
            if type(other) is not Tensor and type(other) in real:
                if kind.kind != "f":
                    raise AttributeError
                b = number(other, kind)
                key = 5 if self._requires_grad else 4
            else:
                b = other._array
                if b.dtype is not kind or limited and kind.kind not in direct:
                    raise AttributeError
                key = 3 if self._requires_grad and other._requires_grad else 1 if self._requires_grad else 2 if other._requires_grad else 0
        except AttributeError:
            if not isinstance(other, _OPERANDS):
                return NotImplemented
            return general(op, (self, other, *tail), None, place_of_caller(1))
        observer = mode.observer
        if observer is not None:
            observer.begin(op, (self, other))
        token = quiet_numpy()
        try:
            # NumPy's scalars compute the same five times as fast as its 0-dim arrays
            result = kernel(a, b) if not scalars or a.ndim or b.ndim else kernel(a[()], b[()])
        except Exception as error:
            result = failed(op, (self, other), (a, b), error, place_of_caller(1))
        finally:
            restore_numpy(token)
        out = _new(Tensor)
        try:
            out._array = result if type(result) is _ndarray else _asarray(result)
        except NotBatchable:  # costs nothing where it does not happen
            out._array = result
        out._cell = None
        if key & 3 and mode.grad and differentiable:
            if kind is _COMPLEX128 or kind is _COMPLEX64:
                key |= 8
            record = records[key] or record_for(key)
            if mode.place is None:
                frame = _frame(1)
                node = record(out, frame.f_code, frame.f_lasti, self, other)
            else:
                node = record(out, *mode.place, self, other)
        else:
            node = out._edge = None
            out._requires_grad = False
        if observer is not None:
            observer.op(op, (self, other, *tail) if tail else (self, other), out, node, place_of_caller(1) if node is None else None)
        return out

    def function(*args, **kwargs):
        mode = state.mode
        place = mode.place
        if place is None:
            frame = _frame(1)
            mode.place = (frame.f_code, frame.f_lasti)
        try:
            if len(args) == 2 and not kwargs:
                result = operator(*args)
                if result is NotImplemented:
                    raise TypeError(f"{op.name}(): argument 'other' (position 2) must be Tensor, not {type(args[1]).__name__}")
                return result
            out = kwargs.pop("out", None)
            return general(op, bind(op, args, kwargs), out, mode.place)
        finally:
            mode.place = place

    function.operator = operator
    return function


def general(op, args, out, place):
    """A binary call that is not the plain case: mixed types, integers that become floats, more arguments."""
    if type(args[0]) is _ndarray or type(args[1]) is _ndarray:  # arrays mix with tensors, as constants
        args = (*(wrap(a) if type(a) is _ndarray else a for a in args[:2]), *args[2:])
    if not isinstance(args[0], Tensor) and not isinstance(args[1], Tensor):
        raise TypeError(f"{op.name}(): argument 'input' (position 1) must be Tensor, not {type(args[0]).__name__}")
    return run(op, args, place) if out is None else run_into(op, args, out, place)


def make_unary(op):
    """The public function of an elementwise operator of one argument."""
    kernel = op.ufunc or op.kernel
    direct = "f" if op.promote == "float" else op.kinds
    limited = direct is not None
    records = []

    def function(self=_MISSING, **kwargs):
        mode = state.mode
        place = mode.place
        if place is None:
            frame = _frame(1)
            place = (frame.f_code, frame.f_lasti)
        try:
            if kwargs:
                raise AttributeError
            a = self._array
            kind = a.dtype
            if limited and kind.kind not in direct:
                raise AttributeError
        except AttributeError:
            out = kwargs.pop("out", None)
            args = bind(op, () if self is _MISSING else (self,), kwargs)
            return run(op, args, place) if out is None else run_into(op, args, out, place)
        observer = mode.observer
        if observer is not None:
            observer.begin(op, (self,))
        token = quiet_numpy()
        try:
            result = kernel(a)
        except Exception as error:
            result = failed(op, (self,), (a,), error, place)
        finally:
            restore_numpy(token)
        out = _new(Tensor)
        try:
            out._array = result if type(result) is _ndarray else _asarray(result)
        except NotBatchable:  # costs nothing where it does not happen
            out._array = result
        out._cell = None
        if self._requires_grad and mode.grad and op.vjp:
            if not records:
                records.extend((op.plan((NEEDED,)).record, op.complex_plan((NEEDED,)).record))
            node = records[kind is _COMPLEX128 or kind is _COMPLEX64](out, *place, self)
        else:
            node = out._edge = None
            out._requires_grad = False
        if observer is not None:
            observer.op(op, (self,), out, node, place)
        return out

    return function
