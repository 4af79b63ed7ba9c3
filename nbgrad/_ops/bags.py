"""Lookups that are summed up at once: `embedding_bag`."""

from __future__ import annotations

import numpy as np

from .._engine import errors
from .._engine.batched import outside
from .._engine.op import composite, primitive
from .._engine.tensor import Tensor, wrap
from .gathering import _gather_backward, _index_select_backward, add_rows, index_select
from .layers import HERE

_MODES = ("sum", "mean", "max")


def _rows_of(grad, bag, share):
    """The gradient of each looked up row: that of its bag, times its share."""
    return index_select(grad, 0, bag) * share.reshape((-1, 1))


def _of_weight(grad, weight_shape, indices, bag, share, per_sample_weights):
    rows = _rows_of(grad, bag, share)
    rows = rows if per_sample_weights is None else rows * per_sample_weights.reshape((-1, 1))
    return _index_select_backward(rows, weight_shape, 0, indices)


@primitive(
    "_embedding_bag",
    vjp={
        "weight": _of_weight,
        "per_sample_weights": lambda grad, weight, indices, bag, share: (_rows_of(grad, bag, share) * index_select(weight, 0, indices)).sum(1),
    },
    tensors=("weight", "indices", "bag", "share"), method=False, namespace=(), node="EmbeddingBagBackward0",
)  # fmt: skip
def _embedding_bag(weight, indices, bag, share, per_sample_weights, bags):
    """Sum the rows that `indices` name, each times its share and weight, into the bags that `bag` names."""
    factor = share if per_sample_weights is None else share * per_sample_weights
    return add_rows(bags, bag, np.take(weight, indices, 0) * factor.reshape((-1, 1)))


@primitive(
    "_embedding_bag_max", vjp={"weight": lambda grad_output, weight_shape, rows, filled: _gather_backward(grad_output * filled, weight_shape, 0, rows)},
    tensors=("weight", "indices", "starts", "filled"), outputs=("output", "rows"), method=False, namespace=(), node="EmbeddingBagBackward0",
)  # fmt: skip
def _embedding_bag_max(weight, indices, starts, filled):
    """The maximum of the rows of each bag, and from which row each element is; bags that are not `filled` (bags, 1) are zeros."""
    bags, d = len(filled), weight.shape[1]
    out, rows = np.zeros((bags, d), weight.dtype), np.zeros((bags, d), np.int64)
    if starts.size:
        found = np.take(weight, indices, 0)
        best = np.maximum.reduceat(found, starts, 0)
        lengths = np.diff(starts, append=len(indices))
        turn = np.where((found == np.repeat(best, lengths, 0)) | (found != found), np.arange(len(indices))[:, None], len(indices))
        full = filled[:, 0].astype(bool)
        out[full], rows[full] = best, indices[np.minimum.reduceat(turn, starts, 0)]
    return out, rows


def _checked(input, weight, offsets, per_sample_weights, include_last_offset):
    """Indices and offsets as vectors, and the weights beside the indices. Raises `ValueError` as PyTorch does."""
    if per_sample_weights is not None and input._array.shape != per_sample_weights._array.shape:
        raise ValueError(f"embedding_bag: If per_sample_weights ({tuple(per_sample_weights._array.shape)}) is not None, then it must have the same shape "
                         f"as the input ({tuple(input._array.shape)})")  # fmt: skip
    if weight._array.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight._array.ndim}")
    ndim = input._array.ndim
    if ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, found "
                             f"offsets of type {type(offsets)}")  # fmt: skip
        n, k = input._array.shape
        starts = np.arange(n) * k
        return input.reshape((-1,)), starts, None if per_sample_weights is None else per_sample_weights.reshape((-1,))
    if ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {ndim}")
    if not isinstance(offsets, Tensor):
        raise ValueError("offsets has to be a 1D Tensor but got None" if offsets is None else "offsets has to be a 1D Tensor")
    if offsets._array.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    starts = np.asarray(offsets._array).astype(np.int64)
    if include_last_offset and not starts.size:
        raise RuntimeError("include_last_offset: number of offsets should be at least 1")
    if starts.size and starts[0] != 0:
        raise RuntimeError(f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {starts[0]}")
    if starts.size and starts[-1] > input._array.shape[0]:
        raise RuntimeError(f"offsets[-1] can not be greater than input's length({input._array.shape[0]}), but got offsets[-1] of {starts[-1]}")
    return input, starts[:-1] if include_last_offset else starts, per_sample_weights


@composite("nn.functional.embedding_bag", method=False, namespace=HERE)
def embedding_bag(
    input, weight, offsets=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, mode="mean", sparse=False, per_sample_weights=None,
    include_last_offset=False, padding_idx=None,
):  # fmt: skip
    """Sum, average or take the maximum of the rows of `weight` that each bag of integers names, without keeping the rows.

    A bag is a row of a matrix of integers; or one vector holds all bags, and `offsets` tell where each begins. The row `padding_idx` is left out.
    """
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise errors.unsupported("embedding_bag with max_norm, scale_grad_by_freq or sparse")
    if mode not in _MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{mode}').")
    indices, starts, scaled = _checked(input, weight, offsets, per_sample_weights, include_last_offset)
    count, (rows, _) = indices._array.shape[0], weight._array.shape
    if indices._array.dtype.name not in ("int64", "int32"):
        raise RuntimeError(f"Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch."
                           f"{indices.dtype.tensor_name}Tensor instead (while checking arguments for embedding_bag)")  # fmt: skip
    if outside(indices, 0, rows):
        raise RuntimeError(f"embedding_bag: Expected idx >= 0 && idx < num_embeddings ({rows})")
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"padding_idx must be within the number of embeddings, -{rows} through {rows - 1} but got {padding_idx}")
    lengths = np.diff(starts, append=count)
    bag = np.repeat(np.arange(len(starts)), lengths)
    kept = np.ones(count, bool) if padding_idx is None else np.asarray(indices._array) != padding_idx % rows
    held = np.bincount(bag[kept], minlength=len(starts))
    if mode == "max":
        filled = held > 0
        begin = (np.cumsum(held) - held)[filled]
        chosen = wrap(np.asarray(indices._array)[kept].astype(np.int64))
        return _embedding_bag_max.function(weight, chosen, wrap(begin), wrap(filled[:, None].astype(weight._array.dtype))).output
    share = np.where(kept, 1 / np.maximum(held, 1)[bag] if mode == "mean" else 1, 0).astype(weight._array.dtype)
    return _embedding_bag.function(weight, indices, wrap(bag), wrap(share), scaled, len(starts))
