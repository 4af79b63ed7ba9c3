"""Search of a record: by name, operator, node, shape, dtype, or by what is wrong.

Words that mean something of their own: `has NaN` and `has Inf` (in the values or the gradient), `grad is None` (of what requires one), `parameter`,
`leaf`, `cut`, `in place`. Everything else is looked for in names, operators, node names, dtypes and shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

from .records import Call, Graph, Value

MOST_LISTED = 200

_SPECIAL = {
    "has nan": lambda v: any(s is not None and s.nan for s in (v.data, v.grad)),
    "has inf": lambda v: any(s is not None and s.inf for s in (v.data, v.grad)),
    "grad is none": lambda v: v.requires_grad and v.grad is None,
    "parameter": lambda v: v.is_parameter,
    "leaf": lambda v: v.is_leaf,
    "cut": lambda v: v.cut is not None,
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the first records, in the order of the record, and how many there are."""

    hits: tuple[Value | Call, ...]
    count: int

    def plain(self) -> dict:
        """The hits for the page: id, what to call it, what it is, its line."""
        return {"count": self.count, "hits": [_line(hit) for hit in self.hits]}


def find(graph: Graph, text: str, most: int = MOST_LISTED) -> Found:
    """Find values and calls; nothing for a text without words."""
    wanted = " ".join(text.lower().split())
    if not wanted:
        return Found((), 0)
    special = _SPECIAL.get(wanted)
    everything = len(wanted) > 2  # a letter or two find names only
    hits, count = [], 0
    for value in graph.values:
        if special(value) if special else _matches_value(value, wanted, everything):
            count += 1
            if len(hits) < most:
                hits.append(value)
    for call in () if special else graph.calls:
        if wanted in call.op.rsplit(".", 1)[-1].lower() or everything and wanted in (call.node or "").lower() or wanted == "in place" and call.in_place:
            count += 1
            if len(hits) < most:
                hits.append(call)
    return Found(tuple(hits), count)


def _matches_value(value, wanted, everything):
    if value.name is not None and wanted in value.name.lower():
        return True
    return everything and (wanted in value.dtype or wanted in _shape(value) or wanted.replace(" ", "") in _shape(value).replace(" ", ""))


def _shape(value):
    return f"({', '.join(map(str, value.shape))}{',' * (len(value.shape) == 1)})"


def _line(hit):
    place = hit.place.line if hit.place else None
    if isinstance(hit, Call):
        return {"id": hit.id, "label": hit.op.rsplit(".", 1)[-1], "kind": "operator", "line": place}
    return {"id": hit.id, "label": hit.name or "unnamed", "kind": _shape(hit), "line": place}
