"""`nn.functional.multi_head_attention_forward`: attention by several heads, with its projections and masks.

Written with operators. Queries, keys and values come as (length, batch, features), or without the batch, as (length, features).
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from .._engine.op import composite
from .._engine.tensor import wrap
from .layers import linear, pad, scaled_dot_product_attention
from .joining import cat
from .matmul import baddbmm, bmm
from .random import functional_dropout


def _require(condition, message):
    if not condition:
        raise AssertionError(message)


def _check_dimensions(query, key, value, key_padding_mask, attn_mask, num_heads) -> bool:
    """Whether there is a batch dimension; raises PyTorch's `AssertionError` where the dimensions do not fit together."""
    ndim = query.dim()
    _require(ndim in (2, 3), f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor")
    what = "For batched (3-D) `query`" if ndim == 3 else "For unbatched (2-D) `query`"
    _require(
        key.dim() == value.dim() == ndim,
        f"{what}, expected `key` and `value` to be {ndim}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively",
    )
    if key_padding_mask is not None:
        found = key_padding_mask.dim()
        _require(found == ndim - 1, f"{what}, expected `key_padding_mask` to be `None` or {ndim - 1}-D but found {found}-D tensor instead")
    if attn_mask is not None:
        _require(attn_mask.dim() in (2, 3), f"{what}, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D tensor instead")
        if ndim == 2 and attn_mask.dim() == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            _require(tuple(attn_mask.shape) == expected, f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}")
    return ndim == 3


def _additive(mask, name, like):
    """A mask as numbers to be added to scores: minus infinity where a mask of bools is true."""
    if mask is None or mask.is_floating_point():
        return mask
    _require(mask._array.dtype.kind == "b", f"only bool and floating types of {name} are supported")
    return wrap(np.zeros((), like._array.dtype)).expand(mask.shape).masked_fill(mask, -math.inf)


def _projected(query, key, value, weight, bias, separate):
    """Queries, keys and values each by its own projection: by thirds of one weight, or by separate ones."""
    size = query.shape[-1]
    if separate is None:
        _require(key.shape == value.shape, f"key shape {key.shape} does not match value shape {value.shape}")
        _require(weight is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        weights = weight.chunk(3)
    else:
        _require(key.shape[:2] == value.shape[:2], f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
        weights = separate
        for letter, what, x, one in zip("qkv", ("query", "key", "value"), (query, key, value), weights):
            _require(one is not None, f"use_separate_proj_weight is True but {letter}_proj_weight is None")
            expected = (size, x.shape[-1])
            _require(tuple(one.shape) == expected, f"expecting {what} weights shape of {expected}, but got {one.shape}")
    biases = (None, None, None) if bias is None else bias.chunk(3)
    if separate is None and key is value:
        if query is key:
            return linear(query, weight, bias).chunk(3, -1)
        both = linear(key, weight[size:], None if bias is None else bias[size:])
        return linear(query, weights[0], biases[0]), *both.chunk(2, -1)
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))


def _checked_mask(mask, batch, num_heads, length, sources):
    """An attention mask with a dimension for batch and heads."""
    if mask is None:
        return None
    given, expected = tuple(mask.shape), (length, sources) if mask.dim() == 2 else (batch * num_heads, length, sources)
    if given != expected:
        raise RuntimeError(f"The shape of the {len(given)}D attn_mask is {mask.shape}, but should be {expected}.")
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _of_heads(x, batch, num_heads):
    """(length, batch, features) as (batch times heads, length, features of a head)."""
    length, _, size = x.shape
    return x.contiguous().view(length, batch * num_heads, size // num_heads).transpose(0, 1)


def _fixed(given, x, name, batch, num_heads):
    """Keys or values of the heads, or those given instead of them."""
    if given is None:
        return _of_heads(x, batch, num_heads)
    for dim, n in ((0, batch * num_heads), (2, x.shape[-1] // num_heads)):
        _require(given.shape[dim] == n, f"expecting {name}.size({dim}) of {n}, but got {given.shape[dim]}")
    return given


def _with_padding(mask, padding, batch, num_heads, sources):
    """An attention mask together with one that hides keys."""
    if padding is None:
        return mask
    for dim, n in enumerate((batch, sources)):
        _require(padding.shape[dim] == n, f"Expected key_padded_mask.shape[{dim}] to be {n}, but got {padding.shape[dim]}")
    padding = padding.view(batch, 1, 1, sources).expand(-1, num_heads, -1, -1).reshape(batch * num_heads, 1, sources)
    return padding if mask is None else mask + padding


def _one_more(mask):
    return None if mask is None else pad(mask, (0, 1))


@composite("nn.functional.multi_head_attention_forward", method=False, namespace=("nn.functional",))
def multi_head_attention_forward(
    query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v, add_zero_attn, dropout_p, out_proj_weight,
    out_proj_bias, training=True, key_padding_mask=None, need_weights=True, attn_mask=None, use_separate_proj_weight=False, q_proj_weight=None,
    k_proj_weight=None, v_proj_weight=None, static_k=None, static_v=None, average_attn_weights=True, is_causal=False,
):  # fmt: skip
    """Attend by several heads: (l, n, e) queries, (s, n, e) keys and values give (l, n, e), and weights (n, l, s) if `need_weights`, else None.

    `attn_mask` (l, s) or (n * heads, l, s) and `key_padding_mask` (n, s) hide where they are True, or are added to the scores. The weights are
    averaged over the heads unless `average_attn_weights` is False: then (n, heads, l, s). `bias_k` and `bias_v` are one more key and value, of
    zeros with `add_zero_attn`. `static_k` and `static_v` stand in for the heads' keys and values. Without a batch, n falls away everywhere.
    """
    batched = _check_dimensions(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        one = {id(x): x.unsqueeze(1) for x in (query, key, value)}  # the same tensor stays the same
        query, key, value = one[id(query)], one[id(key)], one[id(value)]
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, size = query.shape
    if None not in (attn_mask, key_padding_mask) and attn_mask.dtype is not key_padding_mask.dtype:
        warnings.warn("Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead.", stacklevel=3)
    key_padding_mask = _additive(key_padding_mask, "key_padding_mask", query)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                           "`generate_square_subsequent_mask` to create this mask.")  # fmt: skip
    is_causal = bool(is_causal and key_padding_mask is None and not need_weights)  # else the mask itself says it
    attn_mask = None if is_causal else _additive(attn_mask, "attn_mask", query)
    _require(size == embed_dim_to_check, f"was expecting embedding dimension of {embed_dim_to_check}, but got {size}")
    _require(size % num_heads == 0, f"embed_dim {size} not divisible by num_heads {num_heads}")
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias, separate)
    attn_mask = _checked_mask(attn_mask, batch, num_heads, length, key.shape[0])
    _require(bias_k is None or bias_v is not None, "bias_k is set but bias_v is None")
    _require(bias_v is None or bias_k is not None, "bias_v is set but bias_k is None")
    if bias_k is not None:
        _require(static_k is None, "bias cannot be added to static key.")
        _require(static_v is None, "bias cannot be added to static value.")
        k, v = cat((k, bias_k.repeat(1, batch, 1))), cat((v, bias_v.repeat(1, batch, 1)))
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    q = _of_heads(q, batch, num_heads)
    k, v = _fixed(static_k, k, "static_k", batch, num_heads), _fixed(static_v, v, "static_v", batch, num_heads)
    if add_zero_attn:
        k, v = (cat((x, x.new_zeros((batch * num_heads, 1, size // num_heads))), 1) for x in (k, v))
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    mask = _with_padding(attn_mask, key_padding_mask, batch, num_heads, k.shape[1])
    attend = _attended_with_weights if need_weights else _attended
    out, weights = attend(q, k, v, mask, dropout_p if training else 0.0, is_causal, batch, num_heads)
    out = linear(out.reshape(length * batch, size), out_proj_weight, out_proj_bias).view(length, batch, out_proj_weight.shape[0])
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    if batched:
        return out, weights
    return out.squeeze(1), None if weights is None else weights.squeeze(0)


def _attended_with_weights(q, k, v, mask, dropout_p, is_causal, batch, num_heads):
    """What the heads see, (length, batch and heads, features), and with which weights, (batch, heads, length, sources)."""
    q, k = q * math.sqrt(1 / q.shape[-1]), k.transpose(-2, -1)
    scores = bmm(q, k) if mask is None else baddbmm(mask, q, k)
    weights = scores.softmax(-1)
    if dropout_p > 0:
        weights = functional_dropout(weights, dropout_p)
    return bmm(weights, v).transpose(0, 1), weights.view(batch, num_heads, *weights.shape[1:])


def _attended(q, k, v, mask, dropout_p, is_causal, batch, num_heads):
    """The same without the weights."""
    q, k, v = (x.contiguous().view(batch, num_heads, *x.shape[1:]) for x in (q, k, v))
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.shape[0] == 1 else mask.view(batch, num_heads, -1, k.shape[2])
    return scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal).permute(2, 0, 1, 3), None
