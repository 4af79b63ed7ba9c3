"""What is shown after a reader opened, closed or focused something: `{actions, focus, level}`, as `graph/scene.py` tells.

The answer is the new state of the view itself, so that every view of the graph follows.
"""


def answer(view, wish):
    """Let the view show another scene; None where it knows only what it shows."""
    if view.drawing is None:
        return None
    actions = [a for a in wish.get("actions") or () if isinstance(a, dict)]
    focus = [f if isinstance(f, str) else None for f in wish.get("focus") or ()]
    level = wish.get("level")
    try:
        view.look(actions, focus if len(focus) == 2 and any(focus) else [], level if level in ("story", "ops") else None)
    except KeyError as missing:
        raise ValueError(f"this graph has no value {missing}") from None
    return {}, []
