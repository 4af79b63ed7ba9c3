"""Pooling by maximum over regions that cover everything, over windows at random distances, and the partial inverse of poolings."""

from __future__ import annotations

import functools
import math

import numpy as np

from .._engine.arguments import must_be
from .._engine.batched import outside
from .._engine.op import LINEAR, NAMES, composite, primitive
from .._engine.tensor import Tensor
from .pooling import _max_of_regions, _no_type, _places, _pool_gather, _settings, _to_places
from .windows import over_examples, per_dim

_F = ("nn.functional",)


# ---- the maxima


def region_bounds(n, count):
    """Where `count` regions that together cover `n` elements begin and end."""
    index = np.arange(count)
    return index * n // max(count, 1), -(-(index + 1) * n // max(count, 1))


@functools.lru_cache(256)
def _region_taps(inner, sizes):
    """For each dimension the places in regions, and the regions; a shorter region names its last element again."""
    taps, regions = [], []
    for n, count in zip(inner, sizes):
        start, end = region_bounds(n, count)
        longest = int((end - start).max(initial=1))
        even = count and n % count == 0
        taps.append([slice(i, None, longest) if even else np.minimum(start + i, end - 1) for i in range(longest)])
        regions.append([slice(*pair) for pair in zip(start.tolist(), end.tolist())] if count else None)
    return taps, regions


def _max_adaptive(input, sizes):
    inner = input.shape[input.ndim - len(sizes) :]
    return _max_of_regions(input, _places(inner), *_region_taps(inner, sizes))


def _max_fractional(input, samples, kernel, sizes):
    d = len(kernel)
    inner = input.shape[input.ndim - d :]
    taps = []
    for axis, (n, k, count) in enumerate(zip(inner, kernel, sizes)):
        sample = samples[..., (d - 1 - axis if d == 2 else axis), None]
        starts = np.full((*sample.shape[:-1], count), n - k)
        if count > 1:
            alpha = samples.dtype.type((n - k) / (count - 1))
            starts[..., :-1] = ((np.arange(count - 1, dtype=samples.dtype) + sample) * alpha).astype(np.int64) - (sample * alpha).astype(np.int64)
        shape = [1] * d
        shape[axis] = count
        taps.append([(starts + i).reshape((*starts.shape[:-1], *shape)) for i in range(k)])
    places = np.broadcast_to(_places(inner), input.shape)
    return _max_of_regions(input, places, taps)


# ---- adaptive and random regions


@primitive(
    "_adaptive_max_pool", vjp={"self": lambda grad_output, self_shape, output_size, indices: _to_places(grad_output, self_shape, indices, len(output_size))},
    outputs=("output", "indices"), method=False, namespace=(),
    node=lambda self, output_size: f"AdaptiveMaxPool{len(output_size)}DBackward0",
)  # fmt: skip
def _adaptive_max_pool(self, output_size):
    """The maximum of each of `output_size` regions that cover the last dimensions, and its place."""
    d = len(output_size)
    if any(n < 0 for n in output_size):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(output_size)}: {[*self.shape[: self.ndim - d], *output_size]}")
    if self.ndim not in (d + 1, d + 2):
        raise RuntimeError(f"adaptive_max_pool{d}d(): Expected {d + 1}D or {d + 2}D tensor, but got: {list(self.shape)}")
    if 0 in self.shape[self.ndim - d - 1 :]:
        raise RuntimeError(f"adaptive_max_pool{d}d(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                           f"{list(self.shape)}")  # fmt: skip
    _no_type(f"adaptive_max_pool{d}d", self, "biuc")
    return over_examples(_max_adaptive, (self,), tuple(output_size))


def wanted_sizes(name, d, input, output_size):
    """The sizes that an adaptive pooling shall give: one number for all dimensions, None for as many as there are."""
    if isinstance(output_size, (str, float)) or output_size is None:
        raise must_be(name, "output_size", 1, "tuple of ints", output_size)
    if isinstance(output_size, int) or not hasattr(output_size, "__len__"):
        output_size = (output_size,) * d
    if len(output_size) > input._array.ndim:
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}, got {input._array.ndim}")
    if d > 1 and input._array.ndim <= d:
        raise ValueError(f"Input dimension should be at least {d + 1}, got {input._array.ndim}")
    if len(output_size) != d:
        raise RuntimeError(f"{name}: 'output_size' should contain one int" if d == 1 else
                           f"{name}: internal error: output_size.size() == {d} expected (output_size must be {d})")  # fmt: skip
    inner = input._array.shape[input._array.ndim - d :]
    return tuple(n if wanted is None else int(wanted) for n, wanted in zip(inner, output_size))


def _adaptive_max_pool_of(d, input, output_size, return_indices):
    output, indices = _adaptive_max_pool.function(input, wanted_sizes(f"adaptive_max_pool{d}d", d, input, output_size))
    return (output, indices) if return_indices else output


@composite("nn.functional.adaptive_max_pool1d", method=False, namespace=_F)
def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Take the maximum of each of `output_size` regions that cover the last dimension, and with `return_indices` its place."""
    (size,) = wanted_sizes("adaptive_max_pool1d", 1, input, output_size)
    if input._array.ndim not in (2, 3):
        raise RuntimeError(f"adaptive_max_pool1d() Expected 2D or 3D tensor, but got: {list(input._array.shape)}")
    output, indices = _adaptive_max_pool.function(input.unsqueeze(-2), (1, size))
    return (output.squeeze(-2), indices.squeeze(-2)) if return_indices else output.squeeze(-2)


@composite("adaptive_max_pool1d", method=False)
def _torch_adaptive_max_pool1d(input, output_size):
    """Take the maximum of each of `output_size` regions that cover the last dimension, and its place."""
    return adaptive_max_pool1d(input, output_size, True)


@composite("nn.functional.adaptive_max_pool2d", method=False, namespace=_F)
def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Take the maximum of each of `output_size` regions that cover the last two dimensions, and with `return_indices` its place."""
    return _adaptive_max_pool_of(2, input, output_size, return_indices)


@composite("nn.functional.adaptive_max_pool3d", method=False, namespace=_F)
def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Take the maximum of each of `output_size` regions that cover the last three dimensions, and with `return_indices` its place."""
    return _adaptive_max_pool_of(3, input, output_size, return_indices)


@primitive(
    "_fractional_max_pool",
    vjp={"self": lambda grad_output, self_shape, output_size, indices: _to_places(grad_output, self_shape, indices, len(output_size))},
    outputs=("output", "indices"), tensors=("self", "samples"), method=False, namespace=(),
    node=lambda self, samples, kernel_size, output_size: f"FractionalMaxPool{len(output_size)}DBackward0",
)  # fmt: skip
def _fractional_max_pool(self, samples, kernel_size, output_size):
    """The maximum of each of `output_size` windows that begin at random, by one number of `samples` (n, c, d) a dimension, and its place."""
    d = len(kernel_size)
    _no_type(f"fractional_max_pool{d}d", self, "biuc")
    for n, k, count in zip(self.shape[self.ndim - d :], kernel_size, output_size):
        if count + k - 1 > n - (d == 3):  # torch leaves one element of room in volumes
            raise RuntimeError(f"fractional_max_pool{d}d(): pool size {k} too large relative to input size {n} and output size {count}")
    if samples.dtype != self.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    batched = self.ndim == d + 2
    if samples.shape != (*(self.shape[:2] if batched else (1, self.shape[0])), d):
        raise RuntimeError(f"Expect _random_samples to hold {d} numbers for each channel of each example, but got shape {list(samples.shape)}")
    return over_examples(_max_fractional, (self, samples if batched else samples[0]), kernel_size, output_size)


def _fractional(d, input, kernel_size, output_size, output_ratio, return_indices, samples):
    name = f"fractional_max_pool{d}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    array = input._array
    if array.ndim not in (d + 1, d + 2) or 0 in array.shape[array.ndim - d - 1 :]:
        raise RuntimeError(f"{name}(): Expected {d + 1}D or {d + 2}D tensor with non-empty dimensions, but got: {list(array.shape)}")
    inner = array.shape[array.ndim - d :]
    if output_size is None:
        ratios = (output_ratio,) * d if isinstance(output_ratio, (int, float)) else tuple(output_ratio)  # torch wants one for each
        output_size = tuple(int(n * r) for n, r in zip(inner, ratios))
    kernel, sizes = per_dim(kernel_size, d, "kernel_size", name), per_dim(output_size, d, "output_size", name)
    if samples is None:
        lead = array.shape[:2] if array.ndim == d + 2 else (1, array.shape[0])
        samples = NAMES["rand"](*lead, d, dtype=input.dtype)
    output, indices = _fractional_max_pool.function(input, samples, kernel, sizes)
    return (output, indices) if return_indices else output


@composite("nn.functional.fractional_max_pool2d", method=False, namespace=_F)
def fractional_max_pool2d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
    """Take the maximum of windows that begin at random distances, `output_size` of them or `output_ratio` times the size (Graham, 2014)."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


@composite("nn.functional.fractional_max_pool3d", method=False, namespace=_F)
def fractional_max_pool3d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
    """Take the maximum of windows that begin at random distances, `output_size` of them or `output_ratio` times the size (Graham, 2014)."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


# ---- the partial inverse


def _unpooled(values, places, sizes):
    lead = values.shape[: values.ndim - len(sizes)]
    out = np.zeros((*lead, math.prod(sizes)), values.dtype)
    count = math.prod(values.shape[len(lead) :])
    np.put_along_axis(out, places.reshape((*lead, count)), values.reshape((*lead, count)), -1)
    return out.reshape((*lead, *sizes))


@primitive(
    "_max_unpool", vjp={"self": lambda grad, indices, sizes: _pool_gather(grad, indices, len(sizes))}, tensors=("self", "indices"), method=False,
    namespace=(), node=lambda self, indices, sizes: f"MaxUnpool{len(sizes)}DBackward0", jvp=LINEAR,
)  # fmt: skip
def _max_unpool(self, indices, sizes):
    """Zeros of `sizes` in the last dimensions, with the elements of `self` where `indices` say."""
    d = len(sizes)
    if indices.dtype != np.int64:
        raise RuntimeError("elements in indices should be type int64")
    if self.shape != indices.shape:
        raise RuntimeError(f"Expected shape of indices to be same as that of the input tensor ({list(self.shape)}) but got indices tensor with shape: "
                           f"{list(indices.shape)}")  # fmt: skip
    if self.ndim not in (d + 1, d + 2):
        raise RuntimeError(f"Input to max_unpooling{d}d should be a {d + 1}d or {d + 2}d Tensor, but got a tensor with {self.ndim} dimensions.")
    _no_type(f"max_unpool{d}d", self, "biuc")
    whole = math.prod(sizes)
    if outside(indices, 0, whole):
        raise RuntimeError(f"Found an invalid max index: a place outside of output volumes of size {' x '.join(map(str, sizes))}")
    return over_examples(_unpooled, (self, indices), tuple(sizes))


def _unpool_sizes(inner, kernel, stride, padding, output_size):
    """The sizes that were pooled: by the settings alone, or one of those that give the same sizes when pooled."""
    d = len(kernel)
    usual = tuple((n - 1) * s + k - 2 * p for n, s, k, p in zip(inner, stride, kernel, padding))
    if output_size is None:
        return usual
    given = tuple(output_size)
    given = given[2:] if len(given) == d + 2 else given
    if len(given) != d:
        raise ValueError(f"output_size should be a sequence containing {d} or {d + 2} elements, but it has a length of '{len(given)}'")
    for i, (n, u, s) in enumerate(zip(given, usual, stride)):
        if not u - s < n < u + s:
            raise ValueError(f'invalid output_size "{given}" (dim {i} must be between {u - s} and {u + s})')
    return given


def _unpool(d, input, indices, kernel_size, stride, padding, output_size):
    if not isinstance(indices, Tensor):
        raise TypeError(f"max_unpool{d}d(): argument 'indices' (position 2) must be Tensor, not {type(indices).__name__}")
    kernel, stride, padding, _ = _settings(f"max_unpool{d}d", d, kernel_size, stride, padding)
    inner = input._array.shape[max(input._array.ndim - d, 0) :]
    sizes = _unpool_sizes(inner, kernel, stride, padding, output_size)
    if d > 1:
        return _max_unpool.function(input, indices, sizes)
    return _max_unpool.function(input.unsqueeze(-2), indices.unsqueeze(-2), (1, *sizes)).squeeze(-2)


@composite("nn.functional.max_unpool1d", method=False, namespace=_F)
def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put maxima back to the places that `max_pool1d` found them at; zeros elsewhere."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


@composite("nn.functional.max_unpool2d", method=False, namespace=_F)
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put maxima back to the places that `max_pool2d` found them at; zeros elsewhere."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


@composite("nn.functional.max_unpool3d", method=False, namespace=_F)
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put maxima back to the places that `max_pool3d` found them at; zeros elsewhere."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
