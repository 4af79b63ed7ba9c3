"""PyTorch's `torch.utils.checkpoint`: not keeping what a function saves for backward, but running the function again when backward needs it.

`use_reentrant=False` records the function as usual, with hooks that keep a placeholder for each saved tensor; the first placeholder that a backward pass
meets makes the function run again, and what it saves then fills all of them. `use_reentrant=True` is one custom Function, whose backward runs the
function again and a backward pass of its own inside the first.
"""

from __future__ import annotations

import contextlib
import warnings
import weakref

from .._engine import errors
from .._engine.function import Function, call
from .._engine.function_node import at_edge
from .._engine.modes import enable_grad, is_grad_enabled, place_of_user, state
from .._engine.node import gradient_edge
from .._engine.observe import Layer, add_layer, observing, remove_layer
from .._engine.saved import Packed, current_hooks, saved_tensors_hooks
from .._engine.tensor import Tensor
from ..autograd import backward as _backward
from ..random import fork_rng, get_rng_state, set_rng_state

__all__ = [
    "CheckpointError", "CheckpointFunction", "GraphExecGroup", "check_backward_validity", "checkpoint", "checkpoint_sequential", "detach_variable",
    "noop_context_fn", "set_checkpoint_debug_enabled", "set_checkpoint_early_stop",
]  # fmt: skip

_PASS_IT = (
    "the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
    "exception. use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True."
)


class CheckpointError(RuntimeError):
    """What is raised when a function does not save the same when it runs again."""


class _Settings:
    """What blocks set for all checkpoints inside them; None leaves it to each."""

    early_stop = debug = group = None


_settings = _Settings()


@contextlib.contextmanager
def _setting(name, value):
    before = getattr(_settings, name)
    setattr(_settings, name, value)
    try:
        yield
    finally:
        setattr(_settings, name, before)


def set_checkpoint_early_stop(enable: bool):
    """A block whose checkpoints stop running their function again once all that is needed is there, or run it to its end."""
    return _setting("early_stop", enable)


def set_checkpoint_debug_enabled(enabled: bool | None):
    """A block whose checkpoints say in their errors which operators ran, or do not; None leaves it to each."""
    return _setting("debug", enabled)


class GraphExecGroup:
    """A block whose backward passes share what they run again. No two of them may need the same saved tensor."""

    def __enter__(self):
        if _settings.group is not None:
            raise RuntimeError(f"GraphExecGroup contexts cannot be nested. Already inside group {_settings.group}")
        _settings.group = self
        return self

    def __exit__(self, *exception):
        _settings.group = None


def noop_context_fn():
    """Two contexts that do nothing: the default of `context_fn`."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function, *args, use_reentrant=None, context_fn=noop_context_fn, determinism_check="default", debug=False, early_stop=True, **kwargs
):
    """Run `function(*args, **kwargs)` without keeping what it saves for backward, which runs it again instead.

    `use_reentrant=False` is recommended; the other way takes no keywords, wants tensors as arguments and results, and works with `backward()` of
    all leaves only. `preserve_rng_state=False` lets random numbers come out differently the second time. `context_fn` gives two contexts, for the
    two runs. `determinism_check="none"` does not compare shapes and types of what is saved. `early_stop=False` runs the function to its end.
    `debug=True` names the operators of both runs in errors. Raises `CheckpointError` where the two runs differ.
    """
    if use_reentrant is None:
        warnings.warn(f"torch.utils.checkpoint: {_PASS_IT}", stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        return _record(function, args, kwargs, preserve, context_fn, determinism_check, debug, early_stop)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    return call(CheckpointFunction, (function, preserve, *args), place_of_user())


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Run functions (or a `Sequential`'s modules) one after the other in this many segments, all but the last of them checkpointed."""
    if use_reentrant is None:
        warnings.warn(f"torch.utils.checkpoint.checkpoint_sequential: {_PASS_IT}", stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(functions) // segments
    end = 0
    for start in range(0, size * (segments - 1), size):
        end = start + size
        input = checkpoint(_one_after_the_other(functions[start:end]), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _one_after_the_other(functions[end:])(input)


def _one_after_the_other(functions):
    def run(input):
        for function in functions:
            input = function(input)
        return input

    return run


@contextlib.contextmanager
def _random_state(before):
    """A block with the random numbers that follow a state, if there is one, and those from outside again after it."""
    with fork_rng(enabled=before is not None):
        if before is not None:
            set_rng_state(before)
        yield


# ---- the reentrant way


def detach_variable(inputs):
    """The tensors of a tuple without their history, each requiring a gradient if it did; the rest as it is."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs)


def check_backward_validity(inputs):
    """Warn if no tensor among the inputs requires a gradient."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


class CheckpointFunction(Function):
    """The function as one node, whose backward runs it again and goes back through it."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.random_state = get_rng_state() if preserve_rng_state else None
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*[a for a in args if isinstance(a, Tensor)])
        return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        if state.mode.running is not None and state.mode.running.limited:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to .backward(). To "
                "resolve this error, you can either set use_reentrant=False, or call .backward() without passing the `inputs` argument."
            )
        tensors = iter(ctx.saved_tensors)
        is_tensor = ctx._node.is_tensor[2:]
        inputs = detach_variable(tuple(next(tensors) if tensor else other for tensor, other in zip(is_tensor, ctx.others)))
        with _random_state(ctx.random_state), enable_grad():
            outputs = ctx.run_function(*inputs)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        wanted = [(out, g) for out, g in zip(outputs, grads) if isinstance(out, Tensor) and out.requires_grad]
        if not wanted:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        _backward([out for out, _ in wanted], [g for _, g in wanted])
        return (None, None, *(x.grad if isinstance(x, Tensor) else None for x in inputs))


# ---- the way that is not


_KINDS = {"default": lambda t: {"shape": t.shape, "dtype": t.dtype, "device": t.device}, "none": lambda t: None}


def _record(function, args, kwargs, preserve, context_fn, determinism_check, debug, early_stop):
    log = _Logs() if (debug if _settings.debug is None else _settings.debug) else None
    if log is not None:
        if context_fn is not noop_context_fn:
            raise ValueError("debug=True is incompatible with non-default context_fn")
        context_fn = log.contexts
    if determinism_check not in _KINDS:
        raise ValueError(f"determinism_check should be one of {list(_KINDS)}, but got {determinism_check}")
    context, context_again = context_fn()
    if not is_grad_enabled():
        return function(*args, **kwargs)
    random_state = get_rng_state() if preserve else None

    def again(*args):
        with _random_state(random_state), context_again:
            function(*args, **kwargs)

    region = _Region(again, [_Input(a) if isinstance(a, Tensor) else a for a in args], _KINDS[determinism_check], log)
    region.early_stop = early_stop if _settings.early_stop is None else _settings.early_stop
    with saved_tensors_hooks(region.pack, region.unpack), context:
        result = function(*args, **kwargs)
        region.complete = True
    if not region.complete:
        raise RuntimeError(
            "torch.utils.checkpoint: the forward context provided by context_fn suppressed an exception raised during the checkpointed forward. "
            "This is not supported because checkpoint cannot return a value for a failed forward."
        )
    return result


class _Input:
    """A tensor argument, kept for the second run as operators keep theirs: by the hooks in force, such as those of a checkpoint around this one."""

    def __init__(self, tensor):
        hooks = current_hooks()
        self.edge = gradient_edge(tensor) if tensor.requires_grad else None
        self.kept = tensor if hooks is None else Packed(hooks, tensor)
        self.version, self.place = tensor._version, place_of_user()

    def tensor(self):
        """The argument again. Raises `RuntimeError` if it was changed in place."""
        kept = self.kept
        if type(kept) is Packed:
            tensor = kept.unpack()
            return tensor if self.edge is None else at_edge(tensor, self.edge)
        if kept._version != self.version:
            maker = kept.grad_fn and kept.grad_fn.name().rstrip("0123456789").removesuffix("Backward")
            raise errors.modified(
                kept.dtype.tensor_name, kept.shape, kept.output_nr, maker, kept._version, self.version, self.place, kept._cell.place
            )
        return kept


class _Slot:
    """Stands in a node for a tensor that it would have saved."""

    __slots__ = ("__weakref__",)


class _StopEarly(Exception):
    """All that was saved the first time has been saved again."""


class _Again:
    """What one backward pass has run again: how many tensors were saved, and those that are still waited for, by their slot."""

    def __init__(self):
        self.count = 0
        self.tensors = weakref.WeakKeyDictionary()
        self.grew = False  # whether more was saved than the first run, still under way, had saved so far


class _Region:
    """One call of `checkpoint`: what its function saved, by slot, and how to run it again."""

    def __init__(self, again, inputs, kind_of, log):
        self.again, self.inputs, self.kind_of, self.log = again, inputs, kind_of, log
        self.slots, self.kinds = [], []  # in the order of saving
        self.complete = False
        self.runs = weakref.WeakKeyDictionary()  # backward pass -> _Again

    def pack(self, tensor):
        """Keep a slot in place of the tensor."""
        slot = _Slot()
        self.slots.append(weakref.ref(slot))
        self.kinds.append(self.kind_of(tensor))
        return slot

    def unpack(self, slot):
        """The tensor that belongs into a slot; runs the function again if this backward pass has not done so."""
        key = _settings.group or state.mode.running or _Slot()  # outside of a pass each look runs it anew
        try:
            if key not in self.runs:
                self.runs[key] = self.run_again()
        except CheckpointError as error:
            if self.log is None:
                raise
            raise CheckpointError(self.log.report()) from error
        tensor = self.runs[key].tensors.pop(slot, None)
        if tensor is None:
            raise CheckpointError(
                "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. If you are calling "
                "ctx.saved_tensors in backward, make sure to do so only once."
            )
        return tensor

    def run_again(self):
        """Run the function again and keep what it saves."""
        run = _Again()

        def pack(tensor):
            tensor = tensor.detach()
            index, run.count = run.count, run.count + 1
            if index >= len(self.slots):
                if self.complete:
                    raise CheckpointError(
                        "torch.utils.checkpoint: trying to save more tensors during recomputation than during the original forward pass."
                    )
                run.grew = True
                return tensor
            slot = self.slots[index]()
            if slot is not None:
                run.tensors[slot] = tensor
            if self.early_stop and run.count == len(self.slots):
                raise _StopEarly
            return tensor

        inputs = [a.tensor() if isinstance(a, _Input) else a for a in self.inputs]
        with observing(None), saved_tensors_hooks(pack, lambda tensor: tensor), enable_grad(), contextlib.suppress(_StopEarly):
            self.again(*inputs)
        self.check(run)
        return run

    def check(self, run):
        """Raise `CheckpointError` where the second run saved something else."""
        if run.grew:
            return
        if run.count != len(self.slots):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.slots)}\nNumber of tensors saved during recomputation: {run.count}."
            )
        different = ""
        for i, (reference, kind) in enumerate(zip(self.slots, self.kinds)):
            slot = reference()
            if slot is not None and self.kind_of(run.tensors[slot]) != kind:
                different += f"tensor at position {i}:\nsaved metadata: {kind}\nrecomputed metadata: {self.kind_of(run.tensors[slot])}\n"
        if different:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the forward pass.\n"
                + different
            )


class _Log(Layer):
    """Writes down which operators run while it stands."""

    def __init__(self):
        self.lines = []

    def op(self, op, args, result, node, place, in_place=False):
        name = op if isinstance(op, str) else op.name
        self.lines.append(f"{name} at {errors.where(node.place if place is None else place)}")
        super().op(op, args, result, node, place, in_place)

    def __enter__(self):
        add_layer(self)

    def __exit__(self, *exception):
        remove_layer(self)


class _Logs:
    """The operators of both runs."""

    def contexts(self):
        """A context for each run."""
        self.first, self.second = _Log(), _Log()
        return self.first, self.second

    def report(self):
        """Both lists, one after the other."""
        lists = "\n\n".join(
            f"Operations executed during {what}:\n\n" + "\n".join(log.lines)
            for what, log in (("the original forward", self.first), ("recomputation", self.second))
        )
        return (
            "An error happened while unpacking tensors; dumping logs of latest computation because you passed `debug=True` to "
            f"`torch.utils.checkpoint.checkpoint()`.\n\n{lists}\n\nERROR: Detected non-determinism while running activation checkpointing"
        )
