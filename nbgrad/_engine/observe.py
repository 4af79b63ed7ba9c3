"""What the engine tells a watcher, one call per event.

An observer is installed for one thread by `observing`. With none installed an event costs one look at an attribute. An observer must not change
what it is shown, and must not raise. Knows nothing of graphs or notebooks.
"""

from __future__ import annotations

import contextlib

from .modes import state


class Observer:
    """Hears of everything that happens on one thread; override what you need."""

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

    def enter(self, kind, name, place):
        """A composite operator or module begins; what happens until `exit` belongs to it."""

    def exit(self):
        """What was entered last ends."""

    def before_in_place(self, op, tensor):
        """The elements of `tensor` are about to be overwritten; `op` is None where backward adds to a `.grad`."""

    def backward_start(self, roots):
        """A backward pass begins at these edges."""

    def backward_end(self):
        """The backward pass that began last is over, also by an error."""

    def node_done(self, node, grads_in, grads_out):
        """A node ran: arrays (None where undefined) that came in per output and that went out per input."""

    def accumulated(self, leaf, grad):
        """The array `grad` was added to `leaf.grad`."""

    def freed(self, node):
        """The node gave up what it had saved."""

    def wants(self, roots) -> bool:
        """For watchers: whether to hear of a backward pass from these tensors."""
        return True


@contextlib.contextmanager
def observing(observer):
    """Send this thread's events to `observer` inside the block; the one installed before hears nothing meanwhile."""
    mode = state.mode
    before = mode.observer
    mode.observer = observer
    try:
        yield observer
    finally:
        mode.observer = before


# Observers that stay while other cells run, such as open views: each hears of the backward passes, on any thread, for which its `wants(roots)` is
# true. Whoever adds itself removes itself.
watchers: list[Observer] = []


def for_backward(observer, roots):
    """Who hears of a backward pass from these tensors: one observer, or None."""
    hearing = [w for w in tuple(watchers) if w.wants(roots)]
    if observer is not None:
        hearing.append(observer)
    return None if not hearing else hearing[0] if len(hearing) == 1 else _Fanout(hearing)


class _Fanout(Observer):
    """Several observers of one backward pass."""

    def __init__(self, observers):
        self._observers = observers

    def backward_start(self, roots):
        for o in self._observers:
            o.backward_start(roots)

    def backward_end(self):
        for o in self._observers:
            o.backward_end()

    def before_in_place(self, op, tensor):
        for o in self._observers:
            o.before_in_place(op, tensor)

    def node_done(self, node, grads_in, grads_out):
        for o in self._observers:
            o.node_done(node, grads_in, grads_out)

    def accumulated(self, leaf, grad):
        for o in self._observers:
            o.accumulated(leaf, grad)

    def freed(self, node):
        for o in self._observers:
            o.freed(node)
