"""What a screen reader is told, and which kind of thing a value is, in one place for every renderer.

`picture.py` calls this. Plain text comes out, cleaned of control characters but not yet escaped.
"""

from __future__ import annotations

from . import _text
from .records import MAX_NAME, Call, Graph, Value
from .transform import is_group

_REASONS = {"data": ".data"}


def reason(cut: str) -> str:
    """Why an edge is cut, as the user wrote it."""
    return _REASONS.get(cut, cut)


def kind(graph: Graph, value: Value) -> str:
    """ "root", "named", "parameter" or "input": what a value is drawn as."""
    if value.id in graph.roots:
        return "root"
    if value.is_leaf and value.requires_grad:  # also one that was changed in place or made by an operator first
        return "parameter"
    return "named" if graph.producer(value.id) is not None or not value.is_leaf else "input"


def is_born(graph: Graph, value: Value) -> bool:
    """Whether a value that holds NaN or Inf was made of values that hold none."""
    call = graph.producer(value.id)
    return call is None or not any(_text.trouble(graph.value(i).data) for i in call.inputs)


def about_value(graph: Graph, value: Value) -> str:
    """Say all of a value in one line: "w, parameter, 5 by 3, gradient norm 0.65, line 3"."""
    what = kind(graph, value)
    what = {"named": "tensor", "root": "result"}.get(what, what)
    parts = [_text.shorten(value.name, MAX_NAME) if value.name else "unnamed", what, " by ".join(map(str, value.shape)) or "scalar"]
    if value.dtype != "float32":
        parts.append(value.dtype)
    if value.data is not None and value.data.values and value.data.size == 1:
        parts.append(f"value {_text.number(value.data.values[0])}")
    bad = _text.trouble(value.data)
    if bad:
        parts.append(f"has {bad}" + (", first here" if is_born(graph, value) else ""))
    if value.requires_grad:
        parts.append("no gradient yet" if value.grad is None else f"gradient norm {_text.number(_text.norm(value.grad))}")
    if value.cut:
        parts.append(f"cut by {value.cut}")
    if value.place:
        parts.append(f"line {value.place.line}")
    return _text.shorten(", ".join(parts), 3 * MAX_NAME)


def about_call(graph: Graph, call: Call, cut: str) -> str:
    """Say all of an operator in one line: "matmul, operator, of x, w, line 5"."""
    names = [_text.shorten(graph.value(i).name or _text.shape(graph.value(i)), 60) for i in call.inputs[:6]]
    what = f"group of {_text.plural(int(dict(call.params).get('calls', 0)), 'operator')}" if is_group(call) else "operator"
    parts = [_text.shorten(call.op, MAX_NAME), what] + (["of " + ", ".join(names)] if names else [])
    parts += [f"{k} {v}" for k, v in call.params if not is_group(call)]
    module = dict(call.params).get("module") if is_group(call) else call.scope and graph.scope(call.scope).path
    if module:
        parts.append(f"in {module}")
    if cut:
        parts.append(f"cut: {cut}")
    if call.error:
        parts.append(f"raised {_text.shorten(call.error, 120)}")
    if call.place:
        parts.append(f"line {call.place.line}")
    return _text.shorten(", ".join(parts), 3 * MAX_NAME)


def summary(graph: Graph) -> tuple[str, str]:
    """Title and description of a whole picture."""
    roots = _text.several([_text.shorten(graph.value(r).name or _text.shape(graph.value(r)), 40) for r in graph.roots], 5) or "values"
    learned = sum(v.requires_grad and v.is_leaf for v in graph.values)
    count = len(graph.calls)
    text = f"{count:,} operator{'s' * (count != 1)}, {learned:,} leaf tensor{'s' * (learned != 1)} that require{'s' * (learned == 1)} grad"
    return f"Computation graph of {roots}", "; ".join((text, *map(_text.clean, graph.notes)))
