"""What a saved file can answer without a kernel: a bounded number of scenes, the likely ones first.

`drawing.py` puts the answers into the file; the page looks them up by the same wishes that it would send to a kernel.
"""

from __future__ import annotations

import json
from collections import deque

from .html import answer_key
from .transform import is_group

MAX_SCENES = 30  # drawn, whether they fit or not: each takes its time to lay out
LONG = 5_000  # operators; of a longer record each scene takes more time
MAX_SCENES_OF_LONG = 10
MAX_ITERATIONS = 6  # of one loop
MAX_DEPTH = 2  # things that are opened one after the other
MAX_FOCUS = 8  # named values of which a reader may see only what leads to them, or what comes of them


def scenes(drawing, room: int) -> tuple[dict[str, dict], bool]:
    """Scenes as answers of kind "scene", at most `room` characters of JSON in all, and whether some did not fit."""
    answers, left_out, drawn = {}, False, 0
    long = len(drawing.graph.calls) > LONG
    first = drawing.first_look
    waiting = deque([((), ())])
    waiting.extend(((action,), ()) for action in _actions(first))
    foci = [v.id for v in first.graph.values if v.name][:MAX_FOCUS]
    later = [((), focus) for id in foci for focus in ((id, None), (None, id))] if first.graph.calls and not long else []
    while waiting or later:
        actions, focus = waiting.popleft() if waiting else later.pop(0)
        wish = {"actions": list(actions), "focus": list(focus), "level": ""}
        key = answer_key(wish)
        if key in answers:
            continue
        if drawn >= (MAX_SCENES_OF_LONG if long else MAX_SCENES):
            return answers, True
        drawn += 1
        look = drawing.look(actions, focus)
        header = {"graph": json.loads(look.graph.to_json()), "svg": look.svg, "folding": {**wish, "folds": look.plain(), "whole": drawing.whole}}
        size = len(json.dumps(header))
        if size > room:
            left_out = True
            continue
        room -= size
        answers[key] = header
        if actions and len(actions) < MAX_DEPTH and not focus:
            waiting.extend(((*actions, action), ()) for action in _actions(look))
    return answers, left_out


def _actions(look):
    """What a reader may do next: first with the loops that lie in no other, then with groups, then with all else."""
    groups = [dict(c.params) for c in look.graph.calls if is_group(c)]
    loops = {id: fold for id, fold in look.folds.items() if fold.times}
    inner = {id for id, a in loops.items() if any(b is not a and b.first <= a.first and a.last <= b.last for b in loops.values())}
    out = [action for id in loops if id not in inner for action in _of_loop(loops[id])]
    out += [{"open": [g["first"], g["last"]]} for g in groups]
    out += [action for id in loops if id in inner for action in _of_loop(loops[id])]
    return out + [{"close": list(fold.ends)} for fold in look.folds.values() if not fold.times]


def _of_loop(fold):
    count = min(fold.times, MAX_ITERATIONS)
    which = sorted({round(i * (fold.times - 1) / max(count - 1, 1)) for i in range(count)})
    return [{"close": list(fold.ends)}, *({"iteration": [*fold.ends, k]} for k in which)]
