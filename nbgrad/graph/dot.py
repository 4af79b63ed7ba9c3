"""Picture -> DOT: the text that `layout.py` feeds to Graphviz, and that looks right when somebody runs `dot -Tsvg` on it.

Every size is fixed from our own measures, so that fonts do not matter and a gradient that arrives later moves nothing. Ids are the record's
own (`t0`, `c3`); every other text is escaped for HTML-like labels, where a stray `<` would end the picture.
"""

from __future__ import annotations

import re

from . import _text, palette
from .picture import LABEL, NAME, OPERATOR, ROW, SMALL, Edge, Node, Picture, row_grad_width

FONT = "Helvetica"
_OURS = re.compile(r"[tcgs][0-9]+(@[cg][0-9]+)?")


def dot_text(picture: Picture) -> str:
    """Write a picture as DOT."""
    across, apart = picture.direction == "LR", _needs_clusters(picture)
    beside = any(n.beside for n in picture.nodes)
    side = (0.42 if across else 0.66) if beside else 0.36
    out = [
        "digraph nbgrad {",
        f'  graph [rankdir={picture.direction} nodesep={side} ranksep={0.3 if across else 0.26} fontname="{FONT}" fontsize={SMALL} '
        f'fontcolor="{_light("muted")}" bgcolor="{_light("paper")}" charset="UTF-8"];',
        f'  node [fontname="{FONT}" fixedsize=true margin=0];',
        f'  edge [fontname="{FONT}" fontsize={LABEL} color="{_light("edge")}" fontcolor="{_light("muted")}" penwidth=1.2 arrowsize=0.7];',
    ]
    children, inside = {}, {}
    for cluster in picture.clusters:
        children.setdefault(cluster.parent, []).append(cluster)
    for node in picture.nodes:
        inside.setdefault(node.scope, []).append(node)
    _scope(out, None, children, inside, "  ", apart)
    seen = set()
    for e in picture.edges:
        out.append(_edge(e, across, turned=(e.target in seen) != (across and apart)))
        if e.beside:
            seen.add(e.target)
    out.append("}")
    return "\n".join(out) + "\n"


def _needs_clusters(picture):
    """Whether leaves beside different operators may meet in one rank, where only a cluster keeps each leaf at its operator."""
    if picture.direction == "TB":
        return True
    depth, with_leaves = {}, set()
    for e in picture.edges:
        if e.beside:
            with_leaves.add(e.target)
        else:
            depth[e.target] = max(depth.get(e.target, 0), depth.get(e.source, 0) + 1)
    return len({depth.get(id, 0) for id in with_leaves}) < len(with_leaves)


def _scope(out, scope, children, inside, indent, apart):
    for node in inside.get(scope, ()):
        out.append(indent + _node(node))
    together = {}
    for node in inside.get(scope, ()):
        if node.beside:
            together.setdefault(node.beside, []).append(node.id)
    for op, leaves in together.items():
        same = f"{{rank=same; {_id(op)}; {'; '.join(map(_id, leaves))}}}"
        if apart:
            same = f'subgraph "cluster_beside_{dot_id(op)}" {{graph [peripheries=0 margin=2 label=""]; {same}}}'
        out.append(indent + same)
    for cluster in children.get(scope, ()):
        out.append(f'{indent}subgraph "cluster_{dot_id(cluster.id)}" {{')
        out.append(f'{indent}  graph [label={_html(cluster.heading)} labeljust=l style="rounded,filled" margin=12 '
                   f'fillcolor="{_light("group")}" color="{_light("group-line")}"];')
        _scope(out, cluster.id, children, inside, indent + "  ", apart)
        out.append(indent + "}")


def _node(node: Node) -> str:
    frame = 8.0 if node.kind == "root" else 0.0  # the second border is drawn outside
    style = {
        "box": f"shape=box style={_style(node)}", "tab": f"shape=box style={_style(node)}",
        "circle": 'shape=circle style="filled"', "pill": 'shape=box style="rounded,filled"', "card": "shape=none",
    }[node.shape]
    if node.kind == "cut":
        style = style.replace("filled", "filled,dashed")
    line = palette.COLOURS.get("bad" if node.kind == "failed" else node.kind + "-line", palette.COLOURS["op"])[0]
    fill = _light("paper") if node.kind in ("cut", "failed") else _light(node.kind)
    more = " peripheries=2" if frame else " penwidth=2" if node.kind == "parameter" else ""
    label = _card(node) if node.shape == "card" else _lines(node)
    return (f'{_id(node.id)} [{style} width={(node.width - frame) / 72:.3f} height={(node.height - frame) / 72:.3f} '
            f'fillcolor="{fill}" color="{line}"{more} label={label}];')


def _style(node):
    return "filled" if node.shape == "tab" and node.kind == "input" else '"filled,dashed"' if node.kind == "input" else '"rounded,filled"'


def _lines(node):
    rows = []
    for line in node.lines:
        cells = "".join(_font(s.text, s.role, node.kind) for s in line)
        align = "center" if node.shape in ("circle", "pill") else "left"
        rows.append(f'<tr><td align="{align}">{cells}</td></tr>')
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0">{"".join(rows)}</table>>'


def _card(node):
    cell, wide = round(row_grad_width()), round(node.width)
    ground = _light("op" if node.kind == "op" else "group" if node.kind == "group" else "paper")
    rows = []
    for line in node.lines:
        head = "&#160;" + "".join(_font(s.text, s.role, node.kind) for s in line)
        high = round((node.height - ROW * len(node.rows)) / len(node.lines))
        rows.append(f'<tr><td colspan="2" align="left" fixedsize="true" width="{wide}" height="{high}" bgcolor="{ground}">{head}</td></tr>')
    for row in node.rows:
        step = palette.magnitude(row.norm)
        fill, ink = (palette.SCALE[step][0], palette.SCALE_INK[step][0]) if step is not None else (_light("zero"), _light("ink"))
        name = _font(row.name, "name", "", SMALL) if row.name else ""
        rows.append(f'<tr><td align="left" fixedsize="true" width="{wide - cell}" height="{round(ROW)}" bgcolor="{_light("parameter")}">'
                    f'&#160;{name}{_font("  " + row.shape, "muted", "")}</td>'
                    f'<td align="right" fixedsize="true" width="{cell}" height="{round(ROW)}" bgcolor="{fill}">'
                    f'<font point-size="{SMALL}" color="{ink}">{_escape(row.grad)}&#160;</font></td></tr>')
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0">{"".join(rows)}</table>>'


def _font(text, role, kind, size=None):
    if role == "label":
        colour = _light("op-ink" if kind == "op" else "ink")
        return f'<font point-size="{OPERATOR}" color="{colour}"><b>{_escape(text)}</b></font>'
    if role == "name":
        return f'<font point-size="{size or NAME}" color="{_light("ink")}"><b>{_escape(text)}</b></font>'
    colour = _light(role) if role in ("grad", "bad") else _light("op-muted" if kind == "op" else "muted")
    return f'<font point-size="{SMALL}" color="{colour}">{_escape(text)}</font>'


def _edge(edge: Edge, across: bool, turned: bool) -> str:
    attributes = [f'id="{edge.id}"']
    if edge.hidden:
        attributes.append("style=invis")
    if edge.cut:
        attributes.append("style=dotted arrowhead=empty")
    ends = [_id(edge.source), _id(edge.target)]
    if edge.beside:
        if turned:
            attributes.append("dir=back")
            ends.reverse()
    elif edge.label_rows:
        lead = "" if across else "&#160;&#160;"  # off the line, which passes on the left
        rows = [f'<tr><td align="left">{lead}{_escape(t)}</td></tr>' for t in (edge.label, edge.cut and "✂ " + edge.cut) if t]
        if edge.room:
            norm = "" if edge.back is None or edge.shared else lead + _escape(_text.number(edge.back))
            back = norm and f'<font color="{_light("grad")}">{norm}</font>'
            rows.append(f'<tr><td align="left">{back}</td></tr>')
        wide, high = round(edge.label_width + (6 if across else 15)), 13 * edge.label_rows
        attributes.append(f'label=<<table border="0" cellborder="0" cellspacing="0" cellpadding="0" fixedsize="true" width="{wide}" '
                          f'height="{high}">{"".join(rows)}</table>>')
    return f"  {' -> '.join(ends)} [{' '.join(attributes)}];"


def dot_id(id: str) -> str:
    """The id under which a node or cluster stands in DOT; one that is not of our own making is spelled in hexadecimal."""
    return id if _OURS.fullmatch(id) else "x" + id.encode("utf-8", "surrogatepass").hex()


def _id(id):
    return f'"{dot_id(id)}"'


def _html(text):
    return f"<{_escape(text) or ' '}>"


def _escape(text):
    # Graphviz reads \\N and \\G as the names of the node and the graph even here: a word joiner keeps the letter apart
    return _text.escape(text).replace("\\", "&#92;&#8288;").replace("  ", "&#160; ")


def _light(role):
    return palette.COLOURS[role][0]
