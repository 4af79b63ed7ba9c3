"""Training loops watched for real, and what the page is sent of them, as JSON that `receive` in a page can take."""

from __future__ import annotations

import base64
import contextlib

import nbgrad as torch
from nbgrad._engine.observe import put_observer, take_observer
from nbgrad.graph.capture import Recorder
from nbgrad.graph.drawing import Drawing
from nbgrad.notebook.watch import Watch

RECEIVE = """([name, value]) => {
  const live = (x) => x && x.base64 !== undefined
    ? new DataView(Uint8Array.from(atob(x.base64), (c) => c.charCodeAt(0)).buffer) : x;
  const open = (x) => x && typeof x === "object" && !Array.isArray(x) && x.base64 === undefined
    ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, live(v)])) : live(x);
  H.model.receive(name, open(value));
}"""


class View:
    """What a `GraphView` gives to a watch."""

    hold_sync = contextlib.nullcontext


class Watched:
    """Runs a training loop under a watch; `sent` is what a view was given last, `watch` the watch, `drawing` the graph of the first pass."""

    def __init__(self, names, expected=None):
        self.names, self.view = names, View()
        self.recorder = Recorder()
        self.before = put_observer(self.recorder)
        self.watch = Watch(self.first, None, expected)
        self.watch.namespace = names

    def first(self):
        take_observer(self.recorder, self.before)
        graph = self.recorder.graph(self.names, "")
        self.drawing = Drawing(graph, self.recorder.tensors())
        self.watch.show_in(self.view)
        return graph, self.recorder.tensors()

    def finish(self, error=None):
        """End the loop."""
        take_observer(self.recorder, self.before)
        self.watch.finish(error)
        return self

    @property
    def sent(self):
        """The four traits, with bytes as {"base64"}."""
        return {name: _plain(getattr(self.view, name)) for name in ("watched", "strips", "progress", "marks")}


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def deep_net(layers=6, steps=40, seed=0, scale=0.02):
    """A net whose early layers hardly learn: sigmoids and small weights; the gradient of its first layers vanishes."""
    torch.manual_seed(seed)
    x, y = torch.randn(32, 8), torch.randn(32, 1)
    names = {}
    wide = [8] * layers + [1]
    for i, (a, b) in enumerate(zip(wide, wide[1:]), 1):
        names[f"w{i}"] = (torch.randn(a, b) * (scale if i < layers else 1.0)).requires_grad_()
        names[f"b{i}"] = torch.zeros(b, requires_grad=True)
    watched = Watched(names, steps)
    for _ in range(steps):
        h = x
        for i in range(1, layers + 1):
            h = h @ names[f"w{i}"] + names[f"b{i}"]
            h = torch.sigmoid(h) if i < layers - 1 else torch.relu(h) if i < layers else h
        loss = ((h - y) ** 2).mean()
        for t in names.values():
            t.grad = None
        loss.backward()
        with torch.no_grad():
            for t in names.values():
                t -= 0.05 * t.grad
    return watched.finish()


def modules(count=66, steps=12):
    """A net of many modules, three parameters each, under names with paths."""
    torch.manual_seed(1)
    x = torch.randn(16, 6)
    blocks = [{"weight": (torch.randn(6, 6) * 0.5).requires_grad_(), "bias": torch.zeros(6, requires_grad=True), "gain": torch.ones(6, requires_grad=True)} for _ in range(count)]
    names = {f"net.block{i}.{k}": t for i, b in enumerate(blocks) for k, t in b.items()}
    watched = Watched(names, steps)
    for _ in range(steps):
        h = x
        for b in blocks:
            h = h + 0.1 * torch.tanh(h @ b["weight"] + b["bias"]) * b["gain"]
        loss = (h * h).mean()
        for t in names.values():
            t.grad = None
        loss.backward()
        with torch.no_grad():
            for t in names.values():
                t -= 0.01 * t.grad
    return watched.finish()
