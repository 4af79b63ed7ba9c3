"""Transforms by forward mode: `jvp`, `jacfwd`, `linearize`; and `hessian`, which is forward over reverse."""

from __future__ import annotations

import functools

from .._engine.forward import DualLevel, Tape, dual, switch
from .._engine.tensor import Tensor
from .._pytree import tree_flatten, tree_structure, tree_unflatten
from .._rows import basis_of, rows_of
from ._reverse import jacrev
from ._trees import checked_argnums, chosen, flat_outputs, map_aux, replaced, split_aux

_JVP = "jvp(f, primals, tangents)"


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """Run `func` at `primals`, a tuple, and push `tangents`, a tuple like it, through: return the output and its tangent.

    With `strict`, an output that does not depend on the primals is an error; else its tangent is zero. With `has_aux`, `func` returns
    `(output, aux)`, and aux is returned as a third.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{_JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    flat, shape = tree_flatten(primals)
    given, given_shape = tree_flatten(tangents)
    if shape != given_shape:
        raise RuntimeError(
            f"{_JVP}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of 3 tensors, "
            f"tangents also must be. Got primals with structure {shape} and tangents with structure {given_shape}"
        )
    _check_inputs(flat, "primals")
    _check_inputs(given, "tangents")
    return _pushed(func, flat, given, shape, strict, has_aux)


def _check_inputs(leaves, what):
    if not leaves:
        raise RuntimeError(f"{_JVP}: Expected {what} to contain at least one Tensor.")
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"{_JVP}: Expected {what} to only contain Tensors, got {type(leaf)}")


def _pushed(func, primals, tangents, shape, strict, has_aux):
    level, before = DualLevel(), switch.on
    level.open()
    switch.on = True
    try:
        duals = []
        for p, t in zip(primals, tangents):
            for what, one in (("primal", p), ("tangent", t)):
                if one is not None and one._array.dtype.kind not in "fc":
                    raise ValueError(f"Expected {what} to be floating point or complex, but got: {one.dtype}")
            duals.append(p if t is None else dual(level, p, t))
        output, aux = split_aux(func(*tree_unflatten(duals, shape)), has_aux, _JVP)
        outputs, out_shape = flat_outputs(output, _JVP)
        pushed = tree_unflatten([_tangent_of(level, o, strict) for o in outputs], out_shape)
        if has_aux:
            aux = map_aux(lambda x: x, aux)
    finally:
        switch.on = before
        level.close()
    return (output, pushed, aux) if has_aux else (output, pushed)


def _tangent_of(level, output, strict):
    found = level.tangent_of(output)
    if found is None:
        if strict:
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with strict=True."
            )
        found = output.new_zeros(output.shape)
    return found


def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """Make the function that gives the Jacobian of `func` by forward mode, one column for each element of the inputs; see `jacrev` for its shape.

    Better than `jacrev` where the outputs have more elements than the inputs. `randomness` is for random operators in `func`: see `vmap`.
    """

    @functools.wraps(func)
    def wrapper(*args):
        numbers = checked_argnums(argnums, len(args))
        inputs, shape = tree_flatten(chosen(args, numbers))
        for x in inputs:
            if not isinstance(x, Tensor):
                raise RuntimeError(f"{_JVP}: Expected primals to only contain Tensors, got {type(x)}")
        kept = []  # what each run gave: output and aux

        def run(chosen_inputs):
            return func(*replaced(args, numbers, chosen_inputs))

        columns = []  # for each input, the tree of the outputs with the dimensions of the input first
        for k, x in enumerate(inputs):

            def column(tangent, k=k):
                tangents = [tangent if i == k else None for i in range(len(inputs))]
                output, pushed, *aux = _pushed(run, inputs, tangents, _one(shape), False, has_aux)
                kept[:] = [output, *aux]
                return pushed

            columns.append(rows_of(column, basis_of(x), x._array.shape, randomness=randomness, forward=True))
        outputs, out_shape = tree_flatten(kept[0])
        by_input = [tree_flatten(c)[0] for c in columns]
        jacobians = []
        for k, o in enumerate(outputs):
            parts = [_inputs_last(by_input[i][k], x._array.ndim, o._array.ndim) for i, x in enumerate(inputs)]
            jacobians.append(tree_unflatten(parts, shape))
        jacobian = tree_unflatten(jacobians, out_shape)
        return (jacobian, kept[1]) if has_aux else jacobian

    return wrapper


def _one(shape):
    """The shape of the arguments of a function of one argument."""
    out = tree_structure((0,))
    out.children_specs = [shape]
    out.num_leaves = shape.num_leaves
    return out


def _inputs_last(rows, inputs, outputs):
    """A Jacobian whose first `inputs` dimensions are those of the input, with them put last."""
    return rows.permute((*range(inputs, inputs + outputs), *range(inputs)))


def hessian(func, argnums=0):
    """Make the function that gives the second derivatives of `func`, forward over reverse: for an input of shape (n...), shape (n..., n...)."""
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func, *primals):
    """Run `func` at `primals` once; return its output and the function that takes tangents, one per primal, to the tangent of the output.

    That function can be called many times; it does not run `func` again, unless `func` changes tensors in place or
    calls custom Functions.
    """
    flat, shape = tree_flatten(primals)
    tape = Tape()
    variables = [x.view(x.shape) for x in flat]
    tape.open()
    try:
        output = func(*tree_unflatten(variables, shape))
    finally:
        tape.close()
    outputs, out_shape = flat_outputs(output, "linearize")

    def push(*tangents):
        given, given_shape = tree_flatten(tangents)
        if given_shape != shape:
            raise RuntimeError(f"Expected the tangents {given_shape} to have the same argspec as the primals {shape}")
        for i, (x, t) in enumerate(zip(flat, given)):
            if t._array.shape != x._array.shape:
                raise RuntimeError(
                    f"tangent:{i} with shape {t.shape} in flattened pytree doesn't match the shape {x.shape} of the corresponding primal."
                )
            if t._array.dtype != x._array.dtype:
                raise RuntimeError(
                    f"tangent:{i} with dtype {t.dtype} in flattened pytree doesn't match the dtype {x.dtype} of the corresponding primal."
                )
        if not tape.suffices:
            return jvp(func, primals, tangents)[1]
        level = DualLevel()
        level.open()
        try:
            for x, t in zip(variables, given):
                level.give(x, t)
            tape.move(level)
            return tree_unflatten([_tangent_of(level, o, False) for o in outputs], out_shape)
        finally:
            level.close()

    return output, push
