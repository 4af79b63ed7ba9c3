"""The colours, each with its light and its dark: blue learns, orange is gradient, the rest is neutral.

`svg.py`, `dot.py` and `static.py` take colours from here and from nowhere else. The pairs were measured: text at least 4.5 to 1,
lines 3 to 1.
"""

from __future__ import annotations

import math

COLOURS = {  # role: (light, dark)
    "paper": ("#FFFFFF", "#111417"),
    "ink": ("#1B1F24", "#E6EDF3"),
    "muted": ("#57606A", "#9DA7B3"),
    "edge": ("#6E7781", "#848D97"),
    "grad": ("#B5440B", "#FF9B5E"),
    "parameter": ("#DDEEFF", "#0F2E4D"),
    "parameter-line": ("#0B5CAD", "#58A6FF"),
    "input": ("#F6F8FA", "#1C2128"),
    "input-line": ("#6E7781", "#848D97"),
    "named": ("#FFFFFF", "#161B22"),
    "named-line": ("#57606A", "#9DA7B3"),
    "root": ("#F0F1F3", "#2A3038"),
    "root-line": ("#1B1F24", "#E6EDF3"),
    "op": ("#2F363D", "#C9D1D9"),
    "op-ink": ("#FFFFFF", "#111417"),
    "op-muted": ("#D0D7DE", "#3D444D"),
    "group": ("#F3F5F8", "#171C23"),
    "group-line": ("#8C959F", "#6E7681"),
    "bad": ("#A40E6B", "#FF7AC6"),
    "bad-ink": ("#FFFFFF", "#111417"),
    "zero": ("#EAEEF2", "#262C34"),
}
SCALE = (  # gradient norms from 1e-6 to 10, a step a decade and a bit
    ("#FFF3E8", "#2A1A10"), ("#FFDDC2", "#4A2510"), ("#FFB98A", "#7A3E17"), ("#F08B4F", "#A94A12"),
    ("#B85216", "#F08B4F"), ("#8F3B00", "#FFC79B"),
)
SCALE_INK = (("#1B1F24", "#E6EDF3"),) * 3 + (("#1B1F24", "#FFFFFF"), ("#FFFFFF", "#111417"), ("#FFFFFF", "#111417"))


def magnitude(norm: float | None) -> int | None:
    """The step of `SCALE` for a gradient's norm; None for none, for zero and for what is not finite."""
    if not norm or not math.isfinite(norm):
        return None
    return max(0, min(len(SCALE) - 1, int((math.log10(norm) + 6) / 7 * len(SCALE))))


def stroke(norm: float) -> float:
    """The width of a gradient's line: 1 px at a norm of 1e-6 or less, 3.2 px at 10 or more."""
    if not norm or not math.isfinite(norm):
        return 1.2
    return round(1 + 2.2 * max(0.0, min(1.0, (math.log10(norm) + 6) / 7)), 2)
