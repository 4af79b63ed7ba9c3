"""Loops written by hand, found in a flat record by source place and operator, and folded.

`render.py` calls `fold_loops` beside the other transforms; how a folded loop is represented is told in `transform.py`. Finding is linear in
the calls for each doubling of the body's length, and no source is parsed: the `for` line is only looked up for its text.
"""

from __future__ import annotations

import dataclasses

from .records import Call, Graph, Scope
from .transform import collapse, group_params, next_group, scope_paths

MIN_REPEATS = 3


def fold_loops(graph: Graph, show: str = "ends", lines: bool = True) -> Graph:
    """Fold loops written by hand: three or more repeats of the same source lines and operators, whatever the shapes.

    Without `lines`, what was written out layer by layer counts as repeated too: operators and shapes alone decide.

    `show="ends"` keeps the first and the last iteration, `show="none"` leaves one group a loop, and `show="all"` folds nothing, only marks
    each loop with a scope.
    """
    items = _find_loops(graph, lines, partial=show == "all")
    if not any(isinstance(i, _Loop) for i in items):
        return graph
    return _Folding(graph, show, lines).run(items)


@dataclasses.dataclass(frozen=True, slots=True)
class _Loop:
    iterations: tuple[tuple[Call | _Loop, ...], ...]

    def calls(self, start=0, stop=None):
        for iteration in self.iterations[start:stop]:
            for item in iteration:
                if isinstance(item, _Loop):
                    yield from item.calls()
                else:
                    yield item


def _find_loops(graph, lines, partial):
    """Nest the calls into loops, the innermost first."""
    values = {v.id: v.shape for v in graph.values}
    labels = {id: tuple((s.kind, s.name) for s in map(graph.scope, path)) for id, path in scope_paths(graph).items() if id is not None}
    known, signed = {}, {}

    def sign(item):
        found = signed.get(id(item))
        if found is None:
            found = signed[id(item)] = known.setdefault(key_of(item), len(known))
        return found  # by id: hashing a place anew in each round takes longer than all the rest

    def key_of(item):
        if isinstance(item, _Loop):
            key = ("loop", *map(sign, item.iterations[0]))
        else:
            at = (item.place or item.id) if lines else None  # without a line nothing tells a loop from a formula; columns tell `a * b * c` from one
            size = tuple(values[id] for id in item.inputs + item.outputs) if not lines else ()
            key = (at, item.op, labels.get(item.scope), size)
        return key

    items, longest, kept = list(graph.calls), 1, []  # kept, so that no id comes twice
    while longest <= len(items):  # short bodies first, so that an inner loop is one item of the outer
        kept.append(items)
        items = repeats(items, [sign(i) for i in items], longest, partial, _Loop)
        longest *= 2
    return items


def repeats(items: list, signs: list[int], longest: int, partial: bool, make) -> list:
    """Replace each run of three or more equal stretches, of at most `longest` items, by what `make` gives for its iterations.

    `signs` tells which items are equal; `partial` lets the third stretch be cut short.
    """
    n = len(signs)
    following, latest = [n] * n, {}
    for i in range(n - 1, -1, -1):
        following[i] = latest.get(signs[i], n)
        latest[signs[i]] = i
    reach = {}  # period -> where the comparison last stopped, so that nothing is compared twice
    out, i = [], 0
    while i < n:
        at, loop = i, None
        for _ in range(4):  # an operator may stand several times in one body
            at = following[at]
            period = at - i
            if at >= n or period > longest:
                break
            end = max(reach.get(period, i), i)
            while end + period < n and signs[end] == signs[end + period]:
                end += 1
            reach[period] = end
            length = end - i + period
            if length >= ((MIN_REPEATS - 1) * period + 1 if partial else MIN_REPEATS * period):
                loop = period, length
                break
        if loop:
            period, length = loop
            out.append(make(tuple(tuple(items[k:min(k + period, i + length)]) for k in range(i, i + length, period))))
            i += length
        else:
            out.append(items[i])
            i += 1
    return out


class _Folding:
    """Writes a graph again from calls nested into loops."""

    def __init__(self, graph, show, lines):
        self.graph, self.show, self.lines = graph, show, lines
        self.paths = scope_paths(graph)
        self.scopes = {s.id: s for s in graph.scopes}
        self.number = next_group(graph)
        self.next_scope = len(graph.scopes)
        self.groups, self.moved = [], {}

    def run(self, items):
        for item in items:
            if isinstance(item, _Loop):
                self.loop(item)
        calls = tuple(dataclasses.replace(c, scope=self.moved[c.id]) if c.id in self.moved else c for c in self.graph.calls)
        graph = self.graph.replace(calls=calls, scopes=tuple(self.scopes.values()))
        by_id = {c.id: c for c in calls}
        return collapse(graph, [(call, [by_id[c.id] for c in members]) for call, members in self.groups])

    def loop(self, loop):
        members = list(loop.calls())
        times, name = len(loop.iterations), _loop_name(self.graph, members, list(loop.calls(0, 1))[-1], self.lines)
        around = self.common(members[0], members[-1])
        if self.show == "none":
            self.group(f"{name} ×{times}", members, around[-1] if around else None, times)
            return
        scope = self.enclose(f"{name} ×{times}", members, around)
        ends = loop.iterations if self.show == "all" else (loop.iterations[0], loop.iterations[-1])
        for item in (i for iteration in ends for i in iteration):
            if isinstance(item, _Loop):
                self.loop(item)
        if self.show == "ends":
            between = list(loop.calls(1, -1))
            if times == MIN_REPEATS and len(between) == 1:
                return
            self.group(f"{times - 2} more", between, scope, times - 2)

    def group(self, op, members, scope, times):
        place = next((c.place for c in members if c.place), None)
        self.groups.append((Call(f"g{self.number}", op, (), (), params=group_params(members, times), scope=scope, place=place), members))
        self.number += 1

    def common(self, first, last):
        """The scopes around a whole loop; those that a capture made for its single iterations lie inside."""
        a, b = (self.path(c) for c in (first, last))
        shared = 0
        while shared < min(len(a), len(b)) and a[shared] == b[shared]:
            shared += 1
        return a[:shared]

    def path(self, call):
        scope = self.moved.get(call.id, call.scope)
        out = []
        while scope is not None:
            out.append(scope)
            scope = self.scopes[scope].parent
        return tuple(reversed(out))

    def enclose(self, name, members, around):
        while f"s{self.next_scope}" in self.scopes:
            self.next_scope += 1
        id, parent = f"s{self.next_scope}", around[-1] if around else None
        place = next((c.place for c in members if c.place), None)
        self.scopes[id] = Scope(id, "loop", name, parent, place)
        for call in members:
            inner = [s for s in self.path(call)[len(around):] if s != id]
            while inner and self.scopes[inner[0]].kind == "loop" and not is_marked(self.scopes[inner[0]]):
                del inner[0]  # a scope for one iteration says nothing that the loop's does not
            if inner:
                self.scopes[inner[0]] = dataclasses.replace(self.scopes[inner[0]], parent=id)
            else:
                self.moved[call.id] = id
        return id


def is_marked(scope: Scope) -> bool:
    """Whether a loop's scope is one that was found here, not a capture's for a single iteration."""
    return " ×" in scope.name


def _loop_name(graph, members, ending, looped):
    places = [c.place for c in members if c.place]
    return loop_name(graph, places, ending.place, looped) if places else members[0].op.rsplit(".", 1)[-1]


def loop_name(graph, places, ending, looped=True):
    """The text of the `for` or `while` line around these places, else the function that an iteration ends in and the lines."""
    heading = _heading(graph, places) if looped else None
    if heading:
        return heading
    first, last = min(p.line for p in places), max(p.end_line for p in places)
    lines = f"line {first}" if first == last else f"lines {first}–{last}"
    function = ending.function.split(".<locals>.<")[0].removesuffix(".__call__") if ending else "<module>"
    return lines if function.startswith("<") else f"{function.rsplit('.', 1)[-1]}, {lines}"


def _heading(graph, places):
    """The `for` or `while` line around these places, None where it is not in this cell."""
    first, last = min(places, key=lambda p: p.line), max(p.end_line for p in places)
    if first.text.startswith(("for ", "while ")):
        return first.text.split(":")[0].strip()
    lines = graph.source.splitlines() if all(p.source == "cell" for p in places) else []
    if last > len(lines):
        return None
    outer = min({p.line for p in places}, key=lambda n: (_indent(lines[n - 1]), n))  # of a loop in a loop, the outer one's body
    indent = _indent(lines[outer - 1])
    for line in reversed(lines[:outer - 1]):
        if line.strip() and _indent(line) < indent:
            if line.lstrip().startswith(("for ", "while ")):
                return line.split("#")[0].strip().rstrip(":")
            if line.lstrip().startswith(("def ", "class ")):
                return None
            indent = _indent(line)
    return None


def _indent(line):
    return len(line) - len(line.lstrip())
