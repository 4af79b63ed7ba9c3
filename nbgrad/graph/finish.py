"""From columns to the record: which variable holds what, what the tensors that are still there hold now, and where the graph ends.

`capture.py` calls `finish` when a graph is asked for. The ledger stays as it is and may go on growing.
"""

from __future__ import annotations

import numpy as np

from .grown import Numbers
from .records import Graph, Summary, bounded_lines
from .source import Sources, names_of, ours
from .summaries import Summaries
from .summary import summarize
from .table import (
    DATA, FLAGS, GRAD, GRAD_KEPT, HOW, IN_PLACE, INPUTS, IS_LEAF, IS_PARAMETER, MADE_AT, OUTPUTS, PLACE, REQUIRES_GRAD, SCOPE, THING, WHAT, Table,
)  # fmt: skip

FULL_STATISTICS = 1 << 22  # elements; above, an unnamed value is only searched for NaN when it is still there


def finish(ledger, mark, namespace, source, cell, passes_elsewhere=0) -> Graph:
    """Make the record of all that the ledger holds; see `Recorder.graph`."""
    ledger.sweep()
    ledger.trim()
    sources = Sources(cell)
    state, late = ledger.state.rows.copy(), Summaries()
    called, inputs, outputs = ledger.called.rows, ledger.inputs.rows[:, 0], ledger.outputs.rows[:, 0]
    producer = np.full(len(state), -1, np.int32)
    producer[outputs] = np.repeat(np.arange(len(called), dtype=np.int32), np.diff(called[:, OUTPUTS], prepend=0))
    texts = ledger.texts.copy()
    names, paths = _names(ledger, namespace, sources, texts, producer)
    scoped = ledger.scoped.rows.copy()
    scoped[:, THING] = np.array([*paths, -1], np.int32)[scoped[:, THING]]
    _look(ledger, state, names, late)
    learns = (state[:, FLAGS] & (REQUIRES_GRAD | IS_LEAF)) == (REQUIRES_GRAD | IS_LEAF)
    by_us = np.array([ours(where) for where in ledger.places] + [False])[ledger.fixed.rows[:, MADE_AT]]
    changed = np.append(called[:, HOW] & IN_PLACE != 0, False)[producer]  # which makes a parameter no other thing
    state[:, FLAGS] |= (learns & ~((producer >= 0) & by_us & ~changed)).astype(np.int32) * IS_PARAMETER
    roots = ledger.roots.rows[:, 0]
    roots = np.fromiter(dict.fromkeys(roots.tolist()), np.int32) if len(roots) else _last_made(ledger, state, inputs, outputs)
    table = Table(
        ledger.fixed.rows, state, names, producer, called, inputs, outputs, ledger.stepped.rows, ledger.grads.rows[:, 0], scoped, roots,
        ledger.summaries, late, [(tuple(shape), dtype.name) for shape, dtype in ledger.forms.things], texts.things, ledger.whats.things,
        ledger.params.things, ledger.edges.things, ledger.saves.things, [sources.place(where) for where in ledger.places], ledger.errors,
        None if ledger.program is None else ledger.program.snapshot(ledger),
    )  # fmt: skip
    return Graph(table.values, table.calls, table.steps, table.scopes, tuple([f"t{i}" for i in roots.tolist()]), bounded_lines(source), _notes(ledger, mark, passes_elsewhere))


def _notes(ledger, mark, passes_elsewhere):
    calls, steps = ledger.called.length, ledger.stepped.length
    notes = []
    if mark.skipped:
        notes.append(f"{mark.skipped:,} more operators ran after the first {calls:,} and are not shown")
    if mark.skipped_steps:
        notes.append(f"{mark.skipped_steps:,} more steps of backward ran after the first {steps:,} and are not shown")
    if mark.unheard:
        these = "1 tensor was" if mark.unheard == 1 else f"{mark.unheard:,} tensors were"
        notes.append(f"{these} computed meanwhile in another thread or recording: what ran there is not shown")
    if passes_elsewhere:
        passes = "1 backward pass" if passes_elsewhere == 1 else f"{passes_elsewhere:,} backward passes"
        notes.append(f"{passes} ran meanwhile in another thread: the steps and gradients there are not shown")
    return tuple(notes)


def _names(ledger, namespace, sources, texts, producer):
    """The number of each value's name: that of the variable that holds its tensor, else of the one it was assigned to. And those of the modules."""
    assigned = np.array([texts.of(sources.assigned_to(where)) for where in ledger.places] + [-1], np.int32)
    names = assigned[ledger.fixed.rows[:, MADE_AT]]
    first = _first_outputs(ledger)
    bears = producer < 0
    bears[first[_outermost(ledger, first) & (first >= 0)]] = True
    names[~bears] = -1
    names[_material(ledger, producer)] = -1
    paths = [-1] * len(ledger.things)
    if namespace:
        things = [r() for r in ledger.things]
        alive = {id(t): t for t in (*things, *(r() for r in ledger.living.values())) if t is not None}
        found = names_of(alive, namespace, sources.loop_variables(ledger.places))
        for value, reference in ledger.living.items() if found else ():  # also of what it held before a change in place
            name = found.get(id(reference()))
            if name is not None:
                names[value] = texts.of(name)
        paths = [texts.of(found[id(t)]) if id(t) in found else -1 for t in things]
    for value, leaf in ledger.gradients.items():
        if value < len(names) and names[value] < 0 <= names[leaf]:
            names[value] = texts.of(texts.things[names[leaf]] + ".grad")
    return names, paths


def _material(ledger, producer):
    """The values of which constructors of ours make parameters: the user's line assigns the module, not them."""
    called, inputs = ledger.called.rows, ledger.inputs.rows[:, 0]
    taken = inputs[np.repeat(_in_constructors(ledger, called), np.diff(called[:, INPUTS], prepend=0))]
    return taken[producer[taken] < 0]


def _first_outputs(ledger):
    """(n,) the first output of each call, -1 where it has none."""
    ends = ledger.called.rows[:, OUTPUTS]
    begins = ends - np.diff(ends, prepend=0)
    return np.where(begins < ends, np.append(ledger.outputs.rows[:, 0], -1)[begins], -1)


def _outermost(ledger, first):
    """(n,) whether a call's result is what its composite gave back, so that the name it is assigned to is its name."""
    called, inputs = ledger.called.rows, ledger.inputs.rows[:, 0]
    result = np.ones(len(called), bool)
    this, after = called[:-1], called[1:]
    taker = np.repeat(np.arange(len(called)), np.diff(called[:, INPUTS], prepend=0))
    taken = np.zeros(len(called), bool)  # by the next call
    taken[taker[(taker > 0) & (inputs == first[taker - 1])] - 1] = True
    ops = Numbers()
    op = np.array([ops.of(op) for op, *_ in ledger.whats.things], np.int32)
    # one expression, two operators: `1 / x` is a reciprocal and a product
    chained = (this[:, PLACE] == after[:, PLACE]) & (op[this[:, WHAT]] != op[after[:, WHAT]]) & taken[:-1]
    composite = [*(ledger.texts.things[kind] == "composite" for kind in ledger.scoped.rows[:, 0].tolist()), False]
    inside = np.array(composite, bool)[this[:, SCOPE]]  # functions and modules name what they compute as a cell does
    result[:-1] = ~chained & (~inside | (after[:, SCOPE] != this[:, SCOPE]))
    return result


def _look(ledger, state, names, late):
    """Note what the tensors that are still there hold now, each with its newest value."""
    values, grads = [], []
    for value in ledger.known.values():
        tensor = ledger.living[value]()
        if tensor is None:
            continue
        flags = int(state[value, FLAGS]) & ~(REQUIRES_GRAD | IS_LEAF) | tensor._requires_grad * REQUIRES_GRAD | (tensor._edge is None) * IS_LEAF
        if state[value, DATA] == -1:
            state[value, DATA] = -2 - late.append(_summary_of_large(tensor._array, names[value] >= 0))
        if tensor._grad is not None:
            values.append(value)
            grads.append(tensor._grad._array)
            flags |= GRAD_KEPT
        elif tensor._edge is None:
            state[value, GRAD] = -1  # what flowed here has been cleared since
        state[value, FLAGS] = flags
    if grads:
        state[values, GRAD] = -2 - (late.read(grads) + np.arange(len(grads), dtype=np.int32))


def _summary_of_large(array, named):
    if named or array.size <= FULL_STATISTICS or array.dtype.kind not in "fc":
        return summarize(array)
    finite = np.isfinite(array)
    if finite.all():
        return Summary(size=array.size)
    nan = int(np.count_nonzero(np.isnan(array)))
    return Summary(size=array.size, nan=nan, inf=array.size - int(np.count_nonzero(finite)) - nan)


def _last_made(ledger, state, inputs, outputs):
    """Without a backward call the ends of the graph are its roots: results that require a gradient and that no operator took.

    What our constructors leave is none; and where an operator raised before there was such a result, there is no root.
    """
    called = ledger.called.rows
    by_us = np.repeat(_in_constructors(ledger, called), np.diff(called[:, OUTPUTS], prepend=0))
    taken = np.zeros(len(state), bool)
    taken[inputs] = True
    ends = outputs[~taken[outputs] & ~by_us]
    with_grad = ends[state[ends, FLAGS] & REQUIRES_GRAD != 0]
    return with_grad[-1:] if len(with_grad) or ledger.errors else ends[-1:]


def _in_constructors(ledger, called):
    """(n,) which calls take the elements of what becomes a parameter, in a constructor of ours."""
    by_us = np.array([ours(where) for where in ledger.places] + [False])[called[:, PLACE]]
    return by_us & np.array([op == "detach" for op, *_ in ledger.whats.things] + [False])[called[:, WHAT]]
