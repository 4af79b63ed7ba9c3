"""A small hand for writing graphs in tests: leaves, operators and gradients, a line each.

`python tests/graph/graph_builder.py` writes the fixtures anew; `python tests/graph/graph_builder.py --goldens` writes the golden texts from them.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import random
import sys

from nbgrad.graph.records import Call, Graph, Place, Scope, Step, Summary, Value

HERE = pathlib.Path(__file__).parent


class Build:
    def __init__(self, source=""):
        self.values, self.calls, self.scopes, self.steps, self.source = [], [], [], [], source

    def place(self, line, column=0):
        if line is None:
            return None
        lines = self.source.splitlines()
        text = lines[line - 1].strip() if line <= len(lines) else ""
        return Place("cell", line, line, column, column + 5, "<module>", text)

    def leaf(self, name, shape, learn=False, line=None, data=None, **more):
        id = f"t{len(self.values)}"
        self.values.append(Value(id, shape, more.pop("dtype", "float32"), name, requires_grad=learn, is_parameter=more.pop("is_parameter", learn),
                                 data=data, place=self.place(line), **more))
        return id

    def op(self, op, *inputs, shape=(), name=None, line=None, column=0, scope=None, data=None, cut=None, **more):
        id = f"t{len(self.values)}"
        known = {v.id: v for v in self.values}
        learn = cut is None and more.get("grad_mode", True) and any(known[i].requires_grad for i in inputs)
        self.values.append(Value(id, shape, more.pop("dtype", "float32"), name, requires_grad=learn, is_leaf=not learn, data=data, cut=cut,
                                 place=self.place(line, column)))
        node = op.rsplit(".", 1)[-1].title().replace("_", "") + "Backward0" if learn else None
        self.calls.append(Call(f"c{len(self.calls)}", op, inputs, (id,), node=node, scope=scope, place=self.place(line, column), **more))
        return id

    def scope(self, kind, name, parent=None, line=None):
        id = f"s{len(self.scopes)}"
        self.scopes.append(Scope(id, kind, name, parent, self.place(line)))
        return id

    def graph(self, *roots, **grads):
        values = tuple(dataclasses.replace(v, grad=grads[v.id], grad_kept=v.is_leaf) if v.id in grads else v for v in self.values)
        return Graph(values, tuple(self.calls), tuple(self.steps), tuple(self.scopes), roots or (self.calls[-1].outputs[0],), self.source)


def full(*values):
    """The summary of a few numbers."""
    finite = [float(v) for v in values if math.isfinite(v)]
    mean = sum(finite) / len(finite) if finite else None
    return Summary(
        len(values), tuple(values) if len(values) <= 8 else (), mean, finite and math.sqrt(sum((v - mean) ** 2 for v in finite) / len(finite)) or 0.0,
        min(finite, default=None), max(finite, default=None), math.sqrt(sum(v * v for v in finite)) if finite else None,
        sum(math.isnan(v) for v in values), sum(math.isinf(v) for v in values), sum(v == 0 for v in values))


def stats(size, mean, std, norm=None):
    """The summary of many numbers of which only the statistics are known."""
    return Summary(size, (), mean, std, mean - 2 * std, mean + 2 * std, norm or math.sqrt(size * (mean**2 + std**2)))


LESSON = """\
x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
"""


def lesson(after=False):
    g = Build(LESSON)
    x = g.leaf("x", (5,), line=1, data=full(1.0, 1.0, 1.0, 1.0, 1.0))
    y = g.leaf("y", (3,), line=2, data=full(0.0, 0.0, 0.0))
    w = g.leaf("w", (5, 3), True, line=3, data=stats(15, -0.26, 1.02), is_parameter=False)
    b = g.leaf("b", (3,), True, line=4, data=full(0.42, -0.55, 0.07), is_parameter=False)
    s = g.scope("composite", "matmul", line=5)
    row = g.op("unsqueeze", x, shape=(1, 5), line=5, column=4, scope=s, is_view=True)
    m = g.op("mm", row, w, shape=(1, 3), line=5, column=4, scope=s)
    m = g.op("squeeze", m, shape=(3,), line=5, column=4, scope=s, is_view=True, params=(("dim", "0"),))
    z = g.op("add", m, b, shape=(3,), name="z", line=5, column=4, data=full(1.37, -0.6, -4.81))
    loss = g.op("nn.functional.binary_cross_entropy_with_logits", z, y, name="loss", line=6, data=full(0.682))
    if not after:
        return g.graph(loss)
    dz = full(0.27, 0.12, 0.00271)
    nodes = [("c4", dz), ("c3", dz), ("c2", dz), ("c1", dz), ("c0", None)]
    g.steps = [Step(0, n, g.calls[int(c[1:])].node or "ViewBackward0", c, grads_in=(dz,), grads_out=()) for n, (c, _) in enumerate(nodes[:4])]
    g.steps += [Step(0, 4, "AccumulateGrad", None, b, (dz,)), Step(0, 5, "AccumulateGrad", None, w, (stats(15, 0.13, 0.11, 0.652),))]
    return g.graph(loss, **{loss: full(1.0), z: dz, m: dz, "t5": stats(3, 0.13, 0.11, 0.2955), b: dz, w: stats(15, 0.13, 0.11, 0.652)})


MLP = """\
x, y = batch
sizes = [16, 32, 32, 10]
for layer in layers:
    h = torch.nn.functional.linear(h, *layer)
    h = torch.relu(h)
logits = h
loss = torch.nn.functional.cross_entropy(logits, y)
"""


def mlp():
    g = Build(MLP)
    h = g.leaf("x", (4, 16), line=1, data=stats(64, 0.01, 1.0))
    y = g.leaf("y", (4,), line=1, dtype="int64", data=full(3, 1, 4, 1))
    grads, sizes = {}, [16, 32, 32, 10]
    for n in range(3):
        w = g.leaf(f"layers[{n}].weight", (sizes[n + 1], sizes[n]), True, data=stats(512, 0.0, 0.1))
        b = g.leaf(f"layers[{n}].bias", (sizes[n + 1],), True, data=stats(32, 0.0, 0.05))
        grads[w], grads[b] = stats(512, 0.0, 0.1, 6.3e-5 * 12**n), stats(32, 0.0, 0.1, 2.5e-5 * 11**n)
        last = n == 2
        h = g.op("nn.functional.linear", h, w, b, shape=(4, sizes[n + 1]), line=4, column=8, name="logits" if last else None,
                 data=stats(40, 0.02, 0.3))
        grads[h] = stats(40, 0.0, 0.1, 1e-4 * 12**n)
        if not last:
            h = g.op("relu", h, shape=(4, sizes[n + 1]), line=5, column=8)
            grads[h] = stats(40, 0.0, 0.1, 2e-4 * 12**n)
    loss = g.op("nn.functional.cross_entropy", h, y, name="loss", line=7, data=full(2.31))
    return g.graph(loss, **grads, **{loss: full(1.0)})


def detached():
    g = Build("a = torch.tensor([2., 3.], requires_grad=True)\nb = a * a\nc = b.detach()\nd = c * a\nwith torch.no_grad():\n    e = b + 1\n"
              "f = b.argmax()\nout = (d * e).sum()\n")
    a = g.leaf("a", (2,), True, line=1, data=full(2.0, 3.0))
    b = g.op("mul", a, a, shape=(2,), name="b", line=2, data=full(4.0, 9.0))
    c = g.op("detach", b, shape=(2,), name="c", line=3, data=full(4.0, 9.0), cut="detach")
    d = g.op("mul", c, a, shape=(2,), name="d", line=4, data=full(8.0, 27.0))
    one = g.leaf(None, (), data=full(1.0))
    e = g.op("add", b, one, shape=(2,), name="e", line=6, data=full(5.0, 10.0), grad_mode=False, cut="no_grad")
    g.op("argmax", b, name="f", dtype="int64", line=7, data=full(1), cut="integer")
    p = g.op("mul", d, e, shape=(2,), line=8)
    out = g.op("sum", p, name="out", line=8, data=full(310.0))
    return g.graph(out, **{a: full(20.0, 90.0), d: full(5.0, 10.0), p: full(1.0, 1.0), out: full(1.0)})


def nasty():
    names = ['<script>alert("1")</script>', "a & b", 'say "hi"', "line\nbreak\x00\x1b[31m", "back\\slash\\N\\G", "가중치", "$x^2$ -->]]>", "'quote'"]
    g = Build("# <b>not</b> html\n" * 4)
    total = g.leaf(names[0], (2,), True, line=1, data=full(1.0, 2.0))
    for n, name in enumerate(names[1:]):
        leaf = g.leaf(name, (2,), n % 2 == 0, line=2, data=full(1.0, 2.0))
        total = g.op("add" if n % 2 else "my<op>&", total, leaf, shape=(2,), name=name + "′" if n % 3 else None, line=2 + n,
                     params=(("mode", '"<&>"'),))
    return g.graph(total)


def nans():
    g = Build("x = torch.tensor([1., -1.], requires_grad=True)\nr = x.sqrt()\ns = r * 2\nt = s.log()\nout = t.sum()\n")
    x = g.leaf("x", (2,), True, line=1, data=full(1.0, -1.0))
    r = g.op("sqrt", x, shape=(2,), name="r", line=2, data=full(1.0, math.nan))
    two = g.leaf(None, (), data=full(2.0))
    s = g.op("mul", r, two, shape=(2,), name="s", line=3, data=full(2.0, math.nan))
    t = g.op("log", s, shape=(2,), line=4, data=full(0.693, math.nan))
    out = g.op("sum", t, name="out", line=5, data=full(math.nan))
    bad = full(0.5, math.nan)
    return g.graph(out, **{out: full(1.0), t: full(1.0, 1.0), s: bad, r: bad, x: bad})


RNN = """\
h = torch.zeros(1, 8)
for t in range(steps):
    a = x[t] @ wx
    c = h @ wh
    h = torch.tanh(a + c + b)
loss = (h @ wo).sum()
"""


def recurrent(steps):
    """A recurrent net whose four weights are shared by all its steps."""
    g = Build(RNN)
    x = g.leaf("x", (steps, 1, 4), data=stats(4 * steps, 0.0, 1.0))
    wx, wh, b, wo = (g.leaf(n, s, True, data=stats(9, 0.0, 0.3)) for n, s in (("wx", (4, 8)), ("wh", (8, 8)), ("b", (8,)), ("wo", (8, 1))))
    grads = {wx: stats(32, 0.0, 0.1, 3.1), wh: stats(64, 0.0, 0.1, 2.2), b: stats(8, 0.0, 0.1, 1.1), wo: stats(8, 0.0, 0.1, 0.9)}
    h = g.op("zeros", shape=(1, 8), name="h", line=1, data=stats(8, 0.0, 0.0, 1e-9))
    for t in range(steps):
        xt = g.op("select", x, shape=(1, 4), line=3, column=8, is_view=True, params=(("index", str(t)),))
        a = g.op("mm", xt, wx, shape=(1, 8), name="a", line=3, column=8, data=stats(8, 0.0, 0.5))
        c = g.op("mm", h, wh, shape=(1, 8), name="c", line=4, column=8, data=stats(8, 0.0, 0.5))
        s = g.op("add", a, c, shape=(1, 8), line=5, column=19)
        s2 = g.op("add", s, b, shape=(1, 8), line=5, column=19)
        h = g.op("tanh", s2, shape=(1, 8), name="h", line=5, column=8, data=stats(8, 0.0, 0.4))
        for v in (a, c, s, s2, h):
            grads[v] = stats(8, 0.0, 0.1, 0.9 ** (steps - t))
    o = g.op("mm", h, wo, shape=(1, 1), line=6, column=8)
    loss = g.op("sum", o, name="loss", line=6, data=full(0.31))
    return g.graph(loss, **grads, **{loss: full(1.0), o: full(1.0)})


def chain(length, places=False):
    """Operators in a row, with a skip every ninth."""
    g = Build()
    v = g.leaf("x", (4,), True, data=full(1.0, 2.0, 3.0, 4.0))
    earlier, ops = v, ("sin", "exp", "tanh", "mul", "add", "relu", "sqrt")
    for n in range(length):
        kind = ops[(n * n + n // 3) % 7]
        v = g.op(kind, v, *((earlier,) if kind in ("mul", "add") else ()), shape=(4,), line=n + 1 if places else None)
        if n % 9 == 0:
            earlier = v
    return g.graph(v)


def tangle(seed):
    """Operators, names, cuts and nested scopes at random, as no person would write them."""
    r = random.Random(seed)
    g = Build("for i in x:\n" * 3 + "    a\n" * 10)
    scopes = [None]
    for n in range(r.randint(0, 6)):
        scopes.append(g.scope(r.choice(["function", "module", "loop", "with", "composite"]), f"scope {n}", r.choice(scopes)))
    values = [g.leaf(r.choice([None, f"w{n}"]), (2,), r.random() < 0.6, data=full(1.0, 2.0)) for n in range(r.randint(1, 6))]
    scope = None
    for n in range(r.randint(1, 45)):
        scope = r.choice(scopes) if r.random() < 0.3 else scope
        inputs = [r.choice(values[-12:]) for _ in range(r.randint(0, 4))]
        values.append(g.op(r.choice(["add", "mm", "relu", "nn.functional.linear"]), *inputs, shape=(2,), name=r.choice([None, None, "h"]),
                           line=r.choice([None, 4, 5, 6]), scope=scope, cut=r.choice([None] * 8 + ["detach"]), is_view=r.random() < 0.1))
    grads = {v.id: full(r.choice([0.0, 1e-9, 1.0, math.inf])) for v in g.values if v.requires_grad and r.random() < 0.7}
    return g.graph(*r.sample(values, r.randint(1, 2)), **grads)


FIXTURES = {
    "lesson": lesson, "lesson_after": lambda: lesson(after=True), "mlp": mlp, "detached": detached, "nasty": nasty, "nans": nans,
}


def fixture(name):
    return Graph.from_json((HERE / "fixtures" / f"{name}.json").read_text("utf-8"))


def _write(name, graph):
    text = json.dumps(json.loads(graph.to_json()), ensure_ascii=True, indent=1)
    (HERE / "fixtures" / f"{name}.json").write_text(text + "\n", "utf-8")


def _write_goldens():
    from nbgrad.graph.render import to_text

    for name in FIXTURES:
        (HERE / "fixtures" / f"{name}.txt").write_text(to_text(fixture(name)), "utf-8")


if __name__ == "__main__":
    if "--goldens" in sys.argv:
        _write_goldens()
    else:
        for name, make in FIXTURES.items():
            _write(name, make())
