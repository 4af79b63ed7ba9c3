"""Inference mode: what is marked, what marked tensors may do, and that nothing of it reaches a graph."""

import copy
import pickle

import numpy as np
import pytest

import nbgrad

SAVED = "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by autograd"
CHANGED = "Inplace update to inference tensor outside InferenceMode is not allowed"
VERSION = "Inference tensors do not track version counter."


def inside(torch, function):
    with torch.inference_mode():
        return function()


@pytest.fixture
def x(torch):
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


@pytest.fixture
def made(torch):
    """A tensor made in inference mode."""
    return inside(torch, lambda: torch.ones(3))


@pytest.mark.parametrize(
    "make",
    [
        lambda torch, x, n: torch.ones(3),
        lambda torch, x, n: torch.tensor([1.0, 2.0]),
        lambda torch, x, n: torch.from_numpy(np.ones(3)),
        lambda torch, x, n: torch.as_tensor([1.0]),
        lambda torch, x, n: n * 2,
        lambda torch, x, n: x.exp(),
        lambda torch, x, n: x.sum(),
        lambda torch, x, n: n @ n,
        lambda torch, x, n: n.max(0).values,
        lambda torch, x, n: torch.cat([x, n]),
        lambda torch, x, n: n.clone(),
        lambda torch, x, n: (n * 2)[:2],
        lambda torch, x, n: (n * 2).detach(),
        lambda torch, x, n: (n * 2).data,
        lambda torch, x, n: (n * 2).add_(1),
        lambda torch, x, n: torch.ones(2, requires_grad=True),
    ],
)  # fmt: skip
def test_what_is_made_inside_is_marked(torch, x, make):
    out = inside(torch, lambda: make(torch, x, torch.ones(3)))
    assert out.is_inference() and torch.is_inference(out) and out.is_leaf and out.grad_fn is None
    with pytest.raises(RuntimeError, match=VERSION):
        out._version


def test_views_changes_and_the_thing_itself_stay_what_they_were(torch, x):
    n = torch.ones(3)
    y = x * 2
    with torch.inference_mode():
        view, detached, data, same = n[:2], n.detach(), n.data, n.to(n.dtype)
        n.add_(1)
        n[0] = 5
        torch.add(n, n, out=n)
        y.add_(1)
        x.mul_(2)
        assert [t.is_inference() for t in (view, detached, data, same, n, y, x)] == [False] * 7
        assert same is n and view._is_view() and view._base is n
        view.add_(1)
    assert (n._version, y._version, x._version, view._version) == (4, 1, 1, 4)
    assert n.tolist() == [11.0, 5.0, 4.0] and y.requires_grad and y.grad_fn.name() == "MulBackward0"


def test_a_change_inside_is_noticed_by_backward(torch, x):
    y = x * 2
    z = y * y
    inside(torch, lambda: y.add_(1))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_nothing_is_recorded_inside(torch, x):
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert not (x * 2).requires_grad
        torch.set_grad_enabled(True)
        assert not (x * 2).requires_grad
    assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
    assert (x * 2).requires_grad


def test_inference_mode_false_computes_as_usual(torch, x):
    with torch.inference_mode():
        with torch.inference_mode(False):
            assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
            y = x * 2
            assert y.requires_grad and not y.is_inference()
            with torch.inference_mode():
                assert torch.ones(1).is_inference()
        assert torch.ones(1).is_inference() and torch.is_inference_mode_enabled()
    with torch.no_grad():
        with torch.inference_mode(False):
            assert torch.is_grad_enabled()
        with torch.inference_mode():
            pass
        assert not torch.is_grad_enabled()
    assert not torch.ones(1).is_inference()
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_marked_tensors_compute_outside_where_nothing_is_saved(torch, x, made):
    assert not (made * 2).is_inference() and not made.clone().is_inference()
    total = x + made
    total.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    x.grad = None
    (x * made.clone()).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    with torch.no_grad():
        assert (x * made).tolist() == [1.0, 2.0, 3.0]
    normal = torch.zeros(3)
    normal.add_(made)
    normal.copy_(made)
    assert not normal.is_inference() and normal.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "use",
    [
        lambda torch, x, i: x * i,
        lambda torch, x, i: i * x,
        lambda torch, x, i: x @ i,
        lambda torch, x, i: x.clone().mul_(i),
        lambda torch, x, i: torch.where(i > 0, x, x * i),
        lambda torch, x, i: x * i[0],
        lambda torch, x, i: x / i.detach(),
        lambda torch, x, i: x.clone() * i.data,
        lambda torch, x, i: torch.nn.functional.mse_loss(x, i),
    ],
)  # fmt: skip
def test_marked_tensors_cannot_be_saved(torch, x, made, use):
    with pytest.raises(RuntimeError, match=SAVED):
        use(torch, x, made)


@pytest.mark.parametrize(
    "change",
    [
        lambda torch, i: i.add_(1),
        lambda torch, i: i.zero_(),
        lambda torch, i: i[:2].mul_(2),
        lambda torch, i: i.__setitem__(0, 5.0),
        lambda torch, i: torch.add(torch.ones(3), 1, out=i),
        lambda torch, i: torch.no_grad()(i.add_)(1),
        lambda torch, i: i.__iadd__(1),
    ],
)  # fmt: skip
def test_marked_tensors_cannot_be_changed_outside(torch, made, change):
    with pytest.raises(RuntimeError, match=CHANGED):
        change(torch, made)


def test_they_can_be_changed_inside(torch, made):
    with torch.inference_mode():
        made.add_(1)
        made[0] = 7
        view = made[1:]
        assert view.is_inference() and not view._is_view()
        view.mul_(3)
        assert made.tolist() == [7.0, 6.0, 6.0] and view.tolist() == [6.0, 6.0]
    assert made[:2].is_inference() and not made[:2]._is_view() and made.t().is_inference()


def test_requires_grad_is_set_inside_or_on_a_clone(torch, made):
    with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor outside InferenceMode is not allowed"):
        made.requires_grad_()
    with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor"):
        made.requires_grad = True
    assert not made.requires_grad_(False).requires_grad
    assert made.clone().requires_grad_().requires_grad
    leaf = inside(torch, lambda: torch.ones(2).requires_grad_())
    assert leaf.requires_grad and leaf.is_inference()
    (leaf + 1).sum().backward()
    assert leaf.grad.tolist() == [1.0, 1.0]


def test_a_view_from_inside_of_what_requires_a_gradient_cannot_be_changed_outside(torch, x):
    y = x * 2
    view = inside(torch, lambda: y[:2])
    with pytest.raises(RuntimeError, match="A view was created in inference mode and is being modified inplace in normal mode"):
        view.add_(1)


def test_a_view_from_inside_of_a_plain_tensor_is_an_ordinary_one(torch, x):
    n = torch.ones(3)
    view = inside(torch, lambda: n[:2])
    view.add_(1)
    assert n.tolist() == [2.0, 2.0, 1.0] and n._version == 1
    (x[:2] * view).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 0.0]


def test_backward_inside_fills_grad_with_what_stays_inside(torch, x):
    loss = (x * x).sum()
    inside(torch, loss.backward)
    assert x.grad.tolist() == [2.0, 4.0, 6.0] and x.grad.is_inference()
    with pytest.raises(RuntimeError, match=CHANGED):
        (x * 1).sum().backward()
    assert not torch.is_inference_mode_enabled()
    with torch.inference_mode(), pytest.raises(RuntimeError, match="does not require grad"):
        (x * 2).sum().backward()


def test_copies_are_ordinary_tensors(torch, made):
    assert not copy.deepcopy(made).is_inference()
    assert not pickle.loads(pickle.dumps(made)).is_inference()
    assert made.numpy().tolist() == [1.0, 1.0, 1.0]


def test_as_a_decorator(torch, x):
    @torch.inference_mode()
    def f():
        return x * 2

    @torch.inference_mode
    def g():
        return x * 2

    @torch.inference_mode(mode=False)
    def h():
        return x * 2

    @torch.inference_mode()
    def each():
        yield x * 2
        yield torch.is_inference_mode_enabled()

    assert [f().is_inference(), g().is_inference(), h().is_inference()] == [True, True, False]
    items = each()
    assert next(items).is_inference() and not torch.is_inference_mode_enabled()
    assert next(items) is True
    assert torch.autograd.inference_mode is torch.inference_mode


def test_an_error_ends_it(torch):
    with pytest.raises(ZeroDivisionError), torch.inference_mode():
        1 / 0
    assert not torch.is_inference_mode_enabled() and not torch.ones(1).is_inference()


def test_a_change_that_is_refused_changes_nothing():
    made = inside(nbgrad, lambda: nbgrad.ones(3))
    with pytest.raises(RuntimeError, match=CHANGED):
        made.add_(1)
    assert made.tolist() == [1.0, 1.0, 1.0]


def test_a_view_from_inside_counts_as_wanting_a_gradient_and_gets_none(torch, x):
    view = inside(torch, lambda: x[:2])
    assert view.requires_grad and view.is_leaf and not view.is_inference() and view._is_view()
    (view * 3).sum().backward()
    assert x.grad is None
