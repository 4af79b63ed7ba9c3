"""What the engine does where tensors hold batches: it runs once per example what cannot be run for all at once, and lets gradients leave `vmap`.

While a `vmap` runs, a `VmapLayer` stands at the bottom of the layers, so that it hears every operator, also those that other layers compute. It gives
the nodes made meanwhile a plan that knows the level: a gradient that goes from there to a tensor outside, the same for all examples, is summed over
them. While the level itself stands, as in `vmap(grad(f))`, nothing is summed: gradients are then one per example too.
"""

from __future__ import annotations

import contextlib
import functools

from .batched import (
    DYNAMIC, NotBatchable, Refused, attempt, batch_size, has_level, joined, looped, shape_in_batch, slice_of, summed_over_level, top_level,
    with_level,
)  # fmt: skip
from . import batch_rules  # noqa: F401  (fills the tables of batched.py)
from .arguments import blamed
from .modes import state
from .node import node_of, number_of
from .observe import Layer, layers_of, remove_layer
from .plan import Plan
from .tensor import Tensor

INPLACE = (
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more elements than "
    "`self`. This happened due to `other` being vmapped over but `self` not being vmapped over in a vmap. Please try to use out-of-place operators "
    "instead of inplace arithmetic. If said operator is being called inside the PyTorch framework, please file a bug report instead."
)

OF_DYNAMIC_SHAPE = frozenset(("nonzero", "argwhere", "unique", "unique_consecutive", "masked_select", "where_or_nonzero"))


class VmapLayer(Layer):
    """One running `vmap`: its level, its number of examples, and what random operators are to do."""

    def __init__(self, level, size, randomness):
        self.level, self.size, self.randomness = level, size, randomness
        self.paused = False  # while the `vmap` of a custom Function runs, which works on whole batches

    def op(self, op, args, result, node, place, in_place=False):
        if node is not None and not self.paused:
            if node.arity > 1:
                node.shape = alike(node.shape, self.level)
            node.plan = PlanInVmap(node.plan, self.level, self.size)
        super().op(op, args, result, node, place, in_place)


def alike(shapes, level):
    """The shapes of a node's outputs, all of them those of batches if one is: the gradients of a node must be those of one example each, or all sums."""
    levels = [getattr(s, "levels", ()) for s in shapes]
    if not any(level in one for one in levels):
        return shapes
    return [s if level in own else shape_in_batch(s, (level, *own)) for s, own in zip(shapes, levels)]


@contextlib.contextmanager
def vmapping(level, size, randomness="error"):
    """Inside the block a `vmap` of this level runs on this thread."""
    layer = VmapLayer(level, size, randomness)
    mode = state.mode
    lowest = None
    for lowest in layers_of(mode.observer):
        pass
    if lowest is None:
        layer.below, mode.observer = mode.observer, layer
    else:
        layer.below, lowest.below = lowest.below, layer
    try:
        yield layer
    finally:
        remove_layer(layer)


def running():
    """The layers of the `vmap`s that run on this thread, innermost first."""
    found = [layer for layer in layers_of(state.mode.observer) if type(layer) is VmapLayer and not layer.paused]
    return sorted(found, key=lambda layer: layer.level, reverse=True)


def vmap_runs() -> bool:
    """Whether any `vmap` runs on this thread."""
    return state.mode.observer is not None and any(type(layer) is VmapLayer for layer in layers_of(state.mode.observer))


def is_running(level):
    """Whether the `vmap` of this level runs on this thread."""
    return any(type(layer) is VmapLayer and layer.level == level and not layer.paused for layer in layers_of(state.mode.observer))


class PlanInVmap:
    """The plan of a node made inside a `vmap`: the operator's own, and then what leaves the `vmap` is summed over the examples."""

    __slots__ = ("plan", "level", "size")

    def __init__(self, plan, level, size):
        self.plan, self.level, self.size = plan, level, size

    def __getattr__(self, name):
        return getattr(self.plan, name)

    def backward(self, node, grad):
        parts = backward_or_by_example(self.plan, node, grad)
        inside = is_running(self.level)
        return [part if part is None or edge is None else self._towards(edge, part, inside) for edge, part in zip(node.edges, parts)]

    def _towards(self, edge, part, inside):
        if has_level(part, self.level):
            return part if inside or belongs(edge, self.level) else summed_over_level(part, self.level)
        if belongs(edge, self.level):
            return with_level(_repeated(part, self.size), 0, self.level)
        return part

    def backward_on_tensors(self, node, grad):
        inside = is_running(self.level)
        with contextlib.nullcontext() if inside else vmapping(self.level, self.size):
            parts = backward_or_by_example(self.plan, node, grad, on_tensors=True)
            return [part if part is None or edge is None else self._tensor_towards(edge, part, inside) for edge, part in zip(node.edges, parts)]

    def _tensor_towards(self, edge, part, inside):
        if has_level(part._array, self.level):
            return part if inside or belongs(edge, self.level) else shown(part, self.level, self.size).sum(0)
        if belongs(edge, self.level):
            return hidden(shown(part, self.level, self.size), self.level)
        return part


def _repeated(array, size):
    import numpy as np

    return np.broadcast_to(array, (size, *array.shape))


def belongs(edge, level):
    """Whether what an edge leads to has one value per example of this level."""
    node = node_of(edge)
    return level in getattr(node.shape if node.arity == 1 else node.shape[number_of(edge)], "levels", ())


def shown(tensor, level, size):
    """The tensor with the batch of a level as its first dimension."""
    return operator("_remove_batch_dim")(tensor, 0, level, size)


def hidden(tensor, level):
    """The tensor with its first dimension as the batch of a level."""
    return operator("_add_batch_dim")(tensor, 0, level)


def operator(name):
    """The function of an operator that is declared above this floor."""
    from .op import REGISTRY

    return REGISTRY[name].function


# ---- once per example


def run_by_example(op, arrays, error):
    """The result of an operator whose kernel cannot do with a batch; raises what the kernel raised if there is none."""
    level = top_level(arrays)
    if not level:
        raise error
    if op.name in OF_DYNAMIC_SHAPE:
        raise Refused(DYNAMIC.format(op.name))
    if op.mutates and not has_level(arrays[0], level):
        raise Refused(INPLACE)
    found = looped(op.flat_kernel, tuple(arrays))
    if op.view:
        for one in found if isinstance(found, tuple) else (found,):
            one.physical.flags.writeable = False  # it is no view, so nobody may write through it
    return found


def backward_or_by_example(plan, node, grad, on_tensors=False):
    """The gradients that a node passes on: by its plan, or example by example where a formula cannot do with a batch."""
    try:
        return plan.backward_on_tensors(node, grad) if on_tensors else plan.backward(node, grad)
    except NotBatchable as error:
        if type(plan) is PlanInVmap:
            raise
        return backward_by_example(plan, node, grad, on_tensors, error)


def backward_by_example(plan, node, grad, on_tensors, error):
    """Run the formulas of a node once per example."""
    if not isinstance(plan, Plan):
        if top_level(grad) in getattr(node.shape, "levels", ()) or node.arity > 1:
            raise error
        if on_tensors:
            return looped_on_tensors(lambda g: plan.backward_on_tensors(node, g), (grad,), {}, error)
        return attempt(lambda g: tuple(plan.backward(node, g)), (grad,))
    values = plan.values_on_tensors(node, grad)
    if on_tensors:
        return looped_on_tensors(lambda values: plan.run_formulas(values), (values,), {}, error)
    names = list(values)
    return attempt(lambda *given: tuple(plan.run_formulas(dict(zip(names, given)))), tuple(_arrays(values[n]) for n in names))


def _arrays(value):
    if isinstance(value, Tensor):
        return value._array
    return type(value)(map(_arrays, value)) if type(value) in (tuple, list) else value


def by_example(function):
    """Let a function of tensors that is no operator be called once per example where it cannot do with a batch, and say which argument is no tensor."""
    code = function.__code__

    @functools.wraps(function)
    def run(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except NotBatchable as error:
            return looped_on_tensors(function, args, kwargs, error)
        except Exception as error:
            error = blamed(function.__name__, code, args, kwargs, error)
            if error is None:
                raise
            raise error from None

    return run


def looped_on_tensors(function, args, kwargs, error):
    """Call a function of tensors once per example of the highest level among them, and stack what it gives; differentiable."""
    level, size = _highest((args, kwargs))
    if not level:
        raise error
    if function.__name__ in OF_DYNAMIC_SHAPE:
        raise Refused(DYNAMIC.format(function.__name__))
    if not size:
        raise RuntimeError("The fallback path does not support vmap over dims of size 0.")
    results = []
    for i in range(size):
        given, further = (_example(x, level, size, i) for x in (args, kwargs))
        try:
            results.append(function(*given, **further))
        except NotBatchable as inner:
            results.append(looped_on_tensors(function, given, further, inner))
    return _stacked(results, level)


def _highest(x):
    """The highest level among tensors, and its number of examples."""
    if isinstance(x, Tensor):
        level = top_level(x._array)
        return level, batch_size(x._array, level)
    if isinstance(x, dict):
        x = tuple(x.values())
    if isinstance(x, (tuple, list)):
        return max(map(_highest, x), default=(0, None), key=lambda found: found[0])
    level = top_level(x)
    return level, batch_size(x, level)


def _example(x, level, size, i):
    if isinstance(x, Tensor):
        return shown(x, level, size).select(0, i) if top_level(x._array) == level else x
    if type(x) is dict:
        return {k: _example(v, level, size, i) for k, v in x.items()}
    if type(x) in (tuple, list):
        return type(x)(_example(y, level, size, i) for y in x)
    return slice_of(x, level, i)


def _stacked(results, level):
    first = results[0]
    if isinstance(first, (tuple, list)):
        parts = [_stacked(list(part), level) for part in zip(*results)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if not isinstance(first, Tensor):
        if all(r is first or r == first for r in results):
            return first
        raise NotBatchable("the examples of a batch gave different things that are no tensors")
    if any(r._array.shape != first._array.shape for r in results):
        joined([r._array for r in results], level)  # raises
    return hidden(operator("stack")(results, 0), level)
