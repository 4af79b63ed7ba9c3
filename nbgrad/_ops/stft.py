"""Short-time Fourier transforms: of overlapping windows on a signal, and back by adding the windows up.

D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier transform" (1984).
"""

from __future__ import annotations

import warnings

import numpy as np

from .._engine import dtypes, errors
from .._engine.batched import anywhere
from .._engine.modes import state
from .._engine.observe import tell_read
from .._engine.op import composite
from .._engine.tensor import wrap
from .complex_numbers import view_as_real
from .fft import BY_COUNT, BY_ROOT, PLAIN, fft_c2c, fft_c2r, fft_r2c
from .joining import _piece, _placed
from .selection import _unfold_backward

_PADDING = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # how NumPy calls them


def _padded(x, before, after, mode="constant"):
    """A signal (…, n) with elements before and after it."""
    n = x._array.shape[-1]
    if mode == "constant":
        return _placed.function(x, (*x._array.shape[:-1], n + before + after), x._array.ndim - 1, before)
    if mode not in _PADDING:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if mode == "reflect" and max(before, after) >= n:
        shape = [1] * (3 - x._array.ndim) + list(x._array.shape)
        raise RuntimeError(f"Argument #4: Padding size should be less than the corresponding input dimension, but got: padding ({before}, {after}) at "
                           f"dimension 2 of input {shape}")  # fmt: skip
    if mode == "circular" and max(before, after) > n:
        raise RuntimeError("Padding value causes wrapping around more than once.")
    return x.index_select(-1, wrap(np.pad(np.arange(n), (before, after), _PADDING[mode])))


def _whole_window(window, n_fft, win_length, kind):
    """A window with zeros on both sides of it, up to `n_fft`; ones where none is given, or None where these would change nothing."""
    if window is None:
        if win_length == n_fft:
            return None
        window = wrap(np.ones(win_length, kind))
    before = (n_fft - win_length) // 2
    return _padded(window, before, n_fft - win_length - before) if win_length < n_fft else window


def _told(name, x, **given):
    """The arguments as PyTorch lists them in its errors."""
    kind = dtypes.of_array(x._array.dtype).tensor_name
    what = ", ".join(f"{k}={list(v.shape) if hasattr(v, 'shape') else v}" for k, v in given.items())
    return f"{name}({kind}{list(x._array.shape)}, {what})"


@composite()
def stft(
    self, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect", normalized=False, onesided=None, return_complex=None,
    align_to_window=None,
):  # fmt: skip
    """Transform windows of `n_fft` elements, `hop_length` (a quarter) apart, of a signal (n) or several (b, n): gives (…, frequencies, windows).

    With `center`, the signal is padded so that window t is centred on element t * hop_length. `window` weighs the elements, and stands in the middle
    if its `win_length` is less than `n_fft`. For real signals half the spectrum is given, unless `onesided=False`.
    """
    array = self._array
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length

    def wrong(says):
        return RuntimeError(f"{_told('stft', self, n_fft=n_fft, hop_length=hop, win_length=width, window=window)} : {says}")

    if return_complex is None and array.dtype.kind != "c" and (window is None or window._array.dtype.kind != "c"):
        raise RuntimeError("stft requires the return_complex parameter be given for real inputs, and will further require that return_complex=True in a "
                           "future PyTorch release.")  # fmt: skip
    if array.dtype.kind not in "fc":
        raise wrong("expected a tensor of floating point or complex values")
    if array.ndim not in (1, 2):
        raise wrong("expected a 1D or 2D tensor")
    single = array.ndim == 1
    x = self.unsqueeze(0) if single else self
    if center:
        x = _padded(x, n_fft // 2, n_fft // 2, pad_mode)
    elif align_to_window and width < n_fft:
        before = (n_fft - width) // 2
        x = _padded(x, before, n_fft - width - before)
    length = x._array.shape[-1]
    if not 0 < n_fft <= length:
        raise wrong(f"expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop <= 0:
        raise wrong(f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < width <= n_fft:
        raise wrong(f"expected 0 < win_length <= n_fft, but got win_length={width}")
    if window is not None and window._array.shape != (width,):
        raise wrong(f"expected a 1D window tensor of size equal to win_length={width}, but got window with size {list(window.shape)}")
    weights = _whole_window(window, n_fft, width, array.dtype)
    frames = x.unfold(-1, n_fft, hop)
    if weights is not None:
        frames = frames * weights
    whole = frames.is_complex()
    onesided = not whole if onesided is None else onesided
    if whole and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    scale = BY_ROOT if normalized else PLAIN
    found = fft_c2c.function(frames, [2], scale, True) if whole else fft_r2c.function(frames, [2], scale, onesided)
    found = found.transpose_(1, 2)
    found = found.squeeze_(0) if single else found
    return found if return_complex or return_complex is None else view_as_real.function(found)


@composite()
def istft(
    self, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False, onesided=None, length=None, return_complex=False,
):  # fmt: skip
    """Invert `stft`: the signal whose transform comes nearest to (…, frequencies, windows), of `length` elements if given."""
    array = self._array
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length

    def wrong(says):
        return RuntimeError(f"{_told('istft', self, n_fft=n_fft, hop_length=hop, win_length=width, window=window, length=length)} : {says}")

    if array.dtype.kind != "c":
        raise RuntimeError("istft requires a complex-valued input tensor matching the output from stft with return_complex=True.")
    if not array.size:
        raise wrong("input tensor cannot be empty.")
    if array.ndim not in (2, 3):
        raise wrong(f"expected a tensor with 2 or 3 dimensions, but got {array.ndim}")
    whole = return_complex or window is not None and window._array.dtype.kind == "c"
    # by default as `stft` gives it: half a spectrum of real signals
    onesided = not whole and array.shape[-2] != n_fft if onesided is None else onesided
    if array.shape[-2] != (n_fft // 2 + 1 if onesided else n_fft):
        expected = "n_fft / 2 + 1 when onesided=True" if onesided else "n_fft when onesided=False"
        raise wrong(f"expected the frequency dimension (3rd to the last) of the input tensor to match {expected}, but got {array.shape[-2]}")
    if not 0 < hop <= width:
        raise wrong("expected 0 < hop_length <= win_length")
    if not 0 < width <= n_fft:
        raise wrong("expected 0 < win_length <= n_fft")
    if window is not None and window._array.shape != (width,):
        raise wrong("Invalid window shape. window has to be 1D and length of `win_length`")
    if window is not None and window._requires_grad and state.mode.grad:
        raise errors.unsupported("gradients of istft with respect to its window", "detach() it")
    if whole and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if not return_complex and whole:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    weights = _whole_window(window, n_fft, width, array.real.dtype)
    if weights is None:
        weights = wrap(np.ones(n_fft, array.real.dtype))
    single = array.ndim == 2
    x = (self.unsqueeze(0) if single else self).transpose(1, 2)
    scale = BY_ROOT if normalized else BY_COUNT
    if return_complex:
        frames = fft_c2c.function(x, [2], scale, False)
    else:
        frames = fft_c2r.function(x if onesided else _piece.function(x, 2, 0, n_fft // 2 + 1), [2], scale, n_fft)
    count = x._array.shape[1]
    total = n_fft + hop * (count - 1)
    sums = _unfold_backward.function(frames * weights, (x._array.shape[0], total), 1, n_fft, hop)
    squares = (weights * weights).unsqueeze(0).expand((1, count, n_fft))
    envelope = _unfold_backward.function(squares, (1, total), 1, n_fft, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - n_fft // 2 if center else total
    stop = min(end, total)
    sums, envelope = _piece.function(sums, 1, start, stop), _piece.function(envelope, 1, start, stop)
    tell_read(envelope)
    if anywhere(np.abs(envelope._array) < 1e-11):
        raise wrong("window overlap add min: 1")
    found = sums / envelope
    if end > total:
        warnings.warn("The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please check your "
                      "center and hop_length settings.", UserWarning, stacklevel=3)  # fmt: skip
        found = _padded(found, 0, end - total)
    return found.squeeze(0) if single else found
