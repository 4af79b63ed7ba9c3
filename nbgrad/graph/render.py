"""The renderers' front: one function an output, the same options for all.

The notebook, the saved file and the user call these. They fold until a graph fits, then hand over to `picture`, `layout` and the writers.
"""

from __future__ import annotations

from .dot import dot_text
from .layout import lay_out
from .picture import Picture, picture
from .records import Graph
from .scene import scene
from .static import static_page
from .svg import svg_text
from .text import text_listing

MAX_DRAWN = 3000  # nodes; above, a table says more than any picture


def to_svg(graph: Graph, *, theme: str = "auto", engine: str = "auto", **options) -> str:
    """Draw a graph as SVG text.

    `theme` is "auto" (follows the page or the system), "light" or "dark"; `engine` is "auto", "dot", "pygraphviz" or "builtin". The other
    options: `level` ("story": what was written; "ops": every operator), `fold`, `max_nodes`, `direction` ("auto", "LR", "TB"), `values`
    (numbers on the nodes) and `backward` (a name or id: only what leads to it).
    """
    described = {name: options.pop(name) for name in ("direction", "values") if name in options}
    return paint(prepare(graph, **options), theme=theme, engine=engine, **described)


def paint(graph: Graph, *, theme: str = "auto", engine: str = "auto", direction: str = "auto", values: bool = True) -> str:
    """Draw a graph as it is, without folding anything."""
    drawn = picture(graph, direction=direction, values=values)
    if len(drawn.nodes) > MAX_DRAWN:
        drawn = picture(Graph(notes=(f"{len(drawn.nodes):,} nodes are too many for a picture",)))
    return svg_text(drawn, lay_out(drawn, engine), theme)


def to_dot(graph: Graph, **options) -> str:
    """Write a graph as DOT text; options as for `to_svg`, without `theme` and `engine`."""
    return dot_text(to_picture(graph, **options))


def to_text(graph: Graph, *, values: bool = True, direction: str = "auto", **options) -> str:
    """List a graph as plain text, the same on every machine; `direction` is taken and says nothing here."""
    return text_listing(prepare(graph, **options), values)


def to_static_html(
    graph: Graph, *, theme: str = "auto", engine: str = "auto", direction: str = "auto", values: bool = True, **options
) -> str:
    """Write HTML that survives every sanitizer: the picture as an image and a table beside it."""
    shown = prepare(graph, **options)
    drawn = picture(shown, direction=direction, values=values)
    svg = svg_text(drawn, lay_out(drawn, engine), theme) if len(drawn.nodes) <= MAX_DRAWN else None
    return static_page(shown, svg)


def to_picture(graph: Graph, *, direction: str = "auto", values: bool = True, **options) -> Picture:
    """Fold a graph as `prepare` does and decide what is drawn of it."""
    return picture(prepare(graph, **options), direction=direction, values=values)


def prepare(graph: Graph, *, level: str = "story", fold: bool = True, max_nodes: int = 150, backward: str | None = None) -> Graph:
    """Focus and fold a graph until its picture has at most `max_nodes` nodes, or nothing is left to fold."""
    try:
        return scene(graph, level=level, fold=fold, max_nodes=max_nodes, focus=() if backward is None else (backward, None)).graph
    except KeyError:
        raise ValueError(f"no value of this graph is called {backward!r}") from None
