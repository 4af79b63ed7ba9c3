"""Normalization over features, groups, channels and batches: `layer_norm`, `group_norm`, `batch_norm` and their kin.

Each is one primitive that also gives the mean and the reciprocal deviation it used; backward takes these on bare arrays, and computes them
anew with operators where gradients are to be differentiated again.
"""

from __future__ import annotations

import math

import numpy as np

from .._engine.arguments import check_alike, check_kinds, must_be, require_tensor
from .._engine.batched import top_level
from .._engine.dtypes import finfo, float16, float32
from .._engine.inplace import assign_in_place
from .._engine.modes import place_of_caller
from .._engine.op import composite, facade, primitive
from .._engine.tensor import Tensor, wrap
from .elementary import rsqrt
from .pointwise import widened
from .reduction import mean

_F = ("nn.functional",)
_OUTPUTS = ("output", "mean", "rstd")


def _statistics(x, dims, eps):
    """Mean and reciprocal standard deviation over dimensions, kept."""
    if isinstance(x, Tensor):
        centre = mean(x, dims, True)
        return centre, rsqrt(mean((x - centre) * (x - centre), dims, True) + eps)
    centre = mean.kernel(x, dims, True)
    deviation = x - centre
    return centre, np.reciprocal(np.sqrt(mean.kernel(deviation * deviation, dims, True) + x.dtype.type(eps)))


def _standardized(x, centre, rstd, dims, eps):
    """Elements less their mean, in standard deviations, and the factor."""
    if isinstance(x, Tensor):
        centre, rstd = _statistics(x, dims, eps)
    return (x - centre) * rstd, rstd


def _through(grad, x, centre, rstd, dims, eps):
    """The gradient through standardization: what mean and deviation take up is taken out."""
    standard, rstd = _standardized(x, centre, rstd, dims, eps)
    return rstd * (grad - mean(grad, dims, True) - standard * mean(grad * standard, dims, True))


def _affine(x, weight, bias):
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias


# ---- over features


def _check_types(name, input, *others):
    """Refuse what is no real number, and parameters of another type than the input, unless they are the more exact ones of a half."""
    check_kinds(name, input, "f")
    if input.dtype is not float16 or any(x is not None and x.dtype is not float32 for x in others):
        check_alike(input, *others, says="mixed dtype (CPU): expect parameter to have scalar type of {}, not {}")


def _last(shape, count):
    return tuple(range(len(shape) - count, len(shape)))


@primitive(
    name="layer_norm", overload="native", node="NativeLayerNormBackward0", outputs=_OUTPUTS,
    vjp={
        "self": lambda grad_output, self, mean, rstd, weight, dims, eps: _through(
            grad_output if weight is None else grad_output * weight, self, mean, rstd, dims, eps
        ),
        "weight": lambda grad_output, self, mean, rstd, dims, eps: grad_output * _standardized(self, mean, rstd, dims, eps)[0],
        "bias": lambda grad_output: grad_output,
    },
)  # fmt: skip
def _layer_norm(self, weight, bias, dims, eps):
    """Standardize over the last dimensions, then scale and shift."""
    wide = widened(self)
    centre, rstd = _statistics(wide, dims, eps)
    return _affine((wide - centre) * rstd, weight, bias).astype(self.dtype, copy=False), centre, rstd


def _check_normalized(input, normalized_shape, weight, bias=None):
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            f"Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = {list(shape)}"
        )
    if weight is not None and tuple(weight.shape) != shape:
        raise RuntimeError(
            f"Expected weight to be of same shape as normalized_shape, but got weight of shape {list(weight.shape)} and normalized_shape = {list(shape)}"
        )
    if bias is not None and tuple(bias.shape) != shape:
        raise RuntimeError(
            f"Expected bias to be of same shape as normalized_shape, but got bias of shape {list(bias.shape)} and normalized_shape = {list(shape)}"
        )
    if tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*{''.join(f', {n}' for n in shape)}], but got input of size{list(input.shape)}"
        )
    return _last(input.shape, len(shape))


@facade(method=False, namespace=("", "nn.functional"))
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    """Standardize over the last dimensions, which have the sizes `normalized_shape`; then scale by `weight` and shift by `bias`."""
    dims = _check_normalized(input, normalized_shape, weight, bias)
    _check_types("LayerNormKernelImpl", input, weight, bias)
    return _layer_norm.function(input, weight, bias, dims, eps)[0]


@composite(method=False, namespace=("", "nn.functional"))
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """Divide by the root of the mean square over the last dimensions, which have the sizes `normalized_shape`; then scale by `weight`."""
    dims = _check_normalized(input, normalized_shape, weight)
    check_kinds("rms_norm", input, "fc")
    eps = finfo(input.dtype.to_real()).eps if eps is None else eps
    wide = input.to(float32) if input.dtype is float16 else input
    out = wide * rsqrt.function((wide**2).mean(dims, True) + eps)
    return (out if weight is None else out * weight).to(input.dtype)


# ---- over groups of channels


def _grouped(x, groups):
    return x.reshape((x.shape[0], groups, math.prod(x.shape[1:]) // groups))


def _per_channel(weight, x):
    return weight.reshape((1, -1) + (1,) * (x.ndim - 2))


def _scaled_by_channel(x, weight):
    return x if weight is None else x * _per_channel(weight, x)


def _group_input_gradient(grad, x, centre, rstd, weight, groups, eps):
    grad = _grouped(_scaled_by_channel(grad, weight), groups)
    return _through(grad, _grouped(x, groups), centre, rstd, (2,), eps).reshape(tuple(x.shape))


def _over_channels(x):
    """Sum all but the channels."""
    return x.sum(tuple(i for i in range(x.ndim) if i != 1))


def _group_standardized(x, centre, rstd, groups, eps):
    return _standardized(_grouped(x, groups), centre, rstd, (2,), eps)[0].reshape(tuple(x.shape))


@primitive(
    name="group_norm", overload="native", node="NativeGroupNormBackward0", outputs=_OUTPUTS,
    vjp={
        "self": lambda grad_output, self, mean, rstd, weight, groups, eps: _group_input_gradient(grad_output, self, mean, rstd, weight, groups, eps),
        "weight": lambda grad_output, self, mean, rstd, groups, eps: _over_channels(grad_output * _group_standardized(self, mean, rstd, groups, eps)),
        "bias": lambda grad_output: _over_channels(grad_output),
    },
)  # fmt: skip
def _group_norm(self, weight, bias, groups, eps):
    """Standardize over groups of channels, then scale and shift each channel."""
    x = _grouped(widened(self), groups)
    centre, rstd = _statistics(x, (2,), eps)
    out = _scaled_by_channel(((x - centre) * rstd).reshape(self.shape), weight)
    out = out if bias is None else out + _per_channel(bias, self)
    return out.astype(self.dtype, copy=False), centre, rstd


@facade(method=False, namespace=("", "nn.functional"))
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    """Standardize over groups of channels (dimension 1) and all places; then scale and shift each channel."""
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    _check_types("GroupNormKernelImpl", input, weight, bias)
    if type(num_groups) is not int:
        raise must_be("group_norm", "num_groups", 1, "int", num_groups)
    channels = input.shape[1]
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(input.shape)} and "
            f"num_groups={num_groups}"
        )
    for name, x in (("weight", weight), ("bias", bias)):
        if x is not None and (x.ndim != 1 or x.numel() != channels):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape {list(x.shape)} "
                f"and input of shape {list(input.shape)}"
            )
    return _group_norm.function(input, weight, bias, num_groups, eps)[0]


# ---- over the batch


def _all_but_channels(ndim):
    return tuple(i for i in range(ndim) if i != 1)


def _fixed(statistic):
    """A running statistic as a constant: it came out of the node, but does not depend on its input."""
    return statistic.detach() if isinstance(statistic, Tensor) else statistic


def _batch_input_gradient(grad, x, centre, rstd, weight, training, eps):
    grad = _scaled_by_channel(grad, weight)
    return _through(grad, x, centre, rstd, _all_but_channels(x.ndim), eps) if training else grad * _fixed(rstd)


def _batch_weight_gradient(grad, x, centre, rstd, training, eps):
    standard = _standardized(x, centre, rstd, _all_but_channels(x.ndim), eps)[0] if training else (x - _fixed(centre)) * _fixed(rstd)
    return _over_channels(grad * standard)


@primitive(
    name="batch_norm", overload="native", node="NativeBatchNormBackward0", outputs=_OUTPUTS,
    vjp={
        "self": lambda grad_output, self, mean, rstd, weight, training, eps: _batch_input_gradient(
            grad_output, self, mean, rstd, weight, training, eps
        ),
        "weight": lambda grad_output, self, mean, rstd, training, eps: _batch_weight_gradient(grad_output, self, mean, rstd, training, eps),
        "bias": lambda grad_output: _over_channels(grad_output),
    },
)  # fmt: skip
def _batch_norm(self, weight, bias, running_mean, running_var, training, eps):
    """Standardize each channel by its batch, or by the running statistics, then scale and shift it."""
    wide = widened(self)
    if training:
        centre, rstd = _statistics(wide, _all_but_channels(self.ndim), eps)
    else:
        centre = _per_channel(running_mean, self)
        rstd = np.reciprocal(np.sqrt(_per_channel(running_var, self) + running_var.dtype.type(eps)))
    out = _scaled_by_channel((wide - centre) * rstd, weight)
    out = out if bias is None else out + _per_channel(bias, self)
    return out.astype(self.dtype, copy=False), centre, rstd


def _check_batch(input, training, stats):
    channels = input.shape[1] if input.ndim > 1 else 0
    if training and input.ndim > 1 and input.numel() == channels:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.size()}")
    for name, x in stats.items():
        if x is not None and x.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {x.numel()}")
    if input.ndim < 2 and input.numel():
        raise IndexError(f"Dimension out of range (expected to be in range of [{-max(input.ndim, 1)}, {max(input.ndim, 1) - 1}], but got 1)")


@facade(method=False, namespace=_F)
def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Standardize each channel (dimension 1), then scale and shift it.

    In training by mean and variance of the batch, which also move the running ones by `momentum`; else by the running ones.
    """
    _check_batch(input, training, {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias})
    if not training and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
    if not input.numel():  # nothing to standardize; PyTorch then takes weight and bias of the first channel
        out = input.clone()
        out = out if weight is None else out * weight[0]
        return out if bias is None else out + bias[0]
    return _batch_norm_of(input, running_mean, running_var, weight, bias, training, momentum, eps).output


def _batch_norm_of(input, running_mean, running_var, weight, bias, training, momentum, eps):
    _check_types("batch_norm", input, weight, bias, running_mean, running_var)
    used = (None, None) if training else (running_mean.detach(), running_var.detach())
    out = _batch_norm.function(input, weight, bias, *used, bool(training), eps)
    if training and running_mean is not None:
        _move(input, running_mean, running_var, out.mean._array, momentum)
    return out


def _move(input, running_mean, running_var, centre, momentum):
    """Move the running statistics towards those of the batch; the variance counts one element less, as an estimate does."""
    array = input._array
    count = array.size // array.shape[1]
    deviation = array - centre
    variance = np.add.reduce(deviation * deviation, axis=_all_but_channels(array.ndim)) / (count - 1)
    if top_level(array) > min(top_level(running_mean._array), top_level(running_var._array)):
        raise RuntimeError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, were not batched.\n"
            "Please make sure that running_mean and running_var are batched as well, or do without them."
        )
    place = place_of_caller(1)
    assign_in_place(running_mean, (1 - momentum) * running_mean._array + momentum * centre.reshape(-1), place)
    assign_in_place(running_var, (1 - momentum) * running_var._array + momentum * variance, place)


@composite(method=False, namespace=_F)
def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5):
    """Standardize each channel of each sample by itself, then scale and shift the channel."""
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    for index, x in enumerate((running_mean, running_var, weight, bias)):
        if x is not None:
            require_tensor("instance_norm", ("running_mean", "running_var", "weight", "bias")[index], index + 1, x)
    if any(x is not None and x.ndim > 1 for x in (running_mean, running_var, weight, bias)):
        raise RuntimeError("instance_norm: running statistics, weight and bias are vectors, one element for each channel")
    if running_mean is not None and not input.shape[0]:
        raise IndexError(f"instance_norm: an input of shape {list(input.shape)} has no sample by which to move the running statistics")
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    n, channels = input.shape[:2]
    rows = input.reshape((1, n * channels, *input.shape[2:]))
    repeated = [
        None if x is None else x.reshape((1, -1)).expand((n, channels)).reshape((-1,)) for x in (running_mean, running_var, weight, bias)
    ]
    statistics = [None if x is None else x.detach() for x in repeated[:2]]
    if use_input_stats and running_mean is not None:
        statistics = [wrap(x._array.copy()) for x in statistics]
    out = _batch_norm_of(rows, *statistics, *repeated[2:], bool(use_input_stats), momentum, eps).output
    if use_input_stats and running_mean is not None:
        place = place_of_caller(1)
        for running, moved in zip((running_mean, running_var), statistics):
            assign_in_place(running, moved._array.reshape(n, channels).mean(0), place)
    return out.reshape(tuple(input.shape))
