"""Operators that overwrite their first argument: the twins with an underscore, and those that exist only so (`zero_`, index assignment).

What is supported is exactly what gives right gradients; a change through a view that gradients would have to follow raises, and says so.
"""

from __future__ import annotations

import numpy as np

from . import errors
from .modes import place_of_caller, state
from .node import gradient_edge, storage_of
from .op import bind, failed, promote, unwrap
from .plan import NEEDED, NEEDED_TENSORS
from .quiet import quiet_numpy, restore_numpy
from .tensor import Tensor, hooks_of, wrap
from .writing import check_castable, check_writable


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
    recorded = mode.grad and self._array.dtype.kind in "fc" and any(k in (NEEDED, NEEDED_TENSORS) for k, p in zip(kinds, op.params) if p in op.differentiable or p == "self")
    if mode.grad and self._base is not None:
        _check_view(self)
    if recorded:
        _check_allowed(op, self)
    check_writable(self._array)
    if mode.observer is not None:
        mode.observer.begin(op, args)
        mode.observer.before_in_place(op.name, self)
    plan = op.plan(kinds) if recorded else None
    before = _before(self, keep_elements=recorded and op.params[0] in plan.saved_names)
    target = self._array
    token = quiet_numpy()
    try:
        if op.mutates:
            op.flat_kernel(*arrays)
        else:
            if op.promote:
                promote(op, arrays, kinds)
            result = np.asarray(op.flat_kernel(*arrays))
            check_castable(result.dtype, target.dtype)
            if result.shape != target.shape:
                raise RuntimeError(f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(result.shape)}")
            np.copyto(target, result, casting="unsafe")
    except Exception as error:
        failed(op, args, arrays, error, place)
    finally:
        restore_numpy(token)
    cell = storage_of(self)
    cell.version += 1
    cell.place = place
    node = None
    if recorded:
        node = _record(plan, (before, *args[1:]), self, place)
    if mode.observer is not None:
        mode.observer.op(op, (before, *args[1:]), self, node, place, True)
    return self


def _before(self, keep_elements):
    """The tensor as it was, with its old history; a copy where a derivative will ask for the elements that are about to go."""
    before = wrap(self._array.copy() if keep_elements else self._array)
    before._requires_grad = self._requires_grad
    before._edge = gradient_edge(self) if self._requires_grad else None
    return before


def _check_view(self):
    """Raise `RuntimeError` where PyTorch refuses to change a view while recording, whether or not the view itself wants a gradient."""
    base = self._base
    if getattr(self, "_made_unrecorded", False) and base._requires_grad:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case is ambiguous "
            "and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the "
            "no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
        )
    if base._requires_grad and base._edge is None or self._requires_grad and self._edge is None:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if base._requires_grad and not self._requires_grad:
        raise errors.unsupported("an in-place change of a view whose base has come to require gradients", "take the view again")


def _check_allowed(op, self):
    if self._base is not None:
        raise errors.unsupported(
            f"the in-place operator {op.name} on a view when gradients have to flow through it",
            "assign through the whole tensor (x[index] = ...), or compute a new tensor",
        )
    if self._requires_grad and self._edge is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if self._cell is not None and any(r() is not None for r in self._cell.views):
        raise errors.unsupported(
            f"the in-place operator {op.name} on a tensor that has views still in use, when gradients have to flow through it",
            "make the change before taking the view, or compute a new tensor",
        )
    if self._requires_grad and op.params[0] not in op.differentiable:
        raise errors.unsupported(f"gradients through the in-place operator {op.name}", "detach() the tensor first, or compute a new one")
    if self._array.dtype.kind != "f":
        raise RuntimeError(f"result type Float can't be cast to the desired output type {self.dtype.tensor_name}")


def _record(plan, args, self, place):
    """Give the tensor its new history: the node of this change, with the old history behind it."""
    old_edge = self._edge
    node = plan.record(self, *place, *args)
    overwritten = [t._cell is self._cell and n not in plan.op.result_names for n, t in zip(plan.saved_names, node.saved)]
    if any(overwritten):  # an argument that shares our memory, as in x.mul_(x): backward must see that it is not what it was
        versions = getattr(node, "versions", None) or (0,) * len(node.saved)
        node.versions = tuple(v - changed for v, changed in zip(versions, overwritten))
    if self._retains_grad and old_edge is not None:  # what is retained is the gradient of the tensor as it is now
        hooks = hooks_of(old_edge)
        keep = next(h for h in hooks if getattr(h, "last", False))
        hooks.remove(keep)
        hooks_of(node).append(keep)
    return node


def assign_in_place(self: Tensor, array, place) -> None:
    """Overwrite the elements of a tensor that no gradient follows, and count the change."""
    np.copyto(self._array, array, casting="unsafe")
    cell = storage_of(self)
    cell.version += 1
    cell.place = place
