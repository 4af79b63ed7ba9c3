"""The backward pass: which nodes to run, in which order, and where their gradients go.

Discovery and the pass itself are loops, never recursion: a chain of a hundred thousand nodes is as good as one of ten. Nodes run by falling sequence
number; a leaf's accumulator runs as soon as its last consumer has. Formulas run on bare arrays, or on tensors with `create_graph`.
"""

from __future__ import annotations

import operator
import sys
import threading
import warnings

import numpy as np

from . import observe
from .anomaly import Watching
from .batched import NotBatchable
from .batched_grads import grads_of_batch
from .batching import backward_by_example, backward_or_by_example, vmap_runs
from .hook_calls import call_accumulated_hooks, call_node_hooks_after, call_node_hooks_before, call_tensor_hooks, running
from .modes import anomaly, state
from .node import AccumulateGrad, Port, node_of, number_of, raise_freed, storage_of
from .quiet import error_state, put_error_state, quiet_numpy, restore_numpy
from .roots import as_inputs, as_tuple, check_inputs, check_roots, starting_grads
from .tensor import Tensor, own_gradient, wrap
from .writing import writable

_sequence = operator.attrgetter("sequence")
_adding = threading.Lock()  # for what takes several steps between which another thread may run: NumPy lets them while it adds large arrays
_LARGE = 100  # elements, safely below the 500 or so at which NumPy does


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None) -> None:
    """Compute the gradients of `tensors` with respect to the leaves behind them and add them to the leaves' `.grad`.

    `grad_tensors` are the cotangents, one per tensor of its shape; they may be left out for tensors of one element. Takes single tensors (or
    `GradientEdge`s) or sequences of them; `inputs` may also be a dictionary. See `Tensor.backward` for the other arguments.
    """
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError("`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use `grad_tensors`.")
        grad_tensors = grad_variables
    if vmap_runs():
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp instead or call "
            "backward() outside of functorch transforms."
        )
    if inputs is not None:
        inputs = as_inputs(inputs, "backward")
    tensors = as_tuple(tensors)
    grads = starting_grads(tensors, grad_tensors, create_graph)
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

    Takes single tensors (or `GradientEdge`s) or sequences of them. Returns a tuple with one tensor per input, or a dictionary if `inputs` is
    one. An input that the outputs do not depend on is an error, unless `allow_unused=True` (then it gives None) or `materialize_grads=True`
    (then zeros).
    """
    if is_grads_batched:
        return grads_of_batch(
            grad, outputs, inputs, grad_outputs, allow_unused, materialize_grads, retain_graph=retain_graph, create_graph=create_graph
        )
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")
    keys = inputs.keys() if type(inputs) is dict else None
    outputs, inputs = as_tuple(outputs), as_inputs(inputs, "grad")
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other parts of the graph, "
            "please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    grads = starting_grads(outputs, grad_outputs, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    found = execute(outputs, grads, keep, create_graph, inputs, accumulate=False)
    for i, (g, one) in enumerate(zip(found, inputs)):
        if g is None and materialize_grads:
            if not isinstance(one, Tensor):
                raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
            found[i] = wrap(np.zeros_like(one._array))
            found[i]._requires_grad = bool(create_graph)
        elif g is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is the "
                "desired behavior."
            )
    return tuple(found) if keys is None else dict(zip(keys, found))


def execute(tensors, grads, keep, create_graph, inputs, accumulate):
    """Run one backward pass.

    With `inputs` only their gradients are computed: added to their `.grad` if `accumulate`, else returned as a list with None where there is
    none. Without, every leaf behind the tensors accumulates. `keep` leaves what nodes saved in place.
    """
    roots = check_roots(tensors, grads)
    wanted = reachable = None
    if inputs is not None:
        wanted = check_inputs(inputs, accumulate)
        reachable = [edge for edge in wanted if edge is not None]
    mode = state.mode
    observer = mode.observer
    on_tensors = create_graph or any(layer.transforms for layer in observe.layers_of(observer))
    before, outer, errors_before, token, hearing = mode.grad, mode.running, error_state(), None, None
    try:
        mode.grad = bool(create_graph) and mode.inference is None
        token = quiet_numpy()
        kind = _WatchedPass if anomaly.enabled else _Pass
        mode.running = this = kind(roots, reachable, keep, on_tensors, accumulate)
        watchers = observe.watchers
        if observer is not None or watchers:
            if observer is None and len(watchers) == 1:  # a training loop beside an open view: what `for_backward` does, without a call more
                hearing = watchers[0].wants(tensors, this.nodes, this.waiting)
            else:
                hearing = observe.for_backward(observer, tensors, this.nodes, this.waiting)
            if hearing is not None:
                hearing.backward_asked(observe.Asked(tensors, tuple(grads), keep, create_graph, inputs, accumulate))
                hearing.backward_start([t for t in tensors if isinstance(t, Tensor)])
                this.observer = hearing if hearing.hears_nodes else None
        found = this.run()
    finally:
        mode.grad, mode.running = before, outer
        if token is not None:
            restore_numpy(token)
        else:  # an interrupt came before the token was in our hands
            put_error_state(errors_before)
        if hearing is not None:
            hearing.backward_end()
    if wanted is None:
        return None
    found = [found.get(edge) for edge in wanted]
    if hearing is not None:
        hearing.backward_gave(found)
    return found


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


def _towards(nodes, ends, accumulate):
    """Which of these nodes have to run so that gradients come to the nodes `ends`.

    Where gradients accumulate PyTorch also runs the nodes of the wanted results themselves, and frees what they saved.
    """
    runs = {n for n in nodes if n in ends} if accumulate else set()
    for node in reversed(nodes):
        for edge in node.edges:
            if edge is not None and (node_of(edge) in runs or node_of(edge) in ends):
                runs.add(node)
                break
    return runs


class _Pass:
    """The state of one backward pass: gradients under way, by node."""

    observer = None  # who hears of each node

    def __init__(self, roots, wanted, keep, on_tensors, accumulate):
        self.roots, self.keep = roots, keep
        self.on_tensors, self.accumulate = on_tensors, accumulate
        self.nodes, self.waiting = _discover(roots)
        self.buffers = {}  # node -> gradient of its output, or list of them where it has several
        self.owned = set()  # nodes whose buffer nobody else can hold
        self.limited = wanted is not None
        self.found = {}  # wanted edge -> its gradient
        if self.limited:
            self.wanted = {}  # node -> wanted edges that lead to it
            for edge in dict.fromkeys(wanted):
                self.wanted.setdefault(node_of(edge), []).append(edge)
            self.add_twins()
            self.runs = _towards(self.nodes, self.wanted, accumulate)
            self.reached = self.runs.union(self.wanted)

    def add_twins(self):
        """Count every accumulator of a wanted leaf as wanted; it has several where threads met at its first use."""
        leaves = {id(node.variable): edges for node, edges in self.wanted.items() if type(node) is AccumulateGrad}
        for node in self.waiting:
            if id(node.variable) in leaves:
                self.wanted.setdefault(node, leaves[id(node.variable)])

    def run(self):
        """Run all nodes; returns the gradients found, by edge."""
        for edge, g in self.roots:
            self.deliver(edge, g if self.on_tensors else g._array)
        if self.limited:
            self.run_limited()
        elif self.observer is None and not self.on_tensors:
            self.run_plain()
        else:
            for node in self.nodes:
                self.run_node(node, self.buffers.pop(node, None))
        return self.found

    def run_limited(self):
        """Run what lies on the way to the inputs, and keep their gradients."""
        for node in self.nodes:
            if node not in self.reached:
                continue
            g = self.buffers.pop(node, None)
            goes_on = node in self.runs
            if not goes_on and node.hooks is not None:
                g = self.run_hooks(node, g)
            if node in self.wanted and not self.accumulate and g is not None:  # what runs on is kept as it was before the hooks, as in PyTorch
                self.find(node, g)
            if goes_on:
                self.run_node(node, g)

    def find(self, node, g):
        """Keep the gradients of a node's outputs that are wanted."""
        for edge in self.wanted[node]:
            part = g if node.arity == 1 else g[number_of(edge)]
            if part is not None:
                part = self.as_tensor(part)
                self.found[edge] = part if edge not in self.found else self.found[edge] + part

    def run_node(self, node, g):
        """Run one node and bring on what it gives."""
        g, out = self.results_of(node, g)
        observer = self.observer
        if observer is not None and g is not None:
            observer.node_done(node, g, out)
        for edge, part in zip(node.edges, out):
            if edge is not None and not (self.limited and node_of(edge) not in self.reached):
                self.deliver(edge, part)
        if not self.keep and node.saved:
            node.saved = None
            if observer is not None:
                observer.freed(node)

    def results_of(self, node, g):
        """Run one node; gives the gradient it was run with, which hooks may have replaced, and what it gave."""
        if node.hooks is not None:
            return self.run_hooked(node, g)
        if g is None:
            return g, self.run_nothing(node)
        try:
            return g, node.plan.backward_on_tensors(node, g) if self.on_tensors else node.plan.backward(node, g)
        except NotBatchable as error:
            return g, backward_by_example(node.plan, node, g, self.on_tensors, error)

    def run_plain(self):
        """The same where nobody watches and every leaf accumulates: what a training step does, with `deliver` written out."""
        buffers, owned, waiting, keep = self.buffers, self.owned, self.waiting, self.keep
        take, look, add = buffers.pop, buffers.get, np.add
        for node in self.nodes:
            g = take(node, None)
            if g is None:
                self.run_node(node, None)
                continue
            for child, part in zip(node.edges, node.plan.backward(node, g) if node.hooks is None else self.run_hooked(node, g)[1]):
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

    def run_nothing(self, node):
        """No gradient came to this node, so it gives none; only a plan that `takes_nothing` runs all the same."""
        if getattr(node.plan, "takes_nothing", False):
            return node.plan.backward_on_tensors(node, None) if self.on_tensors else node.plan.backward(node, None)
        if node.saved is None:
            raise_freed(node)
        return (None,) * len(node.edges)

    def deliver(self, edge, g):
        """Bring a gradient (None if undefined) to where an edge leads."""
        node, number = node_of(edge), number_of(edge)
        if g is not None:
            g = self.fitted(edge, g)
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

    def fitted(self, edge, g):
        """A gradient in the shape and type of what it is the gradient of."""
        node = node_of(edge)
        shape, kind = (node.shape, node.dtype) if node.arity == 1 else (node.shape[edge.number], node.dtype[edge.number])
        if self.on_tensors:
            return fit_tensor(g, shape, kind)
        if g.shape != shape:
            g = fit(g, shape)
        return g if g.dtype == kind else cast(g, kind)

    def sum(self, node, present, g):
        """The second gradient is added out of place, the third and later ones into the buffer that is ours by then."""
        if self.on_tensors or present.ndim == 0:
            return present + g
        if node in self.owned:
            try:
                return np.add(present, g, out=present)
            except NotBatchable:  # the sum was the same for all examples until now
                return present + g
        self.owned.add(node)
        return present + g

    def run_hooks(self, node, g):
        """Call the tensor hooks of a node's outputs; gives what its gradient is then."""
        grads = self.shown(node, g)
        before, running.current = running.current, self
        try:
            call_tensor_hooks(node.hooks, grads)
        finally:
            running.current = before
        return self.hidden(node, grads)

    def run_hooked(self, node, g):
        """Run a node with all its hooks; gives the gradient it was run with and what it gave."""
        grads = self.shown(node, g)
        before, running.current = running.current, self
        try:
            call_tensor_hooks(node.hooks, grads)
            outputs = node._outputs
            shown = call_node_hooks_before(node.hooks, [grads[i] for i in outputs])
            for i, t in zip(outputs, shown):
                grads[i] = t
            g = self.hidden(node, grads)
            if g is None:
                out = self.run_nothing(node)
            else:
                out = backward_or_by_example(node.plan, node, g, self.on_tensors)
            if node.hooks.after:
                given = [None if edge is None or part is None else self.as_tensor(self.fitted(edge, part)) for edge, part in zip(node.edges, out)]
                given = call_node_hooks_after(node.hooks, given, shown)
                out = given if self.on_tensors else [None if t is None else t._array for t in given]
        finally:
            running.current = before
        return g, out

    def as_tensor(self, g):
        """A gradient as hooks see it."""
        return g if isinstance(g, Tensor) else wrap(g)

    def shown(self, node, g):
        """The gradients of a node's outputs as a list of tensors, None where there is none."""
        parts = [g] * node.arity if g is None else [g] if node.arity == 1 else g
        return [None if part is None else self.as_tensor(part) for part in parts]

    def hidden(self, node, grads):
        """The same in the form in which the pass keeps them; None if there is none at all."""
        parts = grads if self.on_tensors else [None if t is None else t._array for t in grads]
        return None if all(part is None for part in parts) else parts[0] if node.arity == 1 else parts

    def will_run(self, node):
        """Whether this pass computes the gradients of a node's outputs. Raises `RuntimeError` where PyTorch cannot tell."""
        if not self.limited:
            return node in self.waiting if type(node) is AccumulateGrad else node in set(self.nodes)
        if type(node) is AccumulateGrad and not self.accumulate and node in self.wanted:
            raise RuntimeError(
                "A leaf node was passed to _will_engine_execute_node but we are currently running autograd.grad(). This is currently not supported."
            )
        return node in self.reached

    def arrive(self, node):
        """All gradients of a leaf are there: add them to its `.grad`, or keep them for whoever asked."""
        g = self.buffers.pop(node, None)
        if self.limited and node not in self.wanted:
            return
        if node.hooks is not None:
            self.arrive_hooked(node, g)
        elif g is not None:
            if self.limited and not self.accumulate:
                self.find(node, g)
            else:
                self.add_to_grad(node.variable, g)

    def arrive_hooked(self, node, g):
        """The same with the hooks of the leaf and of its accumulator; they are called also where no gradient came."""
        if self.limited and not self.accumulate:
            g = self.run_hooks(node, g)
            if g is not None:
                self.find(node, g)
            return
        hooks = node.hooks
        grads = self.shown(node, g)
        before, running.current = running.current, self
        try:
            call_tensor_hooks(hooks, grads)
            grads = call_node_hooks_before(hooks, grads)
            g = self.hidden(node, grads)
            if g is not None:
                self.add_to_grad(node.variable, g)
            call_accumulated_hooks(hooks, node.variable)
            call_node_hooks_after(hooks, [], grads)
        finally:
            running.current = before

    def add_to_grad(self, leaf, g):
        """Add a gradient to the `.grad` of a leaf, in place unless the sum is to have a history."""
        if not leaf._requires_grad:  # switched off since the operators ran
            return
        before = leaf._grad
        if self.on_tensors:
            leaf._grad = own_gradient(g) if leaf._grad is None else leaf._grad + g
        elif leaf._grad is not None and g.size < _LARGE:
            self.add_in_place(leaf._grad, g)
        else:
            with _adding:
                if leaf._grad is None:
                    leaf._grad = own_gradient(g)
                else:
                    self.add_in_place(leaf._grad, g)
        if self.observer is not None:
            self.observer.accumulated(leaf, g, before)

    def add_in_place(self, present, g):
        """Add to a `.grad`. The change is counted first: an interrupt between the two then leaves one counted too many, never one too few."""
        array = present._array
        if not array.flags.writeable:
            array = writable(array)
        if self.observer is not None:
            self.observer.before_in_place(None, present)
        storage_of(present).version += 1
        np.add(array, g, array)


class _WatchedPass(Watching, _Pass):
    """A pass under anomaly detection."""


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
