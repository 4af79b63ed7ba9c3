"""What there is to say of an operator and of one call of it: its name, its derivatives, its parameters, where its gradients go.

`drain.py` and `walk.py` ask when a record is made, never while operators run.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap

from .._engine.op import Op
from .._engine.tensor import Tensor
from .records import MAX_NAME, bounded


def name_of(op, node=None, in_place=False):
    """The name of an operator; in place it ends with an underscore, as in torch. What is private to us bears the name of its node."""
    name = op if isinstance(op, str) else op.name
    if name.startswith("_") and not name.startswith("__"):
        plain = re.sub(r"Backward\d*$", "", type(node).__name__) if node is not None else ""
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower() or name.lstrip("_")
    return bounded(name + "_" if in_place and not name.endswith("_") else name, MAX_NAME)


def node_name(node):
    """What torch calls a node: "MulBackward0"."""
    return bounded(type(node).__name__, MAX_NAME)


def edges_of_inputs(op, args, node):
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


def arguments_of(op, args):
    """The parameters that tensors are given for, in order; one that takes a list begins with a star."""
    if not isinstance(op, Op):
        return ()
    return tuple(("*" if type(a) in (list, tuple) else "") + name for name, a in zip(op.params, args) if isinstance(a, (Tensor, list, tuple)))


def saved_by(op, plan):
    """What a node with this plan keeps for backward: parameters by name, results by number. None where it keeps nothing."""
    names = getattr(plan, "saved_names", ())
    if not isinstance(op, Op) or not names:
        return None
    return tuple(0 if n == "result" else op.outputs.index(n) if n in (op.outputs or ()) else n for n in names)


def why_cut(op, out, grad_mode):
    if op in ("detach", "data"):
        return op
    if not grad_mode:
        return "no_grad"
    return {"b": "bool", "i": "integer", "u": "integer"}.get(out._array.dtype.kind, "not differentiable")


def params_of(op, args):
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
