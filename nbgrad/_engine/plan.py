"""Call plans: for one operator and one combination of inputs, what to save and how to run its derivative.

A plan is made once, from the formulas of the operator's entry, and cached. What a formula names is what is saved; what no needed formula
names is not kept. Its `record` and `backward` are compiled from a few lines of generated text, because the loop over names would cost more than
the arithmetic on small tensors.

Gradients of complex numbers follow the convention of conjugate Wirtinger derivatives: what flows is dL/da + i dL/db for a number a + ib. A formula is
written as for real numbers; of an operator that is analytic it then gives the transposed Jacobian where the conjugate transposed one is wanted, so
the plan for complex results conjugates what comes in and what goes out. An entry that is not analytic says so, and its formula is used as it stands.
"""

from __future__ import annotations

import numpy as np

from . import errors
from .batched import NotBatchable
from .node import AccumulateGrad, Port, check_versions, gradient_edge, next_sequence, raise_freed, storage_of, versions_of

REQUIRED = object()  # the default of an argument that has none
# what an argument is: the key of a plan is a tuple of these, or of types, for what is no tensor
OTHER, TENSOR, NEEDED, TENSORS, NEEDED_TENSORS, DEFAULT = range(6)
TENSOR_KINDS = frozenset((TENSOR, NEEDED, TENSORS, NEEDED_TENSORS))


def named_by(formula) -> tuple[str, ...]:
    """The parameter names of a formula."""
    code = formula.__code__
    return code.co_varnames[: code.co_argcount]


class Plan:
    """How one operator, called with one combination of kinds of arguments, is remembered and run backwards."""

    def __init__(self, op, kinds, conjugated=False):
        self.op = op
        self.kinds = kinds
        self.conjugated = conjugated
        kind_of = dict(zip(op.params, kinds))
        self.formulas = []  # (names of inputs it is for, formula, names it asks for), those that are needed
        for inputs, formula in op.vjp.items():
            inputs = (inputs,) if isinstance(inputs, str) else inputs
            if any(kind_of[name] in (NEEDED, NEEDED_TENSORS) for name in inputs):
                self.formulas.append((inputs, formula, named_by(formula)))
        self.kind_of = kind_of
        asked = dict.fromkeys(name for _, _, names in self.formulas for name in names)
        self.followed = [n for n in op.differentiable if isinstance(op.node, str) or self._has_edge(n)]
        self.saved_names = [n for n in asked if kind_of.get(n) in (TENSOR, NEEDED) or n in op.result_names]
        self.param_names = [n for n in asked if n not in self.saved_names and n != "grad" and n not in op.grad_names]
        self.constants = {n: d for n, d in zip(op.params, op.defaults) if n in asked and kind_of[n] == DEFAULT}
        self.param_names = [n for n in self.param_names if n not in self.constants]
        self.gives_up = callable(op.frees) or any(n in op.frees for n in self.param_names)  # torch saves these as tensors: a second pass raises too
        self._compile()

    def _has_edge(self, name):
        """Whether a node whose name tells numbers from tensors has an edge for an argument: not for numbers, which only a node for both has."""
        optional = [n for n, default in zip(self.op.params, self.op.defaults) if default is None]
        shown = optional if name in optional else [name]  # of two bounds the one that is left out has an edge if the other is a tensor
        return any(self.kind_of[n] in TENSOR_KINDS for n in shown if n in self.op.differentiable)

    def _compile(self):
        """Write and compile `record(result, code_, offset_, *args)` and `backward(node, grad)`."""
        op, kind_of = self.op, self.kind_of
        namespace = {
            "gradient_edge": gradient_edge, "versions_of": versions_of, "check_versions": check_versions, "raise_freed": raise_freed,
            "copy_of": copy_of, "shape_of": shape_of, "new": object.__new__, "next_sequence": next_sequence, "plan": self,
            "conjugate": conjugate, "class_of_node": op.class_of_node, "Port": Port, "name_of_node": op.node, "outputs_of": outputs_of, "gradients_of": gradients_of,
        }  # fmt: skip
        args = ", ".join(op.params)
        edges = []
        for name in self.followed:
            kind = kind_of[name]
            if kind == NEEDED:
                edges.append(f"{name}._edge or gradient_edge({name})")
            elif kind == NEEDED_TENSORS:
                edges.append(f"*[gradient_edge(t) if t._requires_grad else None for t in {name}]")
            elif kind == TENSORS:
                edges.append(f"*[None for t in {name}]")
            else:
                edges.append("None")
        namespace["defaults"] = op.defaults
        signature = [n if d is REQUIRED else f"{n}=defaults[{i}]" for i, (n, d) in enumerate(zip(op.params, op.defaults))]
        lines = [f"def record(result, code_, offset_, {', '.join(signature)}):"]
        if isinstance(op.node, str):
            namespace["node_class"] = op.class_of_node(op.node)
            lines.append("    node = new(node_class)")
        else:
            lines.append(f"    node = new(class_of_node(name_of_node({args})))")
        lines += ["    node.plan = plan", f"    node.edges = ({', '.join(edges)},)", "    node.code = code_", "    node.offset = offset_"]
        results = [n for n in self.saved_names if n in op.result_names]
        for n in results:
            index = op.outputs.index(n) if op.outputs and n != "result" else None
            lines.append(f"    copy_of_{n} = copy_of({'result' if index is None else f'result[{index}]'})")
        locals_ = [f"copy_of_{n}" if n in results else n for n in self.saved_names]
        if locals_:
            some_cell = " or ".join(f"{n}._cell is not None" for n in locals_)
            lines.append(f"    node.saved = saved = ({', '.join(locals_)},)")
            lines.append(f"    if {some_cell}: node.versions = versions_of(saved)")
        else:
            lines.append(f"    node.saved = {f'(None,) if frees({args}) else ()' if callable(op.frees) else (None,) if self.gives_up else ()}")
            namespace["frees"] = op.frees
        if self.param_names:
            values = [n if n in kind_of else f"shape_of({n.removesuffix('_shape')})" for n in self.param_names]
            lines.append(f"    node.params = ({', '.join(values)},)")
        if op.many:
            lines.append("    outputs_of(node, result)")
        elif op.outputs:
            lines += ["    node.shape = [t._array.shape for t in result]", "    node.dtype = [t._array.dtype for t in result]"]
            lines += ["    for i, t in enumerate(result):", "        if t._array.dtype.kind in 'fc':"]
            lines += ["            t._edge = Port(node, i)", "            t._requires_grad = True"]
        else:
            lines += ["    array = result._array", "    node.shape = array.shape", "    node.dtype = array.dtype"]
            lines += ["    result._edge = node", "    result._requires_grad = True"]
        lines += ["    node.hooks = None", "    node.sequence = next_sequence()", "    return node"]

        lines.append("def backward(node, grad):")
        if op.ufunc is None and not op.outputs and not op.many:  # arithmetic on 0-dim arrays gives scalars, which kernels do not take
            lines += ["    if type(grad) is not ndarray:", "        try: grad = asarray(grad)", "        except NotBatchable: pass"]
        namespace |= {"ndarray": np.ndarray, "asarray": np.asarray, "as_operand": as_operand, "NotBatchable": NotBatchable}
        if self.conjugated:
            lines.append("    grad = conjugate(grad)")
        if op.many:
            lines.append("    grads = gradients_of(node, grad, np_zeros)")
            namespace["np_zeros"] = np.zeros
        if op.outputs:
            for i, n in enumerate(op.outputs):
                if f"grad_{n}" in {x for _, _, names in self.formulas for x in names}:
                    lines.append(f"    grad_{n} = None if grad[{i}] is None else as_operand(grad[{i}])")
        if locals_:
            lines += ["    saved = node.saved", "    if saved is None: raise_freed(node)"]
            lines.append(f"    {', '.join(self.saved_names)}, = saved")
            some_cell = " or ".join(f"{n}._cell is not None" for n in self.saved_names)
            lines.append(f"    if {some_cell}: check_versions(node)")
            lines += [f"    {n} = {n}._array" for n in self.saved_names]
            if op.ufunc is not None:  # scalars are quicker than 0-dim arrays
                lines += [f"    if not {n}.ndim: {n} = {n}[()]" for n in self.saved_names]
        elif self.gives_up:
            lines.append("    if node.saved is None: raise_freed(node)")
        if self.param_names:
            lines.append(f"    {', '.join(self.param_names)}, = node.params")
        namespace["constants"] = self.constants
        lines += [f"    {n} = constants[{n!r}]" for n in self.constants]
        returned = {}
        for i, (inputs, formula, names) in enumerate(self.formulas):
            namespace[f"formula_{i}"] = formula
            call = f"formula_{i}({', '.join(names)})"
            if len(inputs) > 1:
                lines.append(f"    joint_{i} = {call}")
            for j, name in enumerate(inputs):
                if kind_of[name] in (NEEDED, NEEDED_TENSORS):
                    one = call if len(inputs) == 1 else f"joint_{i}[{j}]"
                    returned[name] = one if kind_of[name] == NEEDED else f"*{one}"
        parts = []
        for name in self.followed:
            if name in returned:
                parts.append(returned[name])
            elif kind_of[name] == TENSORS:
                raise AssertionError(f"{op.name}: a list of tensors without gradients beside a tensor with one needs its own plan")
            else:
                parts.append("None")
        returned = f"({', '.join(parts)},)"
        lines.append(f"    return tuple(map(conjugate, {returned}))" if self.conjugated else f"    return {returned}")
        exec(compile("\n".join(lines), f"<plan of {op.name}>", "exec"), namespace)
        self.record, self.backward = namespace["record"], namespace["backward"]

    def backward_on_tensors(self, node, grad):
        """Run the same formulas on tensors, so that what comes out can be differentiated again."""
        return self.run_formulas(self.values_on_tensors(node, grad))

    def values_on_tensors(self, node, grad):
        """What the formulas ask for, by name, as tensors with their history."""
        if node.saved is None:
            raise_freed(node)
        if node.saved:
            check_versions(node)
        if self.conjugated:
            grad = conjugate(grad)
        values = {"grads": gradients_of(node, grad, _zeros_tensor)} if self.op.many else {"grad": grad}
        for i, name in enumerate(self.op.outputs or ()):
            values[f"grad_{name}"] = grad[i]
        for name, tensor in zip(self.saved_names, node.saved):
            values[name] = self._with_history(node, name, tensor)
        values.update(self.constants)
        if self.param_names:
            values.update(zip(self.param_names, node.params))
        return values

    def run_formulas(self, values):
        """The gradients for all edges, from what the formulas ask for."""
        grads = {}
        for inputs, formula, names in self.formulas:
            out = formula(*[values[n] for n in names])
            for j, name in enumerate(inputs):
                grads[name] = out if len(inputs) == 1 else out[j]
        flat = []
        for name in self.followed:
            if self.kind_of[name] == NEEDED_TENSORS:
                flat.extend(grads[name])
            else:
                flat.append(grads.get(name) if self.kind_of[name] == NEEDED else None)
        return [*map(conjugate, flat)] if self.conjugated else flat

    def _with_history(self, node, name, tensor):
        """A saved tensor with the edge it had when the operator ran (it may have been changed since), or the leaf itself."""
        if name in self.op.result_names:
            edge = Port(node, self.op.outputs.index(name)) if self.op.outputs and name != "result" else node
        elif self.kind_of[name] == NEEDED and name in self.op.differentiable:
            edge = node.edges[self.followed.index(name)]
        else:
            return tensor
        if type(edge) is AccumulateGrad:
            return edge.variable
        if tensor._edge is edge:
            return tensor
        out = object.__new__(BASE_TENSOR[0])
        out._array, out._edge, out._requires_grad, out._cell = tensor._array, edge, True, tensor._cell
        if tensor._tangents is not None:
            out._tangents = tensor._tangents
        return out

    def needs(self, node, name):
        """Whether a gradient that leads somewhere is made from this saved tensor: the edge of a view that only counts as wanting one leads nowhere."""
        if any(self.kind_of[n] in (TENSORS, NEEDED_TENSORS) for n in self.followed):
            return True
        wanted = {n for n, edge in zip(self.followed, node.edges) if edge is not None}
        return any(name in names and not wanted.isdisjoint(inputs) for inputs, _, names in self.formulas)

    def saved_value(self, node, name):
        """What `grad_fn._saved_<name>` shows: None for what this call had no need to save. Raises `RuntimeError` once freed or changed."""
        if name in self.saved_names and self.needs(node, name):
            if node.saved is None:
                raise errors.freed(node.name(), node.place)
            check_versions(node, name)
            return self._with_history(node, name, node.saved[self.saved_names.index(name)])
        if name in self.param_names:
            return node.params[self.param_names.index(name)]
        if name in self.constants:
            return self.constants[name]
        return None  # a formula asks for it that no input of this call needed


def conjugate(grad):
    """The complex conjugate of a gradient, array or tensor; of a list of them each; None stays."""
    if grad is None or isinstance(grad, (bool, int, float)):
        return grad
    if isinstance(grad, list):
        return [*map(conjugate, grad)]
    return as_operand(grad.conj())


def outputs_of(node, result):
    """Make `result`, any number of tensors, the outputs of a node."""
    node.arity = len(result)
    shapes, kinds = [t._array.shape for t in result], [t._array.dtype for t in result]
    node.shape, node.dtype = (shapes, kinds) if len(result) != 1 else (shapes[0], kinds[0])
    for i, t in enumerate(result):
        t._edge = Port(node, i) if node.arity > 1 else node
        t._requires_grad = True


def gradients_of(node, grad, zeros):
    """The gradients of all outputs of a node with any number of them: what came, and zeros where nothing did."""
    found = [grad] if node.arity == 1 else grad
    shapes, kinds = ([node.shape], [node.dtype]) if node.arity == 1 else (node.shape, node.dtype)
    return [zeros(shape, kind) if g is None else as_operand(g) for g, shape, kind in zip(found, shapes, kinds)]


def as_operand(grad):
    """A gradient as kernels take it: sums of 0-dim arrays are scalars."""
    return np.asarray(grad) if isinstance(grad, np.generic) else grad


def _zeros_tensor(shape, kind):
    out = object.__new__(BASE_TENSOR[0])
    out._array, out._edge, out._requires_grad, out._cell = np.zeros(shape, kind), None, False, None
    return out


BASE_TENSOR = [None]  # the Tensor class, put here by op.py: plans are made before any tensor exists


def copy_of(result):
    """A node's own copy of its result: the same memory and version, without the edge back to the node, which would close a cycle."""
    out = object.__new__(BASE_TENSOR[0])
    out._array, out._edge, out._requires_grad, out._cell = result._array, None, False, storage_of(result)
    return out


def shape_of(x):
    """The shape of a tensor argument; of a list of tensors, the list of theirs; () of a number."""
    if isinstance(x, (list, tuple)):
        return tuple(shape_of(t) for t in x)
    return x._array.shape if isinstance(x, BASE_TENSOR[0]) else ()
