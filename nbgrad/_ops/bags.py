"""Lookups that are summed up at once: `embedding_bag`."""

from __future__ import annotations

import numpy as np

from .._engine import errors
from .._engine.batched import outside
from .._engine.op import MULTILINEAR, composite, primitive
from .._engine.tensor import Tensor, wrap
from .gathering import _gather_backward, add_rows
from .layers import HERE

_MODES = ("sum", "mean", "max")
_SPARSE = 1 << 16  # numbers in the looked up rows, from which on a product with a sparse matrix is worth its making


def _matrix(factor, indices, bag, bags, rows):
    """Factors as a sparse matrix (bags, rows); `bag` does not fall."""
    from scipy.sparse import csr_array

    ends = np.cumsum(np.bincount(bag, minlength=bags))
    return csr_array((factor, indices, np.concatenate(([0], ends))), (bags, rows))


@primitive(
    "_embedding_bag",
    vjp={
        "weight": lambda grad, weight_shape, factor, indices, bag: _bag_transposed(grad, factor, indices, bag, weight_shape[0]),
        "factor": lambda grad, weight, indices, bag: _bag_products(grad, weight, indices, bag),
    },
    tensors=("weight", "factor", "indices", "bag"), method=False, namespace=(), node="EmbeddingBagBackward0", jvp=MULTILINEAR,
)  # fmt: skip
def _embedding_bag(weight, factor, indices, bag, bags):
    """Sum the rows that `indices` name, each times its factor, into the bags that `bag` names."""
    if type(weight) is np.ndarray and indices.size * weight.shape[1] >= _SPARSE:
        return _matrix(factor, indices, bag, bags, len(weight)) @ weight
    return add_rows(bags, bag, np.take(weight, indices, 0) * factor.reshape((-1, 1)))


@primitive(
    "_bag_transposed",
    vjp={
        "self": lambda grad, self_shape, factor, indices, bag: _embedding_bag(grad, factor, indices, bag, self_shape[0]),
        "factor": lambda grad, self, indices, bag: _bag_products(self, grad, indices, bag),
    },
    tensors=("self", "factor", "indices", "bag"), method=False, namespace=(), jvp=MULTILINEAR,
)  # fmt: skip
def _bag_transposed(self, factor, indices, bag, rows):
    """Add each bag's row of `self`, times factors, to the rows that `indices` name: the gradient of what was summed."""
    if type(self) is np.ndarray and indices.size * self.shape[1] >= _SPARSE:
        return _matrix(factor, indices, bag, len(self), rows).T @ self
    return add_rows(rows, indices, np.take(self, bag, 0) * factor.reshape((-1, 1)))


@primitive(
    "_bag_products",
    vjp={
        "self": lambda grad, self_shape, other, indices, bag: _embedding_bag(other, grad, indices, bag, self_shape[0]),
        "other": lambda grad, self, other_shape, indices, bag: _bag_transposed(self, grad, indices, bag, other_shape[0]),
    },
    tensors=("self", "other", "indices", "bag"), method=False, namespace=(), jvp=MULTILINEAR,
)  # fmt: skip
def _bag_products(self, other, indices, bag):
    """For each index the product of its bag's row of `self` and the row of `other` that it names: the gradient of the factors."""
    return np.einsum("ij,ij->i", np.take(self, bag, 0), np.take(other, indices, 0))


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
    share = wrap(np.where(kept, 1 / np.maximum(held, 1)[bag] if mode == "mean" else 1, 0).astype(weight._array.dtype))
    factor = share if scaled is None else scaled if padding_idx is None else scaled * share
    return _embedding_bag.function(weight, factor, indices, wrap(bag), len(starts))
