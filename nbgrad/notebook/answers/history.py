"""How a tensor or its gradient went on: `{value, which}`.

The header has "record", what `nbgrad.graph.history` tells of the recorded cell, and "later", what was seen of it since while a view was open
(see `notebook/rings.py`); either is null where nothing is known.
"""

import weakref

from nbgrad.graph.history import Histories

_KNOWN = weakref.WeakKeyDictionary()  # drawing -> (its graph, the histories of it)


def answer(view, wish):
    """Tell the record's history and the one since."""
    id, which = str(wish.get("value")), wish.get("which")
    if which not in ("data", "grad") or view.drawing is None:
        return None
    graph, histories = _KNOWN.get(view.drawing, (None, None))
    if graph is not view.drawing.graph:
        histories = Histories(view.drawing.graph)
        _KNOWN[view.drawing] = view.drawing.graph, histories
    later = getattr(view.source, "history", None)
    return {"record": histories.tell(id, which), "later": later(id, which) if later else None}, []
