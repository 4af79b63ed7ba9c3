"""What the engine tells a watcher, one call per event.

An observer is installed for one thread by `observing`. With none installed an event costs one look at an attribute. An observer must not change
what it is shown, and must not raise. Knows nothing of graphs or notebooks.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from .modes import state


class Asked(NamedTuple):
    """What a backward pass is asked for: see `execute` in backward.py."""

    roots: tuple
    grads: tuple  # cotangents of the roots
    keep: bool
    create_graph: bool
    inputs: tuple | None
    accumulate: bool


class Observer:
    """Hears of everything that happens on one thread; override what you need."""

    alone = False  # whether no watcher is to hear of backward passes while this one observes

    def begin(self, op, args):
        """An operator is about to run; `op` or `op_failed` follows, with the calls inside it, if it makes any, between them."""

    def op(self, op, args, result, node, place, in_place=False):
        """An operator ran: `op` is its entry (or a name, for the few that are none), `args` are as given in the order of its parameters,
        `result` is a tensor or a tuple of them, `node` what it left for backward or None. `place` may be None where there is a node, which
        has it.

        With `in_place` the result is the changed tensor itself, and `args[0]` stands for it as it was.
        """

    def made(self, tensor, place):
        """A leaf was made from plain data, as by `ones` or `randn`."""

    def op_failed(self, op, args, error, place):
        """An operator raised."""

    def enter(self, kind, name, place, thing=None):
        """A composite operator or module begins; what happens until `exit` belongs to it. `thing` is the module."""

    def exit(self):
        """What was entered last ends."""

    def before_in_place(self, op, tensor):
        """The elements of `tensor` are about to be overwritten; `op` is None where backward adds to a `.grad`."""

    def read(self, tensor, how):
        """The elements of `tensor` left the world of operators: `how` is the method that gave them away ("item"), or "choice" where what is
        computed next depends on them in a way that no operator shows."""

    def backward_asked(self, asked):
        """What the backward pass that begins next was asked for, as an `Asked`."""

    def backward_start(self, roots):
        """A backward pass begins at these edges."""

    def backward_end(self):
        """The backward pass that began last is over, also by an error."""

    def backward_gave(self, found):
        """The pass that ended last was to give the gradients of some inputs: tensors, None where there is none."""

    def node_done(self, node, grads_in, grads_out):
        """A node ran: arrays (None where undefined) that came in per output and that went out per input."""

    def accumulated(self, leaf, grad, before):
        """The array `grad` was added to `leaf.grad`, which was the tensor `before`: None, or the same if it was changed in place."""

    def freed(self, node):
        """The node gave up what it had saved."""

    hears_nodes = True  # False for who wants to hear of the beginning and the end of a backward pass only; the pass then runs as if nobody watched

    def wants(self, roots, nodes, accumulators) -> Observer | None:
        """For watchers: who hears of a backward pass from these tensors (and `GradientEdge`s), or None. It is about to run these nodes (by falling sequence number) and to
        bring gradients to the leaves of these accumulators."""
        return self


class Layer(Observer):
    """An observer that changes how operators behave for a while, such as forward mode; it stands above whoever observed before.

    Every event goes on to the one `below`. A subclass that overrides an event calls `super()` for that; what it computes itself it computes under
    `beneath()`, so that it does not hear of its own work. The cost of a layer is paid only while it stands.
    """

    below = None
    transforms = False  # whether it gives values a meaning beyond their elements, so that backward must compute with tensors
    hears_backward = False  # whether it wants the events of backward passes; if not, they go straight to the one below

    @contextlib.contextmanager
    def beneath(self):
        """Inside the block operators are heard only by what stands below this layer."""
        mode = state.mode
        before = mode.observer
        mode.observer = self.below
        try:
            yield
        finally:
            mode.observer = before

    def begin(self, op, args):
        if self.below is not None:
            self.below.begin(op, args)

    def op(self, op, args, result, node, place, in_place=False):
        if self.below is not None:
            self.below.op(op, args, result, node, place, in_place)

    def made(self, tensor, place):
        if self.below is not None:
            self.below.made(tensor, place)

    def op_failed(self, op, args, error, place):
        if self.below is not None:
            self.below.op_failed(op, args, error, place)

    def enter(self, kind, name, place, thing=None):
        if self.below is not None:
            self.below.enter(kind, name, place, thing)

    def exit(self):
        if self.below is not None:
            self.below.exit()

    def before_in_place(self, op, tensor):
        if self.below is not None:
            self.below.before_in_place(op, tensor)

    def read(self, tensor, how):
        if self.below is not None:
            self.below.read(tensor, how)

    def backward_asked(self, asked):
        if self.below is not None:
            self.below.backward_asked(asked)

    def backward_start(self, roots):
        if self.below is not None:
            self.below.backward_start(roots)

    def backward_end(self):
        if self.below is not None:
            self.below.backward_end()

    def backward_gave(self, found):
        if self.below is not None:
            self.below.backward_gave(found)

    def node_done(self, node, grads_in, grads_out):
        if self.below is not None:
            self.below.node_done(node, grads_in, grads_out)

    def accumulated(self, leaf, grad, before):
        if self.below is not None:
            self.below.accumulated(leaf, grad, before)

    def freed(self, node):
        if self.below is not None:
            self.below.freed(node)


def tell_read(*things, how="choice"):
    """Tell the observer that the elements of these tensors leave the world of operators; what is no tensor is passed over."""
    observer = state.mode.observer
    if observer is not None:
        for one in things:
            if hasattr(one, "_array"):
                observer.read(one, how)


def add_layer(layer):
    """Let a layer stand above whoever observes this thread now."""
    mode = state.mode
    layer.below = mode.observer
    mode.observer = layer


def remove_layer(layer):
    """Take a layer away from this thread, wherever in the pile it stands; one that is not there is no error."""
    mode = state.mode
    if mode.observer is layer:
        mode.observer = layer.below
        return
    for above in layers_of(mode.observer):
        if above.below is layer:
            above.below = layer.below
            return


def layers_of(observer):
    """The layers of a pile, from the top."""
    while isinstance(observer, Layer):
        yield observer
        observer = observer.below


def put_observer(observer):
    """Let an observer stand at the bottom of this thread's pile, below all layers; gives the one that stood there."""
    holder, name = _bottom()
    before = getattr(holder, name)
    setattr(holder, name, observer)
    return before


def take_observer(observer, before):
    """Put `before` back where `observer` stands.

    Where another stands there by now, as when two asynchronous tasks record by turns, it goes on hearing, and `observer` will not come back after it.
    """
    holder, name = _bottom()
    standing, left = getattr(holder, name), state.mode.left
    if standing is observer:
        while before in left:
            before = left.pop(before)
        setattr(holder, name, before)
        if before is None:
            left.clear()
    elif standing is not None and observer is not None:
        left[observer] = before


def _bottom():
    """What holds the lowest of this thread's pile, and in which attribute."""
    lowest = None
    for lowest in layers_of(state.mode.observer):
        pass
    return (state.mode, "observer") if lowest is None else (lowest, "below")


def lowest_observer():
    """Who stands below all layers of this thread, or None: who only watches."""
    holder, name = _bottom()
    return getattr(holder, name)


@contextlib.contextmanager
def observing(observer):
    """Send this thread's events to `observer` inside the block; the one installed before hears nothing meanwhile.

    Layers stay where they are, and the observer hears through them.
    """
    before = put_observer(observer)
    try:
        yield observer
    finally:
        take_observer(observer, before)


# Observers that stay while other cells run, such as open views: each is asked at each backward pass, on any thread, whether it `wants` to hear of it.
# Whoever adds itself removes itself.
watchers: list[Observer] = []


def for_backward(observer, roots, nodes, accumulators):
    """Who hears of a backward pass from these tensors: one observer, or None. Watchers hear last, when the thread's own observer knows already."""
    if observer is not None:
        while isinstance(observer, Layer) and not observer.hears_backward:
            observer = observer.below
        if observer is not None and observer.alone:
            return observer
    for watcher in watchers[:]:
        observer = both(observer, watcher.wants(roots, nodes, accumulators))
    return observer


def both(first, second):
    """Who passes on to both of these observers of one backward pass, either of which may be None."""
    return second if first is None else first if second is None else _Fanout(first, second)


class _Fanout(Observer):
    """Two observers of one backward pass; either may be such a pair."""

    def __init__(self, *observers):
        self._observers = observers
        self.hears_nodes = any(o.hears_nodes for o in observers)

    def backward_asked(self, asked):
        for o in self._observers:
            o.backward_asked(asked)

    def backward_start(self, roots):
        for o in self._observers:
            o.backward_start(roots)

    def backward_end(self):
        for o in self._observers:
            o.backward_end()

    def backward_gave(self, found):
        for o in self._observers:
            o.backward_gave(found)

    def before_in_place(self, op, tensor):
        for o in self._observers:
            o.before_in_place(op, tensor)

    def node_done(self, node, grads_in, grads_out):
        for o in self._observers:
            o.node_done(node, grads_in, grads_out)

    def accumulated(self, leaf, grad, before):
        for o in self._observers:
            o.accumulated(leaf, grad, before)

    def freed(self, node):
        for o in self._observers:
            o.freed(node)
