"""What a saved file keeps of an array, bounded: its first sight, its histograms and exact values from its first corner.

The page that reads it (`assets/captured.js`) answers from this what a kernel would answer, and says where it cannot.
"""

from __future__ import annotations

from .inspect_array import inspect_array
from .inspect_histogram import SCALES, inspect_histogram
from .inspect_window import find_element, inspect_window

_ROWS, _COLUMNS = 32, 16  # of exact values


def capture_array(array) -> dict:
    """Describe an array as `to_html` takes it: plain data for JSON, at most some 140 kB."""
    seen = inspect_array(array)
    found = {what: find_element(array, what) for what in ("nan", "inf") if seen.header["stats"][what]}
    return {
        **seen.to_plain(),
        "histograms": {scale: inspect_histogram(array, scale).to_plain() for scale in SCALES} if seen.header["stats"]["size"] > 1 else {},
        "window": inspect_window(array, size=(_ROWS, _COLUMNS)).to_plain(),
        "found": found,
    }
