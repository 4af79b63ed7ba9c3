"""Who lays out: Graphviz's `dot` where it is installed, else pygraphviz, else our own layout. All return the same plain `Layout`.

`render.py` calls `lay_out`. Both Graphviz ways run in a child process with a time limit and give only positions. That one is missing, slow or
broken is never an error: the next one is asked, and nothing of it (no path, no message) reaches the picture.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass

from . import layered
from .dot import dot_id, dot_text
from .picture import Picture

ENGINES = ("auto", "dot", "pygraphviz", "builtin")
SECONDS = 3.0  # for a child process, several times what the largest graph within the budget needs
DOT_NODES = 400  # above, our own layout is faster and the difference is no longer seen
DOT_CYCLES = 130  # edges beyond those of a tree: what Graphviz's time grows with
MARGIN = 16.0
_CHILD = """
import sys, warnings
warnings.simplefilter("ignore")
import pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(format="json0", prog="dot"))
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands, in CSS pixels with y downwards."""

    width: float
    height: float
    nodes: dict[str, tuple[float, float]]  # centres
    edges: dict[str, tuple[tuple[float, float], ...]]  # a start, control points by threes up to the arrow's base, then its tip
    labels: dict[str, tuple[float, float]]  # near which an edge's label stands
    clusters: dict[str, tuple[float, float, float, float]]  # x, y, width, height
    engine: str


def lay_out(picture: Picture, engine: str = "auto") -> Layout:
    """Place a picture with the first engine that can; a named engine that cannot gives way to our own."""
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(map(repr, ENGINES))}, not {engine!r}")
    if engine == "auto":
        small = len(picture.nodes) <= DOT_NODES and len(picture.edges) - len(picture.nodes) <= DOT_CYCLES
        names = ("dot", "pygraphviz") if small else ()
    else:
        names = (engine,)
    for name in names:
        if name == "builtin" or sys.platform == "emscripten":
            break
        try:
            return _from_graphviz(picture, json.loads(_RUN[name](dot_text(picture))), name)
        except subprocess.TimeoutExpired:
            break  # the other one is the same program
        except Exception:  # whatever ails somebody's Graphviz, the picture is drawn all the same
            continue
    return _shifted(picture, *layered.layered(picture), "builtin")


def _run_dot(text):
    from graphviz.backend import dot_command, execute

    command = dot_command.command("dot", "json0")
    done = execute.run_check(command, input=text, encoding="utf-8", capture_output=True, quiet=True, timeout=SECONDS)
    return done.stdout


def _run_pygraphviz(text):
    if importlib.util.find_spec("pygraphviz") is None:
        raise ImportError("pygraphviz")
    done = subprocess.run([sys.executable, "-c", _CHILD], input=text.encode(), capture_output=True, timeout=SECONDS, check=True)
    return done.stdout.decode()


_RUN = {"dot": _run_dot, "pygraphviz": _run_pygraphviz}


def _from_graphviz(picture, plain, engine):
    """Read Graphviz's JSON: points with y upwards, names as we gave them."""
    names = {dot_id(n.id): n.id for n in picture.nodes} | {"cluster_" + dot_id(c.id): c.id for c in picture.clusters}
    nodes, boxes = {}, {}
    for o in plain.get("objects", ()):
        id = names.get(o["name"])
        if id is not None and "pos" in o:
            nodes[id] = _point(o["pos"])
        elif id is not None:
            x0, y0, x1, y1 = map(float, o["bb"].split(","))
            boxes[id] = (x0, -y1, x1 - x0, y1 - y0)
    edges, labels = {}, {}
    for e in plain.get("edges", ()):
        tip, points, backwards = None, [], False
        for part in e["pos"].split(";")[0].split():  # Graphviz may give an edge in several pieces
            if part[:2] in ("e,", "s,"):
                tip, backwards = _point(part[2:]), part[0] == "s"
            else:
                points.append(_point(part))
        if backwards:
            points.reverse()
        edges[e["id"]] = points + [tip or points[-1]]
        if "lp" in e:
            labels[e["id"]] = _point(e["lp"])
    if nodes.keys() != {n.id for n in picture.nodes} or edges.keys() != {e.id for e in picture.edges}:
        raise ValueError("Graphviz left something out")
    return _shifted(picture, nodes, edges, labels, boxes, engine)


def _point(text):
    x, y = text.split(",")[:2]
    return float(x), -float(y)


def _shifted(picture, nodes, edges, labels, boxes, engine):
    """Move everything so that it begins at the margin."""
    xs, ys = [], []
    for n in picture.nodes:
        x, y = nodes[n.id]
        xs += (x - n.width / 2, x + n.width / 2)
        ys += (y - n.height / 2, y + n.height / 2)
    for x, y, w, h in boxes.values():
        xs += (x, x + w)
        ys += (y, y + h)
    for e in picture.edges:
        for x, y in edges[e.id]:
            xs.append(x)
            ys.append(y)
        x, y = labels.get(e.id, edges[e.id][len(edges[e.id]) // 2])
        wide, high = e.label_width + 14, 13 * e.label_rows
        if wide > 14:  # the label may stand on either side of its anchor
            xs += (x, x + wide / (2 if picture.direction == "LR" else 1))
            ys += (y - high / 2 - 6, y + high / 2 + 6)
    dx, dy = MARGIN - min(xs, default=0.0), MARGIN - min(ys, default=0.0)

    def move(p):
        return round(p[0] + dx, 1), round(p[1] + dy, 1)

    return Layout(
        width=round(max(xs, default=0.0) + dx + MARGIN), height=round(max(ys, default=0.0) + dy + MARGIN),
        nodes={n.id: move(nodes[n.id]) for n in picture.nodes},
        edges={e.id: tuple(map(move, edges[e.id])) for e in picture.edges},
        labels={id: move(p) for id, p in sorted(labels.items())},
        clusters={c.id: (*move(boxes[c.id]), *boxes[c.id][2:]) for c in picture.clusters if c.id in boxes},
        engine=engine,
    )
