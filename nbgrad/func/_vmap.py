"""`vmap`: a function of single examples becomes one of whole batches.

Each mapped tensor is shown to the function without its batch dimension, `_engine/batched.py` lets every operator work on all examples at once, and what
comes out gets the dimension back. Here are the arguments, their checks, and the way in and out.
"""

from __future__ import annotations

import functools

from .._engine.batched import NotBatchable, Refused, has_level, next_level
from .._engine.batching import belongs, operator, vmapping
from .._engine.errors import unsupported
from .._engine.modes import on_behalf_of, place_of_user
from .._engine.tensor import Tensor
from .._pytree import broadcast_to_and_flatten, tree_flatten, tree_leaves, tree_structure, tree_unflatten


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """Make a function that calls `func` for each example along a dimension of its arguments, for all of them at once.

    `in_dims` says for each argument (an int for all, or a tuple, nested as the arguments are) which dimension holds the examples; None gives `func`
    the argument as it is. Keyword arguments are given as they are. `out_dims` says where the dimension stands in the outputs. `randomness` says
    what random operators do: "error", or draw "different" numbers for each example, or the "same". `chunk_size` limits how many examples are
    worked on at a time. Calls may be nested, and mixed with gradients.

    Raises `RuntimeError` where `func` asks for the value of a tensor, as by `.item()` or `if`.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        _check_out_dims(func, out_dims)
        size, dims, leaves, spec = _checked_inputs(func, in_dims, args)
        if chunk_size is None:
            return _mapped(func, size, dims, leaves, spec, out_dims, randomness, kwargs)
        return _in_chunks(func, chunk_size, size, dims, leaves, spec, out_dims, randomness, kwargs)

    return wrapped


def _mapped(func, size, dims, leaves, spec, out_dims, randomness, kwargs):
    """Call the function on tensors whose mapped dimension is hidden, and show it again in what it returns."""
    level = next_level()
    place = place_of_user()
    with vmapping(level, size, randomness):
        with on_behalf_of((None, None)):  # the line of the call is where its result is made
            given = [leaf if dim is None else operator("_add_batch_dim")(leaf, dim, level) for leaf, dim in zip(leaves, dims)]
        try:
            result = func(*tree_unflatten(given, spec), **kwargs)
        except (NotBatchable, Refused) as error:
            raise RuntimeError(*error.args).with_traceback(error.__traceback__) from None
        with on_behalf_of(place):
            return _shown(result, out_dims, level, size, func)


def _in_chunks(func, chunk_size, size, dims, leaves, spec, out_dims, randomness, kwargs):
    """The same for some examples at a time; with the same random numbers for all, each part begins with the same state of the generator."""
    from ..random import get_rng_state, set_rng_state

    state = get_rng_state() if randomness == "same" else None
    results = []
    for start in range(0, size, chunk_size):
        count = min(chunk_size, size - start)
        part = [leaf if dim is None else leaf.narrow(dim, start, count) for leaf, dim in zip(leaves, dims)]
        if state is not None:
            set_rng_state(state)
        results.append(tree_flatten(_mapped(func, count, dims, part, spec, out_dims, randomness, kwargs)))
    shape = results[0][1]
    joined = [operator("cat")(list(parts), dim) for parts, dim in zip(zip(*(leaves for leaves, _ in results)), broadcast_to_and_flatten(out_dims, shape))]
    return tree_unflatten(joined, shape)


# ---- checks


def _name_of(func):
    if hasattr(func, "__name__"):
        return func.__name__
    if isinstance(func, functools.partial):
        return f"functools.partial({_name_of(func.func)}, ...)"
    return repr(func)


def _check_out_dims(func, out_dims):
    for dim in tree_leaves(out_dims):
        if not (dim is None or isinstance(dim, int)):
            raise ValueError(
                f"vmap({_name_of(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints representing "
                "where in the outputs the vmapped dimension should appear."
            )


def _checked_inputs(func, in_dims, args):
    """The number of examples, the mapped dimension of each leaf of the arguments, the leaves, and the shape of their tree."""
    call = f"vmap({_name_of(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name_of(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with "
            "no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{call}: in_dims is not compatible with the structure of `inputs`. in_dims has structure {tree_structure(in_dims)} but inputs has "
            f"structure {spec}."
        )
    for i, (leaf, dim) in enumerate(zip(leaves, dims)):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise ValueError(f"{call}: Got in_dim={dim} for an input but in_dim must be either an integer dimension or None.")
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"{call}: Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over non-Tensor arguments, please "
                "use None as the respective in_dim"
            )
        ndim = leaf.dim()
        if not -ndim <= dim < ndim:
            raise ValueError(
                f"{call}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {ndim} so expected in_dim to satisfy "
                f"-{ndim} <= in_dim < {ndim}."
            )
        dims[i] = dim % ndim
    sizes = [leaf.size(dim) for leaf, dim in zip(leaves, dims) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(n != sizes[0] for n in sizes):
        raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension")
    return sizes[0], dims, leaves, spec


def _shown(result, out_dims, level, size, func):
    """What the function returned, with the mapped dimension shown where `out_dims` says."""
    leaves, spec = tree_flatten(result)
    if isinstance(result, Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        dims = list(out_dims)
    else:
        dims = broadcast_to_and_flatten(out_dims, spec)
    if dims is None:
        raise ValueError(
            f"vmap({_name_of(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. out_dims "
            f"has structure {tree_structure(out_dims)} but outputs has structure {spec}."
        )
    return tree_unflatten([_shown_leaf(leaf, dim, level, size, _name_of(func)) for leaf, dim in zip(leaves, dims)], spec)


def _shown_leaf(leaf, dim, level, size, name):
    if dim is None:
        if isinstance(leaf, Tensor) and has_level(leaf._array, level):
            raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        if isinstance(leaf, Tensor) and leaf._edge is not None and belongs(leaf._edge, level):
            raise unsupported("out_dims=None for an output that shares its node with a batch", "detach() it, or map it over dimension 0")
        return leaf
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(leaf)}. Did you mean to set out_dims= to None for output?"
        )
    ndim = leaf.dim() + 1
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return operator("_remove_batch_dim")(leaf, dim % ndim, level, size)
