"""Where the words on the edges stand: the shape that flows, why an edge is cut, the norm that came back.

`svg.py` asks `Labels` for each edge in turn. A label stands where the layout kept room for it, beside its line; where it would cover a node
or another label it moves along the line or to the other side. Nothing here writes SVG.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from . import _text, palette
from .layout import Layout
from .picture import LABEL, SMALL, Edge, Picture

TWIN = 6.0  # how far beside a forward edge its gradient runs
HALF = 5.5  # half the height of a label
CELL = 80.0
SIGN = 9.0  # half of what opens or closes a group, at its right border
ELSEWHERE = (0.5, 0.36, 0.64, 0.24, 0.76)


@dataclass(frozen=True, slots=True)
class Label:
    text: str
    role: str  # of its colour
    x: float
    y: float  # of the baseline
    anchor: str


class Labels:
    def __init__(self, picture: Picture, layout: Layout):
        self.layout, self.across = layout, picture.direction == "LR"
        self.nodes = {n.id: n for n in picture.nodes}
        self.cells = {}
        for n in picture.nodes:
            x, y = layout.nodes[n.id]
            self.take((x - n.width / 2, y - n.height / 2, x + n.width / 2 + (SIGN if n.kind == "group" else 0), y + n.height / 2))
        for c in picture.clusters:
            if c.id in layout.clusters:
                x, y, wide, high = layout.clusters[c.id]
                for line in ((x, y, x + wide, y), (x, y + high, x + wide, y + high), (x, y, x, y + high), (x + wide, y, x + wide, y + high)):
                    self.take((line[0] - 1, line[1] - 1, line[2] + 1, line[3] + 1))
                self.take((x + 6, y + 4, x + 14 + _text.text_width(c.heading, SMALL), y + 20))
                self.take((x + wide - SIGN, y - SIGN, x + wide + SIGN, y + SIGN))  # where it is closed

    def place(self, edge: Edge, trace) -> list[Label]:
        """Find places for the labels of one edge."""
        cut = edge.cut if edge.cut != self.nodes[edge.target].lines[0][0].text else ""  # the operator may say it already
        forward = "   ".join(t for t in (edge.label, cut) if t)
        back = "" if edge.back is None or edge.shared else _text.number(edge.back)
        sign = self.side(edge, trace)
        stacked = not self.across and not edge.beside
        out = []
        if forward:
            away = TWIN + 7 if edge.room and stacked else 9.0 if edge.cut else 4.0
            out.append(self.find(edge, trace, forward, "muted", -1.0, away, 0.0))
        if back:
            away = TWIN + 4 + palette.stroke(edge.back) / 2
            role = "grad" if math.isfinite(edge.back) else "bad"
            out.append(self.find(edge, trace, back, role, sign, away, 13.0 if edge.label and stacked else 0.0))
        return out

    def side(self, edge: Edge, trace) -> float:
        """On which side of an edge its gradient runs: 1 below a line to the right, -1 to the right of a line downwards."""
        if edge.beside:
            _, _, tx, ty = trace[0]
            return (1.0 if ty > 0 else -1.0) if self.across else -1.0 if tx > 0 else 1.0
        return 1.0 if self.across else -1.0

    def anchor(self, edge: Edge, trace):
        """The place on an edge nearest to where the layout kept room for its label."""
        kept = self.layout.labels.get(edge.id)
        (x0, y0, tx, ty), (x1, y1, _, _) = trace[0], trace[-1]
        straight = all(abs((x - x0) * ty - (y - y0) * tx) < 2 for x, y, _, _ in trace)
        inside = self.nodes[edge.source].scope == self.nodes[edge.target].scope
        if straight and inside and math.dist((x0, y0), (x1, y1)) < 240:
            return (x0 + x1) / 2, (y0 + y1) / 2, tx, ty
        if kept is None:
            return trace[len(trace) // 2]
        few = len(trace) // 5  # not where it leaves or arrives
        return min(trace[few:len(trace) - few], key=lambda t: (t[0] - kept[0]) ** 2 + (t[1] - kept[1]) ** 2)

    def find(self, edge, trace, text, role, sign, away, row):
        """Try the kept place first, then along the line, then the same on the other side."""
        wide = _text.text_width(text, LABEL)
        spots = [self.anchor(edge, trace)] + [trace[int(f * (len(trace) - 1))] for f in ELSEWHERE]
        other = TWIN + 5.0 if edge.back is not None and role != "grad" else 5.0
        tries = [(spot, sign, away, row) for spot in spots] + [(spot, -sign, other, 0.0) for spot in spots]
        best, least = None, None
        for spot, side, far, down in tries:
            found = self.beside(spot, side, far, down, wide)
            hidden = self.covers(found[2])
            if least is None or hidden < least:
                best, least = found, hidden
            if not hidden:
                break
        point, anchor, box = best
        self.take(box)
        return Label(text, role, point[0], point[1] + 3.6, anchor)

    def beside(self, spot, sign, away, row, wide):
        x, y, tx, ty = spot
        nx, ny = -sign * ty, sign * tx
        far = away + wide / 2 * abs(nx) + HALF * abs(ny)
        cx, cy = x + nx * far, y + ny * far + row
        box = (cx - wide / 2, cy - HALF, cx + wide / 2, cy + HALF)
        if abs(nx) > 0.95:  # starts at the line, so that a narrower font leaves no gap
            return ((box[0], cy), "start", box) if nx > 0 else ((box[2], cy), "end", box)
        return (cx, cy), "middle", box

    def take(self, box):
        for cell in _cells(box):
            self.cells.setdefault(cell, []).append(box)

    def covers(self, box):
        """How much of what stands already this box would cover."""
        seen = {other for cell in _cells(box) for other in self.cells.get(cell, ())}
        total = 0.0
        for x0, y0, x1, y1 in seen:
            wide, high = min(box[2], x1) - max(box[0], x0), min(box[3], y1) - max(box[1], y0)
            if wide > 0 and high > 0:
                total += wide * high
        over = (2 - box[0], 2 - box[1], box[2] + 2 - self.layout.width, box[3] + 2 - self.layout.height)
        return round(total + 100 * sum(max(0.0, o) for o in over))


def _cells(box):
    return [(i, j) for i in range(int(box[0] // CELL), int(box[2] // CELL) + 1) for j in range(int(box[1] // CELL), int(box[3] // CELL) + 1)]
