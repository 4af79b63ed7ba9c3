"""What lessons on autograd print on the way: the nodes behind a result, the history of a gradient, names of classes, messages."""

import pytest

import nbgrad

from .side_by_side import compare, outcome

CALLS = [
    "x + 1", "1 - x", "x * 2", "2 / x", "x ** 2", "2 ** x", "x ** y", "x.clamp(0, 1)", "x.clamp(y, y)", "x.clamp(y)", "x.clamp(max=y)", "x.clamp(0)",
    "x.clamp_min(0)", "x.clamp_max(y)", "torch.fmod(x, 2)", "torch.remainder(x, 2)", "torch.xlogy(x, 2)", "torch.xlogy(2, x)", "torch.lerp(x, y, 0.5)",
    "torch.lerp(x, y, y)", "x.masked_fill(y > 0, 1)", "torch.float_power(x, 2)", "x.clone().pow_(2)", "x.clone().fill_(2)", "x.clone().clamp_(0, 1)",
    "x.clone().lerp_(y, 0.5)", "x.copysign(-1)", "torch.normal(x, 1.0)", "x.clone().bernoulli_()", "torch.nn.functional.linear(x, y)",
    "torch.pow(x, exponent=3)", "torch.pow(3, exponent=x)", "x.pow(exponent=y)",
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_a_number_has_an_edge_only_where_the_node_is_for_tensors_too(call):
    def program(torch):
        x, y = torch.full((3, 3), 0.5, requires_grad=True), torch.full((3, 3), 0.25)
        node = eval(call, {"torch": torch, "x": x, "y": y}).grad_fn
        return node.name(), [(None if n is None else n.name(), i) for n, i in node.next_functions]

    compare(program)


@pytest.mark.parametrize("call", ["x ** 3", "3 ** x", "2 - x", "torch.xlogy(2, x)", "torch.lerp(x, 2 * x, 0.3)", "x.clamp(x - 1, None)", "x ** x"])
def test_gradients_of_every_order_go_along_the_edges_that_are_there(call):
    def program(torch):
        x = torch.tensor([1.5, 2.5], dtype=torch.float64, requires_grad=True)
        out, found = eval(call, {"torch": torch, "x": x}), []
        for _ in range(3):
            (out,) = torch.autograd.grad(out.sum(), x, create_graph=True, materialize_grads=True)
            found.append(out.detach())
            if not out.requires_grad:
                break
        return found

    compare(program)


def test_what_a_power_has_saved_bears_torchs_names(torch):
    x = torch.ones(2, requires_grad=True)
    square = (x**2).grad_fn
    assert square._saved_self is x and square._saved_exponent == 2
    assert (x ** torch.ones(2)).grad_fn._saved_exponent.tolist() == [1, 1]


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("leaf", ["torch.ones(2)", "torch.ones(2, 3).t()", "torch.tensor(2.0)"])
def test_a_gradient_with_a_history_is_a_copy_by_name(torch, leaf):
    x = eval(leaf, {"torch": torch}).requires_grad_()
    (x**3).sum().backward(create_graph=True)
    assert type(x.grad.grad_fn).__name__ == "CopyBackwards"
    (nothing, _), (source, _) = x.grad.grad_fn.next_functions
    assert nothing is None and source.name() == "MulBackward0"


@pytest.mark.parametrize("call", ["x.unique()", "x.unique(dim=0)", "x.unique_consecutive()", "x.unique(return_counts=True)[0]"])
def test_distinct_elements_have_a_node_that_refuses_to_be_passed(call):
    def program(torch):
        x = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
        found = eval(call, {"x": x})
        assert not eval(call, {"x": x.detach()}).requires_grad
        return found.grad_fn.name(), outcome(lambda torch: (found.sum() + x.sum()).backward(), torch)

    compare(program)


@pytest.mark.parametrize(
    "statement",
    [
        "torch.ones(2, dtype=torch.long).requires_grad_()", "setattr(torch.ones(2, dtype=torch.long), 'requires_grad', True)", "x.requires_grad_('yes')",
        "x.requires_grad_(1)", "setattr(x, 'requires_grad', 1)",
    ],
)  # fmt: skip
def test_asking_for_gradients_wrongly_raises(statement):
    compare(lambda torch: eval(statement, {"torch": torch, "x": torch.ones(2)}) and None)


@pytest.mark.parametrize("kind", ["double", "half", "int", "long", "bool", "cdouble", "cfloat", "short"])
def test_a_gradient_of_another_type_is_refused_by_the_type_that_it_has(torch, kind):
    x = torch.ones(2, requires_grad=True)
    said = {"half": "c10::Half", "long": "long int", "short": "short int", "cdouble": "c10::complex<double>", "cfloat": "c10::complex<float>"}.get(kind, kind)
    with pytest.raises(RuntimeError, match=f"dtype '{said}' to a tensor with grad_dtype 'Float'"):
        x.grad = getattr(torch.ones(2), kind)()


@pytest.mark.parametrize(
    "name",
    [
        "Tensor", "dtype", "device", "Size", "no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "autograd.Function",
        "autograd.function.FunctionCtx", "autograd.graph.saved_tensors_hooks", "autograd.graph.save_on_cpu", "autograd.grad", "autograd.backward",
        "func.grad", "func.vmap", "func.jvp", "func.hessian", "func.functional_call",
    ],
)  # fmt: skip
def test_public_names_say_where_users_find_them(name):
    torch = pytest.importorskip("torch")
    ours, theirs = nbgrad, torch
    for part in name.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    assert ours.__module__ == theirs.__module__.replace("torch", "nbgrad", 1)
    assert ours.__qualname__ == theirs.__qualname__
