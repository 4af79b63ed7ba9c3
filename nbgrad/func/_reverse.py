"""Transforms by reverse mode: `grad`, `grad_and_value`, `vjp`, `jacrev`."""

from __future__ import annotations

import functools

from .._engine.modes import enable_grad, is_grad_enabled
from .._engine.reverse import ReverseLevel
from .._engine.tensor import Tensor
from .._pytree import tree_pprint, tree_structure, tree_unflatten
from .._rows import basis_of, rows_of
from ._trees import checked_argnums, chosen, flat_inputs, flat_outputs, map_aux, replaced, split_aux


def grad(func, argnums=0, has_aux=False):
    """Make the function that gives the gradient of `func`, which must return a 0-dim tensor.

    `argnums` says by which arguments, a number or a tuple of them; each may be a tree of tensors, and its gradient is one of the same shape. With
    `has_aux`, `func` returns `(output, aux)` and the new function `(gradient, aux)`. May be nested, and differentiated further.
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        if has_aux:
            gradients, (_, aux) = both(*args, **kwargs)
            return gradients, aux
        return both(*args, **kwargs)[0]

    return wrapper


def grad_and_value(func, argnums=0, has_aux=False):
    """Make the function that gives `(gradient, output)` of `func`, with `has_aux` `(gradient, (output, aux))`; see `grad`."""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        who = "grad_and_value(f)(*args)"
        level = ReverseLevel()
        numbers = checked_argnums(argnums, len(args))
        inputs, shape = flat_inputs(chosen(args, numbers))
        with enable_grad():
            variables = tree_unflatten([level.stand_in(x) for x in inputs], shape)
            output, aux = split_aux(func(*replaced(args, numbers, variables), **kwargs), has_aux, who)
            if not isinstance(output, Tensor):
                raise RuntimeError(f"{who}: Expected f(*args) to return a Tensor, got {type(output)}")
            if output._array.ndim:
                raise RuntimeError(
                    f"{who}: Expected f(*args) to return a scalar Tensor, got tensor with {output._array.ndim} dims. Maybe you wanted to use "
                    "the vjp or jacrev APIs instead?"
                )
            gradients = level.pull([output], [None], keep=has_aux)
        gradients = tree_unflatten([level.lower(g) for g in gradients], shape)
        value = level.lower(output)
        return (gradients, (value, map_aux(level.lower, aux))) if has_aux else (gradients, value)

    return wrapper


def vjp(func, *primals, has_aux=False):
    """Run `func` at `primals`; return its output and the function that takes cotangents, a tree like the output, to the gradients, a tuple.

    With `has_aux`, `func` returns `(output, aux)`, and aux is returned as a third.
    """
    return pullback(func, primals, tuple(range(len(primals))), has_aux)


def pullback(func, args, argnums, has_aux=False):
    """`vjp` by the arguments at `argnums` only."""
    who = "vjp(f, *primals)"
    level = ReverseLevel()
    inputs, shape = flat_inputs(chosen(args, argnums)) if argnums != () else ([], tree_structure(()))
    with enable_grad():
        variables = tree_unflatten([level.stand_in(x) for x in inputs], shape)
        output, aux = split_aux(func(*replaced(args, argnums, variables)), has_aux, who)
        outputs, out_shape = flat_outputs(output, who)
        for o in outputs:
            if o._array.dtype.kind not in "fc":
                raise RuntimeError(f"vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype {o.dtype}")

    def pull(cotangents, retain_graph=True, create_graph=None):
        given, given_shape = flat_inputs(cotangents)
        if given_shape != out_shape:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. cotangents: "
                f"{tree_pprint(given_shape)}, primal output: {tree_pprint(out_shape)}"
            )
        for i, (o, c) in enumerate(zip(outputs, given)):
            if c._array.shape != o._array.shape:
                raise RuntimeError(f"Mismatch in shape: grad_output[{i}] has a shape of {c.shape} and output[{i}] has a shape of {o.shape}.")
        further = create_graph if create_graph is not None else None if is_grad_enabled() else False
        return tree_unflatten([level.lower(g) for g in level.pull(outputs, given, retain_graph, further)], shape)

    lowered = tree_unflatten([level.lower(o) for o in outputs], out_shape)
    return (lowered, pull, map_aux(level.lower, aux)) if has_aux else (lowered, pull)


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """Make the function that gives the Jacobian of `func` by reverse mode, one row for each element of the output.

    For an output of shape (m...) and an input of shape (n...) it has shape (m..., n...). Output and inputs may be trees: the result is the tree
    of the output with that of the inputs at each leaf. See `grad` for `argnums` and `has_aux`.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        numbers = checked_argnums(argnums, len(args))
        output, pull, *aux = pullback(lambda *a: func(*a, **kwargs), args, numbers, has_aux)
        outputs, out_shape = flat_outputs(output, "jacrev")
        zeros = [o.new_zeros(o.shape) for o in outputs]
        jacobians = []
        for k, o in enumerate(outputs):

            def row(cotangent, k=k):
                return pull(tree_unflatten([*zeros[:k], cotangent, *zeros[k + 1 :]], out_shape))

            jacobians.append(rows_of(row, basis_of(o), o._array.shape, chunk_size))
        jacobian = tree_unflatten(jacobians, out_shape)
        return (jacobian, aux[0]) if has_aux else jacobian

    return wrapper
