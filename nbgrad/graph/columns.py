"""A graph's structure as arrays of integers, for what must look at a hundred thousand operators at once.

Calls and values are counted in the order of the record. `columns_of` makes the arrays once for each graph, or takes those in which a recorder keeps it;
everything that is drawn in the end is looked up in the records themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .records import Graph, Rows, kept_with_graph


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """`n` calls and `m` values; -1 stands for none."""

    calls: Mapping[str, int]  # id -> number
    values: Mapping[str, int]
    op: np.ndarray  # (n,) which operator: equal numbers for equal names
    place: np.ndarray  # (n,) which place: equal numbers for equal places
    scope: np.ndarray  # (n,) number of the innermost scope
    input_calls: np.ndarray  # (inputs,) for each input in order: the call that takes it,
    inputs: np.ndarray  # (inputs,) and the value that is taken
    output_calls: np.ndarray  # (outputs,) for each output in order: the call that makes it,
    outputs: np.ndarray  # (outputs,) and the value that is made
    producer: np.ndarray  # (m,) the call that made each value
    named: np.ndarray  # (m,) bool
    requires_grad: np.ndarray  # (m,) bool
    learned: np.ndarray  # (m,) bool: a leaf that requires a gradient
    step_call: np.ndarray  # (steps,) the call of each step
    step_value: np.ndarray  # (steps,) the leaf that each step filled
    step_pass: np.ndarray  # (steps,) the backward pass of each step
    paths: list[tuple[int, ...]] = field(repr=False)  # (scopes,) the scopes around each scope, from the outermost to itself

    def path(self, call: int) -> tuple[int, ...]:
        """The numbers of the scopes around a call, the outermost first."""
        scope = self.scope[call]
        return () if scope < 0 else self.paths[scope]


@kept_with_graph
def columns_of(graph: Graph) -> Columns:
    """Make a graph's columns, or give those made before."""
    cut_out = getattr(graph.calls, "columns", None)
    if cut_out is not None and getattr(graph.values, "columns", None) is cut_out:
        return cut_out
    parts = graph.values, graph.calls, graph.steps, graph.scopes
    table = getattr(graph.calls, "table", None)
    if table is not None and all(part is whole for part, whole in zip(parts, (table.values, table.calls, table.steps, table.scopes))):
        return _of_table(table)
    calls = {c.id: i for i, c in enumerate(graph.calls)}
    values = {v.id: i for i, v in enumerate(graph.values)}
    scopes = {s.id: i for i, s in enumerate(graph.scopes)}
    ops, places = {}, {None: -1}
    taken = [(i, values[v]) for i, c in enumerate(graph.calls) for v in c.inputs]
    made = [(i, values[v]) for i, c in enumerate(graph.calls) for v in c.outputs]
    input_calls, inputs = _pairs(taken)
    output_calls, outputs = _pairs(made)
    producer = np.full(len(values), -1, np.int64)
    producer[outputs] = output_calls
    parents = [None if s.parent is None else scopes[s.parent] for s in graph.scopes]
    return Columns(
        calls, values,
        _integers([ops.setdefault(c.op, len(ops)) for c in graph.calls]),
        _integers([places.setdefault(c.place, len(places)) for c in graph.calls]),
        _integers([-1 if c.scope is None else scopes[c.scope] for c in graph.calls]),
        input_calls, inputs, output_calls, outputs, producer,
        *(np.array(flags, bool) for flags in (
            [v.name is not None for v in graph.values],
            [v.requires_grad for v in graph.values],
            [v.requires_grad and v.is_leaf for v in graph.values],
        )),
        _integers([-1 if s.call is None else calls[s.call] for s in graph.steps]),
        _integers([-1 if s.value is None else values[s.value] for s in graph.steps]),
        _integers([s.backward for s in graph.steps]),
        _paths(parents),
    )  # fmt: skip


def _of_table(table):
    parents = [None if p < 0 else p for p in table.scope_parent.tolist()]
    return Columns(
        Numbers(table.calls), Numbers(table.values), table.op, table.place, table.scope, *table.inputs_of, *table.outputs_of, table.producer,
        table.named, table.requires_grad, table.requires_grad & table.is_leaf, table.step_call, table.step_value, table.step_pass, _paths(parents),
    )  # fmt: skip


class Numbers(Mapping):
    """Id -> number, of records that tell their numbers."""

    def __init__(self, rows: Rows):
        self._rows = rows

    def __getitem__(self, id):
        return self._rows.number(id)

    def __iter__(self):
        return (record.id for record in self._rows)

    def __len__(self):
        return len(self._rows)


def _integers(plain):
    return np.array(plain, np.int64)


def _pairs(pairs):
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


def _paths(parents):
    paths = []
    for i, parent in enumerate(parents):
        around = () if parent is None else paths[parent] if parent < i else _climb(parents, parent)
        paths.append((*around, i))
    return paths


def _climb(parents, scope):
    """The path to a scope that stands later in the record than what it encloses, as a stranger's record may have it."""
    path = []
    while scope is not None and scope not in path:
        path.append(scope)
        scope = parents[scope]
    return tuple(reversed(path))
