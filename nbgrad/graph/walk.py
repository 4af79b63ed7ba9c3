"""From a tensor to a record without having watched: walk its backward graph.

What a walk can know is what the graph keeps: nodes, saved tensors, leaves, places. Values that nothing saved are shown by shape alone.
"""

from __future__ import annotations

import weakref

from .._engine.node import AccumulateGrad, Port, gradient_edge, history_of, node_of, number_of
from .._engine.tensor import Tensor
from .operators import formulas_of, name_of, node_name
from .records import Call, Graph, Value
from .source import Sources, names_of
from .summary import summarize


def walk(*roots: Tensor, namespace=None, cell: str | None = None):
    """Make the record of everything that `roots` were computed from, as far as gradients would flow.

    Returns the `Graph` and the tensors that are still there, as `{value id: weak reference}`.

    `namespace` gives names to the tensors that are still there. Raises `TypeError` for what is no tensor.
    """
    for root in roots:
        if not isinstance(root, Tensor):
            raise TypeError(f"a graph is drawn from tensors, not from {type(root).__name__}")
    found = _Walk(roots, namespace or {}, cell)
    return found.graph(), found.tensors


class _Walk:
    def __init__(self, roots, namespace, cell):
        self.roots, self.namespace, self.places = roots, namespace, Sources(cell)
        self.values, self.ids, self.tensors = [], {}, {}

    def graph(self):
        nodes = self._nodes()
        known = self._known_tensors(nodes)
        names = names_of({id(t): t for t in known.values()}, self.namespace)
        calls = []
        taken = {}
        for edge in (*known, *(edge for node in nodes for edge in node.edges)):
            if type(edge) is Port:
                taken.setdefault(edge.node, set()).add(edge)
        for node in nodes:
            inputs = tuple(self._value(edge, known, names) for edge in node.edges if edge is not None)
            if node.arity == 1:
                outputs = (self._value(node, known, names),)
            else:  # those that somebody took
                outputs = tuple(self._value(port, known, names) for port in sorted(taken.get(node, ()), key=number_of))
            op = node.plan.op
            calls.append(
                Call(f"c{len(calls)}", name_of(op, node), inputs, outputs, node_name(node), (), formulas_of(op), None, self.places.place(node.place))
            )
        roots = tuple(self._value(gradient_edge(r), known, names) if r._requires_grad else self._constant(r) for r in self.roots)
        return Graph(tuple(self.values), tuple(calls), (), (), tuple(dict.fromkeys(roots)))

    def _nodes(self):
        """All nodes behind the roots, oldest first."""
        seen, found = set(), []
        stack = [node_of(history_of(r)) for r in self.roots if r._edge is not None]
        while stack:
            node = stack.pop()
            if node in seen or type(node) is AccumulateGrad:
                continue
            seen.add(node)
            found.append(node)
            stack += [node_of(edge) for edge in node.edges if edge is not None]
        return sorted(found, key=lambda n: n.sequence)

    def _known_tensors(self, nodes):
        """The tensors of edges that are still there: roots, leaves, and what variables hold."""
        known = {gradient_edge(r): r for r in self.roots if r._requires_grad}
        for node in nodes:
            for edge in node.edges:
                if type(edge) is AccumulateGrad:
                    known[edge] = edge.variable
        for thing in self.namespace.values():
            if isinstance(thing, Tensor) and thing._edge is not None:
                known.setdefault(thing._edge, thing)
        return known

    def _value(self, edge, known, names):
        if edge in self.ids:
            return self.ids[edge]
        value_id = self.ids[edge] = f"t{len(self.values)}"
        tensor = known.get(edge)
        node, number = node_of(edge), number_of(edge)
        if tensor is None:
            shape, kind = (node.shape, node.dtype) if node.arity == 1 else (node.shape[number], node.dtype[number])
            self.values.append(Value(value_id, tuple(shape), kind.name, self.places.assigned_to(node.place), True, False, place=self.places.place(node.place)))
        else:
            self.values.append(self._described(value_id, tensor, names, node.place))
        return value_id

    def _constant(self, tensor):
        """A root that no gradient reaches: it stands alone."""
        value_id = f"t{len(self.values)}"
        self.values.append(self._described(value_id, tensor, names_of({id(tensor): tensor}, self.namespace), None))
        return value_id

    def _described(self, value_id, tensor, names, place):
        self.tensors[value_id] = weakref.ref(tensor)
        leaf = tensor._edge is None
        grad = tensor._grad
        return Value(
            value_id, tuple(tensor._array.shape), tensor._array.dtype.name, names.get(id(tensor)) or (place and self.places.assigned_to(place)),
            tensor._requires_grad, leaf, leaf and tensor._requires_grad, summarize(tensor._array),
            None if grad is None else summarize(grad._array), grad is not None, self.places.place(place), None, tensor._version,
        )  # fmt: skip
