"""Samples for attention by several heads: (length, batch, features)."""

import numpy as np

from . import Maker, Sample

m = Maker(31)
SIZE, HEADS = 4, 2


def attention(length=2, sources=3, batch=(2,), size=SIZE, grown=(None, None, False), **kwargs):
    """Other tensors for query, key and value; `grown`: bias_k, bias_v, add_zero_attn."""
    query, key, value = m.real(length, *batch, size), m.real(sources, *batch, size), m.real(sources, *batch, size)
    projection = (m.real(3 * size, size), m.real(3 * size))
    sample = Sample(query, key, value, size, HEADS, *projection, *grown, 0.0, m.real(size, size), m.real(size), **kwargs)
    return sample.but(second=kwargs.get("need_weights", True))  # without the weights PyTorch has no second derivatives


def with_own_weights(**kwargs):
    query, key, value = m.real(2, 2, SIZE), m.real(3, 2, 3), m.real(3, 2, 5)
    own = {f"{letter}_proj_weight": m.real(SIZE, n) for letter, n in zip("qkv", (SIZE, 3, 5))}
    sample = Sample(query, key, value, SIZE, HEADS, None, m.real(3 * SIZE), None, None, False, 0.0, m.real(SIZE, SIZE), None, True,
                  use_separate_proj_weight=True, **own, **kwargs)  # fmt: skip
    return sample.but(second=kwargs.get("need_weights", True))


hidden = np.array([[False, True, False], [True, False, False]])
SAMPLES = {
    "nn.functional.multi_head_attention_forward": [
        attention(),
        attention(need_weights=False),
        attention(batch=()),
        attention(batch=(), need_weights=False, average_attn_weights=False),
        attention(average_attn_weights=False),
        attention(attn_mask=hidden),
        attention(attn_mask=hidden, key_padding_mask=hidden, need_weights=False),
        attention(attn_mask=m.real(2, 3), key_padding_mask=m.real(2, 3)),
        attention(attn_mask=m.real(4, 2, 3), need_weights=False),
        attention(attn_mask=m.real(2, 3), need_weights=False),
        attention(grown=(m.real(1, 1, SIZE), m.real(1, 1, SIZE), False), attn_mask=m.real(2, 3)),
        attention(grown=(m.real(1, 1, SIZE), m.real(1, 1, SIZE), True), key_padding_mask=hidden, need_weights=False),
        attention(sources=2, attn_mask=np.triu(np.ones((2, 2), bool), 1), is_causal=True, need_weights=False),
        attention(static_k=m.real(4, 3, 2), static_v=m.real(4, 3, 2)),
        with_own_weights(),
        with_own_weights(need_weights=False, attn_mask=hidden),
    ],
}
