"""Hooks on tensors and nodes: order, replacement, removal, what they may return, and passes that are limited to some inputs."""

import pickle
import weakref

import pytest


@pytest.fixture
def pair(torch):
    """A leaf x of two elements, and y = x * x."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    return x, x * x


def raises(kind, phrase, call):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (compared below)
        call()
    assert caught.type is kind and phrase in str(caught.value), f"{caught.type.__name__}: {caught.value}"


def lists(grads):
    """Gradients as nested lists, tuples kept."""
    return tuple(map(lists, grads)) if isinstance(grads, tuple) else None if grads is None else grads.tolist()


def test_the_order_around_one_node(torch):
    x = torch.tensor([2.0], requires_grad=True)
    y = x * x
    node, accumulator = y.grad_fn, y.grad_fn.next_functions[0][0]
    log = []
    node.register_hook(lambda gi, go: log.append(("after", lists(gi), lists(go))))
    node.register_prehook(lambda go: log.append(("before", lists(go), y.grad.tolist())))
    accumulator.register_hook(lambda gi, go: log.append(("after accumulation", gi, lists(go), x.grad.tolist())))
    accumulator.register_prehook(lambda go: log.append(("before accumulation", lists(go), x.grad)))
    x.register_post_accumulate_grad_hook(lambda p: log.append(("accumulated", p is x, p.grad.tolist())))
    x.register_hook(lambda g: log.append(("x", g.tolist())))
    y.register_hook(lambda g: log.append(("y", g.tolist())))
    y.retain_grad()
    y.register_hook(lambda g: log.append(("y again", y.retains_grad, y._backward_hooks is not None)))
    y.sum().backward()
    assert log == [
        ("y", [1.0]), ("y again", True, True), ("before", ([1.0],), [1.0]), ("after", ([2.0], [2.0]), ([1.0],)), ("x", [4.0]),
        ("before accumulation", ([4.0],), None), ("accumulated", True, [4.0]), ("after accumulation", (), ([4.0],), [4.0]),
    ]  # fmt: skip


def test_hooks_of_several_outputs_run_output_by_output(torch):
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    a, b = (x * 1).unbind()
    log = []
    for name, t in (("a", a), ("b", b), ("a", a), ("b", b)):
        t.register_hook(lambda g, name=name: log.append((name, g.item())))
    (a * b).backward()
    assert log == [("a", 3.0), ("a", 3.0), ("b", 2.0), ("b", 2.0)]


def test_what_each_hook_returns_goes_to_the_next(torch, pair):
    x, y = pair
    seen = []
    y.register_hook(lambda g: g * 2)
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g + 1)
    y.retain_grad()
    y.grad_fn.register_prehook(lambda go: (go[0] * 10,))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 0, gi[1]))
    x.register_hook(lambda g: g + 100)
    y.sum().backward()
    assert seen == [[2.0, 2.0]] and y.grad.tolist() == [3.0, 3.0] and x.grad.tolist() == [130.0, 160.0]


# ---- registering and removing


def test_a_hook_removed_by_an_earlier_one_still_runs_this_time(torch, pair):
    _, y = pair
    log, handles = [], []
    handles.append(y.register_hook(lambda g: (log.append("a"), [h.remove() for h in handles])[0]))
    handles.append(y.register_hook(lambda g: log.append("b")))
    s = y.sum()
    s.backward(retain_graph=True)
    s.backward()
    assert log == ["a", "b"]


def test_a_hook_registered_by_a_hook_runs_where_it_is_still_to_come(torch, pair):
    x, y = pair
    log = []

    def first(g):
        y.register_hook(lambda g: log.append("too late"))
        x.register_hook(lambda g: log.append("x"))

    y.register_hook(first)
    y.sum().backward()
    assert log == ["x"]


def test_handles(torch, pair):
    x, y = pair
    handle_class = torch.utils.hooks.RemovableHandle
    first, second = x.register_hook(lambda g: None), y.grad_fn.register_hook(lambda gi, go: None)
    assert type(first) is type(second) is handle_class and second.id == first.id + 1
    assert list(x._backward_hooks) == [first.id]
    first.remove()
    first.remove()
    assert not x._backward_hooks
    log = []
    s = y.sum()
    with y.register_hook(lambda g: log.append(1)) as inside:
        assert type(inside) is handle_class
        s.backward(retain_graph=True)
    s.backward()
    assert log == [1]


def test_a_handle_does_not_keep_what_it_is_a_handle_of(torch):
    y = torch.ones(1, requires_grad=True) * 2
    handle, gone = y.register_hook(lambda g: None), weakref.ref(y)
    del y
    assert gone() is None and handle.hooks_dict_ref() is None
    handle.remove()


def test_a_hook_is_not_checked_before_it_is_called(torch, pair):
    x, y = pair
    y.register_hook(3)
    raises(TypeError, "'int' object is not callable", lambda: y.sum().backward())


@pytest.mark.parametrize(
    ("call", "phrase"),
    [
        (lambda t, x, y: t.ones(1).register_hook(print), "cannot register a hook on a tensor that doesn't require gradient"),
        (lambda t, x, y: t.ones(1).register_post_accumulate_grad_hook(print), "cannot register a hook on a tensor that doesn't require gradient"),
        (lambda t, x, y: y.register_post_accumulate_grad_hook(print), "post accumulate grad hooks cannot be registered on non-leaf tensors"),
    ],
)
def test_where_a_hook_cannot_be_registered(torch, pair, call, phrase):
    raises(RuntimeError, phrase, lambda: call(torch, *pair))


# ---- what hooks may return


@pytest.mark.parametrize("where", ["result", "leaf"])
@pytest.mark.parametrize(
    ("returned", "kind", "phrase"),
    [
        (lambda g: 3, TypeError, "expected Variable, but hook returned 'int'"),
        (lambda g: (g,), TypeError, "expected Variable, but hook returned 'tuple'"),
        (lambda g: g[0], RuntimeError, "hook '<lambda>' has changed the size of value"),
        (lambda g: g.double(), RuntimeError, "hook '<lambda>' has changed the type of value (was torch.FloatTensor got torch.DoubleTensor)"),
    ],
)
def test_wrong_results_of_tensor_hooks(torch, pair, where, returned, kind, phrase):
    x, y = pair
    (x if where == "leaf" else y).register_hook(returned)
    raises(kind, phrase, lambda: y.sum().backward())


@pytest.mark.parametrize("where", ["result", "leaf"])
@pytest.mark.parametrize(
    ("returned", "kind", "phrase"),
    [
        (lambda go: go[0], TypeError, "expected tuple, but hook returned 'Tensor'"),
        (lambda go: [go[0]], TypeError, "expected tuple, but hook returned 'list'"),
        (lambda go: (), RuntimeError, "hook '<lambda>' has returned an incorrect number of values (got 0, but expected 1)"),
        (lambda go: (go[0][0],), RuntimeError, "hook '<lambda>' has changed the size of value"),
        (lambda go: (go[0].double(),), RuntimeError, "hook '<lambda>' has changed the type of value"),
    ],
)
def test_wrong_results_of_hooks_before_a_node(torch, pair, where, returned, kind, phrase):
    _, y = pair
    (y.grad_fn if where == "result" else y.grad_fn.next_functions[0][0]).register_prehook(returned)
    raises(kind, phrase, lambda: y.sum().backward())


@pytest.mark.parametrize(
    ("returned", "kind", "phrase"),
    [
        (lambda gi, go: gi[0], TypeError, "expected tuple, but hook returned 'Tensor'"),
        (lambda gi, go: (gi[0],), RuntimeError, "hook '<lambda>' has returned an incorrect number of values (got 1, but expected 2)"),
        (lambda gi, go: (gi[0], 3), TypeError, "expected Variable, but hook returned 'int'"),
        (lambda gi, go: (gi[0], gi[1].sum()), RuntimeError, "hook '<lambda>' has changed the size of value"),
        (lambda gi, go: (gi[0], gi[1].double()), RuntimeError, "hook '<lambda>' has changed the type of value"),
    ],
)
def test_wrong_results_of_hooks_after_a_node(torch, pair, returned, kind, phrase):
    _, y = pair
    y.grad_fn.register_hook(returned)
    raises(kind, phrase, lambda: y.sum().backward())


def test_gradients_can_be_taken_away_but_not_made_up(torch, pair):
    x, y = pair
    handle = y.grad_fn.register_hook(lambda gi, go: (gi[0], None))
    s = y.sum()
    s.backward(retain_graph=True)
    assert x.grad.tolist() == [1.0, 2.0]
    handle.remove()
    x.grad = None
    y.grad_fn.register_prehook(lambda go: (None,))
    s.backward()
    assert x.grad is None
    z = x * 2
    z.grad_fn.register_hook(lambda gi, go: (gi[0], gi[0]))
    raises(RuntimeError, "can't replace a None gradient with a non-None value", lambda: z.sum().backward())


def test_hooks_of_accumulators(torch, pair):
    x, y = pair
    accumulator = y.grad_fn.next_functions[0][0]
    accumulator.register_prehook(lambda go: (go[0] * 2,))
    handle = accumulator.register_hook(lambda gi, go: (go[0],))
    s = y.sum()
    raises(RuntimeError, "hook '<lambda>' has returned an incorrect number of values (got 1, but expected 0)", lambda: s.backward(retain_graph=True))
    handle.remove()
    x.grad = None
    accumulator.register_hook(lambda gi, go: ())
    s.backward(retain_graph=True)
    assert x.grad.tolist() == [4.0, 8.0]
    assert torch.autograd.grad(s, x)[0].tolist() == [2.0, 4.0]  # not accumulated: the node's hooks do not run


def test_a_hook_after_accumulation_returns_nothing(torch, pair):
    x, y = pair
    x.register_post_accumulate_grad_hook(lambda p: 3)
    raises(TypeError, "expected Variable, but hook returned 'int'", lambda: y.sum().backward())


def test_an_optimizer_in_the_backward_pass(torch, pair):
    x, y = pair
    seen = []

    def step(p):
        with torch.no_grad():
            p -= p.grad
        p.grad = None

    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
    x.register_post_accumulate_grad_hook(step)
    y.sum().backward()
    assert seen == [[2.0, 4.0]] and x.tolist() == [-1.0, -2.0] and x.grad is None


# ---- gradients that are not there


def test_outputs_that_get_no_gradient_show_none(torch):
    x = torch.ones(2, 2, requires_grad=True)
    a, b = (x * 1).unbind(0)
    log = []
    node = a.grad_fn
    node.register_prehook(lambda go: log.append(("before", lists(go))))
    node.register_hook(lambda gi, go: log.append(("after", lists(gi), lists(go))))
    a.register_hook(lambda g: log.append(("a", lists(g))))
    b.register_hook(lambda g: log.append(("b", lists(g))))
    a.sum().backward()
    assert log == [
        ("a", [1.0, 1.0]), ("b", None), ("before", ([1.0, 1.0], None)), ("after", ([[1.0, 1.0], [0.0, 0.0]],), ([1.0, 1.0], None)),
    ]  # fmt: skip


def test_hooks_of_nodes_to_which_nothing_comes(torch):
    x, w = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 2.0], requires_grad=True)
    log = []
    y = x * w
    z = y * 2
    z.grad_fn.register_hook(lambda gi, go: (None, None))
    y.register_hook(lambda g: log.append(("y", g)))
    y.retain_grad()
    y.grad_fn.register_prehook(lambda go: log.append(("before", go)))
    y.grad_fn.register_hook(lambda gi, go: log.append(("after", gi, go)))
    x.register_hook(lambda g: log.append(("x", g)))
    x.register_post_accumulate_grad_hook(lambda p: log.append(("accumulated", p.grad)))
    z.sum().backward()
    assert log == [("y", None), ("before", (None,)), ("after", (None, None), (None,)), ("x", None), ("accumulated", None)]
    assert x.grad is None and w.grad is None
    raises(RuntimeError, "Trying to backward through the graph a second time", lambda: y.sum().backward())


def test_a_freed_node_raises_also_where_nothing_comes(torch):
    y = torch.ones(2, requires_grad=True).exp()
    z = y * 2
    z.grad_fn.register_hook(lambda gi, go: (None, None))
    y.sum().backward()
    raises(RuntimeError, "Trying to backward through the graph a second time", lambda: z.sum().backward())


def test_hooks_see_gradients_in_the_shape_and_type_of_what_they_belong_to(torch):
    x, w = torch.ones(3, requires_grad=True), torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    seen = []
    y = x * w
    y.grad_fn.register_hook(lambda gi, go: seen.extend((tuple(g.shape), g.dtype) for g in gi + go))
    s = x.sum()
    s.grad_fn.register_hook(lambda gi, go: seen.extend((tuple(g.shape), g.dtype) for g in gi + go))
    (y.sum() + s).backward()
    f, d = torch.float32, torch.float64
    assert sorted(seen, key=str) == sorted([((3,), f), ((2, 1), d), ((2, 3), d), ((3,), f), ((), f)], key=str)


def test_outputs_without_gradients_are_not_shown(torch):
    x = torch.tensor([[1.0, 2.0], [4.0, 3.0]], requires_grad=True)
    values, indices = x.max(1)
    seen = []
    values.grad_fn.register_prehook(lambda go: (seen.append(lists(go)), (go[0] * 10,))[1])
    values.sum().backward()
    assert seen == [([1.0, 1.0],)] and len(values.grad_fn._input_metadata) == 1 and not indices.requires_grad
    assert x.grad.tolist() == [[0.0, 10.0], [10.0, 0.0]]


# ---- passes limited to inputs


def test_a_captured_result_that_is_not_run_has_its_tensor_hooks(torch, pair):
    x, y = pair
    log = []
    y.register_hook(lambda g: (log.append("y"), g * 10)[1])
    y.retain_grad()
    y.grad_fn.register_prehook(lambda go: log.append("before"))
    y.grad_fn.register_hook(lambda gi, go: log.append("after"))
    (g,) = torch.autograd.grad(y.sum(), y)
    assert log == ["y"] and g.tolist() == [10.0, 10.0] and y.grad.tolist() == [10.0, 10.0]


def test_a_captured_result_that_is_run_is_captured_before_its_hooks(torch, pair):
    x, y = pair
    log = []
    y.register_hook(lambda g: (log.append("y"), g * 10)[1])
    y.retain_grad()
    y.grad_fn.register_prehook(lambda go: (log.append("before"), (go[0] * 7,))[1])
    y.grad_fn.register_hook(lambda gi, go: log.append("after"))
    x.register_hook(lambda g: (log.append("x"), g * 3)[1])
    x.register_post_accumulate_grad_hook(lambda p: log.append("accumulated"))
    gx, gy = torch.autograd.grad((y * 5).sum(), [x, y])
    assert log == ["y", "before", "after", "x"]
    assert gx.tolist() == [2100.0, 4200.0] and gy.tolist() == [5.0, 5.0] and y.grad.tolist() == [50.0, 50.0]


def test_inputs_of_backward_have_all_their_hooks(torch, pair):
    x, y = pair
    log = []
    y.register_hook(lambda g: log.append("y"))
    y.grad_fn.register_hook(lambda gi, go: log.append("after"))
    x.register_hook(lambda g: log.append("x"))
    x.register_post_accumulate_grad_hook(lambda p: log.append("accumulated"))
    s = y.sum()
    s.backward(inputs=[y], retain_graph=True)
    s.backward(inputs=[x])
    assert log == ["y", "after", "y", "after", "x", "accumulated"]


# ---- changes in place, modes, reentrance, errors


def test_a_hook_stays_with_the_tensor_as_it_was(torch, pair):
    x, y = pair
    log = []
    old = y.register_hook(lambda g: log.append(("old", g.tolist())))
    node_hook = y.grad_fn.register_hook(lambda gi, go: log.append(("node", lists(go))))
    y.mul_(2)
    assert not y._backward_hooks
    y.register_hook(lambda g: log.append(("new", g.tolist())))
    y.mul_(3)
    s = y.sum()
    s.backward(retain_graph=True)
    assert log == [("new", [3.0, 3.0]), ("old", [6.0, 6.0]), ("node", ([6.0, 6.0],))]
    old.remove()
    node_hook.remove()
    s.backward()
    assert len(log) == 4


def test_the_grad_mode_inside_a_hook_is_that_of_the_pass(torch, pair):
    x, y = pair
    seen = []
    y.register_hook(lambda g: seen.append((torch.is_grad_enabled(), (x * 2).requires_grad)))
    s = y.sum()
    torch.autograd.grad(s, x, create_graph=True)
    torch.autograd.grad(s, x)
    assert seen == [(True, True), (False, False)] and torch.is_grad_enabled()


def test_backward_inside_a_hook(torch, pair):
    x, y = pair
    inner = []

    def hook(g):
        with torch.enable_grad():
            inner.append(torch.autograd.grad((x * x * x).sum(), x)[0].tolist())
        assert not torch.is_grad_enabled()

    y.register_hook(hook)
    y.sum().backward()
    assert inner == [[3.0, 12.0]] and x.grad.tolist() == [2.0, 4.0] and torch.is_grad_enabled()


def test_what_a_hook_raises_comes_through_and_leaves_a_clean_state(torch, pair):
    x, y = pair
    handle = y.register_hook(lambda g: 1 / 0)
    s = (y * y).sum()
    raises(ZeroDivisionError, "division by zero", s.backward)
    assert torch.is_grad_enabled() and x.grad is None
    handle.remove()
    raises(RuntimeError, "Trying to backward through the graph a second time", s.backward)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_hooks_see_second_order_gradients(torch, pair):
    x, y = pair
    log = []
    x.register_hook(lambda g: (log.append(g.grad_fn is not None), g * 2)[1])
    (g,) = torch.autograd.grad((y * x).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert log == [True, False] and g.tolist() == [6.0, 24.0] and h.tolist() == [24.0, 48.0]


# ---- hooks on several tensors


def test_all_gradients_at_once(torch):
    a, b = torch.tensor([1.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)
    c, d = a * b, a + b
    log = []
    handle = torch.autograd.graph.register_multi_grad_hook((a, b, c, d), lambda grads: log.append([lists(g) for g in grads]))
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    (c + d).sum().backward(retain_graph=True)
    assert isinstance(handle, torch.utils.hooks.RemovableHandle)
    handle.remove()
    c.sum().backward()
    assert log == [[[2.0], [1.0], [1.0], None], [[2.0], None, [1.0], None], [[3.0], [2.0], [1.0], [1.0]]]


def test_the_first_of_several_gradients(torch):
    a, b = torch.tensor([1.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)
    c, d = a * b, a * b
    log = []
    handle = torch.autograd.graph.register_multi_grad_hook((a, b, c, d, torch.ones(1)), lambda g: log.append(g.tolist()), mode="any")
    (c * 3).sum().backward(retain_graph=True)
    (c + d * 5).sum().backward(retain_graph=True)
    handle.remove()
    c.sum().backward()
    assert log == [[3.0], [5.0]]


def test_what_hooks_on_several_tensors_refuse(torch, pair):
    x, y = pair
    register = torch.autograd.graph.register_multi_grad_hook
    raises(ValueError, "Expects mode to be one of ('all', 'any') but got x", lambda: register([y], print, mode="x"))
    raises(AssertionError, "Expected gradient function to be set", lambda: register([torch.ones(1)], print))
    register([x, y], lambda grads: None)
    raises(RuntimeError, "A leaf node was passed to _will_engine_execute_node but we are currently running autograd.grad()",
           lambda: torch.autograd.grad(y.sum(), x))  # fmt: skip


def test_hooks_on_several_tensors_in_a_pass_to_one_of_them(torch, pair):
    x, y = pair
    log = []
    torch.autograd.graph.register_multi_grad_hook([x, y], lambda grads: log.append([lists(g) for g in grads]))
    torch.autograd.grad(y.sum(), y)
    assert log == [[None, [1.0, 1.0]]]


def test_hooks_on_several_tensors_make_no_cycle(counting):
    import nbgrad

    x = nbgrad.ones(2, requires_grad=True)
    y = x * x
    nbgrad.autograd.graph.register_multi_grad_hook((x, y), lambda grads: None)
    y.sum().backward()
    node = weakref.ref(y.grad_fn)
    del y
    assert node() is None


def test_a_handle_can_be_pickled(torch, pair):
    handle = torch.utils.hooks.RemovableHandle
    assert pickle.loads(pickle.dumps(handle)) is handle
