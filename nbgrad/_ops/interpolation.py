"""Resizing of images: `interpolate` in all its modes, and the older functions that say the same."""

from __future__ import annotations

import math
import warnings

from .._engine import errors
from .._engine.dtypes import of_array
from .._engine.op import composite
from .averaging import _resample, regions_averaged

_F = ("nn.functional",)
_MODES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_ANY = ("nearest", "area", "nearest-exact")


def _wanted(input, size, scale_factor, mode, recompute):
    """The size of the result, and by how much each dimension is scaled where that was given."""
    inner = tuple(input._array.shape[2:])
    d = len(inner)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, (list, tuple)):
            if len(size) != d:
                raise ValueError(
                    f"Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of {list(inner)} and "
                    f"output size of {size}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format."
                )
            for n in size:
                if isinstance(n, bool) or not hasattr(n, "__index__"):
                    raise TypeError(f"expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with types {[type(x) for x in size]}")
            sizes = tuple(n.__index__() for n in size)
        else:
            if not hasattr(size, "__index__"):
                raise TypeError(f"expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with types [{type(size)}]")
            sizes = (size.__index__(),) * d
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return sizes, (None,) * d
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(scale_factor, (list, tuple)):
        if len(scale_factor) != d:
            raise ValueError(
                f"Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of {list(inner)} and "
                f"scale_factor of shape {scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in "
                "(s1, s2, ...,sK) format."
            )
        scales = tuple(float(s) for s in scale_factor)
    else:
        scales = (float(scale_factor),) * d
    sizes = tuple(math.floor(n * s) for n, s in zip(inner, scales))
    return sizes, (None,) * d if recompute or mode == "area" else scales


def _check_size(array, sizes):
    if array.dtype.kind in "bc" or array.dtype.kind in "iu" and array.dtype.name != "uint8":
        raise NotImplementedError(f"\"compute_indices_weights\" not implemented for '{of_array(array.dtype).tensor_name}'")
    if any(n <= 0 for n in (*array.shape[2:], *sizes)):
        raise RuntimeError(f"Input and output sizes should be greater than 0, but got input ({', '.join(map(str, array.shape[2:]))}) "
                           f"output ({', '.join(map(str, sizes))})")  # fmt: skip
    if 0 in array.shape[1:]:
        raise RuntimeError(f"Non-empty {array.ndim}D data tensor expected but got a tensor with sizes {list(array.shape)}")


def _resized(input, sizes, scales, mode, align_corners, antialias=False):
    array = input._array
    _check_size(array, sizes)
    d = len(sizes)
    single = array.dtype.name != "float64"
    inner = array.shape[2:]
    if mode in ("nearest", "nearest-exact"):
        maps = tuple(("nearest", n, o, s, mode != "nearest", single) for n, o, s in zip(inner, sizes, scales))
        return _resample.function(input, maps, f"UpsampleNearest{'Exact' if mode != 'nearest' else ''}{d}D", False)
    if array.dtype.kind == "u":
        raise errors.unsupported(f"interpolate(mode={mode!r}) of uint8 images", "convert them to float32 first")
    cubic = mode == "bicubic"
    name = f"Upsample{mode.capitalize()}{d}D{'Aa' if antialias else ''}"
    given = [(n, o, bool(align_corners), s, single) for n, o, s in zip(inner, sizes, scales)]
    if antialias:
        maps = tuple(("antialiased", *one, cubic) for one in given)
    else:
        maps = tuple(("cubic" if cubic else "linear", *one) for one in given)
    return _resample.function(input, maps, name, False)


def _interpolate(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias):
    if mode in _ANY:
        if align_corners is not None:
            raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear")
    sizes, scales = _wanted(input, size, scale_factor, mode, bool(recompute_scale_factor))
    ndim = input._array.ndim
    if antialias and not (mode in ("bilinear", "bicubic") and ndim == 4):
        raise ValueError("Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input")
    if ndim not in (3, 4, 5) or mode not in (*_ANY, *_MODES):
        raise NotImplementedError(f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: nearest | linear | bilinear | "
                                  f"bicubic | trilinear | area | nearest-exact (got {mode})")  # fmt: skip
    if mode in _MODES and _MODES[mode] != ndim - 2:
        raise NotImplementedError(f"Got {ndim}D input, but {mode} mode needs {_MODES[mode] + 2}D input")
    if mode != "area":
        return _resized(input, sizes, scales, mode, align_corners, antialias)
    if ndim == 3:
        return regions_averaged(input.unsqueeze(-2), (1, *sizes)).squeeze(-2)
    return regions_averaged(input, sizes)


@composite("nn.functional.interpolate", method=False, namespace=_F)
def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None, antialias=False):
    """Resize the last dimensions of (n, c, …) to `size`, or by `scale_factor`.

    `mode` is "nearest", "nearest-exact", "linear" (one dimension), "bilinear", "bicubic" (two), "trilinear" (three) or "area".
    """
    return _interpolate(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)


def _deprecated(name, instead="interpolate"):
    warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.{instead}` instead.", stacklevel=4)


@composite("nn.functional.upsample", method=False, namespace=_F)
def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Resize as `interpolate` does. Deprecated."""
    _deprecated("upsample")
    return _interpolate(input, size, scale_factor, mode, align_corners, None, False)


@composite("nn.functional.upsample_nearest", method=False, namespace=_F)
def upsample_nearest(input, size=None, scale_factor=None):
    """Resize as `interpolate(mode="nearest")` does. Deprecated."""
    _deprecated("upsample_nearest")
    return _interpolate(input, size, scale_factor, "nearest", None, None, False)


@composite("nn.functional.upsample_bilinear", method=False, namespace=_F)
def upsample_bilinear(input, size=None, scale_factor=None):
    """Resize as `interpolate(mode="bilinear", align_corners=True)` does. Deprecated."""
    _deprecated("upsample_bilinear")
    return _interpolate(input, size, scale_factor, "bilinear", True, None, False)
