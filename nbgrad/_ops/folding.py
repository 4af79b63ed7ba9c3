"""Windows as columns and back, and the shuffles that move channels into images: `unfold`, `fold`, `pixel_shuffle` and their like."""

from __future__ import annotations

import math

import numpy as np

from .._engine.arguments import check_kinds
from .._engine.op import LINEAR, composite, primitive
from .windows import contiguous_view, extents, over_examples, padded, per_dim, tap_slices

_F = ("nn.functional",)
_BOTH = ("", "nn.functional")


def _blocks(sizes, kernel, dilation, padding, stride):
    """How many windows there are in each dimension."""
    return tuple((n + 2 * p - e) // s + 1 for n, e, p, s in zip(sizes, extents(kernel, dilation), padding, stride))


def _unfolded(x, kernel, dilation, padding, stride):
    *lead, c, h, w = x.shape
    blocks = _blocks((h, w), kernel, dilation, padding, stride)
    reach = tuple(max(p + n, s * (o - 1) + e) for p, n, s, o, e in zip(padding, (h, w), stride, blocks, extents(kernel, dilation)))
    x = padded(x, padding, reach) if any(padding) or reach != (h, w) else np.ascontiguousarray(x)
    *front, row, column = x.strides
    strides = (*front, row * dilation[0], column * dilation[1], row * stride[0], column * stride[1])
    view = contiguous_view(x, (*lead, c, *kernel, *blocks), strides)
    return view.copy().reshape((*lead, c * math.prod(kernel), math.prod(blocks)))


def _folded(x, sizes, kernel, dilation, padding, stride):
    *lead, columns, _ = x.shape
    blocks = _blocks(sizes, kernel, dilation, padding, stride)
    x = x.reshape((*lead, columns // math.prod(kernel), *kernel, *blocks))
    reach = tuple(max(p + n, s * (o - 1) + e) for p, n, s, o, e in zip(padding, sizes, stride, blocks, extents(kernel, dilation)))
    room = np.zeros((*x.shape[: len(lead) + 1], *reach), x.dtype)
    for places, (i, j) in zip(tap_slices(kernel, dilation, stride, blocks), np.ndindex(*kernel)):
        room[(..., *places)] += x[..., i, j, :, :]
    inside = tuple(slice(p, p + n) for p, n in zip(padding, sizes))
    return room[(..., *inside)].copy() if any(padding) or reach != tuple(sizes) else room


def _check(kernel, dilation, padding, stride):
    for name, given in (("kernel size", kernel), ("dilation", dilation), ("stride", stride)):
        if any(n <= 0 for n in given):
            raise RuntimeError(f"{name} should be greater than zero, but got {name.replace(' ', '_')}: {' x '.join(map(str, given))}")
    if any(p < 0 for p in padding):
        raise RuntimeError(f"padding should be non-negative, but got padding: {' x '.join(map(str, padding))}")


@primitive(
    "_im2col", vjp={"self": lambda grad, self_shape, kernel_size, dilation, padding, stride: _col2im(
        grad, self_shape[len(self_shape) - 2 :], kernel_size, dilation, padding, stride
    )}, method=False, namespace=(), jvp=LINEAR, node="Im2ColBackward0",
)  # fmt: skip
def _im2col(self, kernel_size, dilation, padding, stride):
    """The windows of (n, c, h, w) as columns (n, c · kernel, windows)."""
    check_kinds("im2col_out_cpu", self, "fcb")
    _check(kernel_size, dilation, padding, stride)
    shape = self.shape
    if self.ndim not in (3, 4) or 0 in shape[self.ndim - 3 :]:
        raise RuntimeError(f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {list(shape)}")
    blocks = _blocks(shape[-2:], kernel_size, dilation, padding, stride)
    if any(n < 1 for n in blocks):
        raise RuntimeError(
            f"Given input with spatial size ({shape[-2]}, {shape[-1]}), kernel_size={tuple(kernel_size)}, dilation={tuple(dilation)}, "
            f"padding={tuple(padding)}, stride={tuple(stride)}, calculated shape of the array of sliding blocks as {blocks}, but its components must "
            "be at least one."
        )
    return over_examples(_unfolded, (self,), kernel_size, dilation, padding, stride)


@primitive(
    "_col2im", vjp={"self": lambda grad, kernel_size, dilation, padding, stride: _im2col(grad, kernel_size, dilation, padding, stride)},
    method=False, namespace=(), jvp=LINEAR, node="Col2ImBackward0",
)  # fmt: skip
def _col2im(self, output_size, kernel_size, dilation, padding, stride):
    """The sum of columns (n, c · kernel, windows) where their windows lie in (n, c, h, w)."""
    check_kinds("col2im_out_cpu", self, "fcb")
    _check(kernel_size, dilation, padding, stride)
    shape = self.shape
    if self.ndim not in (2, 3) or 0 in shape[self.ndim - 2 :]:
        raise RuntimeError(f"Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {list(shape)}")
    if shape[-2] % math.prod(kernel_size):
        raise RuntimeError(f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={shape[-2]} and "
                           f"kernel_size={tuple(kernel_size)}.")  # fmt: skip
    blocks = _blocks(output_size, kernel_size, dilation, padding, stride)
    settings = (f"output_size={tuple(output_size)}, kernel_size={tuple(kernel_size)}, dilation={tuple(dilation)}, padding={tuple(padding)}, "
                f"stride={tuple(stride)}")  # fmt: skip
    if any(n < 1 for n in blocks):
        raise RuntimeError(f"Given {settings}, calculated shape of the array of sliding blocks as {blocks}, which is too small (non-positive)")
    if shape[-1] != math.prod(blocks):
        raise RuntimeError(f"Given {settings}, expected size of input's dimension 2 to match the calculated number of sliding blocks {blocks[0]} * "
                           f"{blocks[1]} = {math.prod(blocks)}, but got input.size(2)={shape[-1]}.")  # fmt: skip
    return over_examples(_folded, (self,), tuple(output_size), kernel_size, dilation, padding, stride)


def _settings(name, **given):
    return [per_dim(value, 2, key, name) for key, value in given.items()]


@composite("nn.functional.unfold", method=False, namespace=_F)
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Give the windows of an image (n, c, h, w) or (c, h, w) as columns: (n, c · kernel, windows)."""
    return _im2col.function(input, *_settings("unfold", kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride))


@composite("nn.functional.fold", method=False, namespace=_F)
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add columns (n, c · kernel, windows) up to an image (n, c, *output_size) where their windows lie: the transpose of `unfold`."""
    return _col2im.function(
        input, *_settings("fold", output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    )


# ---- channels and places



@primitive(vjp={"self": lambda grad, upscale_factor: pixel_unshuffle(grad, upscale_factor)}, method=False, namespace=_BOTH, jvp=LINEAR)
def pixel_shuffle(self, upscale_factor):
    """Turn groups of r · r channels into blocks of r by r elements: (…, c · r · r, h, w) gives (…, c, h · r, w · r) (Shi et al., 2016)."""
    r = upscale_factor
    if self.ndim < 3:
        raise RuntimeError(f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {self.ndim} dimension(s)")
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = self.shape
    if c % (r * r):
        raise RuntimeError(f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
                           f"input.size(-3)={c} is not divisible by {r * r}")  # fmt: skip
    n = len(lead)
    parts = self.reshape((*lead, c // (r * r), r, r, h, w))
    return parts.transpose((*range(n + 1), n + 3, n + 1, n + 4, n + 2)).copy().reshape((*lead, c // (r * r), h * r, w * r))


@primitive(vjp={"self": lambda grad, downscale_factor: pixel_shuffle(grad, downscale_factor)}, method=False, namespace=_BOTH, jvp=LINEAR)
def pixel_unshuffle(self, downscale_factor):
    """Turn blocks of r by r elements into channels: (…, c, h · r, w · r) gives (…, c · r · r, h, w)."""
    r = downscale_factor
    if self.ndim < 3:
        raise RuntimeError(f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {self.ndim} dimension(s)")
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = self.shape
    for name, size in (("height", h), ("width", w)):
        if size % r:
            raise RuntimeError(f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({-2 if name == 'height' else -1})="
                               f"{size} is not divisible by {r}")  # fmt: skip
    n = len(lead)
    parts = self.reshape((*lead, c, h // r, r, w // r, r))
    return parts.transpose((*range(n + 1), n + 2, n + 4, n + 1, n + 3)).copy().reshape((*lead, c * r * r, h // r, w // r))


@primitive(
    vjp={"self": lambda grad, self_shape, groups: channel_shuffle(grad, self_shape[1] // groups)}, tensors=("self",), method=False,
    namespace=_BOTH, jvp=LINEAR,
)  # fmt: skip
def channel_shuffle(self, groups):
    """Deal the channels out to groups in turn: channel g · k + i goes where i · groups + g was, of k channels a group (Zhang et al., 2018)."""
    if self.ndim <= 2:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(self.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    n, c, *rest = self.shape
    if c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    return self.reshape((n, groups, c // groups, *rest)).swapaxes(1, 2).copy().reshape(self.shape)
