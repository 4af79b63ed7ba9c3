"""The backward pass: which nodes to run, in which order, and where their gradients go.

Discovery and the pass itself are loops, never recursion: a chain of a hundred thousand nodes is as good as one of ten. Nodes run by falling sequence
number; a leaf's accumulator runs as soon as its last consumer has. Formulas run on bare arrays, or on tensors with `create_graph`.
"""

from __future__ import annotations

import operator
import sys
import warnings

import numpy as np

from . import errors, observe
from .modes import state
from .node import AccumulateGrad, Port, gradient_edge, node_of, number_of, storage_of
from .quiet import quiet_numpy, restore_numpy
from .tensor import Tensor, own_gradient, wrap

_sequence = operator.attrgetter("sequence")


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None) -> None:
    """Compute the gradients of `tensors` with respect to the leaves behind them and add them to the leaves' `.grad`.

    `grad_tensors` are the cotangents, one per tensor of its shape; they may be left out for tensors of one element. Takes single tensors or
    sequences. See `Tensor.backward` for the other arguments.
    """
    if grad_tensors is None:
        grad_tensors = grad_variables
    tensors = _as_tuple(tensors)
    if inputs is not None:
        inputs = _as_tuple(inputs)
        if not inputs:
            raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    grads = _as_tuple(grad_tensors) if grad_tensors is not None else (None,) * len(tensors)
    grads = _starting_grads(tensors, grads, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which can cause a "
            "memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use this function, make "
            "sure to reset the .grad fields of your parameters to None after use to break the cycle and avoid the leak.",
            UserWarning,
            stacklevel=3 if sys._getframe(1).f_code is Tensor.backward.__code__ else 2,
        )
    execute(tensors, grads, keep, create_graph, inputs, accumulate=True)


def grad(
    outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True, allow_unused=None,
    is_grads_batched=False, materialize_grads=False,
) -> tuple:  # fmt: skip
    """Compute and return the gradients of `outputs` with respect to `inputs`, leaving every `.grad` as it is.

    Returns a tuple with one tensor per input. An input that the outputs do not depend on is an error, unless `allow_unused=True` (then it
    gives None) or `materialize_grads=True` (then zeros).
    """
    if is_grads_batched:
        raise errors.unsupported("is_grads_batched", "call autograd.grad once per row")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")
    outputs, inputs = _as_tuple(outputs), _as_tuple(inputs)
    if not inputs:
        raise ValueError("grad requires non-empty inputs.")
    grads = _as_tuple(grad_outputs) if grad_outputs is not None else (None,) * len(outputs)
    grads = _starting_grads(outputs, grads, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    found = execute(outputs, grads, keep, create_graph, inputs, accumulate=False)
    for i, (g, tensor) in enumerate(zip(found, inputs)):
        if g is None and materialize_grads:
            found[i] = wrap(np.zeros_like(tensor._array))
        elif g is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is the "
                "desired behavior."
            )
    return tuple(found)


def _as_tuple(x):
    return (x,) if isinstance(x, Tensor) or x is None else tuple(x)


def _starting_grads(tensors, grads, create_graph):
    """Check the cotangents, and make ones for tensors of one element."""
    if len(tensors) != len(grads):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(grads)} gradients")
    out = []
    for i, (tensor, g) in enumerate(zip(tensors, grads)):
        array = tensor._array
        if g is None:
            if tensor._requires_grad:
                if array.size != 1:
                    raise RuntimeError("grad can be implicitly created only for scalar outputs")
                if array.dtype.kind not in "f":
                    raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype}")
                g = wrap(np.ones(array.shape, array.dtype))
        elif not isinstance(g, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif g._array.shape != array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {tensor.shape}."
            )
        elif g._array.dtype != array.dtype:
            g = wrap(g._array.astype(array.dtype)) if not create_graph else g.to(tensor.dtype)
        out.append(g)
    return out


def execute(tensors, grads, keep, create_graph, inputs, accumulate):
    """Run one backward pass.

    With `inputs` only their gradients are computed: added to their `.grad` if `accumulate`, else returned as a list with None where there is
    none. Without, every leaf behind the tensors accumulates. `keep` leaves what nodes saved in place.
    """
    roots = []
    for i, (tensor, g) in enumerate(zip(tensors, grads)):
        if not tensor._requires_grad:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        roots.append((gradient_edge(tensor), g))
    captured = None
    if inputs is not None:
        captured = {}
        for i, tensor in enumerate(inputs):
            if not isinstance(tensor, Tensor):
                raise TypeError(f"expected inputs to be Tensors, but got {type(tensor).__name__} at index {i}")
            if not tensor._requires_grad:
                raise RuntimeError("One of the differentiated Tensors does not require grad")
            if accumulate:
                tensor.retain_grad()
            captured.setdefault(gradient_edge(tensor), []).append(i)
    mode = state.mode
    observer = mode.observer
    on_tensors = create_graph or any(layer.transforms for layer in observe.layers_of(observer))
    if observer is not None or observe.watchers:
        observer = observe.for_backward(observer, tensors)
    before = mode.grad
    token = quiet_numpy()
    try:
        mode.grad = bool(create_graph) and mode.inference is None
        if observer is not None:
            observer.backward_start(tensors)
        nodes, waiting = _discover(roots)
        if captured is not None:
            nodes = _only_towards(nodes, captured)
        found = _Pass(nodes, waiting, captured, keep, on_tensors, observer, accumulate).run(roots)
    finally:
        restore_numpy(token)
        mode.grad = before
        if observer is not None:
            observer.backward_end()
    if captured is None:
        return None
    out = [None] * len(inputs)
    for edge, indices in captured.items():
        for i in indices:
            out[i] = found.get(edge)
    return out


def _discover(roots):
    """All nodes behind the roots by falling sequence number, and for each accumulator how many edges lead to it."""
    waiting, seen, nodes, stack = {}, set(), [], []
    for edge, _ in roots:
        node = node_of(edge)
        if type(node) is AccumulateGrad:
            waiting[node] = waiting.get(node, 0) + 1
        elif node not in seen:
            seen.add(node)
            stack.append(node)
    while stack:
        node = stack.pop()
        nodes.append(node)
        for child in node.edges:
            if child is not None and child not in seen:
                if type(child) is AccumulateGrad:
                    waiting[child] = waiting.get(child, 0) + 1
                    continue
                if type(child) is Port:
                    child = child.node
                    if child in seen:
                        continue
                seen.add(child)
                stack.append(child)
    nodes.sort(key=_sequence, reverse=True)
    return nodes, waiting


def _only_towards(nodes, captured):
    """The nodes among these that lie on a way to a captured edge."""
    wanted = {node_of(edge) for edge in captured}
    needed = set()
    for node in reversed(nodes):
        for edge in node.edges:
            if edge is not None and ((node_of(edge) in wanted) or node_of(edge) in needed):
                needed.add(node)
                break
    return [n for n in nodes if n in needed or n in wanted]


class _Pass:
    """The state of one backward pass: gradients under way, by node."""

    def __init__(self, nodes, waiting, captured, keep, on_tensors, observer, accumulate):
        self.nodes, self.waiting, self.captured, self.keep = nodes, waiting, captured, keep
        self.on_tensors, self.observer = on_tensors, observer
        self.accumulate = accumulate
        self.buffers = {}  # node -> gradient of its output, or list of them where it has several
        self.owned = set()  # nodes whose buffer nobody else can hold
        self.found = {}

    def run(self, roots):
        """Run all nodes; returns the gradients captured, by edge."""
        for edge, g in roots:
            self.deliver(edge, g if self.on_tensors else g._array)
        if self.captured is None and self.observer is None and not self.on_tensors:
            self.run_plain()
            return self.found
        observer, captured = self.observer, self.captured
        towards = None if captured is None else set(self.nodes)
        for node in self.nodes:
            g = self.buffers.pop(node, None)
            if node.hooks is not None and g is not None:
                g = self.run_hooks(node, g)
            if captured is not None:
                self.capture(node, g)
                if not any(e is not None and (node_of(e) in towards or e in captured) for e in node.edges):
                    continue
            if g is None:
                self.pass_nothing(node)
                continue
            out = node.plan.backward_on_tensors(node, g) if self.on_tensors else node.plan.backward(node, g)
            if observer is not None:
                observer.node_done(node, g, out)
            for edge, part in zip(node.edges, out):
                if edge is not None:
                    self.deliver(edge, part)
            if not self.keep and node.saved:
                node.saved = None
                if observer is not None:
                    observer.freed(node)
        return self.found

    def run_plain(self):
        """The same where nobody watches and every leaf accumulates: what a training step does, with `deliver` written out."""
        buffers, owned, waiting, keep = self.buffers, self.owned, self.waiting, self.keep
        take, look, add = buffers.pop, buffers.get, np.add
        for node in self.nodes:
            g = take(node, None)
            if g is None:
                self.pass_nothing(node)
                continue
            if node.hooks is not None:
                g = self.run_hooks(node, g)
            for child, part in zip(node.edges, node.plan.backward(node, g)):
                if child is None:
                    continue
                if part is None or type(child) is Port:
                    self.deliver(child, part)
                    continue
                if part.shape != child.shape:
                    part = fit(part, child.shape)
                if part.dtype is not child.dtype:
                    part = cast(part, child.dtype)
                present = look(child)
                if present is None:
                    buffers[child] = part
                elif child in owned:
                    add(present, part, present)
                else:
                    buffers[child] = present + part
                    if part.ndim:  # sums of 0-dim arrays are scalars, which cannot be added to in place
                        owned.add(child)
                if type(child) is AccumulateGrad:
                    left = waiting[child] = waiting[child] - 1
                    if left == 0:
                        self.arrive(child)
            if not keep and node.saved:
                node.saved = None

    def pass_nothing(self, node):
        """No gradient came to this node: the leaves behind it must not wait for one."""
        for edge in node.edges:
            if type(edge) is AccumulateGrad:
                self.deliver(edge, None)

    def deliver(self, edge, g):
        """Bring a gradient (None if undefined) to where an edge leads."""
        node, number = node_of(edge), number_of(edge)
        if g is not None:
            shape, kind = (node.shape, node.dtype) if node.arity == 1 else (node.shape[number], node.dtype[number])
            if self.on_tensors:
                g = fit_tensor(g, shape, kind)
            else:
                if g.shape != shape:
                    g = fit(g, shape)
                if g.dtype != kind:
                    g = cast(g, kind)
            if node.arity == 1:
                present = self.buffers.get(node)
                self.buffers[node] = g if present is None else self.sum(node, present, g)
            else:
                slots = self.buffers.setdefault(node, [None] * node.arity)
                slots[number] = g if slots[number] is None else slots[number] + g
        if type(node) is AccumulateGrad:
            left = self.waiting[node] = self.waiting[node] - 1
            if left == 0:
                self.arrive(node)

    def sum(self, node, present, g):
        """The second gradient is added out of place, the third and later ones into the buffer that is ours by then."""
        if self.on_tensors or present.ndim == 0:
            return present + g
        if node in self.owned:
            return np.add(present, g, out=present)
        self.owned.add(node)
        return present + g

    def run_hooks(self, node, g):
        """Call the tensor hooks of a node's outputs; what they return replaces the gradient."""
        parts = [g] if node.arity == 1 else g
        for number, hooks in node.hooks.items():
            if parts[number] is not None:
                parts[number] = self.call_hooks(hooks, parts[number])
        return parts[0] if node.arity == 1 else parts

    def call_hooks(self, hooks, g):
        tensor = g if self.on_tensors else wrap(g)
        for hook in tuple(hooks):
            replaced = hook(tensor)
            if replaced is not None:
                if not isinstance(replaced, Tensor):
                    raise TypeError(f"hook '{getattr(hook, '__name__', hook)}' has returned an incorrect value: a Tensor or None is expected")
                if replaced._array.shape != tensor._array.shape:
                    raise RuntimeError(
                        f"hook '{getattr(hook, '__name__', hook)}' has changed the size of value: {tensor.shape} became {replaced.shape}"
                    )
                if replaced._array.dtype != tensor._array.dtype:
                    raise RuntimeError(
                        f"hook '{getattr(hook, '__name__', hook)}' has changed the type of value (was torch.{tensor.dtype.tensor_name}Tensor "
                        f"got torch.{replaced.dtype.tensor_name}Tensor)"
                    )
                tensor = replaced
        return tensor if self.on_tensors else tensor._array

    def capture(self, node, g):
        for edge in self.captured:
            if node_of(edge) is node:
                part = g if node.arity == 1 or g is None else g[edge.number]
                if part is not None:
                    self.found[edge] = part if self.on_tensors else wrap(part)

    def arrive(self, node):
        """All gradients of a leaf are there: add them to its `.grad`, or hand them to whoever asked."""
        g = self.buffers.pop(node, None)
        if g is None:
            return
        leaf = node.variable
        if self.captured is not None and node not in self.captured:
            return
        if leaf._hooks:
            g = self.call_hooks(leaf._hooks, g)
        if self.captured is not None and not self.accumulate:
            self.found[node] = g if self.on_tensors else wrap(g)
            return
        if not leaf._requires_grad:  # switched off since the operators ran
            return
        present = leaf._grad
        if present is None:
            leaf._grad = own_gradient(g)
        elif self.on_tensors:
            leaf._grad = present + g
        elif present._array.flags.writeable:
            if self.observer is not None:
                self.observer.before_in_place(None, present)
            cell = storage_of(present)
            version = cell.version + 1
            np.add(present._array, g, out=present._array)
            cell.version = version
        else:
            leaf._grad = wrap(present._array + g)
        if self.observer is not None:
            self.observer.accumulated(leaf, g)


def fit(g, shape):
    """Bring a gradient to the shape of what it is the gradient of: sum where broadcasting had copied, copy where a reduction had summed."""
    extra = g.ndim - len(shape)
    if extra < 0 or any(n != 1 and m == 1 for n, m in zip(shape, g.shape[extra:])):
        return np.broadcast_to(g, shape)
    if g.dtype == np.float16:  # added in single precision, as PyTorch does; the caller casts back
        g = g.astype(np.float32)
    if extra > 0:
        g = np.add.reduce(g, axis=tuple(range(extra)))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    if axes:
        g = np.add.reduce(g, axis=axes, keepdims=True)
    return g


def cast(g, numpy_dtype):
    """Bring a gradient to the type of what it is the gradient of."""
    if g.dtype.kind == "c" and numpy_dtype.kind != "c":
        g = g.real
    return g.astype(numpy_dtype, copy=False)


def fit_tensor(g, shape, numpy_dtype):
    """`fit` and `cast` by operators, for gradients that are differentiated again."""
    if g._array.shape != shape:
        extra = g._array.ndim - len(shape)
        if extra < 0 or any(n != 1 and m == 1 for n, m in zip(shape, g._array.shape[extra:])):
            g = g.expand(shape)
        else:
            g = g.sum_to_size(shape)
    if g._array.dtype.kind == "c" and numpy_dtype.kind != "c":
        g = g.real
    if g._array.dtype != numpy_dtype:
        from .dtypes import of_array

        g = g.to(of_array(numpy_dtype))
    return g
