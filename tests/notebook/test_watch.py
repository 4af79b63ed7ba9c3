"""Watching a training loop: what is measured, against numbers computed with NumPy, how often, and what the reader is told."""

import math
import threading
import time

import numpy as np
import pytest
from watched import View, Watched, deep_net, modules

import nbgrad as torch
from nbgrad._engine import observe
from nbgrad.notebook import watch as watch_module
from nbgrad.notebook.strips import Strip, norm
from nbgrad.notebook.watch import POINTS


@pytest.fixture(autouse=True)
def measure_every_step(monkeypatch):
    """As on a machine that is never too slow."""
    monkeypatch.setattr(watch_module, "SHARE", 1e9)


def series(watched):
    """(steps, gradient norms by name, update ratios by name) as the page gets them, logarithms undone."""
    view = watched.view
    steps = np.frombuffer(view.strips["steps"], "<i4")
    names = [p["name"] for p in view.watched]
    norms, ratios = (10 ** np.frombuffer(view.strips[k], "<f4").astype(float).reshape(len(names), len(steps)) for k in ("norm", "ratio"))
    return steps.tolist(), dict(zip(names, norms)), dict(zip(names, ratios))


def regression(update, steps=20, size=4):
    """A linear regression whose parameters change by `update(names)`; the same in NumPy."""
    rng = np.random.default_rng(0)
    x, y, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((8, size), (8, 2), (size, 2), 2))
    names = {"w": torch.tensor(w, requires_grad=True), "b": torch.tensor(b, requires_grad=True)}
    watched = Watched(names)
    want = {"norm w": [], "norm b": [], "ratio w": [], "ratio b": [], "loss": []}
    for _ in range(steps):
        names["w"].grad = names["b"].grad = None
        ((torch.tensor(x) @ names["w"] + names["b"] - torch.tensor(y)) ** 2).mean().backward()
        update(names)
        error = x @ w + b - y
        gw, gb = 2 * x.T @ error / error.size, 2 * error.sum(0) / error.size
        want["loss"].append((error**2).mean())
        want["norm w"].append(np.linalg.norm(gw))
        want["norm b"].append(np.linalg.norm(gb))
        want["ratio w"].append(0.1 * np.linalg.norm(gw) / np.linalg.norm(w))
        want["ratio b"].append(0.1 * np.linalg.norm(gb) / np.linalg.norm(b))
        w, b = w - 0.1 * gw, b - 0.1 * gb
    return watched.finish(), want


def in_place(names):
    with torch.no_grad():
        for t in names.values():
            t -= 0.1 * t.grad


def through_data(names):
    for t in names.values():
        t.data -= 0.1 * t.grad


def anew(names):
    for name, t in names.items():
        names[name] = (t - 0.1 * t.grad).detach().requires_grad_()


@pytest.mark.parametrize("update", [in_place, through_data, anew])
def test_norms_and_updates_are_those_of_numpy_however_parameters_are_updated(update):
    watched, want = regression(update)
    steps, norms, ratios = series(watched)
    assert steps == list(range(1, 21))
    for name in "wb":
        np.testing.assert_allclose(norms[name], want[f"norm {name}"], rtol=1e-4)
        np.testing.assert_allclose(ratios[name], want[f"ratio {name}"], rtol=2e-3)
    np.testing.assert_allclose(np.frombuffer(watched.view.strips["loss"], "<f4"), want["loss"], rtol=1e-5)


def test_of_a_large_parameter_a_part_is_compared_and_the_reader_is_told():
    watched, want = regression(in_place, steps=4, size=100_000)
    _, norms, ratios = series(watched)
    np.testing.assert_allclose(norms["w"], want["norm w"], rtol=1e-3)
    np.testing.assert_allclose(ratios["w"], want["ratio w"], rtol=0.02)
    assert watched.view.watched[0]["every"] == 7  # not 4, 5 or 6, which would see some columns only
    assert watched.view.progress["notes"] == ["the update of w is measured on one element in 7"]


def test_gradients_that_accumulate_get_their_update_when_it_comes():
    names = {"w": torch.tensor([3.0, 4.0], requires_grad=True)}
    watched = Watched(names)
    for i in range(6):
        (names["w"] * 2).sum().backward()
        if i % 3 == 2:
            with torch.no_grad():
                names["w"] *= 0.5
            names["w"].grad = None
    steps, norms, ratios = series(watched.finish())
    assert norms["w"] == pytest.approx(np.array([1, 2, 3, 1, 2, 3]) * 2 * math.sqrt(2), rel=1e-5)
    assert [round(r, 6) for r in ratios["w"][[2, 5]]] == [0.5, 0.5]
    assert np.isnan(ratios["w"][[0, 1, 3, 4]]).all()


def test_no_gradient_is_not_zero():
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    watched = Watched({"a": a, "b": b})
    for i in range(4):
        a.grad = b.grad = None
        ((a + b) if i % 2 == 0 else a * 0).sum().backward()
    _, norms, _ = series(watched.finish())
    assert norms["a"].tolist() == pytest.approx([math.sqrt(2), 0, math.sqrt(2), 0], rel=1e-6)
    assert np.isnan(norms["b"][[1, 3]]).all() and not np.isnan(norms["b"][[0, 2]]).any()


@pytest.mark.parametrize(
    "array", [np.full(5, 1e-30, np.float32), np.full(5, 1e30, np.float32), np.array([0, 3e-200, 4e-200]), np.zeros(3), np.arange(100_000, dtype=np.float32) + 0.1,
              np.array([3 + 4j]), np.arange(5), np.zeros((0, 3), np.float32), np.arange(6, dtype=np.float32).reshape(2, 3).T]
)  # fmt: skip
def test_norms_neither_vanish_nor_overflow(array):
    wide = np.abs(array).astype(np.float64).ravel()
    scale = wide.max(initial=0) or 1
    assert norm(array) == pytest.approx(scale * np.linalg.norm(wide / scale), rel=1e-6)


@pytest.mark.parametrize("bad, what", [(float("nan"), "NaN"), (float("inf"), "Inf")])
def test_what_is_not_finite_is_found_at_its_step(bad, what):
    w, v = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    watched = Watched({"w": w, "v": v})
    for step in range(1, 12):
        w.grad = v.grad = None
        (w * (bad if step == 7 else 1.0) + v).sum().backward()
    watched.finish()
    view = watched.view
    column = [p["name"] for p in view.watched].index("w")
    assert view.strips["bad"] == {str(column): {"where": "gradient", "what": what, "step": 7, "after": 6}}
    assert view.marks == {view.watched[column]["id"]: {"kind": "nan", "text": f"{what} in the gradient, step 7"}}
    assert np.isinf(series(watched)[1]["w"]).tolist() == [s == 7 for s in range(1, 12)]


def test_values_that_an_update_makes_nan_are_found():
    w = torch.ones(3, requires_grad=True)
    watched = Watched({"w": w})
    for step in range(1, 4):
        w.grad = None
        (w * 0 + w.detach()).sum().backward()
        with torch.no_grad():
            w += float("nan") if step == 2 else 1.0
    assert watched.finish().view.strips["bad"]["0"] == {"where": "value", "what": "NaN", "step": 2, "after": 2}


# -- units without gradient ----------------------------------------------------------------------------------------------------------


def layer(kind, w, b, x):
    if kind == "x @ w + b":
        return x @ w + b
    if kind == "x @ w.T + b":
        return x @ w.T + b
    return torch.nn.functional.linear(x, w, b)


@pytest.mark.parametrize("kind", ["x @ w + b", "x @ w.T + b", "linear"])
def test_units_that_a_relu_silences_are_counted(kind):
    torch.manual_seed(0)
    x = torch.randn(16, 5).abs()
    w = torch.randn(5, 5).requires_grad_()
    b = torch.tensor([9.0, -99.0, 9.0, -99.0, -99.0], requires_grad=True)
    watched = Watched({"w": w, "b": b})
    for _ in range(12):
        w.grad = b.grad = None
        torch.relu(layer(kind, w, b, x)).sum().backward()
    watched.finish()
    assert {p["name"]: p["units"] for p in watched.view.watched} == {"w": 5, "b": 5}
    assert watched.view.strips["dead"] == [3, 3]


def test_a_unit_is_dead_only_after_several_measured_passes_without_gradient():
    b = torch.tensor([1.0, 1.0], requires_grad=True)
    strip = Strip("b", "t0", b, 0)
    for i in range(25):
        strip.expect()
        b.grad = torch.tensor([1.0, 1.0 if i == 10 else 0.0])
        strip.gradient_norm(i + 1)
        assert strip.dead() == (0 if 10 <= i < 20 else 1), i


def test_without_an_activation_that_silences_units_nothing_is_said_of_them():
    w = torch.ones(2, 2, requires_grad=True)
    watched = Watched({"w": w})
    for _ in range(3):
        w.grad = None
        torch.tanh(torch.ones(1, 2) @ w).sum().backward()
    assert watched.finish().view.strips["dead"] == [None]


# -- marks ---------------------------------------------------------------------------------------------------------------------------


def test_layers_far_from_the_loss_are_marked_where_their_gradient_vanishes():
    watched = deep_net()
    marks = {p["name"]: watched.view.marks.get(p["id"], {}).get("kind") for p in watched.view.watched}
    assert marks["w1"] == marks["b1"] == "vanishing" and marks["w6"] is marks["b6"] is None
    _, norms, _ = series(watched)
    size = lambda i: max(np.median(norms[f"w{i}"][-5:]) / math.sqrt(norms_size[f"w{i}"]), np.median(norms[f"b{i}"][-5:]) / math.sqrt(norms_size[f"b{i}"]))  # noqa: E731
    norms_size = {p["name"]: p["size"] for p in watched.view.watched}
    for i in range(1, 7):
        assert (marks[f"w{i}"] == "vanishing") == (size(i) < 1e-3 * size(6)), i


def test_layers_whose_gradient_explodes_are_marked():
    w1, w2 = torch.ones(2, 2, requires_grad=True), torch.full((2, 2), 1e4, requires_grad=True)
    watched = Watched({"w1": w1, "w2": w2})
    for _ in range(4):
        w1.grad = w2.grad = None
        (torch.full((1, 2), 1e-3) @ (w1 * 1e4) @ w2).sum().backward()
    marks = watched.finish().view.marks
    assert [m["kind"] for m in marks.values()] == ["exploding"]
    assert watched.view.watched[0]["id"] in marks and watched.view.watched[0]["name"] == "w1"


# -- how much ------------------------------------------------------------------------------------------------------------------------


def small_loop(steps, **options):
    w = torch.ones(1, requires_grad=True)
    watched = Watched({"w": w}, **options)
    for _ in range(steps):
        w.grad = None
        (w * w).sum().backward()
        with torch.no_grad():
            w *= 0.999
    return watched.finish()


def test_a_long_loop_keeps_few_steps_evenly_and_the_first_and_the_last():
    steps, norms, _ = series(small_loop(5000, expected=5000))
    assert len(steps) <= POINTS and steps[0] == 1 and steps[-1] == 5000
    assert set(np.diff(steps)[:-1].tolist()) == {16}
    np.testing.assert_allclose(norms["w"], [2 * 0.999 ** (s - 1) for s in steps], rtol=1e-3)


def test_a_push_is_bounded_for_many_parameters_and_steps():
    watched = modules(count=166, steps=12)
    assert len(watched.view.watched) == 498
    watched.watch.steps = list(range(1, POINTS + 1))
    watched.watch.losses = [1.0] * POINTS
    sent = watched.watch.series()
    assert sum(len(sent[k]) for k in ("steps", "loss", "norm", "ratio")) <= 100_000
    steps = np.frombuffer(sent["steps"], "<i4")
    assert steps[0] == 1 and steps[-1] == POINTS and len(sent["norm"]) == 4 * 498 * len(steps)


def test_at_most_ten_pushes_a_second_and_the_last_state_arrives():
    class Counting(View):
        pushes = 0

        def __setattr__(self, name, value):
            self.__dict__["pushes"] = self.pushes + (name == "progress")
            object.__setattr__(self, name, value)

    w = torch.ones(1, requires_grad=True)
    watched = Watched({"w": w})
    watched.view = Counting()
    began, steps = time.monotonic(), 0
    while time.monotonic() < began + 0.6:
        w.grad = None
        (w * w).sum().backward()
        steps += 1
    took = time.monotonic() - began
    watched.finish()
    assert 2 <= watched.view.pushes <= 10 * took + 3
    assert watched.view.progress["step"] == steps and watched.view.progress["state"] == "finished"


def test_measuring_takes_no_more_than_its_share(monkeypatch):
    monkeypatch.setattr(watch_module, "SHARE", 0.02)
    monkeypatch.setattr(watch_module, "CREDIT", 0.0)
    measured = []
    monkeypatch.setattr(Strip, "gradient_norm", lambda self, step: measured.append(step) or time.sleep(0.002) or 1.0)
    w = torch.ones(1, requires_grad=True)
    watched = Watched({"w": w})
    began = time.monotonic()
    while len(measured) < 4 and time.monotonic() < began + 20:
        (w * w).sum().backward()
    took = time.monotonic() - began
    watched.finish()
    assert len(measured) == 4 and took > 3 * 0.002 / 0.02


def test_passes_of_other_threads_are_no_steps_of_the_loop():
    w, other = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)

    def step(t, times):
        (t * times).sum().backward()

    def elsewhere():
        thread = threading.Thread(target=step, args=(other, 2))
        thread.start()
        thread.join()

    watched = Watched({"w": w, "other": other})
    for i in range(4):
        elsewhere()  # also before the loop's own first pass
        w.grad = None
        step(w, i + 1)
    steps, norms, _ = series(watched.finish())
    assert steps == [1, 2, 3, 4] and list(norms) == ["w"]
    np.testing.assert_allclose(norms["w"], np.arange(1, 5) * 3**0.5, rtol=1e-5)


def test_two_backward_calls_in_one_step_count_once():
    w, v = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    watched = Watched({"w": w, "v": v})
    for _ in range(5):
        w.grad = v.grad = None
        w.sum().backward()
        (v * 2).sum().backward()
    steps, norms, _ = series(watched.finish())
    assert steps == [1, 2, 3, 4, 5]
    assert norms["w"] == pytest.approx(math.sqrt(2)) and norms["v"][1:] == pytest.approx(2 * math.sqrt(2))


def test_operators_run_unheard_after_the_first_pass():
    w = torch.ones(2, requires_grad=True)
    watched = Watched({"w": w})
    for _ in range(3):
        (w * 2).sum().backward()
    assert [c.op for c in watched.drawing.graph.calls] == ["mul", "sum"]
    watched.finish()
    assert watched.watch not in observe.watchers


def test_a_fault_of_ours_ends_the_watching_and_not_the_loop(monkeypatch):
    monkeypatch.setattr(Strip, "keep", lambda self: 1 / 0)
    watched = small_loop(3)
    assert watched.view.progress["state"] == "failed" and watched.view.progress["step"] == 1
    assert "ZeroDivisionError" in watched.view.progress["notes"][0]


# -- the magic -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(ipython):
    ipython.run_cell(
        "import nbgrad as torch\nw = torch.ones(2, requires_grad=True)\nn = 3\nbatches = [1, 2, 3, 4]\ndef step():\n    w.grad = None\n    (w * w).sum().backward()"
    )
    yield ipython
    assert not [w for w in observe.watchers if type(w).__name__ == "Watch"]


@pytest.fixture
def run(shell, capsys):
    def run(*lines):
        capsys.readouterr()
        shell.run_cell("\n".join(lines))
        captured = capsys.readouterr()
        return captured.out + captured.err

    return run


LOOPS = [
    ("for i in range(7):\n    step()", 7),
    ("for i in range(2, 2 * n + 1):\n    step()", 5),
    ("for i in range(n):\n    for j, b in enumerate(batches):\n        step()", 12),
    ("def epoch():\n    for b in batches:\n        step()\nfor i in range(n):\n    epoch()", 12),
    ("for a, b in zip(batches, range(n)):\n    step()", 3),
    ("class C: pass\nc = C()\nc.epochs = 6\nfor i in range(c.epochs):\n    step()", 6),
    ("for i in range(len(batches)): f = lambda: 0; step()", 4),
    ("i = 0\nwhile i < 3:\n    step(); i += 1", None),
    ("for b in iter(batches):\n    step()", None),
    ("for i in range(4):\n    [step() for k in range(2)]", None),
    ("range_ = range\nrange = lambda k: [1, 2]\nfor i in range(9):\n    step()\nrange = range_", None),
    ("step()", None),
]


@pytest.mark.parametrize("loop, want", LOOPS)
def test_the_length_of_the_loop_is_read_from_the_source_where_it_is_certain(run, monkeypatch, loop, want):
    seen = []
    before = watch_module.Watch.finish
    monkeypatch.setattr(watch_module.Watch, "finish", lambda self, error: seen.append(self) or before(self, error))
    shown = run("%%autograd --watch", loop)
    assert "Traceback" not in shown
    assert seen[0].of == want
    assert want is None or seen[0].step == want


def test_a_terminal_shows_the_first_graph_and_one_table_at_the_end(run):
    shown = run("%%autograd --watch", "for i in range(5):", "    step()", "    with torch.no_grad(): w *= 0.5")
    assert shown.count("graph of") == 1 and shown.count("watched 5 steps") == 1
    line = next(line for line in shown.splitlines() if line.startswith("w ") and "→" in line)
    assert line.split() == ["w", "2.83", "→", "0.177", "0.5", "–"]


def test_the_length_may_be_given(run):
    assert "watched 3 of 10 steps" in run("%%autograd --watch 10", "for b in iter([1, 2, 3]):", "    step()")


@pytest.mark.parametrize("error", ["1 / 0", "raise KeyboardInterrupt"])
def test_a_loop_that_is_stopped_shows_what_there_was(run, error):
    shown = run("%%autograd --watch", "for i in range(9):", "    step()", f"    if i == 3: {error}")
    assert f"watched 4 of 9 steps, stopped by {'ZeroDivisionError' if '/' in error else 'KeyboardInterrupt'}" in shown


def test_a_cell_without_backward_says_so(run):
    assert "watched no step: this cell ran no backward pass" in run("%%autograd --watch", "y = w * 2")


@pytest.mark.parametrize("options", ["--watch 0", "--watch -3", "--watch soon"])
def test_wrong_lengths_are_refused(run, options):
    assert "UsageError" in run(f"%%autograd {options}", "step()")


def test_the_line_magic_does_not_watch(run):
    assert "write it behind %%autograd" in run("%autograd --watch w.sum()")
