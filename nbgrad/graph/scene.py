"""A scene: what of a graph is shown, and what its reader has opened and closed since.

`scene` folds a record until its picture has few enough nodes and then does what the reader asked for, one action after the other:

- `{"open": [first, last]}` shows what is inside the group of the calls with these two ids,
- `{"close": [first, last]}` makes one group of the cluster between them,
- `{"iteration": [first, last, k]}` shows iteration `k` (from 0) of the loop between them,
- `{"reveal": id}` opens groups until this value or call is shown.

An action that fits nothing, as after the cell has run again, is passed over.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

from . import loops, part, transform
from .assemble import assemble
from .cut import Cut, Fold, Unit, group_of, restricted
from .outline import Loop, outline_of
from .picture import picture
from .records import Graph, Scope, kept_with_graph
from .transform import is_group

MAX_FOLDED = 4000  # calls left after loops were folded; above, no other fold can help and each takes its time
FEW = 20  # operators; in a longer story it is left out how leaves were made
MAX_OPENED = 60  # operators that opening a group adds to the picture
MAX_ACTIONS = 200
LEVELS = ("story", "ops")


@dataclass(frozen=True, slots=True)
class Scene:
    """A small graph to draw, and what its clusters enclose: scope id -> `Fold`."""

    graph: Graph
    folds: dict[str, Fold]


def scene(graph: Graph, *, level: str = "story", fold: bool = True, max_nodes: int = 150, focus: tuple = (), actions: tuple = ()) -> Scene:
    """Focus and fold a graph until its picture has at most `max_nodes` nodes, or nothing is left to fold; then do the actions.

    `focus` is () for all of the graph, (id, None) for what leads to a value, (None, id) for what comes of one, (a, b) for what lies between
    two. Raises `KeyError` for a value that the graph does not have.
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(map(repr, LEVELS))}, not {level!r}")
    graph = _focused(graph, focus)
    folded = _folded(graph, level, fold, max_nodes)
    cut = Cut.like(folded.cut)
    for action in actions[:MAX_ACTIONS]:
        _act(cut, action)
    shown = assemble(cut)
    if folded.views_hidden:
        shown = transform.hide_views(shown)
    return Scene(shown, _folds(cut))


@kept_with_graph
def _focused(graph, focus):
    if not focus:
        return graph
    source, target = focus[1] if focus[0] is None else None, focus[0]
    if focus[0] is not None and focus[1] is not None:
        return part.between(graph, *focus)
    return part.focus(graph, target) if source is None else part.follow(graph, source)


# ---- folding until it fits


@dataclass(frozen=True, slots=True)
class _Folded:
    cut: Cut
    views_hidden: bool


@kept_with_graph
def _folded(graph, level, fold, max_nodes):
    outline = outline_of(graph, level)
    if fold and level == "story" and len(outline.starts) > FEW:
        outline = outline_of(graph, level, start_at_leaves=True)
    cut = Cut(outline)
    if not fold or len(outline.starts) <= max_nodes:
        cut.add(list(range(len(outline.starts))), "all", close=False)
        if not fold:
            return _Folded(cut, False)
        if _fits(assemble(cut), max_nodes):
            marked = Cut(outline)
            marked.add(outline.loops_cut_short, "all")
            return _Folded(marked, False)
    cut = Cut(outline_of(graph, level, start_at_leaves=True))
    cut.add(cut.outline.loops, "ends")
    shown, hidden = assemble(cut), False
    if not _fits(shown, max_nodes):
        hidden = True
        shown = _reduce(transform.hide_views(shown), max_nodes)
        cut = _cut_of(cut, shown)
    return _Folded(cut, hidden)


def _fits(graph, max_nodes):
    """Whether a graph's picture has at most so many nodes; the count of calls answers for most."""
    return len(graph.calls) <= max_nodes and len(picture(graph).nodes) <= max_nodes


def _reduce(graph, max_nodes):
    """Fold a graph ever more coarsely until it fits, but never to one group."""
    for step in _steps(graph):
        if _fits(graph, max_nodes) or len(graph.calls) > MAX_FOLDED:
            break
        coarser = step(graph)
        if len(coarser.calls) > 1:
            graph = coarser
    ends = max_nodes // 5
    while ends and not _fits(graph, max_nodes):  # nothing repeats: the beginning and the end say most
        graph = transform.fold_middle(graph, ends)
        ends //= 2
    return graph


def _steps(graph):
    """Ever coarser ways to fold, each on top of the one before."""
    for depth in range(transform.scope_depth(graph) - 1, -1, -1):
        yield functools.partial(transform.fold_functions, depth=depth)
    yield functools.partial(loops.fold_loops, lines=False)
    yield functools.partial(loops.fold_loops, show="none")
    yield transform.fold_lines
    yield functools.partial(loops.fold_loops, show="none")


def _cut_of(cut, graph):
    """The cut that shows what is left of a cut's graph after it was folded further."""
    outline = cut.outline
    numbers, scopes = outline.columns.calls, {}
    begin = {u.last: u.first for u in cut.units}  # a composite operator bears the id of its last call
    groups = []
    for call in graph.calls:
        if is_group(call):
            params = dict(call.params)
            first = numbers[params["first"]]
            groups.append((begin.get(first, first), numbers[params["last"]], call))
        else:
            scopes[numbers[call.id]] = call.scope
    groups.sort(key=lambda g: g[0])
    new = Cut.like(cut)
    new.units.clear()
    new.scopes.update({s.id: s for s in graph.scopes})
    at = 0
    for unit in cut.units:
        while at < len(groups) and groups[at][1] < unit.first:
            at += 1
        inside = at < len(groups) and groups[at][0] <= unit.first
        if not inside:
            new.units.append(dataclasses.replace(unit, scope=scopes.get(unit.last, unit.scope)))
        elif not new.units or new.units[-1].first != groups[at][0]:
            first, last, call = groups[at]
            params = {k: v for k, v in call.params if k not in ("parameters", "inputs")}  # counted anew when it is drawn
            params["first"] = outline.graph.calls[first].id
            new.units.append(Unit(first, last, call.scope, dataclasses.replace(call, inputs=(), outputs=(), params=tuple(params.items()))))
    return new


def _folds(cut):
    """What each cluster encloses."""
    bounds, calls = {}, cut.outline.graph.calls
    for unit in cut.units:
        scope, first, last = unit.scope, unit.first, unit.last
        while scope is not None:
            known = cut.folds.get(scope)
            if known is not None and known.alone and known.first <= first and last <= known.last:
                first, last = known.first, known.last  # with the iterations that are not drawn
            low, high = bounds.get(scope, (first, last))
            bounds[scope] = min(low, first), max(high, last)
            scope = cut.scopes[scope].parent
    out = {}
    for id, (first, last) in bounds.items():
        known, ends = cut.folds.get(id), (calls[first].id, calls[last].id)
        same = known is not None and (known.first, known.last) == (first, last)
        out[id] = Fold(first, last, known.times if same else 0, known.shown if same else (), ends, same and known.alone)
    return out


# ---- what the reader asked for


def _act(cut, action):
    if not isinstance(action, dict) or len(action) != 1:
        return
    (kind, wish), calls = next(iter(action.items())), cut.outline.columns.calls
    if kind == "reveal":
        _reveal(cut, wish)
    elif kind in ("open", "close", "iteration") and isinstance(wish, list | tuple) and len(wish) == 2 + (kind == "iteration"):
        ends = [calls.get(id) if isinstance(id, str) else None for id in wish[:2]]
        if None in ends:
            return
        if kind == "open":
            _open(cut, *ends)
        elif kind == "close":
            _close(cut, *ends)
        elif isinstance(wish[2], int):
            _show_iteration(cut, *ends, wish[2])


def _open(cut, first, last):
    at = next((i for i, u in enumerate(cut.units) if u.group is not None and (u.first, u.last) == (first, last)), None)
    if at is None:
        return
    unit, outline = cut.units[at], cut.outline
    around, depth = _around(cut, unit.scope)
    items = restricted(outline, outline.loops, first, last)
    if not items:
        return
    one_loop = len(items) == 1 and isinstance(items[0], Loop)
    begin, end = outline.items_between(first, last)
    scoped = len(_common_scopes(outline, begin, end - 1)) > depth
    if not one_loop and not scoped:
        id = f"in{first}-{last}"
        cut.scopes[id] = Scope(id, "group", unit.group.op, unit.scope, unit.group.place)
        around = (*around, (depth, id))
    inner = Cut.like(cut)
    inner.units.clear()
    inner.add(items, "all" if end - begin <= MAX_OPENED // 2 else "ends", around, close=False)
    if one_loop and unit.group.op.endswith(" more"):
        id = f"for{first}-{last}"
        inner.scopes[id] = dataclasses.replace(inner.scopes[id], name=unit.group.op)
    if len(inner.units) > MAX_OPENED:
        inner = _cut_of(inner, _reduce(assemble(inner), MAX_OPENED))
    cut.units[at : at + 1] = inner.units
    cut.scopes, cut.folds = inner.scopes, inner.folds


def _common_scopes(outline, first, last):
    a, b = outline.scopes(first), outline.scopes(last)
    return [x for x, y in zip(a, b) if x == y]


def _around(cut, scope):
    """The scopes that were put around a unit, as `Cut.add` takes them, and how many of the record's own stand around it."""
    path, depth, around = [], 0, []
    while scope is not None:
        path.append(scope)
        scope = cut.scopes[scope].parent
    for id in reversed(path):
        if cut.scopes.recorded(id):
            depth += 1
        else:
            around.append((depth, id))
    return tuple(around), depth


def _close(cut, first, last):
    inside = [i for i, u in enumerate(cut.units) if first <= u.first and u.last <= last]
    if not inside or len(inside) == 1 and cut.units[inside[0]].group is not None:
        return
    folds = _folds(cut)
    for id, fold in folds.items():
        scope = cut.scopes[id]
        outer = folds.get(scope.parent)
        if (fold.first, fold.last) == (first, last) and (outer is None or (outer.first, outer.last) != (first, last)):
            cut.units[inside[0] : inside[-1] + 1] = [group_of(cut.outline, first, last, scope.name, scope.parent, fold.times or None, scope.place, scope.path)]
            return


def _show_iteration(cut, first, last, iteration):
    id = next((id for id, f in _folds(cut).items() if (f.first, f.last) == (first, last) and f.times), None)
    inside = [i for i, u in enumerate(cut.units) if first <= u.first and u.last <= last]
    loop = _loop_between(cut.outline, first, last)
    if id is None or not inside or loop is None:
        return
    iteration = max(0, min(iteration, len(loop.iterations) - 1))
    scope = cut.scopes[id]
    around, _ = _around(cut, scope.parent)
    inner = Cut.like(cut)
    inner.units.clear()
    inner.add([loop], "ends", around, lambda a, b: iteration if (a, b) == (first, last) else None)
    inner.scopes[id] = dataclasses.replace(inner.scopes[id], name=scope.name)
    cut.units[inside[0] : inside[-1] + 1] = inner.units
    cut.scopes, cut.folds = inner.scopes, inner.folds


def _loop_between(outline, first, last):
    """The loop that is all of what lies between two calls, its last iteration whole or not; None where there is none."""
    for items in (outline.loops, outline.loops_cut_short):
        found = restricted(outline, items, first, last)
        if len(found) == 1 and isinstance(found[0], Loop):
            return found[0]
    return None


def _reveal(cut, id):
    columns = cut.outline.columns
    call = columns.calls.get(id)
    if call is None:
        value = columns.values.get(id)
        if value is None:
            return
        call = int(columns.producer[value])
        if call < 0:  # a leaf: where it is first used
            users = columns.input_calls[columns.inputs == value]
            if not len(users):
                return
            call = int(users[0])
    for _ in range(20):
        unit, folds = next((u for u in cut.units if u.first <= call <= u.last), None), _folds(cut)
        if unit is None:  # in an iteration that is not drawn
            fold = min((f for f in folds.values() if f.alone and f.first <= call <= f.last), key=lambda f: f.last - f.first, default=None)
        elif unit.group is None:
            return
        else:
            fold = folds.get(unit.scope)  # with no times where another group has taken a part of the loop
        before = list(cut.units)
        if unit is None and fold is None:
            return
        if fold is not None and fold.times and (unit is None or (unit.first, unit.last) != (fold.first, fold.last)):
            loop = _loop_between(cut.outline, fold.first, fold.last)
            if loop is None:
                return
            starts = [int(cut.outline.starts[loop.first(i)]) for i in range(len(loop.iterations))]
            _show_iteration(cut, fold.first, fold.last, max(i for i, start in enumerate(starts) if start <= call))
        else:
            _open(cut, unit.first, unit.last)
        if cut.units == before:
            return
