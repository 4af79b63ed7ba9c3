"""Loss functions: distances to targets and classification losses, all in `torch.nn.functional`."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .._engine.arguments import check_kinds
from .._engine.batched import anywhere, as_array, batched_like, everywhere, outside, zeros_for
from .._engine.observe import tell_read
from .._engine.op import composite, facade, primitive
from .._engine.tensor import Tensor
from .._engine.writing import check_castable
from .activation import log_softmax
from .choice import clamp_min, where
from .elementary import log, sigmoid
from .pointwise import abs, div_by_number, sgn, widened
from .reduction import mean, sum
from .shape import broadcast_tensors

_F = ("nn.functional",)
_HERE = {"namespace": _F, "method": False}
REDUCTIONS = ("none", "mean", "sum")


def _check_reduction(reduction):
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")


def choose_reduction(size_average, reduce, reduction):
    """The reduction that the two deprecated arguments ask for, or `reduction`."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", UserWarning, stacklevel=4
        )
    _check_reduction(reduction)
    return reduction


def _reduced(values, reduction):
    """Reduce an array of losses."""
    if reduction == "none":
        return values
    total = np.add.reduce(widened(values), axis=None)
    return as_array(total if reduction == "sum" else np.true_divide(total, values.size)).astype(values.dtype)


def reduce_tensor(values, reduction):
    """Reduce a tensor of losses, with operators."""
    return values if reduction == "none" else mean.function(values) if reduction == "mean" else sum.function(values)


def _share(grad, shape, reduction):
    """The gradient of each single loss, by that of the reduced one."""
    return grad / max(math.prod(shape), 1) if reduction == "mean" else grad


def _broadcast_shape(*shapes):
    return np.broadcast_shapes(*map(tuple, shapes))


def _of_one_size(input, target):
    """Both expanded to their common size, with a warning where they differed."""
    if tuple(input.shape) != tuple(target.shape):
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely lead to incorrect "
            "results due to broadcasting. Please ensure they have the same size.",
            UserWarning,
            stacklevel=4,
        )
        return broadcast_tensors(input, target)  # first, so that one without dimensions counts as one with, when types are promoted
    return input, target


# ---- distances


def _as_numbers(x, other):
    """Bools among tensors as numbers of the other's type, which can be subtracted; arrays can be anyway."""
    return x.to(other.dtype) if isinstance(x, Tensor) and x._array.dtype.kind == "b" else x


def _distance(name, node, value, slope):
    """A primitive loss of the difference `input - target`, from its value and its slope, each with one parameter."""

    def share(grad, self, target, beta, reduction):
        return _share(grad, _broadcast_shape(self.shape, target.shape), reduction) * slope(_as_numbers(self, target) - _as_numbers(target, self), beta)

    @primitive(
        name=name, overload="pair", node=node, promote="same", kinds="f",
        vjp={
            "self": lambda grad, self, target, beta, reduction: share(grad, self, target, beta, reduction),
            "target": lambda grad, self, target, beta, reduction: -share(grad, self, target, beta, reduction),
        },
    )  # fmt: skip
    def loss(self, target, beta, reduction="mean"):
        return _reduced(value(self - target, beta), reduction)

    return loss


_mse = _distance("mse_loss", "MseLossBackward0", lambda d, _: d * d, lambda d, _: 2 * d)
_smooth_l1 = _distance(
    "smooth_l1_loss", "SmoothL1LossBackward0",
    lambda d, beta: np.where(np.abs(d) < beta, 0.5 * d * d / beta, np.abs(d) - 0.5 * beta),
    lambda d, beta: where(abs(d) < beta, d / beta, sgn(d)),
)  # fmt: skip
_huber = _distance(
    "huber_loss", "HuberLossBackward0",
    lambda d, delta: np.where(np.abs(d) <= delta, 0.5 * d * d, delta * (np.abs(d) - 0.5 * delta)),
    lambda d, delta: where(abs(d) <= delta, d, sgn(d) * delta),
)  # fmt: skip


def _in_type_of(wanted, other, loss):
    """The loss in the type of one of the two that it was computed from: PyTorch writes it into memory of that type."""
    if wanted._array.dtype == other._array.dtype:
        return loss
    check_castable(loss._array.dtype, wanted._array.dtype)
    return loss.to(wanted.dtype)


def _check_target(input, target):
    """Ask both for their arrays, which tensors alone have: the error names the function that was called, and the argument."""
    return input._array, target._array


def _weighted(losses, weight, reduction):
    losses = losses * weight
    return losses.sum() / weight.expand(tuple(losses.shape)).sum() if reduction == "mean" else reduce_tensor(losses, reduction)


@facade(**_HERE)
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Average the squared differences."""
    _check_target(input, target)
    input, target = _of_one_size(input, target)
    reduction = choose_reduction(size_average, reduce, reduction)
    if weight is not None:
        return _weighted((input - target) ** 2, weight, reduction)
    return _mse.function(input, target, None, reduction)


@facade(**_HERE)
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Average the absolute differences."""
    _check_target(input, target)
    input, target = _of_one_size(input, target)
    reduction = choose_reduction(size_average, reduce, reduction)
    losses = abs.function(input - target)
    return reduce_tensor(losses, reduction) if weight is None else _weighted(losses, weight, reduction)


@facade(**_HERE)
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Average the differences, squared (and halved, by `beta`) where they are below `beta` and absolute elsewhere."""
    _check_target(input, target)
    input, target = _of_one_size(input, target)
    reduction = choose_reduction(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return reduce_tensor(abs.function(input - target), reduction)
    return _smooth_l1.function(input, target, beta, reduction)


@facade(**_HERE)
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Average the differences, squared and halved up to `delta` and growing linearly from there."""
    _check_target(input, target)
    input, target = _of_one_size(input, target)
    _check_reduction(reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is not None:
        return _weighted(_huber.function(input, target, delta, "none"), weight, reduction)
    return _in_type_of(input, target, _huber.function(input, target, delta, reduction))


# ---- classification by probabilities


_LEAST = float(np.float32(1e-12))  # PyTorch keeps this constant in single precision


def _bce_gradient(grad, self, target, weight, reduction):
    grad = _share(grad, self.shape, reduction) * ((self - target) / clamp_min((1 - self) * self, _LEAST))
    return grad if weight is None else grad * weight


def _bce_target_gradient(grad, self, target, weight, reduction):
    shape = _broadcast_shape(self.shape, target.shape)
    grad = _share(grad, shape, reduction) * (clamp_min(log(1 - self), -100) - clamp_min(log(self), -100))
    return grad if weight is None else grad * weight


@primitive(
    name="binary_cross_entropy", overload="all", node="BinaryCrossEntropyBackward0",
    vjp={
        "self": lambda grad, self, target, weight, reduction: _bce_gradient(grad, self, target, weight, reduction),
        "target": lambda grad, self, target, weight, reduction: _bce_target_gradient(grad, self, target, weight, reduction),
    },
)  # fmt: skip
def _bce(self, target, weight, reduction="mean"):
    """Give the cross-entropy of probabilities."""
    if not everywhere((self >= 0) & (self <= 1)):
        raise RuntimeError("all elements of input should be between 0 and 1")
    if not everywhere((target >= 0) & (target <= 1)):
        raise RuntimeError("all elements of target should be between 0 and 1")
    losses = (target - 1) * np.maximum(np.log1p(-self), -100) - target * np.maximum(np.log(self), -100)
    return _reduced((losses if weight is None else losses * weight).astype(self.dtype, copy=False), reduction)


@facade(**_HERE)
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Average the cross-entropy between probabilities and target probabilities. `input` lies in [0, 1]."""
    reduction = choose_reduction(size_average, reduce, reduction)
    _check_target(input, target)
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. Please ensure they "
            "have the same size."
        )
    if input.dtype is not target.dtype:
        raise RuntimeError(f"Found dtype {target.dtype.tensor_name} but expected {input.dtype.tensor_name}")
    if weight is not None:
        weight = weight.expand(_broadcast_shape(weight.shape, target.shape))
    return _bce.function(input, target, weight, reduction)


def _logits_gradient(grad, self, target, weight, pos_weight, reduction):
    grad = _share(grad, _broadcast_shape(self.shape, target.shape), reduction)
    if pos_weight is None:
        grad = grad * (sigmoid(self) - target)
    else:
        positive = pos_weight * target
        grad = grad * ((positive + 1 - target) * sigmoid(self) - positive)
    return grad if weight is None else grad * weight


def _logits_target_gradient(grad, self, weight, pos_weight, reduction, target_shape):
    grad = _share(grad, target_shape, reduction)
    if pos_weight is None:
        grad = grad * -self
    else:
        below = log(sigmoid(-self))
        grad = grad * (below - pos_weight * log(sigmoid(self)))
    return grad if weight is None else grad * weight


@primitive(
    name="binary_cross_entropy_with_logits", overload="all", node="BinaryCrossEntropyWithLogitsBackward0", promote="same",
    promoted=("self", "target"),
    vjp={
        "self": lambda grad, self, target, weight, pos_weight, reduction: _logits_gradient(grad, self, target, weight, pos_weight, reduction),
        "target": lambda grad, self, weight, pos_weight, reduction, target_shape: _logits_target_gradient(
            grad, self, weight, pos_weight, reduction, target_shape
        ),
    },
)  # fmt: skip
def _bce_with_logits(self, target, weight, pos_weight, reduction="mean"):
    """Give the cross-entropy of logits."""
    rest = np.maximum(-self, 0) + np.log1p(np.exp(-np.abs(self)))
    losses = (1 - target) * self + (rest if pos_weight is None else (1 + (pos_weight - 1) * target) * rest)
    return _reduced((losses if weight is None else losses * weight).astype(self.dtype, copy=False), reduction)


@facade(**_HERE)
def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
    """Average the cross-entropy between the sigmoid of `input` and target probabilities, more exactly than by two steps."""
    reduction = choose_reduction(size_average, reduce, reduction)
    _check_target(input, target)
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    check_kinds("log_sigmoid_cpu", input, "f")
    return _in_type_of(target, input, _bce_with_logits.function(input, target, weight, pos_weight, reduction))


# ---- classification by class indices


def _class_places(target, ignore_index, classes):
    """The index that picks each element's class out of (n, classes, ...), class 0 where it is ignored, and a mask of those, None for none."""
    ignored = None
    if outside(target, 0, classes):
        ignored = target == ignore_index
        target = np.where(ignored, 0, target)
        wrong = (target < 0) | (target >= classes)
        if anywhere(wrong):
            raise IndexError(f"Target {int(target[wrong][0])} is out of bounds.")
    elif 0 <= ignore_index < classes:
        ignored = target == ignore_index
    around = np.ogrid[tuple(slice(n) for n in target.shape)] if target.ndim > 1 else (np.arange(len(target)),)
    return (around[0], target, *around[1:]), ignored


def _class_weights_at(places, ignored, weight, numpy_dtype):
    """The weight of each element: that of its class, 0 where it is ignored; the number 1 if all are."""
    if weight is not None:
        weights = np.take(weight, places[1]).astype(numpy_dtype, copy=False)
    elif ignored is None:
        return numpy_dtype.type(1)
    else:
        weights = np.ones(ignored.shape, numpy_dtype)
    return weights if ignored is None else np.where(ignored, numpy_dtype.type(0), weights)


@primitive(
    name="nll_loss", overload="all", kinds="f", outputs=("output", "total_weight"), node=lambda self, *rest: "NllLossBackward0" if self.ndim < 3 else "NllLoss2DBackward0",
    vjp={
        "self": lambda grad_output, target, weight, total_weight, reduction, ignore_index, self_shape: _nll_backward(
            grad_output, target, weight, total_weight, reduction, ignore_index, self_shape
        )
    },
)  # fmt: skip
def _nll(self, target, weight, reduction, ignore_index):
    """Pick the negative log-probabilities of the targets; `self` is (n, classes, ...)."""
    if self.ndim == 1:
        loss, total = _nll.kernel(self[None], target.reshape(1), weight, reduction, ignore_index)
        return loss.reshape(target.shape if reduction == "none" else ()), total
    places, ignored = _class_places(target, ignore_index, self.shape[1])
    weights = _class_weights_at(places, ignored, weight, self.dtype)
    losses = -batched_like(self, places)[places]
    if weights.ndim:
        losses = losses * weights if ignored is None else np.where(ignored, self.dtype.type(0), losses * weights)
    if reduction == "none":
        return losses, np.zeros((), self.dtype)
    total = np.add.reduce(widened(weights), axis=None) if weights.ndim else np.float64(target.size)
    summed = np.add.reduce(widened(losses), axis=None)
    return as_array(summed if reduction == "sum" else summed / total).astype(self.dtype), as_array(total).astype(self.dtype)


@primitive(
    method=False, namespace=(),
    vjp={
        "grad_output": lambda grad, target, weight, total_weight, reduction, ignore_index: _nll_of_gradient(
            grad, target, weight, total_weight, reduction, ignore_index
        )
    },
)  # fmt: skip
def _nll_backward(grad_output, target, weight, total_weight, reduction, ignore_index, shape):
    """The gradient of `nll_loss`: linear in `grad_output`, and constant in the input."""
    if len(shape) == 1:
        if reduction == "none":
            grad_output = grad_output.reshape(1)
        return _nll_backward.kernel(grad_output, target.reshape(1), weight, total_weight, reduction, ignore_index, (1, *shape))[0]
    places, ignored = _class_places(target, ignore_index, shape[1])
    if reduction == "mean":
        grad_output = grad_output / total_weight
    values = -grad_output * _class_weights_at(places, ignored, weight, grad_output.dtype)
    out = zeros_for(shape, values.dtype, values, target)
    out[places] = values if ignored is None else np.where(ignored, values.dtype.type(0), values)
    return out


@primitive(
    method=False, namespace=(),
    vjp={
        "self": lambda grad, target, weight, total_weight, reduction, ignore_index, self_shape: _nll_backward(
            grad, target, weight, total_weight, reduction, ignore_index, self_shape
        )
    },
)  # fmt: skip
def _nll_of_gradient(self, target, weight, total_weight, reduction, ignore_index):
    """`nll_loss` once more, its weights summed already: what is linear is its own derivative."""
    if self.ndim == 1:
        out = _nll_of_gradient.kernel(self[None], target.reshape(1), weight, total_weight, reduction, ignore_index)
        return out.reshape(target.shape if reduction == "none" else ())
    places, ignored = _class_places(target, ignore_index, self.shape[1])
    losses = -batched_like(self, places)[places] * _class_weights_at(places, ignored, weight, self.dtype)
    return losses if reduction == "none" else as_array(losses.sum() / (total_weight if reduction == "mean" else 1)).astype(self.dtype)


def _nll_of(input, target, weight, reduction, ignore_index):
    """`nll_loss` on log-probabilities that have been checked."""
    if input.ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {input.ndim})")
    if input.ndim != 1 and input.shape[0] != target.shape[0]:
        raise ValueError(f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]}).")
    if target._array.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype.tensor_name}")
    if weight is not None and (weight.ndim != 1 or weight.numel() != input.shape[1 if input.ndim > 1 else 0]):
        raise RuntimeError(
            f"weight tensor should be defined either for all {input.shape[1 if input.ndim > 1 else 0]} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )
    if input.ndim == 1:
        if target.ndim == 1 and target.numel() != 1:
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.numel()}")
        if target.ndim > 1 or target.numel() != 1:
            raise RuntimeError(f"size mismatch (got input: {list(input.shape)}, target: {list(target.shape)})")
    elif tuple(input.shape[2:]) != tuple(target.shape[1:]):
        if input.ndim == 2:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        raise RuntimeError(f"size mismatch (got input: {list(input.shape)}, target: {list(target.shape)})")
    return _nll.function(input, target, weight, reduction, ignore_index)[0]


@facade(**_HERE)
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Average the negative log-likelihood of the target classes. `input`: log-probabilities (n, classes, ...); `target`: (n, ...)."""
    _check_target(input, target)
    return _nll_of(input, target, weight, choose_reduction(size_average, reduce, reduction), ignore_index)


@composite(**_HERE)
def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0):
    """Average the cross-entropy between logits and targets.

    `input`: (classes), (n, classes) or (n, classes, ...). `target`: class indices of the same shape without the classes, or probabilities of
    the same shape as `input`.
    """
    reduction = choose_reduction(size_average, reduce, reduction)
    _check_target(input, target)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    class_dim = 0 if input.ndim == 1 else 1
    if weight is not None and (weight.ndim != 1 or weight.numel() != input.shape[class_dim]):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {input.shape[class_dim]} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )
    if tuple(input.shape) == tuple(target.shape):
        return _cross_entropy_of_probabilities(input, target, weight, reduction, label_smoothing, class_dim, ignore_index)
    log_probabilities = log_softmax.function(input, class_dim)
    if label_smoothing == 0:
        return _nll_of(log_probabilities, target, weight, reduction, ignore_index)
    return _smoothed_cross_entropy(log_probabilities, target, weight, reduction, ignore_index, label_smoothing, class_dim)


def _class_weights(weight, ndim, class_dim):
    return weight.reshape(tuple(-1 if i == class_dim else 1 for i in range(ndim)))


def _cross_entropy_of_probabilities(input, target, weight, reduction, label_smoothing, class_dim, ignore_index):
    if not target.is_floating_point():
        raise RuntimeError("Expected floating point type for target with class probabilities, got " + target.dtype.tensor_name)
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    classes = input.shape[class_dim]
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    terms = log_softmax.function(input, class_dim) * target
    if weight is not None:
        terms = terms * _class_weights(weight, input.ndim, class_dim)
    if reduction == "none":
        return -(terms.sum(class_dim))
    total = -(terms.sum())
    return div_by_number.function(total, max(input.numel() // classes, 1)) if reduction == "mean" else total


def _smoothed_cross_entropy(input, target, weight, reduction, ignore_index, label_smoothing, class_dim):
    picked = _nll_of(input, target, weight, reduction, ignore_index)
    spread = input if weight is None else input * _class_weights(weight, input.ndim, class_dim)
    smooth = -(spread.sum(class_dim))
    ignored = target == ignore_index
    smooth = where.function(ignored, 0.0, smooth)
    if reduction == "sum":
        smooth = smooth.sum()
    elif reduction == "mean":
        tell_read(target)
        array = target._array[~ignored._array]
        total = array.size if weight is None else weight._array[array].sum().item()
        smooth = smooth.sum() / (total if total else math.nan)
    return picked * (1 - label_smoothing) + smooth * (label_smoothing / input.shape[class_dim])
