"""From the live world to a record: an observer that writes down what happens, and makes a `Graph` of it when asked.

While operators run it only appends to a list; looking things up, summarizing and naming come later (`_drain`), so that recording stays cheap. It keeps
small arrays alive until then and large ones only by weak reference, so that a long cell does not fill the memory.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
import weakref

import numpy as np

from .._engine.modes import state
from .._engine.observe import Observer
from .._engine.op import Op
from .._engine.tensor import Tensor, views_of
from .records import Call, Graph, Scope, Step, Summary, Value
from .source import Sources, names_of, ours
from .summary import summarize

MAX_CALLS = 100_000  # recorded; what comes after is counted in a note
MAX_STEPS = 200_000
MAX_TAPE = 20_000  # events written down before they are looked at, so that their tensors can go
MAX_VIEWS = 256  # of one tensor, whose elements are kept as they were before a change
SMALL = 1 << 16  # bytes of an array that is kept alive for its summary
FEW_ELEMENTS = 1 << 10  # arrays of no more are not worth counting
KEPT_BYTES = 1 << 26  # of other arrays on the tape, before they are summarized
FULL_STATISTICS = 1 << 22  # elements; above, an unnamed value is only searched for NaN when it is still there

_OP, _FAILED, _ENTER, _EXIT, _OVERWRITE, _SEEN, _START, _NODE, _LEAF = range(9)


class _Draft:
    """A value in the making."""

    __slots__ = ("array", "data", "fields", "grad", "id", "reference")

    def __init__(self, id, tensor, fields):
        self.id = id
        self.reference = weakref.ref(tensor)
        self.array = None  # alive until summarized, if small
        self.data = None
        self.grad = None  # seen flowing
        self.fields = fields


class Recorder(Observer):
    """Hears the engine's events and keeps what a `Graph` needs."""

    def __init__(self):
        self._new_tape()
        self._drafts = []
        self._unread = []  # those whose small array waits to be summarized
        self._known = {}  # id(tensor) -> newest draft of that tensor
        self._born = {}  # id(tensor) -> (weak reference, place), of leaves made meanwhile
        self._calls, self._steps, self._scopes = [], [], []
        self._call_of_node = weakref.WeakKeyDictionary()
        self._open = []  # ids of the scopes now open
        self._roots = []
        self._backwards = -1
        self._skipped = 0

    def _new_tape(self):
        self._tape = []
        self._append = self._tape.append
        self._bytes = 0

    # ---- events: append and return

    def op(self, op, args, result, node, place, in_place=False):
        self._append((_OP, op, args, result, node, place, in_place, node is not None or state.mode.grad))
        if isinstance(result, Tensor):
            if result._array.size > FEW_ELEMENTS:
                self._bytes += result._array.nbytes
        else:
            self._bytes += sum(t._array.nbytes for t in result)
        if self._bytes > KEPT_BYTES or len(self._tape) > MAX_TAPE:
            self._drain()

    def made(self, tensor, place):
        if len(self._born) >= MAX_CALLS:
            self._born = {k: v for k, v in self._born.items() if v[0]() is not None}
        self._born[id(tensor)] = (weakref.ref(tensor), place)

    def op_failed(self, op, args, error, place):
        self._append((_FAILED, op, args, f"{type(error).__name__}: {error}", place))

    def enter(self, kind, name, place):
        self._append((_ENTER, kind, name, place))

    def exit(self):
        self._append((_EXIT,))

    def before_in_place(self, op, tensor):
        base = tensor if tensor._base is None else tensor._base
        for changed in (tensor,) if op is None or base is tensor else (tensor, base):
            array = changed._array
            version = 0 if tensor._cell is None or tensor.is_inference() else tensor._cell.version
            self._append((_OVERWRITE, changed, array.copy() if array.nbytes <= SMALL else None, version, op))
        for view in views_of(base, MAX_VIEWS):
            if view is not tensor and view._array.nbytes <= SMALL:
                self._append((_SEEN, view, view._array.copy(), base._cell.version))

    def backward_start(self, roots):
        self._append((_START, tuple(roots)))

    def node_done(self, node, grads_in, grads_out):
        self._append((_NODE, node, grads_in, grads_out))
        for g in grads_out:
            if g is not None:
                self._bytes += g.nbytes
        if self._bytes > KEPT_BYTES or len(self._tape) > MAX_TAPE:
            self._drain()

    def accumulated(self, leaf, grad):
        self._append((_LEAF, leaf, grad))

    # ---- from events to drafts

    def _drain(self):
        tape = self._tape
        self._new_tape()
        self._summaries = {}  # by id of the array: a gradient that passes through several nodes is read once; the tape keeps it alive
        for event in tape:
            self._HANDLERS[event[0]](self, *event[1:])
        for draft in self._unread:
            if draft.array is not None:
                draft.data = summarize(draft.array)
                draft.array = None
        self._unread.clear()

    def _draft(self, tensor, **fields):
        draft = _Draft(f"t{len(self._drafts)}", tensor, fields)
        array = tensor._array
        fields["shape"], fields["dtype"] = tuple(array.shape), array.dtype.name
        fields["version"] = 0 if tensor._cell is None or tensor.is_inference() else tensor._cell.version
        fields.setdefault("requires_grad", tensor._requires_grad)
        fields.setdefault("is_leaf", tensor._edge is None)
        if array.nbytes <= SMALL:
            draft.array = array
            self._unread.append(draft)
        self._drafts.append(draft)
        self._known[id(tensor)] = draft
        return draft

    def _value_of(self, tensor):
        draft = self._known.get(id(tensor))
        if draft is not None and draft.reference() is tensor:
            return draft
        reference, place = self._born.get(id(tensor), (None, None))
        return self._draft(tensor, made_at=place) if reference is not None and reference() is tensor else self._draft(tensor)

    def _inputs(self, args, before):
        """Value ids of the tensors among the arguments, also inside lists; `before` stands for the first where it is overwritten."""
        found = []
        for i, a in enumerate(args):
            if isinstance(a, Tensor):
                found.append(before.id if i == 0 and before is not None else self._value_of(a).id)
            elif type(a) in (list, tuple):
                found += [self._value_of(t).id for t in a if isinstance(t, Tensor)]
        return tuple(found)

    def _on_op(self, op, args, result, node, place, in_place, grad_mode):
        if len(self._calls) >= MAX_CALLS:
            self._skipped += 1
            return
        place = node.place if place is None else place
        name = name_of(op, node, in_place)
        before = self._value_of(result) if in_place else None
        inputs = self._inputs(args, before)
        results = result if isinstance(result, (tuple, list)) else (result,)
        results = [t for t in results if isinstance(t, Tensor)]
        edges = None if node is None else _edges_of_inputs(op, args, node)
        base = result._base if in_place and not op.view else None
        if base is not None:  # a change through a view: the base comes out changed too, and gradients go back to what it was
            inputs = (*inputs, self._value_of(base).id)
            results.insert(0, base)
            edges = edges and (None, *edges[1:], edges[0])
        outputs = []
        for t in results:
            fields = {"made_at": place}
            if node is None and any(self._drafts[int(i[1:])].fields["requires_grad"] for i in inputs) and not (in_place and t._requires_grad):
                fields["cut"] = "inference_mode" if t.is_inference() else _why_cut(name, t, grad_mode)
            outputs.append(self._draft(t, **fields).id)
        call = {
            "id": f"c{len(self._calls)}", "op": name, "inputs": inputs, "outputs": tuple(outputs), "node": node and type(node).__name__,
            "params": _params(op, args), "formulas": formulas_of(op), "scope": self._open[-1] if self._open else None, "place": place, "grad_mode": grad_mode,
            "in_place": in_place, "is_view": bool(results) and results[-1]._base is not None,
        }  # fmt: skip
        if node is not None:
            self._call_of_node[node] = (call["id"], tuple(outputs), edges)
        self._calls.append(call)

    def _on_failed(self, op, args, error, place):
        if self._calls and self._calls[-1].get("error") == error:
            return  # the operator inside a composite has told already
        self._calls.append(
            {"id": f"c{len(self._calls)}", "op": name_of(op), "inputs": self._inputs(args, None), "outputs": (), "place": place, "error": error,
             "params": _params(op, args), "scope": self._open[-1] if self._open else None}
        )  # fmt: skip

    def _on_enter(self, kind, name, place):
        scope = {"id": f"s{len(self._scopes)}", "kind": kind, "name": name, "parent": self._open[-1] if self._open else None, "place": place}
        self._scopes.append(scope)
        self._open.append(scope["id"])

    def _on_exit(self):
        if self._open:
            self._open.pop()

    def _on_overwrite(self, tensor, copy, version, op):
        draft = self._known.get(id(tensor)) if op is None else self._value_of(tensor)
        if draft is None or draft.reference() is not tensor:
            return  # a gradient that no operator has taken
        draft.array = None
        draft.data = None if copy is None else summarize(copy)
        draft.fields["version"] = version
        if op is None:  # backward adds to it: whoever takes it next takes another value
            del self._known[id(tensor)]

    def _on_seen(self, tensor, copy, version):
        """The elements of a view, which are about to change with those of its base."""
        draft = self._known.get(id(tensor))
        if draft is not None and draft.reference() is tensor and draft.array is not None:
            draft.array, draft.data = None, summarize(copy)
            draft.fields["version"] = version

    def _on_start(self, roots):
        self._backwards += 1
        self._order = 0
        self._roots += [self._value_of(t).id for t in roots]

    def _on_node(self, node, grads_in, grads_out):
        call, outputs, edges = self._call_of_node.get(node, (None, (), range(len(grads_out))))
        several = type(grads_in) is list
        incoming = tuple(map(self._summary, grads_in if several else (grads_in,)))
        for id, g in zip(outputs, incoming):
            if g is not None:
                self._drafts[int(id[1:])].grad = g
        sent = [*map(self._summary, grads_out)]
        outgoing = tuple(None if i is None else sent[i] for i in edges)
        self._step(type(node).__name__, call, None, incoming, outgoing)

    def _on_leaf(self, leaf, grad):
        draft = self._value_of(leaf)
        draft.grad = self._summary(grad)  # stays with a value that an update in place will have replaced
        self._step("AccumulateGrad", None, draft.id, (draft.grad,), ())

    def _summary(self, g):
        if g is None:
            return None
        found = self._summaries.get(id(g))
        if found is None:
            found = self._summaries[id(g)] = summarize(g._array if isinstance(g, Tensor) else g)
        return found

    def _step(self, node, call, value, grads_in, grads_out):
        if len(self._steps) < MAX_STEPS:
            self._steps.append(Step(max(self._backwards, 0), self._order, node, call, value, grads_in, grads_out))
        self._order += 1

    _HANDLERS = (_on_op, _on_failed, _on_enter, _on_exit, _on_overwrite, _on_seen, _on_start, _on_node, _on_leaf)

    # ---- from drafts to the record

    def graph(self, namespace=None, source="", cell=None) -> Graph:
        """The record of everything heard so far.

        `namespace` gives names to tensors (variables and paths from them), `source` is the text of the recorded cell and `cell` the file name it
        was compiled under.
        """
        self._drain()
        places = Sources(cell)
        alive = {id(t): t for t in (d.reference() for d in self._drafts) if t is not None}
        names = names_of(alive, namespace) if namespace else {}
        call_of_output = {i: c for c in self._calls for i in c["outputs"]}
        values = []
        for draft in self._drafts:
            values.append(self._finish(draft, names, places, call_of_output.get(draft.id)))
        calls = tuple(Call(**{**c, "place": places.place(c["place"])}) for c in self._calls)
        scopes = tuple(Scope(**{**s, "place": places.place(s["place"])}) for s in self._scopes)
        notes = (f"{self._skipped:,} more operators ran after the first {MAX_CALLS:,} and are not shown",) if self._skipped else ()
        roots = tuple(dict.fromkeys(self._roots)) or _last_made(values, self._calls)
        return Graph(tuple(values), calls, tuple(self._steps), scopes, roots, source, notes)

    def _finish(self, draft, names, places, call):
        fields = dict(draft.fields)
        made_at = fields.pop("made_at", None)
        tensor = draft.reference()
        newest = tensor is not None and self._known.get(id(tensor)) is draft
        name = names.get(id(tensor)) if tensor is not None else None  # also of what it held before a change in place
        if name is None and (call is None or self._is_outermost(call) and call["outputs"][0] == draft.id):
            name = places.assigned_to(made_at)
        data, grad, kept = draft.data, draft.grad, False
        if newest:
            if data is None:
                data = _summary_of_large(tensor._array, name is not None)
            fields["requires_grad"], fields["is_leaf"] = tensor._requires_grad, tensor._edge is None
            if tensor._grad is not None:
                grad, kept = summarize(tensor._grad._array), True
            elif tensor._edge is None:
                grad = None  # what flowed here has been cleared since
        parameter = fields["is_leaf"] and fields["requires_grad"] and not (call is not None and ours(made_at))
        return Value(id=draft.id, name=name, is_parameter=parameter, data=data, grad=grad, grad_kept=kept, place=places.place(made_at), **fields)

    def _is_outermost(self, call):
        """Whether this call's result is what its composite gave back, so that the name it is assigned to is its name."""
        following = int(call["id"][1:]) + 1
        if following >= len(self._calls):
            return True
        after = self._calls[following]
        if call["place"] == after["place"] and call["op"] != after["op"] and call["outputs"][0] in after["inputs"]:
            return False  # one expression, two operators: `1 / x` is a reciprocal and a product
        return call["scope"] is None or after["scope"] != call["scope"]

    def heard(self) -> bool:
        """Whether any operator ran."""
        self._drain()
        return bool(self._calls)

    def tensors(self):
        """The tensors still alive, by value id: `{id: weak reference}`; a tensor changed in place counts for its newest value."""
        return {d.id: d.reference for d in self._drafts if (t := d.reference()) is not None and self._known.get(id(t)) is d}

    def nodes(self):
        """The nodes still alive: `{node: (call id, output value ids, ...)}`, weakly keyed."""
        return self._call_of_node


def name_of(op, node=None, in_place=False):
    """The name of an operator; in place it ends with an underscore, as in torch. What is private to us bears the name of its node."""
    name = op if isinstance(op, str) else op.name
    if name.startswith("_") and not name.startswith("__"):
        plain = re.sub(r"Backward\d*$", "", type(node).__name__) if node is not None else ""
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower() or name.lstrip("_")
    return name + "_" if in_place and not name.endswith("_") else name


def _edges_of_inputs(op, args, node):
    """For each tensor among the arguments, the position of its gradient among those that the node sends, or None."""
    found, position = [], 0
    followed = getattr(node.plan, "followed", op.differentiable)
    for name, a in zip(op.params, args):
        several = type(a) in (list, tuple)
        tensors = [isinstance(t, Tensor) for t in a] if several else [isinstance(a, Tensor)]
        differentiable = name in op.differentiable
        if any(tensors):
            found += [position + i if differentiable else None for i, is_tensor in enumerate(tensors) if is_tensor]
        if name in followed:
            position += len(tensors) if several and any(tensors) else 1
    return tuple(found)


def _summary_of_large(array, named):
    if named or array.size <= FULL_STATISTICS or array.dtype.kind not in "fc":
        return summarize(array)
    finite = np.isfinite(array)
    if finite.all():
        return Summary(size=array.size)
    nan = int(np.count_nonzero(np.isnan(array)))
    return Summary(size=array.size, nan=nan, inf=array.size - int(np.count_nonzero(finite)) - nan)


def _why_cut(op, out, grad_mode):
    if op in ("detach", "data"):
        return op
    if not grad_mode:
        return "no_grad"
    return {"b": "bool", "i": "integer", "u": "integer"}.get(out._array.dtype.kind, "not differentiable")


def _last_made(values, calls):
    """Without a backward call the ends of the graph are its roots: results that require a gradient and that no operator took."""
    taken = {i for c in calls for i in c["inputs"]}
    made = [i for c in calls for i in c["outputs"]]
    by_id = {v.id: v for v in values}
    ends = [i for i in made if i not in taken and by_id[i].requires_grad]
    return tuple(ends[-1:]) or tuple([i for i in made if i not in taken][-1:])


def _params(op, args):
    """The arguments that are neither tensors nor defaults, as (name, text)."""
    if not isinstance(op, Op):
        return ()
    found = []
    for name, value, default in zip(op.params, args, op.defaults):
        if isinstance(value, Tensor) or type(value) in (list, tuple) and any(isinstance(t, Tensor) for t in value):
            continue
        if value is None or value is default or type(value) is type(default) and value == default:
            continue
        text = repr(value)
        if text.startswith("<"):  # what only we know how to read
            continue
        found.append((name, text if len(text) <= 60 else text[:57] + "..."))
    return tuple(found)


@functools.cache
def formulas_of(op) -> tuple[tuple[str, str], ...]:
    """The derivatives of an operator as written in its entry: (argument, expression)."""
    if not isinstance(op, Op) or not op.vjp:
        return ()
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(op.kernel)))
    except (OSError, SyntaxError, TypeError):
        return ()
    written = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "vjp" and isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values):
                body = value.body if isinstance(value, ast.Lambda) else value
                names = [k.value for k in key.elts] if isinstance(key, ast.Tuple) else [key.value]
                written.update(dict.fromkeys(names, ast.unparse(body)))
    return tuple(written.items())

