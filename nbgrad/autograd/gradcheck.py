"""PyTorch's `gradcheck` and `gradgradcheck`: the gradients that backward computes, held against differences of the function's values.

The slow way compares whole Jacobians, an element of an input at a time; the fast way compares one number for each pair of input and output, the
Jacobian between two random vectors. Complex outputs are checked as their real and imaginary parts; of a complex input the numerical gradient is
d/dx + i d/dy, PyTorch's convention for the gradient of a real function.
"""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from .._engine import errors
from .._engine.backward import grad
from .._engine.dtypes import of_array
from .._engine.function import Function
from .._engine.op import NAMES
from .._engine.size import Size
from .._engine.tensor import Tensor, wrap
from ..random import Generator

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """What `gradcheck` and `gradgradcheck` raise when gradients are not what they should be."""


@dataclasses.dataclass(frozen=True)
class _How:
    """What one comparison needs to know."""

    eps: float
    atol: float
    rtol: float
    nondet_tol: float
    check_grad_dtypes: bool
    fast: bool
    forward: bool = False  # whether the gradients come from forward mode
    part: str = ""  # "real" or "imaginary", where only that part is looked at
    complex_indices: tuple = ()  # of the outputs, or in forward mode inputs, whose part that is


def gradcheck(
    func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0, check_undefined_grad=True, check_grad_dtypes=False,
    check_batched_grad=False, check_batched_forward_grad=False, check_forward_ad=False, check_backward_ad=True, fast_mode=False, masked=None,
) -> bool:  # fmt: skip
    """Check the gradients of `func(*inputs)` by every input that requires one against differences; returns True where they agree.

    `inputs` should be of float64 or complex128; `eps` is how far an element is moved either way, `atol` and `rtol` are what may differ. The pass is
    also run twice, to see that it gives the same (within `nondet_tol`), with zero and with undefined gradients. `check_forward_ad` checks forward
    mode too, `check_batched_grad` batched gradients. `masked` says what to do with sparse tensors, of which there are none.

    Raises `GradcheckError` where something is wrong, or returns False with `raise_exception=False`.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    how = _How(eps, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode)
    inputs = _as_tuple(inputs)
    try:
        _check_inputs(inputs)
        outputs = _as_tuple(func(*inputs))
        if check_backward_ad:
            _check_backward(how, func, inputs, outputs)
        if check_forward_ad:
            _check_forward(how, func, inputs, outputs, check_undefined_grad)
        if check_batched_forward_grad:
            _check_batched_forward(func, inputs)
        if not check_backward_ad:
            return True
        wanted = _differentiable(outputs)
        if check_batched_grad:
            for i, output in enumerate(wanted):
                _check_batched(inputs, output, i)
        _check_zero_gradients(wanted, inputs)
        if check_undefined_grad:
            _check_undefined(func, inputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3, gen_non_contig_grad_outputs=False, raise_exception=True, nondet_tol=0.0,
    check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False, check_fwd_over_rev=False, check_rev_over_rev=True,
    fast_mode=False, masked=False,
) -> bool:  # fmt: skip
    """Check the gradients of the gradients of `func(*inputs)`, by the inputs and by the cotangents `grad_outputs`; see `gradcheck`.

    Without `grad_outputs` they are random, from -1 to 1; `gen_non_contig_grad_outputs` makes them lie in memory with gaps.
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    if check_undefined_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_undefined_grad=True requires check_rev_over_rev to be True")
    if check_batched_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_batched_grad=True requires check_rev_over_rev to be True")
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        grad_outputs = [_random_like(t, gen_non_contig_grad_outputs) for t in _differentiable(func(*inputs))]
    grad_outputs = _as_tuple(grad_outputs)
    wanted = [isinstance(t, Tensor) and t.requires_grad for t in (*inputs, *grad_outputs)]
    count = len(inputs)

    def gradients(*args):
        args = [t.requires_grad_() if want else t for t, want in zip(args, wanted)]  # forward mode detaches them
        leaves = [t for t, want in zip(args[:count], wanted) if want]
        found = grad(_differentiable(func(*args[:count])), leaves, args[count:], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients, (*inputs, *grad_outputs), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        fast_mode=fast_mode, check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev, masked=masked,
    )  # fmt: skip


# ---- inputs and outputs


def _as_tuple(x):
    return tuple(x) if isinstance(x, (list, tuple)) else (x,)


def _differentiable(outputs):
    return tuple(t for t in _as_tuple(outputs) if t.requires_grad)


def _leaves(inputs):
    """(position, tensor) of the inputs that are checked."""
    return [(i, t) for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]


def _has_gradient(tensor):
    return tensor.is_floating_point() or tensor.is_complex()


def _random_like(tensor, with_gaps):
    """A leaf of this shape and type, of random numbers from -1 to 1."""
    kind = of_array(tensor._array.real.dtype)
    array = NAMES["rand"](tensor.shape, dtype=kind)._array * 2 - 1
    if tensor.is_complex():
        array = array + 1j * (NAMES["rand"](tensor.shape, dtype=kind)._array * 2 - 1)
    if with_gaps and array.size > 1:
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    return wrap(np.asarray(array)).requires_grad_()


def _check_inputs(inputs):
    """Raise for inputs that cannot be checked, warn of those that probably cannot."""
    for i, t in _leaves(inputs):
        if t._array.dtype not in (np.float64, np.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely fail if all the "
                "inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if any(step <= 0 and n > 1 for step, n in zip(t.stride(), t.shape)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be able to compute "
                "the numerical gradients correctly. You should call .contiguous on the input before passing it to gradcheck."
            )
    if not _leaves(inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )


# ---- which functions are compared


def _check_backward(how, func, inputs, outputs):
    """Backward against differences: where outputs are complex, of their imaginary and then of their real parts."""
    complex_indices = tuple(i for i, t in enumerate(_differentiable(outputs)) if t.is_complex())
    if not any(t.is_complex() for t in outputs):
        _compare(how, func, inputs, outputs)
        return
    for part, take in (("imaginary", NAMES["imag"]), ("real", NAMES["real"])):

        def part_of(*args, take=take):
            return tuple(take(t) if t.is_complex() else t for t in _as_tuple(func(*args)))

        _compare(dataclasses.replace(how, part=part, complex_indices=complex_indices), part_of, inputs, part_of(*inputs))


def _check_forward(how, func, inputs, outputs, check_undefined_grad):
    """Forward mode against differences: where inputs are complex, along their imaginary and then along their real parts."""
    how = dataclasses.replace(how, forward=True)
    complex_indices = tuple(i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.is_complex())
    if not complex_indices:
        _compare(how, func, inputs, outputs)
        if check_undefined_grad:
            _check_undefined_tangents(func, inputs)
        return
    for part in ("imaginary", "real"):

        def with_part(*args, part=part):
            whole = [
                (t.real + a * 1j if part == "imaginary" else a + t.imag * 1j) if i in complex_indices else a
                for i, (a, t) in enumerate(zip(args, inputs))
            ]
            return _as_tuple(func(*whole))

        parts = tuple((t.imag if part == "imaginary" else t.real) if i in complex_indices else t for i, t in enumerate(inputs))
        _compare(dataclasses.replace(how, part=part, complex_indices=complex_indices), with_part, parts, with_part(*parts))
        if check_undefined_grad:
            _check_undefined_tangents(with_part, parts)


def _compare(how, func, inputs, outputs):
    """Raise `GradcheckError` where a Jacobian is not what differences say."""
    outputs = _as_tuple(outputs)
    if not _differentiable(outputs):
        _check_nothing_to_find(how, func, inputs, outputs)
        return
    (_compare_fast if how.fast else _compare_slow)(how, func, inputs, outputs)


# ---- numerical derivatives


def _along(how, func, inputs, index, delta, where=""):
    """The derivatives of all outputs, flat, when input `index` moves along `delta`, which is of length `eps`."""
    array = inputs[index]._array  # in place and behind the back of its version: `func` may hold the tensor itself
    before = array.copy()
    try:
        array[...] = before - delta
        low = [t._array.copy() for t in _as_tuple(func(*inputs))]
        array[...] = before + delta
        high = [t._array.copy() for t in _as_tuple(func(*inputs))]
    finally:
        array[...] = before
    for a, b in zip(low, high):
        for what, one, other in (("shape", Size(a.shape), Size(b.shape)), ("dtype", of_array(a.dtype), of_array(b.dtype))):
            if one != other:
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are perturbed {where}by {how.eps}, but got: "
                    f"{what}s {one} and {other}."
                )
    return [((b - a) / (2 * how.eps)).reshape(-1) if a.dtype.kind in "fc" else None for a, b in zip(low, high)]


def _derivatives(how, func, inputs, index, directions, where=""):
    """The derivatives of all outputs along the first direction; of a complex input, with i times those along i times the second."""
    real = _along(how, func, inputs, index, directions[0] * how.eps, where)
    if not inputs[index].is_complex():
        return real
    imaginary = _along(how, func, inputs, index, directions[1] * (how.eps * 1j), where)
    return [a if a is None else a + 1j * b for a, b in zip(real, imaginary)]


def _numerical_jacobians(how, func, inputs, index, outputs):
    """For each output the Jacobian by input `index`, (elements of the input, elements of the output); None for integers."""
    leaf = inputs[index]
    kind = leaf._array.dtype if leaf.is_complex() else None
    found = [np.zeros((leaf.numel(), t.numel()), kind or t._array.dtype) if _has_gradient(t) else None for t in outputs]
    unit = np.zeros(leaf.shape)
    for row, place in enumerate(np.ndindex(*leaf.shape)):
        unit[place] = 1
        for jacobian, derivative in zip(found, _derivatives(how, func, inputs, index, (unit, unit), f"on index {place} ")):
            if jacobian is not None:
                jacobian[row] = derivative
        unit[place] = 0
    return found


def _check_nothing_to_find(how, func, inputs, outputs):
    """Where no output requires a gradient, none may depend on an input."""
    for j, (index, _) in enumerate(_leaves(inputs)):
        if how.fast:
            found = _derivatives(how, func, inputs, index, _random_directions(how, inputs, ())[0][j])
        else:
            found = _numerical_jacobians(how, func, inputs, index, outputs)
        if any(f is not None and np.any(np.abs(f) > (how.nondet_tol if how.fast else 0)) for f in found):
            raise GradcheckError("Numerical gradient for function expected to be zero")


# ---- what the engine computes


def _rows(how, inputs, output, cotangents):
    """For each checked input its gradients for these cotangents, flat, as columns; the pass runs twice to see that it gives the same."""
    leaves = [t for _, t in _leaves(inputs)]
    first, second = ([_flat_gradients(output, leaves, c) for c in cotangents] for _ in range(2))
    for one, other in zip(first, second):
        for a, b in zip(one, other):
            if a.size and np.abs(a - b).max() > how.nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different values, "
                    f"although analytical gradient matches numerical gradient.The tolerance for nondeterminism was {how.nondet_tol}."
                )
    return [
        np.stack([one[j] for one in first], axis=1) if first else np.zeros((t.numel(), 0), t._array.dtype) for j, t in enumerate(leaves)
    ]


def _flat_gradients(output, leaves, cotangent):
    found = grad(output, leaves, wrap(cotangent), retain_graph=True, allow_unused=True)
    return [np.zeros(t.numel(), t._array.dtype) if g is None else g._array.copy().reshape(-1) for g, t in zip(found, leaves)]


def _unit_cotangents(tensor):
    """For each element of a tensor an array that is 1 there and 0 elsewhere."""
    units = np.eye(tensor.numel(), dtype=tensor._array.dtype)
    return [unit.reshape(tensor.shape) for unit in units]


def _tangents_of_outputs(how, func, inputs, index, tangent):
    """What forward mode gives for all outputs, flat, where input `index` has this tangent and the others that are checked zeros."""
    from . import forward_ad

    with forward_ad.dual_level():
        duals = list(inputs)
        for i, t in _leaves(inputs):
            duals[i] = forward_ad.make_dual(t.detach(), wrap(tangent if i == index else np.zeros_like(t._array)))
        found = []
        for t in _as_tuple(func(*duals)):
            if not _has_gradient(t):
                found.append(None)
                continue
            value, result = forward_ad.unpack_dual(t)
            if how.check_grad_dtypes and result is not None and value.is_complex() != result.is_complex():
                raise GradcheckError("Forward AD gradient has dtype mismatch.")
            found.append(np.zeros(t.numel(), t._array.dtype) if result is None else result._array.copy().reshape(-1))
    return found


# ---- comparing


def _compare_slow(how, func, inputs, outputs):
    wanted = [i for i, t in enumerate(outputs) if t.requires_grad]
    numerical = [_numerical_jacobians(how, func, inputs, index, outputs) for index, _ in _leaves(inputs)]
    if how.forward:
        analytical = [
            [_forward_jacobian(how, func, inputs, index, outputs, i) for index, _ in _leaves(inputs)] for i in wanted
        ]
    else:
        analytical = [_rows(how, inputs, outputs[i], _unit_cotangents(outputs[i])) for i in wanted]
    for n, i in enumerate(wanted):
        for j in range(len(numerical)):
            if not _close(how, analytical[n][j], numerical[j][i], how.atol):
                raise GradcheckError(_mismatch(how, analytical[n][j], numerical[j][i], n, j))


def _forward_jacobian(how, func, inputs, index, outputs, i):
    """The Jacobian of output `i` by input `index`, a row for each element of the input."""
    leaf = inputs[index]
    rows = [_tangents_of_outputs(how, func, inputs, index, unit)[i] for unit in _unit_cotangents(leaf)]
    return np.stack(rows) if rows else np.zeros((0, outputs[i].numel()))


def _compare_fast(how, func, inputs, outputs):
    wanted = [i for i, t in enumerate(outputs) if t.requires_grad]
    directions, cotangents = _random_directions(how, inputs, [outputs[i] for i in wanted])
    if not how.forward:
        products = [
            _rows(how, inputs, outputs[i], [v.reshape(outputs[i].shape).astype(outputs[i]._array.dtype)]) for i, v in zip(wanted, cotangents)
        ]
    for j, ((index, leaf), u) in enumerate(zip(_leaves(inputs), directions)):
        moved = _derivatives(how, func, inputs, index, u)
        if how.forward:
            tangents = _tangents_of_outputs(how, func, inputs, index, u[0].astype(leaf._array.dtype))
        for n, i in enumerate(wanted):
            atol = how.atol * float(sum(one.sum() for one in u))
            if how.forward:
                numerical, analytical = moved[i], tangents[i]
            else:
                atol *= float(cotangents[n].sum())
                numerical, analytical = np.asarray((cotangents[n] * moved[i]).sum()), np.asarray(_along_direction(products[n][j][:, 0], u))
            if not _close(how, analytical, numerical, atol):
                raise GradcheckError(_mismatch(how, analytical, numerical, n, j) + _in_slow_mode(how, func, inputs, outputs, index, i, j))


def _along_direction(gradient, u):
    u = [one.reshape(-1) for one in u]
    return gradient.real @ u[0] + 1j * (gradient.imag @ u[1]) if gradient.dtype.kind == "c" else gradient @ u[0]


def _random_directions(how, inputs, outputs):
    """A random direction for each checked input, two for a complex one, and a cotangent for each output; all of length 1, always the same."""
    generator = Generator()

    def vector(tensor):
        drawn = NAMES["rand"](tensor.numel(), generator=generator)._array.astype(tensor._array.real.dtype)
        return drawn / np.linalg.norm(drawn)

    directions = [[vector(t).reshape(t.shape) for _ in range(2 if t.is_complex() else 1)] for _, t in _leaves(inputs)]
    return directions, [] if how.forward else [vector(t) for t in outputs]


def _close(how, analytical, numerical, atol):
    kind = np.promote_types(analytical.dtype, numerical.dtype)
    return np.allclose(analytical.astype(kind), numerical.astype(kind), how.rtol, atol)


def _mismatch(how, analytical, numerical, output, leaf):
    concerned = (leaf if how.forward else output) in how.complex_indices
    prefix = f"While considering the {how.part} part of complex {'inputs' if how.forward else 'outputs'} only, " if concerned else ""
    mode = "computed with forward mode " if how.forward else ""
    return (
        f"{prefix}Jacobian {mode}mismatch for output {output} with respect to input {leaf},\n"
        f"numerical:{wrap(numerical)}\nanalytical:{wrap(analytical)}\n"
    )


def _in_slow_mode(how, func, inputs, outputs, index, i, j):
    """What the slow way finds where the fast one failed."""
    numerical = _numerical_jacobians(how, func, inputs, index, outputs)[i]
    if how.forward:
        analytical = _forward_jacobian(how, func, inputs, index, outputs, i)
    else:
        analytical = _rows(dataclasses.replace(how, nondet_tol=float("inf")), inputs, outputs[i], _unit_cotangents(outputs[i]))[j]
    text = (
        "\nThe above quantities relating the numerical and analytical jacobians are computed \nin fast mode. Below, we recompute numerical and "
        f"analytical jacobians in slow mode:\n\nNumerical:\n {wrap(numerical)}\nAnalytical:\n{wrap(analytical)}\n\n"
        f"The max per-element difference (slow mode) is: {np.abs(numerical - analytical).max()}.\n"
    )
    if _close(how, analytical, numerical, how.atol):
        text += (
            "\nFast gradcheck failed but element-wise differences are small. This means that the test might've passed in slow_mode! "
            "Try it with fast_mode=False."
        )
    return text


# ---- gradients that are zero, undefined or batched


def _check_zero_gradients(outputs, inputs):
    """Zero cotangents must give zero gradients."""
    zeros = [wrap(np.zeros(t.shape, t._array.dtype)) for t in outputs]
    for g in grad(outputs, [t for _, t in _leaves(inputs)], zeros, allow_unused=True):
        if g is not None and not (g._array == 0).all():
            raise GradcheckError("backward not multiplied by grad_output")


class _Undefined(Function):
    """Passes a tensor on, and gives it no gradient."""

    @staticmethod
    def forward(ctx, x):
        return x.detach()

    @staticmethod
    def backward(ctx, grad):
        return None


def _check_undefined(func, inputs):
    """Outputs that no gradient comes to, all of them and each in turn, must give no gradient, or zeros."""
    count = len(_differentiable(func(*inputs)))
    for undefined in ({*range(count)}, *({i} for i in range(count) if count > 1)):
        outputs = [_Undefined.apply(t) if i in undefined else t for i, t in enumerate(_differentiable(func(*inputs)))]
        zeros = [wrap(np.zeros(t.shape, t._array.dtype)) for t in outputs]
        try:
            found = grad(outputs, [t for _, t in _leaves(inputs)], zeros, allow_unused=True)
        except RuntimeError as error:
            _warn_of_undefined()
            raise GradcheckError(
                "Expected backward function to handle undefined output grads. [nbgrad] Backward gets None, or zeros, for an output that no "
                "gradient came to."
            ) from error
        if any(g is not None and not (g._array == 0).all() for g in found):
            _warn_of_undefined()
            raise GradcheckError("Expected all input grads to be undefined or zero when all output grads are undefined or zero.")


def _warn_of_undefined():
    warnings.warn(
        "Backwards compatibility: New undefined gradient support checking feature is enabled by default, but it may break existing callers of "
        'this function. If this is true for you, you can call this function with "check_undefined_grad=False" to disable the feature',
        stacklevel=4,
    )


def _check_undefined_tangents(func, inputs):
    """An input without a tangent must count as one whose tangent is zeros."""
    from . import forward_ad

    directions, _ = _random_directions(_How(0, 0, 0, 0, False, False, forward=True), inputs, ())
    for index, _ in _leaves(inputs):
        found = []
        for defined in (True, False):
            with forward_ad.dual_level():
                duals = list(inputs)
                for (i, t), u in zip(_leaves(inputs), directions):
                    tangent = np.zeros_like(t._array) if i == index else u[0].astype(t._array.dtype)
                    duals[i] = forward_ad.make_dual(t.detach(), wrap(tangent)) if defined or i != index else t.detach()
                found.append([forward_ad.unpack_dual(t)[1] for t in _as_tuple(func(*duals)) if _has_gradient(t)])
        for i, (one, other) in enumerate(zip(*found)):
            if one is not None and other is not None and not np.allclose(one._array, other._array):
                raise GradcheckError(
                    f"Mismatch in tangent values for output with index: {i} when input: {inputs[index]} has an undefined tangent value. "
                    f"Got: {one} but expected: {other}"
                )


def _check_batched(inputs, output, i):
    """Two cotangents at once must give what each of them gives."""
    leaves = [t for _, t in _leaves(inputs)]
    cotangents = [NAMES["randn_like"](output) for _ in range(2)]
    expected = [grad(output, leaves, c, retain_graph=True, allow_unused=True) for c in cotangents]
    try:
        stacked = NAMES["stack"](cotangents)
        found = grad(output, leaves, stacked, retain_graph=True, allow_unused=True, is_grads_batched=True)
    except RuntimeError as error:
        raise GradcheckError(f"While computing batched gradients, got: {error}") from error
    for j, (got, *each) in enumerate(zip(found, *expected)):
        if got is None and all(g is None for g in each):
            continue
        wanted = np.stack([np.zeros(leaves[j].shape) if g is None else g._array for g in each])
        if not np.allclose(0 if got is None else got._array, wanted, 1e-5, 1e-8):
            raise GradcheckError(
                f"For output {i} and input {j}:\n\ngradcheck or gradgradcheck failed while testing batched gradient computation.\n\n"
                f"Got:\n{got}\n\nExpected:\n{wrap(wanted)}"
            )


def _check_batched_forward(func, inputs):
    raise errors.unsupported("check_batched_forward_grad", "check_forward_ad=True checks the same derivatives one at a time")
