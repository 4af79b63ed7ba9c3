"""Nodes of the backward graph, and the versions that say whether what they saved is still what it was.

A node is made by the operator that ran (op.py) and visited by backward.py. An edge says where a gradient goes: it is a node with one output, a `Port` of
a node with several, or None. Edges are captured when the operator runs, so that a later in-place change cannot move them. There are no reference cycles: a graph is freed by counting alone.
"""

from __future__ import annotations

import itertools
import weakref

from . import dtypes, errors
from .hooks import Hooks, RemovableHandle, add_hook, hooks_of_leaf, hooks_of_node
from .size import size_of_shape
from .modes import state

next_sequence = itertools.count().__next__
LAST = (1 << 64) - 1  # sequence number of accumulators: they come before every other node, as soon as they are ready


class Storage:
    """The version of one piece of memory, shared by a tensor, its views and what `detach` makes of it."""

    __slots__ = ("version", "place", "views", "stale")

    def __init__(self):
        self.version = 0
        self.place = None  # of the last in-place change
        self.views = []  # weak references to the views whose histories are as they should be
        self.stale = []  # to those whose histories are stale: a further change has nothing to tell them

    tracked = True  # whether changes are counted


class InferenceStorage(Storage):
    """In place of the version of what was made in inference mode: asked for outside that mode, it raises `RuntimeError`. There is one for all."""

    __slots__ = ()

    def __init__(self):
        pass

    tracked = False
    place = property(lambda self: None, lambda self, place: None)
    views = stale = property(lambda self: [])

    @property
    def version(self):
        if state.mode.inference is None:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor before "
                "doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
            )
        return 0

    @version.setter
    def version(self, value):
        pass


INFERENCE_STORAGE = InferenceStorage()


class Node:
    """One step of backward: what an operator left behind. Subclasses carry torch's names, such as `MulBackward0`."""

    # `edges`: one per differentiable input, None where no gradient is wanted. `saved`: the tensors that formulas ask for, None once freed.
    # `versions`: theirs at the time, left unset where all were 0. `params`: other things that formulas ask for. `shape`, `dtype`: of the
    # output (lists of them where there are several). `code`, `offset`: the instruction in the user's source. `hooks`: None or `Hooks`.
    # Everything the backward pass reads is a slot: reading an attribute of the class costs five times as much.
    __slots__ = (
        "plan", "edges", "saved", "versions", "params", "shape", "dtype", "sequence", "code", "offset", "hooks", "__dict__", "__weakref__",
    )  # fmt: skip

    arity = 1  # number of outputs

    @property
    def place(self):
        """The place in the user's source as (code, instruction offset)."""
        return (self.code, self.offset)

    def name(self) -> str:
        """The node's name, such as "MulBackward0"; that of its class, but for two that PyTorch names in full."""
        name = type(self).__name__
        return f"torch::autograd::{name}" if name in ("AccumulateGrad", "CopySlices") else name

    def shown(self):
        """What users see as this node: itself, or the ctx of a custom Function."""
        return self

    @property
    def next_functions(self):
        """The nodes that gradients go to next, as pairs (node, its output number); (None, 0) where none is wanted."""
        return tuple((None if edge is None else node_of(edge).shown(), number_of(edge)) for edge in self.edges)

    @property
    def metadata(self) -> dict:
        """A dictionary for your own notes."""
        return self.__dict__.setdefault("_metadata", {})

    def _sequence_nr(self) -> int:
        return self.sequence

    @property
    def _outputs(self):
        """The numbers of its outputs that can have gradients."""
        return [0] if self.arity == 1 else [i for i, kind in enumerate(self.dtype) if kind.kind in "fc"]

    @property
    def _input_metadata(self):
        """What is known of its outputs, whose gradients it takes: objects with `shape`, `dtype` and `device`."""
        if self.arity == 1:
            return (InputMetadata(self.shape, self.dtype),)
        return tuple(InputMetadata(self.shape[i], self.dtype[i]) for i in self._outputs)

    def register_hook(self, fn) -> RemovableHandle:
        """Call `fn(grad_inputs, grad_outputs)` after this node has run: tuples of what it gives and of what it was given.

        A tuple that `fn` returns replaces `grad_inputs`. Returns a handle with `remove()`.
        """
        return add_hook(self._hooks().after, fn)

    def register_prehook(self, fn) -> RemovableHandle:
        """Call `fn(grad_outputs)` before this node runs, with a tuple; a tuple that it returns replaces it. Returns a handle with `remove()`."""
        return add_hook(self._hooks().before, fn)

    def _hooks(self):
        return hooks_of_node(self)

    def __call__(self, *grads):
        """Run this node alone, without its hooks: from the gradients of its outputs (tensors or None) those of its inputs, a tuple if several."""
        outputs = self._outputs
        if len(grads) != len(outputs):
            raise TypeError(f"expected {len(outputs)} arguments, got {len(grads)} instead")
        for i, g in enumerate(grads):
            if g is not None and not hasattr(g, "_array"):
                raise TypeError(f"argument {i} is not a Variable")
        given = dict(zip(outputs, grads))
        out = tuple(self.plan.backward_on_tensors(self, grads[0] if self.arity == 1 else [given.get(i) for i in range(self.arity)]))
        return out[0] if len(out) == 1 else out

    def __repr__(self):
        return f"<{type(self).__name__} object at {hex(id(self))}>"


class AccumulateGrad(Node):
    """The end of a path: adds what arrives to the `.grad` of a leaf."""

    __slots__ = ("variable",)

    def __init__(self, variable):
        self.variable = variable
        self.edges = ()
        self.saved = ()
        self.shape = variable._array.shape
        self.dtype = variable._array.dtype
        self.sequence = LAST
        self.code = self.offset = None
        self.plan = None
        self.hooks = None if variable._hooks is None else Hooks(variable._hooks)

    def __call__(self, *grads):
        raise errors.unsupported("calling an accumulator by hand", "add to the .grad of its leaf")

    def _hooks(self):
        hooks_of_leaf(self.variable)
        if self.hooks is None:
            self.hooks = Hooks(self.variable._hooks)
        return self.hooks


class InputMetadata:
    """What a node knows of one of its outputs."""

    __slots__ = ("shape", "dtype")
    device = dtypes.CPU
    is_nested_tensor = is_cpp_nested_tensor = False

    def __init__(self, shape, numpy_dtype):
        self.shape = size_of_shape(shape)
        self.dtype = dtypes.of_array(numpy_dtype)


class Port:
    """One output of a node that has several."""

    __slots__ = ("node", "number")

    def __init__(self, node, number):
        self.node = node
        self.number = number

    def __eq__(self, other):
        return type(other) is Port and self.node is other.node and self.number == other.number

    def __hash__(self):
        return hash((self.node, self.number))


class _Stale:
    """Stands for the edge of a view whose history has to be made anew, because its memory was changed in place; counts as false."""

    def __bool__(self):
        return False


STALE = _Stale()
REFRESH = [None]  # what makes it anew, put here by views.py


def node_of(edge):
    """The node that an edge leads to."""
    return edge.node if type(edge) is Port else edge


def behind(shown):
    """The node that users see as `shown`."""
    return getattr(shown, "_node", shown)


def number_of(edge) -> int:
    """Which output of its node an edge leads to."""
    return edge.number if type(edge) is Port else 0


def gradient_edge(tensor):
    """The edge by which a tensor that requires a gradient gets it; for a leaf, its accumulator.

    None for a view that counts as wanting a gradient only because its base does: none will reach it. Of two threads that use a leaf for the first
    time at the same moment each may make one; backward counts both as the leaf's.
    """
    edge = tensor._edge
    if edge is not None:
        return REFRESH[0](tensor) if edge is STALE else edge
    if tensor._by_base:
        return None
    reference = tensor._accumulator
    accumulator = None if reference is None else reference()
    if accumulator is None:
        accumulator = AccumulateGrad(tensor)
        tensor._accumulator = weakref.ref(accumulator)
    return accumulator


def history_of(tensor):
    """The edge of a tensor, made anew where it is stale; None for a leaf."""
    edge = tensor._edge
    return REFRESH[0](tensor) if edge is STALE else edge


def storage_of(tensor) -> Storage:
    """The version cell of a tensor's memory, made when first needed."""
    cell = tensor._cell
    if cell is None:
        cell = tensor._cell = Storage()
    return cell


def check_counted(tensor):
    """Before a tensor is changed: raise `RuntimeError` if the change could not be counted, as of what was made in inference mode."""
    return tensor._cell is None or tensor._cell.version


def versions_of(saved):
    """The present versions of saved tensors. Raises `RuntimeError` for those of inference mode, which have none."""
    try:
        return tuple(0 if t._cell is None else t._cell.version for t in saved)
    except RuntimeError:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by "
            "autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` "
            "instead of `torch.inference_mode()`."
        ) from None


def check_versions(node, only=None):
    """Raise `RuntimeError` if a tensor that this node saved has been changed in place since; `only` names one of them."""
    expected = getattr(node, "versions", None) or (0,) * len(node.saved)
    for name, tensor, version in zip(node.plan.saved_names, node.saved, expected):
        if tensor._cell is None or tensor._cell.version == version or only not in (None, name) or not node.plan.needs(node, name):
            continue
        edge = node if name in node.plan.op.result_names else history_of(tensor)
        maker = None if edge is None else node_of(edge).name().rstrip("0123456789").removesuffix("Backward")
        raise errors.modified(
            tensor.dtype.tensor_name, tensor._array.shape, number_of(edge), maker, tensor._cell.version, version,
            node.place, tensor._cell.place,
        )  # fmt: skip


def raise_freed(node):
    """Raise `RuntimeError` for a node whose saved tensors are gone."""
    raise errors.freed(node.name(), node.place)
