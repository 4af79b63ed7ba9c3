"""PyTorch's `torch.autograd.functional`: Jacobians, Hessians and their products with vectors, of functions of tensors.

The functions take and return single tensors or tuples of them. `nbgrad.func` does the same by transforming functions, and nests; what is here
keeps to the conventions of the older interface. With `create_graph` results can be differentiated further; with `strict` independence of an input
is an error, where else it gives zeros.
"""

from __future__ import annotations

import numpy as np

from .._engine.backward import grad as _grad
from .._engine.forward import DualLevel as _DualLevel
from .._engine.forward import dual as _dual
from .._engine.modes import enable_grad as _enable_grad
from .._engine.modes import is_grad_enabled as _is_grad_enabled
from .._engine.modes import set_grad_enabled as _set_grad_enabled
from .._engine.tensor import Tensor
from .._engine.tensor import wrap as _wrap
from .._rows import basis_of as _basis_of
from .._rows import rows_of as _rows_of

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_OUTPUTS = "outputs of the user-provided function"


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """Return `(func(*inputs), v J)`: the product of `v`, of the outputs' shapes, with the Jacobian, of the inputs' shapes."""
    with _enable_grad():
        several, inputs = _checked(inputs, "inputs", "vjp")
        inputs = _prepared(inputs, create_graph)
        several_outputs, outputs = _checked(func(*inputs), _OUTPUTS, "vjp")
        _require(outputs, _no_gradients, strict)
        if v is not None:
            v = _vector(v, "vjp", outputs, several_outputs, create_graph)
        elif len(outputs) != 1 or outputs[0]._array.size != 1:
            raise RuntimeError("The vector v can only be None if the user-provided function returns a single Tensor with a single element.")
    with _set_grad_enabled(create_graph or _is_grad_enabled()):
        found = _zeros_for(_gradients(outputs, inputs, v, create_graph), inputs, _BACK, strict, create_graph)
    return _handed_out(outputs, several_outputs, create_graph), _handed_out(found, several, create_graph)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """Return `(func(*inputs), J v)`: the product of the Jacobian with `v`, of the inputs' shapes, of the outputs' shapes.

    Computed as the derivative of the product from the left; `func.jvp` pushes forward, which is quicker.
    """
    with _enable_grad():
        several, inputs = _checked(inputs, "inputs", "jvp")
        inputs = _prepared(inputs, create_graph)
        v = _vector_for_inputs(v, "jvp", inputs, several, create_graph)
        several_outputs, outputs = _checked(func(*inputs), _OUTPUTS, "jvp")
        _require(outputs, _no_gradients, strict)
        stand_ins = _zeros_with_gradients(outputs)
        pulled = _gradients(outputs, inputs, stand_ins, True)
        _require(pulled, _constant_gradient, strict)
    with _set_grad_enabled(create_graph or _is_grad_enabled()):
        found = _zeros_for(_gradients(pulled, stand_ins, v, create_graph), outputs, _BACK_TWICE, strict, create_graph)
    return _handed_out(outputs, several_outputs, create_graph), _handed_out(found, several_outputs, create_graph)


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """Return `(func(*inputs), v H)` for a function that gives one number: the product of `v`, of the inputs' shapes, with the Hessian."""
    with _enable_grad():
        several, inputs = _checked(inputs, "inputs", "vhp")
        inputs = _prepared(inputs, create_graph)
        v = _vector_for_inputs(v, "vhp", inputs, several, create_graph)
        outputs, jacobian = _first_derivative(func, inputs, "vhp", strict)
    with _set_grad_enabled(create_graph or _is_grad_enabled()):
        found = _zeros_for(_gradients(jacobian, inputs, v, create_graph), inputs, _DOUBLE, strict, create_graph)
    return _handed_out(outputs, False, create_graph), _handed_out(found, several, create_graph)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """Return `(func(*inputs), H v)` for a function that gives one number: the product of the Hessian with `v`, of the inputs' shapes.

    For a function with continuous second derivatives it is what `vhp` gives, which is quicker.
    """
    with _enable_grad():
        several, inputs = _checked(inputs, "inputs", "hvp")
        inputs = _prepared(inputs, create_graph)
        v = _vector_for_inputs(v, "hvp", inputs, several, create_graph)
        outputs, jacobian = _first_derivative(func, inputs, "hvp", strict)
        stand_ins = _zeros_with_gradients(inputs)
        pulled = _gradients(jacobian, inputs, stand_ins, True)
    with _set_grad_enabled(create_graph or _is_grad_enabled()):
        found = _zeros_for(_gradients(pulled, stand_ins, v, create_graph), inputs, _DOUBLE_TWICE, strict, create_graph)
    return _handed_out(outputs, False, create_graph), _handed_out(found, several, create_graph)


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The Jacobian of a function: for an output of shape (m...) and an input of shape (n...), of shape (m..., n...).

    With several outputs a tuple over them, with several inputs of tuples over those. `strategy="forward-mode"` goes column by column, takes
    `vectorize=True`, and gives lists for most tuples; results do not depend on `vectorize`.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than inputs, '
            '"forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        return _by_columns(func, inputs, create_graph, strict, vectorize)
    with _enable_grad():
        several, inputs = _checked(inputs, "inputs", "jacobian")
        inputs = _prepared(inputs, create_graph)
        several_outputs, outputs = _checked(func(*inputs), _OUTPUTS, "jacobian")
        _require(outputs, _no_gradients, strict)
        if vectorize and strict:
            raise RuntimeError(_together("jacobian", "strict=True", "vectorized=True", "strict=False", "vectorize=False"))
        rows = []
        for i, out in enumerate(outputs):

            def row(cotangent, i=i, out=out):
                found = _gradients((out,), inputs, (cotangent,), create_graph, retain=True)
                if strict:
                    _check_row(found, i, create_graph)
                return tuple(map(_or_zeros, found, inputs))

            rows.append(_rows_of(row, _basis_of(out), out._array.shape))
    if not create_graph:
        rows = [tuple(part.detach() for part in one) for one in rows]
    rows = tuple(one if several else one[0] for one in rows)
    return rows if several_outputs else rows[0]


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """The second derivatives of a function that gives one number: for inputs of shapes (n...) and (m...), of shape (n..., m...).

    With several inputs a tuple of tuples. `outer_jacobian_strategy="forward-mode"` goes forward over reverse, and takes `vectorize=True`.
    """
    several, inputs = _checked(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def one_number(*args):
        several_outputs, outputs = _checked(func(*args), _OUTPUTS, "hessian")
        _require(outputs, _no_gradients, strict)
        _check_one_number("hessian", several_outputs, outputs)
        return outputs[0].squeeze()

    def first(*args):
        if outer_jacobian_strategy == "forward-mode":
            args = tuple(a.requires_grad_() for a in args)
        found = jacobian(one_number, args, create_graph=True)
        _require(found, _constant_jacobian, strict)
        return found

    found = jacobian(first, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if several else found[0][0]


def _by_columns(func, inputs, create_graph, strict, vectorize):
    """The Jacobian by forward mode."""
    if create_graph:
        raise NotImplementedError(
            _together("jacobian", "create_graph=True", 'strategy="forward-mode"', "create_graph=False", 'strategy="reverse-mode"', yet=True)
        )
    if strict:
        raise RuntimeError(_together("jacobian", "strict=True", 'strategy="forward-mode"', "strict=False", 'strategy="reverse-mode"', yet=True))
    several, inputs = _checked(inputs, "inputs", "jacobian")
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for `vectorize=True`."
        )
    level = _DualLevel()
    shape_of_result = []

    def push(k, tangent):
        level.open()
        try:
            duals = [_dual(level, x, tangent) if i == k else x for i, x in enumerate(inputs)]
            several_outputs, outputs = _checked(func(*duals), _OUTPUTS, "jacobian")
            shape_of_result[:] = [several_outputs]
            return tuple(_or_zeros(level.tangent_of(o), o) for o in outputs)
        finally:
            level.close()

    columns = [_rows_of(lambda tangent, k=k: push(k, tangent), _basis_of(x), x._array.shape, forward=True) for k, x in enumerate(inputs)]
    rows = []
    for parts in zip(*columns):  # of one output, by input; the input's dimensions come first
        turned = [_turned(part, x._array.ndim) for part, x in zip(parts, inputs)]
        rows.append(turned if several else turned[0])
    if not shape_of_result[0]:
        return rows[0]
    return rows if several else tuple(rows)


def _turned(part, lead):
    """A tensor with its first `lead` dimensions put last."""
    return part.permute((*range(lead, part._array.ndim), *range(lead)))


# ---- what goes in and out


def _checked(things, what, who):
    """Whether a tuple was given, and the tuple. Raises `TypeError` for anything but tensors."""
    several = isinstance(things, tuple)
    things = things if several else (things,)
    for i, x in enumerate(things):
        if not isinstance(x, Tensor):
            which = f"value at index {i}" if several else f"given {what}"
            raise TypeError(f"The {what} given to {who} must be either a Tensor or a tuple of Tensors but the {which} has type {type(x)}.")
    return several, things


def _prepared(tensors, create_graph, wanted=True):
    """New tensors of the same elements, so that the same tensors captured by the function are not taken for its inputs."""
    return tuple(x.view_as(x) if create_graph and x._requires_grad else x.detach().requires_grad_(wanted) for x in tensors)


def _handed_out(tensors, several, create_graph):
    if not create_graph:
        tensors = tuple(x.detach() for x in tensors)
    return tuple(tensors) if several else tensors[0]


def _vector(v, who, like, several, create_graph):
    """The given `v`, checked to have the shapes of `like`."""
    _, v = _checked(v, "v", who)
    v = _prepared(v, create_graph, wanted=False)
    if len(v) != len(like):
        if several:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(v, like)):
        if a._array.shape != b._array.shape:
            raise RuntimeError(f"{f'Entry {i} in ' if several else ''}v has invalid size: should be {b.size()} but got {a.size()}.")
    return v


def _vector_for_inputs(v, who, inputs, several, create_graph):
    if v is not None:
        return _vector(v, who, inputs, several, create_graph)
    if len(inputs) != 1 or inputs[0]._array.size != 1:
        raise RuntimeError("The vector v can only be None if the input to the user-provided function is a single Tensor with a single element.")
    return None


def _gradients(outputs, inputs, cotangents, create_graph, retain=None):
    """`autograd.grad` of the outputs that have a gradient; None where there is no way."""
    cotangents = (None,) * len(outputs) if cotangents is None else cotangents
    pairs = [(o, c) for o, c in zip(outputs, cotangents) if o is not None and o._requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    outputs, cotangents = zip(*pairs)
    return _grad(outputs, inputs, cotangents, retain_graph=retain, create_graph=create_graph, allow_unused=True)


def _first_derivative(func, inputs, who, strict):
    """The output of a function that gives one number, as a tuple, and its gradients."""
    several, outputs = _checked(func(*inputs), _OUTPUTS, who)
    _require(outputs, _no_gradients, strict)
    _check_one_number(who, several, outputs)
    found = _gradients(outputs, inputs, None, True)
    _require(found, _constant_jacobian, strict)
    return outputs, found


def _check_one_number(who, several, outputs):
    if several:
        raise RuntimeError(f"The function given to {who} should return a single Tensor")
    if outputs[0]._array.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {who} should contain a single element")


def _zeros_with_gradients(tensors):
    return tuple(_wrap(np.zeros_like(x._array)).requires_grad_() for x in tensors)


def _or_zeros(found, like):
    return _wrap(np.zeros_like(like._array)) if found is None else found


# ---- strict mode


def _require(tensors, message, strict):
    """In strict mode, raise `RuntimeError` for a tensor that is not there or has no gradients."""
    for i, x in enumerate(tensors if strict else ()):
        if x is None:
            raise RuntimeError(f"The output of the user-provided function is independent of input {i}. This is not allowed in strict mode.")
        if not x._requires_grad:
            raise RuntimeError(message(i))


def _no_gradients(i):
    return (f"Output {i} of the user-provided function does not require gradients. The outputs must be computed in a differentiable manner from "
            "the input when running in strict mode.")  # fmt: skip


def _constant_gradient(i):
    return f"The gradient with respect to input {i} is independent of the inputs of the user-provided function. This is not allowed in strict mode."


def _constant_jacobian(i):
    return (f"While computing the hessian, found that the jacobian of the user-provided function with respect to input {i} is independent of the "
            "input. This is not allowed in strict mode. You should ensure that your function is twice differentiable and that the jacobian "
            "depends on the inputs (this would be violated by a linear function for example).")  # fmt: skip


# what strict mode says where a gradient is not there, and what would have been constant
_BACK = "The output of the user-provided function is independent of input {}. This is not allowed in strict mode.", "jacobian"
_BACK_TWICE = ("The gradient with respect to the input is independent of entry {} in the grad_outputs when using the double backward trick to "
               "compute forward mode gradients. This is not allowed in strict mode.", "jacobian")  # fmt: skip
_DOUBLE = "The jacobian of the user-provided function is independent of input {}. This is not allowed in strict mode.", "hessian"
_DOUBLE_TWICE = ("The hessian of the user-provided function is independent of entry {} in the grad_jacobian. This is not allowed in strict mode as "
                 "it prevents from using the double backward trick to replace forward mode AD.", "hessian")  # fmt: skip


def _zeros_for(found, like, stage, strict, create_graph):
    """Gradients with zeros where there are none; in strict mode that is an error."""
    missing, what = stage
    for i, g in enumerate(found if strict else ()):
        if g is None:
            raise RuntimeError(missing.format(i))
        if create_graph and not g._requires_grad:
            raise RuntimeError(_independent(what, i))
    return tuple(map(_or_zeros, found, like))


def _independent(what, i):
    return f"The {what} of the user-provided function is independent of input {i}. This is not allowed in strict mode when create_graph=True."


def _check_row(found, output, create_graph):
    """Strict mode, for one row of a Jacobian."""
    for i, g in enumerate(found):
        if g is None:
            raise RuntimeError(f"Output {output} of the user-provided function is independent of input {i}. This is not allowed in strict mode.")
        if create_graph and not g._requires_grad:
            raise RuntimeError(_independent("jacobian", output))


def _together(who, first, second, instead, or_instead, yet=False):
    return (f"torch.autograd.functional.{who}: `{first}` and `{second}` are not supported together{' (yet)' * yet}. "
            f"Please either set `{instead}` or `{or_instead}`.")  # fmt: skip
