"""Pooling by maximum over sliding windows.

One dimension after the other, the last one first: of equal maxima the first in memory wins, and the last nan, as in PyTorch. Along with each maximum goes
its place, the number of the element in the flattened last dimensions; gradients go back there.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .._engine.dtypes import of_array
from .._engine.modes import state
from .._engine.op import LINEAR, composite, primitive
from .windows import over_examples, padded, per_dim

_F = ("nn.functional",)


# ---- the maximum of each region, and its place


def _max_along(values, places, axis, taps, regions):
    """Maxima along an axis counted from the end, and their places.

    Each of `taps` picks one element of every region: a slice, or indices. Each of `regions` is a slice too, or they are None.
    """
    if regions is not None and 4 * len(regions) < len(taps):
        best, at = _max_of_each(values, places, axis, regions)
        if not np.isnan(best).any():  # of several the last one is wanted
            return best, at
    best = at = None
    for tap in taps:
        if type(tap) is np.ndarray and tap.ndim > 1:
            value, place = np.take_along_axis(values, tap, axis), np.take_along_axis(places, tap, axis)
        elif type(tap) is np.ndarray:
            value, place = np.take(values, tap, axis), np.take(places, tap, axis)
        else:
            cut = (..., tap, *(slice(None),) * (-1 - axis))
            value, place = values[cut], places[cut]
        if best is None:
            best, at = value, place
            continue
        better = value > best
        if value.dtype.kind == "f":
            better |= value != value
        best, at = np.maximum(best, value), np.where(better, place, at)
    return best, at


def _max_of_each(values, places, axis, regions):
    """Maxima along an axis and their places, one region after the other: where these are few and large."""
    found = []
    places = np.broadcast_to(places, values.shape)
    for region in regions:
        cut = (..., region, *(slice(None),) * (-1 - axis))
        index = values[cut].argmax(axis, keepdims=True)
        found.append([np.take_along_axis(x[cut], index, axis) for x in (values, places)])
    return tuple(np.concatenate(parts, axis) for parts in zip(*found))


def _places(sizes):
    """The number of each element of an array of these sizes."""
    count = math.prod(sizes)
    return np.arange(count, dtype=np.int32 if count < 1 << 31 else np.int64).reshape(sizes)


def _max_of_regions(values, places, taps, regions=None):
    """Maxima over regions of the last dimensions, and their places; `taps` and `regions` for each dimension."""
    best, at = values, places
    for axis in range(-1, -len(taps) - 1, -1):
        best, at = _max_along(best, at, axis, taps[axis], regions and regions[axis])
    best = best.copy() if best.base is not None or best is values else np.ascontiguousarray(best)
    at = at if at.shape == best.shape else np.broadcast_to(at, best.shape)
    return best, at.astype(np.int64, "C")


def _max_of_windows(input, kernel, stride, padding, dilation, sizes):
    inner = input.shape[input.ndim - len(kernel) :]
    reach, taps, regions = _window_taps(inner, kernel, stride, padding, dilation, sizes)
    places = (_kept_window_places if math.prod(reach) <= 1 << 14 else _window_places)(inner, reach, padding, dilation)
    input = _padded_lowest(input, padding, reach)
    return _max_of_regions(input, places, taps, regions)


def _maxima_of_windows(input, kernel, stride, padding, dilation, sizes):
    """The same without places."""
    reach, taps, _ = _window_taps(input.shape[input.ndim - len(kernel) :], kernel, stride, padding, dilation, sizes)
    best = source = _padded_lowest(input, padding, reach)
    for axis in range(-1, -len(taps) - 1, -1):
        first, *others = ((..., tap, *(slice(None),) * (-1 - axis)) for tap in taps[axis])
        whole, best = best, best[first]
        for cut in others:
            best = np.maximum(best, whole[cut])
    return best.copy() if best.base is not None or best is source else np.ascontiguousarray(best)


def _padded_lowest(input, padding, reach):
    """The input with a border of the lowest value, as far as windows reach."""
    if reach == input.shape[input.ndim - len(reach) :]:
        return input
    return padded(input, padding, reach, -math.inf if input.dtype.kind == "f" else np.iinfo(input.dtype).min)


@functools.lru_cache(256)
def _window_taps(inner, kernel, stride, padding, dilation, sizes):
    """The sizes that the windows need, and for each dimension a slice for each place in a window, and one for each window, where there are few."""
    settings = [*zip(padding, inner, stride, sizes, dilation, kernel)]
    reach = tuple(max(p + n, s * (o - 1) + w * (k - 1) + 1) for p, n, s, o, w, k in settings)
    taps = [[slice(w * i, w * i + s * (o - 1) + 1, s) for i in range(k)] for _, _, s, o, w, k in settings]
    few = all(p == 0 for p in padding)  # otherwise a window of padding and the lowest value must not give a place in the padding
    regions = [[slice(s * i, s * i + w * (k - 1) + 1, w) for i in range(o)] if few and 4 * o < k else None for _, _, s, o, w, k in settings]
    return reach, taps, regions


def _window_places(inner, reach, padding, dilation):
    """The place of each element of the padded dimensions; padding in front has the place of the next element that a window sees from there.

    So a window that holds nothing but the lowest value gives its first element that is no padding, as in PyTorch.
    """
    places = _places(inner)
    if reach == inner:
        return places
    real = [np.arange(-p, r - p) for p, r in zip(padding, reach)]
    return places[np.ix_(*(np.minimum(np.where(q < 0, q % w, q), n - 1) for q, w, n in zip(real, dilation, inner)))]


_kept_window_places = functools.lru_cache(256)(_window_places)


# ---- values to and from places


def _scattered(values, places, sizes):
    """Zeros with values added at their places."""
    lead = values.shape[: values.ndim - len(sizes)]
    whole = math.prod(sizes)
    rows = places.reshape((math.prod(lead), math.prod(values.shape[len(lead) :]))) + np.arange(0, math.prod(lead) * whole, max(whole, 1))[:, None][: math.prod(lead)]
    if values.dtype.kind == "c":
        out = np.zeros(math.prod(lead) * whole, values.dtype)
        np.add.at(out, rows.reshape(-1), values.reshape(-1))
    else:
        out = np.bincount(rows.reshape(-1), values.reshape(-1), math.prod(lead) * whole)
    return out.astype(values.dtype, copy=False).reshape((*lead, *sizes))


def _gathered(values, places, d):
    """Values at places."""
    lead = values.shape[: values.ndim - d]
    rows = values.reshape((*lead, math.prod(values.shape[len(lead) :])))
    index = places.reshape((*lead, math.prod(places.shape[len(lead) :])))
    return np.take_along_axis(rows, index, -1).reshape(places.shape)


@primitive(
    "_pool_scatter", vjp={"self": lambda grad, indices, sizes: _pool_gather(grad, indices, len(sizes))}, tensors=("self", "indices"), method=False,
    namespace=(), node=lambda self, indices, sizes: f"MaxPool{len(sizes)}DWithIndicesBackwardBackward0", jvp=LINEAR,
)  # fmt: skip
def _pool_scatter(self, indices, sizes):
    """Zeros of `sizes` in the last dimensions, with the elements of `self` added where `indices` say."""
    return over_examples(_scattered, (self, indices), tuple(sizes))


@primitive(
    "_pool_gather", vjp={"self": lambda grad, self_shape, indices, d: _pool_scatter(grad, indices, self_shape[len(self_shape) - d :])},
    tensors=("self", "indices"), method=False, namespace=(), node="GatherBackward0", jvp=LINEAR,
)  # fmt: skip
def _pool_gather(self, indices, d):
    """The elements of the flattened last `d` dimensions that `indices` name."""
    return over_examples(_gathered, (self, indices), d)


def _to_places(grad_output, self_shape, indices, d):
    return _pool_scatter(grad_output, indices, self_shape[len(self_shape) - d :])


# ---- sliding windows


def pooled_size(n, k, s, p, w, ceil_mode):
    """How many windows of `k` elements, `w` apart, begin in a dimension of `n` elements with `p` more at both ends."""
    count = (n + 2 * p - w * (k - 1) - 1 + (s - 1 if ceil_mode else 0)) // s + 1
    return count - 1 if ceil_mode and (count - 1) * s >= n + p else count  # the last window must begin inside, or before, the input


def check_windows(name, kernel, stride, padding, dilation):
    """What PyTorch checks of the settings of a pooling."""
    if any(k <= 0 for k in kernel):
        raise RuntimeError(f"{name}: kernel size should be greater than zero, but got kernel_size={list(kernel)} (kernel_size must be greater than zero)")
    if any(s <= 0 for s in stride):
        raise RuntimeError(f"{name}: stride must be greater than zero, but got {min(stride)}")
    if any(w <= 0 for w in dilation):
        raise RuntimeError(f"{name}: dilation must be greater than zero, but got {min(dilation)}")
    for p, k, w in zip(padding, kernel, dilation):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > (w * (k - 1) + 1) // 2:
            raise RuntimeError(f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={w}")
        if p > k // 2:
            raise RuntimeError(f"pad should be smaller than or equal to half of kernel size, but got pad = {p}, kernel size = {k}")


def check_output(shape, sizes):
    """Raise `RuntimeError` where no window fits."""
    if any(n < 1 for n in sizes):
        d = len(sizes)
        given, made = (" x ".join(map(str, x)) for x in (shape[len(shape) - d - 1 :], (shape[len(shape) - d - 1], *sizes)))
        raise RuntimeError(f"Given input size: ({given}). Calculated output size: ({made}). Output size is too small")


def check_image(name, d, shape):
    """Raise `RuntimeError` unless these are `d` dimensions, channels before them and maybe examples before these; only of examples there may be none."""
    if len(shape) not in (d + 1, d + 2) or 0 in shape[len(shape) - d - 1 :]:
        if d == 3 and len(shape) in (4, 5):
            raise RuntimeError(f"{name}: Expected input's non-batch dimensions to have positive length, but input has a shape of {list(shape)}")
        raise RuntimeError(f"Expected {d + 1}D or {d + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}")


def _no_type(name, array, refused="bc"):
    if array.dtype.kind in refused:
        raise NotImplementedError(f"\"{name}\" not implemented for '{of_array(array.dtype).tensor_name}'")


@functools.lru_cache(256)
def _pooled_sizes(shape, kernel, stride, padding, dilation, ceil_mode):
    """How many windows there are in each dimension, once all has been checked."""
    d = len(kernel)
    name = f"max_pool{d}d"
    check_windows(name, kernel, stride, padding, dilation)
    check_image(name, d, shape)
    sizes = tuple(pooled_size(*one, ceil_mode) for one in zip(shape[len(shape) - d :], kernel, stride, padding, dilation))
    check_output(shape, sizes)
    return sizes


@primitive(
    "_max_pool", vjp={"self": lambda grad_output, self_shape, kernel_size, indices: _to_places(grad_output, self_shape, indices, len(kernel_size))},
    outputs=("output", "indices"), method=False, namespace=(),
    node=lambda self, kernel_size, *rest: f"MaxPool{len(kernel_size)}DWithIndicesBackward0",
)  # fmt: skip
def _max_pool(self, kernel_size, stride, padding, dilation, ceil_mode):
    """The maximum of each window of the last dimensions, and its place."""
    _no_type("max_pool2d" if len(kernel_size) == 2 else "max_pool3d", self)
    sizes = _pooled_sizes(self.shape, kernel_size, stride, padding, dilation, ceil_mode)
    return over_examples(_max_of_windows, (self,), kernel_size, stride, padding, dilation, sizes)


@primitive("_max_pool_values", method=False, namespace=())
def _max_pool_values(self, kernel_size, stride, padding, dilation, ceil_mode):
    """The maximum of each window of the last dimensions, where nobody asks for its place."""
    _no_type("max_pool2d" if len(kernel_size) == 2 else "max_pool3d", self)
    sizes = _pooled_sizes(self.shape, kernel_size, stride, padding, dilation, ceil_mode)
    return over_examples(_maxima_of_windows, (self,), kernel_size, stride, padding, dilation, sizes)


def _pool(input, settings, ceil_mode, return_indices):
    """Values and places of the maxima; no places (None) where neither the caller nor a gradient, backward or forward, needs them."""
    if return_indices or input._requires_grad and state.mode.grad or input._tangents:
        return _max_pool.function(input, *settings, bool(ceil_mode))
    return _max_pool_values.function(input, *settings, bool(ceil_mode)), None


def _settings(name, d, kernel_size, stride, padding, dilation=1):
    kernel = per_dim(kernel_size, d, "kernel_size", name)
    empty = stride is None or not isinstance(stride, int) and len(stride) == 0
    return kernel, kernel if empty else per_dim(stride, d, "stride", name), per_dim(padding, d, "padding", name), per_dim(dilation, d, "dilation", name)


def _max_pool_of(d, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    settings = _settings(f"max_pool{d}d", d, kernel_size, stride, padding, dilation)
    output, indices = _pool(input, settings, ceil_mode, return_indices)
    return (output, indices) if return_indices else output


def _max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    kernel, stride, padding, dilation = _settings("max_pool1d", 1, kernel_size, stride, padding, dilation)
    array = input._array
    check_windows("max_pool1d", kernel, stride, padding, dilation)
    if array.ndim not in (2, 3) or 0 in array.shape[array.ndim - 2 :]:
        raise RuntimeError(f"max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got: {list(array.shape)}")
    size = pooled_size(array.shape[-1], kernel[0], stride[0], padding[0], dilation[0], ceil_mode)
    if size <= 0:
        raise RuntimeError(f"max_pool1d: Invalid computed output size: {size}")
    _no_type("max_pool1d", array, "bc" if return_indices else "biuc")
    settings = (1, *kernel), (1, *stride), (0, *padding), (1, *dilation)
    output, indices = _pool(input.unsqueeze(-2), settings, ceil_mode, return_indices)
    return (output.squeeze(-2), indices.squeeze(-2)) if return_indices else output.squeeze(-2)


@composite("nn.functional.max_pool1d", method=False, namespace=_F)
def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Take the maximum of each window of (n, c, l) or (c, l), and with `return_indices` its place."""
    return _max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite("nn.functional.max_pool2d", method=False, namespace=_F)
def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Take the maximum of each window of (n, c, h, w) or (c, h, w), and with `return_indices` its place in the flattened image."""
    return _max_pool_of(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite("nn.functional.max_pool3d", method=False, namespace=_F)
def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Take the maximum of each window of (n, c, d, h, w) or (c, d, h, w), and with `return_indices` its place in the flattened volume."""
    return _max_pool_of(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite("max_pool1d", method=False)
def _torch_max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Take the maximum of each window of (n, c, l) or (c, l)."""
    return _max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, False)


@composite("max_pool2d", method=False)
def _torch_max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Take the maximum of each window of (n, c, h, w) or (c, h, w)."""
    return _max_pool_of(2, input, kernel_size, stride, padding, dilation, ceil_mode, False)


@composite("max_pool3d", method=False)
def _torch_max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Take the maximum of each window of (n, c, d, h, w) or (c, d, h, w)."""
    return _max_pool_of(3, input, kernel_size, stride, padding, dilation, ceil_mode, False)


def _with_indices(d, function, places):
    """`function` that gives the places too, under its name in PyTorch."""

    def with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        return function(input, kernel_size, stride, padding, dilation, ceil_mode, True)

    with_indices.__name__ = f"max_pool{d}d_with_indices"
    with_indices.__doc__ = f"Take the maximum of each window as `max_pool{d}d` does, and its place."
    for place in places:
        composite(f"{place}max_pool{d}d_with_indices", method=False, namespace=(place.rstrip("."),))(with_indices)


_with_indices(1, max_pool1d, ("nn.functional.", ""))
_with_indices(2, max_pool2d, ("nn.functional.",))
_with_indices(3, max_pool3d, ("nn.functional.",))
