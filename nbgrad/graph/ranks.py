"""Sugiyama's method for one level of a layered layout: ranks, order within them, places across.

`layered.py` gives items that take room and the links between them. Longest-path ranks, barycentre sweeps against crossings, then blocks of
items that shall stand in one line (the longest path first, so that the main line is straight) moved towards their neighbours. Nothing here
knows pictures, clusters or which way the graph runs. No recursion, so a long chain is as good as a short one.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from itertools import pairwise

GAP = 26.0  # between neighbours in a rank


@dataclass(eq=False, slots=True)
class Item:
    """Something that takes room in one rank of one level: a node, a cluster, a port, or an edge that passes."""

    id: str
    lo: float = 0.0
    hi: float = 0.0
    thick: float = 0.0
    rank: int = 0
    kind: str = "node"  # "node", "cluster", "in", "out", "bend"
    ports: dict = field(default_factory=dict)  # where edges meet a cluster, across
    before: list = field(default_factory=list)  # (item, port here, port there)
    after: list = field(default_factory=list)
    place: int = 0
    block: int = -1
    offset: float = 0.0
    u: float = 0.0
    r: float = 0.0
    depth: int = 0
    height: int = 0
    through: float = 0.0  # how thick the rank is that an edge passes here


def assign_ranks(items, links):
    """Even ranks by longest path, odd ones between them for labels; leaves move down to their first user."""
    after, before = {k: [] for k in items}, {k: [] for k in items}
    for a, b in dict.fromkeys(links):
        if a != b:
            after[a].append(b)
            before[b].append(a)
    order = _topological(items, after)
    position = {k: n for n, k in enumerate(order)}
    rank = {}
    for k in order:
        rank[k] = max((rank[p] + 1 for p in before[k] if position[p] < position[k]), default=0)
    entering = any(k[0] == "in" for k in items)
    floating = {}  # what hangs on nothing above it: a leaf, or operators on leaves that nothing else uses
    for k in order:
        floating[k] = all(position[p] < position[k] and floating[p] and len(after[p]) == 1 for p in before[k])
    for k in reversed(order):
        following = [rank[s] for s in after[k] if position[s] > position[k]]
        if floating[k] and following:
            rank[k] = min(following) - 1
    shift = 1 if entering and any(rank[k] <= 0 for k in items if k[0] != "in") else 0
    last = max((rank[k] + shift for k in items if k[0] != "out"), default=0)
    for k, item in items.items():
        item.rank = 2 * (0 if k[0] == "in" else last + 1 if k[0] == "out" else rank[k] + shift)


def _topological(items, after):
    """Depth-first order; an edge that closes a cycle simply points backwards in it."""
    done, order = set(), []
    for root in items:
        if root in done:
            continue
        done.add(root)
        stack = [(root, iter(after[root]))]
        while stack:
            k, rest = stack[-1]
            following = next((s for s in rest if s not in done), None)
            if following is None:
                order.append(k)
                stack.pop()
            else:
                done.add(following)
                stack.append((following, iter(after[following])))
    return order[::-1]


def order_ranks(items, chains):
    """Ranks with few crossings: barycentre sweeps down and up, the best order seen."""
    everything = dict.fromkeys(items.values())
    for chain in chains.values():
        everything.update(dict.fromkeys(chain))
    ranks = [[] for _ in range(max((i.rank for i in everything), default=0) + 1)]
    for item in everything:
        ranks[item.rank].append(item)
    _number(ranks)
    best, fewest = None, None
    for sweep in range(9 if len(everything) < 3000 else 5):
        down = sweep % 2 == 0
        for rank in ranks if down else reversed(ranks):
            keys = {}
            for item in rank:
                near = item.before if down else item.after
                ports = [other.place + 0.3 * (there > 0) - 0.3 * (there < 0) for other, _, there in near]
                keys[item] = sum(ports) / len(ports) if ports else item.place
            rank.sort(key=keys.__getitem__)
            for n, item in enumerate(rank):
                item.place = n
        crossings = sum(_crossings(rank) for rank in ranks)
        if fewest is None or crossings < fewest:
            best, fewest = [list(rank) for rank in ranks], crossings
        if not crossings:
            break
    _number(best)
    return best


def _number(ranks):
    for rank in ranks:
        for n, item in enumerate(rank):
            item.place = n


def _crossings(rank):
    ends, count = [], 0
    for item in rank:
        places = sorted(other.place for other, _, _ in item.after)
        for place in places:
            count += len(ends) - bisect_left(ends, place + 0.5)
        for place in places:
            insort(ends, place)
    return count


def align(ranks):
    """Give every item its place across: blocks of items in one line, then blocks as near to their neighbours as they may be."""
    for rank in ranks:
        for item in rank:
            item.depth = 1 + max((o.depth for o, _, _ in item.before), default=0)
    for rank in reversed(ranks):
        for item in rank:
            item.height = 1 + max((o.height for o, _, _ in item.after), default=0)
    everything = [i for rank in ranks for i in rank]
    blocks = _blocks(ranks, everything)
    right = [{} for _ in blocks]  # block -> least distance
    left = [{} for _ in blocks]
    for rank in ranks:
        for p, q in pairwise(rank):
            gap = GAP if "bend" not in (p.kind, q.kind) else 12.0
            need = p.offset + p.hi + gap + q.lo - q.offset
            right[p.block][q.block] = max(need, right[p.block].get(q.block, need))
            left[q.block][p.block] = right[p.block][q.block]
    order = _block_order(right, left)
    x = [0.0] * len(blocks)
    for b in order:
        x[b] = max((x[p] + need for p, need in left[b].items()), default=0.0)
    pulls = [[(o.block, o.offset + there - i.offset - here, 4.0 if "bend" in (i.kind, o.kind) else 1.0)
              for i in block for o, here, there in i.before + i.after if o.block != i.block] for block in blocks]
    for sweep in range(24 if len(everything) < 2000 else 8):
        for b in reversed(order) if sweep % 2 == 0 else order:
            if not pulls[b]:
                continue
            total = sum(w for _, _, w in pulls[b])
            wish = sum((x[o] + d) * w for o, d, w in pulls[b]) / total
            low = max((x[p] + need for p, need in left[b].items()), default=-math.inf)
            high = min((x[q] - need for q, need in right[b].items()), default=math.inf)
            x[b] = max(low, min(wish, high))
    for item in everything:
        item.u = x[item.block] + item.offset


def _blocks(ranks, everything):
    """Join items into lines: passing edges first, then the longest paths; two lines never cross."""
    wanted = []
    for rank in ranks:
        for item in rank:
            for other, here, there in item.after:
                passing = item.kind == other.kind == "bend"
                wanted.append((not passing, -(item.depth + other.height), item.rank, item.place, other.place, item, other, here, there))
    wanted.sort(key=lambda w: w[:5])
    below, above, taken = {}, {}, [[] for _ in ranks]
    for _, _, _, _, _, item, other, here, there in wanted:
        if item in below or other in above:
            continue
        pair, lines = (item.place, other.place), taken[item.rank]
        n = bisect_left(lines, pair)
        if (n > 0 and lines[n - 1][1] > pair[1]) or (n < len(lines) and lines[n][1] < pair[1]):
            continue
        lines.insert(n, pair)
        below[item] = (other, here - there)
        above[other] = item
    blocks = []
    for item in everything:
        if item in above:
            continue
        block, offset = [], 0.0
        while True:
            item.block, item.offset = len(blocks), offset
            block.append(item)
            if item not in below:
                break
            item, shift = below[item]
            offset += shift
        blocks.append(block)
    return blocks


def _block_order(right, left):
    """Blocks from left to right."""
    waiting = [len(nearer) for nearer in left]
    ready = [b for b, n in enumerate(waiting) if n == 0]
    order = []
    while ready:
        b = ready.pop()
        order.append(b)
        for q in right[b]:
            waiting[q] -= 1
            if waiting[q] == 0:
                ready.append(q)
    return order + sorted(set(range(len(right))) - set(order))
