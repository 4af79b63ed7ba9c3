"""`torch.masked`: reductions and normalizations that look only at the elements where a mask is true.

Written with operators: what is masked out is replaced by what changes no result, such as 0 in a sum. Where nothing is left, that is the result. Masks
are broadcast to their tensor.
"""

from __future__ import annotations

import numpy as np

from .._engine import errors
from .._engine.dtypes import float32, int64
from .._engine.op import NAMES, composite
from .choice import where
from .reduction import amax, amin, argmax, argmin, logsumexp, prod, sum
from .cumulative import cumprod, cumsum
from .elementary import logaddexp

_INTEGERS = ("uint8", "bool", "int8", "int16", "int32")


def _masked(name):
    """Declare a function of `torch.masked`."""
    return composite(f"masked.{name}", method=False, namespace=("masked",))


def _dims(dim, ndim):
    """The dimensions that `dim` names, counted from the front and in order; None or () are all."""
    if dim is None or isinstance(dim, (tuple, list)) and not dim:
        return tuple(range(ndim))
    ndim, dims = max(ndim, 1), []
    for d in dim if isinstance(dim, (tuple, list)) else (dim,):
        if d in dims:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        if not -ndim <= d < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {d})")
        dims.append(d % ndim)
    return tuple(sorted(dims))


def _fitting(mask, input):
    """A mask as bools of its tensor's shape."""
    if mask.shape != input.shape:
        if mask.ndim > input.ndim:
            raise IndexError("_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)")
        mask = mask.broadcast_to(input.shape)
    return mask.bool()


def _least(input, sign=-1):
    """What any element is at least, or with the sign 1 at most."""
    kind = input._array.dtype
    if kind.kind == "f":
        return sign * float("inf")
    if kind.kind in "iu":
        return int(np.iinfo(kind).min if sign < 0 else np.iinfo(kind).max)
    raise NotImplementedError(f"identity of amax or amin on {input.dtype} input")


def _filled(input, mask, value):
    """The tensor with a value where the mask is false."""
    return input if mask is None else where.function(_fitting(mask, input), input, input.new_full((), value))


def _summed_type(input, dtype):
    return dtype if dtype is not None else int64 if input.dtype.name in _INTEGERS else input.dtype


@_masked("sum")
def masked_sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Add up the elements where the mask is true; 0 where none is left."""
    return sum.function(_filled(input, mask, 0), _dims(dim, input.ndim), bool(keepdim), dtype=_summed_type(input, dtype))


@_masked("prod")
def masked_prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Multiply the elements where the mask is true; 1 where none is left."""
    out = _filled(input, mask, 1).to(dtype=_summed_type(input, dtype))
    for d in reversed(_dims(dim, input.ndim)):
        out = prod.function(out, d, bool(keepdim))
    return out


@_masked("cumsum")
def masked_cumsum(input, dim, *, dtype=None, mask=None):
    """Add up the elements where the mask is true, keeping every sum on the way."""
    dtype = dtype or input.dtype
    return cumsum.function(_filled(input, mask, 0), _dims(dim, input.ndim)[0], dtype=dtype).to(dtype=dtype)


@_masked("cumprod")
def masked_cumprod(input, dim, *, dtype=None, mask=None):
    """Multiply the elements where the mask is true, keeping every product on the way."""
    dtype = dtype or input.dtype
    return cumprod.function(_filled(input, mask, 1), _dims(dim, input.ndim)[0], dtype=dtype).to(dtype=dtype)


def _filled_below(input, mask, sign=-1):
    return input if mask is None else _filled(input, mask, _least(input, sign))


@_masked("amax")
def masked_amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Give the largest element where the mask is true; the least number of the type where none is left."""
    return amax.function(_filled_below(input, mask), _dims(dim, input.ndim), bool(keepdim)).to(dtype=dtype or input.dtype)


@_masked("amin")
def masked_amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Give the smallest element where the mask is true; the largest number of the type where none is left."""
    return amin.function(_filled_below(input, mask, 1), _dims(dim, input.ndim), bool(keepdim)).to(dtype=dtype or input.dtype)


@_masked("argmax")
def masked_argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Give the index of the largest element where the mask is true, in the type of the input unless `dtype` says otherwise."""
    return argmax.function(_filled_below(input, mask), dim, bool(keepdim)).to(dtype=dtype or input.dtype)


@_masked("argmin")
def masked_argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Give the index of the smallest element where the mask is true, in the type of the input unless `dtype` says otherwise."""
    return argmin.function(_filled_below(input, mask, 1), dim, bool(keepdim)).to(dtype=dtype or input.dtype)


def _counts(input, dim, keepdim, mask):
    mask = input.new_ones((), dtype=int64).expand(input.shape) if mask is None else _fitting(mask, input)
    return sum.function(mask, _dims(dim, input.ndim), bool(keepdim))


@_masked("mean")
def masked_mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Average the elements where the mask is true; nan where none is left."""
    wanted = dtype or input.dtype
    if not (wanted.is_floating_point or wanted.is_complex):
        raise ValueError(f"mean(): Could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a floating point or "
                         f"complex dtype. Got: {wanted}")  # fmt: skip
    return masked_sum(input, dim, keepdim=keepdim, dtype=wanted, mask=mask) / _counts(input, dim, keepdim, mask)


@_masked("median")
def masked_median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """Give the median, the lower of two, of the elements where the mask is true; nan where none is left, which is an error for integers."""
    if input.is_complex():
        raise errors.unsupported("masked.median of complex numbers")
    whole = not input.is_floating_point()
    values = _filled(input.to(float32) if whole else input, mask, float("nan"))
    out = NAMES["nanmedian"](values, _dims(dim, input.ndim)[0], keepdim).values
    if not whole:
        return out
    if (out != out).any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return out.to(dtype=dtype or input.dtype)


@_masked("logsumexp")
def masked_logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Give the logarithm of the sum of exponentials of the elements where the mask is true."""
    value = None if mask is None else float("-inf") if input.is_complex() else _least(input)
    return logsumexp.function(_filled(input, mask, value), _dims(dim, input.ndim), keepdim).to(dtype=dtype or input.dtype)


@_masked("logaddexp")
def masked_logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """Give `log(exp(input) + exp(other))`, where a mask is false without that one."""
    return logaddexp.function(_filled_below(input, input_mask), _filled_below(other, other_mask)).to(dtype=dtype or input.dtype)


@_masked("norm")
def masked_norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Give the norm of order `ord` of the elements where the mask is true."""
    if mask is not None and ord == float("-inf") and not input.is_floating_point():
        raise AssertionError(f"input must be floating point, got {input.dtype}")
    values = _filled(input, mask, float("inf") if ord == float("-inf") else 0)
    return NAMES["linalg.vector_norm"](values, ord, _dims(dim, input.ndim), bool(keepdim), dtype=dtype or input.dtype)


def _variance(input, dim, unbiased, correction, keepdim, dtype, mask):
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    correction = float(correction if correction is not None else unbiased is None or unbiased)
    dtype = dtype or (input.dtype if input.is_floating_point() or input.is_complex() else float32)
    wide = dtype if dtype.is_floating_point or dtype.is_complex else float32
    centre = masked_sum(input, dim, keepdim=True, dtype=dtype, mask=mask) / _counts(input, dim, True, mask)
    deviation = input - centre
    total = masked_sum(deviation * deviation.conj(), dim, keepdim=keepdim, dtype=wide, mask=mask)
    counts = _counts(input, dim, keepdim, mask)
    if correction:
        counts = counts.to(wide.to_real() if wide.is_complex else wide) - correction
        counts = counts.maximum(counts.new_zeros(()))
    return (total / counts).to(dtype=dtype)


@_masked("var")
def masked_var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """Give the variance of the elements where the mask is true, with `correction` (1) taken off their number."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask)


@_masked("std")
def masked_std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """Give the standard deviation of the elements where the mask is true, with `correction` (1) taken off their number."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()


def _normalized(name, sign, doc):
    function = NAMES[f"nn.functional.{name}"]

    @_masked(name)
    def normalized(input, dim, *, dtype=None, mask=None):
        return function(_filled_below(input, mask, sign), _dims(dim, input.ndim)[0], dtype=dtype or input.dtype)

    normalized.__doc__, normalized.__name__ = doc, name


_normalized("softmax", -1, "Give the softmax of the elements where the mask is true, and 0 elsewhere.")
_normalized("log_softmax", -1, "Give the logarithm of the softmax of the elements where the mask is true.")
_normalized("softmin", 1, "Give the softmax of the negative elements where the mask is true, and 0 elsewhere.")


@_masked("normalize")
def masked_normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """Divide by the norm of the elements where the mask is true, which is at least `eps`; 0 elsewhere."""
    norm = masked_norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled(input, mask, 0) / norm.maximum(norm.new_full((), eps))
