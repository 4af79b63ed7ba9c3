"""Covariances and correlations of variables, whose observations are the columns of a matrix; composed as PyTorch composes them."""

from __future__ import annotations

import warnings

import numpy as np

from .._engine import dtypes
from .._engine.batched import anywhere
from .._engine.observe import tell_read
from .._engine.op import composite
from .._engine.tensor import wrap
from .complex_numbers import complex as complex_of


def _name(x):
    return dtypes.of_array(x._array.dtype).tensor_name


def _check_weights(what, weights, kinds, says, observations):
    if weights._array.ndim > 1:
        raise RuntimeError(f"cov(): expected {what} to have one or fewer dimensions but got {what} with {weights._array.ndim} dimensions")
    if weights._array.dtype.kind not in kinds:
        raise RuntimeError(f"cov(): expected {what} to have {says} dtype but got {what} with {_name(weights)} dtype")
    if weights._array.size != observations:
        raise RuntimeError(f"cov(): expected {what} to have the same numel as there are observations in the input but got "
                           f"{weights._array.size} != {observations}")  # fmt: skip
    tell_read(weights)
    if anywhere(weights._array < 0):
        raise RuntimeError(f"cov(): {what} cannot be negative")


@composite()
def cov(self, *, correction=1, fweights=None, aweights=None):
    """Estimate the covariances of variables (rows) from observations (columns), counted `fweights` times and weighted by `aweights`.

    The sums of products are divided by the number, or the sum of weights, of the observations less `correction`.
    """
    array = self._array
    if array.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with {array.ndim} dimensions")
    if array.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    if array.ndim < 2:
        self = self.view((1, array.size))
    observations = self._array.shape[1]
    if fweights is not None:
        _check_weights("fweights", fweights, "iu", "integral", observations)
    if aweights is not None:
        _check_weights("aweights", aweights, "f", "floating point", observations)
    w = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    total = wrap(np.array(observations)) if w is None else w.sum()
    if w is not None:
        tell_read(total)
        if observations and anywhere(total._array == 0):
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    mean = (self if w is None else self * w).sum(1) / total
    if w is not None and aweights is not None and correction:
        norm = total - correction * (w * aweights).sum() / total
    else:
        norm = total - correction
    tell_read(norm)
    if anywhere(norm._array <= 0):
        warnings.warn("cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.", UserWarning, stacklevel=3)
        norm = norm.clamp_min(0)
    deviations = self - mean.unsqueeze(1)
    products = deviations @ (deviations if w is None else deviations * w).t().conj()
    return (products / norm).squeeze()


@composite()
def corrcoef(self):
    """Estimate the correlations of variables (rows) from observations (columns)."""
    if self._array.ndim > 2:
        raise RuntimeError(f"corrcoef(): expected input to have two or fewer dimensions but got an input with {self._array.ndim} dimensions")
    covariances = cov(self)
    if not covariances._array.ndim:
        return covariances / covariances
    variances = covariances.diag()
    spread = (variances.real if variances.is_complex() else variances).sqrt()
    found = covariances / spread.view((-1, 1)) / spread.view((1, -1))
    if found.is_complex():  # rounding may bring a part above 1
        return complex_of.function(found.real.clamp(-1, 1), found.imag.clamp(-1, 1))
    return found.clamp(-1, 1)
