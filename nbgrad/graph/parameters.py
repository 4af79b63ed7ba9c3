"""How much learns in a record: how many parameters there are, and how many numbers in them."""

from __future__ import annotations

import math

import numpy as np

from .records import Graph
from .table import FLAGS, FORM, HOW, IN_PLACE, INPUTS, IS_PARAMETER, table_of


def learning(graph: Graph) -> tuple[int, int]:
    """How many parameters, and how many numbers: of each tensor once, however often it was changed in place, and of several of one name the last."""
    table = table_of(graph)
    if table is None:
        replaced = {c.inputs[0] for c in graph.calls if c.in_place and c.inputs}
        last = {v.name or v.id: v for v in graph.values if v.is_parameter and v.id not in replaced}
        return len(last), sum(math.prod(v.shape) for v in last.values())
    takes = np.diff(table.called[:, INPUTS], prepend=0)
    changes = (table.called[:, HOW] & IN_PLACE != 0) & (takes > 0)
    learns = table.state[:, FLAGS] & IS_PARAMETER != 0
    learns[table.inputs[(table.called[:, INPUTS] - takes)[changes]]] = False
    found = np.flatnonzero(learns)[::-1]
    names = np.where(table.names[found] >= 0, table.names[found], -1 - found)  # what has no name is one of its own
    found = found[np.unique(names, return_index=True)[1]]
    sizes = np.array([math.prod(shape) for shape, _ in table.forms], np.int64)
    return len(found), int(sizes[table.fixed[found, FORM]].sum())
