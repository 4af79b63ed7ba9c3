"""The renderers' front: one function an output, the same options for all.

The notebook, the saved file and the user call these. They fold until a graph fits, then hand over to `picture`, `layout` and the writers.
"""

from __future__ import annotations

import functools

from . import loops, transform
from .dot import dot_text
from .layout import lay_out
from .picture import Picture, picture
from .records import Graph, Identity
from .static import static_page
from .svg import svg_text
from .text import text_listing

MAX_DRAWN = 3000  # nodes; above, a table says more than any picture
MAX_FOLDED = 4000  # calls left after loops were folded; above, no other fold can help and each takes its time
LEVELS = ("story", "ops")


def to_svg(graph: Graph, *, theme: str = "auto", engine: str = "auto", **options) -> str:
    """Draw a graph as SVG text.

    `theme` is "auto" (follows the page or the system), "light" or "dark"; `engine` is "auto", "dot", "pygraphviz" or "builtin". The other
    options: `level` ("story": what was written; "ops": every operator), `fold`, `max_nodes`, `direction` ("auto", "LR", "TB"), `values`
    (numbers on the nodes) and `backward` (a name or id: only what leads to it).
    """
    drawn = to_picture(graph, **options)
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
    return _prepared(Identity(graph), level, fold, max_nodes, backward)


@functools.lru_cache(maxsize=4)  # text, picture and table of one graph ask for the same
def _prepared(key, level, fold, max_nodes, backward):
    graph = key.graph
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(map(repr, LEVELS))}, not {level!r}")
    if backward is not None:
        try:
            graph = transform.focus(graph, backward)
        except KeyError:
            raise ValueError(f"no value of this graph is called {backward!r}") from None
    if level == "story":
        graph = transform.fold_composites(graph)
    if not fold or _fits(graph, max_nodes):
        return loops.fold_loops(graph, show="all") if fold else graph
    for step in _steps(graph):
        graph = step(graph)
        if _fits(graph, max_nodes) or len(graph.calls) > MAX_FOLDED:
            break
    ends = max_nodes // 5
    while ends and not _fits(graph, max_nodes):  # nothing repeats: the beginning and the end say most
        graph = transform.fold_middle(graph, ends)
        ends //= 2
    return graph


def _steps(graph):
    """Ever coarser ways to fold, each on top of the one before."""
    yield lambda graph: loops.fold_loops(transform.start_at_leaves(graph))
    yield transform.hide_views
    for depth in range(transform.scope_depth(graph) - 1, -1, -1):
        yield functools.partial(transform.fold_functions, depth=depth)
    yield functools.partial(loops.fold_loops, lines=False)
    yield functools.partial(loops.fold_loops, show="none")
    yield transform.fold_lines
    yield functools.partial(loops.fold_loops, show="none")


def _fits(graph, max_nodes):
    """Whether a graph's picture has at most so many nodes; the count of calls answers for most."""
    return len(graph.calls) <= max_nodes and len(picture(graph).nodes) <= max_nodes
