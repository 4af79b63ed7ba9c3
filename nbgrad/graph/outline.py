"""The outline of a record: what belongs together, from single operators up to loops, found once and kept.

An *item* is what the user wrote: one operator, or one composite operator such as `matmul` with the calls inside it. Items and everything made of
them are runs of calls, so two numbers name each. Loops written by hand are found by the places and operators that repeat; `scene.py` decides what of
all this is shown.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from .columns import Columns, columns_of
from .loops import MIN_REPEATS, repeats
from .records import Graph, kept_with_graph


@dataclass(frozen=True, slots=True)
class Loop:
    """Three or more equal stretches of items; each stretch holds item numbers and loops."""

    iterations: tuple[tuple[int | Loop, ...], ...]

    def first(self, iteration: int = 0) -> int:
        """The first item of an iteration."""
        item = self.iterations[iteration][0]
        return item.first() if isinstance(item, Loop) else item

    def last(self, iteration: int = -1) -> int:
        """The last item of an iteration."""
        item = self.iterations[iteration][-1]
        return item.last() if isinstance(item, Loop) else item


class Outline:
    """Items and loops of a graph at one level, "story" (composite operators are one item) or "ops"."""

    def __init__(self, graph: Graph, level: str, start_at_leaves: bool):
        self.graph, self.columns, self.level = graph, columns_of(graph), level
        self.composite = _composites(graph, self.columns) if level == "story" else np.full(len(graph.calls), -1)
        inside = (self.composite[1:] >= 0) & (self.composite[1:] == self.composite[:-1])
        starts = np.flatnonzero(np.concatenate(([True], ~inside))) if len(graph.calls) else np.zeros(0, int)
        ends = np.append(starts[1:], len(graph.calls)) - 1
        if start_at_leaves or level == "story":
            making = _leaf_making(graph, self.columns, by_user=start_at_leaves)
            gone = np.concatenate(([0], np.cumsum(making)))
            kept = gone[ends + 1] - gone[starts] < ends + 1 - starts
            starts, ends = starts[kept], ends[kept]
        self.starts, self.ends = starts, ends  # the first and the last call of each item

    @functools.cached_property
    def loops(self) -> list[int | Loop]:
        """All items, those that repeat inside loops."""
        return self._nested(partial=False)

    @functools.cached_property
    def loops_cut_short(self) -> list[int | Loop]:
        """The same, where a loop's last iteration may lack its end."""
        return self._nested(partial=True)

    def scopes(self, item: int) -> tuple[int, ...]:
        """The numbers of the scopes around an item, the outermost first."""
        path = self.columns.path(self.starts[item])
        composite = self.composite[self.starts[item]]
        return path if composite < 0 else path[: path.index(composite)]

    def items_between(self, first: int, last: int) -> tuple[int, int]:
        """The numbers of the first item and of the one after the last that lie between two calls."""
        return int(np.searchsorted(self.starts, first)), int(np.searchsorted(self.ends, last, "right"))

    def has_gradients(self, first: int, last: int) -> bool:
        """Whether gradients go through one of the calls between two."""
        return bool(self._tracked[last + 1] > self._tracked[first])

    def learns_nothing(self, loop: Loop) -> bool:
        """Whether no gradient goes through a loop, though one goes through other calls: updates of parameters, an evaluation."""
        return bool(self._tracked[-1]) and not self.has_gradients(*self.calls_of(loop, 0))

    def changes_a_parameter(self, item: int) -> bool:
        """Whether an item changes a leaf in place, as the step of an optimizer does."""
        return self._learned[self.ends[item] + 1] > self._learned[self.starts[item]] and self.graph.calls[int(self.ends[item])].in_place

    def updates(self, items: list[int | Loop]) -> dict[int, int]:
        """Where in a list items update two parameters or more, with what that needs: position of the first -> position after the last."""
        out, begin = {}, 0
        plain = np.array([-1 if isinstance(i, Loop) else i for i in items], np.int64)
        low, high = self.starts[plain], self.ends[plain] + 1
        silent = (plain >= 0) & (self._tracked[high] == self._tracked[low]) & bool(self._tracked[-1])
        several = np.flatnonzero(silent & (self._learned[high] > self._learned[low]))
        while len(several) > 1:
            begin = end = int(several[0])
            while begin and silent[begin - 1]:
                begin -= 1
            while end < len(items) and silent[end]:
                end += 1
            out |= self._stretches(items, begin, end)
            several = several[several >= end]
        return out

    def _stretches(self, items, begin, end):
        """Of a run that no gradient goes through, the stretches that change things in place or make what is needed there."""
        needed, out, last = set(), {}, end
        for at in range(end - 1, begin - 2, -1):
            calls = self.graph.calls[int(self.starts[items[at]]) : int(self.ends[items[at]]) + 1] if at >= begin else ()
            if any(c.in_place or not needed.isdisjoint(c.outputs) for c in calls):
                needed.update(id for c in calls for id in c.inputs)
                continue
            if sum(map(self.changes_a_parameter, items[at + 1 : last])) > 1:
                out[at + 1] = last
            last = at
        return out

    def trains(self, loop: Loop) -> bool:
        """Whether each iteration has a backward pass of its own and nothing that has a gradient goes on to the next: a picture needs one of them."""
        (first, last), (then, end) = self.calls_of(loop, 0), self.calls_of(loop, 1)
        if self._rooted[last + 1] == self._rooted[first] or self._rooted[end + 1] == self._rooted[then]:
            return False
        columns = self.columns
        taken = columns.inputs[slice(*np.searchsorted(columns.input_calls, [then, end + 1]))]
        made = columns.producer[taken]
        return not (columns.requires_grad[taken] & ~columns.learned[taken] & (made >= first) & (made <= last)).any()

    def calls_of(self, loop: Loop, iteration: int) -> tuple[int, int]:
        """The first and the last call of an iteration."""
        return int(self.starts[loop.first(iteration)]), int(self.ends[loop.last(iteration)])

    @functools.cached_property
    def _tracked(self):
        """(n + 1,) how many results that have a gradient the calls before each one made."""
        columns = self.columns
        tracked = columns.requires_grad[columns.outputs] & ~columns.learned[columns.outputs]
        return np.concatenate(([0], np.cumsum(np.bincount(columns.output_calls[tracked], minlength=len(columns.op)))))

    @functools.cached_property
    def _learned(self):
        """(n + 1,) how many leaves that require a gradient the calls before each one made."""
        columns = self.columns
        made = columns.output_calls[columns.learned[columns.outputs]]
        return np.concatenate(([0], np.cumsum(np.bincount(made, minlength=len(columns.op)))))

    @functools.cached_property
    def _rooted(self):
        """(n + 1,) how many roots of backward passes the calls before each one made."""
        made = self.columns.producer[[self.columns.values[id] for id in self.graph.roots]] if self.graph.roots else np.zeros(0, int)
        return np.concatenate(([0], np.cumsum(np.bincount(made[made >= 0], minlength=len(self.columns.op)))))

    # ---- loops

    def _nested(self, partial):
        signs = self._signs()
        loop_signs = {}

        def sign(item):
            if isinstance(item, Loop):
                key = tuple(map(sign, item.iterations[0]))
                return loop_signs.setdefault(key, len(self.starts) + len(loop_signs))
            return signs[item]

        items, longest = list(range(len(signs))), 1
        while longest <= len(items):  # short bodies first, so that an inner loop is one item of the outer
            signed = [sign(i) for i in items]
            if _may_repeat(np.array(signed), longest, partial):
                items = repeats(items, signed, longest, partial, Loop)
            longest *= 2
        return items

    def _signs(self):
        """A number for each item: equal for the same operator at the same place, in scopes of the same kinds and names."""
        columns, graph = self.columns, self.graph
        labels = {}
        label_of_scope = [
            labels.setdefault(tuple((graph.scopes[i].kind, graph.scopes[i].name) for i in path), len(labels) + 1) for path in columns.paths
        ]
        known, out = {}, []
        for number, start in enumerate(self.starts.tolist()):
            composite, scope = self.composite[start], columns.scope[start]
            place, op = int(columns.place[start]), int(columns.op[start])
            if composite >= 0:
                scope = columns.path(start)[: columns.path(start).index(composite)][-1:]
                scope = scope[0] if scope else -1
                op = graph.scopes[composite].name
            if place < 0:
                place = -2 - number  # without a line nothing tells a loop from a formula; columns tell `a * b * c` from one
            key = (place, op, label_of_scope[scope] if scope >= 0 else 0)
            out.append(known.setdefault(key, len(known)))
        return out


@kept_with_graph
def outline_of(graph: Graph, level: str, start_at_leaves: bool = False) -> Outline:
    """Make a graph's outline, or give the one made before."""
    return Outline(graph, level, start_at_leaves)


def _may_repeat(signs, longest, partial):
    """Whether some stretch of at most `longest` items may follow on itself twice; says no quickly where there are very many items."""
    n = len(signs)
    if n < 256:
        return True
    order = np.argsort(signs, kind="stable")
    periods = set()
    for times in range(1, 5):  # an operator may stand several times in one body
        same = signs[order[times:]] == signs[order[:-times]]
        gaps = (order[times:] - order[:-times])[same]
        periods.update(np.unique(gaps[gaps <= longest]).tolist())
    for period in periods:
        differ = np.flatnonzero(signs[period:] != signs[:-period])
        longest_run = int(np.diff(np.concatenate(([-1], differ, [n - period]))).max()) - 1
        if longest_run >= ((MIN_REPEATS - 2) * period + 1 if partial else (MIN_REPEATS - 1) * period):
            return True
    return False


def _composites(graph, columns: Columns):
    """For each call the number of the outermost composite operator around it, -1 where there is none."""
    of_scope = [next((i for i in path if graph.scopes[i].kind == "composite"), -1) for path in columns.paths]
    return np.array([*of_scope, -1])[columns.scope]


def _leaf_making(graph, columns: Columns, by_user: bool):
    """Which calls only make leaves that require grad, as in `(torch.randn(3) * 0.1).requires_grad_()`: gradients end at them.

    Without `by_user` only those that begin in a constructor of ours, such as that of `nn.Linear`: there is no line of the user's for them.
    """
    gone = np.zeros(len(graph.calls), bool)
    if not len(gone):
        return gone
    order = np.argsort(columns.inputs, kind="stable")
    taken = columns.inputs[order]
    roots = {columns.values[id] for id in graph.roots}

    def takers(value):
        return columns.input_calls[order[np.searchsorted(taken, value) : np.searchsorted(taken, value, "right")]]

    def leads_only_to_leaves(value):
        if columns.learned[value]:
            return by_user
        consumers = takers(value)
        return len(consumers) and not columns.named[value] and not columns.requires_grad[value] and gone[consumers].all()

    def fills(call, made):
        """Whether a call writes the first numbers of a leaf: what stood there before has no other use."""
        before = columns.values[call.inputs[0]]
        return len(call.inputs) == 1 and columns.learned[[before, *made]].all() and len(takers(before)) == 1

    def leads_nowhere(call, made):
        return call.op == "detach" and call.place is None and not any(columns.named[v] or columns.requires_grad[v] or len(takers(v)) for v in made)

    unused = np.ones(len(columns.producer), bool)
    unused[columns.inputs] = False
    ours = (columns.place < 0)[columns.producer] & (columns.producer >= 0)
    seeds = columns.producer[columns.learned & (ours | by_user) | ours & unused]
    todo = sorted(set(seeds.tolist()) - {-1})
    while todo:
        number = todo.pop()
        call = graph.calls[number]
        made = [columns.values[id] for id in call.outputs]
        if gone[number] or not made or call.error or any(graph.values[v].cut for v in made):
            continue
        if call.in_place and call.place is None and call.inputs and fills(call, made):
            gone[number] = True
        elif not call.in_place and not any(v in roots for v in made) and (leads_nowhere(call, made) or all(map(leads_only_to_leaves, made))):
            gone[number] = True
        if gone[number]:
            todo += [p for p in (int(columns.producer[columns.values[id]]) for id in call.inputs) if p >= 0]
            todo.sort()
    return gone
