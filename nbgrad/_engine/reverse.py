"""Levels of reverse mode, one function's derivative inside another's: stand-ins for the inputs, and results taken out of the level.

A level needs no mark on tensors, because variables of different levels are different leaves. An input gets a stand-in, a leaf whose accumulator is the
node that leads on to the input itself: inside the level it is a leaf like any other, and gradients that are differentiated further pass through it.
Only where something beyond the stand-ins wants gradients does the level compute them so that they can be differentiated again.
"""

from __future__ import annotations

import weakref

import numpy as np

from .backward import grad
from .modes import state
from .node import AccumulateGrad, gradient_edge, node_of
from .op import REGISTRY
from .tensor import Tensor, wrap


class ReverseLevel:
    """The derivative of one function: `stand_in` for its inputs, `pull` cotangents of its outputs back to them, `lower` what leaves it."""

    def __init__(self):
        self.recorded = state.mode.grad  # whether who asked wants to differentiate further
        self.variables = []
        self._inputs = {}  # id of a stand-in -> what it stands for
        self._own = {}  # accumulators of the stand-ins -> whether they lead on

    def stand_in(self, tensor):
        """A leaf that stands for an input. Raises `RuntimeError` for numbers that are no floats."""
        if tensor._array.dtype.kind not in "fc":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        out = bare(tensor, self.recorded)
        node, out._edge = out._edge, None
        out._requires_grad = True
        if node is None:
            node = gradient_edge(out)
        else:
            out._accumulator = weakref.ref(node)
        self._own[node] = True
        self._inputs[id(out)] = tensor
        self.variables.append(out)
        return out

    def leads_beyond(self, tensors) -> bool:
        """Whether gradients of these tensors reach a leaf that is no stand-in of this level."""
        if not self.recorded:
            return False
        stack = [node_of(gradient_edge(t)) for t in tensors if t._requires_grad]
        seen = {None, *stack}
        while stack:
            node = stack.pop()
            if type(node) is AccumulateGrad:
                if node not in self._own:
                    return True
            elif node is not None:
                for edge in node.edges:
                    child = node_of(edge)
                    if child not in seen:
                        seen.add(child)
                        stack.append(child)
        return False

    def pull(self, outputs, cotangents, keep=False, further=None):
        """The gradients of outputs by all stand-ins, zeros where there is no way; they can be differentiated again if `further`.

        `further` defaults to whether anybody could: whether the outputs or the cotangents lead beyond the level.
        """
        pairs = [(o, c) for o, c in zip(outputs, cotangents) if o._requires_grad]
        found = [None] * len(self.variables)
        if pairs and self.variables:
            if further is None:
                given = [c for _, c in pairs if c is not None]
                further = self.leads_beyond(with_tangents([o for o, _ in pairs])) or state.mode.grad and any(c._requires_grad for c in with_tangents(given))
            outputs, cotangents = zip(*pairs)
            found = grad(outputs, self.variables, cotangents, retain_graph=keep or further, create_graph=further, allow_unused=True)
        return [wrap(np.zeros_like(v._array)) if g is None else g for g, v in zip(found, self.variables)]

    def lower(self, tensor):
        """A tensor as it is outside the level: without the history that only the level had; its tangents likewise."""
        if id(tensor) in self._inputs:
            return self._inputs[id(tensor)]
        tangents = tensor._tangents
        if tensor._requires_grad and not self.leads_beyond((tensor,)):
            tensor = bare(tensor, False)
        for level, tangent in tuple(tangents.items() if tangents else ()):
            level.give(tensor, self.lower(tangent))
        return tensor


def with_tangents(tensors) -> list:
    """Tensors, their tangents, the tangents of those and so on."""
    found = list(tensors)
    for t in found:  # grows meanwhile
        found += (t._tangents or {}).values()
    return found


def bare(tensor, recorded) -> Tensor:
    """The same elements, with the meaning that layers give them, as a tensor that is a view of nothing; with a history behind it if `recorded`."""
    mode = state.mode
    before = mode.grad
    mode.grad = recorded
    try:
        out = REGISTRY["_alias"].function(tensor)
    finally:
        mode.grad = before
    for name in ("_base", "_creation", "_by_base"):
        out.__dict__.pop(name, None)
    if not recorded:
        out._requires_grad = False
    return out
