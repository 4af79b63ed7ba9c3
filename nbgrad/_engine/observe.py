"""What the engine tells a watcher, one call per event.

An observer is installed for one thread by `observing`. With none installed an event costs one look at an attribute. An observer must not change
what it is shown, and must not raise. Knows nothing of graphs or notebooks.
"""

from __future__ import annotations

import contextlib

from .modes import state


class Observer:
    """Hears of everything that happens on one thread; override what you need."""

    def op(self, op, args, result, node, place):
        """An operator ran: `args` as given, `result` a tensor or a tuple of them, `node` what it left for backward or None."""

    def op_failed(self, op, args, error, place):
        """An operator raised."""

    def enter(self, kind, name, place):
        """A composite operator or module begins; what happens until `exit` belongs to it."""

    def exit(self):
        """What was entered last ends."""

    def before_in_place(self, op, tensor):
        """The elements of `tensor` are about to be overwritten."""

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


# Hear of backward passes on every thread, after the fact: views that stay open while other cells run. Each is called with no argument and
# must be quick. A weak set would cost each backward pass; whoever adds itself removes itself.
after_backward: list = []
