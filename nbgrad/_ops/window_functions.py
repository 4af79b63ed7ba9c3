"""Windows for signals: weights that fall off towards both ends. Each is computed in double precision.

Those of `torch.signal.windows` are symmetric unless `sym=False`, the older ones (`torch.hann_window` and its like) periodic unless `periodic=False`; a
periodic window is a symmetric one that is longer by one, without its last element. F. J. Harris, "On the use of windows for harmonic analysis
with the discrete Fourier transform" (1978).
"""

from __future__ import annotations

import math

import numpy as np

from .._engine import dtypes
from .._engine.arguments import must_be
from .._engine.op import plain
from .creation import _whole, check_options, made, numpy_type, strided

_WINDOWS = {"namespace": ("signal.windows",)}


def _evaluated(count, symmetric, weights):
    """`weights(places, last)` at the places 0, 1, … of a window; a single one is 1."""
    if count == 1:
        return np.ones(1)
    return weights(np.arange(count, dtype=np.float64), count - 1 if symmetric else count)


def _cosines(*coefficients):
    """Sums of cosines with alternating signs."""
    return lambda k, last: sum((-1) ** i * a * np.cos(2 * math.pi * i * k / last) for i, a in enumerate(coefficients))


def _triangle(k, last):
    return 1 - np.abs(2 * k / last - 1)


def _bessel(beta):
    # rounding may bring what is under the root below zero at the ends
    return lambda k, last: np.i0(beta * np.sqrt(np.maximum(1 - (2 * k / last - 1) ** 2, 0))) / np.i0(beta)


# ---- torch.signal.windows


def _made(name, M, weights, sym, dtype, layout, device, requires_grad):
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    kind = dtypes.get_default_dtype() if dtype is None else dtype
    if kind not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    M = _whole(name, "M", M)
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    check_options(device)
    return made(_evaluated(M, sym, weights).astype(kind.numpy), requires_grad)


@plain("signal.windows.bartlett", **_WINDOWS)
def bartlett(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make a triangle, zero at both ends."""
    return _made("bartlett", M, _triangle, sym, dtype, layout, device, requires_grad)


@plain("signal.windows.general_cosine", **_WINDOWS)
def general_cosine(M, *, a, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make a sum of cosines of 0, 1, … periods, with the coefficients `a` and alternating signs."""
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    return _made("general_cosine", M, _cosines(*a), sym, dtype, layout, device, requires_grad)


@plain("signal.windows.general_hamming", **_WINDOWS)
def general_hamming(M, *, alpha=0.54, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make `alpha` less a cosine of height `1 - alpha`."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


@plain("signal.windows.hamming", **_WINDOWS)
def hamming(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make Hamming's window: a cosine raised on a pedestal."""
    return general_cosine(M, a=[0.54, 0.46], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


@plain("signal.windows.hann", **_WINDOWS)
def hann(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make Hann's window: a raised cosine, zero at both ends."""
    return general_cosine(M, a=[0.5, 0.5], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


@plain("signal.windows.blackman", **_WINDOWS)
def blackman(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make Blackman's window, of three cosines."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


@plain("signal.windows.nuttall", **_WINDOWS)
def nuttall(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make Nuttall's window, of four cosines (A. H. Nuttall, 1981)."""
    coefficients = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return general_cosine(M, a=coefficients, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


@plain("signal.windows.cosine", **_WINDOWS)
def cosine(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make half a period of a sine, which is nowhere zero."""
    return _made("cosine", M, lambda k, last: np.sin(math.pi * (k + 0.5) / (last + 1)), sym, dtype, layout, device, requires_grad)


@plain("signal.windows.gaussian", **_WINDOWS)
def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make a bell whose standard deviation is `std` elements."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return _made("gaussian", M, lambda k, last: np.exp(-(((k - last / 2) / std) ** 2) / 2), sym, dtype, layout, device, requires_grad)


@plain("signal.windows.exponential", **_WINDOWS)
def exponential(M, *, center=None, tau=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make a peak from which the weights fall by e every `tau` elements; a periodic one may have its `center` elsewhere than in the middle."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    return _made(
        "exponential", M, lambda k, last: np.exp(-np.abs(k - (last / 2 if center is None else center)) / tau), sym, dtype, layout, device, requires_grad
    )  # fmt: skip


@plain("signal.windows.kaiser", **_WINDOWS)
def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Make Kaiser's window, the narrower the larger `beta` is (J. F. Kaiser and R. W. Schafer, 1980)."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _made("kaiser", M, _bessel(beta), sym, dtype, layout, device, requires_grad)


# ---- the older ones


def _old(name, window_length, periodic, weights, options):
    check_options(options["device"], options["layout"], options["pin_memory"])
    if not isinstance(periodic, bool):
        raise must_be(name, "periodic", 1, "bool", periodic)
    count = _whole(name, "window_length", window_length)
    kind = numpy_type(options["dtype"])
    if kind.kind not in "fc":
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtypes.of_array(kind)}")
    if kind.kind == "c":
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{dtypes.of_array(kind).tensor_name}'")
    if count < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={count}")
    return made(_evaluated(count, not periodic, weights).astype(kind), options["requires_grad"])


@plain()
def hann_window(window_length, periodic=True, *, dtype=None, layout=strided, device=None, pin_memory=False, requires_grad=False):
    """Make Hann's window: a raised cosine, zero at the first of `window_length` elements, and unless `periodic` at the last."""
    return _old("hann_window", window_length, periodic, _cosines(0.5, 0.5), _options(dtype, layout, device, pin_memory, requires_grad))


@plain()
def hamming_window(
    window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None, layout=strided, device=None, pin_memory=False, requires_grad=False,
):  # fmt: skip
    """Make Hamming's window: `alpha` less a cosine of height `beta`."""
    return _old("hamming_window", window_length, periodic, _cosines(alpha, beta), _options(dtype, layout, device, pin_memory, requires_grad))


@plain()
def bartlett_window(window_length, periodic=True, *, dtype=None, layout=strided, device=None, pin_memory=False, requires_grad=False):
    """Make a triangle, zero at the first element, and unless `periodic` at the last."""
    return _old("bartlett_window", window_length, periodic, _triangle, _options(dtype, layout, device, pin_memory, requires_grad))


@plain()
def blackman_window(window_length, periodic=True, *, dtype=None, layout=strided, device=None, pin_memory=False, requires_grad=False):
    """Make Blackman's window, of three cosines."""
    return _old("blackman_window", window_length, periodic, _cosines(0.42, 0.5, 0.08), _options(dtype, layout, device, pin_memory, requires_grad))


@plain()
def kaiser_window(window_length, periodic=True, beta=12.0, *, dtype=None, layout=strided, device=None, pin_memory=False, requires_grad=False):
    """Make Kaiser's window, the narrower the larger `beta` is."""
    return _old("kaiser_window", window_length, periodic, _bessel(beta), _options(dtype, layout, device, pin_memory, requires_grad))


def _options(dtype, layout, device, pin_memory, requires_grad):
    return {"dtype": dtype, "layout": layout, "device": device, "pin_memory": pin_memory, "requires_grad": requires_grad}
