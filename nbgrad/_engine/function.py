"""Custom Functions: how a forward written by a user becomes one node of the graph, and its backward what that node does.

What a Function keeps between forward and backward, its ctx, is also what `grad_fn` shows; the node itself is another object (function_node.py).
"""

from __future__ import annotations

import inspect
import types
import warnings

import numpy as np

from .function_node import FunctionNode, FunctionPlan, SavedByUser
from .function_vmap import under_vmap
from .modes import place_of_caller, state
from .node import STALE, Node, gradient_edge, next_sequence
from .observe import Observer
from .tensor import Tensor, alias, move_retained, wrap
from .views import CUSTOM, MULTIPLE, check_may_change, count_change, mark_view, spread_history, through_base


class FunctionCtx:
    """What a custom Function keeps between forward and backward. Set any attribute on it; tensors are better given to `save_for_backward`."""

    to_save = saved_for_forward = dirty_tensors = non_differentiable = None

    def save_for_backward(self, *tensors):
        """Keep tensors, or None, for backward, which finds them in `ctx.saved_tensors`; changes in place meanwhile are noticed."""
        self.to_save = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors, or None, for `jvp`, which finds them in `ctx.saved_tensors`."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise AssertionError("save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on ctx.")
        self.saved_for_forward = tensors

    def mark_dirty(self, *tensors):
        """Say which inputs forward changed in place; each must be returned."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors):
        """Say which outputs have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool):
        """Say whether backward gets zeros (the default) or None for an output that no gradient came to."""
        if type(value) is not bool:
            raise TypeError(f"set_materialize_grads received an invalid combination of arguments - got ({type(value).__name__}), but expected (bool)")
        self._node.materialize = value


class BackwardCFunction(FunctionCtx):
    """The ctx of one call, and what `grad_fn` shows of it. Each Function has its own subclass, named after it."""

    __slots__ = ("_node",)

    @property
    def saved_tensors(self):
        """The tensors given to `save_for_backward`. Raises `RuntimeError` once they are freed, or when one was changed in place."""
        if self.saved_for_forward is not None:
            return self.saved_for_forward
        return self._node.saved_tensors()

    @property
    def _raw_saved_tensors(self):
        return tuple(SavedByUser(self._node, number) for number in range(len(self.saved_tensors)))

    @property
    def requires_grad(self) -> bool:
        """Whether any input of the call requires a gradient."""
        return any(self.needs_input_grad)

    def apply(self, *grads):
        """Call the user's backward."""
        function = self._forward_cls
        if function.backward is not Function.backward and function.vjp is not Function.vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them."
            )
        user = function.vjp if function.vjp is not Function.vjp else function.backward
        return user(self, list(grads)) if function.boxed_grads_call else user(self, *grads)

    def apply_jvp(self, *tangents):
        """Call the user's jvp."""
        return self._forward_cls.jvp(self, *tangents)

    def __getattr__(self, name):  # what every node can do
        if isinstance(getattr(Node, name, None), (property, types.FunctionType)):
            return getattr(self._node, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class FunctionCall:
    """One call of a Function, as observers hear of it: in the place of an operator's entry."""

    def __init__(self, function, ctx, args):
        self.function, self.ctx = function, ctx
        self.name = function.__name__
        self.params = tuple(f"input{i}" for i in range(len(args)))
        self.differentiable = tuple(n for n, a in zip(self.params, args) if isinstance(a, Tensor))
        self.inputs = tuple(a if isinstance(a, Tensor) else None for a in args)
        self.outputs = []  # of each output its shape, whether it is differentiable, whether a view, and which input, if it was changed in place

    def describe(self, outputs, frozen, dirty):
        """Note what `jvp` has to know of what forward returned; None for what is no tensor."""
        for t in outputs:
            if not isinstance(t, Tensor):
                self.outputs.append(None)
                continue
            given = next((i for i, a in enumerate(self.inputs) if a is t), None)
            changed = given if id(t) in dirty else None
            is_view = changed is None and (given is not None or t._base is not None)
            self.outputs.append((t._array.shape, id(t) not in frozen and t._array.dtype.kind in "fc", is_view, changed))

    def jvp(self, tangents) -> tuple:
        """The tangents of those outputs that are tensors, from one for each argument; None where there is none.

        Raises `RuntimeError` where the user's `jvp` returns what cannot be right.
        """
        tangents = [t if isinstance(t, Tensor) else None for t in tangents]
        if self.ctx._node.materialize:
            tangents = [
                wrap(np.zeros_like(a._array)) if t is None and a is not None and a._array.dtype.kind in "fc" else t
                for t, a in zip(tangents, self.inputs)
            ]
        found = self.ctx.apply_jvp(*tangents)
        found = found if isinstance(found, tuple) else (found,)
        if len(found) != len(self.outputs):
            raise RuntimeError(
                f"Function's jvp returned an invalid number of forward gradients (expected {len(self.outputs)} but got {len(found)})"
            )
        for i, (t, output) in enumerate(zip(found, self.outputs)):
            self._check_tangent(i, t, output, tangents)
        return tuple(t for t, output in zip(found, self.outputs) if output is not None)

    @staticmethod
    def _check_tangent(i, tangent, output, tangents):
        if tangent is not None and not isinstance(tangent, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(tangent).__name__}) for grad output {i}.")
        shape, differentiable, is_view, changed = output or ((), False, False, None)
        if changed is not None and tangent is not tangents[changed]:
            raise RuntimeError(
                "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is modifying an input inplace, then "
                "the jvp function must modify the corresponding gradient inplace."
            )
        if tangent is None:
            return
        if not differentiable:
            raise RuntimeError(
                f"Function's jvp returned a gradient at position {i}, but  the corresponding forward output is not a differentiable Tensor."
                "You should return None at that position instead."
            )
        if is_view and tangent._base is None:
            raise RuntimeError("A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a view.")
        if tangent._array.shape != shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. Tensor is of "
                f"size {list(shape)} while the given forward gradient is of size {list(tangent._array.shape)}."
            )

    def __repr__(self):
        return f"<call of {self.name}>"


class _Inside(Observer):
    """Observes what runs inside forward: the graph shows one call, so all that counts is what happens to its arguments."""

    def __init__(self, outside, args):
        self._outside, self._args = outside, args

    def before_in_place(self, op, tensor):
        if any(tensor is a for a in self._args):
            self._outside.before_in_place(op, tensor)


def call(function, args, place):
    """Run a Function's forward on these arguments and record it; returns what forward returned, as tensors with a history."""
    mode = state.mode
    if mode.observer is not None:
        mapped = under_vmap(function, Function, args)
        if mapped is not None:
            return mapped[0]
    inputs = [a for a in args if isinstance(a, Tensor)]
    recorded = mode.grad and any(a._requires_grad for a in inputs)
    node = _new_node(function, args, inputs if recorded else (), place)
    ctx = node.shown()
    observer = mode.observer
    heard = None
    if observer is not None:
        heard = FunctionCall(function, ctx, args)
        observer.begin(heard, args)
        mode.observer = _Inside(observer, args)
    before = mode.grad
    mode.grad = False
    try:
        if uses_setup_context(function):
            result = function.forward(*args)
            function.setup_context(ctx, args, result)
        else:
            result = function.forward(ctx, *args)
    except Exception as error:
        if observer is not None:
            observer.op_failed(heard, args, error, place)
        raise
    finally:
        mode.grad = before
        mode.observer = observer
    single = not isinstance(result, tuple)
    outputs, stands = _finish(node, ctx, [result] if single else list(result), inputs, recorded, heard)
    if observer is not None:
        made = tuple(t for t in outputs if isinstance(t, Tensor))
        observer.op(heard, args, made[0] if single and made else made, stands, place)
    node.state.pop("saved_for_forward", None)
    return outputs[0] if single else tuple(outputs)


def _new_node(function, args, inputs, place):
    node = object.__new__(function._node_cls)
    node.plan = function._plan
    node.edges = tuple([gradient_edge(a) if a._requires_grad else None for a in inputs])
    node.code, node.offset = place
    node.hooks = None
    node.saved = node.recipe = ()
    node.state = {"needs_input_grad": tuple([isinstance(a, Tensor) and a._requires_grad for a in args])}
    node.reference = _nothing
    node.materialize = True
    node.is_tensor = tuple([isinstance(a, Tensor) for a in args])
    node.sequence = next_sequence()
    return node


def _nothing():
    return None


def _finish(node, ctx, outputs, inputs, recorded, heard):
    """Give the outputs their history and the node what it saves; returns the outputs as users get them and the node of the call, if any."""
    dirty = _marked(ctx.dirty_tensors, "mark_dirty can only accept variables, but argument")
    frozen = _marked(ctx.non_differentiable, "mark_non_differentiable only accepts variable arguments, but got")
    for name in ("dirty_tensors", "non_differentiable"):
        node.state.pop(name, None)
    if heard is not None:
        heard.describe(outputs, frozen, dirty)
    is_input = {id(a) for a in inputs}
    _check_dirty(dirty, is_input, outputs, node.place)
    node.outputs = [(t._array.shape, t._array.dtype) if isinstance(t, Tensor) else None for t in outputs]
    shapes, kinds = zip(*[o or ((), np.dtype(np.float32)) for o in node.outputs]) if outputs else ((), ())
    if len(outputs) == 1:
        node.shape, node.dtype = shapes[0], kinds[0]
    else:
        node.arity, node.shape, node.dtype = len(outputs), list(shapes), list(kinds)
    differentiable, own, stands = 0, {}, None
    for i, t in enumerate(outputs):
        if not isinstance(t, Tensor):
            continue
        given, changed = id(t) in is_input, id(t) in dirty
        if recorded and id(t) not in frozen and t._array.dtype.kind in "fc":
            outputs[i], stands = _with_history(node, t, i, given, changed, inputs)
            own[id(t)], t = i, outputs[i]
            differentiable += 1
        else:
            outputs[i] = t = _without_history(t, given, changed)
        if t._base is not None and not (given and changed):
            t._creation = CUSTOM
    if differentiable > 1:
        for t in outputs:
            if isinstance(t, Tensor) and t._base is not None:
                t._creation = MULTIPLE
    to_save = node.state.pop("to_save", None)
    if recorded:
        node.save(to_save or (), own)
    return outputs, stands


def _marked(tensors, complaint):
    """The tensors given to one of the ctx's methods, by identity."""
    for i, t in enumerate(tensors or ()):
        if not isinstance(t, Tensor):
            raise RuntimeError(f"{complaint} {i} is of type {type(t).__name__}")
    return {id(t): t for t in tensors or ()}


def _check_dirty(dirty, is_input, outputs, place):
    """Count the changes in place that forward told of, and see that they can have a history."""
    returned = {id(t) for t in outputs}
    for key, t in dirty.items():
        count_change(t, place)
        if key not in is_input:
            warnings.warn(
                "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should be passed to "
                "ctx.mark_dirty().",
                UserWarning,
                stacklevel=6,
            )
        if key not in returned:
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace "
                "must all be outputs of the Function."
            )


def _with_history(node, t, number, given, changed, inputs):
    """Make a tensor an output of the node; returns it, and the node that now stands for the call."""
    if changed:
        return t, _change_history(node, t, number, given, inputs)
    if given:
        t = _view_of(t)
    t._edge, t._requires_grad, t._by_base = node.edge_of(number), True, False
    return t, node


def _change_history(node, t, number, given, inputs):
    """Give an input that forward has changed its new history; returns the node of that."""
    base = t._base
    if base is None:
        if given and t._requires_grad and t._edge is None:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        old = t._edge
        t._edge, t._requires_grad, t._by_base = node.edge_of(number), True, False
        move_retained(t, old)
        spread_history(t)
        return node
    if len(node.outputs) > 1:
        raise RuntimeError(
            "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more than one Tensor. "
            "This is not supported by the current autograd engine. You should either make sure the input is not a view (using .clone() for "
            "example) or make your Function only return one Tensor (potentially splitting it into two Functions: one doing the inplace that "
            "returns a single Tensor and a second one that does the other operations)."
        )
    check_may_change(t)
    first = next((i for i, a in enumerate(inputs) if a is t), None)
    through = through_base(t, node, first)
    t._requires_grad, t._by_base = True, False
    if t._edge is not STALE:
        t._edge_before, t._edge = t._edge or through, STALE
    spread_history(base)
    return through


def _without_history(t, given, changed):
    if not t._requires_grad:
        return _view_of(t) if given and not changed else t
    if given:
        return alias(t)
    if t._base is None:
        t._edge, t._requires_grad = None, False
    return t


def _view_of(t):
    """The same tensor again, as a view of itself: an input that forward returned as it is."""
    out = wrap(t._array)
    mark_view(out, t)
    return out


def uses_setup_context(function) -> bool:
    """Whether a Function keeps what it does apart from what it saves."""
    return function.setup_context is not Function.setup_context


class FunctionMeta(type):
    """Gives each Function the classes of its ctx and of its nodes."""

    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        cls._plan = FunctionPlan(cls)
        shared = {"__slots__": (), "__module__": "torch.autograd.function"}
        cls._backward_cls = type(f"{name}Backward", (BackwardCFunction,), {**shared, "_forward_cls": cls})
        cls._node_cls = type(f"{name}Backward", (FunctionNode,), shared)


class Function(FunctionCtx, metaclass=FunctionMeta):
    """A differentiable operation of your own: subclass it, write the static methods `forward` and `backward`, and call `apply`.

    Either `forward(ctx, *inputs)` does the work and keeps on `ctx` what backward needs, or `forward(*inputs)` does the work and
    `setup_context(ctx, inputs, output)` keeps. `backward(ctx, *grads)` gets one gradient per output and returns one per input, of its shape;
    None for an input that is no tensor or needs none.
    """

    generate_vmap_rule = False
    clear_saved_tensors_on_access = False
    boxed_grads_call = False

    def __init__(self, *args, **kwargs):
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the class "
            "itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with static forward "
            "method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the outputs: as `forward(ctx, *inputs)`, or as `forward(*inputs)` beside `setup_context`."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keep on `ctx` what backward needs of the inputs, a tuple, and of what forward returned."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Compute the gradients of the inputs from those of the outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """Compute the tangents of the outputs from those of the inputs."""
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it with forward mode AD.")

    @staticmethod
    def vmap(info, in_dims, *args):
        """Compute a whole batch: returns (outputs, out_dims)."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and record it: this is how a Function is called."""
        if uses_setup_context(cls):
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        if kwargs:
            args = _by_position(cls, args, kwargs)
        return call(cls, args, place_of_caller(1))


def _by_position(function, args, kwargs):
    """Arguments given by name, put where forward takes them. Raises `TypeError` as PyTorch does."""
    code = inspect.unwrap(function.forward).__code__
    names = code.co_varnames[: code.co_argcount]
    if not uses_setup_context(function):
        names = names[1:]
    given = dict(zip(names, args))
    for name in kwargs:
        if name in given:
            raise TypeError(f"forward() got multiple values for argument '{name}'")
        if name not in names:
            raise TypeError(f"forward() got an unexpected keyword argument '{name}'")
    given.update(kwargs)
    last = max(names.index(name) for name in kwargs)
    for i, name in enumerate(names[: last + 1]):
        if name not in given:
            raise TypeError(f"forward() missing required argument: '{name}' (position {i})")
    return (*args, *(given[name] for name in names[len(args) : last + 1]))
