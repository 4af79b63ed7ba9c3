"""When work beside the reader's own may be done: seldom enough that a training loop does not feel it.

Used by whatever runs inside somebody's loop: live views and `--watch`. Knows nothing of what the work is.
"""

from __future__ import annotations

from time import monotonic

COLD = 2  # work costs so many times what it takes: afterwards the loop's own data and code are in no cache any more
LATEST = 2.0  # seconds after which what is dear is due all the same, so that a reader does not take the loop for dead,
DEAREST = 30  # unless it takes more than one part in so many of the time
PUSH_INTERVAL = 0.1  # seconds between two pushes to a page; a thousand messages a second would make the server drop some for good


class Pace:
    """Paces one kind of work: at most a `share` of the time, and never sooner than `interval` seconds after it was last begun.

    Measure the work between `begin` and `end`; it is due again at `due` (in `time.monotonic` seconds).
    The first `credit` seconds of work count for nothing, so that what is short is done in full.
    """

    def __init__(self, share: float, interval: float = 0.0, credit: float = 0.0):
        self.share, self.interval, self.credit = share, interval, credit
        self.due = 0.0
        self._began = 0.0

    def begin(self) -> None:
        """The work begins."""
        self._began = monotonic()

    def end(self) -> None:
        """The work is done, and for many times as long as it took nothing more is due."""
        now = monotonic()
        took = now - self._began
        free = min(took, self.credit)
        self.credit -= free
        wait = min(COLD * (took - free) / self.share, max(LATEST, DEAREST * took))
        self.due = max(max(self.due, now) + wait, self._began + self.interval)


class Rate:
    """How often something happens, so that who is called each time need not look at the clock, which would cost more than the rest."""

    MOST = 16  # times in a row without a look, or as many as fit in `STRETCH`
    STRETCH = 0.005  # seconds

    def __init__(self):
        self._seen = monotonic()
        self._skipped = 1

    def until(self, due: float) -> int:
        """How many times to let pass before the next look at the clock, 0 if it is `due` now."""
        now = monotonic()
        each = (now - self._seen) / self._skipped
        self._seen = now
        left = due - now
        self._skipped = 1 if left <= 0 or each <= 0 else max(1, int(min(left / 2, max(self.STRETCH, self.MOST * each)) / each))
        return 0 if left <= 0 else self._skipped
