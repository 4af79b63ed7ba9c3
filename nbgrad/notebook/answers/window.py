"""Exact values of a tensor or its gradient: `{value, which, index, dims, at, size}`, `at` and `size` in rows and columns."""

from nbgrad.graph.inspect_window import inspect_window

from .wishes import living, pair, part


def answer(view, wish):
    """Read the living array."""
    array = living(view, wish)
    if array is None:
        return None
    seen = inspect_window(array, **part(wish), at=pair(wish.get("at"), (0, 0)), size=pair(wish.get("size"), (64, 16)))
    return seen.header, list(seen.buffers)
