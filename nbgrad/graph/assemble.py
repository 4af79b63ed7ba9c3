"""From a cut to the small graph that is drawn: each unit's call, the values that cross the borders, and what backward did there.

Works on arrays of all calls at once and looks into the records of what is shown only, so that its time hardly grows with the record.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from .cut import Cut
from .records import Call, Graph
from .transform import MAX_GROUP_LEAVES

MAX_STEPS = 8  # of one call that is shown: it may have run in many backward passes
MAX_UNUSED = 8  # results of one group that nobody took; of more, such as the losses of a training loop, the last
MAX_ROOTS = 12  # above, only the last root and those whose operators are shown; a training loop has one in each step


def assemble(cut: Cut) -> Graph:
    """Make the graph of a cut. Groups are called g0, g1, ... in the order in which they stand."""
    return _Assembly(cut).graph()


class _Assembly:
    def __init__(self, cut):
        self.cut, self.columns, self.whole = cut, cut.outline.columns, cut.outline.graph
        self.units = cut.units
        self.owner = _owners(self.units, len(self.whole.calls))
        self.roots = self.shown_roots()

    def shown_roots(self):
        """The roots that are drawn; those of iterations that are not, only where there is no other."""
        producer = self.columns.producer[[self.columns.values[id] for id in self.whole.roots]]
        there = (producer < 0) | (self.owner[producer] >= 0)
        roots = tuple(id for id, is_there in zip(self.whole.roots, there) if is_there) or self.whole.roots
        if len(roots) <= MAX_ROOTS:
            return roots
        single = np.array([u.group is None for u in self.units] + [False])
        made_by = self.owner[self.columns.producer[[self.columns.values[id] for id in roots]]]
        return tuple(id for id, shown in zip(roots[:-1], single[made_by]) if shown)[-MAX_ROOTS:] + roots[-1:]

    def graph(self):
        whole = self.whole
        inputs, outputs = self.borders()
        calls, number = [], 0
        for n, unit in enumerate(self.units):
            if unit.group is not None:
                call = dataclasses.replace(unit.group, id=f"g{number}", scope=unit.scope)
                number += 1
            else:
                call = self.item(unit)
            if n in inputs:
                call = dataclasses.replace(call, inputs=tuple(inputs[n]), outputs=tuple(outputs[n]))
            calls.append(call)
        calls = [self.without_leaves(n, c) if self.units[n].group is not None else c for n, c in enumerate(calls)]
        kept = {id for c in calls for id in c.inputs + c.outputs} | set(self.roots) | self.untouched()
        numbers = sorted(self.columns.values[id] for id in kept)
        values = tuple(whole.values[i] for i in numbers)
        scopes = _used_scopes(self.cut.scopes, calls)
        graph = Graph(values, tuple(calls), (), scopes, self.roots, whole.source, whole.notes, whole.format)
        return graph.replace(steps=self.steps(graph, {v.id for v in values}))

    def item(self, unit):
        """The call of an item: as it was recorded, or a composite operator in the place of the calls inside it."""
        whole = self.whole
        call = whole.calls[unit.last]
        composite = self.cut.outline.composite[unit.first]
        if composite < 0:
            return call if call.scope == unit.scope else dataclasses.replace(call, scope=unit.scope)
        scope, members = whole.scopes[composite], whole.calls[unit.first : unit.last + 1]
        return Call(
            call.id, scope.name, (), (), node=call.node, scope=unit.scope, place=scope.place or members[0].place, grad_mode=call.grad_mode,
            is_view=all(c.is_view for c in members), in_place=call.in_place, error=next((c.error for c in members if c.error), None),
            params=call.params if len(members) == 1 else (), saved=tuple(dict.fromkeys(id for c in members for id in c.saved)),
        )  # fmt: skip

    def borders(self):
        """What each unit of several calls takes from outside and gives to it: unit -> value ids."""
        columns, whole = self.columns, self.whole
        several = np.array([u.group is not None or self.cut.outline.composite[u.first] >= 0 for u in self.units] + [False])
        taker = self.owner[columns.input_calls]
        made = columns.producer[columns.inputs]
        maker = self.owner[made]
        crossing = taker != maker
        inputs = {n: [] for n in np.flatnonzero(several).tolist()}
        comes_in = np.flatnonzero(crossing & several[taker])
        for n, value in zip(taker[comes_in].tolist(), columns.inputs[comes_in].tolist()):
            inputs[n].append(value)
        ids = whole.values
        inputs = {n: [ids[v].id for v in dict.fromkeys(taken)] for n, taken in inputs.items()}
        # of what nobody took, show what has a name and the last call's first output: others are an operator's own by-products
        leaves = np.zeros(len(columns.producer), bool)
        leaves[columns.inputs[crossing & (taker >= 0)]] = True
        leaves[[columns.values[id] for id in self.roots]] = True
        taken = np.bincount(columns.inputs, minlength=len(leaves)) > 0
        first_of_call = np.concatenate(([True], columns.output_calls[1:] != columns.output_calls[:-1]))[: len(columns.output_calls)]
        last_call = np.array([u.last for u in self.units] + [-1])[self.owner[columns.output_calls]]
        crosses = leaves[columns.outputs]
        unused = ~crosses & ~taken[columns.outputs] & (columns.named[columns.outputs] | first_of_call & (columns.output_calls == last_call))
        outputs = {n: [] for n in inputs}
        giver = self.owner[columns.output_calls]
        unused &= several[giver]
        units, counts = np.unique(giver[unused], return_counts=True)
        for n in units[counts > MAX_UNUSED].tolist():
            unused[np.flatnonzero(unused & (giver == n))[:-MAX_UNUSED]] = False
        goes_out = np.flatnonzero((crosses | unused) & several[giver])
        for n, value in zip(giver[goes_out].tolist(), columns.outputs[goes_out].tolist()):
            outputs[n].append(ids[value].id)
        return inputs, {n: list(dict.fromkeys(given)) for n, given in outputs.items()}

    def without_leaves(self, n, call):
        """Of a group that alone uses many leaves, only count them."""
        columns, user = self.columns, self.only_user
        numbers = {id: columns.values[id] for id in call.inputs}
        own = {id for id, v in numbers.items() if columns.producer[v] < 0 and user[v] == n}
        if len(own) <= MAX_GROUP_LEAVES:
            return call
        learned = sum(bool(columns.requires_grad[numbers[id]]) for id in own)
        counts = {"parameters": learned, "inputs": len(own) - learned}
        params = call.params + tuple((k, str(c)) for k, c in counts.items() if c)
        return dataclasses.replace(call, inputs=tuple(id for id in call.inputs if id not in own), params=params)

    @functools.cached_property
    def only_user(self):
        """For each value the one unit that takes it, -1 where several do."""
        columns = self.columns
        taker = self.owner[columns.input_calls]
        one = np.full(len(columns.producer), -1)
        one[columns.inputs] = taker
        one[columns.inputs[one[columns.inputs] != taker]] = -1
        return one

    def untouched(self):
        """Values that no call takes or makes; they may be all there is. Where only leaves were made, these."""
        columns = self.columns
        touched = np.zeros(len(columns.producer), bool)
        touched[columns.inputs] = touched[columns.outputs] = True
        if not self.units:
            touched[columns.learned] = False
            touched[columns.inputs] = True
        return {self.whole.values[i].id for i in np.flatnonzero(~touched).tolist()}

    # ---- what backward did

    def steps(self, graph, values):
        """The steps of what is shown, at most a few of each call; of a group only the last of each pass.

        The last step of a group or composite in a pass tells what the whole of it sent to its inputs, where a single member sent it.
        """
        columns, whole = self.columns, self.whole
        if not len(whole.steps):
            return ()
        owner = np.where(columns.step_call >= 0, self.owner[columns.step_call], -2)
        kept = self.leaf_steps({columns.values[id] for id in values})
        order = np.argsort(owner, kind="stable")
        bounds = np.searchsorted(owner[order], np.arange(len(self.units) + 1))
        for n, unit in enumerate(self.units):
            own = order[bounds[n] : bounds[n + 1]]
            if len(own):
                kept += self.unit_steps(n, unit, graph.calls[n], own)
        return tuple(step for _, step in sorted(kept, key=lambda pair: pair[0]))

    def leaf_steps(self, shown):
        """The steps that filled leaves which are shown; of each leaf the first few."""
        whole, columns, out, counts = self.whole, self.columns, [], {}
        for i in np.flatnonzero(columns.step_call < 0).tolist():
            value = int(columns.step_value[i])
            counts[value] = counts.get(value, 0) + 1
            if counts[value] <= MAX_STEPS and (value < 0 or value in shown):
                out.append((i, whole.steps[i]))
        return out

    def unit_steps(self, n, unit, call, own):
        whole, passes = self.whole, self.columns.step_pass[own]
        last = own[np.append(np.flatnonzero(np.diff(passes)), len(own) - 1)].tolist()  # of each pass
        several = unit.group is not None or self.cut.outline.composite[unit.first] >= 0
        out = []
        for i in (last if unit.group is not None else own.tolist())[:MAX_STEPS]:
            step = whole.steps[i]
            if several:
                sent = self.sent(n, call, own[passes == step.backward]) if i in last else step.grads_out
                step = dataclasses.replace(step, call=call.id, grads_out=sent)
            out.append((i, step))
        return out

    def sent(self, n, call, steps):
        """What a unit sent to each of its inputs in one pass; None where several members sent something, or none did."""
        columns, whole = self.columns, self.whole
        ran = dict(zip(columns.step_call[steps].tolist(), steps.tolist()))
        out = []
        for id in call.inputs:
            takers = self.takers(n, columns.values[id])
            found = [whole.steps[ran[c]].grads_out for c in takers if c in ran]
            inputs = whole.calls[next((c for c in takers if c in ran), 0)].inputs
            out.append(found[0][inputs.index(id)] if len(found) == 1 and len(found[0]) == len(inputs) else None)
        return tuple(out)

    def takers(self, n, value):
        """The calls of a unit that take a value, once for each time that they do; a few are enough to know that they are several."""
        columns = self.columns
        low, high = np.searchsorted(self.sorted_inputs, [value, value + 1])
        takers = columns.input_calls[self.by_input[low:high]]
        return takers[self.owner[takers] == n][:MAX_STEPS].tolist()

    @functools.cached_property
    def by_input(self):
        return np.argsort(self.columns.inputs, kind="stable")

    @functools.cached_property
    def sorted_inputs(self):
        return self.columns.inputs[self.by_input]


def _owners(units, n):
    """For each call the unit it belongs to; -1 for calls that are left out, and for what no call made, at the end."""
    owner = np.full(n + 1, -1)
    for number, unit in enumerate(units):
        owner[unit.first : unit.last + 1] = number
    owner[n] = -1
    return owner


def _used_scopes(scopes, calls):
    """The scopes around what is shown, each after the one it stands in."""
    used = {}

    def use(id):
        if id is not None and id not in used:
            use(scopes[id].parent)
            used[id] = scopes[id]

    for call in calls:
        use(call.scope)
    return tuple(used.values())
