"""How the tensors of an open view went on over later backward passes: for each a bounded list of statistics with a small histogram.

Of an element-wise record of every pass a training loop would feel the cost, so time is rationed: at most `SHARE` of the time that passes is spent here,
tensor after tensor in turn, the one a reader looks at first; one of more than `LARGE` elements is followed only while a reader looks at it. Passes longer than some ten milliseconds are seen all for a small model; of quicker ones
every few, and each entry knows the number of its pass. A list that is full drops every second entry and goes on, so it always reaches back to the start.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from ..graph.history import MOST_ENTRIES, columns_of, thinned
from ..graph.inspect_histogram import inspect_histogram
from ..graph.records import Summary
from ..graph.summary import summarize

SHARE = 0.01  # of the time between passes
AT_ONCE = 0.02  # seconds of it that can be saved up
LARGE = 1 << 20  # elements; they take some fifteen milliseconds
BINS = 24
KEPT = 20_000  # entries of all tensors together, about 10 MB
FEWEST = 20  # entries of one tensor, however many there are


class Entry(NamedTuple):
    """What was seen of one array after one backward pass."""

    at: int  # number of the pass, from 0
    summary: Summary
    lo: float | None  # the ends of the histogram's axis
    hi: float | None
    counts: tuple[int, ...]


class Rings:
    """The histories of the tensors of one view since it opened."""

    def __init__(self):
        self.passes = 0
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        self._looked = None  # value id that a reader looks at
        self._turn = []  # ids that wait to be seen in this round
        self._allowance = AT_ONCE
        self._last = time.perf_counter()

    def pass_ended(self, tensors) -> None:
        """Look at as many tensors as there is time for; `tensors()` gives value id -> (data array, gradient array or None)."""
        self.passes += 1
        now = time.perf_counter()
        self._allowance = min(self._allowance + SHARE * (now - self._last), AT_ONCE)
        self._last = now
        if self._allowance <= 0:
            return
        alive = {id: arrays for id, arrays in tensors().items() if id == self._looked or arrays[0].size <= LARGE}
        if not self._turn:
            self._turn = list(reversed(alive))
        first = self._looked in alive and alive[self._looked][0].size <= LARGE
        waiting = [self._looked] if first else []
        if first and self._looked in self._turn:
            self._turn.remove(self._looked)
        while (waiting or self._turn) and self._allowance > 0:
            id = waiting.pop() if waiting else self._turn.pop()
            for which, array in zip(("data", "grad"), alive.get(id, ())):
                if array is not None:
                    self._note(id, which, array)
            spent = time.perf_counter() - self._last
            self._last += spent
            self._allowance -= spent

    def _note(self, id, which, array):
        seen = inspect_histogram(array, "log" if which == "grad" else "linear", BINS)
        counts = tuple(np.frombuffer(seen.buffers[0], "<u4").tolist())
        entries = self._entries.setdefault((id, which), [])
        entries.append(Entry(self.passes - 1, summarize(array), seen.header["lo"], seen.header["hi"], counts))
        if len(entries) > max(FEWEST, min(2 * MOST_ENTRIES, KEPT // len(self._entries))):
            del entries[1::2]

    def tell(self, id: str, which: str) -> dict | None:
        """The history of one array for JSON, as `nbgrad.graph.history.history` writes one, with histograms; from now on it is looked at first.

        `lo`, `hi` and `counts` give each entry's histogram: of values in equal bins, of gradients in equal bins of log10 of the magnitude.
        """
        self._looked = id
        entries = list(self._entries.get((id, which), ()))
        if not entries:
            return None
        kept = thinned(entries, lambda e: bool(e.summary.nan or e.summary.inf))
        return {
            "at": [e.at for e in kept], **columns_of([e.summary for e in kept]), "lo": [e.lo for e in kept], "hi": [e.hi for e in kept],
            "counts": [e.counts for e in kept], "scale": "log" if which == "grad" else "linear", "total": self.passes,
        }  # fmt: skip
