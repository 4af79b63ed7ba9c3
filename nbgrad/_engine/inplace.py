"""Operators that overwrite their first argument: the twins with an underscore, and those that exist only so (`zero_`, index assignment).

What such a change means for the histories of views is in views.py.
"""

from __future__ import annotations

import numpy as np

from . import errors
from .arguments import check_given, check_kinds
from .batched import NotBatchable, Refused
from .batching import INPLACE
from .modes import place_of_caller, state
from .node import STALE, check_counted, gradient_edge
from .op import bind, failed, promote, unwrap
from .plan import NEEDED, NEEDED_TENSORS, as_operand
from .quiet import quiet_numpy, restore_numpy
from .tensor import Tensor, wrap
from .views import check_may_change, count_change, move_retained, set_history, spread_history, through_base
from .writing import check_castable, writable


def make_in_place(op):
    """The in-place form of an operator."""

    def function(*args, **kwargs):
        return run_in_place(op, bind(op, args, kwargs), place_of_caller(1))

    return function


def run_in_place(op, args, place):
    """Carry out a call that overwrites `args[0]`; returns it."""
    self = args[0]
    mode = state.mode
    arrays, kinds = unwrap(op, args)
    # numbers that are no floats have no history, whatever is written over them
    wanted = any(k in (NEEDED, NEEDED_TENSORS) for k, p in zip(kinds, op.params) if p in op.differentiable or p == "self")
    recorded = mode.grad and wanted and self._array.dtype.kind in "fc"
    if recorded:
        check_may_change(self)
        if self._edge is STALE:  # before anybody hears of the change
            gradient_edge(self)
        if self._requires_grad and op.params[0] not in op.differentiable:
            raise errors.unsupported(f"gradients through the in-place operator {op.name}", "detach() the tensor first, or compute a new one")
    target = arrays[0] = writable(self._array, op.expanded)
    check_counted(self)
    if mode.observer is not None:
        mode.observer.begin(op, args)
        mode.observer.before_in_place(op.name, self)
    plan = (op.complex_plan if self._array.dtype.kind == "c" else op.plan)(kinds) if recorded else None
    before = _before(self, recorded, keep_elements=recorded and op.params[0] in plan.saved_names)
    token = quiet_numpy()
    try:
        if op.alike:
            check_given(op, arrays)
        if op.mutates:
            op.flat_kernel(*arrays)
        else:
            if op.promote:
                promote(op, arrays, kinds)
            if op.kinds is not None:
                check_kinds(op.name, arrays[0], op.kinds)
            result = as_operand(op.flat_kernel(*arrays))
    except Exception as error:
        result = failed(op, args, arrays, error, place)
    finally:
        restore_numpy(token)
    if not op.mutates:
        try:
            _overwrite(target, result)
        except Exception as error:
            failed(op, args, (), error, place)
    count_change(self, place)
    node = _record(plan, (before, *args[1:]), self, place) if recorded else None
    spread_history(self)
    if mode.observer is not None:
        mode.observer.op(op, (before, *args[1:]), self, node, place, True)
    return self


def _overwrite(target, result):
    """Put a result in the place of a tensor's elements."""
    check_castable(result.dtype, target.dtype)
    if result.shape != target.shape:
        raise RuntimeError(f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(result.shape)}")
    try:
        np.copyto(target, result, casting="unsafe")
    except NotBatchable:
        raise Refused(INPLACE) from None


def make_reshaping(op, node_name):
    """The form of a view operator that gives the tensor itself the other shape; the memory stays. `node_name` is torch's, or a function of the
    arguments that gives it."""

    def function(*args, **kwargs):
        args = bind(op, args, kwargs)
        self, mode, place = args[0], state.mode, place_of_caller(1)
        arrays, kinds = unwrap(op, args)
        recorded = mode.grad and self._requires_grad
        if recorded:
            check_may_change(self)
        if mode.observer is not None:
            mode.observer.begin(op, args)
            mode.observer.before_in_place(op.name, self)
        before = _before(self, recorded, keep_elements=False)
        array = op.flat_kernel(*arrays)
        if self._accumulator is not None and self._accumulator() is not None and array.shape != self._array.shape:
            raise errors.unsupported("another shape for a leaf to which gradients may be on their way", "use a view of it")
        self._array = array
        count_change(self, place)
        node = None
        if recorded:
            node = (op.complex_plan if self._array.dtype.kind == "c" else op.plan)(kinds).record(self, *place, before, *args[1:])
            node.__class__ = op.class_of_node(node_name if isinstance(node_name, str) else node_name(*args))
        spread_history(self)
        if recorded:
            set_history(self, node)  # also where it is a view
        if mode.observer is not None:
            mode.observer.op(op, (before, *args[1:]), self, node, place, True)
        return self

    return function


def _before(self, recorded, keep_elements):
    """The tensor as it was, with its old history; a copy where a derivative will ask for the elements that are about to go."""
    before = wrap(self._array.copy() if keep_elements else self._array)
    before._requires_grad = self._requires_grad
    before._edge = gradient_edge(self) if recorded and self._requires_grad else None
    return before


def _record(plan, args, self, place):
    """Give the tensor, or the base that it is a view of, its new history: the node of this change, with the old history behind it."""
    base = self._base
    old_edge = args[0]._edge
    node = plan.record(self, *place, *args)
    self._by_base = False
    overwritten = [t._cell is self._cell and n not in plan.op.result_names for n, t in zip(plan.saved_names, node.saved)]
    if any(overwritten):  # an argument that shares our memory, as in x.mul_(x): backward must see that it is not what it was
        versions = getattr(node, "versions", None) or (0,) * len(node.saved)
        node.versions = tuple(v - changed for v, changed in zip(versions, overwritten))
    if base is None:
        move_retained(self, old_edge)
        return node
    first = plan.op.params[0]
    node = through_base(self, node, plan.followed.index(first) if first in plan.followed else None)
    self._edge, self._edge_before = STALE, old_edge or node
    return node


def assign_in_place(self: Tensor, array, place) -> None:
    """Overwrite the elements of a tensor that no gradient follows, and count the change."""
    check_counted(self)
    np.copyto(self._array, array, casting="unsafe")
    count_change(self, place)
    spread_history(self)
