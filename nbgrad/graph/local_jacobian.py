"""The Jacobian of one recorded operator, computed again from what its inputs held.

Nothing here is taken on trust: the operator is run anew on the recorded values, its result must be what was recorded, and what flowed back must be what
this Jacobian sends back. Where that cannot be shown, the answer says so instead. No backward pass is run, so that nobody hears of it.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import math
from collections.abc import Callable

import numpy as np

from .._engine.backward import fit
from .._engine.modes import state
from .._engine.observe import observing
from .._engine.op import REGISTRY, REQUIRED, Op
from .._engine.tensor import Tensor, wrap
from .._ops import random
from .operators import edges_of_inputs, formulas_of
from .records import Graph
from .stepping import SMALL, stepping

GONE = "The values that went in are not known any more."
UNSURE = "It could not be computed again from what was recorded."


def local_jacobian(graph: Graph, n: int, living: Callable[[str], np.ndarray | None]) -> dict | None:
    """The Jacobian of the operator whose node ran in step `n`: rows are elements of its result, columns elements of an input.

    `living` gives the array of a value as it was recorded, or None if it is gone or has changed. The answer has `out`, `out_shape` and `inputs`, each
    with `name`, `shape` and `rows`; or only `why` there is none. None for steps to which there is no small operator.
    """
    step = graph.steps[n] if 0 <= n < len(graph.steps) else None
    if step is None or step.call is None:
        return None
    steps, call = stepping(graph), graph.call(step.call)
    if not steps.is_small(call):
        return None
    values = [graph.value(id) for id in call.inputs]
    arrays = [_known(v, living) for v in values]
    if any(a is None for a in arrays):
        return {"why": GONE}
    made = _known(graph.value(call.outputs[0]), lambda id: None)
    found = next((f for op in _operators().get(call.formulas, ()) if (f := _rerun(op, call, arrays, made)) is not None), None)
    if found is None or not _agrees(found, step):
        return {"why": UNSURE}
    inputs = [{"name": steps.name(v.id), "id": v.id, "shape": list(v.shape), "rows": [[_plain(x) for x in row] for row in rows]}
              for v, rows in zip(values, found) if rows is not None and rows.shape[1] <= SMALL]  # fmt: skip
    out = graph.value(call.outputs[0])
    return {"out": steps.name(out.id), "out_shape": list(out.shape), "inputs": inputs} if inputs else None


def unchanged(graph: Graph, tensors) -> Callable[[str], np.ndarray | None]:
    """What `local_jacobian` reads living tensors by, from weak references by value id: only those of the version that was recorded."""

    def living(id):
        reference = tensors.get(id)
        tensor = None if reference is None else reference()
        return tensor._array if tensor is not None and tensor._version == graph.value(id).version else None

    return living


def _known(value, living):
    """A copy of the array that a value was, or None."""
    size = math.prod(value.shape)
    if value.dtype.startswith("complex"):
        return None
    if value.data is not None and len(value.data.values) == size == value.data.size:
        try:
            return np.array(value.data.values, np.dtype(value.dtype)).reshape(value.shape)
        except (TypeError, ValueError):
            return None
    array = living(value.id)
    return None if array is None or array.shape != value.shape else np.array(array)


@functools.cache
def _operators():
    """The operators by their formulas; not those that draw random numbers, since a draw more would change what the cell gets next."""
    found = {}
    for op in REGISTRY.values():
        if isinstance(op, Op) and op.vjp and not op.mutates and op.kernel.__module__ != random.__name__:
            found.setdefault(formulas_of(op), []).append(op)
    return found


def _rerun(op, call, arrays, made):
    """For each input a Jacobian (elements of the result, elements of the input) or None; None if this is not what ran."""
    given = _arguments(op, call, arrays)
    if given is None or made is None:
        return None
    with _alone():
        try:
            result = op.function(*given[: op.positional], **dict(zip(op.params[op.positional :], given[op.positional :])))
        except Exception:  # another overload of the same formulas: not what ran
            return None
        node = result.grad_fn if isinstance(result, Tensor) else None
        if node is None or type(node).__name__ != call.node or result._array.dtype != made.dtype or not _same(result._array, made):
            return None
        edges = edges_of_inputs(op, given, node)
        rows = []
        for k in range(made.size):
            basis = np.zeros(made.size, made.dtype)
            basis[k] = 1
            sent = node(wrap(basis.reshape(made.shape)))
            rows.append(sent if isinstance(sent, tuple) else (sent,))
    found = []
    for position, array in zip(edges, arrays):
        parts = [None if position is None else row[position] for row in rows]
        found.append(None if any(p is None for p in parts) or not parts else np.stack([fit(p._array, array.shape).reshape(-1) for p in parts]))
    return found


def _arguments(op, call, arrays):
    tensors, params = {}, dict(call.params)
    if len(call.arguments) != len(arrays) or "" in call.arguments:
        return None
    for name, array in zip(call.arguments, arrays):
        tensor = wrap(array)
        if array.dtype.kind == "f":
            tensor.requires_grad_(True)
        tensors.setdefault(name, []).append(tensor)
    given = []
    for name, default in zip(op.params, op.defaults):
        if name in tensors:
            several = tensors.pop(name)
            given.append(several if name == "tensors" else several[0])
        elif name in params:
            try:
                given.append(ast.literal_eval(params.pop(name)))
            except (ValueError, SyntaxError):
                return None
        else:
            given.append(None if default is REQUIRED else default)  # of the arguments only None is not recorded
    return None if tensors or params else given


@contextlib.contextmanager
def _alone():
    """With gradients on and nobody watching this thread, whatever the cell does meanwhile in another."""
    before = state.mode.grad
    with observing(None):
        state.mode.grad = True
        try:
            yield
        finally:
            state.mode.grad = before


def _same(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-30, equal_nan=True)


def _agrees(found, step):
    """Whether the gradient that came, times this Jacobian, is what was sent; as far as both were kept."""
    came = step.grads_in[0] if step.grads_in else None
    if came is None or len(came.values) != came.size or len(found) != len(step.grads_out):
        return True
    for rows, sent in zip(found, step.grads_out):
        if rows is not None and sent is not None and len(sent.values) == sent.size == rows.shape[1]:
            with np.errstate(all="ignore"):
                expected = np.array(came.values, float) @ rows.astype(float)
            if np.isfinite(expected).all() and not np.allclose(expected, np.array(sent.values, float), rtol=1e-3, atol=1e-6):
                return False
    return True


def _plain(x):
    x = float(x) + 0.0  # no negative zero
    return float(f"{x:.6g}") if math.isfinite(x) else str(x)
