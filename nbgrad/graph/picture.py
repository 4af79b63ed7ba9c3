"""Graph -> picture: which boxes, lines of text and edges are drawn, and how large each is.

`layout.py` places what `picture` returns, `dot.py` and `svg.py` write it. Nothing here knows positions, colours or Graphviz. Sizes depend
only on the forward pass: a value that requires grad always has room for its gradient, so that a later backward changes ink and nothing moves.

Named tensors, leaves and roots are nodes; an unnamed intermediate is only the label of its edge. A leaf used three times or more is drawn
once in full, at its first use, and as a small tab at each other use (`t0@c3`); parameters of an operator that takes several, and all of them
in large graphs, are rows of the operator's card.
"""

from __future__ import annotations

import collections
import functools
import math
from dataclasses import dataclass

from . import _text, describe
from .records import Graph
from .transform import is_group

NAME, SMALL, LABEL, OPERATOR = 12.5, 10.5, 10.0, 11.5  # font sizes
LINE, PAD_X, PAD_Y = 15.0, 11.0, 6.0
CIRCLE, PILL, ROW = 27.0, 25.0, 19.0
ALIAS_USES = 3
CARDS_ABOVE = 40  # calls
MOST_ROWS = 12  # parameters in one card
DIRECTIONS = ("auto", "LR", "TB")
LEFT_TO_RIGHT_UP_TO = 12  # calls
LEFT_TO_RIGHT_WIDTH = 1150.0  # what a notebook shows without shrinking it much
BADGE = 50.0
MOST_NAME = 24  # characters of a name; the whole stands in the title
MOST_MESSAGE = 3, 44  # lines of an error's message, characters in each
MOST_ALIKE = 3  # values that go the same way, from or to a group; more of them are one edge
MOST_LEAVES = 6  # of a group; more of them are counted in its box
SIDE_GAP = 34.0  # between an operator and the leaf that sits beside it: room for a gradient's norm


@dataclass(frozen=True, slots=True)
class Span:
    text: str
    role: str  # "name", "muted", "label", "grad"


@dataclass(frozen=True, slots=True)
class Row:
    """A parameter inside an operator's card."""

    id: str
    value: str
    name: str
    shape: str
    grad: str
    norm: float | None
    about: str


@dataclass(frozen=True, slots=True)
class Node:
    id: str
    kind: str  # "parameter", "input", "named", "op", "root", "cut", "group"
    shape: str  # "box", "tab", "circle", "pill", "card"
    width: float
    height: float
    lines: tuple[tuple[Span, ...], ...]
    about: str  # one line that says all of it, for screen readers
    source: str = ""  # the line of code that made it
    value: str | None = None
    call: str | None = None
    rows: tuple[Row, ...] = ()
    badge: str = ""  # "NaN" or "Inf"
    born: bool = False  # the first not-a-number on its way
    scope: str | None = None
    beside: str | None = None  # the operator next to which this leaf sits, in the same rank


@dataclass(frozen=True, slots=True)
class Edge:
    id: str
    source: str
    target: str
    value: str
    label: str = ""
    cut: str = ""  # why no gradient comes back
    room: bool = False  # a gradient's norm may be written here
    back: float | None = None  # the norm that came back
    shared: bool = False  # that norm is of the sum over all uses; what came back here alone was not seen
    beside: bool = False
    hidden: bool = False  # not drawn: only so that what comes later stands later

    @property
    def label_width(self) -> float:
        texts = [self.label, self.cut and "✂ " + self.cut, "−0.0029" if self.room else ""]
        return max(_text.text_width(t, LABEL) for t in texts)

    @property
    def label_rows(self) -> int:
        return bool(self.label) + bool(self.cut) + self.room


@dataclass(frozen=True, slots=True)
class Cluster:
    id: str
    kind: str
    label: str
    parent: str | None
    name: str = ""  # of a module, written before its class

    @property
    def heading(self) -> str:
        return f"{self.name}  {self.label}" if self.name else self.label


@dataclass(frozen=True, slots=True)
class Picture:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...]
    direction: str  # "LR" or "TB"
    title: str
    description: str


def picture(graph: Graph, *, direction: str = "auto", values: bool = True) -> Picture:
    """Decide what is drawn of a graph."""
    return _Builder(graph, direction, values).build()


def grad_text(value, room: float | None = None) -> str:
    """The gradient of one value: its elements where they fit into `room`, else its norm, a dash where none was computed."""
    grad = value.grad
    if grad is None:
        return "∂ –"
    bad = _text.trouble(grad)
    if bad:
        return f"∂ {bad}"
    if grad.size == 1 and grad.values:
        return f"∂ {_text.number(grad.values[0])}"
    full = "∂ " + " ".join(map(_text.number, grad.values))
    if room and grad.values and len(grad.values) <= 4 and _text.text_width(full, SMALL) <= room:
        return full
    return f"∂ ‖g‖ {_text.number(grad.norm)}"


class _Builder:
    def __init__(self, graph, direction, show_values):
        self.graph, self.show_values = graph, show_values
        self.values = {v.id: v for v in graph.values}
        self.roots = set(graph.roots)
        if direction not in DIRECTIONS:
            raise ValueError(f'direction must be "auto", "LR" or "TB", not {direction!r}')
        self.direction = direction
        self.big = len(graph.calls) > CARDS_ABOVE
        self.nodes, self.edges = {}, []
        self.rows = {}
        self.labelled = set()
        self.partial = _partial_norms(graph)
        self.versions = collections.Counter(v.name for v in graph.values)
        self.paths = {None: ()}
        alike = _alike(graph)
        self.is_node = {v.id for v in graph.values if v.name is not None or graph.producer(v.id) is None or v.id in self.roots} - alike
        self.roots -= alike

    def build(self):
        for call in self.graph.calls:
            self.add_call(call)
        for value in self.graph.values:  # leaves that nothing uses are left out, unless they are all there is or a root
            if (value.id in self.roots or not self.graph.calls) and value.id not in self.nodes and value.id not in self.rows:
                self.add_value(value, None)
        self.put_updates_last()
        clusters = self.clusters()
        kept = {c.id for c in clusters}
        nodes = tuple(_with_scope(n, next((s for s in reversed(self.path(n.scope)) if s in kept), None)) for n in self.nodes.values())
        if self.direction == "auto":
            few = len(self.graph.calls) <= LEFT_TO_RIGHT_UP_TO
            self.direction = "LR" if few and _length(nodes, self.edges) <= LEFT_TO_RIGHT_WIDTH else "TB"
        return Picture(nodes, tuple(self.edges), clusters, self.direction, *describe.summary(self.graph))

    def add_call(self, call):
        graph, uses = self.graph, []
        inputs, counted = self.inputs_of(call)
        in_rows = self.rows_of(call, inputs)
        for id in inputs:
            if id not in in_rows:
                uses.append((id, self.source_of(id, call)))
        self.nodes[call.id] = self.call_node(call, [self.row(id, call) for id in in_rows], counted)
        cut = self.cut_of(call)
        beside = self.sit_beside(call, uses)
        for (id, source), several in self.bundled(uses):
            value = self.values[id]
            plain = source in self.nodes and self.nodes[source].value is None and id not in self.labelled
            label = _text.shape(value) if plain and (self.show_values or len(graph.calls) <= CARDS_ABOVE) else ""
            label = "" if label == "()" else label  # a single number goes without
            if several > 1:
                label = f"{several} × {_text.shape(value)}"
            self.labelled.add(id)
            reason = cut if value.requires_grad else ""
            flows = value.requires_grad and not reason and (is_group(call) or self.is_tracked(call))
            back, shared = self.norm_into(call, value) if flows else (None, False)
            self.edge(source, call.id, id, label, reason, flows, back, shared or several > 1, source in beside)
        for id in call.outputs:
            if id in self.is_node:
                value = self.values[id]
                self.add_value(value, call.scope)
                flows = value.requires_grad and not value.is_leaf  # a parameter's gradient ends there, also after an update in place
                self.edge(call.id, id, id, "", "", flows, _text.norm(value.grad) if flows else None, False, False)

    def put_updates_last(self):
        """Let a group that no edge leads to, such as an update of parameters that are rows, stand after the result whose gradient it uses."""
        reached, before = {e.target for e in self.edges}, None
        for call in self.graph.calls:
            if is_group(call) and before is not None and call.id not in reached:
                self.edges.append(Edge(f"e{len(self.edges)}", before, call.id, "", hidden=True))
            if any(id in self.graph.roots for id in call.outputs):
                before = call.id

    def inputs_of(self, call):
        """The inputs to draw, and how many leaves of a group are only counted: `{"parameters": 41}`."""
        inputs = tuple(dict.fromkeys(call.inputs))
        counted = {k: int(n) for k, n in call.params if k in ("parameters", "inputs")} if is_group(call) else {}
        if is_group(call):
            leaves = [id for id in inputs if self.graph.producer(id) is None and id not in self.roots]
            grads = {id for id in leaves if (self.values[id].name or "").endswith(".grad")}
            counted |= {"gradients": len(grads)} if grads else {}
            leaves, inputs = [id for id in leaves if id not in grads], tuple(id for id in inputs if id not in grads)
            for kind, learned, most in (("parameters", True, MOST_ROWS), ("inputs", False, MOST_LEAVES)):
                some = {id for id in leaves if self.values[id].requires_grad == learned}
                if len(some) > most:
                    counted[kind] = counted.get(kind, 0) + len(some)
                    inputs = tuple(id for id in inputs if id not in some)
        return inputs, counted

    def bundled(self, uses):
        """Each use with how many it stands for: more than a few unnamed values that run side by side are one edge."""
        together = {}
        for id, source in uses:
            together.setdefault(source if id not in self.is_node else id, []).append((id, source))
        for same in together.values():
            if len(same) > MOST_ALIKE and len({self.values[id].shape for id, _ in same}) == 1:
                yield same[0], len(same)
            else:
                yield from ((use, 1) for use in same)

    def edge(self, source, target, value, *rest):
        self.edges.append(Edge(f"e{len(self.edges)}", source, target, value, *rest))

    def source_of(self, id, call):
        """The node from which this call's input comes: a value, a tab of it, or the call that made it."""
        value, producer = self.values[id], self.graph.producer(id)
        if producer is None and id in self.nodes and len(self.graph.consumers(id)) >= ALIAS_USES:
            tab = f"{id}@{call.id}"
            self.nodes[tab] = self.tab(value, tab, call.scope)
            return tab
        if id not in self.is_node:
            return producer.id
        if id not in self.nodes:
            self.add_value(value, call.scope)
        return id

    def sit_beside(self, call, uses):
        """Choose at most two single-use leaves to sit beside their operator, so that what flows stays one straight line."""
        free = [s for id, s in uses if self.graph.producer(id) is None and self.single_use(id, s)]
        if len(free) == len(uses):
            free = free[1:]
        chosen = set(free[:2])
        for id in chosen:
            self.nodes[id] = _with_scope(self.nodes[id], call.scope, beside=call.id)
        return chosen

    def single_use(self, id, source):
        uses = len(self.graph.consumers(id))
        return source != id or uses == 1 or uses >= ALIAS_USES

    def rows_of(self, call, inputs):
        learned = [id for id in inputs if self.graph.producer(id) is None and self.values[id].requires_grad and id not in self.roots]
        few = len(learned) < 2 or _text.op_label(call) in _text.GLYPHS.values()
        rows = self.big or is_group(call) or not few and not any(id in self.nodes for id in learned)
        if len(learned) > MOST_ROWS or not rows or call.error and not is_group(call):  # whose shapes a reader compares
            return []
        for id in learned:
            self.rows.setdefault(id, call.id)
        return learned

    def row(self, id, call):
        value = self.values[id]
        first = self.rows[id] == call.id and id not in self.nodes
        grad = "∂ –" if value.grad is None else f"∂ {_text.trouble(value.grad) or _text.number(_text.norm(value.grad))}"
        return Row(id if first else f"{id}@{call.id}", id, _text.shorten_path(self.inside(value.name or "", call.scope), MOST_NAME), _text.shape(value), grad,
                   _text.norm(value.grad), describe.about_value(self.graph, value))

    def path(self, scope):
        known = self.paths.get(scope)
        if known is None:
            out, at = [], scope
            while at is not None:
                out.append(at)
                at = self.graph.scope(at).parent
            known = self.paths[scope] = tuple(reversed(out))
        return known

    @functools.cached_property
    def kept_scopes(self):
        """Scopes that hold at least two operators."""
        holds = {}
        for call in self.graph.calls:
            for scope in self.path(call.scope):
                holds[scope] = holds.get(scope, 0) + 1
        return {id for id, count in holds.items() if count >= 2}

    def inside(self, name, scope):
        """A name as it reads inside a cluster: within `model`, `model.fc1.weight` is `fc1.weight`."""
        for id in reversed(self.path(scope)):
            path = self.graph.scope(id).path
            if id in self.kept_scopes and path and name.startswith(path + "."):
                return name[len(path) + 1 :]
        return name

    def module_of(self, call):
        """What the user calls the module that this operator is all of, or that this group stands for, and its class; "" where there is none."""
        if is_group(call):
            path = dict(call.params).get("module", "")
            return (self.inside(path, call.scope), _text.op_label(call)) if path else ("", "")
        scope = self.graph.scope(call.scope) if call.scope is not None else None
        if scope is None or not scope.path or scope.id in self.kept_scopes:
            return "", ""
        return self.inside(scope.path, scope.parent), scope.name

    def clusters(self):
        kept, out = self.kept_scopes, []
        for scope in self.graph.scopes:
            if scope.id in kept:
                parent = next((p for p in reversed(self.path(scope.id)[:-1]) if p in kept), None)
                label = _text.shorten(scope.name, 60)
                if scope.kind == "loop" and scope.place and "line" not in label and "×" in label:
                    label += f"   line {scope.place.line}"
                out.append(Cluster(scope.id, scope.kind, label, parent, _text.shorten_path(self.inside(scope.path, scope.parent), 40)))
        return tuple(out)

    def shared_scope(self, value):
        """The innermost scope that holds a value's producer and all its users."""
        producer, consumers = self.graph.producer(value.id), self.graph.consumers(value.id)
        paths = [self.path(c.scope) for c in (producer, *consumers) if c is not None]
        if producer is not None and not consumers:
            return producer.scope and self.graph.scope(producer.scope).parent
        if not paths or producer is None and not value.requires_grad:
            return None  # what comes in from outside is drawn outside
        shared = 0
        while all(len(p) > shared for p in paths) and len({p[shared] for p in paths}) == 1:
            shared += 1
        inner = paths[0][shared - 1] if shared else None
        while producer is None and inner is not None and self.graph.scope(inner).kind == "loop":
            inner = self.graph.scope(inner).parent  # what a loop finds ready-made stands before it
        return inner

    def add_value(self, value, scope):
        alias = self.graph.producer(value.id) is None and len(self.graph.consumers(value.id)) >= ALIAS_USES
        where = scope if alias else self.shared_scope(value)
        kind, name = describe.kind(self.graph, value), _text.shorten_path(self.inside(value.name or "", where), MOST_NAME)
        head = [Span(name, "name")] if name else []
        single = value.data is not None and value.data.size == 1 and value.data.values
        if self.show_values and single and (value.shape == () or not name):
            text = _text.number(value.data.values[0])
            head += [Span(f" = {text}", "name")] if name else [Span(text, "name")]
        else:
            head.append(Span("  " * bool(name) + _text.shape(value), "muted"))
        if value.version > 1 or value.version and self.versions[value.name] > 1:  # the first only filled it
            head.append(Span(f"  v{value.version}", "muted"))
        lines = [tuple(head)]
        if self.show_values and not (single and (value.shape == () or not name)):
            text = _text.numbers(value.data, 8 if kind == "input" else 4)
            if text:
                lines.append((Span(text, "muted"),))
        if value.cut and self.graph.producer(value.id) is None:
            lines.append((Span("✂ " + describe.reason(value.cut), "muted"),))
        width = max(_width(line) for line in lines)
        if value.requires_grad:
            few = math.prod(value.shape) <= 3
            width = max(width, _text.text_width("∂" + " −0.000" * math.prod(value.shape) if few else "∂ ‖g‖ 0.00e−0", SMALL))
            lines.append((Span(grad_text(value, width), "grad"),))
        frame = 4.0 if kind == "root" else 0.0
        bad, made = _text.trouble(value.data), self.graph.producer(value.id) is not None
        self.nodes[value.id] = Node(
            value.id, kind, "box", round(width + 2 * (PAD_X + frame)), round(LINE * len(lines) + 2 * (PAD_Y + frame)), tuple(lines),
            describe.about_value(self.graph, value), _source(value), value=value.id, badge=bad, born=bool(bad) and not made,
            scope=where)

    def tab(self, value, id, scope):
        head = (Span(_text.shorten_path(self.inside(value.name or "", scope) or _text.shape(value), MOST_NAME), "name"),)
        lines = (head, (Span(grad_text(value), "grad"),)) if value.requires_grad else (head,)
        room = _text.text_width("∂ ‖g‖ 0.00e−0", SMALL) if value.requires_grad else 0
        width = max(_width(head), room)
        about = describe.about_value(self.graph, value) + ", used again here"
        return Node(id, describe.kind(self.graph, value), "tab", round(width + 16), round(LINE * len(lines) + 8), lines, about,
                    _source(value), value=value.id, scope=scope)

    def call_node(self, call, rows, counted):
        label, group, cut = _text.op_label(call), is_group(call), self.cut_of(call)
        kind = "failed" if call.error and not group else "group" if group else "cut" if cut else "op"
        shape = "card" if rows else "circle" if label in _text.GLYPHS.values() and kind != "failed" else "pill"
        module, kind_of_module = self.module_of(call) if rows or group else ("", "")
        lines = [(Span(_text.shorten(module, 36), "label"), Span("  " + _text.shorten(kind_of_module, 24), "muted")) if module else (Span(label, "label"),)]
        count = dict(call.params).get("calls") if group else None
        if count:
            lines.append((Span(_text.plural(int(count), "operator"), "muted"),))
            lines += [(Span(_text.plural(n, kind[:-1]), "muted"),) for kind, n in counted.items()]
        elif kind == "failed":
            lines = [(Span(f"{label} failed", "label"), *([Span(f"  line {call.place.line}", "muted")] if call.place else []))]
            lines += [(Span(text, "bad"),) for text in _text.wrapped(call.error, *MOST_MESSAGE)]
        elif call.place and rows:
            lines[0] += (Span(f"   line {call.place.line}", "muted"),)
        texts = ["".join(span.text for span in line) for line in lines]
        width = max(_text.text_width(t, OPERATOR if n == 0 else SMALL, bold=n == 0) for n, t in enumerate(texts))
        height = PILL if len(lines) == 1 else len(lines) * LINE + 8
        if shape == "circle":
            width = height = CIRCLE
        elif shape == "card":
            width = max([width + 18] + [row_name_width(r) + row_grad_width() for r in rows])
            height += ROW * len(rows)
        else:
            width += 18
        bad = next((b for b in (_text.trouble(self.values[o].data) for o in call.outputs) if b), "")
        born = bool(bad) and any(describe.is_born(self.graph, self.values[o]) for o in call.outputs)
        shown = bad if born or not any(o in self.is_node for o in call.outputs) else ""
        if shown and shape != "circle":
            width += BADGE
        return Node(call.id, kind, shape, round(width), round(height), tuple(lines), describe.about_call(self.graph, call, cut),
                    _source(call), call=call.id, rows=tuple(rows), badge=shown, born=born, scope=call.scope)

    def cut_of(self, call):
        """Why no gradient comes back through this call, where an input asks for one."""
        if self.is_tracked(call) or not any(self.values[i].requires_grad for i in call.inputs):
            return ""
        reason = next((self.values[o].cut for o in call.outputs if self.values[o].cut), None) or ("" if call.grad_mode else "no_grad")
        return _text.shorten(describe.reason(reason), 24)

    def is_tracked(self, call):
        """Whether gradients go through a call; they do not through an update of a parameter in place."""
        return any(self.values[o].requires_grad and not self.values[o].is_leaf for o in call.outputs)

    def norm_into(self, call, value):
        if all(self.values[o].grad is None for o in call.outputs):
            return None, False  # nothing came back to this call
        if (call.id, value.id) in self.partial:
            return self.partial[call.id, value.id], False
        users = sum(any(self.values[o].grad is not None for o in c.outputs) for c in self.graph.consumers(value.id))
        return _text.norm(value.grad), users > 1


def row_name_width(row: Row) -> float:
    """The width of the left part of a card's row."""
    return _text.text_width(row.name, SMALL, bold=True) + _text.text_width("  " + row.shape, SMALL) + 16


def row_grad_width() -> float:
    """The width of the gradient part of a card's row."""
    return _text.text_width("∂ 0.00e−0", SMALL) + 10


def _length(nodes, edges):
    """How wide the longest path is when it runs from left to right."""
    width = {n.id: n.width for n in nodes}
    far = {n.id: n.width for n in nodes}
    for e in edges:  # in the order in which things were computed
        if not e.beside:
            far[e.target] = max(far[e.target], far[e.source] + e.label_width + 40 + width[e.target])
    return max(far.values(), default=0.0)


def _source(thing):
    return _text.shorten(thing.place.text, 200) if thing.place else ""


def _width(line):
    return sum(_text.text_width(s.text, NAME if s.role == "name" else SMALL, bold=s.role == "name") for s in line)


def _with_scope(node, scope, beside=None):
    if node.scope == scope and beside is None:
        return node
    fields = {f: getattr(node, f) for f in Node.__dataclass_fields__}
    return Node(**{**fields, "scope": scope, "beside": beside or node.beside})


def _alike(graph):
    """Values that are no nodes of their own: made by or given to a group, and more than a few that go exactly the same way."""
    ways, out = {}, set()
    for call in graph.calls:
        for id in call.outputs:
            users = graph.consumers(id)
            if is_group(call) or any(map(is_group, users)):
                ways.setdefault((call.id, *dict.fromkeys(c.id for c in users)), []).append(id)
    for ids in ways.values():
        if len(ids) > MOST_ALIKE:
            out.update(ids)
    return out - set(graph.roots[-1:])


def _partial_norms(graph):
    """What each call sent to each of its inputs, where that was seen: a tensor used twice gets two such gradients and their sum."""
    out = {}
    for step in graph.steps:
        inputs = graph.call(step.call).inputs if step.call is not None else ()
        if inputs and len(step.grads_out) == len(inputs) == len(set(inputs)):
            out.update({(step.call, id): _text.norm(grad) for id, grad in zip(inputs, step.grads_out)})
    return {key: norm for key, norm in out.items() if norm is not None}
