"""The two hot shapes of call: one tensor, and two tensors or a tensor and a number, elementwise.

This is the one place where cleverness is worth its price: everything here happens for each operator of each step of somebody's training loop.
What is not the plain case (mixed types, integers that become floats, keywords) goes the general way through `run`.
"""

from __future__ import annotations

import sys

import numpy as np

from .modes import state
from .op import NEEDED, OTHER, TENSOR, bind, failed, into, number, run
from .quiet import quiet_numpy, restore_numpy
from .tensor import Tensor

_ndarray = np.ndarray
_asarray = np.asarray
_new = object.__new__
_frame = sys._getframe
_MISSING = object()


def make_binary(op):
    """The public function, and operator, of an elementwise operator of two arguments."""
    kernel = op.kernel
    floats_only = op.promote == "float"
    plans = {}  # by what `other` is and which of the two need gradients
    tail = tuple(op.defaults[2:])

    def plan_for(key):
        first = NEEDED if key & 1 else TENSOR
        second = OTHER if key & 4 else NEEDED if key & 2 else TENSOR
        found = plans[key] = op.plan((first, second, *(OTHER for _ in tail)))
        return found

    def function(self, other=_MISSING, *rest, **kwargs):
        mode = state.mode
        place = mode.place
        try:
            if kwargs or rest:
                raise AttributeError
            a = self._array
            kind = a.dtype
            if type(other) is float or type(other) is int:
                if kind.kind != "f":
                    raise AttributeError
                b = number(other, kind)
                key = 5 if self._requires_grad else 4
            else:
                b = other._array
                if b.dtype is not kind or floats_only and kind.kind != "f":
                    raise AttributeError
                key = (self._requires_grad and 1) + (other._requires_grad and 2)
        except AttributeError:
            if place is None:
                frame = _frame(1)
                place = (frame.f_code, frame.f_lasti)
            return general(op, self, other, rest, kwargs, place)
        token = quiet_numpy()
        try:
            result = kernel(a, b)
        except Exception as error:
            if place is None:
                frame = _frame(1)
                place = (frame.f_code, frame.f_lasti)
            failed(op, (self, other), (a, b), error, place)
        finally:
            restore_numpy(token)
        out = _new(Tensor)
        out._array = result if type(result) is _ndarray else _asarray(result)
        out._cell = None
        out._accumulator = None
        observer = mode.observer
        if key & 3 and mode.grad and result.dtype.kind == "f" and op.vjp:
            if place is None:
                frame = _frame(1)
                place = (frame.f_code, frame.f_lasti)
            node = (plans.get(key) or plan_for(key)).record(self, other, *tail, out, place)
        else:
            node = out._edge = None
            out._requires_grad = False
        if observer is not None:
            if place is None:
                frame = _frame(1)
                place = (frame.f_code, frame.f_lasti)
            observer.op(op.name, (self, other, *tail), out, node, place)
        return out

    return function


def general(op, self, other, rest, kwargs, place):
    """A binary call that is not the plain case."""
    args = (self, *rest) if other is _MISSING else (self, other, *rest)
    out = kwargs.pop("out", None)
    args = bind(op, args, kwargs)
    if not isinstance(args[0], Tensor) and not isinstance(args[1], Tensor):
        raise TypeError(f"{op.name}(): argument 'input' (position 1) must be Tensor, not {type(args[0]).__name__}")
    result = run(op, args, place)
    return result if out is None else into(out, result)


def make_unary(op):
    """The public function of an elementwise operator of one argument."""
    kernel = op.kernel
    floats_only = op.promote == "float"
    plans = []

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
            if floats_only and kind.kind != "f":
                raise AttributeError
        except AttributeError:
            out = kwargs.pop("out", None)
            args = bind(op, () if self is _MISSING else (self,), kwargs)
            result = run(op, args, place)
            return result if out is None else into(out, result)
        token = quiet_numpy()
        try:
            result = kernel(a)
        except Exception as error:
            failed(op, (self,), (a,), error, place)
        finally:
            restore_numpy(token)
        out = _new(Tensor)
        out._array = result if type(result) is _ndarray else _asarray(result)
        out._cell = None
        out._accumulator = None
        if self._requires_grad and mode.grad and result.dtype.kind == "f" and op.vjp:
            if not plans:
                plans.append(op.plan((NEEDED,)))
            node = plans[0].record(self, out, place)
        else:
            node = out._edge = None
            out._requires_grad = False
        observer = mode.observer
        if observer is not None:
            observer.op(op.name, (self,), out, node, place)
        return out

    return function
