"""`x[index] = value` beside real PyTorch: values, node names, gradients, and the errors."""

import numpy as np
import pytest

import nbgrad

torch = pytest.importorskip("torch")

RIGHT = [
    "y[0] = 1.0", "y[0] = v", "y[0, 0, 0] = v[0]", "y[...] = v", "y[:] = v", "y[()] = v", "y[1:, ::2] = v", "y[:, None, 0] = v", "y[None] = 2.0",
    "y[i] = v", "y[i] = 1.5", "y[m] = v", "y[m] = 2.0", "y[m] = v[0]", "y[True] = v", "y[0, i] = v", "y[:, i] = v", "y[i, i] = v", "y[0:2, ..., None] = 1.0",
    "y[[0, 2], :, 1] = 2.0", "y[0, :, i] = v[:2]", "y[y > 0] = 0.0", "y[0] = v.double()", "y[0] = np.float64(3)", "y[-1, -1] = v",
]  # fmt: skip
WRONG = [
    "y[0] = v[:3]", "y[i] = v[:3]", "y[i] = v.double()", "y[i] = v.long()", "y[0] = np.ones(5)", "y[0] = [1, 2, 3, 4, 5]", "y[0] = 'a'",
    "y[0] = None", "y[5] = 1", "y[i, [0, 1, 2]] = 1", "y[0] = 1j", "y['a', 0] = 1", "y[::-1] = 1", "y[0, 0, 0, 0] = 1",
]  # fmt: skip


def run(T, statement, history):
    """Run a statement on `y`, then send a gradient back; or tell the error."""
    random = np.random.default_rng(0)
    x = T.tensor(random.normal(size=(3, 4, 5)).astype(np.float32)).requires_grad_(history != "none")
    v = T.tensor(random.normal(size=5).astype(np.float32)).requires_grad_(True)
    y = x * 1 if history == "computed" else x.detach().clone() if history == "none" else x
    names = {"y": y, "v": v, "i": T.tensor([0, 2]), "m": T.tensor(random.normal(size=(3, 4)) > 0), "np": np}
    try:
        exec(statement, names)
    except Exception as error:
        return type(error).__name__, str(error)[:40]
    node = type(y.grad_fn).__name__
    if y.requires_grad:
        (y * T.arange(60.0).reshape(3, 4, 5)).sum().backward()
    return node, y.detach().numpy(), *(None if t.grad is None else t.grad.numpy() for t in (x, v))


@pytest.mark.parametrize("history", ["none", "computed", "leaf"])
@pytest.mark.parametrize("statement", RIGHT)
def test_assignment_is_that_of_torch(statement, history):
    ours, theirs = run(nbgrad, statement, history), run(torch, statement, history)
    assert len(ours) == len(theirs), (ours, theirs)
    for a, b in zip(ours, theirs):
        if isinstance(b, np.ndarray):
            np.testing.assert_array_equal(a, b)
        else:
            assert a is None and b is None or a == b


@pytest.mark.parametrize("statement", WRONG)
def test_a_wrong_assignment_fails_as_in_torch(statement):
    ours, theirs = run(nbgrad, statement, "none"), run(torch, statement, "none")
    assert ours[0] == theirs[0]


def test_a_changed_index_does_not_change_the_gradient():
    x = nbgrad.ones(3, requires_grad=True)
    index = nbgrad.tensor([0, 0])
    y = x[index].sum()
    index[0] = 2
    y.backward()
    assert x.grad.tolist() == [2.0, 0.0, 0.0]
