"""Computation graphs as plain data, and everything that reads them.

`draw(loss)` draws the graph behind any tensor; `record()` keeps what a `with` block computes, `capture(f)` what a function does. All give a `Drawing`,
which notebooks show as a picture, terminals as text, and which can be searched, cut, computed again with other numbers, and saved as SVG, DOT, HTML or JSON.
"""

from .drawing import Drawing
from .recorded import capture, draw, record
from .replay import CannotReplay, replay
from .records import Call, Graph, Place, Scope, Step, Summary, Value

__all__ = ["Call", "CannotReplay", "Drawing", "Graph", "Place", "Scope", "Step", "Summary", "Value", "capture", "draw", "record", "replay"]
