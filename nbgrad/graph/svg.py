"""Layout and picture -> SVG text, drawn by us, so that it looks the same whoever laid it out.

Colours stand as presentation attributes, for hosts that strip styles, and again as classes under one `<style>` that follows the system's or the
notebook's theme. Ids and classes carry a hash of the content: several pictures may share a page, and the same graph always gives the same text.

What scripts may rely on: `<g class="nb-node nb-KIND" data-id data-value tabindex="-1">`, `<g class="nb-edge" data-from data-to data-value>`,
`<g class="nb-back nb-m3" data-from data-to data-value>` beside it where a gradient came back, of the fourth of six sizes (`nb-zero` for 0), and `<text class="nb-grad" data-grad>`.
"""

from __future__ import annotations

import hashlib
import math

from . import _text, palette
from .labels import TWIN, Labels
from .layout import Layout
from .picture import BADGE, LABEL, LINE, NAME, OPERATOR, PILL, ROW, SMALL, Picture, row_grad_width

FONTS = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, Noto Sans, sans-serif"
_HASH = "nbg-00000000"
THEMES = ("auto", "light", "dark")


def svg_text(picture: Picture, layout: Layout, theme: str = "auto") -> str:
    """Draw a placed picture."""
    if theme not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(map(repr, THEMES))}, not {theme!r}")
    body = _Pen(picture, layout, dark=theme == "dark").draw()
    style = _style() if theme == "auto" else ""
    wide, high = (round(layout.width), round(layout.height)) if picture.nodes else (460, 44)
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" class="nbgrad {_HASH}" role="graphics-document" aria-labelledby="{_HASH}-t {_HASH}-d" '
            f'viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" font-family="{FONTS}" style="max-width:100%;height:auto">')
    text = "\n".join([head, f'<title id="{_HASH}-t">{_text.escape(picture.title)}</title>',
                      f'<desc id="{_HASH}-d">{_text.escape(picture.description)}</desc>', style, *body, "</svg>"])
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return text.replace(_HASH, "nbg-" + digest) + "\n"


def _style():
    """One variable a colour, set for light and for dark, by the system or by the notebook around the picture."""
    light, dark = ("".join(f"--{name}:{pair[n]};" for name, pair in _roles().items()) for n in (0, 1))
    rules = [f".{_HASH}{{{light}}}", f"@media (prefers-color-scheme:dark){{.{_HASH}{{{dark}}}}}"]
    for host, colours in (('[data-jp-theme-light="true"],.vscode-light,[data-theme="light"]', light),
                          ('[data-jp-theme-light="false"],.vscode-dark,[data-theme="dark"]', dark)):
        rules.append(",".join(f"{h} .{_HASH}" for h in host.split(",")) + f"{{{colours}}}")
    rules += [f".{_HASH} .f-{name}{{fill:var(--{name})}}.{_HASH} .s-{name}{{stroke:var(--{name})}}" for name in _roles()]
    return "<style>" + "".join(rules) + "</style>"


def _roles():
    steps = {f"m{n}": pair for n, pair in enumerate(palette.SCALE)} | {f"i{n}": pair for n, pair in enumerate(palette.SCALE_INK)}
    return palette.COLOURS | steps


class _Pen:
    def __init__(self, picture, layout, dark):
        self.picture, self.layout, self.theme = picture, layout, int(dark)
        self.roles = _roles()
        self.nodes = {n.id: n for n in picture.nodes}
        self.labels = Labels(picture, layout)
        self.out = []

    def draw(self):
        self.out.append(f'<rect class="nb-paper f-paper" width="100%" height="100%" rx="6"{self.colour("fill", "paper")}/>')
        if not self.picture.nodes:
            self.text(16, 26, [(_text.shorten(self.picture.description, 72), SMALL, "muted", False)])
        for cluster in self.picture.clusters:
            if cluster.id in self.layout.clusters:
                self.cluster(cluster, *self.layout.clusters[cluster.id])
        traced = []
        for edge in (e for e in self.picture.edges if not e.hidden):
            line = trace(self.layout.edges[edge.id]) if edge.label_rows else None
            self.edge(edge, line)
            if line:
                traced.append((edge, line))
        for edge, line in traced:
            if edge.back is not None:
                self.back(edge, line)
        for edge, line in traced:
            self.edge_label(edge, line)
        for cluster in self.picture.clusters:  # above the edges, with a rim of the ground, so that a heading stays readable
            if cluster.id in self.layout.clusters:
                x, y = self.layout.clusters[cluster.id][:2]
                self.heading(cluster, x + 10, y + 16)
        for node in self.picture.nodes:
            self.node(node)
        return self.out

    def colour(self, what, role):
        return f' {what}="{self.roles[role][self.theme]}"'

    def paint(self, fill=None, line=None, more=""):
        """Class and presentation attributes for a fill and a line."""
        classes = " ".join(c for c in (fill and f"f-{fill}", line and f"s-{line}", more) if c)
        fills = self.colour("fill", fill) if fill else ' fill="none"'
        return f' class="{classes}"{fills}' + (self.colour("stroke", line) if line else "")

    def text(self, x, y, spans, anchor="start", attributes=""):
        """Write spans of (text, size, role of colour, bold) on one line."""
        parts = []
        for text, size, role, bold in spans:
            weight = ' font-weight="600"' if bold else ""
            shown = _text.isolated(_text.escape(text)).replace("  ", "&#160; ")
            parts.append(f'<tspan font-size="{size:g}"{weight}{self.paint(role)}>{shown}</tspan>')
        where = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self.out.append(f'<text x="{_n(x)}" y="{_n(y)}"{where}{attributes} xml:space="preserve">{"".join(parts)}</text>')

    def cluster(self, cluster, x, y, w, h):
        self.out.append(f'<g class="nb-cluster nb-{_text.escape(cluster.kind)}" data-id="{_text.escape(cluster.id)}">'
                        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="9"{self.paint("group", "group-line")}/>')
        self.out.append("</g>")

    def heading(self, cluster, x, y):
        spans = [(cluster.name, SMALL, "ink", True)] if cluster.name else []
        wide = _text.text_width(cluster.name, SMALL, bold=True) + _text.text_width("  " * bool(spans) + cluster.label, SMALL)
        self.out.append(f'<rect x="{_n(x - 4)}" y="{_n(y - 12)}" width="{_n(wide * 0.92 + 8)}" height="16" rx="4"{self.paint("group")}/>')
        self.text(x, y, [*spans, ("  " * bool(spans) + cluster.label, SMALL, "muted", False)], attributes=self.rim("group"))

    def edge(self, edge, trace):
        points = self.layout.edges[edge.id]
        about = _ends(edge.source, edge.target, edge.value)
        curve, tip = points[:-1], points[-1]
        path = f"M{_p(curve[0])}" + "".join(f"C{_p(a)} {_p(b)} {_p(c)}" for a, b, c in zip(curve[1::3], curve[2::3], curve[3::3]))
        dotted = ' stroke-dasharray="1.5 3.5" stroke-linecap="round"' if edge.cut else ""
        self.out.append(f'<g class="nb-edge{" nb-cut" if edge.cut else ""}" {about}><path d="{path}"{self.paint(None, "edge")} '
                        f'stroke-width="1.2"{dotted}/><path d="{_head(curve[-1], tip, 3.4)}"{self.paint("edge")}/>')
        if edge.cut:
            self.scissors(*self.labels.anchor(edge, trace))
        self.out.append("</g>")

    def rim(self, role):
        return f'{self.paint(None, role)} stroke-width="4" stroke-linejoin="round" paint-order="stroke"'

    def edge_label(self, edge, trace):
        """Write an edge's words above all lines, with a rim of the ground on which they stand."""
        labels = self.labels.place(edge, trace)
        if labels:
            inside = self.nodes[edge.source].scope is not None and self.nodes[edge.target].scope is not None
            self.out.append(f'<g class="nb-label" {_ends(edge.source, edge.target, edge.value)}>')
            for label in labels:
                self.text(label.x, label.y, [(label.text, LABEL, label.role, False)], label.anchor, self.rim("group" if inside else "paper"))
            self.out.append("</g>")

    def scissors(self, x, y, tx, ty):
        angle = round(math.degrees(math.atan2(ty, tx)))
        self.out.append(f'<g transform="translate({_n(x)} {_n(y)}) rotate({angle})"{self.paint("paper", "muted")} stroke-width="1.2">'
                        '<circle cx="-6" cy="-3.4" r="2.1"/><circle cx="-6" cy="3.4" r="2.1"/><path d="M-4.3 -2.2L6 3.6M-4.3 2.2L6 -3.6"/></g>')

    def back(self, edge, trace):
        """Draw the gradient that came back along this edge, beside it and the other way."""
        sign = self.labels.side(edge, trace)
        line = [(x - sign * ty * TWIN, y + sign * tx * TWIN) for x, y, tx, ty in trace]
        total = sum(map(math.dist, line, line[1:]))
        line = _trim(line, 1.5, min(3.0, total / 6))
        width = palette.stroke(edge.back)
        about = _ends(edge.target, edge.source, edge.value)
        tip, neck = line[0], _trim(line, 7.0, 0.0)
        path = "M" + "L".join(_p(p) for p in reversed(neck))
        role = "bad" if not math.isfinite(edge.back) else "grad"
        step = palette.magnitude(edge.back)
        size = "nb-bad-size" if role == "bad" else "nb-zero" if step is None else f"nb-m{step}"
        self.out.append(f'<g class="nb-back {size}" {about}><path d="{path}"{self.paint(None, role)} stroke-width="{width:g}" '
                        f'stroke-dasharray="5 3.5"/><path d="{_head(neck[0], tip, 3.2 + width * 0.6)}"{self.paint(role)}/>')
        self.out.append("</g>")

    def node(self, node):
        x, y = self.layout.nodes[node.id]
        left, top = x - node.width / 2, y - node.height / 2
        ids = f'data-id="{_text.escape(node.id)}"' + (f' data-value="{_text.escape(node.value)}"' if node.value else "") + (
            f' data-call="{_text.escape(node.call)}"' if node.call else "")
        label = _text.escape(node.about)
        self.out.append(f'<g class="nb-node nb-{node.kind}{" nb-alias" if node.shape == "tab" else ""}" {ids} tabindex="-1" '
                        f'role="graphics-symbol" aria-label="{label}"><title>{label}</title>'
                        + (f"<desc>{_text.escape(node.source)}</desc>" if node.source else ""))
        {"box": self.box, "tab": self.box, "circle": self.circle, "pill": self.pill, "card": self.card}[node.shape](node, left, top)
        if node.badge:
            self.badge(node, left + node.width, top)
        self.out.append("</g>")

    def rect(self, x, y, w, h, radius, fill, line, width=1.2, more=""):
        self.out.append(f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="{radius:g}"{self.paint(fill, line, "nb-shape")} '
                        f'stroke-width="{width:g}"{more}/>')

    def box(self, node, x, y):
        kind, w, h = node.kind, node.width, node.height
        tab = node.shape == "tab"
        dashed = ' stroke-dasharray="5 3.5"' if kind == "input" else ""
        width = (1.2 if tab else 2.0) if kind == "parameter" else 1.4 if kind == "root" else 1.2
        self.rect(x, y, w, h, 2 if kind == "input" else 5 if tab else 10, kind, kind + "-line", width, dashed)
        inset = 8.0 if tab else 11.0
        if kind == "root":
            self.rect(x + 4, y + 4, w - 8, h - 8, 7, None, "root-line", 1.4)
            inset += 4
        first = y + (h - LINE * len(node.lines)) / 2 + 11.3
        for n, line in enumerate(node.lines):
            spans = [(s.text, NAME if s.role == "name" else SMALL, {"name": "ink"}.get(s.role, s.role), s.role == "name") for s in line]
            grad = f' class="nb-grad" data-grad="{_text.escape(node.value)}"' if line[0].role == "grad" else ""
            self.text(x + inset, first + n * LINE, spans, attributes=grad)

    def circle(self, node, x, y):
        r = node.width / 2
        hollow = node.kind == "cut"
        dotted = ' stroke-dasharray="3 2.5"' if hollow else ""
        fill = self.paint("paper", "muted", "nb-shape") if hollow else self.paint("op", None, "nb-shape")
        self.out.append(f'<circle cx="{_n(x + r)}" cy="{_n(y + r)}" r="{_n(r)}"{fill} stroke-width="1.2"{dotted}/>')
        glyph = node.lines[0][0].text
        self.text(x + r, y + r + (5.4 if glyph == "@" else 5.2), [(glyph, 15 if glyph != "@" else 14, "ink" if hollow else "op-ink", True)], "middle")

    def pill(self, node, x, y):
        w, h = node.width, node.height
        middle = x + (w - (BADGE if node.badge else 0)) / 2
        if node.kind == "group":
            self.rect(x + 4, y + 4, w, h, 9, "group", "group-line", 1)
            self.rect(x, y, w, h, 9, "group", "group-line", 1.2)
            ink = "ink"
        elif node.kind == "cut":
            self.rect(x, y, w, h, 9, "paper", "muted", 1.2, ' stroke-dasharray="3 2.5"')
            ink = "ink"
        elif node.kind == "failed":
            self.rect(x, y, w, h, 9, "paper", "bad", 2)
            ink = "ink"
        else:
            self.rect(x, y, w, h, 9, "op", None)
            ink = "op-ink"
        first = y + (PILL - LINE) / 2 + 11.2 - (1 if len(node.lines) > 1 else 0)
        for n, line in enumerate(node.lines):
            self.text(middle, first + n * LINE, [(s.text, *((OPERATOR, ink, True) if s.role == "label" else (SMALL, s.role, False))) for s in line], "middle")

    def card(self, node, x, y):
        w, head = node.width, node.height - ROW * len(node.rows)
        group, cut = node.kind == "group", node.kind == "cut"
        fill, ink, muted = ("group", "ink", "muted") if group else ("paper", "ink", "muted") if cut else ("op", "op-ink", "op-muted")
        line = "group-line" if group else "muted" if cut else "op"
        self.rect(x, y, w, node.height, 3, fill, line, 1.2, ' stroke-dasharray="3 2.5"' if cut else "")
        for n, spans in enumerate(node.lines):
            self.text(x + 8, y + 16.5 + n * LINE, [(s.text, OPERATOR if s.role == "label" else SMALL, ink if s.role == "label" else muted,
                                                     s.role == "label") for s in spans])
        cell = row_grad_width()
        for n, row in enumerate(node.rows):
            top = y + head + n * ROW
            step = palette.magnitude(row.norm)
            self.out.append(f'<g class="nb-node nb-parameter nb-row" data-id="{_text.escape(row.id)}" data-value="{_text.escape(row.value)}" '
                            f'tabindex="-1" role="graphics-symbol" aria-label="{_text.escape(row.about)}"><title>{_text.escape(row.about)}</title>')
            self.rect(x + 0.6, top, w - cell - 0.6, ROW - 0.6, 0, "parameter", None)
            self.rect(x + w - cell, top, cell - 0.6, ROW - 0.6, 0, "zero" if step is None else f"m{step}", None)
            name = [(row.name, SMALL, "ink", True)] if row.name else []
            self.text(x + 8, top + 13, name + [("  " * bool(name) + row.shape, SMALL, "muted", False)])
            self.text(x + w - 5, top + 13, [(row.grad, SMALL, "muted" if step is None else f"i{step}", False)], "end",
                      f' class="nb-grad" data-grad="{_text.escape(row.value)}"')
            self.out.append("</g>")

    def badge(self, node, right, top):
        """Mark what is not a number: filled and hatched where it was born, hollow where it was only passed on."""
        wide = _text.text_width(node.badge, 9.5, bold=True) + (18 if node.born else 9)
        x, y = right - wide + 8, top - 9
        if node.shape in ("pill", "card"):
            x, y = right - wide - 5, top + 5
        elif node.shape == "circle":
            x, y = right - 3, top - 8
        self.out.append(f'<g class="nb-bad{" nb-born" if node.born else ""}">')
        self.rect(x, y, wide, 15, 3, "bad" if node.born else "paper", "bad", 1.2)
        if node.born:
            self.out.append(f'<path d="M{_n(x + 1)} {_n(y + 7)}l6 -6M{_n(x + 1)} {_n(y + 12)}l9 -10.5M{_n(x + 3)} {_n(y + 14.5)}l6.5 -8"'
                            f'{self.paint(None, "bad-ink")} stroke-width="1.1"/>')
        self.text(x + (12.5 if node.born else 4.5), y + 11, [(node.badge, 9.5, "bad-ink" if node.born else "bad", True)])
        self.out.append("</g>")


def _ends(source, target, value):
    return f'data-from="{_text.escape(source)}" data-to="{_text.escape(target)}" data-value="{_text.escape(value)}"'


def trace(points):
    """Points along a curve and at its tip, each with its direction; a straight one needs only a few."""
    curve, tip = points[:-1], points[-1]
    line = [curve[0]]
    for a, b, c, d in zip(curve[::3], curve[1::3], curve[2::3], curve[3::3]):
        steps = 3 if _is_straight(a, b, c, d) else 10
        for n in range(1, steps + 1):
            t = n / steps
            s = 1 - t
            line.append(tuple(s * s * s * p + 3 * s * s * t * q + 3 * s * t * t * r + t * t * t * e for p, q, r, e in zip(a, b, c, d)))
    line.append(tip)
    out = []
    for n, p in enumerate(line):
        a, b = line[max(n - 1, 0)], line[min(n + 1, len(line) - 1)]
        long = math.dist(a, b)
        tx, ty = ((b[0] - a[0]) / long, (b[1] - a[1]) / long) if long else (0.0, 1.0)
        out.append((p[0], p[1], tx, ty))
    return out


def _is_straight(a, b, c, d):
    return all(abs((p[0] - a[0]) * (d[1] - a[1]) - (p[1] - a[1]) * (d[0] - a[0])) < 1.0 for p in (b, c))


def _trim(line, start, end):
    """Cut a length off either end of a polyline."""
    for length in (start, end):
        while len(line) > 2 and math.dist(line[0], line[1]) <= length:
            length -= math.dist(line[0], line[1])
            line = line[1:]
        step = math.dist(line[0], line[1])
        if step:
            t = min(length / step, 0.9)
            line = [tuple(a + (b - a) * t for a, b in zip(line[0], line[1])), *line[1:]]
        line = line[::-1]
    return line


def _head(base, tip, half):
    """A closed arrow head from the middle of its base to its tip."""
    long = math.dist(base, tip) or 1.0
    nx, ny = -(tip[1] - base[1]) / long * half, (tip[0] - base[0]) / long * half
    return f"M{_p((base[0] + nx, base[1] + ny))}L{_p(tip)}L{_p((base[0] - nx, base[1] - ny))}Z"


def _n(x):
    return f"{x:.1f}".removesuffix(".0") if round(x, 1) else "0"


def _p(point):
    return f"{_n(point[0])} {_n(point[1])}"
