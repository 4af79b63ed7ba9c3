"""Backward, step by step: the facts of each step of a record, as plain data for a page or a reader.

Pure functions over the record. Only the timeline of a pass, what the picture shows when, also asks for the folded graph that is drawn. Steps are
numbered from 0 over the whole record, whatever pass they belong to, and given in windows of `WINDOW`, so that a long record is never sent whole.
"""

from __future__ import annotations

import bisect
import functools
import json
import math
from collections.abc import Callable, Sequence

import numpy as np

from . import formulas
from ._text import shorten
from .columns import columns_of
from .records import Call, Graph, Step, Summary, Value, kept_with_graph
from .table import table_of
from .transform import scope_paths
from .visible import Visible

WINDOW = 20  # steps in one answer
MAX_ROWS = 6  # gradients in, gradients out, and formulas of one step that are told; the others are counted
MAX_PASSES = 2000  # that a reader can choose from
MAX_TIMELINE = 90_000  # characters of what the picture shows during a pass
MAX_EMBEDDED = 320  # steps in an exported file
MAX_EMBEDDED_BYTES = 600_000
MAX_NAME = 32  # characters of a user's name in a formula
SHORT = 18  # characters of an expression that may stand for an unnamed tensor
SMALL = 8  # elements of what a local Jacobian is of
VIEWS = frozenset(("unsqueeze", "squeeze", "view", "reshape", "unsafe_view", "alias", "reshape_alias", "squeezed", "expand"))


class Stepping:
    """The steps of one record; make it by `stepping`, which keeps the last few."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.columns = columns_of(graph)
        passes = self.columns.step_pass
        self.starts = [0, *(1 + np.flatnonzero(passes[1:] != passes[:-1])).tolist()] if len(passes) else []
        self._names = {}
        self._sums = (None, None, None, None)  # of the pass looked at last: its first step, and of each gradient sent the step and the value; the order by value

    # ---- what a page asks for

    def overview(self) -> dict:
        """How many steps there are, and of each pass `[first step, how many, name of what it starts from]`."""
        ends = [*self.starts[1:], len(self.graph.steps)]
        passes = [[a, b - a, self._root(a)] for a, b in zip(self.starts[:MAX_PASSES], ends)]
        last = [[a, b - a, self._root(a)] for a, b in zip(self.starts[-1:], ends[-1:])]
        return {"steps": len(self.graph.steps), "window": WINDOW, "passes": passes, "more_passes": max(0, len(self.starts) - MAX_PASSES), "last": last}

    def window(self, number: int) -> dict | None:
        """The facts of steps `number * WINDOW` and following; None where there are none."""
        first = number * WINDOW
        if not 0 <= first < len(self.graph.steps):
            return None
        return {"first": first, "steps": [self.facts(n) for n in range(first, min(first + WINDOW, len(self.graph.steps)))]}

    def timeline(self, first: int, drawn: Graph) -> dict | None:
        """What a picture of the graph `drawn` shows during the pass that begins at step `first`; None where none does.

        `ran`: drawn operator -> its first and last step; `got`: drawn value -> [step at which its gradient was complete, norm, its elements if
        they are at most four, the `.grad` before as [norm, elements] or None]; `sent`: drawn operator -> {value: [first step at which a
        gradient went there, the last one, its norm; None where several went there]}.
        """
        if first not in self._end_of:
            return None
        end, got = self._end_of[first], {}
        shown, visible = {v.id for v in drawn.values}, Visible(self.graph, self._composites, drawn)
        ran = visible.ran(first, end)
        for n in visible.filling(first, end):
            step = self.graph.steps[n]
            if step.value is not None:
                before = got[step.value][3] if step.value in got else step.before and _numbers(step.before)
                got[step.value] = [n, *(_numbers(step.after) if step.after else ["?", None]), before]
                continue
            call = self._call(step.call)
            for id, grad in zip(call.outputs, step.grads_in):
                if grad is not None and id in shown:
                    got[id] = [n, *_numbers(grad), None]
        sent = {}
        for at, number, begin, last in visible.sending(*self._sent(first)):
            id = self.graph.values[number].id
            sent.setdefault(at, {})[id] = [begin, last, self._norm_sent(begin, id) if begin == last else None]
        plain = {"first": first, "ran": ran, "got": got, "sent": sent}
        if len(json.dumps(plain)) > MAX_TIMELINE:
            plain = {**plain, "got": {id: [n, norm, None, None] for id, (n, norm, _, _) in got.items()},
                     "sent": {at: {id: [a, b, None] for id, (a, b, _) in to.items()} for at, to in sent.items()}}  # fmt: skip
        return plain if len(json.dumps(plain)) <= MAX_TIMELINE else {"first": first, "ran": ran, "got": {}, "sent": {}}

    def facts(self, n: int) -> dict:
        """One step: which node ran, the formulas with the user's names, the gradients in and out, and what was added to which leaf."""
        step = self.graph.steps[n]
        first = self.first_of(n)
        call = self._call(step.call)
        place = call.place if call else self._value(step.value).place if step.value else None
        plain = {
            "n": n, "first": first, "order": n - first, "count": self._end_of[first] - first, "node": step.node, "call": step.call, "value": step.value,
            "stands": [step.value] if step.value is not None else self.standing_for(step.call), "line": place.line if place else None,
            "where": _where(place), "small": call is not None and self.is_small(call),
        }  # fmt: skip
        if step.value is not None:
            plain |= self._accumulation(step)
        elif call is None:
            grads = {"in": step.grads_in, "out": step.grads_out}
            plain |= {k: [{"name": "", "grad": _brief(g)} for g in v[:MAX_ROWS]] for k, v in grads.items()}
            plain["formulas"] = [{"text": f"{step.node}: an operator that ran before the recording began", "words": True, "notes": []}]
        else:
            plain |= self._operator(step, call, n, first)
            plain["op"] = call.op
        return plain

    # ---- where things are

    def _call(self, id: str | None) -> Call | None:
        return None if id is None else self.graph.call(id)

    @functools.cached_property
    def _end_of(self):
        """First step of each pass -> the step after its last."""
        return dict(zip(self.starts, [*self.starts[1:], len(self.graph.steps)]))

    def first_of(self, n: int) -> int:
        """The first step of the pass to which step `n` belongs."""
        low, high = 0, len(self.starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.starts[middle] <= n else (low, middle)
        return self.starts[low]

    def _root(self, n):
        call = self._call(self.graph.steps[n].call)
        return self.name(call.outputs[0]) if call and call.outputs else self.graph.steps[n].node

    @functools.cached_property
    def _composites(self):
        """Scope -> the composite operators around it from the outermost, each as the id of its last call, which stands for it when folded."""
        kinds = {s.id: s.kind for s in self.graph.scopes}
        around = {id: [s for s in path if kinds[s] == "composite"] for id, path in scope_paths(self.graph).items()}
        scopes, ends = np.unique(self.columns.scope[::-1], return_index=True)  # where each scope has its last call
        last, scope_ids = {}, [s.id for s in self.graph.scopes]
        for number, call in sorted(zip(scopes.tolist(), (len(self.columns.scope) - 1 - ends).tolist()), key=lambda one: one[1]):
            if number >= 0 and (inside := around[scope_ids[number]]):
                last.update(dict.fromkeys(inside, self.graph.calls[call].id if table_of(self.graph) is None else f"c{call}"))
        return {id: [last[s] for s in path if s in last] for id, path in around.items()}

    def standing_for(self, call: str | None) -> list[str]:
        """Under which ids a call may be drawn: its own, else that of a composite operator around it. Else a group whose range holds it stands for it."""
        found = self._call(call)
        return [] if found is None else list(dict.fromkeys((call, *self._composites.get(found.scope, ()))))

    # ---- names

    def _value(self, id) -> Value:
        return self.graph.value(id)

    def name(self, id: str, depth: int = 3) -> str:
        """What to call a value: the user's name, else a short expression such as `(x @ w)`, else its id."""
        known = self._names.get(id)
        if known is None:
            value = self._value(id)
            known = shorten(" ".join(value.name.split()), MAX_NAME) if value.name else self._expression(id, depth) or self._constant(value) or id
            if len(self._names) > 50_000:
                self._names.clear()
            if depth == 3:
                self._names[id] = known
        return known

    def _expression(self, id, depth):
        call = self.graph.producer(id)
        if call is None or not depth or len(call.outputs) != 1 or not call.inputs or call.in_place:
            return None
        plain = call.op.rpartition(".")[2]
        params = dict(call.params)
        parts = [self.name(i, depth - 1) for i in call.inputs]
        if plain in VIEWS and len(parts) == 1:
            return parts[0]  # the same elements: a note tells the shape where it matters
        if plain in ("slice", "select", "__getitem__") and len(parts) == 1:
            return _subscript(parts[0], params)
        if plain in ("t", "transpose") and len(self._value(id).shape) == 2:
            return parts[0] + "ᵀ"
        sign = formulas.infix(plain)
        if sign and len(parts) == 1 and "other" in params or plain == "pow" and len(parts) == 1 and "exponent" in params:
            text = f"({parts[0]} {sign} {params.pop('other', None) or params.pop('exponent')})"
        elif sign and len(parts) == 2:
            text = f"({parts[0]} {sign} {parts[1]})"
        elif len(parts) == 1 and plain.isidentifier():
            inside = parts[0][1:-1] if parts[0].startswith("(") and parts[0].endswith(")") and parts[0].count("(") == 1 else parts[0]
            text = f"{plain}({inside})"
        else:
            return None
        return text if not params and len(text) <= SHORT else None

    @staticmethod
    def _constant(value):
        """A number that was made on the way has no name but its value."""
        seen = value.data.values if value.data and value.is_leaf and not value.requires_grad and value.shape == () else ()
        return f"{seen[0]}" if len(seen) == 1 and len(str(seen[0])) <= 8 else None

    def _names_of(self, ids):
        """Names for these values in one formula; two of the same name get numbers, in the order in which they were made."""
        ids = list(dict.fromkeys(ids))
        names = {id: self.name(id) for id in ids}
        notes = []
        for name in dict.fromkeys(names.values()):
            same = sorted((id for id in ids if names[id] == name), key=lambda id: int(id[1:]))
            if len(same) > 1 and not all(self._one_memory(same[0], id) for id in same[1:]):
                for k, id in enumerate(same):
                    names[id] = name + str(k).translate(_SUBSCRIPTS)
                notes.append(f"{names[same[0]]} is what {name} held before")
        return names, notes

    def _one_memory(self, first, second):
        """Whether the second is only another shape of the first, inside one operator."""
        call = self.graph.producer(second)
        while call is not None and call.op.rpartition(".")[2] in VIEWS and call.inputs:
            if call.inputs[0] == first:
                return True
            call = self.graph.producer(call.inputs[0])
        return False

    # ---- facts of an operator

    def _operator(self, step, call, n, first):
        names, notes = self._names_of((*call.inputs, *call.outputs))
        came = [self._flow(id, names, g) for id, g in zip(call.outputs, step.grads_in)]
        went = [self._flow(id, names, g) for id, g in zip(call.inputs, step.grads_out)]
        written, seen = [], {}
        for k, (id, g) in enumerate(zip(call.inputs, step.grads_out)):
            if g is None:
                continue
            if len(written) >= MAX_ROWS:
                break
            steps = self._sent_to(first, id)
            part = bisect.bisect_left(steps, n) + seen.get(id, 0) + 1
            seen[id] = seen.get(id, 0) + 1
            formula = self._formula(call, step, k, names, len(steps) > 1)
            if len(steps) > 1:
                formula["notes"].append(f"part {part:,} of {len(steps):,}")
            written.append(formula)
        for one in written[-1:]:
            one["notes"] = [*one["notes"], *notes]
        more = {"in": len(came) - MAX_ROWS, "out": len(went) - MAX_ROWS, "formulas": sum(g is not None for g in step.grads_out) - len(written)}
        return {"in": came[:MAX_ROWS], "out": went[:MAX_ROWS], "formulas": written, "more": {k: n for k, n in more.items() if n > 0}}

    def _flow(self, id, names, grad):
        return {"name": gradient(names[id]), "id": id, "shape": list(self._value(id).shape), "grad": _brief(grad)}

    def _formula(self, call: Call, step, k, names, shared):
        """What the call sends to its input number `k`; the node's name and shapes where its formula cannot be told."""
        id = call.inputs[k]
        left = gradient(names[id])
        adds = "+=" if shared else "="  # several gradients come together there
        seen = [o for o, g in zip(call.outputs, step.grads_in) if g is not None]
        found = self._derivative(call, k, names, seen)
        if found is not None and found.words:
            return {"text": f"{left} {adds} {found.text}", "words": True, "notes": list(found.notes)}
        if found is not None:
            notes = [n if not n.startswith(("summed", "repeated", "reshaped")) else f"then {n}" for n in found.notes]
            if found.text == left and not notes:
                return {"text": f"{left}, passed on as it is", "words": True, "notes": []}
            if found.text == left and notes:  # the same elements in another shape, inside one operator
                return {"text": f"{left}, {found.notes[0]}", "words": True, "notes": []}
            return {"text": f"{left} {adds} {found.text}", "words": False, "notes": notes + self._reshaped(call, names, found.text)}
        came = ", ".join(gradient(names[o]) for o in seen)
        shapes = " ".join(formulas.shown_shape(self._value(o).shape) for o in seen) + " → " + formulas.shown_shape(self._value(id).shape)
        return {"text": f"{left} {adds} {call.node}({came})", "words": False, "notes": [shapes]}

    def _derivative(self, call, k, names, seen):
        target = call.arguments[k] if k < len(call.arguments) else ""
        if call.node == "CopySlices":
            if target == "" and len(call.outputs) > 1:
                was = gradient(names[call.outputs[0]])
                return formulas.Derivative(f"{was}, which goes through {call.op} where that wrote", True)
            if len(call.outputs) > 1:
                return None
        formula = dict(call.formulas).get(target)
        if formula is None or call.arguments.count(target) > 1 and not formula.startswith("_of_"):
            return None
        arguments = dict(zip(call.arguments, call.inputs))
        if call.arguments.count(target) > 1:
            arguments[target] = call.inputs[k]
        of = {**dict.fromkeys(("grad", "grad_output") if len(call.outputs) == 1 else ("grad_output",), call.outputs[0]), "result": call.outputs[0]}
        known = {name: gradient(names[id]) if name.startswith("grad") else names[id] for name, id in of.items()}
        if len(call.outputs) > 1:  # several results: their values come first
            known |= {f"grad_{k}": gradient(names[o]) for k, o in enumerate(call.outputs[:8]) if o in seen}
            known |= {"grad_values": gradient(names[call.outputs[0]]), "grads": " and ".join(gradient(names[o]) if o in seen else "0" for o in call.outputs[:8])}
        known |= {name: names[id] for name, id in arguments.items() if name}
        shapes = {name: self._value(id).shape for name, id in {**of, **arguments}.items() if name}
        if any(self._value(i).dtype.startswith("complex") for i in call.inputs + call.outputs):  # what flows is conjugated on the way
            real = not self._value(call.inputs[k]).dtype.startswith("complex")
            return formulas.complex_derivative(formula, target, op=call.op, names=known, shapes=shapes, real=real, params=dict(call.params))
        return formulas.derivative(formula, target, op=call.op, names=known, shapes=shapes, params=dict(call.params))

    def _reshaped(self, call, names, text):
        """Where a matrix product takes a tensor in another shape than the user's, say in which."""
        notes = []
        for id in call.inputs:
            made = self.graph.producer(id)
            if made and made.scope == call.scope and call.scope and made.op.rpartition(".")[2] in VIEWS and not self._value(id).name and "@" in text:
                notes.append(f"{names[id]} as {formulas.shown_shape(self._value(id).shape)}")
        return notes

    def _sent(self, first):
        """Of each gradient that goes to an input in the pass that begins at a step: the step and the number of the value, as arrays in order."""
        if self._sums[0] != first:
            table, end = table_of(self.graph), self._end_of[first]
            if table is not None and self.graph.steps is table.steps:
                steps, values = table.sent(first, end)
            else:
                pairs = []
                for n in range(first, end):
                    step = self.graph.steps[n]
                    call = self._call(step.call)
                    pairs += [(n, self.columns.values[id]) for id, g in zip(call.inputs, step.grads_out) if g is not None] if call else ()
                steps, values = np.array(pairs, np.int64).reshape(-1, 2).T
            self._sums = (first, steps, values, np.argsort(values, kind="stable"))
        return self._sums[1], self._sums[2]

    def _sent_to(self, first, id):
        """At which steps a gradient goes to this value, in the pass that begins at a step."""
        steps, values = self._sent(first)
        order, number = self._sums[3], self.columns.values[id]
        return steps[order[slice(*np.searchsorted(values, (number, number + 1), sorter=order))]].tolist()

    def _norm_sent(self, n, id):
        """The norm of what one step sent to a value."""
        step = self.graph.steps[n]
        return _norm_of_sum([g for i, g in zip(self._call(step.call).inputs, step.grads_out) if i == id and g is not None])

    def _accumulation(self, step: Step):
        value = self._value(step.value)
        name = self.name(value.id)
        added = step.grads_in[0] if step.grads_in else None
        first = step.before is None and step.after is not None
        text = f"{name}.grad = grad_{name}" if first else f"{name}.grad = {name}.grad + grad_{name}"
        if step.after is None:
            text = f"grad_{name} was added to {name}.grad"
        return {
            "formulas": [{"text": text, "words": step.after is None, "notes": ["there was none before"] if first else []}],
            "in": [{"name": f"grad_{name}", "id": value.id, "shape": list(value.shape), "grad": _brief(added)}], "out": [],
            "leaf": {"name": f"{name}.grad", "id": value.id, "shape": list(value.shape), "first": first, "before": _brief(step.before),
                     "added": _brief(added), "after": _brief(step.after)},
        }  # fmt: skip


    def is_small(self, call):
        """Whether the call's Jacobian is a table of at most 8 by 8."""
        sizes = [math.prod(self._value(id).shape) for id in call.outputs]
        return bool(call.formulas) and call.node not in (None, "CopySlices") and len(sizes) == 1 and sizes[0] <= SMALL and any(math.prod(self._value(id).shape) <= SMALL for id in call.inputs)


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@kept_with_graph
def stepping(graph: Graph) -> Stepping:
    """The steps of a record, with their look-up tables."""
    return Stepping(graph)


def answer(graph: Graph, drawn: Graph, wish: dict) -> dict | None:
    """What a page asks for: `{}` the overview, `{window}` facts of steps, `{timeline}` what the picture shows in the pass that begins at that step."""
    steps = stepping(graph)
    for name, of in (("window", steps.window), ("timeline", lambda first: steps.timeline(first, drawn))):
        if name in wish:
            number = wish[name]
            return of(number) if type(number) is int else None
    return steps.overview()


def embedded(
    graph: Graph, drawn: Sequence[tuple[dict, Graph]], key: Callable[[dict], str], jacobian: Callable[[int], dict | None] | None = None
) -> tuple[dict[str, dict], tuple[str, ...]]:
    """The answers that go into an exported file, by `key(wish)`, and notes on what was left out.

    `drawn` gives each graph that the file can draw with the wish that brings it. At most `MAX_EMBEDDED` steps and `MAX_EMBEDDED_BYTES` of text.
    """
    steps, total = stepping(graph), len(graph.steps)
    if not total:
        return {}, ()
    found = {key({}): steps.overview()}
    room = MAX_EMBEDDED_BYTES - len(json.dumps(found))
    kept = 0
    windows = _windows(steps, drawn[0][1] if drawn else graph)
    for first in windows:
        inside = range(first, min(first + WINDOW, total))
        wishes = {key({"window": first // WINDOW}): steps.window(first // WINDOW)}
        for start in {steps.first_of(n) for n in inside}:
            for wish, shown in drawn:
                at = key({"timeline": start, **wish})
                if at not in found:
                    wishes[at] = steps.timeline(start, shown)
        wishes |= {key({"jacobian": n}): j for n in inside if jacobian and (j := jacobian(n)) is not None}
        room -= len(json.dumps(wishes))
        if room < 0:
            break
        found |= wishes
        kept += len(inside)
    which = "the first " if windows == sorted(windows) else ""
    return found, () if kept == total else (f"Of the {total:,} steps of backward only {which}{kept:,} are in this file.",)


def _windows(steps, shown):
    """Where the windows begin that go into a file: first those of the passes that its first picture shows, then the others in order."""
    passes = {s.backward for s in shown.steps if s.call is not None}
    total, ends = len(steps.graph.steps), [*steps.starts[1:], len(steps.graph.steps)]
    wanted = [n for k, (a, b) in enumerate(zip(steps.starts, ends)) if k in passes for n in range(a - a % WINDOW, b, WINDOW)]
    return list(dict.fromkeys([*wanted, *range(0, total, WINDOW)]))[: MAX_EMBEDDED // WINDOW]


def _subscript(name, params):
    """`b[2:]`, where one dimension in front is taken from."""
    if params.get("dim", "0") != "0" or len(name) > SHORT or name.startswith("("):
        return None
    if "index" in params:
        return f"{name}[{params['index']}]"
    start, end, step = (params.get(k, "") for k in ("start", "end", "step"))
    return f"{name}[{start}:{end}{':' + step if step else ''}]" if start or end or step else None


def gradient(name: str) -> str:
    """What the gradient of something of this name is called."""
    return f"grad_({name})" if name.endswith("ᵀ") else f"grad_{name}"


def _where(place):
    """Where in the source, as a reader says it."""
    if place is None:
        return ""
    return f"line {place.line}" if place.source == "cell" else f"{shorten(place.source, MAX_NAME)}, line {place.line}"


# ---- numbers


def _brief(summary: Summary | None):
    """A gradient as a page shows it: its elements if they were kept, else its norm."""
    if summary is None:
        return None
    plain = {"size": summary.size, "norm": _short(summary.norm), "nan": summary.nan, "inf": summary.inf}
    if len(summary.values) == summary.size:
        plain["values"] = [_short(x) for x in summary.values]
    return plain


def _numbers(summary):
    """[norm, elements if at most four]; with an element that is not a number the norm is none either."""
    norm = "nan" if summary.nan else "inf" if summary.inf else summary.norm
    few = 0 < summary.size <= 4 and len(summary.values) == summary.size and not summary.nan and not summary.inf
    return [float(f"{norm:.4g}") if isinstance(norm, float) else norm, [_short(x) for x in summary.values] if few else None]


def _norm_of_sum(parts):
    """The norm of what one node sent to one tensor that it took several times; None where the elements are not known."""
    if len(parts) == 1:
        return _numbers(parts[0])[0]
    if any(len(p.values) != p.size or p.nan or p.inf or any(type(x) is str for x in p.values) for p in parts) or len({p.size for p in parts}) > 1:
        return None
    return float(f"{math.hypot(*(sum(column) for column in zip(*(p.values for p in parts)))):.4g}")


def _short(x):
    """A number for a page: seven digits, and text where JSON has no such number."""
    if not isinstance(x, float):
        return x
    return float(f"{x:.7g}") if math.isfinite(x) else str(x)
