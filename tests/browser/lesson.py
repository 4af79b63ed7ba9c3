"""A recorded lesson made by hand, its arrays and a picture of it, for tests that need something real to look at.

`z = x @ w + b; loss = binary_cross_entropy_with_logits(z, y)` with the gradients of its backward pass, computed here with NumPy.
"""

from __future__ import annotations

import dataclasses
import html

import numpy as np

from nbgrad.graph.records import Call, Graph, Place, Scope, Step, Summary, Value

CELL = """x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = F.binary_cross_entropy_with_logits(z, y)
loss.backward()
"""


def summarize(array) -> Summary | None:
    if array is None:
        return None
    a = np.asarray(array, dtype=np.float64)
    finite = a[np.isfinite(a)]
    return Summary(
        size=a.size,
        values=tuple(float(x) for x in a.ravel()) if a.size <= 8 else (),
        mean=float(finite.mean()), std=float(finite.std()), min=float(finite.min()), max=float(finite.max()),
        norm=float(np.linalg.norm(finite)), nan=int(np.isnan(a).sum()), inf=int(np.isinf(a).sum()), zeros=int((a == 0).sum()),
    )  # fmt: skip


def lesson_arrays() -> dict[str, dict[str, np.ndarray | None]]:
    """Value id -> its data and the gradient that backward gives it."""
    random = np.random.default_rng(3)
    x, y = np.ones(5, np.float32), np.zeros(3, np.float32)
    w, b = random.standard_normal((5, 3)).astype(np.float32), random.standard_normal(3).astype(np.float32)
    xw = x @ w
    z = xw + b
    loss = np.float32(np.mean(np.log1p(np.exp(z)) - y * z))
    gz = ((1 / (1 + np.exp(-z)) - y) / 3).astype(np.float32)
    data = {"t0": x, "t1": y, "t2": w, "t3": b, "t4": xw, "t5": z, "t6": loss}
    grads = {"t0": None, "t1": None, "t2": np.outer(x, gz), "t3": gz, "t4": gz, "t5": gz, "t6": np.float32(1)}
    return {id: {"data": data[id], "grad": grads[id]} for id in data}


def lesson_graph(*, backward: bool = True, x_name: str = "x") -> Graph:
    """The record of the lesson, before or after `loss.backward()`."""
    arrays = lesson_arrays()
    lines = CELL.splitlines()

    def place(line):
        text = lines[line - 1]
        return Place("cell", line, line, 0, len(text), "<module>", text)

    def value(id, name, line, **flags):
        a = arrays[id]
        grad = summarize(a["grad"]) if backward else None
        kept = grad is not None and flags.get("is_leaf", True)
        shape = np.shape(a["data"])
        return Value(id, shape, "float32", name, data=summarize(a["data"]), grad=grad, grad_kept=kept, place=place(line), **flags)

    made = {"requires_grad": True, "is_leaf": False}
    values = (
        value("t0", x_name, 1),
        value("t1", "y", 2),
        value("t2", "w", 3, requires_grad=True, is_parameter=True),
        value("t3", "b", 4, requires_grad=True, is_parameter=True),
        value("t4", None, 5, **made),
        value("t5", "z", 5, **made),
        value("t6", "loss", 6, **made),
    )
    calls = (
        Call("c0", "matmul", ("t0", "t2"), ("t4",), "SqueezeBackward4", formulas=(("self", "grad @ other.mT"), ("other", "self.mT @ grad")), place=place(5)),
        Call("c1", "add", ("t4", "t3"), ("t5",), "AddBackward0", formulas=(("self", "grad"), ("other", "grad * alpha")), place=place(5)),
        Call(
            "c2", "nn.functional.binary_cross_entropy_with_logits", ("t5", "t1"), ("t6",), "BinaryCrossEntropyWithLogitsBackward0",
            params=(("reduction", "'mean'"),), formulas=(("self", "grad * (sigmoid(self) - target) / n"),), scope="s0", place=place(6),
        ),
    )  # fmt: skip
    g = {id: summarize(a["grad"]) for id, a in arrays.items()}
    steps = (
        Step(0, 0, "BinaryCrossEntropyWithLogitsBackward0", "c2", None, (g["t6"],), (g["t5"], None)),
        Step(0, 1, "AddBackward0", "c1", None, (g["t5"],), (g["t4"], g["t3"])),
        Step(0, 2, "AccumulateGrad", None, "t3", (g["t3"],)),
        Step(0, 3, "SqueezeBackward4", "c0", None, (g["t4"],), (None, g["t2"])),
        Step(0, 4, "AccumulateGrad", None, "t2", (g["t2"],)),
    )
    scopes = (Scope("s0", "function", "binary_cross_entropy_with_logits"),)
    return Graph(values, calls, steps if backward else (), scopes, ("t6",), CELL)


_BOXES = {  # data-id: kind, centre, half width, half height
    "t0": ("input", 54, 172, 48, 28), "t2": ("parameter", 224, 42, 72, 35), "t3": ("parameter", 450, 42, 72, 35),
    "c0": ("op", 224, 172, 18, 18), "c1": ("op", 450, 172, 18, 18), "t5": ("named", 684, 172, 80, 35),
    "c2": ("op", 914, 172, 68, 15), "t1": ("input", 914, 50, 42, 28), "t6": ("root", 1106, 172, 46, 33),
}  # fmt: skip
_EDGES = [
    ("t0", "c0", "t0"), ("t2", "c0", "t2"), ("c0", "c1", "t4"), ("t3", "c1", "t3"), ("c1", "t5", "t5"), ("t5", "c2", "t5"),
    ("t1", "c2", "t1"), ("c2", "t6", "t6"),
]  # fmt: skip
_GLYPHS = {"c0": "@", "c1": "+", "c2": "bce_with_logits"}


_COLOURS = {  # light, dark
    "paper": ("#ffffff", "#111417"), "ink": ("#1b1f24", "#e6edf3"), "muted": ("#57606a", "#9da7b3"), "edge": ("#6e7781", "#848d97"),
    "grad": ("#b5440b", "#ff9b5e"), "parameter": ("#ddeeff", "#0f2e4d"), "parameter-line": ("#0b5cad", "#58a6ff"),
    "input": ("#f6f8fa", "#1c2128"), "input-line": ("#6e7781", "#848d97"), "named": ("#ffffff", "#161b22"), "named-line": ("#57606a", "#9da7b3"),
    "root": ("#f0f1f3", "#2a3038"), "root-line": ("#1b1f24", "#e6edf3"), "op": ("#2f363d", "#c9d1d9"), "op-ink": ("#ffffff", "#111417"),
}  # fmt: skip


def lesson_svg(graph: Graph) -> str:
    """A picture in the renderer's marks, laid out by hand."""
    light, dark = ("".join(f"--{name}:{pair[n]};" for name, pair in _COLOURS.items()) for n in (0, 1))
    roles = "".join(f".nbg-1 .f-{name}{{fill:var(--{name})}}.nbg-1 .s-{name}{{stroke:var(--{name})}}" for name in _COLOURS)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" class="nbgrad nbg-1" role="graphics-document" aria-labelledby="nbg-1-t" '
        'viewBox="0 0 1160 216" font-family="sans-serif" font-size="13"><title id="nbg-1-t">Computation graph of loss</title>'
        f'<style>.nbg-1{{{light}}}[data-theme="dark"] .nbg-1{{{dark}}}{roles}</style><rect class="nb-paper f-paper" width="100%" height="100%"/>'
    ]
    parts += [_edge(*edge, graph) for edge in _EDGES]
    parts += [_node(id, graph) for id in _BOXES]
    return "".join(parts) + "</svg>"


def _ends(start, end):
    _, x1, y1, w1, h1 = _BOXES[start]
    _, x2, y2, w2, h2 = _BOXES[end]
    return (x1, y1 + h1, x2, y2 - h2) if x1 == x2 else (x1 + w1, y1, x2 - w2, y2)


def _edge(start, end, value, graph):
    x1, y1, x2, y2 = _ends(start, end)
    down = x1 == x2
    head = f"M{x2 - 4} {y2 - 8}L{x2 + 4} {y2 - 8}L{x2} {y2}Z" if down else f"M{x2 - 8} {y2 - 4}L{x2 - 8} {y2 + 4}L{x2} {y2}Z"
    forward = (
        f'<g class="nb-edge" data-from="{start}" data-to="{end}" data-value="{value}">'
        f'<path class="s-edge" d="M{x1} {y1}L{x2} {y2}" fill="none" stroke-width="1.2"/><path class="f-edge" d="{head}"/></g>'
    )
    grad = graph.value(value).grad
    if grad is None:
        return forward
    middle = (
        f'x="{x1 - 12}" y="{(y1 + y2) / 2}" text-anchor="end"'
        if down
        else f'x="{(x1 + x2) / 2}" y="{y1 + 28}" text-anchor="middle"'
    )
    line = f"M{x2 - 6} {y2}L{x1 - 6} {y1 + 8}" if down else f"M{x2} {y2 + 8}L{x1 + 8} {y1 + 8}"
    tip = (
        f"M{x1 - 10} {y1 + 9}L{x1 - 2} {y1 + 9}L{x1 - 6} {y1 + 1}Z"
        if down
        else f"M{x1 + 9} {y1 + 4}L{x1 + 9} {y1 + 12}L{x1 + 1} {y1 + 8}Z"
    )
    return forward + (
        f'<g class="nb-back" data-from="{end}" data-to="{start}" data-value="{value}"><path class="s-grad" d="{line}" fill="none" '
        f'stroke-width="2" stroke-dasharray="5 3.5"/><path class="f-grad" d="{tip}"/></g>'
        f'<g class="nb-label" data-from="{start}" data-to="{end}" data-value="{value}">'
        f'<text {middle}><tspan class="f-grad" font-size="11">{grad.norm:.3g}</tspan></text></g>'
    )


def _node(id, graph):
    kind, x, y, w, h = _BOXES[id]
    if kind == "op":
        about = f"{_GLYPHS[id]}, operator, line {graph.call(id).place.line}"
        shape = f'<rect class="nb-shape f-op" x="{x - w}" y="{y - h}" width="{2 * w}" height="{2 * h}" rx="{min(h, 18)}"/>'
        texts = f'<text x="{x}" y="{y + 4}" text-anchor="middle"><tspan class="f-op-ink">{_GLYPHS[id]}</tspan></text>'
        return f'<g class="nb-node nb-op" data-id="{id}" data-call="{id}" tabindex="-1" aria-label="{about}"><title>{about}</title>{shape}{texts}</g>'
    value = graph.value(id)
    style = {
        "input": 'stroke-dasharray="5 4"',
        "parameter": 'rx="10" stroke-width="2"',
        "root": 'rx="12" stroke-width="2.5"',
    }.get(kind, 'rx="10"')
    name, data = html.escape(value.name), value.data
    numbers = " ".join(f"{v:.3g}" for v in data.values) if data.values else f"μ {data.mean:.2f} σ {data.std:.2f}"
    left = x - w + 12
    lines = [
        f'<tspan class="f-ink" font-weight="bold">{name}</tspan> <tspan class="f-muted" font-size="11">{html.escape(str(value.shape))}</tspan>'
    ]
    lines.append(f'<tspan class="f-muted" font-size="12">{numbers}</tspan>')
    texts = "".join(f'<text x="{left}" y="{y - 12 + 19 * n}">{line}</text>' for n, line in enumerate(lines))
    if kind != "input":
        grad = "∂ –" if value.grad is None else f"∂ ‖g‖ {value.grad.norm:.3g}"
        texts += f'<text class="nb-grad" data-grad="{id}" x="{left}" y="{y + 25}"><tspan class="f-grad" font-size="12">{grad}</tspan></text>'
    shape = f'<rect class="nb-shape f-{kind} s-{kind}-line" x="{x - w}" y="{y - h}" width="{2 * w}" height="{2 * h}" {style}/>'
    opening = f'<g class="nb-node nb-{kind}" data-id="{id}" data-value="{id}" tabindex="-1" aria-label="{name}, {kind}">'
    return f"{opening}<title>{name}, {kind}</title>{shape}{texts}</g>"


class LessonSource:
    """A living lesson: tensors whose gradients come and go."""

    def __init__(self, *, backward: bool = True):
        self.arrays = lesson_arrays()
        if not backward:
            self.zero_grad()

    def zero_grad(self):
        for sides in self.arrays.values():
            sides["grad"] = None

    def backward(self):
        for id, sides in lesson_arrays().items():
            if id in ("t2", "t3"):
                self.arrays[id]["grad"] = sides["grad"]

    def array(self, value_id, which):
        return self.arrays.get(value_id, {}).get(which)

    def state(self, ids):
        return {
            id: {which: summarize(a) for which, a in sides.items() if id in ("t0", "t1", "t2", "t3") or which == "data"}
            for id, sides in self.arrays.items()
        }


def with_large_values(graph: Graph) -> tuple[Graph, dict]:
    """The lesson plus a batch of images and a matrix with a NaN, for the inspector's other forms."""
    random = np.random.default_rng(0)
    images = random.standard_normal((4, 3, 40, 60)).astype(np.float32)
    matrix = (random.standard_normal((700, 500)) * np.linspace(0.1, 2, 500)).astype(np.float32)
    matrix[5, 7] = np.nan
    arrays = {"t7": images, "t8": matrix}
    more = tuple(
        Value(id, a.shape, "float32", name, requires_grad=True, is_parameter=True, data=summarize(a), grad=summarize(a / 100), grad_kept=True)
        for id, name, a in [("t7", "images", images), ("t8", "weight", matrix)]
    )
    return dataclasses.replace(graph, values=graph.values + more), arrays
