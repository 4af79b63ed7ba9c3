"""What a backward pass is asked for: roots, cotangents, inputs, gradient edges, `.grad` and `retain_grad`; every test runs on nbgrad and on PyTorch."""

import pytest


@pytest.fixture
def pair(torch):
    """A leaf x of two elements, and y = x * x."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    return x, x * x


def error_of(call):
    """The type and text of what a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  (the caller compares type and text)
        call()
    return caught.type, str(caught.value)


def raises(kind, phrase, call):
    found, text = error_of(call)
    assert found is kind and phrase in text, f"{found.__name__}: {text}"


# ---- roots and cotangents


def test_one_root_given_twice_counts_twice(torch, pair):
    x, y = pair
    s = y.sum()
    torch.autograd.backward([s, s])
    assert x.grad.tolist() == [4.0, 8.0]


def test_a_root_that_is_a_leaf_waits_for_the_rest_of_its_gradient(torch, pair):
    x, y = pair
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    torch.autograd.backward([x, y], [torch.ones(2), torch.ones(2) * 5])
    assert seen == [[11.0, 21.0]] and x.grad.tolist() == [11.0, 21.0]


def test_one_leaf_given_twice_as_a_root(torch):
    x = torch.ones(2, requires_grad=True)
    torch.autograd.backward([x, x], [torch.ones(2), torch.ones(2) * 5])
    assert x.grad.tolist() == [6.0, 6.0]


def test_cotangents_may_be_left_out_one_by_one(torch, pair):
    x, y = pair
    (g,) = torch.autograd.grad([y.sum(), x * 3], [x], [None, torch.ones(2)])
    assert g.tolist() == [5.0, 7.0]


def test_too_many_cotangents_are_left_aside_too_few_raise(torch, pair):
    x, y = pair
    torch.autograd.backward([y], [torch.ones(2), torch.ones(7)], retain_graph=True)
    assert x.grad.tolist() == [2.0, 4.0]
    raises(RuntimeError, "got 2 tensors and 1 gradients", lambda: torch.autograd.backward([y.sum(), x.sum()], [torch.ones(())]))


def test_a_cotangent_is_brought_to_the_type_of_its_root_before_hooks_see_it(torch, pair):
    x, y = pair
    seen = []
    y.register_hook(lambda g: seen.append(g.dtype))
    y.backward(torch.ones(2, dtype=torch.float64), retain_graph=True)
    y.backward(torch.ones(2, dtype=torch.int64))
    assert seen == [torch.float32] * 2 and x.grad.tolist() == [4.0, 8.0]


@pytest.mark.parametrize(
    ("call", "kind", "phrase"),
    [
        (lambda t, x, y: y.backward(3), TypeError, "'int' object is not iterable"),
        (lambda t, x, y: y.backward([1, 2]), TypeError, "gradients can be either Tensors or None, but got int"),
        (lambda t, x, y: y.backward(), RuntimeError, "grad can be implicitly created only for scalar outputs"),
        (lambda t, x, y: y.backward(t.ones(3)), RuntimeError, "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0]"),
        (lambda t, x, y: y.backward(t.ones(2, dtype=t.complex64)), RuntimeError, "both grad_output and output are required to have the same dtype"),
        (lambda t, x, y: t.tensor(1.0).backward(), RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn"),
        (lambda t, x, y: t.autograd.backward([y.sum(), t.tensor(1.0)]), RuntimeError, "element 1 of tensors does not require grad"),
        (lambda t, x, y: t.autograd.backward(3), TypeError, "'int' object is not iterable"),
        (lambda t, x, y: t.autograd.backward([3]), AssertionError, "Expected output to be a torch.Tensor"),
        (lambda t, x, y: t.autograd.grad(y.sum(), t.tensor(1.0)), RuntimeError, "One of the differentiated Tensors does not require grad"),
        (lambda t, x, y: t.autograd.grad(y.sum(), [3]), RuntimeError, "all inputs have to be Tensors or GradientEdges, but got int"),
        (lambda t, x, y: t.autograd.grad(y.sum(), 3), TypeError, "'int' object is not iterable"),
        (lambda t, x, y: t.autograd.grad(y.sum(), []), RuntimeError, "`inputs` argument to `grad()` cannot be empty"),
        (lambda t, x, y: t.autograd.grad([], x), RuntimeError, "appears to not have been used in the graph"),
        (lambda t, x, y: y.sum().backward(inputs=[]), RuntimeError, "`inputs` argument to `backward()` cannot be empty"),
        (lambda t, x, y: y.sum().backward(inputs=[None]), RuntimeError, "all inputs have to be Tensors or GradientEdges, but got NoneType"),
        (lambda t, x, y: y.sum().backward(inputs=[t.ones(1)]), RuntimeError, "can't retain_grad on Tensor that has requires_grad=False"),
        (lambda t, x, y: t.autograd.grad(y.sum(), x, allow_unused=False, materialize_grads=True), ValueError, "Expected allow_unused to be True or not passed"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for(torch, pair, call, kind, phrase):
    raises(kind, phrase, lambda: call(torch, *pair))


def test_the_old_name_of_the_cotangents(torch, pair):
    x, y = pair
    with pytest.warns(FutureWarning, match="`grad_variables` is deprecated. Use `grad_tensors` instead."):
        torch.autograd.backward(y, grad_variables=torch.ones(2))
    assert x.grad.tolist() == [2.0, 4.0]
    with pytest.warns(FutureWarning), pytest.raises(RuntimeError, match=r"arguments both passed to `backward\(\)`"):
        torch.autograd.backward(y, torch.ones(2), grad_variables=torch.ones(2))


def test_only_inputs_is_deprecated(torch, pair):
    x, y = pair
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        torch.autograd.grad(y.sum(), x, only_inputs=False)


# ---- inputs


def test_inputs_as_a_dictionary(torch, pair):
    x, y = pair
    s = y.sum()
    found = torch.autograd.grad(s, {"a": x}, retain_graph=True)
    assert list(found) == ["a"] and found["a"].tolist() == [2.0, 4.0]
    s.backward(inputs={"a": x})
    assert x.grad.tolist() == [2.0, 4.0]


def test_the_same_input_twice(torch, pair):
    x, y = pair
    assert [g.tolist() for g in torch.autograd.grad(y.sum(), [x, x])] == [[2.0, 4.0]] * 2


def test_materialized_zeros_belong_to_the_graph_that_is_made(torch, pair):
    x, y = pair
    other = torch.ones(2, requires_grad=True)
    zeros = torch.autograd.grad(y.sum(), [x, other], materialize_grads=True, create_graph=True)[1]
    assert zeros.tolist() == [0.0, 0.0] and zeros.requires_grad and zeros.is_leaf
    edge = torch.autograd.graph.get_gradient_edge(other)
    raises(RuntimeError, "materialize_grads cannot be used when the given input is a GradientEdge",
           lambda: torch.autograd.grad(y.sum(), [edge], materialize_grads=True))  # fmt: skip


def test_results_as_inputs_of_backward_are_run_and_freed_too(torch, pair):
    x, y = pair
    z = y * 3
    (z * 5).sum().backward(inputs=[y, z])
    assert y.grad.tolist() == [15.0, 15.0] and z.grad.tolist() == [5.0, 5.0] and x.grad is None
    assert y.retains_grad
    raises(RuntimeError, "Trying to backward through the graph a second time", lambda: y.sum().backward())


def test_results_as_inputs_of_grad_are_not_run(torch, pair):
    x, y = pair
    assert torch.autograd.grad((y * 5).sum(), y)[0].tolist() == [5.0, 5.0]
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [2.0, 4.0]


def test_nothing_beside_the_way_to_the_inputs_is_freed(torch, pair):
    x, y = pair
    a, b = y.exp(), y.sin()
    (a * b).sum().backward(inputs=[a])
    assert b.sum().backward() is None and x.grad is not None


def test_grad_of_one_output_of_several(torch):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    values, _ = x.max(1)
    rows = (x * 2).unbind(0)
    loss = (rows[0] * rows[1]).sum() + values.sum()
    found = torch.autograd.grad(loss, [rows[1], rows[0], values, x])
    assert [g.tolist() for g in found] == [[2.0, 4.0], [6.0, 8.0], [1.0, 1.0], [[12.0, 17.0], [4.0, 9.0]]]


# ---- gradient edges


def test_gradient_edges_stand_for_tensors(torch, pair):
    x, y = pair
    edge_of = torch.autograd.graph.get_gradient_edge
    s = y.sum()
    assert torch.autograd.grad(s, edge_of(x), retain_graph=True)[0].tolist() == [2.0, 4.0]
    assert torch.autograd.grad(edge_of(y), x, grad_outputs=torch.ones(2) * 3, retain_graph=True)[0].tolist() == [6.0, 12.0]
    torch.autograd.backward(edge_of(s), inputs=edge_of(x))
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_gradient_edge_as_an_input_of_backward_keeps_nothing(torch, pair):
    x, y = pair
    torch.autograd.backward(y.sum(), inputs=[torch.autograd.graph.get_gradient_edge(y)])
    assert x.grad is None and not y.retains_grad


def test_what_a_gradient_edge_is(torch, pair):
    x, y = pair
    edge = torch.autograd.graph.get_gradient_edge(y)
    assert edge == torch.autograd.graph.get_gradient_edge(y) and isinstance(edge, tuple) and edge._fields == ("node", "output_nr", "ownership_token")
    assert edge.node is y.grad_fn and edge.output_nr == 0
    rows = torch.ones(2, 2, requires_grad=True).unbind(0)
    assert torch.autograd.graph.get_gradient_edge(rows[1]).output_nr == 1
    raises(RuntimeError, "It is not possible to get the gradient edge for a Tensor that does not require gradients",
           lambda: torch.autograd.graph.get_gradient_edge(torch.ones(1)))  # fmt: skip
    raises(RuntimeError, "grad can be implicitly created only for scalar outputs", lambda: torch.autograd.backward(edge))
    raises(RuntimeError, "Mismatch in shape: grad_output[0]", lambda: torch.autograd.backward(edge, torch.ones(3)))


def test_a_gradient_edge_of_a_tensor_that_is_gone(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    edge = torch.autograd.graph.get_gradient_edge(y)
    z = (y * 2).sum()
    del y
    assert torch.autograd.grad(z, edge)[0].tolist() == [2.0, 2.0]


# ---- order


def test_nodes_run_by_falling_sequence_number_and_accumulators_as_soon_as_ready(torch):
    order = []
    a, b, c = (torch.ones(2, requires_grad=True) for _ in range(3))
    for name, leaf in zip("abc", (a, b, c)):
        leaf.register_hook(lambda g, name=name: order.append(name))
    u = a.exp()
    v = b.sin()
    w = u * c
    x = v * w
    for name, t in zip("uvwx", (u, v, w, x)):
        t.register_hook(lambda g, name=name: order.append(name))
    x.sum().backward()
    assert order == ["x", "w", "c", "v", "b", "u", "a"]


def test_a_leaf_used_early_and_late_accumulates_once_at_the_end(torch):
    order = []
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    a.register_post_accumulate_grad_hook(lambda p: order.append("a"))
    b.register_post_accumulate_grad_hook(lambda p: order.append("b"))
    ((a * 2).exp() * b * a).sum().backward()
    assert order == ["b", "a"]


# ---- .grad


@pytest.mark.parametrize(
    ("value", "kind", "phrase"),
    [
        (lambda t: 3, TypeError, "assigned grad expected to be a Tensor or None but got grad of type"),
        (lambda t: t.ones(3), RuntimeError, "attempting to assign a gradient of size '[3]' to a tensor of size '[2]'"),
        (lambda t: t.ones(2, dtype=t.float64), RuntimeError, "to a tensor with grad_dtype 'Float'. The gradient must match the tensor's grad_dtype"),
    ],
)
def test_what_cannot_be_a_gradient(torch, pair, value, kind, phrase):
    raises(kind, phrase, lambda: setattr(pair[0], "grad", value(torch)))


def test_a_tensor_is_not_its_own_gradient(torch, pair):
    raises(RuntimeError, "can't assign Variable as its own grad", lambda: setattr(pair[0], "grad", pair[0]))


def test_grad_is_assigned_and_deleted(torch, pair):
    x, y = pair
    x.grad = torch.ones(2)
    del x.grad
    assert x.grad is None
    plain = torch.zeros(2)
    plain.grad = torch.ones(2)
    assert plain.grad.tolist() == [1.0, 1.0]
    y.grad = torch.ones(2)
    y.retain_grad()
    y.sum().backward()
    assert y.grad.tolist() == [2.0, 2.0]


def test_an_assigned_gradient_is_added_to_in_place_with_its_history(torch, pair):
    x, y = pair
    x.grad = held = torch.ones(2, requires_grad=True) * 2
    y.sum().backward()
    assert x.grad is held and held.tolist() == [4.0, 6.0] and held.grad_fn is not None
    x.grad = held = torch.ones(2, requires_grad=True)
    (x * x).sum().backward()
    assert x.grad is held and held.requires_grad and held.tolist() == [3.0, 5.0]


def test_an_expanded_gradient_cannot_be_added_to(torch, pair):
    x, y = pair
    x.grad = torch.ones(1).expand(2)
    raises(RuntimeError, "more than one element of the written-to tensor refers to a single memory location", lambda: y.sum().backward())


@pytest.fixture
def warnings_always(torch):
    """Let PyTorch warn each time, and not use up the one time in a process that another test waits for."""
    switch = getattr(torch, "set_warn_always", lambda on: None)
    switch(True)
    yield
    switch(False)


@pytest.mark.usefixtures("warnings_always")
def test_with_create_graph_the_sum_is_a_new_tensor(torch, pair):
    x, y = pair
    with pytest.warns(UserWarning, match="create_graph=True will create a reference cycle"):
        y.sum().backward(create_graph=True)
    first = x.grad
    with pytest.warns(UserWarning):
        (x * x).sum().backward(create_graph=True)
    assert x.grad is not first and x.grad.grad_fn is not None and x.grad.tolist() == [4.0, 8.0]
    x.grad = None


@pytest.mark.parametrize("exponent", [1, 2, 2.0, 3, "square"])
def test_how_often_a_power_can_be_differentiated(torch, exponent):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.square() if exponent == "square" else x**exponent
    histories = 0
    while y.requires_grad:
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        histories += 1
    assert histories == {1: 2, 2: 3, 3: 4}[2 if exponent == "square" else exponent]
    assert y.tolist() == [0.0, 0.0]


def test_accumulation_counts_as_a_change(torch, pair):
    x, y = pair
    s = y.sum()
    s.backward(retain_graph=True)
    before = x.grad._version
    s.backward()
    assert x.grad._version == before + 1


# ---- retain_grad


def test_a_retained_gradient_is_summed_out_of_place(torch, pair):
    _, y = pair
    y.retain_grad()
    y.retain_grad()
    s = y.sum()
    s.backward(retain_graph=True)
    first = y.grad
    s.backward()
    assert y.grad is not first and first.tolist() == [1.0, 1.0] and y.grad.tolist() == [2.0, 2.0]


def test_retain_grad_of_leaves_and_of_constants(torch, pair):
    x, _ = pair
    x.retain_grad()
    assert not x.retains_grad
    raises(RuntimeError, "can't retain_grad on Tensor that has requires_grad=False", lambda: torch.ones(1).retain_grad())


def test_after_a_change_in_place_the_new_gradient_is_retained(torch, pair):
    _, y = pair
    y.retain_grad()
    y.mul_(2)
    assert y.retains_grad
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0, 3.0]


def test_retained_gradients_are_kept_by_grad_too(torch, pair):
    x, y = pair
    y.retain_grad()
    torch.autograd.grad((y * 5).sum(), x)
    assert y.grad.tolist() == [5.0, 5.0] and x.grad is None


def test_the_old_names(torch):
    old = torch.autograd.Variable
    t = torch.ones(2)
    assert isinstance(t, old) and not isinstance(3, old)
    assert old(t, requires_grad=True).requires_grad and not old(t).requires_grad
    raises(TypeError, "Variable data has to be a tensor, but got list", lambda: old([1.0]))
    raises(RuntimeError, "torch.autograd.variable(...) is deprecated", lambda: torch.autograd.variable(t))
    assert torch.autograd.variable.Variable is old


def test_a_loss_of_a_bool_target_is_differentiated_twice(torch):
    x = torch.tensor([0.5, 0.25], dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(torch.nn.functional.mse_loss(x, torch.tensor([True, False])), x, create_graph=True)
    (second,) = torch.autograd.grad((grad * grad).sum(), x)
    assert (grad.tolist(), second.tolist()) == ([-0.5, 0.25], [-1.0, 0.5])
