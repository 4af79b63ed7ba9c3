"""Pooling by average, over sliding windows and over regions, and what is built on it: pooling by norms, normalization across channels."""

from __future__ import annotations

import numpy as np

from .._engine.arguments import check_kinds
from .._engine.dtypes import of_array
from .._engine.op import LINEAR, NAMES, composite, primitive
from .pooling import check_image, check_output, check_windows, pooled_size
from .regions import wanted_sizes
from .resampling import resampled, table
from .windows import over_examples, per_dim

_F = ("nn.functional",)
_BOTH = ("", "nn.functional")


@primitive(
    "_resample", vjp={"self": lambda grad, maps, of, transposed: _resample(grad, maps, of, not transposed)}, method=False, namespace=(),
    node=lambda self, maps, of, transposed: f"{of}BackwardBackward0" if transposed else f"{of}Backward0", jvp=LINEAR,
)  # fmt: skip
def _resample(self, maps, of, transposed):
    """Apply one linear map to each of the last dimensions; `of` is PyTorch's name of the whole, as in its nodes."""
    return over_examples(resampled, (self,), maps, transposed)


@primitive("_average_of_whole_numbers", method=False, namespace=())
def _average_of_whole_numbers(self, maps, divisors):
    """Sums of windows divided by their counts, one vector of counts per dimension, and cut towards zero."""
    return over_examples(_whole_averages, (self,), maps, divisors)


def _whole_averages(x, maps, divisors):
    total = resampled(x, maps, False)
    count = np.ones((), np.int64)
    for divisor in divisors:
        count = count[..., None] * np.asarray(divisor)
    return (np.sign(total) * np.sign(count) * (np.abs(total) // np.abs(count))).astype(x.dtype)


# ---- sliding windows


def _named(sizes, prefix=""):
    return " ".join(f"{prefix}{letter}: {n}" for letter, n in zip("THW", sizes))


def _check(name, d, array, kernel, stride, padding, divisor_override):
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    check_windows(name, kernel, stride, padding, (1,) * d)
    if d == 3 and (array.ndim not in (4, 5) or 0 in array.shape[1:]):
        raise RuntimeError(f"non-empty 4D or 5D (batch mode) tensor expected for input, but got {list(array.shape)}")
    check_image(name, d, array.shape)
    if d == 3 and any(n < k for n, k in zip(array.shape[-3:], kernel)):
        raise RuntimeError(f"input image ({_named(array.shape[-3:])}) smaller than kernel size ({_named(kernel, 'k')})")
    if array.dtype.kind in "bc":
        raise NotImplementedError(f"\"{name}\" not implemented for '{of_array(array.dtype).tensor_name}'")


def _average(name, d, input, kernel_size, stride, padding, ceil_mode, include_pad, divisor_override):
    kernel = per_dim(kernel_size, d, "kernel_size", name)
    empty = stride is None or not isinstance(stride, int) and len(stride) == 0
    stride, padding = kernel if empty else per_dim(stride, d, "stride", name), per_dim(padding, d, "padding", name)
    array = input._array
    check_kinds(name, array, "fi")
    _check(name, d, array, kernel, stride, padding, divisor_override)
    return _windows_averaged(name, input, kernel, stride, padding, ceil_mode, include_pad, divisor_override)


def _windows_averaged(name, input, kernel, stride, padding, ceil_mode, include_pad, divisor_override):
    array, d = input._array, len(kernel)
    inner = array.shape[array.ndim - d :]
    sizes = tuple(pooled_size(n, k, s, p, 1, ceil_mode) for n, k, s, p in zip(inner, kernel, stride, padding))
    check_output(array.shape, sizes)
    whole = array.dtype.kind in "iu"
    each = [None if divisor_override is None and not whole else 1.0] * d
    if divisor_override is not None and not whole:
        each[0] = 1 / divisor_override
    maps = tuple(("windows", *one, bool(include_pad)) for one in zip(inner, sizes, kernel, stride, padding))
    if not whole:
        return _resample.function(input, tuple((*one, e) for one, e in zip(maps, each)), f"AvgPool{d}D", False)
    sums = tuple((*one, 1.0) for one in maps)
    counts = [tuple(np.rint(1 / table((*one, None)).weight.max(0)).astype(int)) for one in maps]
    if divisor_override is not None:
        counts = [(divisor_override,)] + [(1,)] * (d - 1)
    return _average_of_whole_numbers.function(input, sums, tuple(counts))


@composite(method=False, namespace=_BOTH)
def avg_pool1d(input, kernel_size, stride=(), padding=0, ceil_mode=False, count_include_pad=True):
    """Average each window of (n, c, l) or (c, l); padding counts as zeros unless `count_include_pad` is False."""
    kernel, padding = per_dim(kernel_size, 1, "kernel_size", "avg_pool1d"), per_dim(padding, 1, "padding", "avg_pool1d")
    empty = stride is None or not isinstance(stride, int) and len(stride) == 0
    stride = kernel if empty else per_dim(stride, 1, "stride", "avg_pool1d")
    array = input._array
    check_windows("avg_pool1d", kernel, stride, padding, (1,))
    if array.ndim not in (2, 3):
        raise RuntimeError(f"Expected 2D or 3D tensor with optional 0 dim batch size for input, but got: {list(array.shape)}")
    return avg_pool2d(input.unsqueeze(-2), (1, *kernel), (1, *stride), (0, *padding), ceil_mode, count_include_pad).squeeze(-2)


@composite("nn.functional.avg_pool2d", method=False, namespace=_F)
def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """Average each window of (n, c, h, w) or (c, h, w): the sum over the number of elements, or over `divisor_override`."""
    return _average("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@composite("nn.functional.avg_pool3d", method=False, namespace=_F)
def avg_pool3d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """Average each window of (n, c, d, h, w) or (c, d, h, w): the sum over the number of elements, or over `divisor_override`."""
    return _average("avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


# ---- regions that cover everything


def regions_averaged(input, sizes):
    """Average regions of the last dimensions, in two dimensions or three."""
    array, d = input._array, len(sizes)
    if any(n < 0 for n in sizes):
        raise RuntimeError(f"adaptive_avg_pool{d}d: elements of output_size must be greater than or equal to 0 but received {list(sizes)}")
    if array.ndim not in (d + 1, d + 2):
        raise RuntimeError(f"adaptive_avg_pool{d}d(): Expected {d + 1}D or {d + 2}D tensor, but got {list(array.shape)}")
    inner = array.shape[array.ndim - d :]
    if 0 in inner:
        raise RuntimeError(f"adaptive_avg_pool{d}d(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                           f"{list(array.shape)}")  # fmt: skip
    if set(sizes) == {1}:
        return input.mean(tuple(range(-d, 0)), True)
    if array.dtype.kind in "biuc":
        raise NotImplementedError(f"\"adaptive_avg_pool{d}d\" not implemented for '{of_array(array.dtype).tensor_name}'")
    return _resample.function(input, tuple(("regions", *one) for one in zip(inner, sizes)), f"AdaptiveAvgPool{d}D", False)


@composite(method=False, namespace=_BOTH)
def adaptive_avg_pool1d(input, output_size):
    """Average each of `output_size` regions that cover the last dimension."""
    (size,) = wanted_sizes("adaptive_avg_pool1d", 1, input, output_size)
    if size < 0:
        raise RuntimeError(f"adaptive_avg_pool1d: elements of output_size must be greater than or equal to 0 but received [{size}]")
    if input._array.ndim not in (2, 3):
        raise RuntimeError(f"adaptive_avg_pool1d() Expected 2D or 3D tensor, but got {list(input._array.shape)}")
    return regions_averaged(input.unsqueeze(-2), (1, size)).squeeze(-2)


@composite("nn.functional.adaptive_avg_pool2d", method=False, namespace=_F)
def adaptive_avg_pool2d(input, output_size):
    """Average each of `output_size` regions that cover the last two dimensions; None leaves a dimension as it is."""
    return regions_averaged(input, wanted_sizes("adaptive_avg_pool2d", 2, input, output_size))


@composite("nn.functional.adaptive_avg_pool3d", method=False, namespace=_F)
def adaptive_avg_pool3d(input, output_size):
    """Average each of `output_size` regions that cover the last three dimensions; None leaves a dimension as it is."""
    return regions_averaged(input, wanted_sizes("adaptive_avg_pool3d", 3, input, output_size))


# ---- built on averages


def _norm_pool(d, input, norm_type, kernel_size, stride, ceil_mode):
    average = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}[d]
    count = 1
    for k in per_dim(kernel_size, d, "kernel_size", f"lp_pool{d}d"):
        count *= k
    out = average(input.pow(norm_type), kernel_size, stride if stride is not None else (), 0, ceil_mode)
    relu = NAMES["nn.functional.relu"]
    return out.sign().mul(relu(out.abs())).mul(count).pow(1.0 / norm_type)


@composite("nn.functional.lp_pool1d", method=False, namespace=_F)
def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of each window of (n, c, l): the root of the sum of powers."""
    return _norm_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@composite("nn.functional.lp_pool2d", method=False, namespace=_F)
def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of each window of (n, c, h, w): the root of the sum of powers."""
    return _norm_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@composite("nn.functional.lp_pool3d", method=False, namespace=_F)
def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Take the p-norm of each window of (n, c, d, h, w): the root of the sum of powers."""
    return _norm_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


@composite("nn.functional.local_response_norm", method=False, namespace=_F)
def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """Divide by (k + alpha · mean of the squares of `size` neighbouring channels) ** beta (Krizhevsky et al., 2012)."""
    array = input._array
    if array.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {array.ndim} dimensions)")
    if input.numel() == 0:
        return input
    squares = input.mul(input).unsqueeze(1)
    shape = tuple(array.shape)
    rows = squares.view((shape[0], 1, shape[1], int(np.prod(shape[2:])))) if input.is_contiguous() else squares.reshape((shape[0], 1, shape[1], -1))
    rows = NAMES["nn.functional.pad"](rows, (0, 0, size // 2, (size - 1) // 2))
    mean = avg_pool2d(rows, (size, 1), 1).reshape(shape)
    return input / mean.mul(alpha).add(k).pow(beta)
