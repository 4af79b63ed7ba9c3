"""What if: the recorded graph computed again with other numbers, as `graph/replay.py` does it.

`{changes}` asks for all that the picture shows: `changes` is a list of `[value id, index or null, number]`, an empty one asks what can be changed.
`{changes, of}` asks another question, `of` with its `kind`, of the tensors as they are under these changes.
"""

from __future__ import annotations

import math
import weakref

from nbgrad.graph.palette import stroke
from nbgrad.graph.replay import CannotReplay, changeable, replay_with_arrays

from .wishes import integers

OF_ELEMENTS = ("array", "difference", "element", "histogram", "window")  # the questions that have an answer under changes
MOST_CHANGES = 64
MOST_BYTES = 90_000  # of what is said of values; the picture's own words come on top
_last = weakref.WeakKeyDictionary()  # view -> (graph, changes, what replaying gave)


def answer(view, wish):
    """Replay, and tell what the picture shows then, or why that cannot be: `{"refused": sentence}`; None where there is no record."""
    if view.drawing is None:
        return None
    changes = _changes(wish.get("changes"))
    try:
        if isinstance(wish.get("of"), dict):
            return _asked_of(_Imagined(view, _replayed(view, changes)[1]), wish["of"])
        return (_picture(view, changes) if changes else _choices(view, wish)), []
    except CannotReplay as why:
        return {"refused": str(why)}, []
    except (KeyError, ValueError) as why:  # of changes that another program made up
        return {"refused": f"there is nothing to change: {why}"}, []


def _changes(plain):
    """The changes of a wish, as keys and numbers for `replay`; whatever is no change is left out."""
    found = {}
    for change in plain[:MOST_CHANGES] if isinstance(plain, list) else ():
        if isinstance(change, list) and len(change) == 3 and isinstance(change[0], str) and isinstance(change[2], (int, float)):
            id, index, number = change
            found[id if index is None else (id, tuple(integers(index)))] = float(number)
    return found


def _replayed(view, changes):
    graph, key = view.drawing.graph, tuple(changes.items())
    last = _last.get(view)
    if last is None or last[0] is not graph or last[1] != key:
        last = _last[view] = graph, key, replay_with_arrays(graph, changes)
    return last[2]


def _choices(view, wish):
    """Which values can be changed; and the recorded number of one element, `{element: [id, index]}`."""
    arrays = changeable(view.drawing.graph)
    asked = wish.get("element")
    if not isinstance(asked, list) or len(asked) != 2:
        shown = {v.id for v in view.drawing.graph.values if v.id in arrays} if len(arrays) > 5_000 else arrays
        return {"changeable": sorted(shown)[:5_000]}
    array, index = arrays.get(asked[0]), tuple(integers(asked[1]))
    inside = array is not None and len(index) == array.ndim and all(0 <= i < n for i, n in zip(index, array.shape))
    return {"number": _finite(float(array[index])) if inside else None}


def _picture(view, changes):
    from ..explorer import _plain

    graph, _ = _replayed(view, changes)
    folding = view.folding
    shown, drawn = view.drawing.picture_of(graph, tuple(folding["actions"]), tuple(folding["focus"]), folding["level"] or None)
    nodes = {n.id: [[s.text for s in line] for line in n.lines if line[0].role != "grad"] for n in drawn.nodes if n.value is not None}
    edges = [[e.source, e.target, e.value, _finite(e.back), stroke(e.back)] for e in drawn.edges if e.back is not None]
    state, size = {}, 0
    for value in shown.values:
        state[value.id] = {"data": _plain(value.data), "grad": _plain(value.grad)}
        size += 40 + 20 * sum(map(len, (state[value.id][side] or () for side in ("data", "grad"))))
        if size > MOST_BYTES:
            return {"refused": "the picture shows too much at once to follow: close a group, or look at a part"}
    notes = [note for note in graph.notes if note not in view.drawing.graph.notes]
    return {"state": state, "nodes": nodes, "edges": edges, "bad": {n.id: n.badge for n in drawn.nodes if n.badge}, "notes": notes}


class _Imagined:
    """A view whose tensors hold what a replay gave; also its own source."""

    def __init__(self, view, arrays):
        self.drawing, self.array, self.source = view.drawing, arrays, self


def _asked_of(imagined, wish):
    from . import ANSWERS

    return ANSWERS[wish["kind"]](imagined, wish) if wish.get("kind") in OF_ELEMENTS else None


def _finite(x):
    return x if x is None or math.isfinite(x) else str(x)
