"""Hooks on what operators save for backward: packing, unpacking, errors, and saved tensors that may be changed in place."""

import weakref

import pytest


def raises(kind, phrase, call):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (compared below)
        call()
    assert caught.type is kind and phrase in str(caught.value), f"{caught.type.__name__}: {caught.value}"


@pytest.fixture
def saved(torch):
    """`torch.autograd.graph`."""
    return torch.autograd.graph


@pytest.fixture
def leaves(torch):
    """Two leaves of two elements."""
    return torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0], requires_grad=True)


OPERATORS = {
    "mul": lambda t, x, w: x * w,
    "mul by a constant": lambda t, x, w: x * t.tensor([5.0, 6.0]),
    "mul by a result": lambda t, x, w: x * (w + 1),
    "mul by a number": lambda t, x, w: x * 2,
    "div": lambda t, x, w: x / w,
    "pow": lambda t, x, w: x**w,
    "pow of a number": lambda t, x, w: 2**x,
    "square": lambda t, x, w: x**2,
    "exp": lambda t, x, w: x.exp(),
    "add": lambda t, x, w: x + w,
    "dot": lambda t, x, w: x @ w,
    "mm": lambda t, x, w: x.reshape(2, 1) @ w.reshape(1, 2),
    "mul_": lambda t, x, w: (x + 0).clone().mul_(w),
    "exp_": lambda t, x, w: x.clone().exp_(),
    "a view changed in place": lambda t, x, w: (lambda c: (c[:1].mul_(w[:1]), c)[1])(x.clone()),
    "max": lambda t, x, w: x.max(0)[0],
    "relu": lambda t, x, w: x.relu(),
    "where": lambda t, x, w: t.where(x > 1, x, x * 1),
    "prod": lambda t, x, w: x.prod(),
    "softmax": lambda t, x, w: x.softmax(0),
    "std": lambda t, x, w: x.std(),
    "norm": lambda t, x, w: x.norm(),
    "stack": lambda t, x, w: t.stack([x, w]),
}


def packed_by(torch, program):
    """What the hooks see of a program and its backward pass, and the gradients."""
    x, w = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0], requires_grad=True)
    log = []

    def pack(t):
        values = [round(v, 5) for v in t.detach().reshape(-1).tolist()]
        log.append((t is x, t is w, t.is_leaf, t.requires_grad, t.grad_fn is None, torch.is_grad_enabled(), values))
        return len(log), t.detach()

    def unpack(packed):
        log.append(("unpack", packed[0]))
        return packed[1]

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        result = program(torch, x, w)
    result.sum().backward()
    return log, [None if t.grad is None else [round(v, 4) for v in t.grad.tolist()] for t in (x, w)]


@pytest.mark.parametrize("name", OPERATORS)
def test_what_is_packed_and_in_which_order(name):
    real = pytest.importorskip("torch")
    import nbgrad

    ours, theirs = packed_by(nbgrad, OPERATORS[name]), packed_by(real, OPERATORS[name])
    assert ours == theirs
    plain = [t.clone().detach().requires_grad_() for t in (nbgrad.tensor([1.0, 2.0]), nbgrad.tensor([3.0, 4.0]))]
    OPERATORS[name](nbgrad, *plain).sum().backward()
    assert ours[1] == [None if t.grad is None else [round(v, 4) for v in t.grad.tolist()] for t in plain]


def test_only_the_innermost_hooks_run(torch, saved, leaves):
    x, w = leaves
    log = []

    def hooks(name):
        return saved.saved_tensors_hooks(lambda t: (log.append(f"pack {name}"), t.detach())[1], lambda p: (log.append(f"unpack {name}"), p)[1])

    with hooks("outer"):
        with hooks("inner"):
            y = x * w
        z = x.exp()
    (y + z).sum().backward()
    assert log == ["pack inner"] * 2 + ["pack outer", "unpack outer"] + ["unpack inner"] * 2
    assert x.grad.tolist() == pytest.approx([3 + 2.7182817, 4 + 7.3890561], rel=1e-6) and w.grad.tolist() == [1.0, 2.0]


def test_nothing_is_packed_without_recording(torch, saved, leaves):
    log = []
    with torch.no_grad(), saved.saved_tensors_hooks(log.append, lambda p: p):
        leaves[0] * leaves[1]
    assert log == []


def test_one_block_may_be_entered_inside_itself(torch, saved, leaves):
    log = []
    block = saved.saved_tensors_hooks(lambda t: (log.append(1), t.detach())[1], lambda p: p)
    with block:
        with block:
            leaves[0].exp()
        leaves[0].exp()
    leaves[0].exp()
    assert log == [1, 1]


def used(torch, pack, unpack):
    """The gradient of x through x.exp() * x with such hooks."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = x.exp() * x
    y.sum().backward()
    return [round(v, 4) for v in x.grad.tolist()]


def test_what_is_unpacked_is_what_counts(torch):
    assert used(torch, lambda t: None, lambda p: torch.ones(2)) == [2.0, 2.0]
    assert used(torch, lambda t: t.detach().clone(), lambda p: p * 2) == pytest.approx([16.3097, 73.8906], abs=2e-4)
    assert used(torch, lambda t: t.detach(), lambda p: p[0]) == pytest.approx([5.4366, 5.4366], abs=2e-4)
    assert used(torch, lambda t: t.detach().numpy().tobytes(), lambda p: torch.ones(2, dtype=torch.float64)) == [2.0, 2.0]


@pytest.mark.parametrize(
    ("pack", "unpack", "kind", "phrase"),
    [
        (lambda t: t.detach(), lambda p: 3, TypeError, "Output of saved tensor unpack_hook expected to be a Tensor but got result of type int"),
        (lambda t: t.detach(), lambda p: None, TypeError, "expected to be a Tensor but got result of type NoneType"),
        (lambda t: t.detach().add_(1), lambda p: p, RuntimeError, "A saved tensor pack hook is modifying its input in place"),
        (lambda t: 1 / 0, lambda p: p, ZeroDivisionError, "division by zero"),
        (lambda t: t.detach(), lambda p: 1 / 0, ZeroDivisionError, "division by zero"),
        (lambda: 3, lambda p: p, TypeError, "takes 0 positional arguments but 1 was given"),
        (3, 4, TypeError, "incompatible function arguments"),
    ],
)
def test_wrong_hooks(torch, pack, unpack, kind, phrase):
    raises(kind, phrase, lambda: used(torch, pack, unpack))
    assert torch.is_grad_enabled()
    assert used(torch, lambda t: t.detach(), lambda p: p) == pytest.approx([5.4366, 22.1672], abs=2e-4)


def test_saved_attributes_are_unpacked_with_their_history(torch, saved):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with saved.saved_tensors_hooks(lambda t: t.detach(), lambda p: p * 2):
        y = x.exp() * x
    node = y.grad_fn
    assert node._saved_other.tolist() == [2.0, 4.0] and node._saved_other.requires_grad and node._saved_other.is_leaf
    assert node._saved_other is not node._saved_other and type(node._saved_self.grad_fn).__name__ == "ExpBackward0"


def test_second_order_goes_through_what_was_unpacked(torch, saved):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with saved.saved_tensors_hooks(lambda t: t.detach().clone(), lambda p: p):
        y = x * x * x
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert g.tolist() == [3.0, 12.0] and h.tolist() == [6.0, 12.0]


def test_packed_results_have_second_order_too(torch, saved):
    x = torch.tensor([0.5, 1.0], requires_grad=True)
    with saved.saved_tensors_hooks(lambda t: t.detach().clone(), lambda p: p):
        y = x.exp()
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert h.tolist() == pytest.approx([1.6487213, 2.7182817], rel=1e-6)


def test_what_is_packed_may_be_changed(torch, saved):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with saved.saved_tensors_hooks(lambda t: t.detach().clone(), lambda p: p):
        y = x * 2
        z = y * y
    y.mul_(5)
    z.sum().backward()
    assert x.grad.tolist() == [8.0, 16.0]


def test_a_second_backward_raises_as_ever(torch, saved, leaves):
    x, w = leaves
    with saved.saved_tensors_hooks(lambda t: t.detach(), lambda p: p):
        y = (x * w).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [6.0, 8.0]
    raises(RuntimeError, "Trying to backward through the graph a second time", y.backward)


# ---- on one saved tensor


def test_hooks_on_one_saved_tensor(torch, leaves):
    x, w = leaves
    log = []
    node = (x * w).grad_fn
    raw = node._raw_saved_self
    raw.register_hooks(lambda t: (log.append(("pack", t is x, t.requires_grad, t.is_leaf)), t * 10)[1], lambda p: (log.append("unpack"), p)[1])
    shown = node._saved_self
    assert shown.requires_grad and shown is not x and shown.is_leaf and shown.tolist() == [10.0, 20.0]
    assert [g.tolist() for g in node(torch.ones(2))] == [[3.0, 4.0], [10.0, 20.0]]
    assert log == [("pack", False, False, True), "unpack", "unpack"]


def test_backward_uses_hooks_on_one_saved_tensor(torch, leaves):
    x, w = leaves
    y = x * w
    y.grad_fn._raw_saved_other.register_hooks(lambda t: None, lambda p: torch.ones(2))
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0] and w.grad.tolist() == [1.0, 2.0]


def test_what_is_not_packed_beside_it_may_not_change(torch, leaves):
    x, w = leaves
    a, b = x.clone(), w.clone()
    y = a * b
    y.grad_fn._raw_saved_self.register_hooks(lambda t: t.clone(), lambda p: p)
    a.zero_()
    y.sum().backward(retain_graph=True)
    assert w.grad.tolist() == [1.0, 2.0]
    b.zero_()
    raises(RuntimeError, "has been modified by an inplace operation", lambda: y.sum().backward())


def test_where_hooks_on_one_saved_tensor_are_refused(torch, saved, leaves):
    x, w = leaves
    same = lambda t: t
    raw = (x * w).grad_fn._raw_saved_self
    raises(TypeError, "register_hooks(): incompatible function arguments", lambda: raw.register_hooks(3, 4))
    raises(RuntimeError, "A saved tensor pack hook is modifying its input in place", lambda: raw.register_hooks(lambda t: t.add_(1), same))
    y = x * w
    raw = y.grad_fn._raw_saved_self
    raw.register_hooks(same, same)
    raises(RuntimeError, "Calling register_hooks on a saved tensor whose hooks have already been set", lambda: raw.register_hooks(same, same))
    with saved.saved_tensors_hooks(same, same):
        raw = (x * w).grad_fn._raw_saved_self
    raises(RuntimeError, "Calling register_hooks on a saved tensor whose hooks have already been set", lambda: raw.register_hooks(same, same))
    raw = (x * torch.ones(2)).grad_fn._raw_saved_self
    raises(RuntimeError, "Calling register_hooks on a saved tensor with value None is forbidden", lambda: raw.register_hooks(same, same))
    y = x * w
    y.sum().backward()
    raises(RuntimeError, "Calling register_hooks on a saved tensor after it has been freed", lambda: y.grad_fn._raw_saved_self.register_hooks(same, same))


# ---- the blocks made of such hooks


def test_saving_on_the_cpu(torch, saved, leaves):
    x, w = leaves
    for pin in (False, True):
        x.grad = w.grad = None
        with saved.save_on_cpu(pin_memory=pin):
            y = x * w
        y.sum().backward()
        assert x.grad.tolist() == [3.0, 4.0] and w.grad.tolist() == [1.0, 2.0]


def test_hooks_can_be_disabled(torch, saved, leaves):
    with saved.disable_saved_tensors_hooks("outer"):
        with saved.disable_saved_tensors_hooks("inner"):
            raises(RuntimeError, "inner", lambda: saved.save_on_cpu().__enter__())
        raises(RuntimeError, "outer", lambda: saved.save_on_cpu().__enter__())
        y = leaves[0] * leaves[1]
    with saved.save_on_cpu():
        raises(RuntimeError, "too late", lambda: saved.disable_saved_tensors_hooks("too late").__enter__())
    y.sum().backward()


def test_saved_tensors_may_be_changed_in_place(torch, saved):
    with saved.allow_mutation_on_saved_tensors() as context:
        a = torch.ones(2, requires_grad=True)
        b = a.clone()
        c = torch.full((2,), 3.0)
        squares, exps, product = (b**2).sum(), b.exp(), a * c
        held = exps.clone()
        b.sin_()
        exps.mul_(7)
        c.mul_(5)
        c.mul_(5)
        assert len(context.cloned) == 3
        (squares + exps.sum() + product.sum()).backward()
        assert a.grad.tolist() == pytest.approx([2 + 7 * held[0].item() + 3] * 2)


def test_saved_tensors_may_be_changed_through_views(torch, saved):
    with saved.allow_mutation_on_saved_tensors():
        a = torch.ones(2, 2, requires_grad=True)
        b = a.clone()
        out = (b**2).sum()
        b[0].mul_(7)
        out.backward()
        assert a.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_changed_saved_tensors_are_of_no_use_outside_the_block(torch, saved):
    with saved.allow_mutation_on_saved_tensors():
        raises(RuntimeError, "allow_mutation_on_saved_tensors contexts cannot be nested", lambda: saved.allow_mutation_on_saved_tensors().__enter__())
        out = (torch.ones(2, requires_grad=True).clone() ** 2).sum()
    raises(AssertionError, "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context", out.backward)


def test_counting_changes_by_hand(torch, saved, leaves):
    c = torch.ones(2)
    saved.increment_version(c)
    saved.increment_version([c, c])
    assert c._version == 3
    y = (leaves[0] * c).sum()
    saved.increment_version(c)
    raises(RuntimeError, "has been modified by an inplace operation: [torch.FloatTensor [2]] is at version 4; expected version 3 instead", y.backward)


def test_packed_graphs_are_freed_by_counting(counting):
    import nbgrad

    x = nbgrad.ones(2, requires_grad=True)
    with nbgrad.autograd.graph.saved_tensors_hooks(lambda t: t.detach(), lambda p: p):
        y = x.exp() * x
    with nbgrad.autograd.graph.allow_mutation_on_saved_tensors():
        z = y.exp()
        nodes = [weakref.ref(y.grad_fn), weakref.ref(z.grad_fn)]
        z.sum().backward()
        del y, z
        assert [n() for n in nodes] == [None, None]
