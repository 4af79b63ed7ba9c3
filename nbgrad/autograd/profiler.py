"""PyTorch's `torch.autograd.profiler`: how long operators and the nodes of backward passes take, and how much memory they ask for.

A layer over the observers of one thread takes the times; without one running nothing here costs anything.
"""

from __future__ import annotations

import threading
import time
import warnings

from .._engine import errors
from .._engine.function import FunctionCall
from .._engine.modes import Decorating, place_of_user, state
from .._engine.observe import Layer, add_layer, remove_layer
from .._engine.tensor import Tensor
from .profiler_util import EventList, FunctionEvent

__all__ = ["profile", "record_function"]


class profile:  # noqa: N801  (torch's name)
    """Measure what runs inside the block, on this thread: `with profile() as prof:`, then `prof.key_averages().table(sort_by="cpu_time_total")`.

    `record_shapes` keeps the shapes of inputs; `profile_memory` counts the bytes of results that are no views (memory given back is not
    counted). A node of a backward pass is timed from the end of the one before it, so its time includes handing gradients on and its hooks.
    `enabled=False` measures nothing, and then the block gives None. Raises `RuntimeError` when entered twice.
    """

    def __init__(
        self, enabled=True, *, use_cuda=False, use_device=None, record_shapes=False, with_flops=False, profile_memory=False, with_stack=False,
        with_modules=False, use_kineto=False, use_cpu=True, experimental_config=None, acc_events=False,
    ):  # fmt: skip
        for wanted, name in ((with_flops, "with_flops"), (with_stack, "with_stack")):
            if wanted:
                raise errors.unsupported(f"the profiler's {name}", "leave it out")
        if use_cuda or use_device not in (None, "cpu"):
            warnings.warn("CUDA is not available, disabling CUDA profiling", UserWarning, stacklevel=2)
        self.enabled, self.record_shapes, self.profile_memory = enabled, record_shapes, profile_memory
        self.entered = False
        self._clock = None
        self._events = None

    def __enter__(self):
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self.entered = True
        self._clock = _Clock(self.record_shapes, self.profile_memory)
        add_layer(self._clock)
        return self

    def __exit__(self, *exception):
        if self.enabled:
            remove_layer(self._clock)
            self._events = self._clock.finish()

    @property
    def function_events(self) -> EventList:
        """Every event, in the order in which they began."""
        if self._events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self._events

    def table(self, sort_by=None, row_limit=100, max_src_column_width=75, max_name_column_width=55, max_shapes_column_width=80, header=None,
              top_level_events_only=False, time_unit=None):  # fmt: skip
        """Every event as a row of text; see `EventList.table`."""
        return self.function_events.table(
            sort_by, row_limit, max_src_column_width, max_name_column_width, max_shapes_column_width, header, top_level_events_only, time_unit
        )

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False) -> EventList:
        """The events of each name added up; of each name and input shapes with `group_by_input_shape`, which needs `record_shapes`."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def total_average(self):
        """All events added up."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self):
        """Microseconds spent in all events, each moment counted once: never more than the block took."""
        return self.function_events.self_cpu_time_total

    def export_chrome_trace(self, path):
        """Write the events to a JSON file that chrome://tracing and Perfetto show."""
        self.function_events.export_chrome_trace(path)

    def __repr__(self):
        return "<unfinished torch.autograd.profile>" if self._events is None else repr(self._events)

    def __str__(self):
        return repr(self) if self._events is None else str(self._events)


class record_function(Decorating):  # noqa: N801  (torch's name)
    """Give a block, or a decorated function, a name of its own in what a profiler shows; also a recorded graph shows it as a block."""

    def __init__(self, name: str, args: str | None = None):
        self.name, self.args = name, args
        self._observers = []

    def __enter__(self):
        observer = state.mode.observer
        self._observers.append(observer)
        if observer is not None:
            observer.enter("with", self.name, place_of_user())
        return self

    def __exit__(self, *exception):
        observer = self._observers.pop()
        if observer is not None:
            observer.exit()

    def _again(self):
        return type(self)(self.name, self.args)


class _Open:
    """Something that has begun: `what` tells who may end it."""

    __slots__ = ("what", "name", "start", "shapes", "user", "id", "children")

    def __init__(self, what, name, id, shapes=(), user=False):
        self.what, self.name, self.id, self.shapes, self.user = what, name, id, shapes, user
        self.children = []
        self.start = time.perf_counter_ns()


_SCOPE, _STEP = object(), object()


class _Clock(Layer):
    """Takes the times. What begins is put on a pile; what ends takes itself, and whatever an error left above it, off."""

    hears_backward = True

    def __init__(self, record_shapes, profile_memory):
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.pile = []
        self.done = []
        self.ids = 0
        self.thread = threading.get_native_id()
        self.began = time.perf_counter_ns()

    def push(self, what, name, shapes=(), user=False):
        self.ids += 1
        self.pile.append(_Open(what, name, self.ids, shapes, user))

    def close(self, name=None, memory=0, sequence=-1, now=None):
        """End what is uppermost; a step of backward that never got a name is none, and what ran in it belongs to whoever encloses it."""
        ended = self.pile.pop()
        above = self.pile[-1].children if self.pile else None
        name = name or ended.name
        if name is None:
            if above is not None:
                above.extend(ended.children)
            return
        event = FunctionEvent(
            ended.id, name, self.thread, (ended.start - self.began) / 1e3, ((now or time.perf_counter_ns()) - self.began) / 1e3, ended.shapes,
            memory if self.profile_memory else 0, sequence, ended.user,
        )  # fmt: skip
        for child in ended.children:
            event.append_cpu_child(child)
        if above is not None:
            above.append(event)
        self.done.append(event)

    def close_until(self, what):
        """End what stands above the last beginning of `what`; whether there is one."""
        if all(o.what is not what for o in self.pile):
            return False
        while self.pile[-1].what is not what:
            self.close()
        return True

    def finish(self):
        """All events, in the order in which they began."""
        while self.pile:
            self.close()
        return EventList(sorted(self.done, key=lambda event: event.id), self.profile_memory)

    # ---- what the engine tells

    def begin(self, op, args):
        super().begin(op, args)
        self.push(op, _operator_name(op), [_shape(a) for a in args] if self.record_shapes else ())

    def op(self, op, args, result, node, place, in_place=False):
        now = time.perf_counter_ns()
        if self.close_until(op):
            name = self.pile[-1].name
            memory = 0 if in_place else sum(_memory_of(t._array) for t in (result if isinstance(result, (tuple, list)) else (result,)))
            sequence = -1 if node is None else node.sequence
            self.close(name + "_" if in_place and not name.endswith("_") else name, memory, sequence, now)
        super().op(op, args, result, node, place, in_place)

    def op_failed(self, op, args, error, place):
        if self.close_until(op):
            self.close()
        super().op_failed(op, args, error, place)

    def enter(self, kind, name, place, thing=None):
        super().enter(kind, name, place, thing)
        self.push(_SCOPE, _operator_name(name) if kind == "composite" else name, user=kind == "with")

    def exit(self):
        if self.close_until(_SCOPE):
            self.close()
        super().exit()

    def backward_start(self, roots):
        super().backward_start(roots)
        self.push(_STEP, None)

    def node_done(self, node, grads_in, grads_out):
        self._step_done(node.name(), grads_out, node.sequence)
        super().node_done(node, grads_in, grads_out)
        self.push(_STEP, None)

    def accumulated(self, leaf, grad, before):
        self._step_done("torch::autograd::AccumulateGrad", ())
        super().accumulated(leaf, grad, before)
        self.push(_STEP, None)

    def backward_end(self):
        if self.close_until(_STEP):
            self.close()
        super().backward_end()

    def _step_done(self, name, grads, sequence=-1):
        now = time.perf_counter_ns()
        if self.close_until(_STEP):
            arrays = [g._array if isinstance(g, Tensor) else g for g in grads if g is not None]
            self.close(name, sum(map(_memory_of, arrays)), sequence, now)


def _operator_name(op):
    """An operator's name as PyTorch's profiler shows it."""
    if isinstance(op, FunctionCall):
        return op.name
    name = op if isinstance(op, str) else op.name
    return "aten::" + name.removeprefix("nn.functional.").replace(".", "_")


def _shape(x):
    if isinstance(x, Tensor):
        return list(x._array.shape)
    if isinstance(x, (list, tuple)) and any(isinstance(t, Tensor) for t in x):
        return [_shape(t) for t in x]
    return []


def _memory_of(array):
    """The bytes that an array holds itself."""
    return array.nbytes if getattr(array, "base", None) is None else 0
