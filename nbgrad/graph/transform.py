"""Transforms: `Graph` in, smaller `Graph` out.

The renderers call these before they draw. Nothing here knows how a graph is drawn, and nothing changes the graph it is given.

**How a group is represented.** Folding puts one ordinary `Call` in the place of many, so that every reader of a `Graph` can read the result:

- A folded *composite* (`matmul`, a loss) keeps the id of its last inner call, `c7`: it is still one operator to the user.
- Any other folded group is a `Call` with an id of its own, `g0`, `g1`, ... (`is_group` asks for that). Its `op` is what the group is
  called (`for t in range(100)`, `98 more`, `encoder`, `line 12`); its `params` tell `calls` (how many), `first` and `last` (the ids of its
  members in the unfolded graph, which stand in one run there), for loops `times`, for modules `module` (what the user calls it), and `parameters` and
  `inputs`, the leaves it hides.
- A loop that stays open in part gets a `Scope` of kind "loop" named `for t in range(100) ×100`, which holds the first iteration, a `g`
  call for those in between, and the last iteration. A loop that is only marked has all its iterations in such a scope.

Values that are made and used up inside a group are gone from the folded graph; steps keep their order and name the group instead.
"""

from __future__ import annotations

import dataclasses

from .records import Call, Graph

MAX_GROUP_LEAVES = 6  # a group that alone uses more leaves than this shows none of them


def is_group(call: Call) -> bool:
    """Whether this call stands for many that were folded."""
    return call.id.startswith("g")


def fold_functions(graph: Graph, depth: int = 0) -> Graph:
    """Fold functions, modules and `with` blocks that lie `depth` or more scopes deep, each run of calls in one to one group."""
    scopes, paths = {s.id: s for s in graph.scopes}, scope_paths(graph)
    runs = []  # of calls that follow on each other in the outermost scope to be folded
    for call in graph.calls:
        plain = [id for id in paths.get(call.scope, ()) if scopes[id].kind != "composite"]
        inside = next((id for id in plain[depth:] if scopes[id].kind in ("function", "module", "with")), None)
        if runs and runs[-1][0] == inside:
            runs[-1][1].append(call)
        else:
            runs.append((inside, [call]))
    groups, number = [], next_group(graph)
    for id, calls in runs:
        if id is None or len(calls) < 2:
            continue
        scope, last = scopes[id], calls[-1]
        module = (("module", scope.path),) if scope.path else ()
        group = Call(f"g{number}", scope.name, (), (), params=module + group_params(calls), scope=scope.parent, place=scope.place or calls[0].place,
                     grad_mode=last.grad_mode, is_view=all(c.is_view for c in calls), in_place=last.in_place,
                     error=next((c.error for c in calls if c.error), None))
        groups.append((group, calls))
        number += 1
    return collapse(graph, groups)


def scope_depth(graph: Graph) -> int:
    """How deep functions and modules are nested."""
    paths = scope_paths(graph)
    kinds = {s.id: s.kind for s in graph.scopes}
    return max(sum(kinds[id] != "composite" for id in path) for path in paths.values())


def hide_views(graph: Graph) -> Graph:
    """Leave out views whose result has no name; what used the view then uses its base."""
    base, calls, roots, merged = {}, [], set(graph.roots), {}
    values = {v.id: v for v in graph.values}
    for call in graph.calls:
        inputs = tuple(base.get(id, id) for id in call.inputs)
        plain = call.is_view and not call.in_place and not call.error and len(call.outputs) == 1 and inputs
        out = values[call.outputs[0]] if call.outputs else None
        if plain and out.name is None and out.cut is None and out.id not in roots and graph.consumers(out.id):
            base[out.id] = inputs[0]
        else:
            if is_group(call) and len(set(inputs)) < len(inputs):
                merged[call.id] = inputs
                inputs = tuple(dict.fromkeys(inputs))
            calls.append(dataclasses.replace(call, inputs=inputs))
    gone = {c.id for c in graph.calls} - {c.id for c in calls}
    return graph.replace(
        values=tuple(v for v in graph.values if v.id not in base),
        calls=tuple(calls),
        steps=tuple(_restep(_merged(s, merged.get(s.call)), dict.fromkeys(gone), base.keys()) for s in graph.steps),
    )


def _merged(step, inputs):
    """A group's step where some of its inputs have become one: what was sent there, None where several gradients were."""
    if inputs is None or len(step.grads_out) != len(inputs):
        return step
    sent = {id: [] for id in inputs}
    for id, grad in zip(inputs, step.grads_out):
        sent[id].append(grad)
    return dataclasses.replace(step, grads_out=tuple(grads[0] if len(grads) == 1 else None for grads in sent.values()))


def fold_lines(graph: Graph) -> Graph:
    """Fold neighbouring calls made by one source line into one group a line."""
    runs = []
    for call in graph.calls:
        key = (call.place.source, call.place.line, call.scope) if call.place else None
        if runs and key is not None and runs[-1][0] == key:
            runs[-1][1].append(call)
        else:
            runs.append((key, [call]))
    number, groups = next_group(graph), []
    for key, calls in runs:
        if len(calls) > 1:
            groups.append((Call(f"g{number}", f"line {key[1]}", (), (), params=group_params(calls), scope=key[2], place=calls[0].place), calls))
            number += 1
    return collapse(graph, groups)


def fold_middle(graph: Graph, ends: int) -> Graph:
    """Keep the first and the last `ends` calls and fold all between them into one group."""
    middle = graph.calls[ends : len(graph.calls) - ends]
    if len(middle) < 2:
        return graph
    params = group_params(middle)
    name = f"{int(dict(params)['calls']):,} more"
    place = middle[0].place
    return collapse(graph, [(Call(f"g{next_group(graph)}", name, (), (), params=params, place=place), list(middle))])


def group_params(calls, times=None):
    """The `params` of a group: how many calls it stands for, and the first and the last of them."""
    count = sum(int(dict(c.params).get("calls", 1)) if is_group(c) else 1 for c in calls)
    first = dict(calls[0].params).get("first", calls[0].id) if is_group(calls[0]) else calls[0].id
    last = dict(calls[-1].params).get("last", calls[-1].id) if is_group(calls[-1]) else calls[-1].id
    return ((("times", str(times)),) if times else ()) + (("calls", str(count)), ("first", first), ("last", last))


def collapse(graph, groups):
    """Put the first of each pair `(call, members)` in the place of its members, with the inputs and outputs that cross the border."""
    if not groups:
        return graph
    owner = {c.id: n for n, (_, members) in enumerate(groups) for c in members}
    folded = [_bordered(graph, call, members, owner) for call, members in groups]
    calls, seen = [], [0] * len(groups)
    for call in graph.calls:
        n = owner.get(call.id)
        if n is None:
            calls.append(call)
        else:
            seen[n] += 1
            if seen[n] == len(groups[n][1]):
                calls.append(folded[n])
    used = {id for c in calls for id in c.inputs + c.outputs} | set(graph.roots)
    touched = {id for c in graph.calls for id in c.inputs + c.outputs}
    values = tuple(v for v in graph.values if v.id in used or v.id not in touched)
    gone = {v.id for v in graph.values} - {v.id for v in values}
    rename = {id: folded[n].id for id, n in owner.items()}
    steps = [_restep(s, rename, gone) for s in graph.steps]
    for n, sent in _last_sent(graph, folded, owner).items():
        steps[n] = dataclasses.replace(steps[n], grads_out=sent)
    return graph.replace(values=values, calls=tuple(calls), steps=tuple(steps))


def _last_sent(graph, folded, owner):
    """For the last step of each group in each backward pass: what the group as a whole sent to its inputs, where one member sent it."""
    sent, last = {}, {}
    for n, step in enumerate(graph.steps):
        group = owner.get(step.call)
        if group is None:
            continue
        key, inputs = (group, step.backward), graph.call(step.call).inputs
        last[key] = n
        for id, grad in zip(inputs, step.grads_out) if len(inputs) == len(step.grads_out) else ():
            sent.setdefault(key, {}).setdefault(id, []).append(grad)
    out = {}
    for key, n in last.items():
        grads = sent.get(key, {})
        out[n] = tuple(grads[id][0] if len(grads.get(id, ())) == 1 else None for id in folded[key[0]].inputs)
    return out


def _bordered(graph, call, members, owner):
    inside = {c.id for c in members}
    made = {id: None for c in members for id in c.outputs}
    inputs = dict.fromkeys(id for c in members for id in c.inputs if id not in made)
    outputs, roots, last = [], set(graph.roots), members[-1]
    for id in made:
        consumers = graph.consumers(id)
        # of what nobody took, show what has a name and the last call's first output: others are an operator's own by-products
        unused = not consumers and (graph.value(id).name is not None or id in last.outputs[:1])
        if id in roots or unused or any(c.id not in inside for c in consumers):
            outputs.append(id)
    if is_group(call):
        leaves = [id for id in inputs if graph.producer(id) is None]
        own = {id for id in leaves if all(owner.get(c.id) == owner[last.id] for c in graph.consumers(id))}
        if len(own) > MAX_GROUP_LEAVES:
            inputs = [id for id in inputs if id not in own]
            learned = sum(graph.value(id).requires_grad for id in own)
            counts = {"parameters": learned, "inputs": len(own) - learned}
            call = dataclasses.replace(call, params=call.params + tuple((k, str(n)) for k, n in counts.items() if n))
    return dataclasses.replace(call, inputs=tuple(inputs), outputs=tuple(outputs))


def _restep(step, calls, gone):
    return dataclasses.replace(step, call=calls.get(step.call, step.call), value=None if step.value in gone else step.value)


def scope_paths(graph):
    """The scopes around each scope, from the outermost to itself."""
    scopes, paths = {s.id: s for s in graph.scopes}, {None: ()}
    for scope in graph.scopes:
        path, at = [], scope.id
        while at is not None and at not in paths and at not in path:
            path.append(at)
            at = scopes[at].parent
        known = paths.get(at, ())
        for id in reversed(path):
            known = paths[id] = known + (id,)
    return paths


def next_group(graph):
    """The number for the next group's id."""
    taken = [int(c.id[1:]) for c in graph.calls if is_group(c) and c.id[1:].isdigit()]
    return max(taken, default=-1) + 1
