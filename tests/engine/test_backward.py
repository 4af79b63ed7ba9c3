"""What backward does: accumulation, freeing, roots, inputs, higher order, errors; each held against real torch where it is there."""

import gc
import threading
import weakref

import numpy as np
import pytest

import nbgrad


def test_gradients_accumulate_in_the_same_tensor(torch, leaf):
    x = leaf(torch, 1.0, 2.0)
    (x * x).sum().backward()
    first = x.grad
    assert first.tolist() == [2.0, 4.0]
    (x * x).sum().backward()
    assert x.grad is first
    assert first.tolist() == [4.0, 8.0]


def test_a_gradient_is_nobody_elses_memory(torch, leaf):
    x, y = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0, 1.0]


def test_the_given_gradient_is_copied(torch, leaf):
    x = leaf(torch, 1.0, 2.0)
    g = torch.tensor([1.0, 1.0])
    x.backward(g)
    x.grad.zero_()
    assert g.tolist() == [1.0, 1.0]


def test_a_tensor_used_many_times_gets_the_sum(torch, leaf):
    x = leaf(torch, 3.0)
    y = x * x * x + x * x + x
    y.sum().backward()
    assert x.grad.tolist() == [27.0 + 6.0 + 1.0]


def test_second_backward_raises_only_where_something_was_saved(torch, leaf):
    x = leaf(torch, 1.0, 2.0)
    linear = (x + 1).sum()
    linear.backward()
    linear.backward()
    assert x.grad.tolist() == [2.0, 2.0]
    product = (x * x).sum()
    product.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        product.backward()


def test_retain_graph_keeps_what_was_saved(torch, leaf):
    x = leaf(torch, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]


def test_a_root_of_several_elements_needs_a_gradient(torch, leaf):
    x = leaf(torch, 1.0, 2.0)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    (x * 2).backward(torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 20.0]


def test_a_gradient_of_another_shape_raises(torch, leaf):
    x = leaf(torch, 1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"Mismatch in shape: grad_output\[0\] has a shape of torch.Size\(\[3\]\)"):
        (x * 2).backward(torch.ones(3))


def test_a_root_without_history_raises(torch):
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad and does not have a grad_fn"):
        torch.ones(()).backward()


def test_inputs_limits_the_pass(torch, leaf):
    x, y = leaf(torch, 2.0), leaf(torch, 3.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [3.0] and y.grad is None


def test_inputs_may_be_results_on_the_way(torch, leaf):
    x = leaf(torch, 2.0)
    y = x * x
    (y * 3).sum().backward(inputs=[y])
    assert y.grad.tolist() == [3.0] and x.grad is None


def test_grad_leaves_every_grad_alone(torch, leaf):
    x, y = leaf(torch, 2.0), leaf(torch, 3.0)
    gx, gy = torch.autograd.grad((x * y).sum(), [x, y])
    assert gx.tolist() == [3.0] and gy.tolist() == [2.0]
    assert x.grad is None and y.grad is None


def test_grad_of_an_unused_input(torch, leaf):
    x, y = leaf(torch, 2.0), leaf(torch, 3.0)
    z = (x * 2).sum()
    with pytest.raises(RuntimeError, match="The differentiated Tensor at index 1 appears to not have been used in the graph"):
        torch.autograd.grad(z, [x, y], retain_graph=True)
    assert torch.autograd.grad(z, [x, y], allow_unused=True, retain_graph=True)[1] is None
    assert torch.autograd.grad(z, [x, y], materialize_grads=True)[1].tolist() == [0.0]


def test_grad_of_the_root_itself(torch, leaf):
    x = leaf(torch, 2.0)
    y = (x * x).sum()
    gy, gx = torch.autograd.grad(y, [y, x])
    assert gy.item() == 1.0 and gx.tolist() == [4.0]


def test_create_graph_gives_every_order(torch, leaf):
    x = leaf(torch, 2.0)
    y = (x * x * x * x).sum()
    found = []
    for _ in range(4):
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        found.append(g.item())
        y = g.sum()
    assert found == [32.0, 48.0, 48.0, 24.0]


def test_second_order_through_a_leaf_that_is_saved(torch, leaf):
    w = leaf(torch, 3.0)
    x = leaf(torch, 2.0)
    (g,) = torch.autograd.grad((w * x.exp()).sum(), x, create_graph=True)
    g.sum().backward()
    assert w.grad.item() == pytest.approx(np.exp(2.0), rel=1e-6)
    assert x.grad.item() == pytest.approx(3 * np.exp(2.0), rel=1e-6)


def test_backward_with_create_graph_warns_of_the_cycle(torch, leaf):
    x = leaf(torch, 2.0)
    if torch is not nbgrad:
        torch.set_warn_always(True)  # else it warns once in a process
    try:
        with pytest.warns(UserWarning, match="reference cycle between the parameter and its gradient"):
            (x * x).sum().backward(create_graph=True)
    finally:
        if torch is not nbgrad:
            torch.set_warn_always(False)
    assert x.grad.requires_grad
    x.grad = None


def test_several_roots_at_once(torch, leaf):
    x = leaf(torch, 2.0)
    torch.autograd.backward([(x * x).sum(), (x * 3).sum()])
    assert x.grad.tolist() == [7.0]


def test_broadcast_gradients_are_summed_to_their_shape(torch):
    x = torch.ones(3, requires_grad=True)
    y = torch.ones(2, 1, requires_grad=True)
    (x * y * 2).sum().backward()
    assert x.grad.tolist() == [4.0, 4.0, 4.0]
    assert y.grad.tolist() == [[6.0], [6.0]]


def test_gradients_have_the_type_of_their_tensor(torch):
    x = torch.ones(3, dtype=torch.float32, requires_grad=True)
    y = torch.ones(3, dtype=torch.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype == torch.float32 and y.grad.dtype == torch.float64


def test_retain_grad_keeps_the_gradient_of_a_result(torch, leaf):
    x = leaf(torch, 2.0)
    y = x * x
    y.retain_grad()
    assert y.retains_grad
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0]


def test_the_grad_of_a_result_warns(torch, leaf):
    x = leaf(torch, 2.0)
    y = x * x
    with pytest.warns(UserWarning, match="The .grad attribute of a Tensor that is not a leaf Tensor is being accessed"):
        assert y.grad is None


def test_hooks_see_and_replace_gradients(torch, leaf):
    x = leaf(torch, 2.0)
    y = x * x
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    handle = y.register_hook(lambda g: g * 10)
    y.retain_grad()
    y.sum().backward()
    assert seen == [[1.0]] and y.grad.tolist() == [10.0] and x.grad.tolist() == [40.0]
    handle.remove()


def test_hooks_on_leaves_run_once_with_the_whole_gradient(torch, leaf):
    x = leaf(torch, 2.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * x + x).sum().backward()
    assert seen == [[5.0]]


@pytest.mark.parametrize("value", [3.0, [1.0]])
def test_an_assigned_gradient_must_be_a_tensor(torch, value, leaf):
    with pytest.raises(TypeError, match="assigned grad expected to be a Tensor or None but got grad of type"):
        leaf(torch, 1.0).grad = value


def test_an_assigned_gradient_must_fit(torch, leaf):
    x = leaf(torch, 1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"attempting to assign a gradient of size '\[3\]' to a tensor of size '\[2\]'"):
        x.grad = torch.ones(3)


def test_only_floating_point_tensors_can_require_gradients(torch):
    with pytest.raises(RuntimeError, match="[oO]nly Tensors of floating point and complex dtype can require gradients"):
        torch.tensor([1, 2], requires_grad=True)


def test_results_cannot_be_told_to_forget(torch, leaf):
    y = leaf(torch, 1.0) * 2
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        y.requires_grad_(False)


def test_numpy_of_a_tensor_with_history_raises(torch, leaf):
    with pytest.raises(RuntimeError, match="Can't call numpy\\(\\) on Tensor that requires grad. Use tensor.detach\\(\\).numpy\\(\\) instead."):
        leaf(torch, 1.0).numpy()


def test_a_chain_of_a_hundred_thousand_operators():
    x = nbgrad.ones(2, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    del y


def test_a_graph_is_freed_without_the_cyclic_collector():
    gc.collect()
    gc.disable()
    try:
        x = nbgrad.ones(2, requires_grad=True)
        y = (x * 2).exp()
        node, loss = weakref.ref(y.grad_fn), (y * y).sum()
        loss.backward()
        tensor = weakref.ref(y)
        del y, loss
        assert node() is None and tensor() is None
        accumulator = weakref.ref((x * 2).grad_fn.next_functions[0][0])
        assert accumulator() is None
    finally:
        gc.enable()


def test_each_thread_has_its_own_grad_mode():
    seen = []
    with nbgrad.no_grad():
        thread = threading.Thread(target=lambda: seen.append(nbgrad.is_grad_enabled()))
        thread.start()
        thread.join()
        assert not nbgrad.is_grad_enabled()
    assert seen == [True]


def test_what_is_saved_is_what_the_formulas_need(torch, leaf):
    x, y = leaf(torch, 2.0), torch.tensor([3.0])
    node = (x * y).grad_fn
    assert node._saved_self is None and node._saved_other.tolist() == [3.0]
    assert node.next_functions[0][0].name().endswith("AccumulateGrad") and node.next_functions[1][0] is None
    node = x.exp().grad_fn
    assert node._saved_result.item() == pytest.approx(np.exp(2.0), rel=1e-6)


def test_errors_name_the_lines():
    x = nbgrad.ones(2, requires_grad=True)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    assert "which is output 0 of Exp" not in str(caught.value) or "is at version 1; expected version 0" in str(caught.value)
    assert "saved at test_backward.py, line" in str(caught.value) and "changed in place at test_backward.py, line" in str(caught.value)
    z = (x * x).sum()
    z.backward()
    with pytest.raises(RuntimeError, match="MulBackward0, made at test_backward.py, line"):
        z.backward()
