"""In-place changes and grad modes: right gradients, or an error; never a silent wrong one."""

import pytest

import nbgrad


def test_an_in_place_change_becomes_history(torch, leaf):
    x = leaf(torch, 2.0)
    y = x * 3
    y.mul_(x)
    y.sum().backward()
    assert x.grad.tolist() == [12.0]


def test_an_in_place_change_of_a_saved_tensor_is_caught(torch, leaf):
    x = leaf(torch, 2.0)
    y = x * 3
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="has been modified by an inplace operation.*is at version 1; expected version 0 instead"):
        z.sum().backward()


def test_an_in_place_change_of_a_saved_result_is_caught(torch, leaf):
    y = leaf(torch, 2.0).exp()
    z = y + 1
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation.*which is output 0 of (Exp|Mul)"):
        (z + y).sum().backward()


def test_an_operand_that_is_overwritten_by_its_own_change_is_caught(torch, leaf):
    y = leaf(torch, 2.0) * 3
    y.mul_(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_change_through_detach_is_caught(torch, leaf):
    x = leaf(torch, 2.0)
    y = x * 3
    z = y * y
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_a_leaf_cannot_be_changed_while_recording(torch, leaf):
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        leaf(torch, 1.0).add_(1)


def test_a_view_of_a_leaf_cannot_be_changed_while_recording(torch, leaf):
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation"):
        leaf(torch, 1.0, 2.0).unsqueeze(0).add_(1)


def test_a_step_of_gradient_descent(torch, leaf):
    w = leaf(torch, 1.0)
    (w * w).sum().backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        w.grad.zero_()
    assert w.requires_grad and w.is_leaf
    assert w.tolist() == [pytest.approx(0.8)] and w.grad.tolist() == [0.0]


def test_filling_a_buffer_row_by_row(torch, leaf):
    x = leaf(torch, 1.0, 2.0)
    rows = torch.zeros(3, 2)
    for i in range(3):
        rows[i] = x * (i + 1)
    (rows * rows).sum().backward()
    assert x.grad.tolist() == [28.0, 56.0]


def test_in_place_results_must_fit(torch):
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        torch.tensor([1, 2]).add_(0.5)
    with pytest.raises(RuntimeError, match=r"output with shape \[2\] doesn't match the broadcast shape \[3, 2\]"):
        torch.ones(2).add_(torch.ones(3, 2))


def test_no_grad_as_block_decorator_and_generator(torch, leaf):
    x = leaf(torch, 1.0)

    @torch.no_grad()
    def double(t):
        return t * 2

    @torch.no_grad()
    def generate():
        yield torch.is_grad_enabled()
        yield torch.is_grad_enabled()

    assert not double(x).requires_grad
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad
    seen = []
    for inside in generate():
        seen += [inside, torch.is_grad_enabled()]
    assert seen == [False, True, False, True]


def test_no_grad_ends_also_by_an_exception(torch):
    with pytest.raises(ZeroDivisionError), torch.no_grad():
        1 / 0
    assert torch.is_grad_enabled()


def test_set_grad_enabled_as_call_and_block(torch):
    torch.set_grad_enabled(False)
    assert not torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_detach_shares_memory_and_forgets(torch, leaf):
    x = leaf(torch, 1.0, 2.0)
    y = (x * 2).detach()
    assert not y.requires_grad and y.grad_fn is None and y.is_leaf
    x.detach()[0] = 5.0
    assert x.tolist() == [5.0, 2.0]


def test_versions_are_shared_by_views_and_detach_but_not_by_data(torch):
    x = torch.ones(2, 2)
    view, detached, data = x[0], x.detach(), x.data
    view.add_(1)
    assert (x._version, view._version, detached._version, data._version) == (1, 1, 1, 0)
    assert view._is_view() and view._base is x
