"""Saved tensors that users keep in a form of their own: hooks that pack what an operator saves and unpack it when backward needs it.

`saved_tensors_hooks` stands as a layer (observe.py) while it is in force: it hears of each operator and packs what its node has saved. Such a node
gets an `UnpackingPlan`. Nothing of this costs anything where no hooks are set.
"""

from __future__ import annotations

import contextlib
import threading
import weakref

from .modes import state
from .node import AccumulateGrad, check_versions, raise_freed, storage_of
from .observe import Layer, add_layer, layers_of, remove_layer
from .plan import Plan
from .tensor import Tensor, alias, wrap
from .views import CopySlices


class Packed:
    """What stands in a node's `saved` for a packed tensor: what the pack hook gave, and the hook that makes a tensor of it."""

    __slots__ = ("value", "unpack_hook")
    _cell = None  # its version is not watched: it may have changed on the way

    def __init__(self, hooks, tensor):
        pack, self.unpack_hook = hooks
        mode = state.mode
        recording, version = mode.grad, tensor._version
        mode.grad = False
        try:
            self.value = pack(tensor)
        finally:
            mode.grad = recording
        if tensor._version != version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by in-place "
                "operations as this can lead to unexpected side-effects. Please open an issue if you need to perform in-place operations on "
                "the input to a pack hook."
            )

    def unpack(self):
        """The tensor again. Raises `TypeError` where the hook gives something else."""
        tensor = self.unpack_hook(self.value)
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(tensor).__name__}")
        return tensor


class UnpackingPlan(Plan):
    """A plan for the nodes of another that saved some of their tensors packed."""

    def __init__(self, plan):
        self.__dict__.update(plan.__dict__)
        self.backward = lambda node, grad: plan.backward(_unpacked(node), grad)

    def _with_history(self, node, name, tensor):
        if type(tensor) is not Packed:
            return super()._with_history(node, name, tensor)
        tensor = tensor.unpack()
        out = super()._with_history(node, name, tensor)
        if type(out._accumulator and out._accumulator()) is AccumulateGrad and out is not tensor:  # a leaf: the same gradient, what was unpacked
            leaf, out = out, wrap(tensor._array)
            out._requires_grad, out._accumulator, out._cell = True, leaf._accumulator, tensor._cell
        return out


def _unpacked(node):
    """A node like this one with tensors where it has saved packed ones."""
    if node.saved is None:
        raise_freed(node)
    check_versions(node)
    out = object.__new__(type(node))
    for name in ("edges", "code", "offset", "shape", "dtype", "arity", "params"):
        if hasattr(node, name) and not (name == "arity" and node.arity == type(node).arity):
            setattr(out, name, getattr(node, name))
    saved = list(node.saved)
    for i in _order(node.plan):
        saved[i] = wrap((saved[i].unpack() if type(saved[i]) is Packed else saved[i])._array)
    out.saved = tuple(saved)
    return out


def _order(plan):
    """In which order saved tensors are packed and unpacked, as indices: PyTorch's, arguments by name, then results."""
    names = plan.saved_names
    return sorted(range(len(names)), key=lambda i: (names[i] in plan.op.result_names, names[i]))


def unpacking(plan):
    """The plan that stands for another where saved tensors are packed."""
    found = plan.__dict__.get("unpacking")
    if found is None:
        found = plan.unpacking = UnpackingPlan(plan)
    return found


class SavedTensor:
    """A tensor that a node has saved, as `grad_fn._raw_saved_<name>` gives it, so that hooks can be set on it alone."""

    def __init__(self, node, name):
        self._node, self._name = node, name

    @property
    def _index(self):
        names = getattr(self._node.plan, "saved_names", ())
        return names.index(self._name) if self._name in names else None

    @property
    def data(self):
        """The saved tensor, or what it was packed into; None where there is none, or none any more."""
        if self._node.saved is None or self._index is None:
            return None
        found = self._node.saved[self._index]
        return found.value if type(found) is Packed else self.unpack()

    def unpack(self):
        """The tensor, unpacked if it was packed. Raises `RuntimeError` once freed."""
        return self._node.plan.saved_value(self._node, self._name)

    def register_hooks(self, pack_hook, unpack_hook):
        """Pack the tensor at once, and unpack it whenever it is needed. Raises `RuntimeError` once freed, or where hooks are set already."""
        if not callable(pack_hook) or not callable(unpack_hook):
            raise TypeError("register_hooks(): incompatible function arguments: two functions are expected")
        node, index = self._node, self._index
        if node.saved is None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph are freed when you "
                "call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if "
                "you need to access saved variables after calling backward."
            )
        if index is None:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        tensor = node.saved[index]
        if type(tensor) is Packed:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is allowed at a time."
            )
        packed = Packed((pack_hook, unpack_hook), alias(tensor))
        node.saved = (*node.saved[:index], packed, *node.saved[index + 1 :])
        if type(node.plan) is Plan:
            node.plan = unpacking(node.plan)


class _Packing(Layer):
    """Packs what operators save with one pair of hooks."""

    def __init__(self, hooks):
        self.hooks = hooks

    def op(self, op, args, result, node, place, in_place=False):
        step = node.saved[0] if type(node) is CopySlices else node
        if step is not None and type(step.plan) is Plan and step.plan.saved_names:  # an inner pair of hooks has been here, if it is another plan
            self.pack(step, result)
        super().op(op, args, result, node, place, in_place)

    def pack(self, node, result):
        plan = node.plan
        packed = list(node.saved)
        for i in _order(plan):
            name, tensor = plan.saved_names[i], packed[i]
            if name in plan.op.result_names:
                tensor = result[plan.op.outputs.index(name)] if plan.op.outputs and name != "result" else result
            packed[i] = Packed(self.hooks, tensor)
        node.saved = tuple(packed)
        node.plan = unpacking(plan)


class _Disabled(threading.local):
    message = None


_disabled = _Disabled()


def current_hooks():
    """The pair of hooks in force on this thread, the innermost; None if there is none. For what saves tensors without being an operator."""
    return next((layer.hooks for layer in layers_of(state.mode.observer) if isinstance(layer, _Packing)), None)


class saved_tensors_hooks:  # noqa: N801  (torch's name)
    """A block in which what operators save for backward is packed by `pack_hook(tensor)` and made a tensor again by `unpack_hook(packed)`.

    Of blocks inside each other the innermost counts. Raises `RuntimeError` on entering while such hooks are disabled.
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook
        self._layers = []

    def __enter__(self):
        if not callable(self.pack_hook) or not callable(self.unpack_hook):
            raise TypeError("saved_tensors_hooks(): incompatible function arguments: two functions are expected")
        if _disabled.message is not None:
            raise RuntimeError(_disabled.message)
        layer = _Packing((self.pack_hook, self.unpack_hook))
        self._layers.append(layer)
        add_layer(layer)

    def __exit__(self, *exception):
        remove_layer(self._layers.pop())


class save_on_cpu(saved_tensors_hooks):  # noqa: N801  (torch's name)
    """A block in which saved tensors are kept on the CPU, where they are anyway: they are kept as they are. `pin_memory=True` keeps copies."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__((lambda tensor: tensor.clone()) if pin_memory else (lambda tensor: tensor.detach()), lambda packed: packed)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message):
    """A block in which entering `saved_tensors_hooks` raises a `RuntimeError` with this message. It may not begin where such hooks are in force."""
    if current_hooks() is not None:
        raise RuntimeError(error_message)
    before = _disabled.message
    _disabled.message = error_message
    try:
        yield
    finally:
        _disabled.message = before


class _Kept:
    """Stands in a node for a tensor that may be changed in place while it is saved."""

    __slots__ = ("__weakref__",)


class MutationContext(_Packing):
    """What `allow_mutation_on_saved_tensors` keeps: the saved tensors themselves, or copies of those that were about to be changed."""

    def __init__(self):
        super().__init__((self._keep, self._kept))
        self.original = weakref.WeakKeyDictionary()
        self.cloned = weakref.WeakKeyDictionary()
        self._by_memory = {}  # version cell -> what stands for tensors saved from that memory

    def _keep(self, tensor):
        handle = _Kept()
        self.original[handle] = alias(tensor)
        self._by_memory.setdefault(storage_of(tensor), weakref.WeakSet()).add(handle)
        return handle

    def _kept(self, handle):
        found = self.cloned.get(handle, self.original.get(handle))
        if found is None:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was originally recorded."
            )
        return found

    def before_in_place(self, op, tensor):
        for handle in self._by_memory.pop(tensor._cell, ()):
            self.cloned[handle] = wrap(self.original.pop(handle)._array.copy())
        super().before_in_place(op, tensor)

    def clear(self):
        """Forget all of them."""
        self.original.clear()
        self.cloned.clear()
        self._by_memory.clear()


@contextlib.contextmanager
def allow_mutation_on_saved_tensors():
    """A block in which tensors that operators saved may be changed in place: backward uses copies that are made before the change.

    Forward and backward both belong into the block. Blocks inside each other are a `RuntimeError`.
    """
    if any(isinstance(layer, MutationContext) for layer in layers_of(state.mode.observer)):
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    context = MutationContext()
    add_layer(context)
    try:
        yield context
    finally:
        remove_layer(context)
        context.clear()
