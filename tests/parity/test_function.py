"""Custom Functions: the same programs on nbgrad and on PyTorch."""

import gc
import weakref

import pytest

import nbgrad


def make(torch, forward, backward=None, **others):
    """A Function called My with these static methods."""
    members = {"forward": staticmethod(forward)}
    if backward is not None:
        members["backward"] = staticmethod(backward)
    members |= {k: staticmethod(v) if callable(v) else v for k, v in others.items()}
    return type("My", (torch.autograd.Function,), members)


@pytest.fixture
def x(torch):
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


def exp_of(torch):
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad):
            (result,) = ctx.saved_tensors
            return grad * result

    return Exp


def cube_of(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x**2

    return Cube


def test_gradient_and_node(torch, x):
    y = exp_of(torch).apply(x)
    node = y.grad_fn
    assert type(node).__name__ == node.name() == "ExpBackward"
    assert repr(node).startswith("<torch.autograd.function.ExpBackward object at ")
    assert repr(y).endswith("grad_fn=<ExpBackward>)")
    assert y.grad_fn is node and node.needs_input_grad == (True,) and node.requires_grad
    assert type(node.next_functions[0][0]).__name__ == "AccumulateGrad" and node.next_functions[0][0].variable is x
    assert (y * 2).grad_fn.next_functions[0][0] is node
    y.sum().backward()
    assert torch.equal(x.grad, x.detach().exp())


def test_the_ctx_is_the_node(torch, x):
    seen = []

    def forward(ctx, x):
        seen.append(ctx)
        ctx.shape, ctx.dtype, ctx.saved, ctx.plan, ctx.hooks, ctx.edges = x.shape, "d", 3, 4, [], 5
        return x * 2

    def backward(ctx, grad):
        seen.append((ctx.shape, ctx.dtype, ctx.saved, ctx.plan, ctx.hooks, ctx.edges))
        ctx.late = 7
        return grad * 2

    y = make(torch, forward, backward).apply(x)
    assert y.grad_fn is seen[0]
    seen.clear()
    y.sum().backward()
    assert seen == [(x.shape, "d", 3, 4, [], 5)]
    assert y.grad_fn.late == 7 and y.grad_fn.shape == x.shape
    assert (y.grad_fn.dirty_tensors, y.grad_fn.non_differentiable, y.grad_fn.to_save, y.grad_fn.saved_for_forward) == (None,) * 4
    y.grad_fn.metadata["mine"] = 1
    assert y.grad_fn.metadata == {"mine": 1}
    with pytest.raises(AttributeError, match="'MyBackward' object has no attribute 'nothing'"):
        y.grad_fn.nothing  # noqa: B018


def test_what_forward_sees(torch, x):
    seen = []
    constant = torch.ones(3)
    my = make(torch, lambda ctx, *a: (seen.append((ctx.needs_input_grad, torch.is_grad_enabled(), ctx.saved_tensors)), a[0] * 2)[1])
    y = my.apply(x, constant, 3)
    assert len(y.grad_fn.next_functions) == 2 and y.grad_fn.next_functions[1] == (None, 0)
    assert my.apply(constant, x, "word").requires_grad
    assert not my.apply(constant, 3).requires_grad
    with torch.no_grad():
        assert my.apply(x).grad_fn is None
    assert seen == [
        ((True, False, False), False, ()), ((False, True, False), False, ()), ((False, False), False, ()), ((True,), False, ()),
    ]  # fmt: skip
    assert torch.is_grad_enabled()


def test_an_error_in_forward_leaves_the_mode(torch, x):
    def forward(ctx, x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        make(torch, forward).apply(x)
    assert torch.is_grad_enabled()


def test_an_error_in_backward_comes_through(torch, x):
    def backward(ctx, grad):
        raise ValueError("mine")

    y = make(torch, lambda ctx, x: x * 2, backward).apply(x)
    with pytest.raises(ValueError, match="mine"):
        y.sum().backward()
    assert torch.is_grad_enabled() and x.grad is None


def test_setup_context_gets_inputs_with_defaults(torch, x):
    seen = []

    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(x, factor=2):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            seen.append((inputs[0] is x, inputs[1], output.requires_grad, torch.is_grad_enabled()))
            ctx.factor = inputs[1]
            ctx.save_for_backward(inputs[0], output)

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.factor, None

    y = Scale.apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [2, 2, 2] and y.grad_fn.needs_input_grad == (True, False)
    Scale.apply(factor=5, x=x)
    assert seen == [(True, 2, False, False), (True, 5, False, False)]


@pytest.mark.parametrize(
    ("args", "kwargs", "needs"),
    [((0,), {"b": 3}, (True, False)), ((), {"b": 3, "a": 0}, (True, False)), ((), {"b": 0, "a": 3}, (False, True)), ((0,), {}, (True,))],
)
def test_keywords_become_positions(torch, x, args, kwargs, needs):
    my = make(torch, lambda ctx, a, b=2: a * b)
    y = my.apply(*[x if a == 0 else a for a in args], **{k: x if v == 0 else v for k, v in kwargs.items()})
    assert y.grad_fn.needs_input_grad == needs


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {"b": 1}, r"forward\(\) missing required argument: 'a' \(position 0\)"),
        ((1,), {"c": 1}, r"forward\(\) missing required argument: 'b' \(position 1\)"),
        ((1,), {"a": 1}, r"forward\(\) got multiple values for argument 'a'"),
        ((1,), {"k": 1}, r"forward\(\) got an unexpected keyword argument 'k'"),
    ],
)
def test_keywords_that_do_not_fit(torch, args, kwargs, message):
    with pytest.raises(TypeError, match=message):
        make(torch, lambda ctx, a, b=2, c=3, *, k=1: a).apply(*args, **kwargs)


def test_outputs_that_are_no_tensors_pass_through(torch, x):
    seen = []
    y, *rest = make(torch, lambda ctx, x: (x * 2, 5, None, "word"), lambda ctx, *g: (seen.extend(g), g[0])[1]).apply(x)
    assert rest == [5, None, "word"] and y.requires_grad
    y.sum().backward()
    assert seen[0].tolist() == [1, 1, 1] and seen[1:] == [None, None, None]
    assert make(torch, lambda ctx, x: 5).apply(x) == 5
    assert make(torch, lambda ctx, x: None).apply(x) is None
    assert make(torch, lambda ctx, x: ()).apply(x) == ()
    made = make(torch, lambda ctx, x: [x * 2]).apply(x)
    assert type(made) is list and not made[0].requires_grad


def test_an_input_returned_as_it_is_becomes_a_view(torch, x):
    y = make(torch, lambda ctx, x: x, lambda ctx, g: g * 7).apply(x)
    assert y is not x and y._is_view() and y._base is x and type(y.grad_fn).__name__ == "MyBackward"
    y.sum().backward()
    assert x.grad.tolist() == [7, 7, 7]
    z = torch.ones(2)
    y = make(torch, lambda ctx, z: z).apply(z)
    assert y is not z and y._base is z and not y.requires_grad and y.grad_fn is None
    z.add_(1)
    assert y._version == 1 and y.tolist() == [2, 2]


def test_one_tensor_returned_twice(torch, x):
    seen = []

    def forward(ctx, x):
        y = x * 2
        return y, y

    y, z = make(torch, forward, lambda ctx, g, h: (seen.append((g.tolist(), h.tolist())), g)[1]).apply(x)
    assert y is z and y.output_nr == 1
    y.sum().backward()
    assert seen == [([0, 0, 0], [1, 1, 1])]


def test_a_view_of_an_input(torch, x):
    a = x * 1
    y = make(torch, lambda ctx, a: a.view(3, 1), lambda ctx, g: g.view(3) * 7).apply(a)
    assert y._is_view() and y._base is a and type(y.grad_fn).__name__ == "MyBackward"
    y.sum().backward()
    assert x.grad.tolist() == [7, 7, 7]


def test_gradients_that_never_came(torch, x):
    seen = []
    for materialize in (True, False):

        def forward(ctx, x, materialize=materialize):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        y, _ = make(torch, forward, lambda ctx, *g: (seen.append(g), g[0])[1]).apply(x)
        y.sum().backward()
    assert [None if g is None else g.tolist() for pair in seen for g in pair] == [[1, 1, 1], [0, 0, 0], [1, 1, 1], None]
    with pytest.raises(TypeError, match="set_materialize_grads received an invalid combination of arguments"):
        make(torch, lambda ctx, x: ctx.set_materialize_grads(1)).apply(x)


@pytest.mark.parametrize("between", ["nothing", "exp"])
def test_backward_runs_though_nothing_came(torch, x, between):
    seen = []
    first = make(torch, lambda ctx, x: x * 2, lambda ctx, g: (seen.append(g), g)[1])
    stop = make(torch, lambda ctx, x: x * 2, lambda ctx, g: None)
    y = first.apply(x)
    stop.apply(y.exp() if between == "exp" else y).sum().backward()
    assert [g.tolist() for g in seen] == [[0, 0, 0]] and x.grad.tolist() == [0, 0, 0]


def test_outputs_without_gradients(torch, x):
    seen = []

    def forward(ctx, x):
        y, z = x * 2, x * 3
        ctx.mark_non_differentiable(z)
        return y, z, x.argmax()

    y, z, index = make(torch, forward, lambda ctx, *g: (seen.extend(g), g[0])[1]).apply(x)
    assert (y.requires_grad, z.requires_grad, index.requires_grad) == (True, False, False)
    assert z.grad_fn is None and y.output_nr == 0
    y.sum().backward()
    assert [g.tolist() for g in seen] == [[1, 1, 1], [0, 0, 0], 0] and seen[2].dtype == torch.int64


def test_an_input_that_is_marked_non_differentiable(torch, x):
    a = x * 1

    def forward(ctx, a):
        ctx.mark_non_differentiable(a)
        return a * 3, a

    _, b = make(torch, forward).apply(a)
    assert b is not a and not b.requires_grad and a.requires_grad


def test_history_from_inside_forward_is_replaced(torch, x):
    def forward(ctx, x):
        with torch.enable_grad():
            return x * 2

    y = make(torch, forward, lambda ctx, g: g * 5).apply(x)
    assert type(y.grad_fn).__name__ == "MyBackward"
    y.sum().backward()
    assert x.grad.tolist() == [5, 5, 5]


WRONG = {
    "too many": (lambda torch, g: (g, g), [0], r"function MyBackward returned an incorrect number of gradients \(expected 1, got 2\)"),
    "too few": (lambda torch, g: g, [0, 0], r"function MyBackward returned an incorrect number of gradients \(expected 2, got 1\)"),
    "none": (lambda torch, g: (), [0], r"function MyBackward returned an incorrect number of gradients \(expected 1, got 0\)"),
    "of a number": (lambda torch, g: (g, g), [0, 3], "returned a gradient different than None at position 2, but the corresponding forward input"),
    "no tensor": (lambda torch, g: 5, [0], r"expected Variable or None \(got int\)"),
    "a list": (lambda torch, g: [g], [0], r"expected Variable or None \(got list\)"),
    "smaller": (
        lambda torch, g: g[:2], [0],
        r"Function MyBackward returned an invalid gradient at index 0 - got \[2\] but expected shape compatible with \[3\]",
    ),
    "a scalar": (lambda torch, g: g.sum(), [0], r"invalid gradient at index 0 - got \[\] but expected shape compatible with \[3\]"),
    "a column": (lambda torch, g: (None, g.view(3, 1)), [3.0, 0], r"invalid gradient at index 0 - got \[3, 1\]"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_backward_may_not_return(torch, x, wrong):
    returned, args, message = WRONG[wrong]
    y = make(torch, lambda ctx, *a: next(t for t in a if torch.is_tensor(t)) * 2, lambda ctx, g: returned(torch, g)).apply(*[x if a == 0 else a for a in args])
    with pytest.raises(RuntimeError, match=message):
        y.sum().backward()
    assert x.grad is None


@pytest.mark.parametrize(
    ("returned", "args", "expected"),
    [
        (lambda g: (g, None, None), [0], [1, 1, 1]), (lambda g: g.double(), [0], [1, 1, 1]), (lambda g: g.long(), [0], [1, 1, 1]),
        (lambda g: g.expand(2, 3), [0], [2, 2, 2]), (lambda g: (g, None), [0, 0], [1, 1, 1]), (lambda g: (g, None), [0, "word"], [1, 1, 1]),
    ],
)  # fmt: skip
def test_what_backward_may_return(torch, x, returned, args, expected):
    make(torch, lambda ctx, *a: a[0] * 2, lambda ctx, g: returned(g)).apply(*[x if a == 0 else a for a in args]).sum().backward()
    assert x.grad.tolist() == expected and x.grad.dtype == torch.float32


def test_a_gradient_for_an_input_that_wants_none_is_dropped(torch, x):
    z = torch.ones(3)
    make(torch, lambda ctx, a, b: a * 2, lambda ctx, g: (g, g)).apply(x, z).sum().backward()
    assert z.grad is None and x.grad.tolist() == [1, 1, 1]


def test_no_gradient_at_all(torch, x):
    make(torch, lambda ctx, a: a * 2, lambda ctx, g: None).apply(x).sum().backward()
    assert x.grad is None


def test_missing_methods(torch, x):
    with pytest.raises(NotImplementedError, match="You must implement the forward function for custom autograd.Function."):
        type("My", (torch.autograd.Function,), {}).apply(x)
    y = make(torch, lambda ctx, x: x * 2).apply(x)
    with pytest.raises(NotImplementedError, match="You must implement either the backward or vjp method"):
        y.sum().backward()
    y = make(torch, lambda ctx, x: x * 2, lambda ctx, g: g, vjp=lambda ctx, g: g).apply(x)
    with pytest.raises(RuntimeError, match="Implementing both 'backward' and 'vjp' for a custom Function is not allowed"):
        y.sum().backward()
    make(torch, lambda ctx, x: x * 2, vjp=lambda ctx, g: g * 5).apply(x).sum().backward()
    assert x.grad.tolist() == [5, 5, 5]
    my = make(torch, lambda ctx, x: x)
    with pytest.raises(NotImplementedError, match="You must implement the jvp function for custom autograd.Function"):
        my.jvp(None)
    with pytest.raises(NotImplementedError, match="you must either override the vmap staticmethod or set generate_vmap_rule=True"):
        my.vmap(None, None)
    assert my.generate_vmap_rule is False


def test_instances_are_of_no_use(torch, x):
    my = make(torch, lambda ctx, x: x)
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        instance = my()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward method is deprecated"):
        instance(x)


def test_saved_tensors(torch, x):
    z = torch.ones(3)

    def forward(ctx, a, b):
        y = a * b
        ctx.save_for_backward(a, None, b, y, a * 5)
        return y

    y = make(torch, forward, lambda ctx, g: (g, None)).apply(x, z)
    a, nothing, b, result, middle = y.grad_fn.saved_tensors
    assert a is x and nothing is None and b is z and result is not y and result.grad_fn is y.grad_fn and torch.equal(result, y)
    assert middle.grad_fn is None and middle.tolist() == [5, 10, 15]
    y.sum().backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.grad_fn.saved_tensors  # noqa: B018
    with pytest.raises(TypeError, match="save_for_backward can only save variables, but argument 1 is of type int"):
        make(torch, lambda ctx, x: (ctx.save_for_backward(x, 3), x * 2)[1]).apply(x)
    make(torch, lambda ctx, x: (ctx.save_for_backward(x, 3), x * 2)[1]).apply(z)


def test_a_second_pass_raises_where_saved_tensors_are_asked_for(torch, x):
    y = make(torch, lambda ctx, x: x * 2, lambda ctx, g: g).apply(x)
    for _ in range(2):
        y.backward(torch.ones(3))
    assert x.grad.tolist() == [2, 2, 2]
    y = make(torch, lambda ctx, x: x * 2, lambda ctx, g: (ctx.saved_tensors, g)[1]).apply(x)
    y.backward(torch.ones(3))
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward(torch.ones(3))
    y = exp_of(torch).apply(x)
    y.backward(torch.ones(3), retain_graph=True)
    y.backward(torch.ones(3))


def test_saved_tensors_that_were_changed(torch, x):
    a = x + 1
    y = make(torch, lambda ctx, a: (ctx.save_for_backward(a), a * 2)[1], lambda ctx, g: (ctx.saved_tensors, g)[1]).apply(a)
    a.mul_(2)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation: \[torch.FloatTensor \[3\]\], which is output 0 of Mul, is at version 1; expec"):
        y.backward(torch.ones(3))

    def forward(ctx, x):
        y, z = x * 2, x * 3
        ctx.save_for_backward(z)
        return y, z

    y, z = make(torch, forward, lambda ctx, g, h: (ctx.saved_tensors, g)[1]).apply(x)
    z.add_(1)
    with pytest.raises(RuntimeError, match="which is output 1 of My, is at version 1; expected version 0 instead"):
        y.backward(torch.ones(3))


def test_saved_tensors_that_may_be_looked_at_once(torch, x):
    my = make(
        torch, lambda ctx, x: (ctx.save_for_backward(x), x * 2)[1], lambda ctx, g: (ctx.saved_tensors, ctx.saved_tensors, g)[2],
        clear_saved_tensors_on_access=True,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="saved_tensors can only be accessed once when clear_saved_tensors_on_access=True"):
        my.apply(x).sum().backward()


def test_boxed_gradients(torch, x):
    seen = []
    my = make(torch, lambda ctx, x: x * 2, lambda ctx, grads: (seen.append(type(grads)), grads.pop())[1], boxed_grads_call=True)
    my.apply(x).sum().backward()
    assert seen == [list] and x.grad.tolist() == [1, 1, 1]


def test_changes_in_place(torch, x):
    a = x * 1

    def forward(ctx, a):
        ctx.mark_dirty(a)
        a.mul_(2)
        ctx.save_for_backward(a)
        return a

    def backward(ctx, grad):
        (saved,) = ctx.saved_tensors
        assert saved is not a and saved.grad_fn is a.grad_fn
        return grad * 9

    y = make(torch, forward, backward).apply(a)
    assert y is a and a._version == 2 and type(a.grad_fn).__name__ == "MyBackward"
    assert type(a.grad_fn.next_functions[0][0]).__name__ == "MulBackward0"
    y.sum().backward()
    assert x.grad.tolist() == [9, 9, 9] and y.tolist() == [2, 4, 6]


def swap(ctx, a, b):
    ctx.mark_dirty(a, b)
    a.mul_(2)
    b.mul_(3)
    return a, b


def test_several_changes_in_place(torch, x):
    a, b = x * 1, x * 2
    p, q = make(torch, swap, lambda ctx, g, h: (g * 5, h * 7)).apply(a, b)
    assert p is a and q is b and (p.output_nr, q.output_nr) == (0, 1)
    (p.sum() + q.sum()).backward()
    assert x.grad.tolist() == [19, 19, 19]


def test_hooks_and_retained_gradient_of_a_tensor_changed_in_place(torch, x):
    a, heard = x * 1, []
    a.retain_grad()
    a.register_hook(lambda g: heard.append(("old", g.tolist())))
    y = make(torch, lambda ctx, a: (ctx.mark_dirty(a), a)[1], lambda ctx, g: g * 5).apply(a)
    y.register_hook(lambda g: heard.append(("new", g.tolist())))
    y.sum().backward()
    assert heard == [("new", [1, 1, 1]), ("old", [5, 5, 5])] and a.grad.tolist() == [1, 1, 1]


def test_a_constant_changed_in_place_gets_a_history(torch, x):
    z = torch.ones(3)
    y = make(torch, lambda ctx, x, z: (ctx.mark_dirty(z), z)[1], lambda ctx, g: (g * 9, g * 8)).apply(x, z)
    assert y is z and z.requires_grad and z.grad_fn.next_functions[1] == (None, 0)
    y.sum().backward()
    assert x.grad.tolist() == [9, 9, 9]
    z = torch.ones(3)
    y = make(torch, lambda ctx, z: (ctx.mark_dirty(z), z.mul_(2))[1]).apply(z)
    assert y is z and z._version == 2 and not z.requires_grad


def test_changes_in_place_that_are_refused(torch, x):
    mark = make(torch, lambda ctx, a: (ctx.mark_dirty(a), a)[1], lambda ctx, g: g)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad has been used in an in-place operation."):
        mark.apply(x)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation."):
        mark.apply(x[:2])
    with torch.no_grad():
        y = mark.apply(x)
    assert y is not x and not y.requires_grad
    with pytest.raises(RuntimeError, match="Some elements marked as dirty during the forward method were not returned as output."):
        make(torch, lambda ctx, a: (ctx.mark_dirty(a), a * 2)[1]).apply(x * 1)
    with pytest.raises(RuntimeError, match="mark_dirty can only accept variables, but argument"):
        make(torch, lambda ctx, a: (ctx.mark_dirty(5), a * 2)[1]).apply(x * 1)
    with pytest.raises(RuntimeError, match="mark_non_differentiable only accepts variable arguments, but got"):
        make(torch, lambda ctx, a: (ctx.mark_non_differentiable(5), a * 2)[1]).apply(x * 1)
    with pytest.raises(RuntimeError, match="If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return"):
        make(torch, lambda ctx, a: (ctx.mark_dirty(a), (a, a * 2))[1], lambda ctx, g, h: g).apply((x * 1)[:2])


def test_marking_what_is_no_input_as_changed(torch, x):
    def forward(ctx, x):
        y = x * 2
        ctx.mark_dirty(y)
        return y

    with pytest.warns(UserWarning, match="received a tensor that was not an input"):
        y = make(torch, forward).apply(x)
    assert y._version == 1 and type(y.grad_fn).__name__ == "MyBackward"


def test_double_backward(torch, x):
    y = cube_of(torch).apply(x)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(h.sum(), x)
    assert g.tolist() == [3, 12, 27] and h.tolist() == [6, 12, 18] and third.tolist() == [6, 6, 6]
    (g,) = torch.autograd.grad(exp_of(torch).apply(x).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert torch.equal(h, x.detach().exp())


def test_once_differentiable(torch, x):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad):
            assert not torch.is_grad_enabled()
            return grad * 3 * ctx.saved_tensors[0] ** 2

    Cube.apply(x).sum().backward()
    assert x.grad.tolist() == [3, 12, 27]
    (g,) = torch.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    assert not g.requires_grad
    (g,) = torch.autograd.grad(Cube.apply(x), x, torch.ones(3, requires_grad=True), create_graph=True)
    assert g.requires_grad and type(g.grad_fn).__name__ == "Error"
    with pytest.raises(RuntimeError, match="trying to differentiate twice a function that was marked with @once_differentiable"):
        g.sum().backward()


def test_gradients_under_create_graph_and_not(torch, x):
    seen = []
    my = make(torch, lambda ctx, x: x * 2, lambda ctx, g: (seen.append((torch.is_grad_enabled(), g.requires_grad)), g * 2)[1])
    torch.autograd.grad(my.apply(x).sum(), x)
    torch.autograd.grad(my.apply(x).sum(), x, create_graph=True)
    torch.autograd.grad(my.apply(x), x, torch.ones(3, requires_grad=True), create_graph=True)
    assert seen == [(False, False), (True, False), (True, True)]


def test_jvp_finds_what_was_saved_for_forward(torch, x):
    with pytest.raises(AssertionError, match="save_for_forward expects all arguments to be tensors"):
        make(torch, lambda ctx, x: ctx.save_for_forward(3)).apply(x)


def test_a_function_inside_a_function(torch, x):
    cube = cube_of(torch)
    y = make(torch, lambda ctx, x: cube.apply(x), lambda ctx, g: g * 2).apply(x)
    assert type(y.grad_fn).__name__ == "MyBackward"
    y.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_backward_may_run_another_pass(torch, x):
    """As reentrant checkpointing does."""
    w = torch.tensor([2.0, 2.0, 2.0], requires_grad=True)

    class Again(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * w

        @staticmethod
        def backward(ctx, grad):
            inner = ctx.saved_tensors[0].detach().requires_grad_()
            with torch.enable_grad():
                y = inner * w
            torch.autograd.backward(y, grad)
            return inner.grad

    Again.apply(x * 3).sum().backward()
    assert x.grad.tolist() == [6, 6, 6] and w.grad.tolist() == [3, 6, 9]


def test_only_some_inputs(torch, x):
    seen = []
    a, b = x * 1, x * 2
    y = make(torch, lambda ctx, a, b: a * b, lambda ctx, g: (seen.append(ctx.needs_input_grad), g, g)[1:]).apply(a, b)
    (g,) = torch.autograd.grad(y.sum(), b)
    assert g.tolist() == [1, 1, 1] and seen == [(True, True)] and x.grad is None


FORBIDDEN = "This view was created inside a custom Function .or because an input was returned as-is. and the autograd logic to handle view.inplace"
MULTIPLE = "This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace"


@pytest.mark.parametrize("returned", [lambda a: a, lambda a: a.view(3, 1), lambda a: a[:2]])
def test_views_from_inside_may_not_be_changed(torch, x, returned):
    a = x * 1
    y = make(torch, lambda ctx, a: returned(a), lambda ctx, g: g).apply(a)
    with pytest.raises(RuntimeError, match="Output 0 of My is a view and is being modified inplace. " + FORBIDDEN):
        y.mul_(2)
    y, _ = make(torch, lambda ctx, a: (returned(a), a * 2), lambda ctx, g, h: g).apply(a)
    with pytest.raises(RuntimeError, match="Output 0 of My is a view and is being modified inplace. " + MULTIPLE):
        y.mul_(2)
    y = make(torch, lambda ctx, a: returned(a), lambda ctx, g: g).apply(a)
    a.mul_(3)
    with pytest.raises(RuntimeError, match="Output 0 of My is a view and its base or another view of its base has been modified inplace. " + FORBIDDEN):
        y.grad_fn  # noqa: B018


def test_a_view_without_gradient_may_be_changed_unless_recorded(torch):
    z = torch.tensor([4.0, 5.0])
    y = make(torch, lambda ctx, z: z).apply(z)
    y.mul_(2)
    assert z.tolist() == [8, 10] and not y.requires_grad
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace with grad mode enabled. " + FORBIDDEN):
        y.mul_(torch.ones(1, requires_grad=True))


def test_changing_a_view_in_place(torch, x):
    b = x * 1
    a = b[:2]
    y = make(torch, lambda ctx, a: (ctx.mark_dirty(a), a.mul_(2))[1], lambda ctx, g: g * 9).apply(a)
    assert y is a and type(a.grad_fn).__name__ == "AsStridedBackward0" and type(b.grad_fn).__name__ == "CopySlices"
    b.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [9, 9, 1] and b.tolist() == [2, 4, 3]
    x.grad = None
    a.sum().backward()
    assert x.grad.tolist() == [9, 9, 0]


def test_views_of_what_is_changed_in_place(torch, x):
    a = x * 1
    v = a[:2]
    make(torch, lambda ctx, a: (ctx.mark_dirty(a), a.mul_(2))[1], lambda ctx, g: g * 9).apply(a)
    assert type(v.grad_fn).__name__ == "AsStridedBackward0"
    v.sum().backward()
    assert x.grad.tolist() == [9, 9, 0]


@pytest.mark.parametrize("through", ["whole", "view"])
def test_other_views_of_a_constant_that_is_changed_in_place(torch, x, through):
    z = torch.ones(3)
    v, w = z[:], z[1:]
    my = make(torch, lambda ctx, z, x: (ctx.mark_dirty(z), z.mul_(x))[1], lambda ctx, g: (g * 5, g * 7))
    my.apply(z if through == "whole" else v, x)
    assert w.requires_grad and w.tolist() == [2, 3]
    w.sum().backward()
    assert x.grad.tolist() == [0, 7, 7]


def test_node_hooks(torch, x):
    heard = []
    y = make(torch, lambda ctx, x: x * 2, lambda ctx, g: (heard.append("backward"), g * 3)[1]).apply(x)
    node = y.grad_fn
    assert isinstance(node, torch.autograd.graph.Node)
    node.register_hook(lambda given, got: heard.append(("after", given[0].tolist(), got[0].tolist())))
    node.register_prehook(lambda got: heard.append(("before", got[0].tolist())))
    y.register_hook(lambda g: heard.append(("tensor", g.tolist())))
    y.sum().backward()
    ones, threes = [1, 1, 1], [3, 3, 3]
    assert heard == [("tensor", ones), ("before", ones), "backward", ("after", threes, ones)]


def test_gradient_edges(torch, x):
    y = exp_of(torch).apply(x)
    edge = torch.autograd.graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn and edge.output_nr == 0
    (g,) = torch.autograd.grad((y * 3).sum(), edge, retain_graph=True)
    assert g.tolist() == [3, 3, 3]
    (g,) = torch.autograd.grad(torch.autograd.graph.GradientEdge(y.grad_fn, 0), x, torch.ones(3))
    assert torch.equal(g, x.detach().exp())


def test_hooks_on_several_tensors(torch, x):
    heard = []
    exp = exp_of(torch)
    y, z = exp.apply(x), exp.apply(x * 0)
    torch.autograd.graph.register_multi_grad_hook((y, z), lambda grads: heard.append([g is not None for g in grads]))
    (y + z).sum().backward()
    y = exp.apply(x)
    assert heard == [[True, True]]


def test_saved_tensor_hooks(torch, x):
    heard = []

    def pack(tensor):
        heard.append(("pack", tensor.tolist()))
        return tensor.detach() * 10

    def unpack(tensor):
        heard.append("unpack")
        return tensor / 10

    def forward(ctx, x):
        y = x * x
        ctx.save_for_backward(x, None, y)
        return y

    my = make(torch, forward, lambda ctx, g: g * ctx.saved_tensors[0] * 2)
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = my.apply(x)
    assert heard == [("pack", [1, 2, 3]), ("pack", [1, 4, 9])]
    y.sum().backward()
    assert heard[2:] == ["unpack", "unpack"] and torch.allclose(x.grad, 2 * x.detach())


@pytest.mark.parametrize("function", [exp_of, cube_of])
def test_double_backward_through_saved_tensor_hooks(torch, x, function):
    plain = torch.autograd.grad(torch.autograd.grad(function(torch).apply(x * 1).sum(), x, create_graph=True)[0].sum(), x)[0]
    for inner in (lambda x: x, lambda x: x * 1):
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
            y = function(torch).apply(inner(x))
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        assert torch.allclose(torch.autograd.grad(g.sum(), x)[0], plain)


def test_raw_saved_tensors(torch, x):
    y = exp_of(torch).apply(x)
    (raw,) = y.grad_fn._raw_saved_tensors
    raw.register_hooks(lambda t: t * 10, lambda t: t / 5)
    y.sum().backward()
    assert torch.allclose(x.grad, 2 * x.detach().exp())
    with pytest.raises(RuntimeError, match="a second time"):
        y.grad_fn._raw_saved_tensors  # noqa: B018


def test_profiles_have_its_name(torch, x):
    with torch.autograd.profiler.profile() as profile:
        exp_of(torch).apply(x).sum().backward()
    assert {"Exp", "ExpBackward"} <= {event.name.rpartition(": ")[2] for event in profile.function_events}


def test_inference_mode(torch, x):
    with torch.inference_mode():
        y, same = exp_of(torch).apply(x), make(torch, lambda ctx, x: x).apply(x)
        z = torch.ones(3)
    assert y.is_inference() and not y.requires_grad and not same.is_inference() and not same.requires_grad
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward."):
        make(torch, lambda ctx, x, z: (ctx.save_for_backward(z), x * z)[1]).apply(x, z)


def test_graphs_are_freed_by_counting():
    gc.collect()
    gc.disable()
    try:
        x = nbgrad.ones(3, requires_grad=True)
        y = exp_of(nbgrad).apply(x)
        held = y.grad_fn
        node, ctx = weakref.ref(y._edge), weakref.ref(held)
        del y
        assert node() is not None  # the ctx holds its node
        del held
        assert node() is None and ctx() is None
        y = exp_of(nbgrad).apply(x)
        node = weakref.ref(y._edge)
        y.sum().backward()
        del y
        assert node() is None
    finally:
        gc.enable()


def test_the_record_has_one_call():
    from nbgrad._engine.observe import observing
    from nbgrad.graph.capture import Recorder

    x = nbgrad.tensor([1.0, 2.0], requires_grad=True)
    recorder = Recorder()
    with observing(recorder):
        y = exp_of(nbgrad).apply(x * 2)
        z = y.sum()
        z.backward()
    graph = recorder.graph({"x": x, "y": y, "z": z})
    assert [(c.op, c.node) for c in graph.calls] == [("mul", "MulBackward0"), ("Exp", "ExpBackward"), ("sum", "SumBackward0")]
    assert [s.node for s in graph.steps] == ["SumBackward0", "ExpBackward", "MulBackward0", "AccumulateGrad"]
    assert [s.call for s in graph.steps[:3]] == ["c2", "c1", "c0"]
