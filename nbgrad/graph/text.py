"""Graph -> plain text: a listing for terminals, screen readers and notebooks' text/plain.

It carries the regression of executed notebooks, so it is the same on every machine: three significant digits, ids by order, nothing else.
"""

from __future__ import annotations

from . import _text
from .records import Graph
from .transform import is_group

MAX_LINES = 200
MAX_TEXT = 60


def text_listing(graph: Graph, values: bool = True) -> str:
    """List leaves, then operators in order, a line each: what was made of what, its shape, its gradient's norm, its line."""
    rows = [_leaf(graph, v, values) for v in graph.values if graph.producer(v.id) is None]
    clusters = {s.id: s for s in graph.scopes if s.kind != "composite"}
    around = None
    for call in graph.calls:
        scope = call.scope
        while scope is not None and scope not in clusters:
            scope = graph.scope(scope).parent
        if scope != around and scope is not None:
            path, name = clusters[scope].path, clusters[scope].name
            rows.append(("", f"[{_text.shorten(f'{path}: {name}' if path else name, MAX_TEXT)}]", "", "", "", ""))
        around = scope
        rows.append(_call(graph, call, values, "  " if scope else ""))
    left_out = len(rows) - MAX_LINES
    if left_out > 0:
        rows = rows[:MAX_LINES]
    widths = [max((_text.columns(row[n]) for row in rows), default=0) for n in range(6)]
    lines = ["  ".join(cell + " " * (width - _text.columns(cell)) for cell, width in zip(row, widths) if width).rstrip() for row in rows]
    if left_out > 0:
        lines.append(f"… {left_out:,} more")
    return "\n".join([_head(graph), *lines, *(f"note: {_text.clean(n)}" for n in graph.notes)]) + "\n"


def _head(graph):
    roots = _text.several([_name(graph, r) for r in graph.roots], 5)
    count = len(graph.calls)
    back = "gradients recorded" if any(v.grad is not None for v in graph.values) else "no gradients yet"
    return f"graph{' of ' + roots if roots else ''}: {count:,} operator{'s' * (count != 1)}, {back}"


def _leaf(graph, value, values):
    kind = "parameter" if value.is_parameter else "input" if value.is_leaf and not value.requires_grad else "leaf" if value.is_leaf else "earlier result"
    return (_name(graph, value.id), "= " + kind + _cut(value), _text.shape(value), _data(value) if values else "", _grad(value), _line(value))


def _call(graph, call, values, indent):
    outputs = [graph.value(id) for id in call.outputs]
    inputs = ", ".join(_name(graph, id) for id in call.inputs[:8]) + (", …" if len(call.inputs) > 8 else "")
    params = "".join(f", {_text.clean(k)}={_text.shorten(v, 24)}" for k, v in call.params) if not is_group(call) else ""
    if is_group(call):
        inputs = _text.plural(int(dict(call.params).get("calls", 0)), "operator") + (f" of {inputs}" if inputs else "")
    op = call.op if is_group(call) else call.op.rsplit(".", 1)[-1]
    text = f"= {_text.shorten(op, MAX_TEXT)}({inputs}{params})"
    if call.error:
        text += f" raised {_text.shorten(call.error, MAX_TEXT)}"
    first = outputs[0] if outputs else None
    if first is None:
        return indent + "–", text, "", "", "", _line(call)
    return (indent + _text.several([_name(graph, v.id) for v in outputs], 4), text + _cut(first), _text.shape(first),
            _data(first) if values else "", _grad(first), _line(call))


def _name(graph, id):
    value = graph.value(id)
    return _text.shorten(value.name, 32) if value.name else "%" + _text.clean(id)


def _cut(value):
    return f"  ✂ {_text.clean(value.cut)}" if value.cut else ""


def _data(value):
    bad = _text.trouble(value.data)
    if value.data is not None and value.data.values and value.data.size <= 4:
        return _text.numbers(value.data, 4)
    return f"has {bad}" if bad else ""


def _grad(value):
    return f"∂ {_text.number(_text.norm(value.grad))}" if value.requires_grad else ""


def _line(thing):
    if thing.place is None:
        return ""
    where = "" if thing.place.source == "cell" else _text.shorten(thing.place.source, 32) + " "
    return f"{where}line {thing.place.line}"
