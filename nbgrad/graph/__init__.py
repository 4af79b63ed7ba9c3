"""Computation graphs as plain data, and everything that reads them.

`draw(loss)` draws the graph behind any tensor; `record()` keeps what a `with` block computes. Both give a `Drawing`, which notebooks show as a picture,
terminals as text, and which saves itself as SVG, DOT, HTML or JSON.
"""

from .drawing import Drawing, draw, record
from .replay import CannotReplay, replay
from .records import Call, Graph, Place, Scope, Step, Summary, Value

__all__ = ["Call", "CannotReplay", "Drawing", "Graph", "Place", "Scope", "Step", "Summary", "Value", "draw", "record", "replay"]
