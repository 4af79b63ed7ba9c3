"""Samples for windows."""

import nbgrad

from . import Sample

WIDE = {"dtype": nbgrad.float64}


def each(**further):
    """Even and odd numbers of weights, one, none; symmetric and periodic."""
    return [Sample(n, sym=sym, **further, **WIDE) for n in (0, 1, 2, 5, 8) for sym in (True, False)] + [Sample(6, **further)]


def each_old(*further):
    """The same for the older ones."""
    return [Sample(n, periodic, *further, **WIDE) for n in (0, 1, 2, 5, 8) for periodic in (True, False)] + [Sample(6)]


SAMPLES = {
    **{f"signal.windows.{name}": each() for name in ("bartlett", "blackman", "cosine", "exponential", "hamming", "hann", "kaiser", "nuttall")},
    "signal.windows.gaussian": [*each(), *each(std=2.5)],
    "signal.windows.general_cosine": each(a=[0.5, 0.3, 0.2]),
    "signal.windows.general_hamming": [*each(), *each(alpha=0.6)],
    "hann_window": each_old(), "bartlett_window": each_old(), "blackman_window": each_old(), "hamming_window": each_old(0.6, 0.3), "kaiser_window": each_old(5.0),
}  # fmt: skip
SAMPLES["signal.windows.exponential"] += [Sample(5, center=1, tau=2.0, sym=False, **WIDE)]
SAMPLES["signal.windows.kaiser"] += each(beta=3.0)
