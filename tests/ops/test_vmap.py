"""Every operator under `vmap` gives what a loop over the examples gives, and the common ones work on whole batches."""

from __future__ import annotations

import warnings

import pytest

from .vmapped import all_cases, compare

# what has to be worked out for all examples at once, forward and backward, with any of its arguments mapped
BATCHED = frozenset(
    """
    abs acos add addmm addmv amax amin argmax atan2 baddbmm batch_norm bmm cat ceil chunk clamp clone cos cosh cosine_similarity cumsum diagonal div
    dot einsum elu eq erf exp expand expm1 flatten flip floor gather ge gelu group_norm gt hardtanh hstack huber_loss inner kl_div l1_loss layer_norm
    le leaky_relu lerp linalg.det linalg.inv linalg.norm linalg.solve log log1p log_softmax logsumexp lt masked_fill matmul max maximum mean min
    minimum mm movedim mse_loss mul mv narrow ne neg nn.functional.linear norm outer permute pow prod reciprocal relu remainder reshape roll round
    rsqrt rsub scatter select sigmoid sign silu sin sinh smooth_l1_loss softmax softplus sort split sqrt square squeeze stack std sub sum swapaxes
    t take_along_dim tan tanh tensordot topk transpose tril triu true_divide unbind unfold unflatten unsqueeze var view vstack where xlogy
    """.split()
)


@pytest.mark.parametrize(
    ("name", "sample", "way"), [pytest.param(name, sample, way, id=f"{name}-{i}-{way}") for name, i, sample, way in all_cases()]
)
def test_vmap_gives_what_a_loop_gives(name, sample, way):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ran = compare(name, sample, way)
    if ran is not None and name in BATCHED:
        assert "loop" not in ran


def test_the_list_of_batched_operators_names_operators():
    assert sorted(BATCHED - {name for name, *_ in all_cases()}) == []
