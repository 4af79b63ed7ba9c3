"""PyTorch's `torch.autograd.graph`: nodes and edges of the backward graph, and hooks on them and on what they save."""

from __future__ import annotations

import abc
import functools
import threading
import weakref

from .._engine.hook_calls import running as _running
from .._engine.hooks import RemovableHandle as _RemovableHandle
from .._engine.function import BackwardCFunction as _BackwardCFunction
from .._engine.node import Node as _Node
from .._engine.node import history_of as _history_of
from .._engine.node import node_of as _node_of
from .._engine.node import storage_of as _storage_of
from .._engine.publish import settle as _settle
from .._engine.roots import GradientEdge, get_gradient_edge
from .._engine.saved import allow_mutation_on_saved_tensors, disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from .._engine.tensor import Tensor as _Tensor

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version",
    "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip

_settle("nbgrad.autograd.graph", allow_mutation_on_saved_tensors, disable_saved_tensors_hooks, get_gradient_edge, save_on_cpu, saved_tensors_hooks)


class Node(abc.ABC):
    """A step of backward, as `grad_fn` gives it: for `isinstance`. Nodes are made by operators only."""

    @abc.abstractmethod
    def name(self):
        """Its name, such as "MulBackward0"."""

    @property
    @abc.abstractmethod
    def next_functions(self):
        """The nodes that gradients go to next, as pairs (node, number of its output); (None, 0) where none is wanted."""

    @abc.abstractmethod
    def metadata(self):
        """A dictionary for your own notes."""

    @abc.abstractmethod
    def register_hook(self, fn):
        """Call `fn(grad_inputs, grad_outputs)` after it has run."""

    @abc.abstractmethod
    def register_prehook(self, fn):
        """Call `fn(grad_outputs)` before it runs."""


Node.register(_Node)
Node.register(_BackwardCFunction)


def increment_version(tensor) -> None:
    """Count a change in place of a tensor (or of each of several) that was made behind the engine's back, such as through `.numpy()`."""
    for one in (tensor,) if isinstance(tensor, _Tensor) else tensor:
        _storage_of(one).version += 1


class _MultiHandle(_RemovableHandle):
    """A handle of several hooks at once."""

    def __init__(self, handles):
        self.handles = tuple(handles)

    def remove(self):
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Call a function when gradients of several tensors are known.

    With `mode="all"`, `fn(grads)` is called once in each backward pass, when the gradient of every tensor that takes part in it is known; `grads`
    is a list with None for the others. With `mode="any"`, `fn(grad)` is called with the first of them. Returns a handle with `remove()`.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        return _MultiHandle(_hooks_for_any(tensors, fn))
    tensors = tuple(tensors)
    if not all(t.requires_grad for t in tensors):
        raise AssertionError("Expected gradient function to be set: every tensor has to require a gradient")
    return _MultiHandle(t.register_hook(hook) for t, hook in zip(tensors, _hooks_for_all(list(map(_finder, tensors)), fn)))


def _hooks_for_any(tensors, fn):
    seen, lock = weakref.WeakSet(), threading.Lock()

    @functools.wraps(fn)
    def first(grad):
        with lock:
            late = _running.current in seen
            seen.add(_running.current)
        if not late:
            fn(grad)

    return [t.register_hook(first) for t in tensors if t.requires_grad]


def _finder(tensor):
    """A function that gives the node at which the gradient of a tensor arrives, or None once it is gone; it keeps nothing alive."""
    edge = _history_of(tensor)
    if edge is not None:
        return weakref.ref(_node_of(edge))
    leaf = weakref.ref(tensor)

    def accumulator():
        found = leaf()
        return None if found is None or found._accumulator is None else found._accumulator()

    return accumulator


def _hooks_for_all(finders, fn):
    passes, lock = weakref.WeakKeyDictionary(), threading.Lock()  # backward pass -> [hooks still to come, gradients]

    def hook_for(i):
        def arrived(grad):
            current = _running.current
            with lock:
                if current not in passes:
                    nodes = [find() for find in finders]
                    passes[current] = [sum(current.will_run(n) for n in nodes if n is not None), [None] * len(nodes)]
                found = passes[current]
                found[0] -= 1
                found[1][i] = grad
            if found[0] == 0:
                del passes[current]
                fn(found[1])

        return arrived

    return [hook_for(i) for i in range(len(finders))]
