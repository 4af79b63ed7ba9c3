"""Operators that PyTorch's own functions stand on, under their own names: `native_layer_norm`, `_softmax_backward_data`, `_chunk_cat` and their like."""

from __future__ import annotations

import numpy as np

from .._engine.op import composite, primitive
from .._engine.observe import tell_read
from .._engine.tensor import wrap
from .elementary import rsqrt
from .indexing import index, index_put
from .joining import cat
from .layers import pad
from .normalization import _batch_norm_of, _check_normalized, _group_norm, _layer_norm
from .reduction import sum
from .shape import dims_of

# ---- normalization, with the statistics


@composite(method=False)
def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """Give `layer_norm`, and the mean and reciprocal standard deviation it took, through which no gradient flows."""
    out = _layer_norm.function(input, weight, bias, _check_normalized(input, normalized_shape, weight, bias), eps)
    return out.output, out.mean.detach(), out.rstd.detach()


@composite(method=False)
def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """Give `group_norm` of N examples of C channels and HxW places, and the mean and reciprocal standard deviation of each group, (N, group)."""
    x = input.reshape((N, C, HxW))
    out = _group_norm.function(x, weight, bias, group, eps).output.reshape(input.shape)
    groups = x.reshape((N, group, -1))
    return out, groups.mean(-1), rsqrt.function(groups.var(-1, correction=0) + eps)


def _with_statistics(input, weight, bias, running_mean, running_var, training, momentum, eps):
    out = _batch_norm_of(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return out.output, input.new_zeros((0,)), input.new_zeros((0,))
    return out.output, out.mean.detach().reshape((-1,)), out.rstd.detach().reshape((-1,))


@composite(method=False)
def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    """Give `batch_norm`, and in training the mean and reciprocal standard deviation of each channel, through which no gradient flows."""
    return _with_statistics(input, weight, bias, running_mean, running_var, training, momentum, eps)


@composite("_native_batch_norm_legit", method=False)
def _native_batch_norm_legit(input, weight, bias, *rest):
    """The same, also without running statistics: (input, weight, bias, training, momentum, eps)."""
    return _with_statistics(input, weight, bias, *((None, None) if len(rest) == 3 else ()), *rest)


# ---- softmax


@primitive(
    "_softmax_backward_data", tensors=("grad_output", "output"), method=False,
    vjp={
        "grad_output": lambda grad, output, dim, input_dtype: _softmax_backward_data(grad, output, dim, input_dtype),
        "output": lambda grad, grad_output, output, dim: (
            grad * (grad_output - sum(grad_output * output, dim, True)) - grad_output * sum(grad * output, dim, True)
        ),
    },
)  # fmt: skip
def _softmax_backward_data(grad_output, output, dim, input_dtype=None):
    """The gradient of softmax, by that of its output."""
    weighted = grad_output * output
    return weighted - output * weighted.sum(dim, keepdims=True) if output.ndim else weighted - output * weighted


# ---- parts


@composite("_chunk_cat", method=False)
def _chunk_cat(tensors, dim, num_chunks):
    """Cut tensors along a dimension into chunks, with zeros behind the last, and join the flattened chunks of the same number."""
    if not tensors:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    if dim < 0 and len({x.ndim for x in tensors}) > 1:
        raise RuntimeError("_chunk_cat expects non-negative dim when input tensors have different ndims")
    if any(dim >= x.ndim for x in tensors):
        raise RuntimeError("_chunk_cat expects dim < ndim for all input tensors")
    (d,) = dims_of(dim, tensors[0].ndim)
    rows = []
    for x in tensors:
        if not x.numel():
            raise RuntimeError("_chunk_cat expects non-empty tensor")
        if x.shape[:d] != tensors[0].shape[:d]:
            raise RuntimeError("_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors")
        missing = -x.shape[d] % num_chunks
        padded = pad(x, (0, 0) * (x.ndim - 1 - d) + (0, missing)) if missing else x
        rows.append(padded.reshape((*x.shape[:d], num_chunks, -1)))
    return cat(rows, -1)


def _within(self, indices):
    """Index tensors as arrays, numbers beyond the ends being brought to them: what they name there is masked."""
    arrays = []
    for i, n in zip(indices, self.shape):
        tell_read(i)
        arrays.append(None if i is None else np.clip(i._array, -n, n - 1))
    return arrays


@composite("_unsafe_masked_index", method=False)
def _unsafe_masked_index(self, mask, indices, fill):
    """Take the elements at index tensors, and `fill` where the mask is false; there, indices may be out of bounds."""
    return index.function(self, tuple(_within(self, indices))).masked_fill(~mask, fill)


@composite("_unsafe_masked_index_put_accumulate", method=False)
def _unsafe_masked_index_put_accumulate(self, mask, indices, values):
    """Copy a tensor with `values` added at index tensors where the mask is true; elsewhere, indices may be out of bounds."""
    return index_put(self, tuple(wrap(a) for a in _within(self, indices)), values.masked_fill(~mask, 0), True)


# ---- bits


@primitive()
def hash_tensor(self, dim=(), *, keepdim=False, mode=0):
    """Combine the bits of all elements, or of those along `dim`, by exclusive or: floats as those of doubles, integers as of 64-bit ones."""
    if mode != 0:
        raise RuntimeError(f"hash_tensor: unknown mode {mode}")
    if self.dtype.kind == "c":
        raise NotImplementedError("\"hash_tensor\" not implemented for complex numbers")
    bits = self.astype(np.float64 if self.dtype.kind == "f" else np.int64).view(np.uint64)
    axis = tuple(range(self.ndim)) if isinstance(dim, (tuple, list)) and not dim else dims_of(dim, self.ndim)
    return np.bitwise_xor.reduce(bits, axis=axis, keepdims=keepdim) if self.ndim else bits
