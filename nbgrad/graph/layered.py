"""Our own layered layout in pure Python: deterministic, linear in the edges but for sorting, never recursive over the graph.

`layout.py` calls `layered` where no Graphviz is found. It knows a `Picture`'s sizes and edges and returns positions; it draws nothing.

A cluster is laid out alone and then placed as one box with ports on its border, so that clusters never overlap; `ranks.py` places the items
of one level. `r` runs along the flow and `u` across it; only the last step knows which of them is x.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from . import _text
from .picture import SIDE_GAP, Picture
from .ranks import Item, align, assign_ranks, order_ranks

GAP_R = {"LR": 15.0, "TB": 13.0}  # on each side of the half rank in which labels stand
PAD, HEADING = 14.0, 22.0  # of a cluster
ARROW = 9.0
BESIDE = 60.0  # how much thicker than a node its rank may be before edges go straight to the rank's end
SIDE = {"LR": SIDE_GAP, "TB": SIDE_GAP + 14}


@dataclass(eq=False, slots=True)
class _Level:
    """The finished inside of one cluster, in its own coordinates."""

    items: dict
    chains: dict  # (source key, target key) -> items from source to target
    ranks: list
    lo: float = 0.0
    hi: float = 0.0
    thick: float = 0.0


def layered(picture: Picture):
    """Place a picture: `(nodes, edges, labels, clusters)` with centres, curves `[(x, y), ...]`, label anchors and `(x, y, w, h)` boxes."""
    return _Layered(picture).run()


class _Layered:
    def __init__(self, picture):
        self.picture, self.flow = picture, picture.direction
        self.node = {n.id: n for n in picture.nodes}
        self.parent = {c.id: c.parent for c in picture.clusters}
        self.label = {c.id: c.heading for c in picture.clusters}
        self.levels = {}
        self.beside = {}
        for n in picture.nodes:
            if n.beside:
                self.beside.setdefault(n.beside, []).append(n)

    def run(self):
        edges = [e for e in self.picture.edges if not e.beside]
        home, parts = {}, {}
        for e in edges:
            a, b = self.around(self.node[e.source].scope), self.around(self.node[e.target].scope)
            shared = 0
            while shared < min(len(a), len(b)) and a[shared] == b[shared]:
                shared += 1
            for scope in a[shared:]:  # the way out of the source's clusters
                parts.setdefault(scope, []).append((self.entity(e.source, scope), ("out", e.source), e))
            for scope in b[shared:]:
                parts.setdefault(scope, []).append((("in", e.source), self.entity(e.target, scope), e))
            top = a[shared - 1] if shared else None
            parts.setdefault(top, []).append((self.entity(e.source, top), self.entity(e.target, top), e))
            home[e.id] = (a[shared:], top, b[shared:])
        for scope in sorted(self.parent, key=lambda s: -len(self.around(s))) + [None]:
            self.levels[scope] = self.lay_out(scope, parts.get(scope, []))
        return self.assemble(edges, home)

    def around(self, scope):
        out = []
        while scope is not None:
            out.append(scope)
            scope = self.parent[scope]
        return out[::-1]

    def entity(self, id, scope):
        """What stands for a node at the level of `scope`: itself, or the child cluster that holds it."""
        path = self.around(self.node[id].scope)
        depth = 0 if scope is None else path.index(scope) + 1
        return ("node", id) if depth == len(path) else ("cluster", path[depth])

    def lay_out(self, scope, parts):
        items = {}
        for n in self.picture.nodes:
            if n.scope == scope and not n.beside:
                items["node", n.id] = self.node_item(n)
        for id, parent in self.parent.items():
            if parent == scope:
                items["cluster", id] = self.cluster_item(id)
        links, labels = {}, {}
        for a, b, e in parts:
            for key in (a, b):
                if key[0] in ("in", "out") and key not in items:
                    items[key] = Item(key[1], kind=key[0])
            key = (a, b, e.source if a[0] == "cluster" or b[0] == "cluster" else "")
            links.setdefault(key, (items[a].ports.get(("out", e.source), 0.0), items[b].ports.get(("in", e.source), 0.0)))
            if a[0] != "in" and b[0] != "out" and e.label_rows:  # an edge that crosses borders has its label outside of them
                labels[key] = max(labels.get(key, (0, 0)), (e.label_width, e.label_rows))
        assign_ranks(items, [(a, b) for a, b, _ in links])
        chains = self.bend(items, links, labels)
        ranks = order_ranks(items, chains)
        align(ranks)
        return self.measure(_Level(items, chains, ranks))

    def node_item(self, node):
        r, u = (node.width, node.height) if self.flow == "LR" else (node.height, node.width)
        item = Item(node.id, u / 2, u / 2, r)
        for n, leaf in enumerate(self.beside.get(node.id, ())):
            r, u = (leaf.width, leaf.height) if self.flow == "LR" else (leaf.height, leaf.width)
            item.thick = max(item.thick, r)
            if n == 0:
                item.lo += SIDE[self.flow] + u
            else:
                item.hi += SIDE[self.flow] + u
        return item

    def cluster_item(self, id):
        level = self.levels[id]
        room = _text.text_width(self.label[id], 10.5, bold=True) + 2 * PAD
        if self.flow == "LR":
            level.lo += HEADING
            level.thick = max(level.thick, room)
        else:
            level.hi = max(level.hi, room - level.lo)
        ports = {(key[0], key[1]): item.u for key, item in level.items.items() if item.kind in ("in", "out")}
        return Item(id, level.lo, level.hi, level.thick, kind="cluster", ports=ports)

    def bend(self, items, links, labels):
        """Put a stand-in into every rank that an edge passes, and the room for its label into the first."""
        chains = {}
        for key, (out_port, in_port) in links.items():
            a, b = items[key[0]], items[key[1]]
            flipped = a.rank > b.rank
            low, high = (b, a) if flipped else (a, b)
            chain = [low]
            for rank in range(low.rank + 1, high.rank):
                chain.append(Item("", 0.5, 0.5, rank=rank, kind="bend"))
            chain.append(high)
            if key in labels and len(chain) > 2:
                width, rows = labels[key]
                first = chain[-2 if flipped else 1]
                first.lo, first.hi, first.thick = (15.0, 15.0, width + 6) if self.flow == "LR" else (2.0, width + 15, rows * 13.0)
            first_port, last_port = (in_port, out_port) if flipped else (out_port, in_port)
            for i, (p, q) in enumerate(pairwise(chain if low.rank < high.rank else ())):  # a cycle of clusters can end in one rank
                at_p, at_q = first_port if i == 0 else 0.0, last_port if i == len(chain) - 2 else 0.0
                p.after.append((q, at_p, at_q))
                q.before.append((p, at_q, at_p))
            chains[key] = chain[::-1] if flipped else chain
        return chains

    def measure(self, level):
        r, gap, last = 0.0, GAP_R[self.flow], len(level.ranks) - 1
        for n, rank in enumerate(level.ranks):
            thick = max((i.thick for i in rank), default=0.0)
            for item in rank:
                item.r = r + thick / 2
                item.through = thick
            entering = n == 0 and any(i.kind == "in" for i in rank)
            leaving = n == last - 1 and any(i.kind == "out" for i in level.ranks[last])
            r += thick + (0.0 if n == last or entering or leaving else gap)
        everything = [i for rank in level.ranks for i in rank]
        low = min((i.u - i.lo for i in everything), default=0.0) - PAD
        high = max((i.u + i.hi for i in everything), default=0.0) + PAD
        level.lo, level.hi, level.thick = -low, high, r
        has_in, has_out = (any(i.kind == k for i in everything) for k in ("in", "out"))
        start = (0.0 if has_in else PAD) + (HEADING if self.flow == "TB" else 0.0)
        for item in everything:
            item.r += 0.0 if item.kind == "in" else start
        level.thick += start + (0.0 if has_out else PAD)
        return level

    def assemble(self, edges, home):
        flip = (lambda u, r: (r, u)) if self.flow == "LR" else (lambda u, r: (u, r))
        origin, boxes, centres = {None: (0.0, 0.0)}, {}, {}
        for scope in sorted(self.levels, key=lambda s: len(self.around(s))):
            u0, r0 = origin[scope]
            for (kind, id), item in self.levels[scope].items.items():
                if kind == "cluster":
                    origin[id] = (u0 + item.u, r0 + item.r - item.thick / 2)
                    u, r = u0 + item.u - item.lo, r0 + item.r - item.thick / 2
                    size = (item.lo + item.hi, item.thick)
                    boxes[id] = (*flip(u, r), *flip(*size))
                elif kind == "node":
                    centres[id] = (u0 + item.u, r0 + item.r)
                    self.place_beside(id, centres)
        curves, labels, ways = {}, {}, {}
        for e in edges:
            out, top, into = home[e.id]
            points, anchor = [], None
            steps = [(s, self.entity(e.source, s), ("out", e.source)) for s in reversed(out)]
            steps += [(top, self.entity(e.source, top), self.entity(e.target, top))]
            steps += [(s, ("in", e.source), self.entity(e.target, s)) for s in into]
            for scope, a, b in steps:
                level, (u0, r0) = self.levels[scope], origin[scope]
                chain = level.chains[a, b, e.source if a[0] == "cluster" or b[0] == "cluster" else ""]
                for item in chain:
                    u, r = u0 + item.u, r0 + item.r
                    if item.kind == "node" and item.through > item.thick + BESIDE:  # past what is thicker in its rank, and might be crossed
                        leaving = (item is chain[0]) == (chain[0].rank < chain[-1].rank)
                        points.append((u, r + (item.through / 2 if leaving else -item.through / 2)))
                    elif item.kind == "bend" and item.rank % 2 == 0:
                        half = item.through / 2 if chain[0].rank < chain[-1].rank else -item.through / 2
                        points += [(u, r - half), (u, r + half)]
                    elif item.kind in ("in", "out"):
                        points.append((u, r))
                    if item.kind == "bend" and scope == top and anchor is None:
                        anchor = (u, r)
            ways[e.id] = points
            if anchor:
                labels[e.id] = flip(*anchor)
        arrivals, departures = (self.spread(edges, centres, ways, arriving) for arriving in (True, False))
        for e in edges:
            curves[e.id] = [flip(*p) for p in self.curve(e, ways[e.id], centres, departures.get(e.id, 0.0), arrivals.get(e.id, 0.0))]
        for e in self.picture.edges:
            if e.beside:
                curves[e.id] = [flip(*p) for p in self.straight(e, centres)]
        return {id: flip(*c) for id, c in centres.items()}, curves, labels, boxes

    def size(self, id):
        n = self.node[id]
        return (n.height, n.width) if self.flow == "LR" else (n.width, n.height)

    def place_beside(self, id, centres):
        u, r = centres[id]
        breadth = self.size(id)[0]
        for n, leaf in enumerate(self.beside.get(id, ())):
            away = breadth / 2 + SIDE[self.flow] + self.size(leaf.id)[0] / 2
            centres[leaf.id] = (u - away if n == 0 else u + away, r)

    def spread(self, edges, centres, ways, arriving):
        """Spread the edges that meet a node from either side, so that their ends do not lie on one another."""
        meeting, out = {}, {}
        for e in edges:
            here, there = (e.target, e.source) if arriving else (e.source, e.target)
            near = ways[e.id][-1 if arriving else 0] if ways[e.id] else centres[there]
            meeting.setdefault(here, []).append((near[0], e.id))
        for here, ends in meeting.items():
            u, most = centres[here][0], self.size(here)[0] / 2 - 5
            for sign in (-1, 1):
                side = sorted(((abs(there - u), id) for there, id in ends if (there - u) * sign > 2 and len(ends) > 1), key=lambda s: s[0])
                for n, (_, id) in enumerate(side, 1):
                    out[id] = sign * min(most, 11.0 * n)
        return out

    def reach(self, id, across):
        """How far a node's border lies from its middle along the flow, a little off its axis."""
        half = self.size(id)[1] / 2
        return max(half**2 - across**2, 0.0) ** 0.5 if self.node[id].shape == "circle" else half

    def curve(self, e, points, centres, departure, arrival):
        (u0, r0), (u1, r1) = centres[e.source], centres[e.target]
        way = -1 if r1 < r0 else 1
        end = r1 - way * self.reach(e.target, arrival)
        tip, base = (u1 + arrival, end), (u1 + arrival, end - way * ARROW)
        bends = [(u0 + departure, r0 + way * self.reach(e.source, departure))] + points + [base]
        out = [bends[0]]
        for (ua, ra), (ub, rb) in pairwise(bends):
            middle = (ra + rb) / 2
            out += [(ua, middle), (ub, middle), (ub, rb)]
        return out + [tip]

    def straight(self, e, centres):
        (u0, r), (u1, _) = centres[e.source], centres[e.target]
        sign = 1 if u1 > u0 else -1
        a, b = u0 + sign * self.size(e.source)[0] / 2, u1 - sign * self.size(e.target)[0] / 2
        base = b - sign * ARROW
        return [(a, r), (a + (base - a) / 3, r), (a + (base - a) * 2 / 3, r), (base, r), (b, r)]
