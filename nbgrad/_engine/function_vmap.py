"""Custom Functions under `vmap`: those that bring a `vmap` of their own are given the batches as tensors with one more dimension."""

from __future__ import annotations

from typing import NamedTuple

from .batched import has_level
from .batching import hidden, running, shown
from .tensor import Tensor

_MORE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class VmapInfo(NamedTuple):
    """What the `vmap` of a Function is told: the number of examples, and what random operators are to do."""

    batch_size: int
    randomness: str


def under_vmap(function, base, args):
    """What a Function's own `vmap` gives for arguments of which one is a batch, as (result,); None where forward is to run on the arguments as they are.

    Raises PyTorch's `RuntimeError`s for Functions that cannot be mapped.
    """
    layers = running()
    if not layers:
        return None
    name = function.__name__
    if function.setup_context is base.setup_context:
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override the setup_context "
            f"staticmethod. {_MORE}"
        )
    layer = next((one for one in layers if any(_is_batch(a, one.level) for a in args)), None)
    if layer is None:
        return None
    own = function.vmap is not base.vmap
    if function.generate_vmap_rule:
        if own:
            raise RuntimeError(
                f"You tried to vmap over {name}, but it has both generate_vmap_rule=True and an overridden vmap staticmethod. Please set "
                f"generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid ambiguity. {_MORE}"
            )
        return None  # forward and backward are written with operators, which work on batches
    if not own:
        raise RuntimeError(
            f"You tried to vmap over {name}, but it does not have vmap support. Please override and implement the vmap staticmethod or set "
            f"generate_vmap_rule=True. {_MORE}"
        )
    in_dims = tuple(0 if _is_batch(a, layer.level) else None for a in args)
    given = [a if dim is None else shown(a, layer.level, layer.size) for a, dim in zip(args, in_dims)]
    layer.paused = True
    try:
        found = function.vmap(VmapInfo(layer.size, layer.randomness), in_dims, *given)
    finally:
        layer.paused = False
    return (_as_batches(found, layer.level),)


def _is_batch(x, level):
    return isinstance(x, Tensor) and has_level(x._array, level)


def _as_batches(found, level):
    """The outputs that a `vmap` staticmethod returned, their mapped dimensions hidden again."""
    wanted = "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible with the output. "
    if not isinstance(found, tuple):
        raise RuntimeError(f"{wanted}Got a {type(found)}. {_MORE}")
    if len(found) != 2:
        raise RuntimeError(f"{wanted}Got {len(found)} returns. {_MORE}")
    outputs, dims = found
    if isinstance(outputs, Tensor) or not isinstance(outputs, (tuple, list)):
        if isinstance(dims, tuple) and len(dims) == 1:
            (dims,) = dims
        return _as_batch(outputs, dims, level)
    spread = list(dims) if isinstance(dims, (tuple, list)) else [dims] * len(outputs)
    if len(spread) != len(outputs):
        raise RuntimeError(
            "The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) tuple. Expected out_dims="
            f"{dims} to be compatible with the structure of `output`, which has {len(outputs)} parts. {_MORE}"
        )
    return type(outputs)(_as_batch(t, dim, level) for t, dim in zip(outputs, spread))


def _as_batch(output, dim, level):
    return output if dim is None or not isinstance(output, Tensor) else hidden(output.movedim(dim, 0), level)
