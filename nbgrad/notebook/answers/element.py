"""Where in a tensor or its gradient an element is: `{value, which, what, after}`; the header is `find_element`'s, or `{"position": null}`."""

from nbgrad.graph.inspect_window import WANTED, find_element

from .wishes import living


def answer(view, wish):
    """Search the living array."""
    array, what, after = living(view, wish), wish.get("what"), wish.get("after")
    if array is None or what not in WANTED:
        return None
    return find_element(array, what, after if isinstance(after, int) else -1) or {"position": None}, []
