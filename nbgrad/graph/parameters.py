"""Which parameters a record has, each once, however often it was changed in place."""

from __future__ import annotations

from .columns import columns_of
from .records import Graph, Value


def learning(graph: Graph) -> list[Value]:
    """The parameters of a record: of each tensor what it was last, and of several of one name the last."""
    columns, replaced, found = columns_of(graph), set(), []
    for number in columns.learned.nonzero()[0].tolist():
        value, producer = graph.values[number], int(columns.producer[number])
        if producer >= 0 and graph.calls[producer].in_place:
            replaced.add(graph.calls[producer].inputs[0])
        if value.is_parameter:
            found.append(value)
    return list({v.name or v.id: v for v in found if v.id not in replaced}.values())
