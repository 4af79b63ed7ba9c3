"""Samples for losses and distances."""

import numpy as np

from . import Maker, Sample

m = Maker(7)
REDUCTIONS = ("mean", "sum", "none")


def pair(second, **kwargs):
    """An input and a target, each reduction."""
    return [Sample(m.real(2, 3), second(), reduction=r, **kwargs) for r in REDUCTIONS] + [
        Sample(m.real(2, 3, dtype=np.float32), second().astype(np.float32), **kwargs)
    ]


def signs(*shape):
    return np.asarray(m.whole(*shape, low=0, high=2) * 2 - 1)


def classes(*shape, n=4):
    return m.whole(*shape, low=0, high=n)


def probabilities(*shape):
    p = m.real(*shape, low=0.1, high=1.0)
    return p / p.sum(1, keepdims=True)


def logarithms(*shape):
    x = m.real(*shape)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


PATHS = np.array([[1, 2, 2], [3, 1, 0]])
LABELS = np.array([[0, 3, -1, 1], [-1, 0, 1, 2], [1, 1, 2, -1]])  # what comes after a -1 is no label; one given twice counts twice
IGNORED = np.array([1, -100, 3])
SAMPLES = {
    "mse_loss": [
        *pair(lambda: m.real(2, 3)),
        Sample(m.real(2, 3), m.real(3)),
        Sample(m.real(2, 3), m.real(2, 3), weight=m.real(2, 3, low=0.1)).but(leaves=(0, 1)),
    ],
    "l1_loss": [*pair(lambda: m.real(2, 3) + 5), Sample(m.real(2, 3), m.real(3) + 5)],
    "smooth_l1_loss": [*pair(lambda: m.real(2, 3)), *pair(lambda: m.real(2, 3), beta=0.4), Sample(m.real(3), m.real(3), beta=0.0)],
    "huber_loss": [
        *pair(lambda: m.real(2, 3)),
        *pair(lambda: m.real(2, 3), delta=0.4),
        Sample(np.array([0.0, 1.0, -1.0, 3.0]), np.zeros(4)).but(smooth=False, second=False),
    ],
    "binary_cross_entropy": [
        *(Sample(m.real(2, 3, low=0.1, high=0.9), m.real(2, 3, low=0.1, high=0.9), reduction=r) for r in REDUCTIONS),
        Sample(m.real(2, 3, low=0.1, high=0.9), m.flags(2, 3).astype(float), m.real(2, 3, low=0.5)).but(leaves=(0,)),
        Sample(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])).but(smooth=False, second=False, leaves=(0,)),
    ],
    "binary_cross_entropy_with_logits": [
        *pair(lambda: m.real(2, 3, low=0, high=1)),
        Sample(m.real(2, 3), m.real(2, 3, low=0, high=1), pos_weight=m.real(3, low=0.5)).but(leaves=(0, 1)),
        Sample(m.real(2, 3), m.flags(2, 3).astype(float), m.real(2, 3, low=0.5), pos_weight=m.real(3, low=0.5)).but(leaves=(0,)),
        Sample(np.array([-1000.0, 1000.0, 0.0]), np.array([0.0, 1.0, 1.0])).but(leaves=(0,)),
    ],
    "nll_loss": [
        *(Sample(m.real(3, 4), classes(3), reduction=r) for r in REDUCTIONS),
        *(Sample(m.real(3, 4), IGNORED, m.real(4, low=0.2), reduction=r).but(leaves=(0,)) for r in REDUCTIONS),
        *(Sample(m.real(2, 4, 3, 2), classes(2, 3, 2), reduction=r) for r in REDUCTIONS),
        Sample(m.real(4), classes()),
        Sample(m.real(3, 4), classes(3), ignore_index=2),
        Sample(m.real(4), classes(), reduction="none"),
    ],
    "cross_entropy": [
        *(Sample(m.real(3, 4), classes(3), reduction=r) for r in REDUCTIONS),
        *(Sample(m.real(3, 4), IGNORED, m.real(4, low=0.2), reduction=r).but(leaves=(0,)) for r in REDUCTIONS),
        *(Sample(m.real(2, 4, 3), classes(2, 3), reduction=r, label_smoothing=0.2) for r in REDUCTIONS),
        *(Sample(m.real(3, 4), probabilities(3, 4), reduction=r) for r in REDUCTIONS),
        *(Sample(m.real(3, 4), IGNORED, m.real(4, low=0.2), reduction=r, label_smoothing=0.1).but(leaves=(0,)) for r in REDUCTIONS),
        Sample(m.real(4), classes()),
        Sample(m.real(3, 4), probabilities(3, 4), m.real(4, low=0.2), label_smoothing=0.1).but(leaves=(0, 1)),
        Sample(m.real(2, 4, 3, 2), classes(2, 3, 2)),
        Sample(m.real(4), probabilities(1, 4)[0]),
        Sample(m.real(3, 4, dtype=np.float32), classes(3)),
        Sample(np.array([[1000.0, 0.0], [-1000.0, 5.0]]), np.array([1, 1])),
        Sample(m.real(2, 4, 3), probabilities(2, 4, 3)),
    ],
    "kl_div": [
        *pair(lambda: m.real(2, 3, low=0.1, high=1)),
        *pair(lambda: m.real(2, 3), log_target=True),
        Sample(m.real(2, 3), m.real(2, 3, low=0.1, high=1), reduction="batchmean"),
        Sample(m.real(2), np.array([0.0, 1.0])).but(leaves=(0,)),
    ],
    "poisson_nll_loss": [
        *pair(lambda: m.real(2, 3, low=0, high=5)),
        Sample(m.real(2, 3, low=0.5), m.real(2, 3, low=0, high=5), log_input=False),
        Sample(m.real(4), np.array([0.0, 0.5, 2.0, 3.0]), full=True).but(leaves=(0,)),
    ],
    "gaussian_nll_loss": [
        *(Sample(m.real(2, 3), m.real(2, 3), m.real(2, 3, low=0.2), reduction=r) for r in REDUCTIONS),
        Sample(m.real(2, 3), m.real(2, 3), m.real(2, 1, low=0.2), full=True),
        Sample(m.real(2, 3), m.real(2, 3), m.real(2, low=0.2)),
    ],
    "hinge_embedding_loss": [
        *(Sample(m.real(4), signs(4), reduction=r) for r in REDUCTIONS),
        Sample(m.real(4), signs(4).astype(float), margin=0.3).but(leaves=(0,)),
    ],
    "margin_ranking_loss": [
        *(Sample(m.real(4), m.real(4), signs(4), reduction=r) for r in REDUCTIONS),
        Sample(m.real(4), m.real(4), signs(4), margin=0.5),
    ],
    "soft_margin_loss": [*(Sample(m.real(4), signs(4).astype(float), reduction=r).but(leaves=(0,)) for r in REDUCTIONS)],
    "cosine_similarity": [
        Sample(m.real(2, 3), m.real(2, 3)),
        Sample(m.real(2, 3, 2), m.real(3, 2), -1),
        Sample(m.real(3), m.real(3), 0),
        Sample(np.zeros((1, 3)), np.ones((1, 3))).but(smooth=False, second=False),
    ],
    "cosine_embedding_loss": [
        *(Sample(m.real(4, 3), m.real(4, 3), signs(4), reduction=r) for r in REDUCTIONS),
        Sample(m.real(3), m.real(3), signs(), margin=0.2),
    ],
    "pairwise_distance": [
        *(Sample(m.real(2, 3), m.real(2, 3) + 5, p) for p in (2.0, 1.0, 3.0)),
        Sample(m.real(3), m.real(3), keepdim=True),
    ],
    "triplet_margin_loss": [
        *(Sample(m.real(4, 3), m.real(4, 3), m.real(4, 3), reduction=r, swap=s) for r in REDUCTIONS for s in (False, True)),
        Sample(m.real(4, 3), m.real(4, 3), m.real(4, 3), margin=3.0, p=1),
    ],
    "multi_margin_loss": [
        *(Sample(m.real(3, 4), classes(3), reduction=r).but(second=False) for r in REDUCTIONS),
        *(Sample(m.real(3, 4), classes(3), 2, 0.7, m.real(4, low=0.2), reduction=r).but(second=False, leaves=(0,)) for r in REDUCTIONS),
        *(Sample(m.real(4), classes(), 2, reduction=r).but(second=False) for r in ("mean", "none")),
        Sample(m.real(4), classes(1), reduction="none").but(second=False),
        Sample(m.real(3, 4, dtype=np.float32), classes(3)).but(second=False),
        Sample(np.zeros((0, 4)), classes(0)).but(second=False),
        Sample(m.real(), np.array(0)).but(second=False),
    ],
    "multilabel_margin_loss": [
        *(Sample(m.real(3, 4), LABELS, reduction=r).but(second=False) for r in REDUCTIONS),
        *(Sample(m.real(4), LABELS[0], reduction=r).but(second=False) for r in ("mean", "none")),
        Sample(m.real(3, 4, dtype=np.float32), LABELS).but(second=False),
        Sample(m.real(3, 4), np.full((3, 4), -1)).but(second=False),
    ],
    "multilabel_soft_margin_loss": [
        *(Sample(m.real(3, 4), m.flags(3, 4).astype(float), reduction=r) for r in REDUCTIONS),
        Sample(m.real(3, 4), m.flags(3, 4).astype(float), m.real(4, low=0.2)).but(leaves=(0, 2)),
        Sample(m.real(4), m.flags(4).astype(float), reduction="none").but(leaves=(0,)),
    ],
    "linear_cross_entropy": [
        Sample(m.real(3, 2), m.real(4, 2), classes(3)),
        Sample(m.real(3, 2), m.real(4, 2), classes(3), linear_bias=m.real(4), weight=m.real(4, low=0.2), reduction="none").but(leaves=(0, 1, 3)),
        Sample(m.real(3, 2), m.real(4, 5, 2), classes(3, 5), linear_bias=m.real(4, 5), label_smoothing=0.1),
        Sample(m.real(2), m.real(4, 2), classes(), reduction="sum"),
        Sample(m.real(3, 2), m.real(4, 2), probabilities(3, 4)),
        Sample(m.real(3, 2), m.real(4, 2), classes(3), ignore_index=2),
    ],
    "ctc_loss": [  # its gradient takes for granted that log_softmax comes before, so finite differences say something else
        s.but(smooth=False, second=False) for s in (
            *(Sample(logarithms(5, 2, 4), PATHS, (5, 4), (3, 2), reduction=r) for r in REDUCTIONS),
            *(Sample(logarithms(5, 2, 4), PATHS, (2, 4), (3, 2), reduction=r, zero_infinity=True) for r in REDUCTIONS),
            Sample(logarithms(5, 4), np.array([1, 2, 2]), (5,), (3,), reduction="none"),
            Sample(logarithms(6, 3, 4), np.array([1, 2, 1, 3]), np.array([6, 1, 4]), np.array([1, 0, 3]), blank=0, reduction="none"),
            Sample(logarithms(3, 2, 4), PATHS, (0, 3), (0, 1), blank=2, reduction="sum"),
            Sample(logarithms(5, 2, 4).astype(np.float32), PATHS, (5, 4), (3, 2)),
        )
    ],
    "triplet_margin_with_distance_loss": [
        Sample(m.real(4, 3), m.real(4, 3), m.real(4, 3), margin=3.0),
        Sample(m.real(4, 3), m.real(4, 3), m.real(4, 3), swap=True),
    ],
}
