"""Samples for Fourier transforms."""

import numpy as np

from . import Maker, Sample

m = Maker(57)


def complex_numbers(*shape):
    """Complex arrays."""
    return m.real(*shape) + 1j * m.real(*shape)


def along_one(whole, *, real=True):
    """Odd and even sizes, cut down and filled up, another dimension, every norm, other types, none in the batch."""
    return [
        Sample(whole(6)), Sample(whole(2, 5)), Sample(whole(4, 3), dim=0), Sample(whole(2, 4), 6), Sample(whole(2, 7), 5, -1, "ortho"), Sample(whole(2, 4), norm="forward"),
        Sample(whole(2, 4), norm="backward", dim=-2, n=3), Sample(whole(2)), Sample(whole(6, 8)[::2, ::2]), Sample(m.whole(4)), Sample(m.flags(5)),
        Sample(m.real(2, 4, dtype=np.float32)), Sample(whole(1, 1), n=1), *([] if real else [Sample(m.real(4)), Sample(whole(3).astype(np.complex64))]),
    ]  # fmt: skip


def along_several(whole, *, real=True):
    """The same for several dimensions."""
    return [
        Sample(whole(3, 4)), Sample(whole(2, 4, 5)), Sample(whole(3, 4), (2, 6)), Sample(whole(2, 3, 4), dim=(0, 2)), Sample(whole(3, 4), (4, -1), (1, 0), "ortho"),
        Sample(whole(3, 4), norm="forward"), Sample(whole(2, 3, 4), dim=(-1,)), Sample(m.whole(3, 4)), Sample(m.real(3, 4, dtype=np.float32)),
        *([] if real else [Sample(m.real(3, 4))]),
    ]  # fmt: skip


SAMPLES = {
    **{f"fft.{name}": along_one(complex_numbers, real=False) for name in ("fft", "ifft")},
    **{f"fft.{name}": [*along_one(complex_numbers, real=False)[:7], *along_one(m.real)[2:10]] for name in ("irfft", "hfft")},
    **{f"fft.{name}": along_one(m.real) for name in ("rfft", "ihfft")},
    **{f"fft.{name}{n}": along_several(complex_numbers, real=False) for name in ("fft", "ifft", "irfft", "hfft") for n in "2n"},
    **{f"fft.{name}{n}": along_several(m.real) for name in ("rfft", "ihfft") for n in "2n"},
    **{f"fft.{name}": [Sample(m.real(5)), Sample(m.real(4, 3)), Sample(m.real(4, 3), dim=0), Sample(complex_numbers(2, 3, 5), dim=(-1, 0)), Sample(m.whole(4))]
       for name in ("fftshift", "ifftshift")},
    **{f"fft.{name}": [Sample(5), Sample(8, 0.5), Sample(3, d=2.0), Sample(1), Sample(0)] for name in ("fftfreq", "rfftfreq")},
}  # fmt: skip
# no dimensions, and none of them
SAMPLES["fft.fftn"] += [Sample(m.real()), Sample(complex_numbers(2), dim=())]

window = m.real(8, low=0.2, high=1.0)
SAMPLES["stft"] = [
    Sample(m.real(20), 8, return_complex=True), Sample(m.real(2, 20), 8, 3, window=window, return_complex=True), Sample(m.real(12), 6, return_complex=False),
    Sample(m.real(20), 8, 2, 4, window[:4].copy(), return_complex=True), Sample(m.real(20), 8, win_length=5, center=False, return_complex=True, normalized=True),
    *(Sample(m.real(9), 6, 3, center=True, pad_mode=mode, return_complex=True) for mode in ("constant", "replicate", "circular")), Sample(complex_numbers(16), 8),
    Sample(m.real(16), 8, onesided=False, return_complex=True), Sample(m.real(2, 20), 8, 4, 4, center=False, align_to_window=True, return_complex=True),
    Sample(m.real(16, dtype=np.float32), 8, return_complex=True),
]  # fmt: skip
_signal_only = {"leaves": (0,)}  # gradients of its window are refused
SAMPLES["istft"] = [
    Sample(complex_numbers(5, 4), 8), Sample(complex_numbers(2, 5, 4), 8, 3, window=window).but(**_signal_only),
    Sample(complex_numbers(5, 4), 8, 2, window=window, length=9, normalized=True).but(**_signal_only),
    Sample(complex_numbers(8, 3), 8, 4, window=window, onesided=False).but(**_signal_only),
    Sample(complex_numbers(8, 3), 8, 4, onesided=False, return_complex=True),
    Sample(complex_numbers(5, 4), 8, 2, window=window, center=False).but(**_signal_only),
    Sample(complex_numbers(2, 5, 6), 8, 2, 6, window[:6].copy()).but(**_signal_only),
]
