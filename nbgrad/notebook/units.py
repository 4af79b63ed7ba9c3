"""Which axis of a parameter counts the units of a layer that ends in an activation like relu, whose gradient is exactly zero where a unit is silent.

Reads a record; `watch.py` asks it for each parameter.
"""

from __future__ import annotations

from ..graph.records import Graph

SILENCING = {"relu", "relu6", "threshold", "clamp", "clamp_min", "hardtanh"}
PASSING = {"add", "sub", "dropout"}  # element by element: a unit that gets no gradient behind them gets none before
FURTHEST = 6  # operators between a layer and its activation


def unit_axis(graph: Graph, id: str) -> int | None:
    """The axis of parameter `id` that counts the units of its layer; None where the layer does not end in an activation like relu, or where
    the parameter is used in several places or in another way."""
    consumers = _consumers(graph)
    values = {v.id: v for v in graph.values}
    call = _only(consumers, id)
    flipped = False
    if call is not None and call.op in ("t", "permute", "transpose") and len(values[id].shape) == 2:
        flipped, id = values[call.outputs[0]].shape == values[id].shape[::-1], call.outputs[0]
        call = _only(consumers, id)
    if call is None or not call.outputs:
        return None
    axis = _axis_in(call, id, values, {s.id: s for s in graph.scopes})
    if axis is None or not _silenced(consumers, call.outputs[0]):
        return None
    return 1 - axis if flipped else axis


def _consumers(graph):
    found = {}
    for call in graph.calls:
        for id in call.inputs:
            found.setdefault(id, []).append(call)
    return found


def _only(consumers, id):
    """The one call that takes a value, or None."""
    calls = consumers.get(id, ())
    return calls[0] if len(calls) == 1 else None


def _axis_in(call, id, values, scopes):
    """The axis of the units in an argument of a layer's operator."""
    place, dims = call.inputs.index(id), len(values[id].shape)
    scope = scopes.get(call.scope)
    if call.op == "linear" or scope is not None and scope.name.rpartition(".")[2] == "linear":
        return 0 if place in (1, 2) else None
    if call.op in ("mm", "matmul") and dims == 2:
        return 1 - (place == 0)
    if call.op == "addmm":
        return {0: 0 if dims == 1 else None, 2: 1}.get(place)
    if call.op in ("add", "sub") and dims == 1:
        return 0 if values[id].shape[-1:] == values[call.outputs[0]].shape[-1:] else None
    return None


def _silenced(consumers, id):
    """Whether a value reaches an activation like relu on its only way."""
    for _ in range(FURTHEST):
        call = _only(consumers, id)
        if call is None or not call.outputs:
            return False
        name = call.op.rstrip("_")
        if name in SILENCING:
            return True
        if name not in PASSING:
            return False
        id = call.outputs[0]
    return False
