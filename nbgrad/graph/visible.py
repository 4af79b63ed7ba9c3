"""What of a drawn graph stands for the calls of a whole record, as arrays, for a hundred thousand steps at once."""

from __future__ import annotations

import numpy as np

from .columns import columns_of
from .records import Graph
from .transform import is_group


class Visible:
    """Which drawn operator or group stands for each call, found for all calls at once: most of a long record's are folded away."""

    def __init__(self, graph: Graph, composites: dict, drawn: Graph):
        """`composites` gives for each scope the ids under which the composite operators around it are drawn, the outermost first."""
        self.columns, self.ids = columns_of(graph), [c.id for c in drawn.calls]
        columns, numbers = self.columns, {id: n for n, id in enumerate(self.ids)}
        self.values = np.zeros(len(columns.producer), bool)
        self.values[[columns.values[v.id] for v in drawn.values if v.id in columns.values]] = True
        owner = self.owner = np.full(len(columns.op) + 1, -1)  # the last for steps without a call
        groups = []  # (how many calls, first, last, number), the widest first, so that the narrowest counts
        for number, call in enumerate(drawn.calls):
            params = dict(call.params) if is_group(call) else {}
            first, last = (columns.calls.get(params.get(end, ""), -1) for end in ("first", "last"))
            if 0 <= first <= last:
                groups.append((last - first, first, last, number))
        for _, first, last, number in sorted(groups, reverse=True):
            owner[first : last + 1] = number
        composite = [next((numbers[id] for id in composites.get(s.id, ()) if id in numbers), -1) for s in graph.scopes]
        inside = np.array([*composite, -1])[columns.scope]
        owner[:-1] = np.where(inside >= 0, inside, owner[:-1])
        for id, number in numbers.items():
            if id in columns.calls:
                owner[columns.calls[id]] = number

    def __call__(self, call: str | None) -> str | None:
        """The id of what is drawn for a call."""
        number = -1 if call is None else self.owner[self.columns.calls[call]]
        return None if number < 0 else self.ids[number]

    def ran(self, first: int, end: int) -> dict[str, list[int]]:
        """What ran in steps `first` to before `end`: drawn operator -> its first and last step."""
        owners = self.owner[self.columns.step_call[first:end]]
        found, begins = np.unique(owners, return_index=True)
        lasts = len(owners) - 1 - np.unique(owners[::-1], return_index=True)[1]
        return {self.ids[o]: [first + a, first + b] for o, a, b in zip(found.tolist(), begins.tolist(), lasts.tolist()) if o >= 0}

    def filling(self, first: int, end: int) -> list[int]:
        """Which of these steps bring a drawn value its gradient."""
        columns = self.columns
        calls = np.zeros(len(self.owner), bool)
        calls[columns.output_calls[self.values[columns.outputs]]] = True
        values = np.append(self.values, False)[columns.step_value[first:end]]
        return (first + np.flatnonzero(calls[columns.step_call[first:end]] | values)).tolist()

    def sending(self, steps: np.ndarray, values: np.ndarray) -> list[tuple[str, int, int, int]]:
        """Which drawn operators send gradients to drawn values, from the step and the value of each: (operator, number of the value, first step, last step)."""
        owners = self.owner[self.columns.step_call[steps]]
        some = np.flatnonzero(self.values[values] & (owners >= 0))
        pairs, at = owners[some] * len(self.values) + values[some], steps[some]
        found, begins = np.unique(pairs, return_index=True)
        lasts = len(pairs) - 1 - np.unique(pairs[::-1], return_index=True)[1]
        which = np.argsort(begins)
        rows = zip(found[which].tolist(), at[begins[which]].tolist(), at[lasts[which]].tolist())
        return [(self.ids[pair // len(self.values)], pair % len(self.values), a, b) for pair, a, b in rows]
