"""The formulas of the step player hold: what they say, computed, is what the engine sent."""

import re

import numpy as np
import pytest

import nbgrad as torch
import nbgrad.nn.functional as F  # noqa: N812
from nbgrad._engine.observe import observing
from nbgrad.graph.capture import Recorder
from nbgrad.graph.stepping import stepping


def made():
    """Tensors by the names that the cases use."""
    torch.manual_seed(3)

    def leaf(*shape):
        return torch.randn(*shape, dtype=torch.float64).requires_grad_()

    s = leaf(3, 3)
    positive = (torch.rand(2, 3, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    definite = (s @ s.T).detach() + 3 * torch.eye(3, dtype=torch.float64)
    u, v = (torch.complex(leaf(3), leaf(3)).detach().requires_grad_() for _ in range(2))
    return {
        "x": leaf(2, 3), "z": leaf(2, 3), "w": leaf(3), "b": leaf(3), "x4": leaf(2, 4), "w4": leaf(4), "b4": leaf(4), "tall": leaf(4, 2), "p": positive,
        "s": s, "spd": definite.requires_grad_(), "u": u, "v": v, "q": torch.rand(2, 3, dtype=torch.float64), "src": leaf(2, 2),
        "at": torch.tensor([[0, 2], [1, 1]]), "t": torch.tensor([0, 2]), "rm": torch.zeros(3, dtype=torch.float64) + 0.3, "rv": torch.ones(3, dtype=torch.float64) * 2,
    }  # fmt: skip


def run(source, x=None):
    """Record one line and its backward pass; gives the graph, and the arrays by name."""
    names = {"torch": torch, "F": F, **made()}
    if x is not None:
        names["x"] = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    recorder = Recorder()
    with observing(recorder):
        exec(source, names)
        y = names["y"]
        came = torch.arange(1, y.numel() + 1, dtype=torch.float64).reshape(y.shape) * 0.5
        came = came * (1 + 0.5j) if y.is_complex() else came
        y.backward(came)
    graph = recorder.graph(names)
    arrays = {k: t.detach().numpy() for k, t in names.items() if isinstance(t, torch.Tensor)}
    arrays["grad_y"] = came.numpy()
    grads = {k: t.grad.numpy() for k, t in names.items() if isinstance(t, torch.Tensor) and t.is_leaf and t.grad is not None}
    return graph, arrays, grads


def told(graph):
    """The formulas of operators, by what they give."""
    steps = stepping(graph)
    facts = [steps.facts(n) for n in range(len(graph.steps)) if graph.steps[n].value is None]
    return {f["text"].partition(" = ")[0]: f for one in facts for f in one["formulas"]}


def erf(x):
    return torch.erf(torch.tensor(x)).numpy()


MATHS = {
    "sum": lambda x, dim=None, keepdim=False: np.sum(x, axis=dim, keepdims=keepdim), "mean": lambda x, dim=None, keepdim=False: np.mean(x, axis=dim, keepdims=keepdim),
    "var": lambda x, correction: np.var(x, ddof=correction), "sqrt": np.sqrt, "exp": np.exp, "log": np.log, "tanh": np.tanh, "abs": np.abs, "sgn": lambda x: x / np.abs(x),
    "where": np.where, "conj": np.conj, "real": np.real, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "softplus": lambda x: np.log1p(np.exp(x)), "cos": np.cos,
    "cofactors": lambda a: np.linalg.det(a) * np.linalg.inv(a).T, "outer": np.outer, "sin": np.sin,
    "Φ": lambda x: (1 + erf(x / np.sqrt(2))) / 2, "φ": lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi), "π": np.pi,
}  # fmt: skip


def plain(text):
    """An expression as Python reads it."""
    for sign, code in (("ᵀ", ".T"), ("²", "**2"), ("³", "**3"), ("x̂", "x_hat"), ("ĝ", "g_hat"), ("σ", "scale")):
        text = text.replace(sign, code)
    return text


def computed(formula, arrays, axis=None):
    """What a formula and its notes say; `axis` are the dimensions of the means, where only words tell them."""
    known = MATHS | dict(arrays)
    if axis is not None:
        known["mean"] = lambda x: np.mean(x, axis=axis, keepdims=True)
        known["var"] = lambda x, correction: np.var(x, axis=axis, ddof=correction, keepdims=True)
    for note in formula["notes"]:
        if found := re.fullmatch(r"(.*) repeated along dimensions? (.*)", note):
            for name in found[1].split(" and "):
                known[name] = np.expand_dims(known[name], tuple(map(int, found[2].split(", "))))
    for note in reversed(formula["notes"]):
        if " = " in note and "ᵀ" not in note:
            name, _, text = plain(note.partition(", of each")[0]).partition(" = ")
            known[name] = eval(text.replace("running variance", "rv").replace("running mean", "rm"), dict(known))
    result = eval(plain(formula["text"].partition(" = ")[2]), dict(known))
    for note in formula["notes"]:
        if found := re.fullmatch(r"(?:then )?(summed|repeated) to shape (\(.*\))", note):
            shape = eval(found[2])
            if found[1] == "repeated":
                kept = np.reshape(result, np.shape(result) + (1,) * (len(shape) - np.ndim(result))) if np.ndim(result) and shape[-1] != np.shape(result)[-1] else result
                result = np.broadcast_to(kept, shape)
            else:
                result = np.sum(result, axis=tuple(range(np.ndim(result) - len(shape))))
    return result


EXPRESSIONS = """
y = x.var() | y = x.var(1) | y = x.var(0, unbiased=False) | y = tall.var(1, keepdim=True) | y = tall.var(1) | y = x.std() | y = tall.std(1)
y = x.norm() | y = x.norm(1) | y = x.norm(2, dim=1) | y = tall.norm(2, dim=1) | y = tall.norm(1, dim=1) | y = torch.linalg.vector_norm(x, 3)
y = torch.linalg.vector_norm(tall, 3, dim=1) | y = torch.logsumexp(x, 1) | y = torch.logsumexp(tall, 1) | y = torch.logsumexp(x, 1, keepdim=True)
y = F.gelu(x) | y = F.gelu(x, approximate="tanh") | y = F.silu(x) | y = F.softplus(x, beta=2) | y = F.elu(x) | y = F.elu(x, 0.5) | y = F.selu(x) | y = F.celu(x, 2.0)
y = F.mish(x) | y = F.leaky_relu(x, 0.2) | y = F.hardtanh(x) | y = F.log_softmax(x, 1) | y = F.softmax(x, 1) | y = F.mse_loss(x, z) | y = F.smooth_l1_loss(x, z)
y = F.huber_loss(x, z) | y = F.binary_cross_entropy(p, q) | y = F.binary_cross_entropy_with_logits(x, q) | y = torch.linalg.det(s) | y = torch.linalg.inv(s)
y = u * v | y = u / v | y = u - v | y = u + v | y = -u | y = u.exp() | y = u.log() | y = u.abs() | y = u * b | y = b / u | y = u * v[:1]
y = 2 ** x | y = torch.atan2(x, z) | y = torch.atan2(x, w) | y = x.clamp(-0.5, 0.5) | y = torch.addmm(b, s, spd) | y = x @ s | y = s @ b | y = x / w | y = torch.rsqrt(p)
""".replace("\n", "|").split("|")  # fmt: skip


@pytest.mark.parametrize("source", [s.strip() for s in EXPRESSIONS if s.strip()])
def test_expressions(source):
    graph, arrays, grads = run(source)
    seen = 0
    for left, formula in told(graph).items():
        name = left.removeprefix("grad_")
        if name in grads and "+=" not in formula["text"]:
            assert "Backward" not in formula["text"]
            if formula["words"]:
                continue
            np.testing.assert_allclose(computed(formula, arrays), grads[name], rtol=1e-4, err_msg=str(formula))
            seen += 1
    assert seen


NORMALIZED = {
    "y = F.layer_norm(x, (3,), w, b)": (1,), "y = F.layer_norm(x, (3,))": (1,), "y = F.layer_norm(x, (2, 3), eps=0.1)": (0, 1),
    "y = F.batch_norm(x, None, None, w, b, training=True)": (0,), "y = F.batch_norm(x, rm, rv, w, b)": (0,), "y = F.batch_norm(x, rm, rv, eps=0.1)": (0,),
}  # fmt: skip


@pytest.mark.parametrize("source", NORMALIZED)
def test_normalizations(source):
    graph, arrays, grads = run(source)
    formulas = told(graph)
    for name in grads:
        formula = formulas[f"grad_{name}"]
        np.testing.assert_allclose(computed(formula, arrays, NORMALIZED[source]), grads[name], rtol=1e-7, atol=1e-12, err_msg=str(formula))


def test_group_normalization():
    graph, arrays, grads = run("y = F.group_norm(x4, 2, w4, b4)")
    formulas = told(graph)
    grouped = {k: np.broadcast_to(arrays[k], (2, 4)).reshape(2, 2, 2) for k in ("x4", "w4", "b4", "grad_y")}
    assert "of each group of each example" in str(formulas["grad_x4"]["notes"])
    np.testing.assert_allclose(computed(formulas["grad_x4"], grouped, 2).reshape(2, 4), grads["x4"])
    weight = {**formulas["grad_w4"], "notes": formulas["grad_w4"]["notes"][1:]}
    assert formulas["grad_w4"]["notes"][0] == "then summed to shape (4,)"
    np.testing.assert_allclose(computed(weight, grouped, 2).reshape(2, 4).sum(0), grads["w4"])


def _others(x):
    return np.array([np.prod(np.delete(x, i)) for i in range(x.size)])


def _late_products(grad, x):
    return np.array([sum(grad[j] * np.prod(np.delete(x[: j + 1], i)) for j in range(i, x.size)) for i in range(x.size)])


def _from_the_end(x):
    return np.flip(np.cumsum(np.flip(x, -1), -1), -1)


def _cholesky(lower, grad):
    inverse, inner = np.linalg.inv(lower), np.tril(lower.T @ np.tril(grad))
    inner[np.diag_indices(len(inner))] /= 2
    whole = inverse.T @ inner @ inverse
    return (whole + whole.T) / 2


WORDS = [
    ("y = x.prod(1)", None, "x", "product of the other elements", lambda a: a["grad_y"][:, None] * np.stack([_others(r) for r in a["x"]])),
    ("y = x.prod()", [2.0, 0.0, 3.0], "x", "product of the other elements", lambda a: a["grad_y"] * _others(a["x"])),
    ("y = x.cumprod(0)", [2.0, 0.0, 3.0, 4.0], "x", "summed up from the end", lambda a: _late_products(a["grad_y"], a["x"])),
    ("y = x.norm(p=float('inf'))", [1.0, -3.0, 3.0], "x", "shared evenly", lambda a: a["grad_y"] * np.array([0, -0.5, 0.5])),
    ("y = torch.logcumsumexp(x, 1)", None, "x", "summed up from the end", lambda a: np.exp(a["x"]) * _from_the_end(a["grad_y"] * np.exp(-a["y"]))),
    ("y = x.cumsum(1)", None, "x", "summed up from the end", lambda a: _from_the_end(a["grad_y"])),
    ("y = F.glu(x4)", None, "x4", "first half",
     lambda a: np.hstack([a["grad_y"] * (b := MATHS["sigmoid"](a["x4"][:, 2:])), a["grad_y"] * a["x4"][:, :2] * b * (1 - b)])),
    ("y = x.scatter(1, at, src)", None, "x", "0 where new values", lambda a: np.array([[0, 1, 0], [1, 0, 1]]) * a["grad_y"]),
    ("y = x.scatter_add(1, at, src)", None, "src", "where the index put", lambda a: np.take_along_axis(a["grad_y"], a["at"], 1)),
    ("y = torch.linalg.slogdet(s)[1]", None, "s", "inv(s)ᵀ", lambda a: a["grad_y"] * np.linalg.inv(a["s"]).T),
    ("y = torch.linalg.solve(s, b)", None, "b", "the solution X", lambda a: np.linalg.solve(a["s"].T, a["grad_y"])),
    ("y = torch.linalg.solve(s, b)", None, "s", "minus X", lambda a: -np.outer(np.linalg.solve(a["s"].T, a["grad_y"]), a["y"])),
    ("y = torch.linalg.solve(s, spd)", None, "s", "minus X", lambda a: -np.linalg.solve(a["s"].T, a["grad_y"]) @ a["y"].T),
    ("y = torch.linalg.cholesky(spd)", None, "spd", "made symmetric", lambda a: _cholesky(a["y"], a["grad_y"])),
    ("y = torch.linalg.cross(w, b)", None, "w", "cross(b, grad_y)", lambda a: np.cross(a["b"], a["grad_y"])),
    ("y = torch.linalg.cross(w, b)", None, "b", "cross(grad_y, w)", lambda a: np.cross(a["grad_y"], a["w"])),
    ("y = x.roll(1, 0)", None, "x", "rolled back", lambda a: np.roll(a["grad_y"], -1, 0)),
    ("y = F.pad(x, (1, 1))", None, "x", "the part of", lambda a: a["grad_y"][:, 1:-1]),
    ("y = torch.view_as_real(u)", None, "u", "complex numbers", lambda a: a["grad_y"][..., 0] + 1j * a["grad_y"][..., 1]),
    ("y = F.nll_loss(x, t, weight=w.detach())", None, "x", "at the target classes", lambda a: -a["grad_y"] * np.array([[a["w"][0], 0, 0], [0, 0, a["w"][2]]]) / (a["w"][0] + a["w"][2])),
]  # fmt: skip


@pytest.mark.parametrize("source, x, name, said, meaning", WORDS, ids=[f"{c[2]} of {c[0]}" for c in WORDS])
def test_words(source, x, name, said, meaning):
    graph, arrays, grads = run(source, x)
    formula = told(graph)[f"grad_{name}"]
    assert formula["words"] and said in formula["text"], formula
    np.testing.assert_allclose(grads[name], meaning(arrays), rtol=1e-6, atol=1e-9)


def test_what_no_words_fit_keeps_the_node_name():
    graph, _, _ = run("y = torch.linalg.solve(s, spd, left=False)")
    assert "Backward" in told(graph)["grad_s"]["text"]
    graph, _, _ = run("τ = x * 1; y = F.mish(τ)")
    assert "MishBackward" in told(graph)["grad_τ"]["text"]
