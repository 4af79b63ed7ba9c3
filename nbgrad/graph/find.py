"""Search of a record: by name, operator, node, shape, dtype, or by what is wrong.

Words that mean something of their own: `has NaN` and `has Inf` (in the values or the gradient), `grad is None` (of what requires one), `parameter`,
`leaf`, `cut`, `in place`. Everything else is looked for in names, operators, node names, dtypes and shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .records import Call, Graph, Value
from .table import CUT, DATA, FLAGS, FORM, GRAD, HOW, IN_PLACE, IS_LEAF, IS_PARAMETER, REQUIRES_GRAD, WHAT, table_of

MOST_LISTED = 200

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
    table = table_of(graph)
    values, calls = _in_table(table, wanted) if table is not None else _in_records(graph, wanted)
    hits = [graph.values[i] for i in values[:most].tolist()]
    hits += [graph.calls[i] for i in calls[: most - len(hits)].tolist()]
    return Found(tuple(hits), len(values) + len(calls))


def _in_records(graph, wanted):
    """The numbers of the values and of the calls that match."""
    special = _SPECIAL.get(wanted)
    values = [i for i, v in enumerate(graph.values) if (special(v) if special else _named(v.name, wanted) or _formed(v.shape, v.dtype, wanted))]
    calls = [] if special else [i for i, c in enumerate(graph.calls) if _called(c.op, c.node, wanted) or wanted == "in place" and c.in_place]
    return np.array(values, int), np.array(calls, int)


def _in_table(table, wanted):
    """The same from columns: each name, form and operator is looked at once."""
    if wanted in _SPECIAL:
        return np.flatnonzero(_special_in_table(table, wanted)), np.zeros(0, int)
    names = [i for i, text in enumerate(table.texts) if _named(text, wanted)]
    forms = [i for i, form in enumerate(table.forms) if _formed(*form, wanted)]
    whats = [i for i, (op, node, *_) in enumerate(table.whats) if _called(op, node, wanted)]
    calls = np.isin(table.called[:, WHAT], whats)
    if wanted == "in place":
        calls |= table.called[:, HOW] & IN_PLACE != 0
    return np.flatnonzero(np.isin(table.names, names) | np.isin(table.fixed[:, FORM], forms)), np.flatnonzero(calls)


_SPECIAL = {
    "has nan": lambda v: any(s is not None and s.nan for s in (v.data, v.grad)),
    "has inf": lambda v: any(s is not None and s.inf for s in (v.data, v.grad)),
    "grad is none": lambda v: v.requires_grad and v.grad is None,
    "parameter": lambda v: v.is_parameter,
    "leaf": lambda v: v.is_leaf,
    "cut": lambda v: v.cut is not None,
}


def _special_in_table(table, wanted):
    flags = table.state[:, FLAGS]
    if wanted in ("has nan", "has inf"):
        which = wanted == "has inf"
        return table.not_finite(DATA)[which] | table.not_finite(GRAD)[which]
    if wanted == "grad is none":
        return (flags & REQUIRES_GRAD != 0) & (table.state[:, GRAD] == -1)
    if wanted == "cut":
        return flags >> CUT != 0
    return flags & {"parameter": IS_PARAMETER, "leaf": IS_LEAF}[wanted] != 0


def _named(name, wanted):
    return name is not None and wanted in name.lower()


def _formed(shape, dtype, wanted):
    """Whether words match a shape or dtype; a letter or two are names only."""
    return len(wanted) > 2 and (wanted in dtype or wanted.replace(" ", "") in _shape(shape).replace(" ", ""))


def _called(op, node, wanted):
    return wanted in op.rsplit(".", 1)[-1].lower() or len(wanted) > 2 and wanted in (node or "").lower()


def _shape(shape):
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def _line(hit):
    place = hit.place.line if hit.place else None
    if isinstance(hit, Call):
        return {"id": hit.id, "label": hit.op.rsplit(".", 1)[-1], "kind": "operator", "line": place}
    return {"id": hit.id, "label": hit.name or "unnamed", "kind": _shape(hit.shape), "line": place}
