"""Sampling images at places that a grid names: `grid_sample`, and `affine_grid`, which makes such grids.

A result is a weighted sum of elements: `_weighted_picks` with indices and weights. It, its transpose and its derivative by the weights are three
entries, each other's derivatives; the weights are polynomials of the places, written with operators. So every order of derivative is there.
"""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np

from .._engine.arguments import check_kinds
from .._engine.dtypes import of_array
from .._engine.op import LINEAR, MULTILINEAR, facade, primitive
from .._engine.tensor import Tensor, wrap
from .joining import stack
from .masking import _kept
from .pointwise import widened
from .resampling import cubic_weights
from .windows import over_examples

_F = ("nn.functional",)
_MODES = ("bilinear", "nearest", "bicubic")
_NOWHERE = np.zeros((), bool)
_PADDINGS = ("zeros", "border", "reflection")


# ---- weighted sums of elements: x (n, c, s), weight and index (n, t, p)


def _flat(index, channels, count):
    """Indices (n, t, p) of elements of each channel as indices (n, c, t, p) of the elements of all."""
    lead = (*index.shape[:-2], channels)
    return index[..., None, :, :] + (np.arange(math.prod(lead)) * count).reshape((*lead, 1, 1))


def _picked(x, index):
    """Elements of (n, c, s) at (n, t, p): (n, c, t, p)."""
    return np.take(x.reshape(-1), _flat(index, *x.shape[-2:]))


def _picks(x, weight, index):
    return np.einsum("...nctp,...ntp->...ncp", _picked(x, index), weight)


def _put(x, weight, index, count):
    """Add x (n, c, p) times weights where indices say: (n, c, count)."""
    shape = (*x.shape[:-1], count)
    terms = x[..., None, :] * weight[..., None, :, :]
    return np.bincount(_flat(index, x.shape[-2], count).reshape(-1), terms.reshape(-1), math.prod(shape)).astype(x.dtype, copy=False).reshape(shape)


def _products(x, y, index):
    """For each tap and place, the sum over channels of x (n, c, p) times the element picked from y (n, c, s): (n, t, p)."""
    return np.einsum("...ncp,...nctp->...ntp", x, _picked(y, index))


@primitive(
    "_weighted_picks",
    vjp={
        "self": lambda grad, weight, index, self_shape: _weighted_put(grad, weight, index, self_shape[-1]),
        "weight": lambda grad, self, index: _weight_products(grad, self, index),
    },
    tensors=("self", "weight", "index"), method=False, namespace=(), jvp=MULTILINEAR,
)  # fmt: skip
def _weighted_picks(self, weight, index):
    """For each place the sum of the elements that indices name, times weights: (n, c, s) gives (n, c, p)."""
    return over_examples(_picks, (self, weight, index))


@primitive(
    "_weighted_put",
    vjp={
        "self": lambda grad, weight, index: _weighted_picks(grad, weight, index),
        "weight": lambda grad, self, index: _weight_products(self, grad, index),
    },
    tensors=("self", "weight", "index"), method=False, namespace=(), jvp=MULTILINEAR,
)  # fmt: skip
def _weighted_put(self, weight, index, count):
    """Add each place's number, times weights, to the elements that indices name: (n, c, p) gives (n, c, count)."""
    return over_examples(_put, (self, weight, index), count)


@primitive(
    "_weight_products",
    vjp={
        "self": lambda grad, other, index: _weighted_picks(other, grad, index),
        "other": lambda grad, self, index, other_shape: _weighted_put(self, grad, index, other_shape[-1]),
    },
    tensors=("self", "other", "index"), method=False, namespace=(), jvp=MULTILINEAR,
)  # fmt: skip
def _weight_products(self, other, index):
    """For each place and index the sum over channels of `self` (n, c, p) times the element of `other` (n, c, s): (n, t, p)."""
    return over_examples(_products, (self, other, index))


# ---- from places to elements and weights


def _reflected(x, low, high):
    """Places reflected at two borders, given twice as numbers of half elements, and the sign with which they then move."""
    if low == high:
        return np.zeros_like(x), np.zeros_like(x)
    least, span = low / 2, (high - low) / 2
    sign = np.where(x < least, -1.0, 1.0)
    distance = np.abs(x - least)
    turns = np.floor(distance / span)
    extra = distance - turns * span
    even = turns % 2 == 0
    return np.where(even, extra + least, span - extra + least), np.where(even, sign, -sign)


def _inside(x, size, padding, align_corners):
    """Places brought into the image as the padding says, and how they then move with the grid: 1, -1, or 0 where they are held at a border."""
    moves = np.ones_like(x)
    if padding == 2:
        x, moves = _reflected(x, *((0, 2 * (size - 1)) if align_corners else (-1, 2 * size - 1)))
    if padding:
        moves = np.where((x > 0) & (x < size - 1), moves, 0)
        x = np.minimum(np.fmax(x, 0), size - 1)  # of nan and 0 this takes 0
    return x, moves


class _Places:
    """For one dimension: the elements that each place of a grid uses, which of them exist, and how far between them the place lies."""

    def __init__(self, grid, size, mode, padding, align_corners):
        half = grid.dtype.type((size - 1) / 2 if align_corners else size / 2)
        x = (grid + 1) * half if align_corners else ((grid + 1) * grid.dtype.type(size) - 1) / 2
        moves = None
        if mode != 2 and padding:
            x, moves = _inside(x, size, padding, align_corners)
        first = np.floor(x) if mode != 1 else np.rint(x)
        self.slope = np.full_like(x, half) if moves is None else (moves * half).astype(grid.dtype)
        self.part = x - first
        self.grid = grid
        if not np.abs(x).max(initial=0) < 2.0**30:  # or nan: such places lie outside
            first = np.where(np.abs(x) < 2.0**30, first, -100)
        first = first.astype(np.int32)
        taps = [first + i if i else first for i in {0: (0, 1), 1: (0,), 2: (-1, 0, 1, 2)}[mode]]
        if mode == 2 and padding:
            taps = [_inside(tap.astype(grid.dtype), size, padding, align_corners)[0].astype(np.int32) for tap in taps]
        if padding and mode != 0:  # all have been brought inside
            self.index, self.exists = taps, None
        else:
            self.index = [np.minimum(np.maximum(tap, 0), size - 1) for tap in taps]
            self.exists = [tap == index for tap, index in zip(taps, self.index)]

    def part_of(self, place, grid):
        """How far the place lies beyond its first element; of a tensor, so that it can be differentiated."""
        if not isinstance(grid, Tensor):
            return self.part
        return place * _constant(self.slope, grid) + _constant(self.part - np.where(self.slope == 0, 0, self.grid * self.slope), grid)


def _weights(t, mode):
    if mode == 1:
        return (None,)
    return (1 - t, t) if mode == 0 else cubic_weights(t)


def _slopes(t, mode, a=-0.75):
    """The derivatives of the weights."""
    if mode == 0:
        return -1.0, 1.0
    far = lambda x: (3 * a * x - 10 * a) * x + 8 * a  # noqa: E731
    near = lambda x: (3 * (a + 2) * x - 2 * (a + 3)) * x  # noqa: E731
    return far(t + 1), near(t), -1 * near(1 - t), -1 * far(2 - t)


class _Plan:
    """What a grid means for an image of some sizes: `index` (n, t, p), and weights as arrays or tensors."""

    def __init__(self, grid, sizes, mode, padding, align_corners):
        d = len(sizes)
        n = grid.shape[0]
        self.mode, self.sizes, self.count = mode, sizes, math.prod(grid.shape[1:-1])
        flat = grid.reshape((n, self.count, d))
        # the last number of the grid is for the first of the last dimensions
        self.dims = [_Places(flat[..., d - 1 - i], size, mode, padding, align_corners) for i, size in enumerate(sizes)]
        taps = [*itertools.product(*(range(len(one.index)) for one in self.dims))]
        self.taps = taps
        self.index = np.empty((n, len(taps), self.count), np.int64)
        self.exists = np.ones(self.index.shape, bool)
        for k, tap in enumerate(taps):
            place = self.dims[0].index[tap[0]].astype(np.int64)
            for one, size, i in zip(self.dims[1:], sizes[1:], tap[1:]):
                place *= size
                place += one.index[i]
            self.index[:, k] = place
            for one, i in zip(self.dims, tap):
                if one.exists is not None:
                    self.exists[:, k] &= one.exists[i]

    def _stacked(self, parts, like):
        """Products for all taps as (n, t, p); zero where an element does not exist."""
        return stack([*parts], 1) * _constant(self.exists, like)

    def _parts(self, grid):
        """For each dimension how far places lie beyond their first elements."""
        flat = grid.reshape((grid.shape[0], self.count, len(self.sizes)))
        return [one.part_of(flat[..., -1 - i], grid) for i, one in enumerate(self.dims)]

    def weights(self, grid):
        """The weight of each element: the product of those of its dimensions. Of a tensor they are tensors, which can be differentiated."""
        if self.mode == 1:
            return _constant(self.exists, grid)
        each = [_weights(t, self.mode) for t in self._parts(grid)]
        return self._stacked([_product([one[i] for one, i in zip(each, tap)]) for tap in self.taps], grid)

    def of_grid(self, grid, products):
        """The gradient of the grid, from that of the weights (n, t, p)."""
        parts = self._parts(grid)
        each, slopes = [_weights(t, self.mode) for t in parts], [_slopes(t, self.mode) for t in parts]
        found = []
        for j, one in enumerate(self.dims):
            terms = [_product([(slopes if i == j else each)[i][k] for i, k in enumerate(tap)]) for tap in self.taps]
            found.append((self._stacked(terms, grid) * products).sum(1) * _constant(one.slope, grid))
        return stack(found[::-1], -1).reshape(tuple(grid.shape))


def _product(factors):
    out = factors[0]
    for one in factors[1:]:
        out = out * one
    return out


def _constant(array, like):
    """An array of the type of another, or as a tensor of the type of a tensor."""
    return wrap(array.astype(like._array.dtype)) if isinstance(like, Tensor) else array.astype(like.dtype, copy=False)


def _plan_of(grid, shape, mode, padding, align_corners):
    return _Plan(grid._array if isinstance(grid, Tensor) else grid, tuple(shape[2:]), mode, padding, align_corners)


def _rows(x):
    return x.reshape((*x.shape[:2], math.prod(x.shape[2:])))


def _index(plan, like):
    return wrap(plan.index) if isinstance(like, Tensor) else plan.index


def _of_input(grad, input_shape, grid, interpolation_mode, padding_mode, align_corners):
    plan = _plan_of(grid, input_shape, interpolation_mode, padding_mode, align_corners)
    return _weighted_put(_rows(grad), plan.weights(grid), _index(plan, grad), math.prod(plan.sizes)).reshape(tuple(input_shape))


def _of_grid(grad, input, grid, interpolation_mode, padding_mode, align_corners):
    if interpolation_mode == 1:
        return _kept(grid, wrap(_NOWHERE) if isinstance(grid, Tensor) else _NOWHERE)
    plan = _plan_of(grid, input.shape, interpolation_mode, padding_mode, align_corners)
    return plan.of_grid(grid, _weight_products(_rows(grad), _rows(input), _index(plan, grad)))


_GRADIENTS = {"input": _of_input, "grid": _of_grid}


def _check(input, grid, d, mode, padding):
    check_kinds(f"grid_sampler_{d}d_cpu", input, "f")
    if input.ndim not in (4, 5) or input.ndim != d + 2:
        raise RuntimeError(f"grid_sampler(): expected {'4D or 5D' if d == 2 else '5D'} input and grid with same number of dimensions, but got input with "
                           f"sizes {list(input.shape)} and grid with sizes {list(grid.shape)}")  # fmt: skip
    if grid.ndim != input.ndim:
        raise RuntimeError(f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
                           f"{list(input.shape)} and grid with sizes {list(grid.shape)}")  # fmt: skip
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes {list(input.shape)} and grid with "
                           f"sizes {list(grid.shape)}")  # fmt: skip
    if grid.shape[-1] != d:
        raise RuntimeError(f"grid_sampler(): expected grid to have size {d} in last dimension, but got grid with sizes {list(grid.shape)}")
    if 0 in input.shape[2:]:
        raise RuntimeError(f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {list(input.shape)}")
    if mode == 2 and d == 3:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if input.dtype != grid.dtype:
        raise RuntimeError(f"grid_sampler(): expected input and grid to have same dtype, but input has {input.dtype.name} and grid has {grid.dtype.name}")
    if input.dtype.kind != "f":
        raise NotImplementedError(f"\"grid_sampler_{d}d_cpu\" not implemented for '{of_array(input.dtype).tensor_name}'")
    if mode not in (0, 1, 2) or padding not in (0, 1, 2):
        raise RuntimeError(f"grid_sampler(): there is no interpolation mode {mode} with padding mode {padding}")


def _sampled(input, grid, d, mode, padding, align_corners):
    _check(input, grid, d, mode, padding)
    wide, places = widened(input), widened(grid)
    plan = _Plan(places, input.shape[2:], mode, padding, align_corners)
    out = _picks(_rows(wide), plan.weights(places), plan.index)
    return out.reshape((*input.shape[:2], *grid.shape[1:-1])).astype(input.dtype, copy=False)


@primitive(vjp=_GRADIENTS, tensors=("input", "grid"), method=False, node="GridSampler2DBackward0")
def grid_sampler_2d(input, grid, interpolation_mode, padding_mode, align_corners):
    """Sample (n, c, h, w) at a grid (n, h', w', 2); modes by number, in the order in which `grid_sample` names them."""
    return _sampled(input, grid, 2, interpolation_mode, padding_mode, align_corners)


@primitive(vjp=_GRADIENTS, tensors=("input", "grid"), method=False, node="GridSampler3DBackward0")
def grid_sampler_3d(input, grid, interpolation_mode, padding_mode, align_corners):
    """Sample (n, c, d, h, w) at a grid (n, d', h', w', 3); modes by number, in the order in which `grid_sample` names them."""
    return _sampled(input, grid, 3, interpolation_mode, padding_mode, align_corners)


@facade(method=False)
def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """Sample images or volumes at the places of a grid; modes by number, in the order in which `grid_sample` names them."""
    return (grid_sampler_3d if input._array.ndim == 5 else grid_sampler_2d).function(input, grid, interpolation_mode, padding_mode, align_corners)


@facade(method=False, namespace=_F)
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Sample (n, c, h, w) at a grid (n, h', w', 2) of places (x, y), or volumes alike; -1 and 1 are the borders. Gives (n, c, h', w').

    `mode` is "bilinear", "nearest" or "bicubic"; outside are "zeros", what is at the "border", or the image again by "reflection". With
    `align_corners`, -1 and 1 are the middles of the outermost elements, else their outer edges.
    """
    if mode not in _MODES:
        raise ValueError(f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'")
    if padding_mode not in _PADDINGS:
        raise ValueError(f"nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding_mode}'")
    if align_corners is None:
        _default_warned("grid_sample")
    return grid_sampler(input, grid, _MODES.index(mode), _PADDINGS.index(padding_mode), bool(align_corners))


def _default_warned(name):
    warnings.warn(f"Default {name} and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify align_corners=True if the "
                  f"old behavior is desired. See the documentation of grid_sample for details.", stacklevel=4)  # fmt: skip


# ---- grids of affine maps


def _base_grid(sizes, align_corners, kind):
    """Places of all elements, from -1 to 1, and a one: (…, d + 1)."""
    d = len(sizes)
    out = np.ones((*sizes, d + 1), kind)
    for i, n in enumerate(sizes):
        line = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        line = line if align_corners else line * (n - 1) / n
        out[..., d - 1 - i] = line.reshape((-1,) + (1,) * (d - 1 - i))
    return out.reshape((math.prod(sizes), d + 1))


@primitive(
    vjp={"theta": lambda grad, theta_shape, size, align_corners: _affine_of_grid(grad, tuple(size)[2:], align_corners)}, tensors=("theta",),
    method=False, jvp=LINEAR,
)  # fmt: skip
def affine_grid_generator(theta, size, align_corners):
    """The grid (n, h, w, 2) at which affine maps (n, 2, 3) see images of a size (n, c, h, w), or (n, d, h, w, 3) of (n, 3, 4)."""
    sizes = tuple(size)[2:]
    out = np.matmul(_base_grid(sizes, align_corners, theta.dtype), theta.swapaxes(-1, -2))
    return out.reshape((theta.shape[0], *sizes, len(sizes)))


@primitive(
    "_affine_of_grid", vjp={"self": lambda grad, self_shape, sizes, align_corners: affine_grid_generator(
        grad, (self_shape[0], 1, *sizes), align_corners
    )}, method=False, namespace=(), jvp=LINEAR,
)  # fmt: skip
def _affine_of_grid(self, sizes, align_corners):
    """The gradient of affine maps from that of their grids."""
    base = _base_grid(sizes, align_corners, self.dtype)
    return np.matmul(self.reshape((self.shape[0], len(base), len(sizes))).swapaxes(1, 2), base)


@facade(method=False, namespace=_F)
def affine_grid(theta, size, align_corners=None):
    """Make the grid for `grid_sample` at which affine maps (n, 2, 3) see images of `size` (n, c, h, w), or (n, 3, 4) volumes."""
    if align_corners is None:
        _default_warned("affine_grid")
        align_corners = False
    if theta._array.dtype.kind != "f":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(int(n) for n in size)
    if len(size) not in (4, 5):
        raise NotImplementedError("affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
                                  f"Got size {size}.")  # fmt: skip
    rows = len(size) - 2
    if theta._array.ndim != 3 or theta._array.shape[-2:] != (rows, rows + 1):
        raise ValueError(f"Expected a batch of {rows}D affine matrices of shape Nx{rows}x{rows + 1} for size {size}. Got {tuple(theta._array.shape)}.")
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if theta._array.shape[0] != size[0]:
        raise RuntimeError(f"Expected a batch of {size[0]} affine matrices, but got {theta._array.shape[0]}")
    return affine_grid_generator.function(theta, size, bool(align_corners))
