"""Views and changes in place: who shares memory and version with whom, which history each gets, and what is forbidden."""

import weakref

import pytest


def name(tensor):
    return None if tensor.grad_fn is None else type(tensor.grad_fn).__name__


def leaf(torch, n=4):
    return torch.arange(1.0, n + 1).requires_grad_()


def test_a_change_through_a_view_gives_the_base_a_new_history(torch):
    x = leaf(torch)
    y = x * 2
    view, other = y[:2], y.view(2, 2)
    view.mul_(3)
    assert (name(y), name(view), name(other)) == ("CopySlices", "AsStridedBackward0", "AsStridedBackward0")
    assert [n and type(n).__name__ for n, _ in y.grad_fn.next_functions] == ["MulBackward0", None]
    assert view.grad_fn.next_functions[0][0] is y.grad_fn
    assert y._version == view._version == other._version == 1
    assert view._base is y and view._is_view() and not y._is_view()
    (y * torch.tensor([1.0, 10.0, 100.0, 1000.0])).sum().backward()
    assert x.grad.tolist() == [6.0, 60.0, 200.0, 2000.0]


def test_a_change_of_the_base_reaches_its_views(torch):
    x = leaf(torch)
    y = x * 2
    view = y[1:3]
    y.mul_(x)
    assert name(view) == "AsStridedBackward0" and view.grad_fn.next_functions[0][0] is y.grad_fn
    view.sum().backward()
    assert x.grad.tolist() == [0.0, 8.0, 12.0, 0.0]


def test_views_of_views_and_many_changes(torch):
    x = leaf(torch)
    y = (x * 1).view(2, 2)
    row = y[1]
    row[1:].mul_(3)
    y[:, 0].add_(x[:2])
    y[0] = y[1].clone() * 2
    row.exp_()
    (y * torch.tensor([[1.0, 10.0], [100.0, 1000.0]])).sum().backward()
    z = leaf(torch)
    left, right = z[2] + z[1], z[3] * 3
    (2 * left + 20 * right + 100 * left.exp() + 1000 * right.exp()).backward()
    assert torch.allclose(x.grad, z.grad)


def test_writing_into_a_buffer_gives_it_a_history(torch):
    x = leaf(torch)
    buffer = torch.zeros(3)
    first, second = buffer[0], buffer[1]
    first.copy_(x[0] * 2)
    assert buffer.requires_grad and name(buffer) == "CopySlices" and name(first) == name(second) == "AsStridedBackward0"
    buffer[1:] = x[2:]
    buffer.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 1.0, 1.0]


def test_detach_shares_the_version_and_data_does_not(torch):
    x = leaf(torch)
    y = x.exp()
    y.data.mul_(2)
    assert y._version == 0
    y.detach().mul_(2)
    assert y._version == 1 and not y.detach()._is_view()
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation: .*is at version 1; expected version 0"):
        y.sum().backward()


def test_a_saved_view_notices_a_change_of_its_base(torch):
    x = leaf(torch)
    y = x * 1
    z = y[:2] * y[2:]
    y[0] = 5.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_leaves_and_their_views_are_protected(torch):
    x = leaf(torch)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        x.mul_(2)
    for change in (lambda: x[:2].mul_(2), lambda: x.view(2, 2)[0].zero_(), lambda: x.__setitem__(0, 1.0)):
        with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation"):
            change()
    assert x.tolist() == [1.0, 2.0, 3.0, 4.0] and x._version == 0


@pytest.mark.parametrize("take", ["v.unbind()", "v.split(2)", "v.chunk(2)", "v.view(2, 2).unbind()", "v.tensor_split(2)", "v.split([1, 3])"])
def test_outputs_of_functions_with_several_views(torch, take):
    v = leaf(torch) * 1
    part = eval(take)[0]
    if "tensor_split" in take:
        part.mul_(2)
        return
    with pytest.raises(RuntimeError, match=r"Output 0 of \w+ is a view and is being modified inplace. This view is the output of a function that"):
        part.mul_(2)
    v.mul_(2)
    for use in (lambda: part.grad_fn, lambda: part * 1, lambda: part.is_leaf):
        with pytest.raises(RuntimeError, match="is a view and its base or another view of its base has been modified inplace"):
            use()
    assert "grad_fn=<Invalid>" in repr(part) and part.requires_grad


def test_views_made_without_recording(torch):
    x = leaf(torch)
    y = x * 1
    with torch.no_grad():
        view, of_leaf = y[:2], x[0]
    assert view.requires_grad and view.is_leaf and view._is_view() and of_leaf.requires_grad and of_leaf.is_leaf
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace with grad mode enabled"):
        view.mul_(2)
    further = view[1:]
    with pytest.raises(RuntimeError, match="Output 0 of Slice is a view of a view which was created in no_grad mode and is being modified"):
        further.mul_(2)
    with torch.no_grad():
        view.mul_(2)
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and its base or another view of its base has been modified"):
        view.grad_fn  # noqa: B018
    assert name(y) == "MulBackward0" and y.tolist() == [2.0, 4.0, 3.0, 4.0]


def test_no_gradient_flows_through_a_view_made_without_recording(torch):
    x = leaf(torch)
    with torch.no_grad():
        view = x[:2]
    (view * view).sum().backward()
    assert x.grad is None and view.grad is None


def test_what_no_gradient_needs_is_not_saved(torch):
    with torch.no_grad():
        view = leaf(torch)[:2]
    other = leaf(torch)[:2].clone()
    y = view * other
    assert y.grad_fn.next_functions[0][0] is None and y.grad_fn._saved_other is None and y.grad_fn._saved_self is not None
    other.mul_(2)
    y.sum().backward()
    y = view * other
    with torch.no_grad():
        view.mul_(2)
    with pytest.raises(RuntimeError, match="its base or another view of its base has been modified"):
        y.sum().backward()


def test_a_view_follows_what_its_base_wants(torch):
    y = torch.zeros(4)
    view = y[:2]
    assert not view.requires_grad
    y.requires_grad_()
    assert view.requires_grad and view.is_leaf
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        view.mul_(2)
    y.requires_grad_(False)
    assert not view.requires_grad


def test_detaching_in_place(torch):
    y = leaf(torch) * 1
    view = y[:2]
    with pytest.raises(RuntimeError, match="Can't detach views in-place. Use detach"):
        view.detach_()
    y.detach_()
    assert not y.requires_grad and view.requires_grad and name(view) == "SliceBackward0"
    y.mul_(2)
    assert view.requires_grad and view.grad_fn.next_functions == ((None, 0),)


def test_retained_gradients_move_with_a_change_and_hooks_stay(torch):
    x = leaf(torch)
    y = x * 2
    view = y[:2]
    y.retain_grad()
    view.retain_grad()
    seen = []
    y.register_hook(lambda g: seen.append(("before", g.tolist())))
    view.mul_(3)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    (view * view).sum().backward()
    assert y.grad.tolist() == [12.0, 24.0, 0.0, 0.0] and view.grad.tolist() == [12.0, 24.0]
    assert seen == [("after", [12.0, 24.0, 0.0, 0.0]), ("before", [36.0, 72.0, 0.0, 0.0])]


def test_the_gradient_of_the_gradient_of_a_change_through_a_view(torch):
    x = leaf(torch)

    def f(x):
        y = x**3
        y[1:3].mul_(x[:2])
        y[0].exp_()
        return (y * y).sum()

    (g,) = torch.autograd.grad(f(x), x, create_graph=True)
    (second,) = torch.autograd.grad((g * g).sum(), x)
    z = leaf(torch)

    def plain(z):
        return (z[0] ** 3).exp() ** 2 + (z[1] ** 3 * z[0]) ** 2 + (z[2] ** 3 * z[1]) ** 2 + (z[3] ** 3) ** 2

    (g2,) = torch.autograd.grad(plain(z), z, create_graph=True)
    (expected,) = torch.autograd.grad((g2 * g2).sum(), z)
    assert torch.allclose(g, g2) and torch.allclose(second, expected)


def test_a_second_backward_through_a_change_of_a_view(torch):
    y = leaf(torch) * 1
    y[0].add_(1)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.sum().backward()


@pytest.mark.parametrize("whole", [..., slice(None), slice(0, 4)])
def test_a_second_backward_through_an_assignment_to_all(torch, whole):
    x = leaf(torch)
    y = x * 1
    y[whole] = x + 1
    y.sum().backward(retain_graph=True)
    y = x + 0
    y[whole] = x + 1
    y.sum().backward()
    y.sum().backward()
    assert x.grad.tolist() == [3.0] * 4 and name(y) == "CopyBackwards"


def test_expanded_memory(torch):
    y = (leaf(torch) * 1).expand(2, 4)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor refers to a single memory location"):
        y.mul_(2)
    y.zero_()
    y[0] = 3.0
    assert y.tolist() == [[3.0] * 4] * 2 and name(y) == "AsStridedBackward0"


def test_a_part_of_expanded_memory(torch):
    x = leaf(torch)
    y = x * 1
    y.expand(2, 4)[::2] = 0.5
    assert y.tolist() == [0.5] * 4
    y.sum().backward()
    assert x.grad.tolist() == [0.0] * 4


def test_as_strided_reads_the_memory_of_the_base(torch):
    x = leaf(torch, 6)
    view = x[2:4]
    assert view.storage_offset() == 2
    window = view.as_strided((2, 2), (2, 1))
    assert window.tolist() == [[3.0, 4.0], [5.0, 6.0]] and window._base is x
    twice = (x * 1).as_strided((2, 2), (0, 1))
    twice.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 0.0, 0.0, 0.0, 0.0]
    with pytest.raises(RuntimeError, match="requiring a storage size of 28 are out of bounds for storage of size 24"):
        x.as_strided((2, 4), (3, 1))


@pytest.mark.parametrize(
    "index", ["0", "-1", "slice(1, 3)", "slice(None, None, 2)", "...", "None", "(0, 1)", "(slice(None), 0)", "[0, 1]", "torch.tensor([1, 0])",
              "(slice(None), torch.tensor([1, 1]))", "torch.tensor([[True, False], [False, True]])", "torch.tensor([True, False])", "(1, [0])", "(..., 1)",
              "()", "slice(1, 1)", "(None, slice(None), 1)"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["2.0", "w.sum()", "w[0]", "torch.tensor(3.0)"])
def test_index_assignment_in_all_its_forms(index, value):
    """Values and gradients of both sides as with PyTorch, on a tensor of its own, on a view, and on a buffer."""
    import torch

    import nbgrad

    found = []
    for library in (nbgrad, torch):
        results = []
        for target in ("x * 1", "(x * 1).t()", "torch.zeros(2, 2)", "(x * 1).view(4)[:4].view(2, 2)"):
            x = library.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
            w = library.tensor([[5.0, 6.0], [7.0, 8.0]], requires_grad=True)
            scope = {"torch": library, "x": x, "w": w}
            y = eval(target, scope)
            try:
                y[eval(index, scope)] = eval(value, scope)
                if y.requires_grad:
                    (y * y * library.tensor([[1.0, 10.0], [100.0, 1000.0]])).sum().backward()
                results.append([t if t is None else t.tolist() for t in (y, x.grad, w.grad)] + [name(y), y._version])
            except Exception as error:
                results.append((type(error).__name__, str(error)[:40]))
        found.append(results)
    assert found[0] == found[1]


@pytest.mark.usefixtures("counting")
def test_histories_of_views_are_freed_by_counting(torch):
    x = leaf(torch)
    y = x * 2
    view = y[:2]
    view.mul_(3)
    view.grad_fn  # noqa: B018
    gone = [weakref.ref(t) for t in (y, view)]
    del y, view
    assert [r() for r in gone] == [None, None]


def test_a_loop_over_the_rows_of_a_buffer(torch):
    x = leaf(torch, 3)
    rows = torch.zeros(200, 3)
    rows[0] = x
    for i in range(1, 200):
        rows[i] = rows[i - 1] * 1.01
    rows[-1].sum().backward()
    assert x.grad.tolist() == [pytest.approx(1.01**199, rel=1e-4)] * 3


def test_other_shapes_of_the_tensor_itself(torch):
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.t_()
    y = x * 2
    rows = y.view(3, 2)
    kept = y.exp()
    assert y.t_() is y and tuple(y.shape) == (3, 2) and name(y) == "TBackward1" and y._version == 1
    assert name(rows) == "AsStridedBackward0"
    y.unsqueeze_(0)
    assert name(y) == "UnsqueezeBackward1"
    y.squeeze_(0).transpose_(0, 1)
    assert name(y) == "TransposeBackward1" and tuple(y.shape) == (2, 3)
    (y * torch.arange(6.0).reshape(2, 3)).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]
    assert kept.grad_fn is not None
    view = (x * 1)[0]
    view.unsqueeze_(0)
    assert name(view) == "UnsqueezeBackward1" and view._is_view() and tuple(view._base.shape) == (2, 3)


def test_the_knowledge_of_views_stays_small():
    import nbgrad

    y = nbgrad.ones(3, requires_grad=True) * 1
    view = y[:2]
    for _ in range(300):
        view.mul_(1.0)
        y[:1].add_(0.0)
        assert view.requires_grad and view.grad_fn is not None
    assert len(y._cell.views) + len(y._cell.stale) < 150


def test_a_value_with_more_dimensions_than_its_target(torch):
    x = leaf(torch)
    y = torch.zeros(3)
    y[...] = x[:1].unsqueeze(0) * 2
    (y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [12.0, 0.0, 0.0, 0.0]
