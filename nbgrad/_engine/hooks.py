"""Hooks: where the functions are kept that users want called during a backward pass, and the handles that take them away again.

A node keeps them in its slot `hooks`, a leaf in `_hooks`; an accumulator shares those of its leaf. Who calls them stands in hook_calls.py.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict


class RemovableHandle:
    """What registering a hook returns. `remove()`, or the end of a `with` block, takes the hook away again; a second time does nothing.

    `id` is the key under which the hook stands in its dictionary. The handle does not keep the hook alive.
    """

    next_id = 0

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        extras = extra_dict if isinstance(extra_dict, list) else [] if extra_dict is None else [extra_dict]
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extras)

    def remove(self):
        """Take the hook away."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


RemovableHandle.__module__ = "nbgrad.utils.hooks"


class Hooks:
    """What users want called around one node, each kind in the order of registration.

    `tensor`: by output number, functions of the gradient of that output. `retained`: by output number, the one that keeps it in `.grad`; it runs
    after them. `before`, `after`: functions of the node. `accumulated`: of a leaf, functions of the leaf once its `.grad` is there.
    """

    __slots__ = ("tensor", "retained", "before", "after", "accumulated")

    def __init__(self, leaf=None):
        """Those of a node; of an accumulator, those that its leaf has (its `Hooks`) and its own."""
        self.tensor = {} if leaf is None else leaf.tensor
        self.accumulated = OrderedDict() if leaf is None else leaf.accumulated
        self.retained = {}
        self.before = OrderedDict()
        self.after = OrderedDict()

    def of_output(self, number):
        """The functions of the gradient of one output."""
        return self.tensor.setdefault(number, OrderedDict())


def add_hook(functions, hook) -> RemovableHandle:
    """Put a hook behind the others."""
    handle = RemovableHandle(functions)
    functions[handle.id] = hook
    return handle


def hooks_of_node(node) -> Hooks:
    """The hooks of a node, made when first needed."""
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks


def hooks_of_leaf(leaf) -> Hooks:
    """The hooks of a leaf, made when first needed, and known to its accumulator if there is one."""
    if leaf._hooks is None:
        leaf._hooks = Hooks()
        accumulator = None if leaf._accumulator is None else leaf._accumulator()
        if accumulator is not None:
            accumulator.hooks = Hooks(leaf._hooks)
    return leaf._hooks
