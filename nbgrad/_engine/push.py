"""How one operator moves tangents from its arguments to its results: by the rule its entry declares, or by one derived from its derivative.

A derivative formula is linear in `grad`, so the transpose of the formula, which a backward pass through it gives, is the derivative forward. That is
right for every operator whose derivative can itself be differentiated, without a word in its entry; what an entry declares is quicker.
"""

from __future__ import annotations

import numpy as np

from . import errors, observe
from .backward import fit_tensor, grad
from .batched import batched_like
from .dtypes import of_array
from .inplace import run_in_place
from .modes import state
from .op import ELEMENTWISE, LINEAR, MULTILINEAR, REDUCTION, run
from .plan import conjugate, named_by, shape_of
from .tensor import Tensor, wrap


def push(op, args, tangents, result) -> list:
    """The tangents of an operator's results, None where a result has none.

    `args` are the arguments in the order of the parameters, `tangents` theirs: a tensor, a list of tensors and None for a list, or None.
    """
    results = result if isinstance(result, tuple) else (result,)
    if not op.vjp or all(t is None for t, p in zip(tangents, op.params) if p in op.differentiable):
        return [None] * len(results)
    rule = LINEAR if op.view else op.jvp or (ELEMENTWISE if op.ufunc is not None else None)
    if rule in (ELEMENTWISE, REDUCTION) and any(map(_is_complex, (*args, *results))) and not (op.analytic and all(map(_is_complex, results))):
        rule = None  # then the formula is not that of the derivative forward
    if rule is LINEAR:
        found = _linear(op, args, tangents)
    elif rule is MULTILINEAR:
        found = _multilinear(op, args, tangents)
    elif rule is ELEMENTWISE:
        found = _elementwise(op, args, tangents, results)
    elif rule is REDUCTION:
        found = _reduced(op, args, tangents, results)
    elif rule is not None:
        found = _explicit(op, args, tangents, results)
    else:
        found = _derived(op, args, tangents, results)
    given = [(a, t) for arg, entry in zip(args, tangents) for a, t in (zip(arg, entry) if isinstance(entry, list) else ((arg, entry),)) if t is not None]
    typed = all(a._array.dtype == t._array.dtype for a, t in given)  # a tangent of another type than its value is kept so
    found = found if isinstance(found, (tuple, list)) else (found,)
    return [_fitted(op, t, r, [t for _, t in given], typed) for t, r in zip(found, results)]


def _fitted(op, tangent, result, given, typed):
    """A tangent with the shape and type of its result, and, unless it is a view of a view's tangent, with memory of its own."""
    array = result._array
    if array.dtype.kind not in "fc":
        return None
    if tangent is None:
        return wrap(np.zeros_like(array))
    if typed and tangent._array.dtype != array.dtype:
        tangent = tangent.to(of_array(array.dtype))
    if op.view:
        return tangent
    if tangent._array.shape != array.shape:
        tangent = tangent.expand(array.shape)
    if not lie_alike(tangent._array, array):
        return laid_as(tangent, array)
    return tangent.clone() if tangent._base is not None or any(tangent is t for t in given) else tangent


def lie_alike(a, b):
    """Whether a tangent lies in memory as its value does, and is a batch if that is one."""
    if not batches_of(a).issuperset(batches_of(b)):
        return False
    return a.strides == b.strides or a.flags.c_contiguous and b.flags.c_contiguous


def laid_as(tangent, array):
    """The same tangent, as a copy whose elements lie in memory as those of `array`: views of the one can be views of the other."""
    return wrap(room_for(array, tangent._array)).copy_(tangent)


def room_for(array, tangent, *others):
    """Zeros that lie as an array does, of the type of a tangent, into which it and others can be written; a batch if one of these is."""
    room = np.zeros_like(array, tangent.dtype)
    if all(type(t) is np.ndarray for t in (tangent, *others)):
        return room
    order = sorted(range(room.ndim), key=lambda d: -room.strides[d])  # so that what is copied row by row lies as the array does
    room = batched_like(room.transpose(order), tangent, *others).copy()
    return room.transpose(sorted(range(room.ndim), key=order.__getitem__))


def batches_of(array):
    """The levels of `vmap` for which an array holds one value per example."""
    return frozenset(getattr(array.shape, "levels", ()))


def _is_complex(x):
    return isinstance(x, Tensor) and x._array.dtype.kind == "c"


def _zeros(a):
    """Zero in the place of an argument."""
    if isinstance(a, Tensor):
        return wrap(np.zeros_like(a._array))
    if type(a) in (list, tuple):
        return type(a)(map(_zeros, a))
    return a if a is None else 0


def _filled(a, tangent):
    """A tangent with zeros where there is none."""
    if tangent is None:
        return _zeros(a)
    if isinstance(tangent, list):
        return type(a)(_zeros(x) if t is None else t for x, t in zip(a, tangent))
    return tangent


def _linear(op, args, tangents):
    moved = [_filled(a, t) if p in op.differentiable else a for p, a, t in zip(op.params, args, tangents)]
    if op.mutates:
        room = wrap(room_for(moved[0]._array, *(t._array for t in moved if isinstance(t, Tensor)))).copy_(moved[0])
        return run_in_place(op, (room, *moved[1:]), state.mode.place)
    return run(op, tuple(moved), state.mode.place)


def _multilinear(op, args, tangents):
    total = None
    for i, (p, t) in enumerate(zip(op.params, tangents)):
        if t is None or p not in op.differentiable:
            continue
        for moved in _one_at_a_time(args[i], t):
            term = run(op, (*args[:i], moved, *args[i + 1 :]), state.mode.place)
            total = term if total is None else total + term
    return total


def _one_at_a_time(a, tangent):
    """The argument with its tangent in its place; for a list, with the tangent of one after the other."""
    if not isinstance(tangent, list):
        return [tangent]
    return [type(a)(t if j == k else x for j, x in enumerate(a)) for k, t in enumerate(tangent) if t is not None]


def _values(op, args, results):
    """What formulas may ask for, by name."""
    values = dict(zip(op.params, args))
    values |= {f"{p}_shape": shape_of(a) for p, a in zip(op.params, args)}
    values |= {n: r for n, r in zip(op.outputs or (), results)}
    values["result"] = results[0]
    return values


def _elementwise(op, args, tangents, results):
    values, total = _values(op, args, results), None
    for name, formula in op.vjp.items():
        t = tangents[op.params.index(name)]
        if t is not None:
            term = formula(*[t if n == "grad" else values[n] for n in named_by(formula)])
            total = term if total is None else total + term
    return total


def _reduced(op, args, tangents, results):
    """The formula with ones for `grad` gives the derivative of each result by each element of its group."""
    values = _values(op, args, results)
    values["grad"] = wrap(np.ones_like(results[0]._array))
    formula = op.vjp["self"]
    moved = formula(*[values[n] for n in named_by(formula)]) * tangents[0]
    dim = values.get("dim")
    dims = tuple(range(moved._array.ndim)) if dim is None or dim == () else dim
    return moved.sum(dims, bool(values.get("keepdim")))


def _explicit(op, args, tangents, results):
    values = _values(op, args, results)
    values |= {f"{p}_p": a for p, a in zip(op.params, args)}
    values |= {f"{p}_t": _filled(a, t) for p, a, t in zip(op.params, args, tangents)}
    return op.jvp(*[values[n] for n in named_by(op.jvp)])


def _derived(op, args, tangents, results):
    """The transpose of the derivative backward: the gradient, by a stand-in for `grad`, of what the formulas give, with the tangents as cotangents.

    For complex results of analytic operators the formulas lack a conjugation on both sides (plan.py), and so does this.
    """
    mode = state.mode
    conjugated = op.analytic and any(map(_is_complex, results))
    further = mode.grad and _require_grad((args, tangents))
    before = mode.grad
    mode.grad = True
    try:
        with observe.observing(None):  # how it is done is nobody's business
            stand_ins = [_stand_in(r) for r in results]
            values = _values(op, args, results) | {"grad": stand_ins[0], "grads": stand_ins}
            values |= {f"grad_{n}": s for n, s in zip(op.outputs or (), stand_ins)}
            gradients, cotangents = [], []
            for a, g, t in _by_argument(op, args, tangents, values):
                if g is None or t is None:
                    continue
                if g._requires_grad:
                    gradients.append(fit_tensor(g, a._array.shape, a._array.dtype))
                    t = t if t._array.dtype == a._array.dtype else t.to(a.dtype)
                    cotangents.append(conjugate(t) if conjugated else t)
                elif g._array.any():
                    raise errors.unsupported(f"forward mode through {op.name}", "use reverse mode")
            if not gradients:
                return [None] * len(results)
            wanted = [s for s in stand_ins if s is not None]
            found = grad(gradients, wanted, cotangents, create_graph=further, allow_unused=True)
            found = map(conjugate, found) if conjugated else iter(found)
            return [None if s is None else next(found) for s in stand_ins]
    finally:
        mode.grad = before


def _by_argument(op, args, tangents, values):
    """For each tensor among the differentiable arguments that may have a tangent: itself, the gradient that its formula gives, its tangent."""
    for inputs, formula in op.vjp.items():
        inputs = (inputs,) if isinstance(inputs, str) else inputs
        if all(tangents[op.params.index(n)] is None for n in inputs):
            continue
        out = formula(*[values[n] for n in named_by(formula)])
        for name, g in zip(inputs, (out,) if len(inputs) == 1 else out):
            i = op.params.index(name)
            if isinstance(tangents[i], list):
                yield from zip(args[i], g, tangents[i])
            else:
                yield args[i], g, tangents[i]


def _stand_in(result):
    array = result._array
    if array.dtype.kind not in "fc":
        return None
    out = wrap(np.ones(array.shape, array.dtype))
    out._requires_grad = True
    return out


def _require_grad(things):
    return any(_require_grad(t) if isinstance(t, (list, tuple)) else isinstance(t, Tensor) and t._requires_grad for t in things)
