"""One tensor minus a multiple of another: `{value, which, other, other_which, factor, index, dims, reduce}`.

`value` is the first, `other` the one that is multiplied and taken away. Two that have no difference give the header `{"refused": why}`.
"""

import math

from nbgrad.graph.inspect_difference import NotComparable, inspect_difference

from .wishes import living, part, reduction


def answer(view, wish):
    """Subtract the living arrays."""
    first, second = living(view, wish), living(view, wish, "other", "other_which")
    if first is None or second is None:
        return None
    factor = wish.get("factor")
    factor = float(factor) if isinstance(factor, (int, float)) and math.isfinite(factor) else 1.0
    try:
        seen = inspect_difference(first, second, factor, **part(wish), reduce=reduction(wish))
    except NotComparable as why:
        return {"refused": str(why)}, []
    return seen.header, list(seen.buffers)
