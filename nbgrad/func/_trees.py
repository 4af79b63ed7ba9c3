"""What the transforms share: which arguments they differentiate by, and trees of tensors with PyTorch's errors for whatever is not one."""

from __future__ import annotations

from .._engine.tensor import Tensor
from .._pytree import tree_flatten, tree_map, tree_unflatten


def flat_inputs(tree, what="Thing passed to transform API must be Tensor"):
    """The tensors of a tree of inputs, and its shape. Raises `ValueError` for anything else in it."""
    leaves, spec = tree_flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise ValueError(f"{what}, got {type(leaf)}")
    return leaves, spec


def flat_outputs(tree, who):
    """The tensors of a tree of outputs, and its shape. Raises `RuntimeError` for anything else in it, and where there are none."""
    leaves, spec = tree_flatten(tree)
    if not leaves and spec.type is tuple:
        raise RuntimeError(f"{who}: Expected f to be a function that has non-empty output (got output = {leaves})")
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"{who}: expected f(*primals) to return only tensors, got unsupported type {type(leaf)}")
    return leaves, spec


def split_aux(output, has_aux, who):
    """Output and aux of what a function gave; aux None without `has_aux`."""
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(f"{who}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def map_aux(function, aux):
    """Apply a function to the tensors of aux. Raises `RuntimeError` for anything else in it."""

    def one(leaf):
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}")
        return function(leaf)

    return tree_map(one, aux)


def checked_argnums(argnums, count):
    """Argument numbers, counted from the front. Raises `RuntimeError` for those that are no numbers, are not there or come twice."""
    if isinstance(argnums, int):
        return _checked_number(argnums, count)
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    for number in argnums:
        if not isinstance(number, int):
            raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {argnums}")
    numbers = tuple(_checked_number(n, count) for n in argnums)
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {numbers}")
    return numbers


def _checked_number(number, count):
    if not -count <= number < count:
        raise RuntimeError(f"Got argnum={number}, but only {count} positional inputs")
    return number % count


def chosen(args, argnums):
    """The arguments at these numbers: one, or a tuple of them."""
    return args[argnums] if isinstance(argnums, int) else tuple(args[n] for n in argnums)


def replaced(args, argnums, new):
    """The arguments with new ones at these numbers."""
    args = list(args)
    if isinstance(argnums, int):
        args[argnums] = new
    else:
        for n, one in zip(argnums, new):
            args[n] = one
    return args


__all__ = ["checked_argnums", "chosen", "flat_inputs", "flat_outputs", "map_aux", "replaced", "split_aux", "tree_unflatten"]
