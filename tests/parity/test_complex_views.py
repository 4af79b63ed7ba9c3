"""Changes in place through views that share memory in unusual ways: complex numbers and their parts, expanded and exchanged memory, 0 dimensions,
and views of buffers that had no history when they were taken."""

import pytest

from .side_by_side import compare


def numbers(torch, *shape):
    n = 1
    for size in shape:
        n *= size
    return torch.arange(1.0, n + 1, dtype=torch.float64).reshape(shape).clone()


def complex_leaf(torch, n=3):
    return torch.complex(numbers(torch, n), numbers(torch, n).flip(0)).requires_grad_()


def both_gradients(torch, value, leaf):
    """The gradient, and that of the sum of its squares."""
    (g,) = torch.autograd.grad(value, leaf, create_graph=True)
    parts = torch.view_as_real(g) if g.is_complex() else g
    if not parts.requires_grad:
        return value, g, None
    return value, g, torch.autograd.grad((parts * parts).sum(), leaf, allow_unused=True)[0]


CHANGES = {
    "real part": lambda torch, z, x: z.real.mul_(x.imag.detach() + 2),
    "imaginary part by another": lambda torch, z, x: z.imag.copy_(x.real * x.imag),
    "element of a part": lambda torch, z, x: z.real.__setitem__(0, x.imag[1] ** 2),
    "assigned part": lambda torch, z, x: setattr(z, "imag", x.abs()),
    "pairs": lambda torch, z, x: torch.view_as_real(z)[1:].mul_(torch.view_as_real(x)[:-1]),
    "column of pairs": lambda torch, z, x: torch.view_as_real(z)[:, 1].exp_(),
    "by a complex number": lambda torch, z, x: z[1:].mul_(2 - 1j),
    "row by complex row": lambda torch, z, x: z[:2].mul_(x[1:]),
    "conjugated": lambda torch, z, x: z[::2].conj_physical_(),
    "real into complex": lambda torch, z, x: z[:1].add_(x[1:2].real),
    "swapped": lambda torch, z, x: (z.__setitem__(0, z[1].clone()), z.__setitem__(1, x[0] * 1j)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_of_complex_views(change):
    def program(torch):
        x = complex_leaf(torch)
        z = x * (1 + 0.5j)
        part, pairs = z.imag, torch.view_as_real(z)
        CHANGES[change](torch, z, x)
        value = (z.real * part).sum() + (pairs**3).sum() + (z * z.conj()).real.sum()
        return both_gradients(torch, value, x), z._version, part._version

    compare(program)


@pytest.mark.parametrize("expand", ["t.expand(())", "t.expand_as(t)", "t.broadcast_to(())", "torch.broadcast_tensors(t, x[:1])[0][0]"])
def test_an_expanded_number_shares_its_memory(expand):
    def program(torch):
        x = numbers(torch, 3).requires_grad_()
        t = x.sum()
        view = eval(expand, {"torch": torch, "t": t, "x": x})
        view.mul_(x[0] + 2)
        return both_gradients(torch, t * t, x), view, view._is_view(), view._base is t, t._version

    compare(program)


@pytest.mark.parametrize("change", ["mul_(2)", "copy_(torch.ones(2, 3))", "index_add_(0, torch.tensor([0]), torch.ones(1, 3))"])
def test_as_strided_memory_that_elements_share_is_not_written(torch, change):
    b = torch.arange(3.0)
    shared = b.as_strided((2, 3), (0, 1))
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor refers to a single memory location"):
        eval(f"shared.{change}", {"shared": shared, "torch": torch})
    assert b.tolist() == [0.0, 1.0, 2.0]
    shared.fill_(4.0)
    shared[1] = 5.0
    assert b.tolist() == [5.0] * 3


@pytest.mark.parametrize("take", ["x[2:]", "x.view(2, 2)[1]", "x.as_strided((2,), (2,))", "x.view(2, 2).t()[0]"])
def test_a_view_keeps_its_place_when_the_memory_of_its_base_is_exchanged(take):
    def program(torch):
        x = numbers(torch, 4).requires_grad_()
        early, further = eval(take), eval(take)[1:]
        x.data = x.data.clone()
        late = eval(take)
        with torch.no_grad():
            x.mul_(2)
        weights = numbers(torch, 2)
        ((early * weights).sum() + (late * weights * 10).sum() + further.sum() * 100).backward()
        return x.grad, early.detach(), late.detach()

    compare(program)


def test_a_change_through_a_view_of_exchanged_memory():
    def program(torch):
        x = numbers(torch, 4).requires_grad_()
        y = x * 1
        view = y[1:3]
        y.data = y.data.clone()
        view.mul_(3)
        (y * numbers(torch, 4)).sum().backward()
        return x.grad, view

    compare(program)


@pytest.mark.parametrize("use", ["pass", "second.grad_fn", "second.is_leaf", "second * 1", "second[:1]"])
@pytest.mark.parametrize("change", ["second.mul_(2)", "second[0] = 2.0", "second[torch.tensor([0])] = 2.0", "second[0].mul_(2)", "first.mul_(2)"])
def test_a_view_of_a_buffer_that_gets_its_history_later(use, change):
    """PyTorch takes such a view for a leaf until somebody has asked for its history."""

    def program(torch):
        w = numbers(torch, 2).requires_grad_()
        buffer = torch.zeros(4, dtype=torch.float64)
        first, second = buffer[:2], buffer[2:]
        first.copy_(w)
        scope = {"torch": torch, "first": first, "second": second}
        exec(use, scope)
        exec(change, scope)
        (buffer * numbers(torch, 4)).sum().backward()
        return buffer, w.grad

    compare(program)


def test_views_follow_a_buffer_that_is_detached():
    def program(torch):
        buffer = torch.zeros(4)
        first, second = buffer[:2], buffer[2:]
        first.copy_(torch.ones(2).requires_grad_())
        buffer.detach_()
        return first.requires_grad, second.requires_grad, second.is_leaf

    compare(program)


def test_detaching_in_inference_mode_leaves_the_history():
    def program(torch):
        x = numbers(torch, 3).requires_grad_()
        y = x * 2
        view = y[:2]
        with torch.inference_mode():
            y.detach_()
            view.detach_()
        y.sum().backward()
        return x.grad, view.requires_grad

    compare(program)


@pytest.mark.parametrize("change", ["y.fill_(2.0)", "y.zero_()", "y.copy_(torch.ones(3, dtype=torch.float64))", "y.fill_(x.sum())"])
def test_the_gradient_of_what_was_overwritten_is_a_constant(change):
    def program(torch):
        x = numbers(torch, 3).requires_grad_()
        y = x * x
        exec(change, {"torch": torch, "x": x, "y": y})
        return torch.autograd.grad((y * y).sum(), [y, x], create_graph=True, allow_unused=True)

    compare(program)


@pytest.mark.parametrize("index", ["torch.tensor([0, 0])", "[1, 1]", "(slice(None), [0, 0])", "0", "(0, [0, 0])"])
@pytest.mark.parametrize("value", ["x[0, 1]", "x.sum() * 2", "3.0"])
def test_tangents_of_assigned_elements(index, value):
    """Also where one place is assigned twice, which counts once."""

    def program(torch):
        def f(x):
            y = x * x
            y[eval(index, {"torch": torch})] = eval(value, {"x": x})
            return (y * numbers(torch, 2, 2)).sum()

        def put(x):
            return (x * x).put_(torch.tensor([0, 0]), x[0]).sum() + torch.index_put(x * x, [torch.tensor([1, 1])], x).sum()

        x, t = numbers(torch, 2, 2), numbers(torch, 2, 2) ** 2
        return torch.func.jvp(f, (x,), (t,)), torch.func.jvp(put, (x,), (t * 0 + 1,)), torch.func.jvp(torch.func.grad(f), (x,), (t,))

    compare(program)


@pytest.mark.parametrize(
    "line", ["x[0] = x", "x[0][0] = x.double()", "x[:, 0] = torch.ones(3)", "y[0] = y", "y[0, 0] = torch.ones(2, dtype=torch.complex64)",
             "y[torch.tensor([[True, False], [False, False]])] = torch.tensor(1 + 1j)", "y[0] = torch.ones(2, 1, 2)"],
)  # fmt: skip
def test_what_does_not_fit_is_refused_first(line):
    def program(torch):
        x = torch.ones(2, 2).requires_grad_()
        y = numbers(torch, 2, 2)
        exec(line, {"torch": torch, "x": x, "y": y})
        return y

    compare(program)


def test_the_name_of_a_change_through_a_view():
    def program(torch):
        x = torch.ones(3).requires_grad_()
        y = x * 1
        y[0] = 2.0
        return y.grad_fn.name(), type(y.grad_fn).__name__, repr(y)

    compare(program)


def test_the_type_of_a_complex_tensor_that_was_changed():
    def program(torch):
        z = complex_leaf(torch).exp()
        z.real.mul_(2)
        try:
            torch.view_as_real(z).sum().backward()
        except RuntimeError as error:
            return str(error).partition("; expected")[0]

    compare(program)
