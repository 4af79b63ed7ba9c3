"""One tensor as a tuple of views of its parts: `unbind`, `split`, `chunk` and their like."""

from __future__ import annotations

import numpy as np

from .._engine.arguments import must_be
from .._engine.op import composite, primitive
from .._engine.tensor import Tensor, dim_of
from .joining import cat, stack
from .selection import slice_


@primitive(vjp={"self": lambda grads, dim: stack(grads, dim)}, outputs="tuple", view=True)
def unbind(self, dim=0):
    """Take a tensor apart along a dimension: a tuple of views without that dimension."""
    if self.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions" if dim in (0, -1) else f"Dimension specified as {dim} but tensor has no dimensions")
    dim = dim_of(dim, self.ndim)
    rows = self if dim == 0 else np.moveaxis(self, dim, 0)
    return tuple(rows[i, ...] for i in range(rows.shape[0]))


def _iterate(self):
    if self._array.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(unbind.function(self))


Tensor.__iter__ = _iterate


def _parts(self, sizes, dim):
    lead = (slice(None),) * dim
    start, out = 0, []
    for n in sizes:
        out.append(self[(*lead, slice(start, start + n))])
        start += n
    return tuple(out)


def _check_has_dims(name, self):
    if self.ndim == 0:
        raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")


@primitive("_split", vjp={"self": lambda grads, dim: cat(grads, dim)}, outputs="tuple", view=True, method=False, namespace=(), node="SplitBackward0")
def _split_even(self, split_size, dim=0):
    """Split into views of `split_size` along a dimension; the last may be smaller."""
    _check_has_dims("split", self)
    dim = dim_of(dim, self.ndim)
    n = self.shape[dim]
    if split_size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    if split_size == 0:
        if n:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
        return (self.view(),)
    return _parts(self, [min(split_size, n - i) for i in range(0, n, split_size)] or [0], dim)


@primitive(vjp={"self": lambda grads, dim: cat(grads, dim)}, outputs="tuple", view=True)
def split_with_sizes(self, split_sizes, dim=0):
    """Split into views of the given sizes along a dimension."""
    _check_has_dims("split", self)
    dim = dim_of(dim, self.ndim)
    if any(n < 0 for n in split_sizes):
        raise RuntimeError(f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(split_sizes)}")
    if sum(split_sizes) != self.shape[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {self.shape[dim]} (input tensor's size at dimension {dim}), but got "
            f"split_sizes={list(split_sizes)}"
        )
    return _parts(self, split_sizes, dim)


@composite()
def split(self, split_size_or_sections, dim=0):
    """Split along a dimension into views of one size (the last may be smaller), or of the sizes in a list."""
    if isinstance(split_size_or_sections, (tuple, list)):
        return split_with_sizes.function(self, split_size_or_sections, dim)
    return _split_even(self, split_size_or_sections, dim)


@composite()
def chunk(self, chunks, dim=0):
    """Split along a dimension into at most `chunks` views of equal size; the last may be smaller."""
    _check_has_dims("chunk", self._array)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    d = dim_of(dim, self._array.ndim)
    n = self._array.shape[d]
    size = (n + chunks - 1) // chunks
    if size == 0:  # an empty dimension gives as many empty chunks as were asked for
        return split_with_sizes.function(self, [0] * chunks, d)
    return _split_even(self, size, d)


@composite()
def tensor_split(self, indices_or_sections, dim=0):
    """Split along a dimension into a number of nearly equal views, the first ones larger by one, or at given indices."""
    if self._array.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = dim_of(dim, self._array.ndim)
    n = self._array.shape[d]
    if isinstance(indices_or_sections, Tensor):
        if indices_or_sections._array.dtype.kind != "i" or indices_or_sections._array.ndim > 1:
            raise RuntimeError("tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional long tensor")
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, (tuple, list)):
        points = [0, *indices_or_sections, n]
        return tuple(slice_.function(self, d, a, b) for a, b in zip(points[:-1], points[1:]))
    if isinstance(indices_or_sections, (float, str)) or indices_or_sections is None:
        raise must_be("tensor_split", "indices_or_sections", 1, "int", indices_or_sections)
    sections = int(indices_or_sections)
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    least, more = divmod(n, sections)
    points = np.cumsum([0] + [least + (i < more) for i in range(sections)]).tolist()
    return tuple(slice_.function(self, d, a, b) for a, b in zip(points[:-1], points[1:]))


def _along(name, dim_of, least, doc):
    def function(self, indices_or_sections):
        ndim = self._array.ndim
        if ndim < least:
            raise RuntimeError(f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {ndim} dimensions!")
        d = dim_of(ndim)
        if not isinstance(indices_or_sections, (int, tuple, list)):
            raise TypeError(f"{name}(): argument 'indices_or_sections' must be int or tuple of ints, not {type(indices_or_sections).__name__}")
        if isinstance(indices_or_sections, int):
            n = self._array.shape[d]
            if indices_or_sections <= 0 or n % indices_or_sections:
                raise RuntimeError(f"torch.{name} attempted to split along dimension {d}, but the size of the dimension {n} is not divisible by "
                                   f"the split_size {indices_or_sections}!")  # fmt: skip
        return tensor_split(self, indices_or_sections, d)

    function.__name__ = name
    function.__doc__ = doc
    composite(name)(function)


_along("hsplit", lambda ndim: 0 if ndim == 1 else 1, 1, "Split along the second dimension (a vector along its only one).")
_along("vsplit", lambda ndim: 0, 2, "Split along the first dimension.")
_along("dsplit", lambda ndim: 2, 3, "Split along the third dimension.")
