"""A record together with how it is to be drawn, and with what can be asked of it.

`recorded.py` has the user's ways to one without the magic. Runs in any Python: nothing here needs a notebook.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import part, render
from .capture import Recorder
from .captured import capture_array
from .find import find
from .history import Histories
from .html import answer_key, to_html
from .layout import ENGINES
from .offline import LONG, scenes
from .local_jacobian import local_jacobian, unchanged
from .parameters import learning
from .picture import DIRECTIONS, Picture, picture
from .cut import Fold
from .records import Call, Graph, Value
from .replay import replay
from .scene import LEVELS, scene
from .static import static_page
from .stepping import embedded
from .svg import THEMES

KINDS = {".svg": "an SVG picture", ".dot": "Graphviz source", ".html": "one interactive file", ".json": "the record", ".txt": "text"}
MAX_SCENE_BYTES = 2_000_000
MAX_INSPECTED = 200  # tensors whose elements go into a saved HTML file
MAX_HISTORY_BYTES = 400_000  # of their histories in it


@dataclass(frozen=True, slots=True)
class Look:
    """A small graph, its picture, and what the picture's clusters enclose: scope id -> `Fold`."""

    graph: Graph
    svg: str
    folds: dict[str, Fold]

    def plain(self) -> dict:
        """The folds for the page: scope id -> {"ends": ids of the first and the last call, "times", "shown"}."""
        return {id: {"ends": list(f.ends), "times": f.times, "shown": list(f.shown)} for id, f in self.folds.items()}


class Drawing:
    """A graph with its way of being drawn. Shows itself as a picture in a notebook and as text elsewhere."""

    recorder: Recorder | None = None  # who heard the computation, where one did
    result: Any = None  # what the function returned, where `capture` ran one

    def __init__(self, graph: Graph, tensors: Mapping[str, Any] | None = None, *, theme: str = "auto", engine: str = "auto", direction: str = "auto",
                 values: bool = True, level: str = "story", fold: bool = True, max_nodes: int = 150, backward: str | None = None):  # fmt: skip
        for name, given, known in (("theme", theme, THEMES), ("engine", engine, ENGINES), ("direction", direction, DIRECTIONS),
                                   ("level", level, LEVELS)):  # fmt: skip
            if given not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, not {given!r}")
        self.graph = graph
        self.tensors = tensors or {}  # value id -> weak reference
        self._whole: Drawing | None = None  # what this is a part of, and how it was cut out
        self._cut: Callable[[Graph], Graph] | None = None
        self._painted = {"theme": theme, "engine": engine}
        self._described = {"direction": direction, "values": values}
        self._options = {"level": level, "fold": fold, "max_nodes": max_nodes, "backward": backward}

    def look(self, actions: tuple = (), focus: tuple = (), level: str | None = None) -> Look:
        """What is drawn after a reader has done some `actions`, all of it or only what `focus` names (see `scene.py`).

        `level` is "story" or "ops" in place of the drawing's own. Raises `KeyError` for a focus that the graph does not have.
        """
        found = self._scene(self.graph, actions, focus, level)
        return Look(found.graph, render.paint(found.graph, **self._painted, **self._described), found.folds)

    def picture_of(self, graph: Graph, actions: tuple = (), focus: tuple = (), level: str | None = None) -> tuple[Graph, Picture]:
        """The same of another graph of the same shape, such as a replay of this one: the small graph, and what its picture says, laid out nowhere."""
        shown = self._scene(graph, actions, focus, level).graph
        return shown, picture(shown, **self._described)

    def _scene(self, graph, actions, focus, level):
        wished = self._options["backward"]
        options = {k: v for k, v in self._options.items() if k != "backward"} | ({"level": level} if level else {})
        return scene(graph, focus=focus or ((wished, None) if wished else ()), actions=actions, **options)

    @property
    def theme(self) -> str:
        """ "light", "dark", or "auto", which follows the notebook."""
        return self._painted["theme"]

    @functools.cached_property
    def first_look(self) -> Look:
        """What is drawn before a reader has done anything."""
        return self.look()

    @functools.cached_property
    def whole(self) -> dict[str, int]:
        """How many tensors and operators the whole record has, however few of them are shown; how many parameters, and numbers in them."""
        parameters, numbers = learning(self.graph)
        return {"tensors": len(self.graph.values), "operators": len(self.graph.calls), "parameters": parameters, "numbers": numbers}

    @property
    def shown(self) -> Graph:
        """The graph as it is drawn: folded, and with a few backward steps per call."""
        return self.first_look.graph

    def to_text(self) -> str:
        """The graph in words."""
        return render.to_text(self.graph, **self._described, **self._options)

    @property
    def svg(self) -> str:
        """The graph as an SVG picture."""
        return self.first_look.svg

    def to_svg(self) -> str:
        """The graph as an SVG picture."""
        return self.svg

    def to_dot(self) -> str:
        """The graph as Graphviz source."""
        return render.to_dot(self.graph, **self._described, **self._options)

    def to_html(self) -> str:
        """The graph as one HTML file that needs no network and can be explored, with the tensors that are still alive."""
        arrays = {}
        for value in sorted(self.shown.values, key=lambda v: v.name is None)[:MAX_INSPECTED]:
            tensor = self.tensors[value.id]() if value.id in self.tensors else None
            if tensor is not None:
                sides = {"data": tensor, "grad": tensor._grad}
                arrays[value.id] = {side: capture_array(t._array) for side, t in sides.items() if t is not None}
        look = self.first_look
        answered, left_out = scenes(self, MAX_SCENE_BYTES) if look.graph.calls else ({}, False)
        notes = ("This file holds only some of what opening groups can show; a live notebook shows all of it.",) if left_out else ()
        histories, forgotten = self._histories()
        notes += (f"The histories of {forgotten} tensors were left out: this file is limited in size.",) if forgotten else ()
        folding = {"actions": [], "focus": [], "level": "", "folds": look.plain(), "whole": self.whole}
        living = unchanged(self.graph, self.tensors)
        drawn = [({"actions": [], "focus": [], "level": ""}, look.graph)]
        if len(self.graph.steps) <= LONG:  # of a longer pass only the first picture can be played
            drawn += [(json.loads(wish), Graph.from_json(json.dumps(header["graph"]))) for wish, header in answered.items()]
        steps, told = embedded(self.graph, drawn, answer_key, lambda n: local_jacobian(self.graph, n, living))
        shown = look.graph.replace(notes=look.graph.notes + notes + told)
        return to_html(shown, look.svg, arrays, {"scene": answered, "history": histories, "step": steps}, shared={"folding": folding})

    def _histories(self):
        """The histories worth a strip, as the answers to the page's questions for them, and of how many tensors there was no room for them."""
        histories, told, forgotten, room = Histories(self.graph), {}, set(), MAX_HISTORY_BYTES
        for value in sorted(self.shown.values, key=lambda v: v.name is None)[:MAX_INSPECTED]:
            for which in ("data", "grad"):
                history = histories.tell(value.id, which)
                if history is None or history["total"] < 2:
                    continue
                room -= len(json.dumps(history))
                if room < 0:
                    forgotten.add(value.id)
                else:
                    told[answer_key({"value": value.id, "which": which})] = {"record": history, "later": None}
        return told, len(forgotten)

    def to_page(self) -> str:
        """HTML without scripts, for hosts that clean what they show: the picture as an image and a table."""
        return static_page(self.shown, self.svg)

    def to_json(self) -> str:
        """The record alone, for `Graph.from_json`."""
        return self.graph.to_json()

    # ---- what can be asked of it

    def find(self, text: str) -> list[Value | Call]:
        """Find values and operators: by name, operator, shape or dtype, or by words such as "has NaN", "grad is None", "parameter", "in place".

        >>> import nbgrad as torch
        >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> [v.name for v in torch.graph.draw((w * 3).sum()).find("grad is None") if v.name]
        ['w']
        """
        return list(find(self.graph, text, most=sys.maxsize).hits)

    def between(self, source: str, target: str) -> Drawing:
        """Draw what lies on the ways from one value to another, named or by id, and what else that takes; `KeyError` for an unknown one."""
        return self._part(lambda graph: part.between(graph, source, target))

    def leads_to(self, target: str) -> Drawing:
        """Draw what a value was computed from; `KeyError` for an unknown one."""
        return self._part(lambda graph: part.focus(graph, target))

    def comes_of(self, source: str) -> Drawing:
        """Draw what was computed from a value, and what else that takes; `KeyError` for an unknown one.

        >>> import nbgrad as torch
        >>> with torch.graph.record() as g:
        ...     a, b = torch.ones(2), torch.ones(2)
        ...     c = a * 2
        ...     d = c + b
        ...     e = b - 1
        >>> [call.op for call in g.comes_of("c").graph.calls]
        ['add']
        """
        return self._part(lambda graph: part.follow(graph, source))

    def replay(self, changes: Mapping[Any, Any] | None = None) -> Drawing:
        """Compute it again, forward and backward, with other numbers: see `nbgrad.graph.replay`, which also says what it raises.

        >>> import nbgrad as torch
        >>> with torch.graph.record() as g:
        ...     w = torch.tensor(3.0, requires_grad=True)
        ...     loss = (w - 1) ** 2
        ...     loss.backward()
        >>> g.replay({"w": 2.0}).graph.named("loss").data.values
        (1.0,)
        """
        if self._whole is not None:
            return self._whole.replay(changes)._part(self._cut)
        return self._like(replay(self.graph, changes), {})

    def with_options(self, **options: Any) -> Drawing:
        """The same graph, drawn with other options (those of `Drawing`)."""
        return self._like(self.graph, self.tensors, **options)

    def _part(self, cut):
        drawing = self._like(cut(self.graph), self.tensors)
        whole, before = (self, None) if self._whole is None else (self._whole, self._cut)
        drawing._whole, drawing._cut = whole, cut if before is None else lambda graph: cut(before(graph))
        return drawing

    def _like(self, graph, tensors, **options):
        known = self._painted | self._described | self._options
        unknown = options.keys() - known.keys()
        if unknown:
            raise TypeError(f"a drawing has no option {sorted(unknown)[0]!r}; it has {', '.join(known)}")
        other = Drawing(graph, tensors, **(known | options))
        if tensors is self.tensors:
            other.recorder, other._whole, other._cut, other.result = self.recorder, self._whole, self._cut, self.result
        return other

    # ---- to look at

    def show(self, **options: Any) -> None:
        """Show it here: as a live explorer in a notebook, as text elsewhere. Takes the options of `Drawing`, for this time.

        >>> import nbgrad as torch
        >>> a = torch.ones(2, requires_grad=True)
        >>> torch.graph.draw(a * 2).show(values=False)
        graph of %t1: 1 operator, no gradients yet
        a    = parameter  (2,)  ∂ –
        %t1  = mul(a)     (2,)  ∂ –  line 1
        <BLANKLINE>
        """
        drawing = self.with_options(**options) if options else self
        if "IPython" in sys.modules:  # else nobody has a notebook open
            from ..notebook.showing import show_live

            if show_live(drawing):
                return
        print(drawing.to_text())

    def widget(self) -> Any:
        """The live explorer as a widget, a `GraphView`, to be laid out and linked with other ipywidgets. Raises `ImportError` without ipywidgets."""
        from ..notebook.showing import view_of

        return view_of(self)[0]

    def save(self, path: str | os.PathLike) -> pathlib.Path:
        """Write to a file whose ending says as what: .svg, .dot, .html, .json or .txt. Raises `ValueError` for another ending."""
        path = pathlib.Path(path).expanduser()
        kind = path.suffix.lower()
        if kind not in KINDS:
            raise ValueError(f"cannot save a graph as {path.name!r}: the name must end in one of {', '.join(KINDS)}")
        path.write_text(getattr(self, "to_text" if kind == ".txt" else f"to_{kind[1:]}")(), encoding="utf-8", errors="replace")
        return path

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": self.to_text(), "text/html": self.to_page(), "image/svg+xml": self.svg}

    def __repr__(self):
        return self.to_text()
