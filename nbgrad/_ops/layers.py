"""Lookups, products and paddings of `nn.functional` that stand on matrices and indices: `linear`, `embedding`, `pad`, attention."""

from __future__ import annotations

import math

import numpy as np

from .._engine import errors
from .._engine.arguments import check_alike, must_be, require_tensor
from .._engine.batched import anywhere, outside, zeros_for
from .._engine.batching import by_example
from .._engine.op import LINEAR, NAMES, composite, facade, plain, primitive
from .._engine.tensor import wrap
from .gathering import _slices_added, add_rows
from .matmul import _C_TYPES, _product, _squeezed, dot, mm
from .random import functional_dropout
from .shape import _unsafe_view, t

HERE = ("nn.functional",)


def _linear_node(input, weight, bias):
    return "MmBackward0" if bias is None else "AddmmBackward0"


@primitive(
    "_linear",
    vjp={"input": lambda grad, weight: mm(grad, weight), "weight": lambda grad, input: mm(t(grad), input), "bias": lambda grad: grad},
    tensors=("input", "weight"), method=False, namespace=(), node=_linear_node,
)  # fmt: skip
def _linear(input, weight, bias):
    """Multiply a matrix (n, m) by the transpose of another (p, m), and add a vector (p)."""
    if input.shape[1] != weight.shape[1]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({input.shape[0]}x{input.shape[1]} and {weight.shape[1]}x{weight.shape[0]})"
        )
    if input.dtype is not weight.dtype and input.dtype != weight.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {_C_TYPES[input.dtype.name]} != {_C_TYPES[weight.dtype.name]}")
    out = input.dot(weight.T) if type(weight) is np.ndarray else np.dot(input, weight.T)
    if bias is None:
        return out
    if bias.shape not in ((weight.shape[0],), (1,), ()) and not (bias.ndim == 2 and all(n in (1, m) for n, m in zip(bias.shape, out.shape))):
        raise RuntimeError(
            f"The expanded size of the tensor ({weight.shape[0]}) must match the existing size ({bias.shape[-1]}) at non-singleton dimension 1.  "
            f"Target sizes: [{out.shape[0]}, {out.shape[1]}].  Tensor sizes: {list(bias.shape)}"
        )
    if bias.dtype != out.dtype:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {bias.dtype} and {out.dtype}")
    if type(bias) is not np.ndarray:
        return out + bias
    out += bias
    return out


@composite("nn.functional.linear", method=False, namespace=HERE)
def linear(input, weight, bias=None):
    """Compute `input @ weight.T + bias`: (…, m) with a weight (p, m) gives (…, p)."""
    if bias is not None:
        require_tensor("linear", "bias", 2, bias)
    n, w = input._array.ndim, weight._array.ndim
    if n == 2 and w == 2:
        return _linear(input, weight, bias)
    if w == 1:
        if bias is not None:
            raise RuntimeError("mat2 must be a matrix, got 1-D tensor")
        return input.matmul(weight) if n != 1 else dot.function(input, weight)
    shape = input._array.shape
    if n == 1:
        out = _linear(input.unsqueeze(0), weight, bias)
        return _squeezed(out, out._array.shape[1:]) if bias is None else out.view((out._array.shape[1],))
    if n < 1:
        raise RuntimeError("both arguments to linear need to be at least 1D, but they are 0D and 2D")
    if bias is not None and not input._array.flags.c_contiguous:
        return input.matmul(weight.t()) + bias
    out = _linear(input.reshape((_product(shape[:-1]), shape[-1])), weight, bias)
    size = (*shape[:-1], weight._array.shape[0])
    return _unsafe_view(out, size) if bias is None else out.view(size)


@composite("nn.functional.bilinear", method=False, namespace=HERE)
def bilinear(input1, input2, weight, bias=None):
    """Compute `input1 @ weight[k] @ input2 + bias[k]` for each k: (…, n) and (…, m) with a weight (p, n, m) give (…, p)."""
    if input1._array.shape[:-1] != input2._array.shape[:-1]:
        raise RuntimeError(f"bilinear(): input batch dimensions do not match: got {list(input1._array.shape[:-1])} and {list(input2._array.shape[:-1])}")
    for name, x, d in (("input1", input1, 1), ("input2", input2, 2)):
        if x._array.shape[-1] != weight._array.shape[d]:
            raise RuntimeError(f"bilinear(): {name} size does not match weight size: got {x._array.shape[-1]} but expected {weight._array.shape[d]}")
    if bias is not None:
        require_tensor("bilinear", "bias", 3, bias)
        if bias._array.ndim > 1 or bias._array.ndim and bias._array.shape[0] != weight._array.shape[0]:
            raise RuntimeError(f"bilinear(): bias size does not match weight size: got {bias._array.shape[0]} but expected {weight._array.shape[0]}")
    check_alike(weight, input1, input2, bias, says="All tensors must have the same dtype, got {} and {}")
    out = NAMES["einsum"]("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias


# ---- lookups


def _rows_named(input, weight, padding_idx):
    if input.dtype.name not in ("int64", "int32"):
        from .._engine.dtypes import of_array

        raise RuntimeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
                           f"torch.{of_array(input.dtype).tensor_name}Tensor instead (while checking arguments for embedding)")  # fmt: skip
    if outside(input, 0, weight.shape[0]):
        raise IndexError("index out of range in self")


@primitive(
    "_embedding", vjp={"weight": lambda grad, input, weight_shape, padding_idx: _embedding_backward(grad, input, weight_shape[0], padding_idx)},
    tensors=("input", "weight"), method=False, namespace=(), node="EmbeddingBackward0", jvp=LINEAR,
)  # fmt: skip
def _embedding(input, weight, padding_idx):
    """Take rows of a matrix by index."""
    _rows_named(input, weight, padding_idx)
    return np.take(weight, input, axis=0)


@primitive(
    "_embedding_backward", vjp={"self": lambda grad, input, padding_idx: _embedding_rows(grad, input, padding_idx)}, tensors=("self", "input"),
    method=False, namespace=(), node="EmbeddingDenseBackwardBackward0",
)  # fmt: skip
def _embedding_backward(self, input, count, padding_idx):
    """Add rows up where they were taken from, except in the row of padding."""
    out = add_rows(count, input.reshape(-1), self.reshape((input.size, self.shape[-1])))
    if padding_idx >= 0:
        out[padding_idx] = 0
    return out


@primitive(
    "_embedding_rows", vjp={"self": lambda grad, self_shape, input, padding_idx: _embedding_backward(grad, input, self_shape[0], padding_idx)},
    tensors=("self", "input"), method=False, namespace=(),
)  # fmt: skip
def _embedding_rows(self, input, padding_idx):
    """Take rows by index, zeros for the row of padding."""
    out = np.take(self, input, axis=0)
    if padding_idx >= 0:
        out[input == padding_idx] = 0
    return out


@composite("nn.functional.embedding", method=False, namespace=HERE)
def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Take the rows of `weight` that the integers in `input` name; the row `padding_idx` gets no gradient."""
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise errors.unsupported("embedding with max_norm, scale_grad_by_freq or sparse")
    if weight._array.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    rows = weight._array.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    return _embedding(input, weight, -1 if padding_idx is None else padding_idx)


@plain("nn.functional.one_hot", namespace=HERE)
@by_example
def one_hot(tensor, num_classes=-1):
    """Turn class numbers into rows of zeros with a one at that number; the classes are counted unless `num_classes` says."""
    if type(num_classes) is float:
        raise must_be("one_hot", "num_classes", 1, "int", num_classes)
    array = tensor._array
    if array.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if array.size == 0 and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if array.size and array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(array.max()) + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif array.size and array.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap((array[..., None] == np.arange(num_classes)).astype(np.int64))


# ---- padding


@primitive(
    "_pad_constant", vjp={"self": lambda grad, pad: _pad_constant(grad, tuple(-p for p in pad), 0)}, method=False, namespace=(),
    node="ConstantPadNdBackward0",
)  # fmt: skip
def _pad_constant(self, pad, value):
    """Add a border of one value around the last dimensions, or cut one off where `pad` is negative."""
    pairs = _pairs(pad, self.ndim)
    shape = [n + a + b for n, (a, b) in zip(self.shape, pairs)]
    for d, n in enumerate(shape):
        if n < 0:
            raise RuntimeError(
                f"The input size {self.shape[d]}, plus negative padding {pairs[d][0]} and {pairs[d][1]} resulted in a negative output size, "
                f"which is invalid. Check dimension {d} of your input."
            )
        if self.shape[d] + min(pairs[d][0], 0) + min(pairs[d][1], 0) < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
    out = np.full(shape, value, self.dtype) if type(self) is np.ndarray else zeros_for(shape, self.dtype, self) + self.dtype.type(value)
    inner = tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(shape, pairs))
    source = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(self.shape, pairs))
    out[inner] = self[source]
    return out


def _pairs(pad, ndim):
    """Padding as one pair (before, after) per dimension, from the first one on; torch gives it from the last one on."""
    given = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(given)) + given[::-1]


def _sources(n, before, after, mode):
    """Where each of the `before + n + after` elements of a padded dimension comes from."""
    places = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(places, 0, n - 1)
    if mode == "circular":
        return places % n
    places = np.abs(places)
    return np.where(places >= n, 2 * (n - 1) - places, places)


def _pad_node(self, pad, mode):
    kind = {"reflect": "ReflectionPad", "replicate": "ReplicationPad"}.get(mode)
    return f"{kind}{len(pad) // 2}DBackward0" if kind else "CopySlices"


@primitive(
    "_pad_copies", vjp={"self": lambda grad, self_shape, pad, mode: _pad_copies_backward(grad, self_shape, pad, mode)}, method=False,
    namespace=(), node=_pad_node,
)  # fmt: skip
def _pad_copies(self, pad, mode):
    """Add a border of copies of the elements: mirrored, of the edge, or from the other side."""
    out = self
    for d, (before, after) in enumerate(_pairs(pad, self.ndim)):
        if before or after:
            out = np.take(out, _sources(self.shape[d], before, after, mode), axis=d)
    return out if out is not self else self.copy()


@primitive(
    "_pad_copies_backward", vjp={"self": lambda grad, pad, mode: _pad_copies(grad, pad, mode)}, method=False, namespace=(),
)  # fmt: skip
def _pad_copies_backward(self, shape, pad, mode):
    """Add what lies in a border of copies to the elements that were copied."""
    out = self
    for d, (before, after) in enumerate(_pairs(pad, len(shape))):
        if before or after:
            smaller = np.zeros((*out.shape[:d], shape[d], *out.shape[d + 1 :]), self.dtype)
            out = _slices_added(smaller, d, _sources(shape[d], before, after, mode), out)
    return out


def _check_pairs(pad, ndim):
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * ndim:
        raise RuntimeError(f"Padding length should be less than or equal to two times the input dimension but got padding length {len(pad)} "
                           f"and input of dimension {ndim}")  # fmt: skip


@composite("nn.functional.pad", method=False, namespace=HERE)
def pad(input, pad, mode="constant", value=None):
    """Add borders: `pad` holds (before, after) for the last dimension, then for the one before it, and so on; negative numbers cut off.

    `mode` is "constant" (of `value`, 0), "reflect", "replicate" or "circular".
    """
    if isinstance(pad, (str, int, float)) or pad is None:
        raise must_be("pad", "pad", 1, "tuple of ints", pad)
    pad = tuple(int(p) for p in pad)
    ndim = input._array.ndim
    _check_pairs(pad, ndim)
    if mode == "constant":
        return _pad_constant(input, pad, 0 if value is None else value)
    if value:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    padded = len(pad) // 2
    if padded not in (1, 2, 3) or ndim - padded not in (1, 2):
        raise NotImplementedError(f"Padding size {len(pad)} is not supported for {ndim}D input tensor.\nSupported combinations for non-constant padding: "
                                  "the last dimension of 2D or 3D input, the last two of 3D or 4D input, the last three of 4D or 5D input")  # fmt: skip
    if mode != "circular" and 0 in input._array.shape[ndim - padded - 1 :]:
        raise RuntimeError(f"Expected {padded + 1}D or {padded + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
                           f"input, but got: {list(input._array.shape)}")  # fmt: skip
    for d, (before, after) in enumerate(_pairs(pad, ndim)):
        n = input._array.shape[d]
        if mode == "reflect" and (before >= n or after >= n) and (before or after):
            raise RuntimeError(f"Padding size should be less than the corresponding input dimension, but got: padding ({before}, {after}) at dimension {d} of input {list(input._array.shape)}")
        if mode == "circular" and (before > n or after > n):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if n == 0 and (before or after):
            raise RuntimeError(f"{mode} padding of a dimension without elements: input has sizes {list(input._array.shape)}")
    if mode == "circular" and any(p < 0 for p in pad):  # what is cut off does not come back on the other side
        input = _pad_constant(input, tuple(min(p, 0) for p in pad), 0)
        pad = tuple(max(p, 0) for p in pad)
    return _pad_copies(input, pad, mode)


@facade(method=False)
def constant_pad_nd(input, pad, value=0):
    """Add borders of one value: `pad` holds (before, after) for the last dimension, then for the one before it, and so on."""
    pad = tuple(int(p) for p in pad)
    _check_pairs(pad, input._array.ndim)
    return _pad_constant.function(input, pad, value)


# ---- attention


@composite("nn.functional.scaled_dot_product_attention", method=False, namespace=HERE)
def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """Weight the rows of `value` (…, s, e) by the softmax of `query @ key.T * scale`: (…, l, d) and (…, s, d) give (…, l, e).

    `attn_mask` (…, l, s) is added to the scores, or lets through where it is True; `is_causal` lets row i see columns up to i.
    Of the weights, `dropout_p` are dropped.
    """
    if min(x._array.ndim for x in (query, key, value)) < 2:
        raise RuntimeError("scaled_dot_product_attention: Expected query, key, and value to all be at least 2 dimensional, but got query.dim: "
                           f"{query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead.")  # fmt: skip
    length, sources = query._array.shape[-2], key._array.shape[-2]
    scale = 1 / math.sqrt(query._array.shape[-1]) if scale is None else scale
    if enable_gqa:
        groups = query._array.shape[-3] // key._array.shape[-3]
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        attn_mask = wrap(np.tril(np.ones((length, sources), bool)))
    scores = query.matmul(key.transpose(-2, -1)) * scale
    weights = None
    if attn_mask is not None:
        if attn_mask._array.dtype.kind == "b":
            scores = scores.masked_fill(wrap(~attn_mask._array), -math.inf)
            blind = ~attn_mask._array.any(-1, keepdims=True)
            weights = scores.softmax(-1)
            if anywhere(blind):  # a row that may look at nothing sees zeros
                weights = weights.masked_fill(wrap(blind), 0.0)
        else:
            scores = scores + attn_mask
    if weights is None:
        weights = scores.softmax(-1)
    return (functional_dropout(weights, dropout_p) if dropout_p > 0 else weights).matmul(value)
