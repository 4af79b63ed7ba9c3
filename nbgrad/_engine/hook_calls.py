"""Calling hooks, and checking what they return. backward.py does so, on tensors, where a node has any."""

from __future__ import annotations

import threading

from .tensor import Tensor


class _Running(threading.local):
    current = None


running = _Running()  # `current`: the backward pass whose hooks are being called on this thread


def call_tensor_hooks(hooks, grads):
    """Call the hooks of a node's outputs, and then those that keep gradients; replaces what they replace in the list `grads`."""
    for number, functions in hooks.tensor.items():
        for hook in tuple(functions.values()):
            grads[number] = _checked(hook, grads[number], hook(grads[number]))
    for number, keep in hooks.retained.items():
        keep(grads[number])


def call_node_hooks_before(hooks, grads):
    """Call the hooks that run before a node; gives the gradients of its outputs, as a list."""
    for hook in tuple(hooks.before.values()):
        grads = _checked_all(hook, grads, hook(tuple(grads)))
    return grads


def call_node_hooks_after(hooks, grads_in, grads_out):
    """Call the hooks that run after a node with the gradients of its inputs and outputs; gives those of its inputs, as a list."""
    for hook in tuple(hooks.after.values()):
        grads_in = _checked_all(hook, grads_in, hook(tuple(grads_in), tuple(grads_out)))
    return grads_in


def call_accumulated_hooks(hooks, leaf):
    """Call the hooks of a leaf whose `.grad` has been added to; they return nothing."""
    for hook in tuple(hooks.accumulated.values()):
        result = hook(leaf)
        if result is not None:
            raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'; a post accumulate grad hook returns None")


def _checked_all(hook, before, after):
    if after is None:
        return before
    if not isinstance(after, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(after).__name__}'")
    if len(after) != len(before):
        raise RuntimeError(f"hook '{_name_of(hook)}' has returned an incorrect number of values (got {len(after)}, but expected {len(before)})")
    return [None if new is None else _checked(hook, old, new) for old, new in zip(before, after)]


def _checked(hook, before, after):
    """The gradient that holds after a hook: what it returned, if that can stand for the one it was given."""
    if after is None:
        return before
    if before is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if not isinstance(after, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(after).__name__}'")
    if after._array.dtype != before._array.dtype:
        raise RuntimeError(
            f"hook '{_name_of(hook)}' has changed the type of value (was torch.{before.dtype.tensor_name}Tensor "
            f"got torch.{after.dtype.tensor_name}Tensor)"
        )
    if after._array.shape != before._array.shape:
        raise RuntimeError(
            f"hook '{_name_of(hook)}' has changed the size of value: torch.Size({list(before.shape)}) became torch.Size({list(after.shape)})"
        )
    return after


def _name_of(hook):
    return getattr(hook, "__name__", "<unknown>")
