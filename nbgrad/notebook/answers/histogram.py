"""How the elements of a tensor or its gradient are spread: `{value, which, scale}`."""

from nbgrad.graph.inspect_histogram import inspect_histogram

from .wishes import living


def answer(view, wish):
    """Count the elements of the living array."""
    array = living(view, wish)
    if array is None:
        return None
    seen = inspect_histogram(array, "log" if wish.get("scale") == "log" else "linear")
    return seen.header, list(seen.buffers)
