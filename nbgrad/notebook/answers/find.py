"""Search of the whole record, also of what is folded away: `{text}`, as `graph/find.py` reads it."""

from nbgrad.graph.find import find


def answer(view, wish):
    """Find values and operators; None where the record is not at hand."""
    if view.drawing is None:
        return None
    return find(view.drawing.graph, str(wish.get("text"))[:200]).plain(), []
