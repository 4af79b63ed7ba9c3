"""The live explorer: a widget that draws a recorded graph and looks into its tensors while they live.

Two models. `GraphView` is pushed to: the record, the picture, and what changed since. `Requests` is asked: `answers/` tells what. They are two because a kernel that is busy with a cell answers a comm from the thread that last
published on it. Handlers only read; nothing here runs a backward pass.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Protocol

import anywidget
import ipywidgets
import numpy as np
import traitlets
from IPython.display import display

from nbgrad.graph.drawing import Drawing
from nbgrad.graph.html import explorer_script, explorer_style
from nbgrad.graph.records import Graph, Summary

from .answers import ANSWERS
from .pace import PUSH_INTERVAL


class Source(Protocol):
    """Where the explorer reads living tensors; made by the capture."""

    def array(self, value_id: str, which: str) -> np.ndarray | None:
        """The array of a value ("data") or of its gradient ("grad") now; None where there is none."""

    def state(self, ids: Collection[str]) -> dict[str, dict[str, Summary | None]]:
        """Summaries of "data" and "grad" now, for those of these values that are still alive."""


class Requests(anywidget.AnyWidget):
    """The model that answers the page's questions; it has no view."""

    _esm = "export default {};"

    def __init__(self, view=None):
        self._view = view
        super().__init__()
        self.on_msg(self._answer)

    def close(self):
        """Close this model and the layout that every widget has."""
        if self.trait_has_value("layout"):
            self.layout.close()
        super().close()

    def _answer(self, asked, message, _buffers):
        """Answer on the model that was asked: this one, or the view in a host that cannot find this one."""
        if not isinstance(message, dict):
            return
        kind = message.get("kind")
        if kind == "hello":
            asked.send({"kind": "ready", "aside": threading.current_thread() is not threading.main_thread()})
        elif isinstance(kind, str) and kind in ANSWERS:
            found, error = None, None
            try:
                found = ANSWERS[kind](self._view, message)
            except Exception as fault:  # told to the reader; an unanswered request would only time out
                error = f"{type(fault).__name__}: {fault}"
            header, buffers = (None, []) if found is None else found
            reply = {"kind": kind, "request": message.get("request"), "found": found is not None, "header": header, "error": error}
            asked.send(reply, buffers=buffers)


class GraphView(anywidget.AnyWidget):
    """An interactive picture of a recorded graph beside an inspector of the selected tensor.

    `source` gives the living arrays; without one the record alone is shown. `drawing` is the whole record and how it is drawn. Call `refresh` whenever tensors may have changed.
    """

    _esm = explorer_script("widget")
    _css = explorer_style()

    graph = traitlets.Unicode(help="The record, as `Graph.to_json` writes it.").tag(sync=True)
    svg = traitlets.Unicode(help="The picture, as the SVG renderer writes it.").tag(sync=True)
    selected = traitlets.Unicode(help="Id of the selected value or call, or ''; both ways.").tag(sync=True)
    pinned = traitlets.Unicode(help="What others are compared with: 't3' is a value, 't3.grad' its gradient, '' nothing; both ways.").tag(sync=True)
    live = traitlets.Dict(help="Value id -> {'data', 'grad': summary or None, 'stamp'}: what differs from the record.").tag(
        sync=True
    )
    folding = traitlets.Dict(
        help="How the graph is shown: 'actions', 'focus' and 'level' as in `graph/scene.py`, 'folds': what each cluster encloses, and 'whole': the size of the record."
    ).tag(sync=True)
    step = traitlets.Int(-1, help="Which step of the recorded backward passes is shown, counted from 0 over all of them; -1: all. Both ways.").tag(
        sync=True
    )
    what_if = traitlets.List(
        help="Numbers that are other than recorded: lists [value id, index or None, number]. Every view of the graph shows what would come of them."
    ).tag(sync=True)
    status = traitlets.Unicode(help="A short line in the toolbar.").tag(sync=True)
    theme = traitlets.Enum(["auto", "light", "dark"], default_value="auto", help="'auto' follows the notebook.").tag(sync=True)
    key = traitlets.Unicode(help="Marks the static picture in the same cell, hidden while this view lives.").tag(sync=True)
    watched = traitlets.List(
        help="Of each parameter under `--watch`, in the order of the graph: {'id' (or None where the picture has no such value), 'name', 'group' "
        "(the module it is in), 'shape', 'size', 'units' (of its layer, if that ends in an activation like relu), 'every' (one element in so many "
        "is compared for its update)}."
    ).tag(sync=True)
    strips = traitlets.Dict(
        help="What `--watch` has measured, at most 100 kB: 'steps' (int32, little endian) the steps; 'loss' (float32) one number a step; 'norm' and "
        "'ratio' (float32, a row a parameter, a column a step) the decimal logarithms of the gradient's norm and of the norm of the update over "
        "that of the parameter, where NaN stands for none, -inf for zero and inf for what is not finite; 'dead' per parameter the number of units "
        "without any gradient lately or None; 'bad' {number of the parameter: {'where', 'what', 'step', 'after'}} where NaN or Inf was first seen."
    ).tag(sync=True)
    progress = traitlets.Dict(
        help="How far the loop under `--watch` is: {'step', 'of' (or None), 'state': 'running', 'finished', 'stopped' or 'failed', 'why', 'line' of "
        "the backward call in its source, 'measured' steps, 'every' (only each so many are measured), 'loss', 'seconds', 'notes'}; empty without."
    ).tag(sync=True)
    marks = traitlets.Dict(help="Value id -> {'kind': 'nan', 'vanishing' or 'exploding', 'text'}: badges in the picture.").tag(sync=True)
    requests = traitlets.Instance(Requests, help="The model that answers the page's questions.").tag(
        sync=True, **ipywidgets.widget_serialization
    )

    def __init__(self, graph: Graph, svg: str, source: Source | None = None, drawing: Drawing | None = None, **traits):
        self._record = graph
        self.source = source
        self.drawing = drawing
        self._stamp = 0
        self._pushed_at = 0.0
        self._planned = None
        self._own_layout = "layout" not in traits
        json = graph.to_json()
        key = hashlib.sha256((json + svg).encode("utf-8", "replace")).hexdigest()[:16]
        folds, whole = ({}, {}) if drawing is None else (drawing.first_look.plain(), drawing.whole)
        folding = {"actions": [], "focus": [], "level": "", "folds": folds, "whole": whole}
        super().__init__(graph=json, svg=svg, key=key, folding=folding, requests=Requests(self), **traits)
        self.on_msg(self.requests._answer)  # hosts that cannot find a second model ask this one
        self.refresh()

    def __repr__(self):
        return f"<GraphView: {len(self._record.values)} values, {len(self._record.calls)} operators>"

    def look(self, actions: Sequence[dict] = (), focus: Sequence[str | None] = (), level: str | None = None) -> None:
        """Show the graph after a reader's `actions`, or only what `focus` names: see `Drawing.look`."""
        found = self.drawing.look(tuple(actions), tuple(focus), level)
        folding = {"actions": list(actions), "focus": list(focus), "level": level or "", "folds": found.plain(), "whole": self.drawing.whole}
        self._record = found.graph
        with self.hold_sync():
            self.graph, self.svg, self.folding = found.graph.to_json(), found.svg, folding
        self.flush()

    def refresh(self) -> None:
        """Show what the tensors hold now.

        Cheap to call often: it reads and pushes at most ten times a second, and the last state always arrives, at the latest
        when the running cell ends.
        """
        wait = self._pushed_at + PUSH_INTERVAL - time.monotonic()
        if wait <= 0:
            self.flush()
        elif self._planned is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # no loop will come back to us: the next refresh or flush does
                return
            self._planned = loop.call_later(wait, self.flush)

    def flush(self) -> None:
        """Push the present state at once."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        if self.source is None:
            return
        self._pushed_at = time.monotonic()
        try:
            shown = {value.id for value in self._record.values}
            self._push(self.source.state(shown), shown)
        except Exception as fault:  # the reader's cell must not fail for the picture beside it
            self.status = f"not live any more: {type(fault).__name__}: {fault}"

    def _push(self, state, shown):
        live = {id: now for id, now in self.live.items() if id in shown}  # of what is folded away nothing is sent
        for id, now in state.items():
            fresh = {which: _plain(now.get(which)) for which in ("data", "grad")}
            if fresh != self._shown(id):
                self._stamp += 1
                live[id] = {**fresh, "stamp": self._stamp}
        self.live = live

    def _shown(self, id):
        """What the page shows of a value now: the last push, else the record."""
        if id in self.live:
            return {which: self.live[id][which] for which in ("data", "grad")}
        try:
            value = self._record.value(id)
        except KeyError:
            return None
        return {"data": _plain(value.data), "grad": _plain(value.grad) if value.grad_kept else None}

    def close(self):
        """Close both models; the static picture in the notebook comes back."""
        if self._planned is not None:
            self._planned.cancel()
        if self.trait_has_value("requests"):  # not where making this view failed half-way
            self.requests.close()
        if self._own_layout and self.trait_has_value("layout"):
            self.layout.close()
        (self._record if self.drawing is None else self.drawing.graph).known.clear()  # of a long cell a lot; what is asked again will be found out again
        super().close()

    def show(self, text: str = "", page: str | None = None) -> None:
        """Display the static picture and this view as two outputs of the cell, of which a reader sees one at a time.

        The picture stays in the notebook file for readers without a kernel; `text` is the graph in words, and `page` is html to show in
        place of the bare picture.
        """
        view = self._repr_mimebundle_()  # before anything is displayed: where it fails, the caller shows the picture
        self.show_static(text, page)
        self._display(view)

    def show_static(self, text: str = "", page: str | None = None) -> None:
        """Display the static picture alone, hidden while this view lives in the same cell."""
        display(static_bundle(self._record, self.svg, self.key, text, page), raw=True)

    def show_words(self, text: str, page: str) -> None:
        """Display more for readers without a kernel, below the picture: words, and html that says the same. Hidden while this view lives in the same cell."""
        display({"text/html": _marked(self.key, page), "text/plain": text}, raw=True)

    def _display(self, view):
        bundle, metadata = view if isinstance(view, tuple) else (view, {})
        # without the widget's plain text: where there are no widgets the picture has said everything already
        display({k: v for k, v in bundle.items() if k != "text/plain"}, raw=True, metadata=metadata)


def static_bundle(graph: Graph, svg: str, key: str, text: str = "", page: str | None = None) -> dict[str, str]:
    """The picture as html, svg and plain text, marked with `key` for the view that hides it.

    Without a `page` the html is one `<img>`, which survives the cleaning of notebooks that are not trusted; inline SVG would not.
    """
    return {
        "text/html": _marked(key, _image(graph, svg, text) if page is None else page),
        "image/svg+xml": svg,
        "text/plain": text or repr(graph),
    }


def _marked(key, page):
    return f'<div data-nbgrad-static="{html.escape(key)}">{page}</div>'


def _image(graph, svg, text):
    names = ", ".join(v.name for v in graph.values if v.name) or "unnamed tensors"
    alt = html.escape(" ".join(f"Computation graph of {names}".split()))
    picture = base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    image = f'<img alt="{alt}" style="max-width: 100%" src="data:image/svg+xml;base64,{picture}">'
    words = f"<details><summary>The graph in words</summary><pre>{html.escape(text)}</pre></details>" if text else ""
    return image + words


def _plain(summary):
    """A summary as the page reads it: only the fields that are not their defaults, and no infinities, which JSON lacks."""
    if summary is None:
        return None
    plain = {f.name: getattr(summary, f.name) for f in fields(Summary)}
    plain = {name: [_finite(x) for x in value] if name == "values" else _finite(value) for name, value in plain.items()}
    return {
        name: value for name, value in plain.items() if value not in (None, [], 0) or name == "size" or isinstance(value, float)
    }


def _finite(x):
    return str(x) if isinstance(x, float) and (x != x or x in (float("inf"), float("-inf"))) else x
