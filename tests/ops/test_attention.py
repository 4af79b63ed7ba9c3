"""Attention by several heads where a sample cannot say it: one tensor for several arguments, dropout, and errors."""

import numpy as np
import pytest

import nbgrad

torch = pytest.importorskip("torch")
SIZE, HEADS = 4, 2


def call(T, same, dropout_p=0.0, need_weights=True, **kwargs):
    random = np.random.default_rng(0)
    weight, bias, out = (T.tensor(random.normal(size=shape), requires_grad=True) for shape in ((3 * SIZE, SIZE), (3 * SIZE,), (SIZE, SIZE)))
    query, key = (T.tensor(random.normal(size=(3, 2, SIZE)), requires_grad=True) for _ in range(2))
    value = key
    if same:
        key = value = query
    T.manual_seed(0)
    result = T.nn.functional.multi_head_attention_forward(
        query, key, value, SIZE, HEADS, weight, bias, None, None, False, dropout_p, out, None, need_weights=need_weights, **kwargs
    )
    loss = (result[0] ** 2).sum() + (0 if result[1] is None else (result[1] ** 2).sum())
    return [*result, *T.autograd.grad(loss, [query, weight, bias, out])]


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("dropout_p", [0.0, 0.4])
@pytest.mark.parametrize("need_weights", [True, False])
def test_one_tensor_for_several_arguments_and_dropout_are_as_in_torch(same, dropout_p, need_weights):
    ours, theirs = (call(T, same, dropout_p, need_weights) for T in (nbgrad, torch))
    for g, e in zip(ours, theirs):
        assert (g is None) == (e is None)
        if g is not None:
            np.testing.assert_allclose(g.numpy(force=True), e.numpy(force=True), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_in_attention_draws_as_torch_does(dtype):
    results = []
    for T in (nbgrad, torch):
        q, k, v = (T.tensor(a.astype(dtype)) for a in np.random.default_rng(0).normal(size=(3, 2, 5, 4)))
        T.manual_seed(1)
        results.append(T.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=0.5).numpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"attn_mask": (2, 2)}, {"attn_mask": (3,)}, {"attn_mask": (3, 3, 3)}, {"key_padding_mask": (3, 3)}, {"key_padding_mask": (2,)},
        {"is_causal": True}, {"use_separate_proj_weight": True}, {"static_k": (2, 3, 2)}, {"static_v": (4, 3, 1)},
    ],
)  # fmt: skip
def test_errors_are_those_of_torch(wrong):
    messages = []
    for T in (nbgrad, torch):
        given = {k: T.zeros(v) if isinstance(v, tuple) else v for k, v in wrong.items()}
        with pytest.raises((RuntimeError, AssertionError)) as caught:
            call(T, False, **given)
        messages.append((caught.type, str(caught.value)))
    assert messages[0] == messages[1]
