"""Losses of scores against the labels of an example, by margins and by logits: `multi_margin_loss`, `multilabel_margin_loss`,
`multilabel_soft_margin_loss`, and `linear_cross_entropy`, whose scores are made by a layer of its own."""

from __future__ import annotations

import math

import numpy as np

from .._engine.batched import outside, whole_batch
from .._engine.dtypes import of_array
from .._engine.op import composite, facade, primitive
from .activation import logsigmoid
from .choice import where
from .gathering import gather, scatter_add
from .layers import linear
from .loss import REDUCTIONS, _reduced, choose_reduction, cross_entropy, reduce_tensor
from .reduction import sum
from .conversion import _nothing

_HERE = {"namespace": ("nn.functional",), "method": False}


def _as_rows(x):
    """Scores as one row for each example."""
    return x.reshape((x.shape[0] if x.ndim > 1 else 1, x.shape[-1] if x.ndim else 1))


def _shares(grad, shape, reduction):
    """The gradient of each example's loss, as a column."""
    examples = shape[0] if len(shape) > 1 else 1
    if reduction == "none":
        return grad.reshape((examples, 1))
    return grad / max(examples, 1) if reduction == "mean" else grad


def _reduced_of_examples(losses, reduction, shape):
    """The losses of examples reduced, or in the shape of their targets; the mean over no examples is 0."""
    if reduction == "none":
        return losses.reshape(shape)
    return _reduced(losses, reduction if losses.size else "sum")


def _check_scores(self):
    if self.ndim > 2 or self.size == 0 and not (self.ndim == 2 and self.shape[1]):
        raise RuntimeError(f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(self.shape)}")


def _check_types(name, self, target):
    if target.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {of_array(target.dtype).tensor_name}")
    if self.dtype.kind != "f":
        raise NotImplementedError(f"\"{name}_cpu_kernel\" not implemented for '{of_array(self.dtype).tensor_name}'")


# ---- one label


def _margin_terms(self, target, margin):
    """For each class but the label's own how far its score comes nearer than the margin, and which class is the label's own."""
    x = _as_rows(self)
    own = _own_class(target, x.shape[1])
    return where(own, 0, margin - sum(where(own, x, 0), 1, True) + x), own


@primitive("_own_class", method=False, namespace=())
def _own_class(target, classes):
    """Which class is the label, for each example in a row."""
    return target.reshape((-1, 1)) == np.arange(classes)


def _multi_margin_gradient(grad, self, target, p, margin, weight, reduction):
    terms, own = _margin_terms(self, target, margin)
    shares = _shares(grad, tuple(self.shape), reduction) / terms.shape[1]
    if weight is not None:
        shares = shares * _weight_of(weight, target)
    towards = where(terms > 0, shares * (2 * terms) if p == 2 else shares, 0)
    return (towards - where(own, sum(towards, 1, True), 0)).reshape(tuple(self.shape))


@primitive("_weight_of", method=False, namespace=())
def _weight_of(weight, target):
    """The weight of each example's label, as a column."""
    return np.take(weight, target.reshape((-1, 1)))


@primitive(
    "_multi_margin",
    vjp={
        "self": lambda grad, self, target, p, margin, weight, reduction: _multi_margin_gradient(grad, self, target, p, margin, weight, reduction)
    },
    tensors=("self", "target"), method=False, namespace=(), node="MultiMarginLossBackward0",
)  # fmt: skip
def _multi_margin(self, target, p, margin, weight, reduction):
    """Sum, over the wrong classes, how far their scores come nearer to the right one's than a margin."""
    _check_scores(self)
    examples = self.shape[0] if self.ndim > 1 else 1
    if target.size != examples or target.ndim > 1:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected target size "
            f"[{examples}], but got {list(target.shape)}. Input has shape {list(self.shape)}."
        )
    classes = self.shape[-1] if self.ndim else 1
    if weight is not None and weight.size != classes:
        raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    _check_types("multi_margin_loss", self, target)
    if outside(target, 0, classes):
        raise RuntimeError("target out of range")
    terms, _ = _margin_terms(self, target, self.dtype.type(margin))
    terms = np.maximum(terms, 0)
    losses = (terms * terms if p == 2 else terms).sum(1) / self.dtype.type(classes)
    if weight is not None:
        losses = losses * np.take(weight, target.reshape(-1))
    return _reduced_of_examples(losses.astype(self.dtype, copy=False), reduction, target.shape)


@facade(**_HERE)
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Average `sum(max(0, margin - x[y] + x[i]) ** p) / classes` over the classes i other than the label y. `input`: (n, classes); `target`: (n)."""
    reduction = choose_reduction(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    return _multi_margin.function(input, target, p, margin, weight, reduction)


# ---- several labels


@primitive("_label_sets", method=False, namespace=(), outputs=("labels", "counted", "belongs"))
def _label_sets(target, classes):
    """The labels of each example in a row, which of them count, those before the first -1, and for each class whether it is among these."""
    target = _as_rows(target)
    counted = np.logical_and.accumulate(target >= 0, axis=1)
    longest = int(whole_batch(counted).sum(-1).max(initial=0))
    counted = counted[:, :longest]
    labels = np.where(counted, target[:, :longest], 0)
    belongs = ((labels[:, :, None] == np.arange(classes)) & counted[:, :, None]).any(1)
    return labels, counted, belongs


def _pairs(self, target):
    """For each label and each class that is no label, how far the class's score comes nearer than 1: (n, labels, classes); and the labels."""
    x = _as_rows(self)
    labels, counted, belongs = _label_sets(target, x.shape[1])
    n, count = labels.shape
    terms = 1 - gather(x, 1, labels).reshape((n, count, 1)) + x.reshape((n, 1, x.shape[1]))
    return where(counted.reshape((n, count, 1)) & ~belongs.reshape((n, 1, x.shape[1])), terms, 0), labels


def _multilabel_margin_gradient(grad, self, target, reduction):
    terms, labels = _pairs(self, target)
    shares = _shares(grad, tuple(self.shape), reduction) / terms.shape[2]
    towards = where(terms > 0, shares.reshape((-1, 1, 1)), 0)
    added = sum(towards, 1)
    return (added - scatter_add(_nothing(added), 1, labels, sum(towards, 2))).reshape(tuple(self.shape))


@primitive(
    "_multilabel_margin", vjp={"self": lambda grad, self, target, reduction: _multilabel_margin_gradient(grad, self, target, reduction)},
    tensors=("self", "target"), method=False, namespace=(), node="MultilabelMarginLossBackward0",
)  # fmt: skip
def _multilabel_margin(self, target, reduction):
    """Sum, over labels and other classes, how far the other's score comes nearer than 1."""
    _check_scores(self)
    if target.shape != self.shape:
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(self.shape)}")
    _check_types("multilabel_margin_loss", self, target)
    if outside(target, -1, self.shape[-1] if self.ndim else 1):
        raise RuntimeError("argument #2 'target' is out of range")
    terms = np.maximum(_pairs(self, target)[0], 0)
    losses = (terms.sum((1, 2)) / self.dtype.type(terms.shape[2])).astype(self.dtype, copy=False)
    return _reduced_of_examples(losses, reduction, self.shape[:-1])


@facade(**_HERE)
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Average `sum(max(0, 1 - x[y] + x[i])) / classes` over the labels y and the classes i that are none.

    `target`, of the shape (n, classes) of `input`, holds labels, and -1 after the last.
    """
    return _multilabel_margin.function(input, target, choose_reduction(size_average, reduce, reduction))


@composite(**_HERE)
def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Average, over classes and examples, the cross-entropy of logits with targets of 0 or 1, each class by itself."""
    if size_average is not None or reduce is not None:
        reduction = choose_reduction(size_average, reduce, reduction)
    losses = -(target * logsigmoid.function(input) + (1 - target) * logsigmoid.function(-input))
    if weight is not None:
        losses = losses * weight
    classes = input.ndim - 1  # the dimension, by the input alone
    losses = losses.sum(classes) / input.size(classes)
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not valid")
    return reduce_tensor(losses, reduction)


# ---- with the layer that makes the scores


@composite(**_HERE)
def linear_cross_entropy(
    input, linear_weight, target, *, linear_bias=None, weight=None, reduction="mean", ignore_index=None, label_smoothing=0.0, options=None
):
    """Average the cross-entropy between `linear(input, linear_weight, linear_bias)` and targets, as `cross_entropy` does.

    `input`: (features) or (n, features); `linear_weight`: (classes, ..., features). `options`, by which PyTorch saves memory, change no value and
    are not looked at.
    """
    if not 1 <= input.dim() <= 2:
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}")
    features = input.shape[-1]
    classes, *places, last = linear_weight.shape
    if features != last:
        raise RuntimeError(f"expected equal input and linear_weight last dimensions (in_features), got {features} and {last}, respectively")
    if linear_bias is not None and tuple(linear_bias.shape) != (classes, *places):
        raise RuntimeError(f"expected linear_bias shape {(classes, *places)}, got {tuple(linear_bias.shape)}")
    if places and input.dim() == 1:
        raise RuntimeError(f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
                           f"(N, {features}), got unbatched input with shape {tuple(input.shape)}")  # fmt: skip
    shape = (*input.shape[:-1], classes, *places)
    if ignore_index is not None and tuple(target.shape) == shape:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if places:
        linear_weight = linear_weight.reshape((classes * math.prod(places), features))
        linear_bias = None if linear_bias is None else linear_bias.reshape((-1,))
    logits = linear(input, linear_weight, linear_bias).reshape(shape)
    return cross_entropy(
        logits, target, weight, ignore_index=-100 if ignore_index is None else ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )
