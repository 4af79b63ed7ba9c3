"""Custom Functions under `vmap`: with a `vmap` of their own, with a generated one, and without."""

import pytest


def numbers(torch, *shape):
    return torch.arange(1.0, 1.0 + torch.Size(shape).numel(), dtype=torch.float64).reshape(shape) / 7


def cubing(torch, **attributes):
    """x ** 3 as a Function that says how it is differentiated."""

    def forward(x):
        return x**3

    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad

    methods = {"forward": forward, "setup_context": setup_context, "backward": backward}
    return type("Cube", (torch.autograd.Function,), {k: staticmethod(f) for k, f in methods.items()} | attributes)


def test_a_generated_rule(torch):
    x = numbers(torch, 3, 4).requires_grad_()
    out = torch.vmap(cubing(torch, generate_vmap_rule=True).apply)(x)
    assert torch.allclose(out, x**3)
    (g,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    assert torch.allclose(g, 3 * x**2)
    assert torch.allclose(torch.autograd.grad(g.sum(), x)[0], 6 * x)


def test_a_generated_rule_in_nested_vmaps(torch):
    x = numbers(torch, 3, 4)
    apply = cubing(torch, generate_vmap_rule=True).apply
    assert torch.allclose(torch.vmap(torch.vmap(apply), in_dims=1, out_dims=1)(x), x**3)


def test_a_rule_of_its_own(torch):
    seen = []

    def vmap(info, in_dims, x):
        seen.append((info.batch_size, info.randomness, in_dims, tuple(x.shape)))
        return Cube.apply(x), in_dims[0]

    Cube = cubing(torch, vmap=staticmethod(vmap))
    x = numbers(torch, 3, 4).requires_grad_()
    out = torch.vmap(Cube.apply)(x)
    assert seen == [(3, "error", (0,), (3, 4))]
    assert torch.allclose(out, x**3)
    assert torch.allclose(torch.autograd.grad(out.sum(), x)[0], 3 * x**2)


def test_a_rule_of_its_own_is_asked_once_for_each_nested_vmap(torch):
    seen = []

    def vmap(info, in_dims, x):
        seen.append((info.batch_size, tuple(x.shape)))
        return Cube.apply(x), 0

    Cube = cubing(torch, vmap=staticmethod(vmap))
    x = numbers(torch, 2, 3, 4)
    assert torch.allclose(torch.vmap(torch.vmap(Cube.apply))(x), x**3)
    assert seen == [(3, (3, 4)), (2, (2, 3, 4))]


def test_a_rule_for_several_arguments_of_which_some_are_mapped(torch):
    seen = []

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(x, w, k):
            return x * w * k, x.sum()

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, a, b):
            return a, a, None

        @staticmethod
        def vmap(info, in_dims, x, w, k):
            seen.append((in_dims, k))
            return (x * w * k, x.sum(1)), (0, 0)

    x, w = numbers(torch, 3, 4), numbers(torch, 4)
    product, total = torch.vmap(lambda a: Scaled.apply(a, w, 2))(x)
    assert seen == [((0, None, None), 2)]
    assert torch.allclose(product, x * w * 2)
    assert torch.allclose(total, x.sum(1))


def test_random_numbers_in_a_rule_are_not_those_of_the_vmap(torch):
    def vmap(info, in_dims, x):
        return x + torch.rand(3, 4, dtype=torch.float64) * 0, 0

    x = numbers(torch, 3, 4)
    assert torch.allclose(torch.vmap(cubing(torch, vmap=staticmethod(vmap)).apply)(x), x)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda x: x, "Expected the vmap staticmethod to have two returns"),
        (lambda x: (x, 0, 0), "Expected the vmap staticmethod to have two returns"),
        (lambda x: ((x, x), (0, 0, 0)), r"returned an incompatible \(output, out_dims\) tuple"),
    ],
)
def test_wrong_returns_of_a_rule(torch, returned, words):
    Cube = cubing(torch, vmap=staticmethod(lambda info, in_dims, x: returned(x)))
    with pytest.raises(RuntimeError, match=words):
        torch.vmap(Cube.apply)(numbers(torch, 3, 4))


def test_functions_that_cannot_be_mapped(torch):
    class Old(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = numbers(torch, 3, 4)
    with pytest.raises(RuntimeError, match="it must override the setup_context staticmethod"):
        torch.vmap(Old.apply)(x)
    with pytest.raises(RuntimeError, match="You tried to vmap over Cube, but it does not have vmap support"):
        torch.vmap(cubing(torch).apply)(x)
    with pytest.raises(RuntimeError, match="it has both generate_vmap_rule=True and an overridden vmap staticmethod"):
        torch.vmap(cubing(torch, generate_vmap_rule=True, vmap=staticmethod(lambda info, in_dims, x: (x, 0))).apply)(x)


def test_a_function_under_batched_cotangents(torch):
    x = numbers(torch, 4).requires_grad_()
    y = cubing(torch, generate_vmap_rule=True).apply(x)
    (g,) = torch.autograd.grad(y, x, torch.eye(4, dtype=torch.float64), is_grads_batched=True)
    assert torch.allclose(g, torch.diag(3 * x**2))
