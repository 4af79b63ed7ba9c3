"""Backward, step by step: formulas with the user's names, gradients in and out, accumulation, what the picture shows when, local Jacobians."""

import json
import re
import time

import numpy as np
import pytest

import nbgrad
from nbgrad._engine.op import REGISTRY, REQUIRED, Op
from nbgrad.graph import formulas
from nbgrad.graph import record
from nbgrad.graph.html import answer_key
from nbgrad.graph.local_jacobian import GONE, UNSURE, local_jacobian, unchanged
from nbgrad.graph.operators import formulas_of
from nbgrad.graph.records import Call, Graph, Step, Summary, Value
from nbgrad.graph.stepping import MAX_EMBEDDED, WINDOW, answer, embedded, stepping

START = {
    "x": [0.5, -1.5, 2.0], "y": [1.0, 0.0, 2.0], "s": 0.7, "p": [0.2, 0.9, 0.4],
    "A": [[1.0, 2.0], [3.0, -4.0], [0.5, 1.0]], "B": [[2.0, 0.5], [-1.0, 1.5]],
}  # fmt: skip


def run(code, **more):
    """Record this code, with the tensors of `START` under their names, all of which require grad. Gives the drawing and the names."""
    names = {"torch": nbgrad, "record": record, **more}
    for name, values in START.items():
        names[name] = nbgrad.tensor(values, requires_grad=True)
    body = "\n".join("    " + line for line in code.splitlines())
    exec(compile(f"with record() as drawing:\n{body}\n", "<steps>", "exec"), names)
    return names["drawing"], names


def steps_of(drawing):
    steps = stepping(drawing.graph)
    return [steps.facts(n) for n in range(len(drawing.graph.steps))]


def texts(facts):
    return [f["text"] for f in facts["formulas"]]


def step_of(drawing, op):
    return next(f for f in steps_of(drawing) if f.get("op") == op)


# ---- formulas

FORMULAS = [
    ("z = A @ B\nz.sum().backward()", "mm", ["grad_A = grad_z @ Bᵀ", "grad_B = Aᵀ @ grad_z"]),
    ("z = x * y\nz.sum().backward()", "mul", ["grad_x = grad_z * y", "grad_y = grad_z * x"]),
    ("z = 3 * x\nz.sum().backward()", "mul", ["grad_x = grad_z * 3"]),
    ("z = x + s\nz.sum().backward()", "add", ["grad_x = grad_z", "grad_s = grad_z"]),
    ("z = torch.add(x, y, alpha=2)\nz.sum().backward()", "add", ["grad_x = grad_z", "grad_y = grad_z * 2"]),
    ("z = torch.sub(x, y, alpha=2)\nz.sum().backward()", "sub", ["grad_x = grad_z", "grad_y = grad_z * -2"]),
    ("z = x / p\nz.sum().backward()", "div", ["grad_x = grad_z / p", "grad_p = -grad_z * (x / p / p)"]),
    ("z = x ** 3\nz.sum().backward()", "pow", ["grad_x = grad_z * 3 * x²"]),
    ("z = x ** 2\nz.sum().backward()", "pow", ["grad_x = grad_z * 2 * x"]),
    ("z = p ** y\nz.sum().backward()", "pow",
     ["grad_p = where(y == 0, 0, grad_z * y * p ** (y - 1))", "grad_y = grad_z * where((p == 0) & (y >= 0), 0, z * log(p))"]),
    ("z = x.tanh()\nz.sum().backward()", "tanh", ["grad_x = grad_z * (1 - z²)"]),
    ("z = x.sigmoid()\nz.sum().backward()", "sigmoid", ["grad_x = grad_z * (1 - z) * z"]),
    ("z = x.relu()\nz.sum().backward()", "relu", ["grad_x = where(z <= 0, 0, grad_z)"]),
    ("z = x.exp()\nz.sum().backward()", "exp", ["grad_x = grad_z * z"]),
    ("z = p.log()\nz.sum().backward()", "log", ["grad_p = grad_z / p"]),
    ("z = p.sqrt()\nz.sum().backward()", "sqrt", ["grad_p = grad_z / (2 * z)"]),
    ("z = x.abs()\nz.sum().backward()", "abs", ["grad_x = grad_z * sgn(x)"]),
    ("z = x.mean()\nz.backward()", "mean", ["grad_x = grad_z / 3"]),
    ("z = A.mean(0)\nz.sum().backward()", "mean", ["grad_A = grad_z / 3"]),
    ("z = x.sum()\nz.backward()", "sum", ["grad_x = grad_z"]),
    ("z = B @ A.t()\n(z * z).sum().backward()", "mm", ["grad_B = grad_z @ A", "grad_(Aᵀ) = Bᵀ @ grad_z"]),
    ("z = torch.softmax(x, 0)\n(z * y).sum().backward()", "softmax", ["grad_x = grad_z * z - z * sum(grad_z * z, 0, keepdim=True)"]),
    ("z = torch.log_softmax(x, 0)\n(z * y).sum().backward()", "log_softmax", ["grad_x = grad_z - exp(z) * sum(grad_z, 0, keepdim=True)"]),
    ("z = torch.nn.functional.mse_loss(x, y)\nz.backward()", "mse_loss", ["grad_x = grad_z / 3 * (2 * (x - y))", "grad_y = -(grad_z / 3 * (2 * (x - y)))"]),
    ("z = torch.nn.functional.binary_cross_entropy_with_logits(x, p.detach())\nz.backward()", "binary_cross_entropy_with_logits",
     ["grad_x = grad_z / 3 * (sigmoid(x) - detach(p))"]),
    ("z = torch.nn.functional.smooth_l1_loss(x, y.detach(), reduction='sum')\nz.backward()", "smooth_l1_loss", None),
    ("z = torch.maximum(x, y)\nz.sum().backward()", "maximum",
     ["grad_x = where(x < y, 0, where(x == y, grad_z / 2, grad_z))", "grad_y = where(x > y, 0, where(x == y, grad_z / 2, grad_z))"]),
    ("z = torch.clamp_min(x, 0.25)\nz.sum().backward()", None, None),
    ("z = torch.where(x > 0, x, y)\nz.sum().backward()", "where", ["grad_x = where((x > 0), grad_z, 0)", "grad_y = where((x > 0), 0, grad_z)"]),
    ("z = A.t()\n(z * z).sum().backward()", "t", ["grad_A = grad_zᵀ"]),
    ("v = torch.tensor([1., 2.], requires_grad=True)\nz = A.mv(v)\nz.sum().backward()", "mv", ["grad_A = outer(grad_z, v)", "grad_v = Aᵀ @ grad_z"]),
    ("z = x.erf()\nz.sum().backward()", "erf", ["grad_x = exp(-x²) * grad_z * (2 / sqrt(π))"]),
]  # fmt: skip


def value_of(text, names, grads):
    """What a formula shown to a reader comes to, by the engine's own functions."""
    for k, name in enumerate(sorted(grads, key=len, reverse=True)):
        text = text.replace(name, f"GRAD{k}")
    text = re.sub("[⁰¹²³⁴-⁹]+", lambda m: "**" + m[0].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")), text.replace("ᵀ", ".mT"))
    known = {f"GRAD{k}": grads[name] for k, name in enumerate(sorted(grads, key=len, reverse=True))}
    functions = {n: getattr(nbgrad, n) for n in ("where", "exp", "log", "sgn", "sigmoid", "sum", "sqrt", "abs", "tanh", "outer", "detach")}
    functions |= {"sqrt": lambda v: v**0.5, "detach": lambda v: v.detach(), "π": np.pi, "t": nbgrad.t}
    return eval(text, {**names, **functions, **known})


def fitted(array, shape):
    """Summed or copied to a shape, as a step's note says."""
    while array.ndim > len(shape):
        array = array.sum(0)
    for axis, n in enumerate(shape):
        if n == 1 and array.shape[axis] != 1:
            array = array.sum(axis, keepdims=True)
    return np.broadcast_to(array, shape)


@pytest.mark.parametrize(("code", "op", "expected"), FORMULAS, ids=[c[0].split("\n")[0] for c in FORMULAS])
def test_formulas_bear_the_readers_names_and_come_to_what_was_computed(code, op, expected):
    drawing, names = run(code)
    if expected is not None:
        assert texts(step_of(drawing, op)) == expected
    checked = 0
    for facts in steps_of(drawing):
        if facts["value"]:
            continue
        grads = {f["name"]: nbgrad.tensor(f["grad"]["values"]).reshape(f["shape"]) for f in facts["in"]}
        sent = [f for f in facts["out"] if f["grad"]]
        for formula, flow in zip(facts["formulas"], sent, strict=True):
            if formula["words"] or "Backward" in formula["text"]:
                continue
            left, _, right = re.split(r" (\+?=) ", formula["text"], maxsplit=1)
            assert left == flow["name"]
            with nbgrad.no_grad():
                found = np.asarray(nbgrad.as_tensor(value_of(right, names, grads)).tolist())
            found = fitted(found, flow["shape"])
            assert found.reshape(-1) == pytest.approx(flow["grad"]["values"], rel=1e-5), formula["text"]
            checked += 1
    assert checked


@pytest.mark.parametrize("name", sorted(n for n, op in REGISTRY.items() if isinstance(op, Op) and op.vjp))
def test_what_formulas_take_for_granted_is_the_operators_default(name):
    op = REGISTRY[name]
    for formula in dict(formulas_of(op)).values():
        for given, default in zip(op.params, op.defaults):
            if given in formulas._DEFAULTS and re.search(rf"\b{given}\b", formula) and default is not REQUIRED:
                assert default == formulas._DEFAULTS[given], given


def test_a_bias_is_summed_and_a_sum_is_repeated_in_words():
    drawing, _ = run("z = A + torch.tensor([1., 2.], requires_grad=True)\nz.sum().backward()")
    assert [f["notes"] for f in step_of(drawing, "add")["formulas"]] == [[], ["then summed to shape (2,)"]]
    assert step_of(drawing, "sum")["formulas"][0]["notes"] == ["then repeated to shape (3, 2)"]


def test_the_gradient_to_a_bias_is_the_one_that_arrived():
    drawing, names = run("z = (x + s) * y\nz.sum().backward()")
    assert step_of(drawing, "add")["out"][1]["grad"]["values"] == pytest.approx([3.0]) == [names["s"].grad.item()]


def test_unnamed_tensors_are_called_by_what_they_are():
    drawing, _ = run("z = torch.tanh(A @ B) * s\nz.sum().backward()")
    assert texts(step_of(drawing, "tanh")) == ["grad_(A @ B) = grad_tanh(A @ B) * (1 - tanh(A @ B)²)"]


def test_a_vector_in_a_matrix_product_keeps_its_name_and_its_shape_is_told():
    drawing, _ = run("z = x.detach() @ A\nz.sum().backward()", )
    facts = step_of(drawing, "mm")
    assert texts(facts) == ["grad_A = detach(x)ᵀ @ grad_z"] or texts(facts) == ["grad_A = detach(x)ᵀ @ grad_(detach(x) @ A)"]
    assert "detach(x) as (1, 3)" in facts["formulas"][0]["notes"]


def test_two_tensors_of_one_name_are_told_apart():
    drawing, _ = run("h = x * 2\nh.mul_(3)\nh.sum().backward()")
    facts = step_of(drawing, "mul_")
    assert texts(facts) == ["grad_h₀ = grad_h₁ * 3"]
    assert facts["formulas"][0]["notes"] == ["h₀ is what h held before"]


def test_several_gradients_to_one_tensor_are_added():
    drawing, names = run("h = x * y\nz = h + h.tanh()\nz.sum().backward()")
    assert texts(step_of(drawing, "add"))[0] == "grad_h += grad_z"
    assert texts(step_of(drawing, "tanh"))[0].startswith("grad_h += ")
    assert texts(step_of(drawing, "mul"))[0] == "grad_x = grad_h * y"


def test_a_helper_of_unknown_meaning_is_shown_by_its_node_and_shapes():
    drawing, _ = run("m = x.detach() * torch.eye(3)\nb = x.detach().reshape(1, 3).requires_grad_()\nz = torch.linalg.solve(m + 1, b, left=False)\nz.sum().backward()")
    facts = step_of(drawing, "linalg.solve")
    assert texts(facts) == ["grad_b = LinalgSolveExBackward0(grad_z)"] and facts["formulas"][0]["notes"] == ["(1, 3) → (1, 3)"]


def test_complex_gradients_show_no_formula_that_lacks_the_conjugates():
    drawing, _ = run("c = torch.tensor([1 + 2j], requires_grad=True)\nz = c * (2 - 1j)\nz.abs().sum().backward()")
    assert texts(step_of(drawing, "mul")) == ["grad_c = MulBackward0(grad_z)"]


def test_an_operator_from_before_the_recording_is_said_to_be_one():
    before = nbgrad.tensor([1.0, 2.0], requires_grad=True) * 3
    drawing, _ = run("z = (before * 2).sum()\nz.backward()", before=before)
    facts = next(f for f in steps_of(drawing) if f["call"] is None and f["value"] is None)
    assert facts["formulas"][0]["words"] and "before the recording" in facts["formulas"][0]["text"]


def test_hostile_and_endless_names_stay_short_and_plain():
    name = "a" * 100_000
    value = Value("t0", (2,), "float32", name, requires_grad=True, is_parameter=True)
    out = Value("t1", (2,), "float32", '<b>"\n\x00{grad}', requires_grad=True, is_leaf=False)
    call = Call("c0", "exp", ("t0",), ("t1",), "ExpBackward0", formulas=(("self", "grad * result"),), arguments=("self",))
    g = Summary(2, (1.0, 2.0), norm=2.2)
    graph = Graph((value, out), (call,), (Step(0, 0, "ExpBackward0", "c0", None, (g,), (g,)),))
    facts = stepping(graph).facts(0)
    assert len(json.dumps(facts)) < 2000
    assert texts(facts)[0].endswith('grad_<b>"�{grad} * <b>"�{grad}') or '<b>"' in texts(facts)[0]


# ---- accumulation


def test_previous_and_added_make_new_as_in_torch():
    torch = pytest.importorskip("torch")
    code = "((x * y).sum() * 2).backward()\n(x.exp()).sum().backward()\n(x * 9).sum().backward()"
    drawing, _ = run(code)
    steps = [f["leaf"] for f in steps_of(drawing) if f.get("leaf", {}).get("name") == "x.grad"]
    x, y = (torch.tensor(START[n], requires_grad=True) for n in "xy")
    ((x * y).sum() * 2).backward()
    first = x.grad.tolist()
    x.exp().sum().backward()
    assert [s["first"] for s in steps] == [True, False, False]
    assert steps[0]["before"] is None and steps[0]["after"]["values"] == pytest.approx(first)
    assert steps[1]["before"]["values"] == pytest.approx(first)
    assert steps[1]["after"]["values"] == pytest.approx(x.grad.tolist())
    assert steps[1]["added"]["values"] == pytest.approx(np.subtract(x.grad.tolist(), first))
    assert [texts(f) for f in steps_of(drawing) if f.get("leaf", {}).get("name") == "x.grad"] == [["x.grad = grad_x"], *[["x.grad = x.grad + grad_x"]] * 2]


def test_a_gradient_from_before_the_recording_is_the_previous_one():
    w = nbgrad.ones(3, requires_grad=True)
    (w * 5).sum().backward()
    drawing, _ = run("(w * 2).sum().backward()", w=w)
    leaf = next(f["leaf"] for f in steps_of(drawing) if "leaf" in f)
    assert (leaf["before"]["values"], leaf["added"]["values"], leaf["after"]["values"]) == ([5.0] * 3, [2.0] * 3, [7.0] * 3)


def test_a_sum_with_history_is_recorded_too():
    with pytest.warns(UserWarning, match="reference cycle"):
        drawing, names = run("(x ** 2).sum().backward(create_graph=True)\n(x * 3).sum().backward(create_graph=True)")
    leaf = [f["leaf"] for f in steps_of(drawing) if f.get("leaf", {}).get("name") == "x.grad"][-1]
    assert leaf["before"]["values"] == pytest.approx([1.0, -3.0, 4.0]) and leaf["after"]["values"] == pytest.approx(names["x"].grad.tolist())


def test_large_leaves_are_told_by_their_norms():
    w = nbgrad.ones(200, 200, requires_grad=True)
    drawing, _ = run("(w * 3).sum().backward()\n(w * 4).sum().backward()", w=w)
    leaf = [f["leaf"] for f in steps_of(drawing) if "leaf" in f][-1]
    assert [leaf[k]["norm"] for k in ("before", "added", "after")] == pytest.approx([600, 800, 1400])


def test_the_record_of_an_accumulation_survives_json():
    graph = run("x.sum().backward()\nx.sum().backward()")[0].graph
    assert Graph.from_json(graph.to_json()) == graph


# ---- order, passes, what the picture shows


def test_steps_stand_in_the_order_in_which_they_ran_and_passes_are_told_apart():
    drawing, _ = run("loss = (x * y).sum()\nloss.backward(retain_graph=True)\nloss.backward()")
    facts = steps_of(drawing)
    assert [f["node"] for f in facts[:4]] == ["SumBackward0", "MulBackward0", "AccumulateGrad", "AccumulateGrad"]
    assert [(f["first"], f["order"], f["count"]) for f in facts] == [(0, n, 4) for n in range(4)] + [(4, n, 4) for n in range(4)]
    assert answer(drawing.graph, drawing.shown, {})["passes"] == [[0, 4, "loss"], [4, 4, "loss"]]


LOOP = "h = x\nfor t in range(100):\n    h = torch.tanh(h * s)\nloss = h.sum()\nloss.backward()"


def test_a_step_of_a_folded_call_lights_its_group():
    drawing, _ = run(LOOP)
    drawn = {c.id for c in drawing.shown.calls}
    ran = answer(drawing.graph, drawing.shown, {"timeline": 0})["ran"]
    assert set(ran) == drawn
    [(start, end)] = [when for id, when in ran.items() if id.startswith("g")]
    assert end - start > 100


def test_steps_inside_a_composite_light_the_operator_that_the_reader_wrote():
    drawing, _ = run("z = x @ A\nz.sum().backward()")
    stands = {f["op"]: f["stands"] for f in steps_of(drawing) if "op" in f}
    matmul = next(c.id for c in drawing.shown.calls if c.op == "matmul")
    assert matmul in stands["mm"] and matmul in stands["squeeze"] and matmul not in stands["sum"]
    assert answer(drawing.graph, drawing.shown, {"timeline": 0})["ran"][matmul][0] == 1


def test_the_timeline_holds_each_gradient_from_the_step_at_which_it_was_complete():
    drawing, names = run("h = x * 2\nloss = (h + h.tanh()).sum()\nloss.backward()")
    facts = steps_of(drawing)
    timeline = answer(drawing.graph, drawing.shown, {"timeline": 0})
    h, x = (drawing.graph.named(n).id for n in "hx")
    mul = next(f for f in facts if f.get("op") == "mul")
    assert timeline["got"][h][0] == mul["n"]  # not earlier: tanh's part came last
    assert timeline["got"][h][2] == mul["in"][0]["grad"]["values"]
    assert timeline["got"][x][0] == len(facts) - 1 and timeline["got"][x][2] == pytest.approx(names["x"].grad.tolist())
    add = next(f for f in facts if f.get("op") == "add")
    assert timeline["sent"][add["call"]][h][:2] == [add["n"]] * 2
    assert answer(drawing.graph, drawing.shown, {"timeline": 1}) is None


def test_a_group_has_sent_only_when_its_member_did():
    drawing, _ = run(LOOP)
    timeline = answer(drawing.graph, drawing.shown, {"timeline": 0})
    group = next(c for c in drawing.shown.calls if c.id.startswith("g"))
    start, end = timeline["ran"][group.id]
    first = drawing.graph.call(dict(group.params)["first"])
    assert end - start > 100 and timeline["sent"][group.id][first.inputs[0]][0] == end
    shared = drawing.graph.named("s").id
    assert timeline["sent"][group.id][shared][2] is None  # many gradients went there, one after the other


def long_record(n):
    g = Summary(3, (1.0, 2.0, 3.0), norm=3.742)
    values = tuple(Value(f"t{i}", (3,), "float32", f"h{i}", requires_grad=True, is_leaf=i == 0) for i in range(n + 1))
    calls = tuple(Call(f"c{i}", "exp", (f"t{i}",), (f"t{i + 1}",), "ExpBackward0", formulas=(("self", "grad * result"),), arguments=("self",)) for i in range(n))
    steps = tuple(Step(0, k, "ExpBackward0", f"c{n - 1 - k}", None, (g,), (g,)) for k in range(n))
    return Graph(values, calls, steps)


def test_a_long_record_is_sent_in_small_windows():
    graph = long_record(100_000)
    shown = Graph(graph.values[:50] + graph.values[-50:], (Call("g0", "all", ("t0",), ("t100000",), params=(("first", "c0"), ("last", "c99999"))),))
    for wish in ({}, {"window": 0}, {"window": 4999}, {"timeline": 0}):
        found = answer(graph, shown, wish)
        assert len(json.dumps(found)) < 100_000 and found
    assert answer(graph, shown, {"timeline": 0})["ran"] == {"g0": [0, 99_999]}
    last = answer(graph, shown, {"window": 4999})["steps"]
    assert len(last) == WINDOW and last[-1]["n"] == 99_999
    assert texts(last[-1]) == ["grad_h0 = grad_h1 * h1"]


def test_an_operator_of_very_many_tensors_is_told_in_short():
    drawing, _ = run("parts = [torch.ones(8, requires_grad=True) for _ in range(300)]\ntorch.stack(parts).sum().backward()")
    facts = step_of(drawing, "stack")
    assert len(facts["out"]) == len(facts["formulas"]) == 6 and facts["more"] == {"out": 294, "formulas": 294}
    for number in range(len(drawing.graph.steps) // WINDOW + 1):
        assert len(json.dumps(answer(drawing.graph, drawing.shown, {"window": number}))) < 100_000


@pytest.mark.parametrize("wish", [{"window": -1}, {"window": 10**9}, {"window": "0"}, {"window": None}, {"timeline": True}, {"timeline": 1.0}])
def test_nonsense_is_answered_with_nothing(wish):
    graph = long_record(10)
    assert answer(graph, graph, wish) is None


def test_a_file_holds_the_first_steps_and_says_what_it_leaves_out():
    graph = long_record(1000)
    found, notes = embedded(graph, [({"focus": []}, Graph(graph.values[:9], graph.calls[:8]))], answer_key)
    windows = [k for k in found if "window" in k]
    assert len(windows) == MAX_EMBEDDED // WINDOW and answer_key({"timeline": 0, "focus": []}) in found and answer_key({}) in found
    assert notes == (f"Of the 1,000 steps of backward only the first {MAX_EMBEDDED} are in this file.",)
    assert embedded(long_record(10), [], answer_key)[1] == ()
    assert embedded(Graph(), [], answer_key) == ({}, ())


# ---- local Jacobians


def jacobian(drawing, op):
    n = step_of(drawing, op)["n"]
    return local_jacobian(drawing.graph, n, unchanged(drawing.graph, drawing.tensors))


@pytest.mark.parametrize(
    ("code", "op", "function"),
    [
        ("z = x * y\nz.sum().backward()", "mul", lambda t: (t.mul, ("x", "y"))),
        ("z = x + s\nz.sum().backward()", "add", lambda t: (t.add, ("x", "s"))),
        ("z = torch.softmax(x, 0)\nz[0].backward()", "softmax", lambda t: (lambda v: t.softmax(v, 0), ("x",))),
        ("z = A @ B[:, 0]\nz.sum().backward()", "mv", None),
        ("z = x.max()\nz.backward()", "max", lambda t: (t.max, ("x",))),
        ("z = torch.nn.functional.gelu(x)\nz.sum().backward()", "gelu", lambda t: (t.nn.functional.gelu, ("x",))),
        ("z = A.mean(0)\nz.sum().backward()", "mean", lambda t: (lambda v: v.mean(0), ("A",))),
        ("z = torch.cat([x, y])\nz.sum().backward()", "cat", lambda t: (lambda a, b: t.cat([a, b]), ("x", "y"))),
    ],
)  # fmt: skip
def test_local_jacobian_is_torchs(code, op, function):
    torch = pytest.importorskip("torch")
    drawing, _ = run(code)
    found = jacobian(drawing, op)
    if function is None:
        assert found["inputs"][0]["rows"][0] == pytest.approx([2.0, -1.0, 0, 0, 0, 0])
        return
    of, names = function(torch)
    wanted = torch.autograd.functional.jacobian(of, tuple(torch.tensor(START[n]) for n in names))
    for one, seen in zip(wanted, found["inputs"], strict=True):
        size = int(np.prod(seen["shape"]))
        assert np.array(seen["rows"]).reshape(-1) == pytest.approx(one.reshape(-1, size).reshape(-1).tolist(), rel=1e-5, abs=1e-7)


def test_a_larger_input_is_read_while_it_lives_and_has_not_changed():
    big = nbgrad.arange(15.0).reshape(5, 3).requires_grad_()
    v = nbgrad.ones(5, requires_grad=True)
    drawing, _ = run("z = v @ big\nz.sum().backward()", big=big, v=v)
    found = jacobian(drawing, "mm")
    assert [i["name"] for i in found["inputs"]] == ["v"]
    assert np.array(found["inputs"][0]["rows"]) == pytest.approx(np.array(big.tolist()).T)
    with nbgrad.no_grad():
        big.add_(1)
    assert jacobian(drawing, "mm") == {"why": GONE}


def test_a_value_that_changed_unseen_is_noticed_by_the_result():
    big = nbgrad.ones(5, 3).requires_grad_()
    v = nbgrad.ones(5, requires_grad=True)
    drawing, _ = run("z = v @ big\nz.sum().backward()", big=big, v=v)
    big._array[...] = 7
    assert jacobian(drawing, "mm") == {"why": UNSURE}


def test_a_step_that_is_no_small_operator_has_no_jacobian():
    drawing, _ = run("z = x * y\nz.sum().backward()")
    last = len(drawing.graph.steps) - 1
    assert local_jacobian(drawing.graph, last, lambda id: None) is None
    assert local_jacobian(drawing.graph, 10**6, lambda id: None) is None


def test_asking_for_a_jacobian_is_heard_by_nobody():
    from nbgrad._engine import observe

    class Ear(observe.Observer):
        heard = []

        def backward_start(self, roots):
            self.heard.append(roots)

        def op(self, *args, **more):
            self.heard.append(args)

    drawing, _ = run("z = x * y\nz.sum().backward()")
    ear = Ear()
    observe.watchers.append(ear)
    try:
        with observe.observing(ear), nbgrad.no_grad():
            assert jacobian(drawing, "mul")["inputs"]
            assert not nbgrad.is_grad_enabled()
    finally:
        observe.watchers.remove(ear)
    assert ear.heard == []


def test_the_timeline_of_a_long_pass_is_told_quickly():
    """Every picture in a saved file has one, and most steps of a long pass are folded away in all of them."""
    w = nbgrad.ones(3, requires_grad=True)
    with record() as g:
        h = w
        for _ in range(10_000):
            h = nbgrad.tanh(h * 0.99 + w * 0.5)
        h.sum().backward()
    answer(g.graph, g.shown, {"timeline": 0})  # what is made once for a record
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        told = answer(g.graph, g.shown, {"timeline": 0})
        taken.append(time.perf_counter() - begun)
    assert min(taken) < 0.6  # the machine may have other work
    assert {c.id for c in g.shown.calls} == set(told["ran"])
