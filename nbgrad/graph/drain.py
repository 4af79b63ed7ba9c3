"""From events to columns: reads what the recorder's tape holds and writes it into the ledger.

A `Reading` notes everything aside and writes at its end; the recorder then drops the events and the ledger's old mark at one stroke. Interrupted anywhere
before, the same events are read again from the same mark.
"""

from __future__ import annotations

import weakref

import numpy as np

from .._engine.backward import fit
from .._engine.node import LAST, STALE, node_of, number_of
from .._engine.op import Op
from .._engine.tensor import Tensor
from . import table
from .ledger import Ledger, Mark
from .operators import arguments_of, edges_of_inputs, formulas_of, name_of, node_name, params_of, saved_by, why_cut
from .program import RENEWS, Writer
from .records import MAX_LINE, MAX_NAME, bounded
from .table import CALL, CUT, CUTS, DATA, GRAD, OUTPUTS, VERSION

MAX_CALLS = 300_000  # recorded; what comes after is counted in a note
MAX_STEPS = 600_000
SMALL = 1 << 16  # bytes of an array that is summarized as it was; a larger one is looked at in the end, if it is still there
MAX_PARAMS = 4_096  # of one signature, that are remembered

MARK, OP, FAILED, ENTER, EXIT, OVERWRITE, SEEN, START, NODE, LEAF, CALLERS, READ, ASKED, ENDED, GAVE = range(15)  # kinds of events
_CUT_NUMBERS = {why: i for i, why in enumerate(CUTS)}
_PLAIN = frozenset((int, bool, str, type(None)))  # types whose equal values read alike


class _Signature:
    """What calls have in common whose operator, node and types of arguments are the same."""

    __slots__ = ("edges", "lists", "name", "params", "plain", "plain_exactly", "saves", "tensors", "what")

    def __init__(self, ledger, op, node, in_place, args):
        self.name = name_of(op, node, in_place)
        self.what = ledger.whats.of((self.name, None if node is None else node_name(node), formulas_of(op), arguments_of(op, args)))
        self.tensors = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.lists = any(type(a) in (list, tuple) for a in args)
        others = [i for i, a in enumerate(args) if not isinstance(a, Tensor)] if isinstance(op, Op) else []
        types = {type(args[i]) for i in others}
        self.plain = others if types <= _PLAIN | {float} else None  # positions of the arguments that tell the parameters; None: ask each time
        self.plain_exactly = types <= _PLAIN
        self.params = {}  # of the plain arguments -> number; under None the number where no argument tells any
        if not others:
            self.params[None] = ledger.params.of(params_of(op, args))
        self.edges = {}  # plan of the node -> number
        self.saves = {}  # plan of the node -> number


class Reading:
    """One look at the events that have come since `mark`."""

    def __init__(self, ledger: Ledger, mark: Mark, born: dict):
        self.ledger, self.born = ledger, born
        self.first = ledger.fixed.length  # the number of the first new value
        self.first_call = self.call = ledger.called.length  # the number of the next call
        self.first_step, self.skipped_steps, self.unheard = ledger.stepped.length, mark.skipped_steps, mark.unheard
        self.serials = list(mark.serials)  # of the running calls of functions that stand among the open scopes, None for other scopes
        self.open, self.backwards, self.order, self.skipped = list(mark.open), mark.backwards, mark.order, mark.skipped
        self.known = {}  # id(tensor) -> value, of tensors met in this reading, which the tape keeps alive
        self.forgotten = set()  # ids of those that count as unknown until they are met again
        self.tensors = []  # of the new values
        self.fixed, self.state = [], []  # rows, one number after the other, as everything here
        self.called, self.inputs, self.outputs = [], [], []
        self.taken, self.made = ledger.inputs.length, ledger.outputs.length
        self.scoped, self.roots, self.nodes = [], [], []
        self.last_error = ledger.errors.get(self.first_call - 1)
        self.stepped, self.grads, self.sequences = [], [], []
        self.ready_made = []  # sequence numbers of nodes whose tensors were met before their operators
        self.flowed = ledger.grads.length
        self.node_names = {}  # type of a node -> number of its name
        self.arrays, self.slots = [], {}  # to be summarized, and where among them by id
        self.unread = {}  # value -> its array
        self.read = {}  # value -> what its elements were before a change; None where nobody kept them
        self.versions = {}  # value -> version, of values that are changed later
        self.writer = Writer(ledger.program, self)

    def run(self, events) -> Mark:
        """Read all these events and write what they tell; returns the mark to put in their place."""
        handlers = self._HANDLERS
        for event in events:
            handlers[event[0]](self, event)
        return self._write()

    # ---- values

    def _new(self, tensor, place, cut):
        ledger, array, cell = self.ledger, tensor._array, tensor._cell
        version = 0 if cell is None or tensor.is_inference() else cell.version
        number = self.first + len(self.tensors)
        self.tensors.append(tensor)
        self.fixed += (ledger.forms.of((array.shape, array.dtype)), place)
        self.state += (version, -1, -1, tensor._requires_grad | (tensor._edge is None) << 1 | cut << CUT)
        if array.nbytes <= SMALL:
            self.unread[number] = array
        self.known[id(tensor)] = number
        return number

    def _found(self, tensor):
        """The newest value of a tensor; None where it was never met."""
        number = self.known.get(id(tensor))
        if number is None and id(tensor) not in self.forgotten:
            number = self.ledger.value_of(tensor)
        return number

    def _value(self, tensor):
        """The newest value of a tensor, a new one where it was never met."""
        number = self.known.get(id(tensor))
        if number is None:
            number = self._found(tensor)
            if number is None:
                reference, place = self.born.get(id(tensor), (None, None))
                number = self._new(tensor, self.ledger.place(*place) if reference is not None and reference() is tensor else -1, 0)
                self.ledger.note_gradient(number, tensor)
                self.writer.source(number, tensor)
                self._note_node(tensor)
                return number
            self.known[id(tensor)] = number
        return number

    def _note_node(self, tensor):
        """Note the node of a tensor that was met ready-made though its operator ran since the recording began: in another thread, say."""
        edge = tensor._edge
        if edge is not None and edge is not STALE and not self.skipped and self.ledger.first_node < node_of(edge).sequence < LAST:
            self.ready_made.append(node_of(edge).sequence)

    def _requires_grad(self, value):
        flags = self.state[4 * (value - self.first) + 3] if value >= self.first else int(self.ledger.state.rows[value, 3])
        return flags & table.REQUIRES_GRAD

    # ---- operators

    def _op(self, event):
        call = self.call
        if call >= MAX_CALLS:
            self.skipped += 1
            return
        _, op, args, result, node, place, in_place, grad_mode = event
        ledger, known = self.ledger, self.known
        signature = self._signature(op, args, node, in_place)
        place = ledger.place(*(place or (None, None))) if node is None or place is not None else ledger.place(node.code, node.offset)
        edges = -1 if node is None else self._edges(signature, op, args, node)
        results = (result,) if isinstance(result, Tensor) else [t for t in result if isinstance(t, Tensor)]
        if in_place or signature.lists:
            before = self._value(result) if in_place else None
            inputs = self._inputs(args, before)
            base = result._base if in_place and not op.view else None
            if base is not None:  # a change through a view: the base comes out changed too, and gradients go back to what it was
                inputs.append(self._value(base))
                results = (base, *results)
                if edges >= 0 and (through := ledger.edges.things[edges]):
                    edges = ledger.edges.of((None, *through[1:], through[0]))
        else:
            inputs = []
            for i in signature.tensors:
                value = known.get(id(args[i]))
                inputs.append(self._value(args[i]) if value is None else value)
        renewed = self._found(result) if op is RENEWS else None
        loses = node is None and any(map(self._requires_grad, inputs))
        is_view = False
        for t in results:
            cut = 0
            if loses and not (in_place and t._requires_grad):
                cut = _CUT_NUMBERS["inference_mode" if t.is_inference() else why_cut(signature.name, t, grad_mode)]
            self.outputs.append(self._new(t, place, cut))
            is_view = t._base is not None
        if node is not None:
            self.nodes += (node.sequence, call)
        self.inputs += inputs
        self._call(signature.what, self._params(signature, op, args), edges, place, grad_mode | in_place << 1 | is_view << 2 | self._saves(signature, op, node) << table.SAVES, len(inputs), len(results))
        self.writer.op(op, args, inputs, result, in_place, place, signature.lists, renewed)
        self.last_error = None

    def _saves(self, signature, op, node):
        """The number of what the node keeps for backward, 0 for nothing."""
        plan = getattr(node, "plan", None)
        found = signature.saves.get(plan)
        if found is None:
            found = signature.saves[plan] = self.ledger.saves.of(saved_by(op, plan)) + 1
        return found

    def _call(self, what, params, edges, place, how, taken, made):
        self.call += 1
        self.taken += taken
        self.made += made
        self.called += (what, params, edges, self.open[-1] if self.open else -1, place, how, self.taken, self.made)

    def _signature(self, op, args, node, in_place):
        if not isinstance(op, (Op, str)):  # a call of a custom Function: no two are the same
            return _Signature(self.ledger, op, node, in_place, args)
        key = (op, type(node), in_place, *map(type, args))
        found = self.ledger.signatures.get(key)
        if found is None:
            found = self.ledger.signatures[key] = _Signature(self.ledger, op, node, in_place, args)
        return found

    def _inputs(self, args, before):
        """The tensors among the arguments, also inside lists; `before` stands for the first where it is overwritten."""
        found = []
        for i, a in enumerate(args):
            if isinstance(a, Tensor):
                found.append(before if i == 0 and before is not None else self._value(a))
            elif type(a) in (list, tuple):
                found += [self._value(t) for t in a if isinstance(t, Tensor)]
        return found

    def _params(self, signature, op, args):
        plain = signature.plain
        if plain is None:
            return self.ledger.params.of(params_of(op, args))
        key = tuple([args[i] for i in plain]) or None
        if not signature.plain_exactly:
            key = repr(key)  # 0.0 equals -0.0, but does not read like it
        number = signature.params.get(key)
        if number is None:
            if len(signature.params) >= MAX_PARAMS:
                signature.params.clear()
            number = signature.params[key] = self.ledger.params.of(params_of(op, args))
        return number

    def _edges(self, signature, op, args, node):
        if signature.lists:
            return self.ledger.edges.of(edges_of_inputs(op, args, node))
        number = signature.edges.get(node.plan)
        if number is None:
            number = signature.edges[node.plan] = self.ledger.edges.of(edges_of_inputs(op, args, node))
        return number

    def _failed(self, event):
        _, op, args, error, place = event
        error = bounded(error, MAX_LINE)
        if error == self.last_error:
            return  # the operator inside a composite has told already
        if self.call >= MAX_CALLS:
            self.skipped += 1
            return
        ledger, inputs = self.ledger, self._inputs(args, None)
        self.inputs += inputs
        self.last_error = ledger.errors[self.call] = error
        what, params = ledger.whats.of((name_of(op), None, (), ())), ledger.params.of(params_of(op, args))
        self._call(what, params, -1, ledger.place(*(place or (None, None))), table.GRAD_MODE, len(inputs), 0)
        self.writer.failed(op, args, error)

    def _enter(self, event):
        _, kind, name, place, thing = event
        self._open(kind, name, place, None, thing)

    def _open(self, kind, name, place, serial, thing=None):
        self.serials.append(serial)
        if self.call >= MAX_CALLS:
            self.open.append(-1)  # nothing will stand in it
            return
        ledger = self.ledger
        number = ledger.scoped.length + len(self.scoped) // table.SCOPE_COLUMNS
        around, name = self.open[-1] if self.open else -1, ledger.texts.of(bounded(name, MAX_NAME))
        self.scoped += (ledger.texts.of(kind), name, around, ledger.place(*(place or (None, None))), ledger.thing(thing))
        self.open.append(number)

    def _exit(self, event):
        while self.serials and self.serials[-1] is not None:  # functions that have returned meanwhile
            self._close()
        if self.open:
            self._close()

    def _close(self):
        self.open.pop()
        self.serials.pop()

    def _callers(self, event):
        """Other functions of the user's run now than before."""
        callers = event[1]
        running = {c.serial for c in callers}
        while self.serials and self.serials[-1] is not None and self.serials[-1] not in running:
            self._close()
        known = set(self.serials)
        for caller in callers:
            if caller.serial not in known:
                self._open("function", caller.name, caller.place, caller.serial)

    # ---- changes in place

    def _overwrite(self, event):
        _, tensor, copy, version, op = event
        value = self._found(tensor) if op is None else self._value(tensor)
        if op is None:
            self.writer.adds_to(tensor, copy, value)
        if value is None:
            return  # a gradient that no operator has taken
        self._was(value, copy, version)
        if op is None:  # backward adds to it: whoever takes it next takes another value
            self.known.pop(id(tensor), None)
            self.forgotten.add(id(tensor))

    def _seen(self, event):
        """The elements of a view, which are about to change with those of its base."""
        _, tensor, copy, version = event
        value = self._found(tensor)
        if value in self.unread:
            self._was(value, copy, version)

    def _was(self, value, copy, version):
        self.unread.pop(value, None)
        self.read[value] = copy
        self.versions[value] = version

    # ---- backward

    def _start(self, event):
        self.backwards += 1
        self.order = 0
        self.roots += map(self._value, event[1])

    def _node(self, event):
        _, node, grads_in, grads_out = event
        grads, slots = self.grads, self.slots
        self.writer.node(node)
        for g in grads_in if type(grads_in) is list else (grads_in,):
            grads.append(-1 if g is None else slots[id(g)] if id(g) in slots else self._slot(g))
        came = self.flowed + len(grads)
        for g, edge in zip(grads_out, node.edges):
            if g is not None and edge is not None:
                g = _arriving(g, edge)
            grads.append(-1 if g is None else slots[id(g)] if id(g) in slots else self._slot(g))
        name = self.node_names.get(type(node))
        if name is None:
            name = self.node_names[type(node)] = self.ledger.texts.of(node_name(node))
        self._step(name, -1, node.sequence, came)

    def _leaf(self, event):
        _, leaf, grad, held, now, total = event
        value = self._value(leaf)  # it stays with a value that an update in place will have replaced
        self.ledger.filled[id(total)] = weakref.ref(total), value
        self.grads.append(self._slot(grad))
        came = self.flowed + len(self.grads)
        self.grads += (-1 if held is None else self._slot(held), self._slot(grad if held is None else now))
        self._step(self.ledger.texts.of("AccumulateGrad"), value, -1, came)
        self.writer.leaf(value, leaf, total, held is not None)

    def _step(self, node, value, sequence, came):
        self.stepped += (self.backwards if self.backwards > 0 else 0, self.order, node, value, -1, came, self.flowed + len(self.grads))
        self.sequences.append(sequence)
        self.order += 1

    def _slot(self, g):
        """Where the summary of this array or tensor will be among those of this reading; one that passes through several nodes is read once."""
        if isinstance(g, Tensor):
            g = g._array
        slot = self.slots.get(id(g))
        if slot is None:
            slot = self.slots[id(g)] = len(self.arrays)
            self.arrays.append(g)
        return slot

    # ---- what only the program keeps

    def _read(self, event):
        _, tensor, how, place = event
        self.writer.read(tensor, how, self.ledger.place(*place))

    def _asked(self, event):
        self.writer.asked(event[1])

    def _ended(self, event):
        self.writer.ended()

    def _gave(self, event):
        self.writer.gave(event[1])

    _HANDLERS = (
        None, _op, _failed, _enter, _exit, _overwrite, _seen, _start, _node, _leaf, _callers, _read, _asked, _ended, _gave,
    )  # by kind of event  # fmt: skip

    # ---- writing

    def _write(self):
        ledger = self.ledger
        self.read.update(self.unread)
        data = [-1 if array is None else self._slot(array) for array in self.read.values()]
        base = ledger.summaries.read(self.arrays)
        ledger.fixed.add(self.fixed)
        ledger.state.add(self.state)
        state = ledger.state.rows
        state[list(self.read), DATA] = _based(data, base)
        state[list(self.versions), VERSION] = list(self.versions.values())
        ledger.called.add(self.called)
        ledger.inputs.add(self.inputs)
        ledger.outputs.add(self.outputs)
        ledger.scoped.add(self.scoped)
        ledger.roots.add(self.roots)
        ledger.nodes.add(self.nodes)
        self._write_steps(base)
        self.unheard += int((ledger.calls_of_nodes(self.ready_made) < 0).sum())
        self.writer.write()
        return ledger.mark(
            open=tuple(self.open), serials=tuple(self.serials), backwards=self.backwards, order=self.order, skipped=self.skipped, skipped_steps=self.skipped_steps, unheard=self.unheard,
            first=self.first, references=[*map(weakref.ref, self.tensors)], forgotten=self.forgotten,
        )  # fmt: skip

    def _write_steps(self, base):
        ledger = self.ledger
        if not self.stepped:
            return
        steps = np.array(self.stepped, np.int32).reshape(-1, 7)
        grads = _based(self.grads, base)
        calls = ledger.calls_of_nodes(self.sequences)
        steps[:, CALL] = calls
        self._note_gradients(steps, grads)
        kept = max(0, min(len(steps), MAX_STEPS - self.first_step))
        self.skipped_steps += len(steps) - kept
        if kept:
            ledger.stepped.add(steps[:kept])
            ledger.grads.add(grads[: steps[kept - 1, table.SENT] - self.flowed])

    def _note_gradients(self, steps, grads):
        """Let the values that the steps are about know the gradient that came; where there are several, the last."""
        ledger = self.ledger
        state, outputs = ledger.state.rows, ledger.outputs.rows[:, 0]
        ends = np.concatenate(([0], ledger.called.rows[:, OUTPUTS]))
        calls, value = steps[:, CALL], steps[:, table.VALUE]
        begins = np.concatenate(([self.flowed], steps[:-1, table.SENT])) - self.flowed
        came = steps[:, table.CAME] - self.flowed - begins
        made = np.where(calls >= 0, ends[calls + 1] - ends[calls], value >= 0)
        for k in range(int(np.minimum(came, made).max())):
            some = np.flatnonzero((came > k) & (made > k))
            some = some[grads[begins[some] + k] >= 0]
            target = value[some].copy()
            by_node = target < 0
            target[by_node] = outputs[ends[calls[some[by_node]]] + k]
            state[target, GRAD] = grads[begins[some] + k]


def _arriving(g, edge):
    """What a node sent, as it arrives where an edge leads: summed to the shape of what it is the gradient of."""
    array = g._array if isinstance(g, Tensor) else g
    there = node_of(edge)
    shape = there.shape if there.arity == 1 else there.shape[number_of(edge)]
    return g if array.shape == shape or not isinstance(array, (np.ndarray, np.generic)) else fit(array, shape)


def _based(slots, base):
    """The numbers of summaries, of which the first of this reading is number `base`."""
    slots = np.array(slots, np.int32)
    slots[slots >= 0] += base
    return slots
