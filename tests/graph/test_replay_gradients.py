"""A replay with another number gives the gradients of a fresh run at that number."""

import numpy as np
import pytest

import nbgrad as torch
from nbgrad._engine.observe import observing
from nbgrad.graph import replay
from nbgrad.graph.capture import Recorder

PROGRAMS = {
    "perceptron": ("w1", (1, 0), """
w1, b1 = torch.randn(3, 4).requires_grad_(), torch.zeros(4, requires_grad=True)
w2 = torch.randn(4, 2).requires_grad_()
loss = ((((x @ w1 + b1).tanh() @ w2) - y) ** 2).mean()
loss.backward()"""),
    "recurrent": ("w1", (0, 2), """
w1, b1 = torch.randn(3, 3).requires_grad_(), torch.zeros(3, requires_grad=True)
h = x
for t in range(6):
    h = torch.tanh(h @ w1 + b1)
loss = h.sum()
loss.backward()"""),
    "cross entropy": ("w1", (2, 1), """
w1 = torch.randn(3, 4).requires_grad_()
loss = torch.nn.functional.cross_entropy(x @ w1, torch.tensor([0, 3, 1, 2, 0]))
loss.backward()"""),
    "in place": ("w1", (3,), """
w1 = torch.randn(4).requires_grad_()
a = w1 * 2
a.mul_(w1)
a[1:3] = w1[:2].exp()
a[0] += w1[3]
loss = (a * a).sum()
loss.backward()"""),
    "views": ("w1", (1, 2), """
w1 = torch.randn(3, 4).requires_grad_()
v = w1.t().reshape(2, 6)
s = v[:, ::2] * w1.flatten()[:6].view(2, 3)
loss = s.sin().sum() + w1.unbind(0)[1].prod()
loss.backward()"""),
    "two passes that add up": ("w1", (1,), """
w1 = torch.randn(3).requires_grad_()
loss = (w1 ** 3).sum()
loss.backward()
((w1 * 2).exp().sum()).backward()"""),
    "training": ("w1", (0, 1), """
w1, b1 = torch.randn(3, 2).requires_grad_(), torch.zeros(2, requires_grad=True)
for i in range(4):
    w1.grad = b1.grad = None
    loss = ((x @ w1 + b1 - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w1 -= 0.1 * w1.grad
        b1 -= 0.1 * b1.grad"""),
}  # fmt: skip


def run(program, place=None, number=None, at=None):
    """Run a program, with `number` in the place `at` of the first tensor that is drawn."""
    torch.manual_seed(1)
    names = {"torch": torch, "x": torch.randn(5, 3), "y": torch.randn(5, 2)}
    lines = program.strip().split("\n")
    recorder = Recorder()
    exec(lines[0], names)
    if number is not None:
        names["w1"]._array[at] = number
    with observing(recorder):
        exec("\n".join(lines[1:]), names)
    return recorder.graph(names), names


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("number", [-1.3, 0.0, 0.7])
def test_gradients_are_those_of_a_fresh_run(name, number):
    changed, at, program = PROGRAMS[name]
    graph, _ = run(program)
    fresh, names = run(program, changed, number, at)
    first = next(v for v in graph.values if v.is_leaf and v.requires_grad and v.name == changed or v.id == "t1" and name == "training" and v.shape == (3, 2))
    again = replay(graph, {(first.id, at): number})
    assert again.named("loss").data.values != graph.named("loss").data.values
    assert len(again.values) == len(fresh.values) and len(again.steps) == len(fresh.steps)
    for mine, theirs in zip(again.values, fresh.values):
        for which in ("data", "grad"):
            ours, own = getattr(mine, which), getattr(theirs, which)
            assert (ours is None) == (own is None), (mine.id, which)
            if ours is not None:
                np.testing.assert_allclose(np.array(ours.values, float), np.array(own.values, float), rtol=1e-5, atol=1e-7, err_msg=f"{which} of {mine.id}")
    for mine, theirs in zip(again.steps, fresh.steps):
        for ours, own in zip((*mine.grads_in, *mine.grads_out), (*theirs.grads_in, *theirs.grads_out)):
            assert (ours is None) == (own is None)
            if ours is not None:
                np.testing.assert_allclose(np.array(ours.values, float), np.array(own.values, float), rtol=1e-5, atol=1e-7)


def test_not_a_number_comes_and_goes_with_the_value():
    names = {"torch": torch, "w": torch.tensor(2.0, requires_grad=True)}
    recorder = Recorder()
    with observing(recorder):
        exec("r = (w - 1).sqrt()\nloss = r * 3\nloss.backward()", names)
    graph = recorder.graph(names)
    bad = replay(graph, {"w": 0.5})
    assert bad.named("loss").data.nan == 1 and bad.named("w").grad.nan == 1
    good = replay(bad, {"w": 5.0})
    assert good.named("loss").data.values == (6.0,) and good.named("w").grad.values == (0.75,)
