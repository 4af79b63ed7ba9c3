"""Static HTML for hosts that strip scripts, styles and inline SVG: the picture as an image, and a table that says the same.

`render.py` calls `static_page`. Everything is inline, escaped, and safe from MathJax, which would set what stands between two dollar signs.
"""

from __future__ import annotations

import base64

from . import _text
from .records import Graph

MAX_ROWS = 500
_CELL = "padding:2px 10px 2px 0;text-align:left;vertical-align:top;border:0"
_HEADINGS = ("value", "made by", "shape", "numbers", "gradient norm", "line")


def static_page(graph: Graph, svg: str | None) -> str:
    """Put a picture and its table into one piece of HTML; without a picture, the table stands alone and open."""
    image = ""
    if svg is not None:
        data = base64.b64encode(svg.encode()).decode()
        alt = _text.escape(f"Computation graph with {len(graph.calls):,} operators; the table below says the same")
        image = f'<img alt="{alt}" style="max-width:100%" src="data:image/svg+xml;base64,{data}">'
    notes = "".join(f'<p style="margin:4px 0">{escape(n)}</p>' for n in graph.notes)
    opened = "" if svg is not None else " open"
    return (f'<div style="font-family:system-ui,sans-serif;font-size:13px">{image}{notes}<details{opened}>'
            f'<summary style="cursor:pointer">{_count(graph)}</summary>{table(graph)}</details></div>')


def table(graph: Graph) -> str:
    """Write every value of a graph as a row of an HTML table."""
    head = "".join(f'<th scope="col" style="{_CELL}">{heading}</th>' for heading in _HEADINGS)
    rows = [f"<tr>{head}</tr>"]
    for value in graph.values[:MAX_ROWS]:
        rows.append("<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in _cells(graph, value)) + "</tr>")
    if len(graph.values) > MAX_ROWS:
        rows.append(f'<tr><td colspan="{len(_HEADINGS)}" style="{_CELL}">… {len(graph.values) - MAX_ROWS:,} more</td></tr>')
    return f'<table style="border-collapse:collapse;font-size:12px">{"".join(rows)}</table>'


def escape(text: str) -> str:
    """Escape text for HTML that MathJax may look at."""
    return _text.escape(text).replace("$", "<span>&#36;</span>")


def _cells(graph, value):
    call = graph.producer(value.id)
    made = call.op.rsplit(".", 1)[-1] if call else "parameter" if value.is_parameter else "input" if value.is_leaf and not value.requires_grad else "leaf" if value.is_leaf else "earlier result"
    if value.cut:
        made += f" (cut: {value.cut})"
    grad = _text.number(_text.norm(value.grad)) if value.requires_grad else ""
    name = f"<b>{escape(_text.shorten(value.name, 60))}</b>" if value.name else f"<i>{escape(value.id)}</i>"
    bad = _text.trouble(value.data)
    numbers = _text.numbers(value.data, 8) + (f" has {bad}" if bad else "")
    return name, escape(_text.shorten(made, 60)), escape(_text.shape(value)), escape(numbers), grad, str(value.place.line) if value.place else ""


def _count(graph):
    return f"{len(graph.values):,} values, {len(graph.calls):,} operators"
