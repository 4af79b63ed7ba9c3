"""The nodes of custom Functions: what they save for users, and how the user's backward is called and what it returns checked.

The node is not what users see: that is the ctx (function.py), which shares its dictionary, so that `ctx.shape` and the like are free for them. The ctx
holds its node, the node finds the ctx by weak reference and makes it anew when nobody kept it: there is no reference cycle.
"""

from __future__ import annotations

import weakref

import numpy as np

from . import errors
from .modes import state
from .node import AccumulateGrad, Node, Port, gradient_edge, node_of, number_of, raise_freed, versions_of
from .observe import observing
from .plan import copy_of
from .saved import Packed, SavedTensor, current_hooks
from .tensor import Tensor, wrap


class FunctionNode(Node):
    """The node of a call of a custom Function."""

    # `state`: the dictionary of the ctx. `reference`: finds the ctx. `materialize`: whether backward gets zeros for what is missing.
    # `is_tensor`: of each input whether it is a tensor. `outputs`: of each output its shape and type, None where it is no tensor.
    # `recipe`: of each tensor given to `save_for_backward` its index in `saved` and the edge of its gradient, None for an output, whose number
    # comes third; None for None.
    __slots__ = ("state", "reference", "materialize", "is_tensor", "outputs", "recipe")

    def shown(self):
        """The ctx: what users see of this node."""
        ctx = self.reference()
        if ctx is None:
            ctx = object.__new__(self.plan.function._backward_cls)
            ctx.__dict__ = self.state
            ctx._node = self
            self.reference = weakref.ref(ctx)
        return ctx

    def save(self, tensors, own):
        """Keep what was given to `save_for_backward`; `own` are the outputs, by identity, with their numbers."""
        saved, recipe, hooks = [], [], current_hooks()
        for i, tensor in enumerate(tensors):
            if tensor is None:
                recipe.append(None)
                continue
            if not isinstance(tensor, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type {type(tensor).__name__}")
            number = own.get(id(tensor))
            recipe.append((len(saved), gradient_edge(tensor) if number is None and tensor._requires_grad else None, number))
            saved.append(Packed(hooks, tensor) if hooks is not None else tensor if number is None else copy_of(tensor))
        self.versions = versions_of(saved)
        self.saved = tuple(saved) or (None,)  # not empty, so that backward frees it: a later look at `saved_tensors` raises
        self.recipe = tuple(recipe)

    def saved_tensors(self):
        """What was saved, as it was given; () while forward still runs."""
        if self.saved is None:
            raise_freed(self)
        if self.plan.function.clear_saved_tensors_on_access and self.recipe:
            if self.saved == ():
                raise RuntimeError(
                    "saved_tensors can only be accessed once when clear_saved_tensors_on_access=True is set on the autograd.Function. "
                    "Either access saved_tensors only once, or set clear_saved_tensors_on_access=False."
                )
            found = tuple(self.unpack(entry) for entry in self.recipe)
            self.saved = ()
            return found
        return tuple(self.unpack(entry) for entry in self.recipe)

    def unpack(self, entry):
        """One saved tensor, by its entry in `recipe`."""
        if entry is None:
            return None
        index, edge, number = entry
        tensor = self.saved[index]
        packed = type(tensor) is Packed
        if packed:
            tensor = tensor.unpack()
        elif tensor._cell is not None and tensor._cell.version != self.versions[index]:
            raise self._modified(tensor, self.versions[index], number)
        if number is not None:
            edge = self.edge_of(number)
        elif edge is None or not packed:
            return tensor
        return at_edge(tensor, edge)

    def _modified(self, tensor, expected, number):
        edge = (tensor._edge or tensor.__dict__.get("_edge_before")) if number is None else self.edge_of(number)
        maker = None if edge is None else node_of(edge).name().rstrip("0123456789").removesuffix("Backward")
        return errors.modified(
            tensor.dtype.tensor_name, tensor._array.shape, number_of(edge), maker, tensor._cell.version, expected, self.place, tensor._cell.place
        )

    def edge_of(self, number):
        """The edge that leads to one of its outputs."""
        return self if self.arity == 1 else Port(self, number)


def at_edge(tensor, edge):
    """A tensor with the elements of this one, whose gradient goes over an edge."""
    out = wrap(tensor._array)
    out._requires_grad, out._cell = True, tensor._cell
    if tensor._tangents is not None:
        out._tangents = tensor._tangents
    if type(edge) is AccumulateGrad:
        out._accumulator = weakref.ref(edge)
    else:
        out._edge = edge
    return out


class SavedByUser(SavedTensor):
    """One of the tensors given to `save_for_backward`, by its number."""

    @property
    def _index(self):
        entry = self._node.recipe[self._name]
        return None if entry is None else entry[0]

    def unpack(self):
        if self._node.saved is None:
            raise_freed(self._node)
        return self._node.unpack(self._node.recipe[self._name])


class FunctionPlan:
    """How the nodes of one Function run backwards."""

    saved_names = result_names = params = differentiable = ()
    gives_up = True
    takes_nothing = True  # runs also where no gradient came: backward may make one of nothing

    def __init__(self, function):
        self.function = function
        self.name = function.__name__
        self.op = self

    def backward(self, node, grad):
        """Arrays of the gradients, one for each input that is a tensor."""
        grads = [None if g is None else wrap(g) for g in _as_list(node, grad)]
        if state.mode.observer is None:
            out = self._run(node, grads)
        else:
            with observing(None):  # formulas of operators are not heard either; layers stay
                out = self._run(node, grads)
        return tuple(None if g is None else g._array for g in out)

    def backward_on_tensors(self, node, grad):
        """The same as tensors, with a history if the user's backward gives them one."""
        return self._run(node, _as_list(node, grad))

    def saved_value(self, node, name):
        """Nothing has a name of its own here: see `saved_tensors`."""
        raise AttributeError(name)

    def _run(self, node, grads):
        given = []
        for g, output in zip(grads, node.outputs):
            if g is None and node.materialize and output is not None:
                g = wrap(np.zeros(*output))
            given.append(g)
        out = node.shown().apply(*given)
        return self._checked(node, list(out) if isinstance(out, tuple) else [out])

    def _checked(self, node, out):
        """What the user's backward returned, without the Nones for inputs that are no tensors. Raises `RuntimeError` where it cannot be right."""
        expected = len(node.is_tensor)
        while len(out) > expected and out[-1] is None:
            out.pop()
        name = node.name()
        if len(out) != expected:
            raise RuntimeError(f"function {name} returned an incorrect number of gradients (expected {expected}, got {len(out)})")
        found = []
        for i, (g, is_tensor) in enumerate(zip(out, node.is_tensor)):
            if not is_tensor:
                if g is not None:
                    raise RuntimeError(
                        f"function {name} returned a gradient different than None at position {i + 1}, but the corresponding forward input was "
                        "not a Variable"
                    )
                continue
            if g is not None and not isinstance(g, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
            if g is not None and node.edges[len(found)] is not None:
                _check_gradient(g._array, node.edges[len(found)], len(found), name)
            found.append(g)
        return found


def _as_list(node, grad):
    """The gradients of a node's outputs, one for each; none at all may come as None."""
    return [None] * node.arity if grad is None else [grad] if node.arity == 1 else grad


def _check_gradient(array, edge, index, name):
    node, number = node_of(edge), number_of(edge)
    shape, kind = (node.shape, node.dtype) if node.arity == 1 else (node.shape[number], node.dtype[number])
    if array.shape != shape:
        came = array.shape[array.ndim - len(shape) :]
        if array.ndim < len(shape) or any(n not in (1, m) for n, m in zip(shape, came)):
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {index} - got {list(array.shape)} but expected shape compatible "
                f"with {list(shape)}"
            )
    if array.dtype.kind == "c" and kind.kind != "c":
        raise RuntimeError(
            "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to be true, but got false. "
            f"[nbgrad] {name} returned a complex gradient at index {index} for an input that is real; return its real part."
        )
