"""The user's way to a graph without the magic: `draw`, `record`, and the `Drawing` they give.

Runs in any Python: nothing here needs a notebook.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys

from .._engine.observe import observing
from .._engine.tensor import Tensor
from . import render
from .capture import Recorder
from .html import to_html
from .records import Graph
from .static import static_page
from .walk import walk

KINDS = {".svg": "an SVG picture", ".dot": "Graphviz source", ".html": "one interactive file", ".json": "the record", ".txt": "text"}


class Drawing:
    """A record together with how it is to be drawn. Shows itself as a picture in a notebook and as text elsewhere."""

    def __init__(self, graph: Graph, **options):
        self.graph = graph
        self.options = options
        self._svg = None

    def to_text(self) -> str:
        """The graph in words."""
        return render.to_text(self.graph, **self._without("theme", "engine"))

    def to_svg(self) -> str:
        """The graph as an SVG picture."""
        if self._svg is None:
            self._svg = render.to_svg(self.graph, **self.options)
        return self._svg

    def to_dot(self) -> str:
        """The graph as Graphviz source."""
        return render.to_dot(self.graph, **self._without("theme", "engine"))

    def to_html(self) -> str:
        """The graph as one HTML file that needs no network and can be explored."""
        return to_html(self.graph, self.to_svg())

    def to_json(self) -> str:
        """The record alone, for `Graph.from_json`."""
        return self.graph.to_json()

    def save(self, path) -> pathlib.Path:
        """Write to a file whose ending says as what: .svg, .dot, .html, .json or .txt. Raises `ValueError` for another ending."""
        path = pathlib.Path(path).expanduser()
        kind = path.suffix.lower()
        if kind not in KINDS:
            raise ValueError(f"cannot save a graph as {path.name!r}: the name must end in one of {', '.join(KINDS)}")
        path.write_text(getattr(self, "to_text" if kind == ".txt" else f"to_{kind[1:]}")(), encoding="utf-8")
        return path

    def _without(self, *names):
        return {k: v for k, v in self.options.items() if k not in names}

    def _repr_mimebundle_(self, include=None, exclude=None):
        svg = self.to_svg()
        folded = render.prepare(self.graph, **self._without("theme", "engine", "direction", "values"))
        return {"text/plain": self.to_text(), "text/html": static_page(folded, svg), "image/svg+xml": svg}

    def __repr__(self):
        return self.to_text()


def draw(*tensors: Tensor, **options) -> Drawing:
    """Draw the graph behind one or several tensors, with the names that your variables give them.

    Options: `level` ("story" or "ops"), `fold`, `max_nodes`, `direction` ("auto", "LR", "TB"), `values`, `theme`, `engine`.

    >>> import nbgrad as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> drawing = torch.graph.draw((w * 3).sum())
    """
    frame = sys._getframe(1)
    namespace = {**frame.f_globals, **frame.f_locals}
    return Drawing(walk(*tensors, namespace=namespace, cell=frame.f_code.co_filename), **options)


@contextlib.contextmanager
def record(**options):
    """Record what the block computes: `with nbgrad.graph.record() as g: ...`, then look at `g`. Options as for `draw`."""
    frame = sys._getframe(2)  # past contextlib's own frame
    drawing = Drawing(Graph(), **options)  # empty until the block ends
    recorder = Recorder()
    try:
        with observing(recorder):
            yield drawing
    finally:
        namespace = {**frame.f_globals, **frame.f_locals}
        drawing.graph = recorder.graph(namespace, cell=frame.f_code.co_filename)
