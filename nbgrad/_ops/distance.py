"""Losses that compare distributions or embeddings, and the distances behind them; composed of operators as PyTorch composes them."""

from __future__ import annotations

import math

import numpy as np

from .._engine import dtypes
from .._engine.arguments import require_tensor
from .._engine.batched import as_array
from .._engine.op import REDUCTION, composite, facade, primitive
from .._engine.tensor import check_dim
from .._engine.writing import check_castable
from .choice import clamp_min, where
from .elementary import exp, sigmoid
from .loss import _HERE, _check_reduction, _check_target, _reduced, _share, choose_reduction, reduce_tensor
from .pointwise import widened
from .reduction import dims_of
from .shape import broadcast_shape
from .statistics import _norm, _norm_gradient, vector_norm


@composite(**_HERE)
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Give the Kullback-Leibler divergence of `target` (probabilities, or their logarithms with `log_target`) from `exp(input)`."""
    if reduction != "batchmean" or size_average is not None or reduce is not None:
        reduction = choose_reduction(size_average, reduce, reduction)
    _check_target(input, target)
    if input._array.dtype.kind in "biu" or target._array.dtype.kind in "biu":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if input.is_complex() or target.is_complex():
        raise RuntimeError("kl_div: Complex inputs not supported.")
    losses = exp.function(target) * (target - input) if log_target else target.xlogy(target) - target * input
    if reduction == "batchmean":
        return losses.sum() / input.shape[0] if input.ndim else losses.sum()
    return reduce_tensor(losses, reduction)


@composite(**_HERE)
def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"):
    """Average the negative log-likelihood of Poisson counts. `input` is the rate or its logarithm."""
    reduction = choose_reduction(size_average, reduce, reduction)
    _check_target(input, target)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + where.function(target <= 1, 0.0, stirling)
    return reduce_tensor(losses, reduction)


def _raised(x, least):
    """The elements raised to `least`, with a gradient as if they were not."""
    with_history, bare = x, x.detach()
    return with_history + (clamp_min.function(bare, least) - bare)


@composite(**_HERE)
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Average the negative log-likelihood of targets under normal distributions with mean `input` and variance `var`."""
    if not isinstance(var, float):
        require_tensor("gaussian_nll_loss", "var", 2, var)
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.detach() * 0 + var
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if tuple(var.shape) != tuple(input.shape):
        if tuple(input.shape[:-1]) == tuple(var.shape):
            var = var.reshape((*var.shape, 1))
        elif not (input.ndim == var.ndim and tuple(input.shape[:-1]) == tuple(var.shape[:-1]) and var.shape[-1] == 1) and not _broadcasts(
            input, var
        ):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    check_castable(np.dtype(np.float32), var._array.dtype)
    var = _raised(var, eps)
    losses = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduce_tensor(losses, reduction)


def _broadcasts(input, var):
    return input.ndim == var.ndim and sum(y == 1 for y in var.shape) == 1 and all(x == y or y == 1 for x, y in zip(input.shape, var.shape))


@composite(**_HERE)
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """Average distances for targets 1, and what they lack of `margin` for targets -1."""
    reduction = choose_reduction(size_average, reduce, reduction)
    _check_target(input, target)
    if not input.dtype.is_floating_point:
        margin = int(margin)  # the difference is of the type of the input
    lacking = clamp_min.function(margin - input, 0)
    return reduce_tensor(where.function(target != 1, lacking, 0) + where.function(target != -1, input, 0), reduction)


@composite(**_HERE)
def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """Average by how much `input1` is not above (target 1) or below (target -1) `input2` by `margin`."""
    reduction = choose_reduction(size_average, reduce, reduction)
    if input1.ndim != target.ndim or input2.ndim != target.ndim:
        raise RuntimeError(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {input1.size()}, input2: "
            f"{input2.size()}, target: {target.size()} "
        )
    return reduce_tensor(clamp_min.function(-target * (input1 - input2) + margin, 0), reduction)


@primitive(
    name="soft_margin_loss", overload="all", node="SoftMarginLossBackward0",
    kinds="fc",
    vjp={
        "self": lambda grad, self, target, reduction, self_shape: _share(grad, self_shape, reduction) * (-target * sigmoid(-target * self))
    },
)  # fmt: skip
def _soft_margin(self, target, reduction):
    exponent = -widened(target) * widened(self)
    losses = np.log1p(np.exp(exponent)) if exponent.dtype.kind == "c" else np.logaddexp(exponent, np.float32(0))
    return _reduced(losses.astype(self.dtype, copy=False), reduction)


@facade(**_HERE)
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Average `log(1 + exp(-target * input))`, for targets 1 and -1."""
    reduction = choose_reduction(size_average, reduce, reduction)
    _check_target(input, target)
    if target.requires_grad:
        raise RuntimeError(
            "The function 'soft_margin_loss' is not differentiable with respect to argument 'target'. This input cannot have requires_grad True."
        )
    check_castable(target._array.dtype, input._array.dtype)
    shape = broadcast_shape((input._array.shape, target._array.shape))
    if shape != input._array.shape:
        raise RuntimeError(f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(shape)}")
    return _soft_margin.function(input, target.to(input.dtype), reduction)


# ---- embeddings


@composite(namespace=("", "nn.functional"), method=False)
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """Give the cosine of the angle between vectors along a dimension. Lengths below `eps` count as `eps`."""
    check_dim(dim, max(x1.ndim, x2.ndim))
    kind = dtypes.promote_types(x1.dtype, x2.dtype)
    if not kind.is_floating_point:
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {kind.tensor_name}")
    x1, x2 = x1.to(kind), x2.to(kind)
    first, second = (x / _raised(vector_norm.function(x, 2, dim, True), eps) for x in _same_size(x1, x2))
    return (first * second).sum(dim)


def _same_size(x1, x2):
    shape = broadcast_shape((x1._array.shape, x2._array.shape))
    return x1.expand(shape), x2.expand(shape)


@composite(**_HERE)
def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """Average `1 - cos` of pairs with target 1, and what the cosine exceeds `margin` by of those with target -1."""
    reduction = choose_reduction(size_average, reduce, reduction)
    require_tensor("cosine_embedding_loss", "target", 2, target)
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.ndim == 1 and (input1.ndim != 2 or input2.ndim != 2):
        raise RuntimeError("1D target tensor expects 2D input tensors, but found inputs with sizes "
                           f"{list(input1.shape)} and {list(input2.shape)}.")  # fmt: skip
    if target.ndim == 0 and (input1.ndim != 1 or input2.ndim != 1):
        raise RuntimeError("0D target tensor expects 1D input tensors, but found inputs with sizes "
                           f"{list(input1.shape)} and {list(input2.shape)}.")  # fmt: skip
    dim = target.ndim
    product = (input1 * input2).sum(dim)
    lengths = (((input1 * input1).sum(dim) + 1e-12) * ((input2 * input2).sum(dim) + 1e-12)).sqrt()
    cosine = product / lengths
    losses = where.function(target == 1, 1 - cosine, 0.0) + where.function(target == -1, clamp_min.function(cosine - margin, 0), 0.0)
    return reduce_tensor(losses, reduction)


@primitive(
    name="norm", overload="dim", node="NormBackward1", analytic=False,
    vjp={"self": lambda grad, self, result, p, dim, keepdim: _norm_gradient(grad, self, result, p, dim, keepdim)}, jvp=REDUCTION,
)  # fmt: skip
def _norm_along(self, p, dim, keepdim):
    return as_array(_norm(self, p, dims_of(dim, self.ndim), keepdim)).astype(self.real.dtype, copy=False)


@facade(namespace=("", "nn.functional"), method=False)
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """Give the `p`-norm of `x1 - x2 + eps` along the last dimension."""
    require_tensor("pairwise_distance", "x1", 0, x1)
    require_tensor("pairwise_distance", "x2", 1, x2)
    return _norm_along.function(x1 - x2 + eps, p, -1, keepdim)


def _check_dims(anchor, positive, negative):
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            f"The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor {anchor.ndim}D, "
            f"positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )


@composite(**_HERE)
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"
):  # fmt: skip
    """Average by how much the positive is not nearer to the anchor than the negative by `margin`."""
    reduction = choose_reduction(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_dims(anchor, positive, negative)
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduce_tensor(clamp_min.function(margin + near - far, 0), reduction)


@composite(**_HERE)
def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"):
    """Average as `triplet_margin_loss` does, with a distance of your own."""
    _check_reduction(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_dims(anchor, positive, negative)
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduce_tensor(clamp_min.function(margin + near - far, 0), reduction)
