"""A cut through an outline: the runs of calls that are shown, each as itself or as one group, and the scopes around them.

`scene.py` makes cuts and turns them into small graphs. How a group is represented is told in `transform.py`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass

from .loops import MIN_REPEATS, is_marked, loop_name
from .outline import Loop, Outline
from .records import Call, Scope


FEW = 20  # items of a training loop that are all shown
MOST_NAMES = 3  # of parameters in the name of a group that changes them


@dataclass(frozen=True, slots=True)
class Unit:
    """Calls `first` to `last`, shown as one: an item, or a group."""

    first: int
    last: int
    scope: str | None = None
    group: Call | None = None  # a group's call, still without id, inputs and outputs


@dataclass(frozen=True, slots=True)
class Fold:
    """What a cluster encloses, so that it can be closed; for loops also which iterations are shown."""

    first: int
    last: int
    times: int = 0
    shown: tuple[int, ...] = ()
    ends: tuple[str, str] = ("", "")  # the ids of the first and the last call
    alone: bool = False  # the other iterations of a training loop are not drawn


class Scopes(dict):
    """The scopes of a record by id, of which there may be very many, with those that were added or put elsewhere."""

    def __init__(self, graph):
        super().__init__()
        self._graph = graph

    def __missing__(self, id: str) -> Scope:
        return self._graph.scope(id)

    def recorded(self, id: str) -> bool:
        """Whether the record has this scope, or it is the twin of one that it has."""
        try:
            self._graph.scope(id.rstrip("'"))
        except KeyError:
            return False
        return True


class Cut:
    """Units in the order of the record, the scopes they stand in, and what these scopes enclose."""

    def __init__(self, outline: Outline):
        self.outline = outline
        self.units: list[Unit] = []
        self.scopes = Scopes(outline.graph)
        self.folds: dict[str, Fold] = {}
        self._given = set()  # (scope, parent) that are settled

    @classmethod
    def like(cls, cut: Cut) -> Cut:
        """A copy that can be changed without changing the first."""
        new = cls(cut.outline)
        new.units, new.folds, new._given = list(cut.units), dict(cut.folds), set(cut._given)
        new.scopes.update(cut.scopes)
        return new

    def add(self, items: list, show: str, around: tuple = (), chosen: Callable[[int, int], int | None] = lambda first, last: None, close: bool = True) -> None:
        """Put items and loops at the end. `show` tells which iterations of loops stay: "all", "ends" or "none" (one group a loop).

        Of a long training loop only the last iteration stays, and a loop that learns nothing is one group; but with `close` false none of these loops.

        `around` are the scopes of kind loop or group that were put around the items, each with how many of the record's scopes lie outside it;
        `chosen` may name one iteration of the loop between two calls, counted from 0, which is shown instead.
        """
        close = close and self.outline.level == "story"
        updates = self.outline.updates(items) if close and show != "none" else {}
        end = 0
        for at, item in enumerate(items):
            if at in updates:
                end = updates[at]
                self._add_updates(items[at:end], around)
            elif isinstance(item, Loop):
                self._add_loop(item, show, around, chosen, close)
            elif at >= end:
                first, last = int(self.outline.starts[item]), int(self.outline.ends[item])
                self.units.append(Unit(first, last, self._scope_of(self.outline.scopes(item), around)))

    def _add_updates(self, items, around):
        graph, outline = self.outline.graph, self.outline
        first, last = int(outline.starts[items[0]]), int(outline.ends[items[-1]])
        changed = [graph.value(graph.calls[int(outline.ends[i])].outputs[0]) for i in items if outline.changes_a_parameter(i)]
        names = list(dict.fromkeys(v.name for v in changed))
        what = ", ".join(names) if len(names) <= MOST_NAMES and all(names) else f"{len(changed)} parameters"
        inside = functools.reduce(common, map(outline.scopes, items))
        self.group(first, last, f"update of {what}", self._scope_of(inside, around))

    def _add_loop(self, loop, show, around, chosen, close):
        outline, times = self.outline, len(loop.iterations)
        first, last = int(outline.starts[loop.first()]), int(outline.ends[loop.last()])
        alone = loop.last() - loop.first() >= FEW and outline.trains(loop)
        inside = common(outline.scopes(loop.first()), outline.scopes(loop.last()))
        name = f"{self._name(loop)} ×{times}"
        one = chosen(first, last)
        if one is None and (show == "none" or close and outline.learns_nothing(loop)):
            self.group(first, last, name, self._scope_of(inside, around), times)
            return
        id = f"for{first}-{last}"
        around = tuple(pair for pair in around if pair[1] != id)  # where all of a loop was one group inside the loop's own scope
        self.scopes[id] = Scope(id, "loop", name, self._scope_of(inside, around), self._place(first, last))
        around = (*around, (len(inside), id))
        shown = [one] if one is not None else list(range(times)) if show == "all" or self._is_short(loop) else [0, times - 1]
        if alone:
            shown = [times - 1 if one is None else one]
        self.folds[id] = Fold(first, last, times, tuple(shown), alone=alone)
        before = -1
        for iteration in [*shown, times]:
            if iteration - before > 1 and not alone:
                hidden = int(outline.starts[loop.first(before + 1)]), int(outline.ends[loop.last(iteration - 1)])
                self.group(*hidden, f"{iteration - before - 1} more", id, iteration - before - 1)
            if iteration < times:
                self.add(list(loop.iterations[iteration]), show, around, chosen)
            before = iteration

    def _is_short(self, loop):
        return len(loop.iterations) == MIN_REPEATS and len(loop.iterations[1]) == 1

    def group(self, first: int, last: int, name: str, scope: str | None, times: int | None = None) -> None:
        """Put one group for the calls between two at the end."""
        self.units.append(group_of(self.outline, first, last, name, scope, times))

    def _name(self, loop):
        graph, columns = self.outline.graph, self.outline.columns
        first, last = int(self.outline.starts[loop.first(0)]), int(self.outline.ends[loop.last(0)])
        seen = dict.fromkeys(columns.place[first : last + 1].tolist())
        found = {int(columns.place[i]): i for i in range(last, first - 1, -1)} if len(seen) < 1000 else {}
        places = [graph.calls[found[n]].place for n in seen if n >= 0 and n in found]
        if not places:
            return graph.calls[first].op.rsplit(".", 1)[-1]
        return loop_name(graph, places, graph.calls[last].place)

    def _place(self, first, last):
        columns = self.outline.columns
        return next((self.outline.graph.calls[i].place for i in range(first, last + 1) if columns.place[i] >= 0), None)

    def _scope_of(self, numbers, around):
        """The innermost scope of an item, where loops and groups were put around some of its scopes."""
        graph = self.outline.graph
        path, done = [], 0
        for depth, id in around:
            path += [graph.scopes[n].id for n in numbers[done:depth]] + [id]
            done = depth
        inner = [graph.scopes[n] for n in numbers[done:]]
        while around and inner and inner[0].kind == "loop" and not is_marked(inner[0]):
            del inner[0]  # a scope for one iteration says nothing that the loop's does not
        path += [s.id for s in inner]
        return self._settle(tuple(path))

    def _settle(self, path):
        """Give each scope of a path its parent; a scope that stands in two is made twice."""
        parent = None
        for id in path:
            while (id, parent) not in self._given:
                if self.scopes[id].parent == parent or not any(known == id for known, _ in self._given):
                    self.scopes[id] = dataclasses.replace(self.scopes[id], parent=parent)
                    self._given.add((id, parent))
                else:
                    twin = f"{id}'"
                    self.scopes.setdefault(twin, dataclasses.replace(self.scopes[id], id=twin))
                    id = twin
            parent = id
        return parent


def group_of(outline: Outline, first: int, last: int, name: str, scope: str | None, times: int | None = None, place=None, module: str = "") -> Unit:
    """One group for the calls between two."""
    calls, (begin, end) = outline.graph.calls, outline.items_between(first, last)
    params = ((("module", module),) if module else ()) + ((("times", str(times)),) if times else ())
    params += (("calls", str(max(end - begin, 1))), ("first", calls[first].id), ("last", calls[last].id))
    if place is None:
        place = next((calls[i].place for i in range(first, last + 1) if outline.columns.place[i] >= 0), None)
    grad_mode = calls[first].grad_mode or outline.has_gradients(first, last)
    return Unit(first, last, scope, Call("", name, (), (), params=params, scope=scope, place=place, grad_mode=grad_mode))


def restricted(outline: Outline, items: list, first: int, last: int) -> list:
    """The items and loops that lie between two calls; of a loop that lies there in part, the iterations that do."""
    begin, end = outline.items_between(first, last)
    return _between(items, begin, end)


def _between(items, begin, end):
    out = []
    for item in items:
        if not isinstance(item, Loop):
            if begin <= item < end:
                out.append(item)
            continue
        low, high = item.first(), item.last()
        if begin <= low and high < end:
            out.append(item)
        elif low < end and begin <= high:
            inside = [i for i in range(len(item.iterations)) if begin <= item.first(i) and item.last(i) < end]
            if len(inside) >= MIN_REPEATS and len(inside) == inside[-1] - inside[0] + 1:
                before, after = item.iterations[: inside[0]], item.iterations[inside[-1] + 1 :]
                middle = [Loop(item.iterations[inside[0] : inside[-1] + 1])]
            else:
                before, after, middle = item.iterations, (), []
            out += _between([i for iteration in before for i in iteration], begin, end) + middle
            out += _between([i for iteration in after for i in iteration], begin, end)
    return out


def common(a: tuple, b: tuple) -> tuple:
    """The beginning that two paths share."""
    shared = 0
    while shared < min(len(a), len(b)) and a[shared] == b[shared]:
        shared += 1
    return a[:shared]
