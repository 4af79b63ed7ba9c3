"""Timing several ways of doing one thing against each other, interleaved, so that a busy machine slows all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

ROUNDS = 15
ROUND_SECONDS = 0.02  # a way that is quicker runs several times a round


def interleaved(ways: dict[str, Callable], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds per call of each way, one figure a round: A B C, A B C, and so on."""
    repeats = {}
    for name, way in ways.items():
        way()  # caches, compilation
        start = time.perf_counter()
        way()
        repeats[name] = max(1, int(ROUND_SECONDS / max(time.perf_counter() - start, 1e-9)))
    seconds = {name: [] for name in ways}
    for _ in range(rounds):
        gc.collect()
        for name, way in ways.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                way()
            seconds[name].append((time.perf_counter() - start) / repeats[name])
    return seconds


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over the rounds of our time by theirs."""
    return statistics.median(a / b for a, b in zip(ours, theirs))


def said(seconds: float) -> str:
    """A time with three significant digits and its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            return f"{seconds / size:.3g} {unit}"
    raise AssertionError


def table(title: str, seconds: dict[str, list[float]], first: str | None = None) -> str:
    """One line per way: its median time, and how long `first` takes by it."""
    first = first or next(iter(seconds))
    lines = [title]
    for name, times in seconds.items():
        beside = "" if name == first else f"{first} takes {ratio(seconds[first], times):.2f} of it"
        lines.append(f"  {name:<24}{said(statistics.median(times)):>10}   {beside}".rstrip())
    return "\n".join(lines)
