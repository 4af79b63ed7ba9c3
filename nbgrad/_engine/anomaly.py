"""Anomaly detection: a backward pass that looks for NaN in what each node gives, and says at which line of forward a node was made that fails.

The switch is read once at the beginning of a pass; one that is not watched pays nothing.
"""

from __future__ import annotations

import linecache
import warnings

import numpy as np

from .errors import line_of, where
from .modes import anomaly, place_of_user
from .node import Node, next_sequence, node_of


class Watching:
    """What a backward pass does besides when it is watched; mixed into its class."""

    def run_plain(self):
        """Run all nodes, none of them in the short way."""
        for node in self.nodes:
            self.run_node(node, self.buffers.pop(node, None))

    def results_of(self, node, g):
        """What a node gives. Raises `RuntimeError` where that is NaN, and tells of the line that made the node where anything goes wrong."""
        start = next_sequence()
        try:
            g, out = super().results_of(node, g)
            if anomaly.check_nan:
                _check(node, out)
        except Exception:
            _tell(node)
            raise
        for part in out:
            _remember(node, getattr(part, "_edge", None), start)
        return g, out


def _check(node, out):
    for i, part in enumerate(out):
        array = getattr(part, "_array", part)
        if array is not None and node.edges[i] is not None and array.dtype.kind in "fc" and np.isnan(array).any():
            first = [node, *_makers(node)][-1]
            by = "" if first is node else f" by the backward of {first.name()}, which was made"
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output. [nbgrad] It was made{by} at {where(first.place)}.")


def _tell(node):
    """Warn of where a node was made, and those that it was made for in an earlier backward pass."""
    _warn(f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{_traceback(node.place)}")
    for maker in _makers(node):
        _warn(
            f"\n\nPrevious calculation was induced by {maker.name()}. Traceback of forward call that induced the previous calculation:\n"
            f"{_traceback(maker.place)}"
        )


def _makers(node):
    """The node whose backward made this one, the one whose backward made that, and so on."""
    while "_made_by" in node.__dict__:
        node = node.__dict__["_made_by"]
        yield node


def _traceback(place):
    code, offset = place
    if code is None:
        return "  an unknown line\n"
    line = line_of(code, offset)
    text = linecache.getline(code.co_filename, line).strip()
    return f'  File "{code.co_filename}", line {line}, in {code.co_name}\n    {text}\n'


def _warn(message):
    code, offset = place_of_user()
    warnings.warn_explicit(message, UserWarning, code.co_filename, line_of(code, offset))


def _remember(node, edge, start):
    """Note for all nodes that this one has made in its backward that it did."""
    stack = [] if edge is None or not edge else [node_of(edge)]
    while stack:
        made = stack.pop()
        if isinstance(made, Node) and start < made.sequence and made.edges and "_made_by" not in made.__dict__:
            made.__dict__["_made_by"] = node
            stack += [node_of(e) for e in made.edges if e is not None]
