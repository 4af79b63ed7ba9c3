"""Custom Functions in forward mode: their `jvp`, and `gradcheck` of forward mode, on nbgrad and on PyTorch."""

import importlib

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # PyTorch's own, at its first dual


@pytest.fixture
def fw(torch):
    return importlib.import_module(f"{torch.__name__}.autograd.forward_ad")


def make(torch, forward, jvp=None, backward=None):
    members = {"forward": staticmethod(forward)}
    members |= {name: staticmethod(f) for name, f in (("jvp", jvp), ("backward", backward)) if f is not None}
    return type("My", (torch.autograd.Function,), members)


def push(torch, fw, function, *others):
    """The values and tangents that come out where 1, 2 go in with the tangent 3, 4."""
    with fw.dual_level():
        x = fw.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        out = function.apply(x, *others)
        found = [fw.unpack_dual(t) if torch.is_tensor(t) else t for t in (out if isinstance(out, tuple) else (out,))]
        return [f if not isinstance(f, tuple) else tuple(None if t is None else t.tolist() for t in f) for f in found]


def square(ctx, x, *others):
    ctx.save_for_forward(x)
    ctx.save_for_backward(x * 5)
    return x**2


def test_tangents(torch, fw):
    seen = []

    def jvp(ctx, *tangents):
        seen.append(([t if t is None else t.tolist() for t in tangents], [t.tolist() for t in ctx.saved_tensors], torch.is_grad_enabled()))
        return 2 * ctx.saved_tensors[0] * tangents[0]

    assert push(torch, fw, make(torch, square, jvp), torch.ones(2), 3, None) == [([1, 4], [6, 16])]
    assert seen == [([[3, 4], [0, 0], None, None], [[1, 2]], True)]


def test_tangents_that_are_not_there(torch, fw):
    seen = []

    def forward(ctx, x, y):
        ctx.set_materialize_grads(False)
        return x * 2, 7

    function = make(torch, forward, lambda ctx, *t: (seen.append(t[1]), (t[0] * 2, None))[1])
    assert push(torch, fw, function, torch.ones(2)) == [([2, 4], [6, 8]), 7] and seen == [None]
    assert not make(torch, lambda ctx, x: x * 2).apply(torch.ones(2)).requires_grad  # no tangent, no jvp


WRONG = {
    "too many": (square, lambda ctx, t: (t, t), r"Function's jvp returned an invalid number of forward gradients \(expected 1 but got 2\)"),
    "too few": (lambda ctx, x: (x * 2, x), lambda ctx, t: t, r"invalid number of forward gradients \(expected 2 but got 1\)"),
    "no tensor": (square, lambda ctx, t: 5, r"expected Variable or None \(got int\) for grad output 0."),
    "shape": (square, lambda ctx, t: t[:1], "Trying to set a forward gradient that has a different size than that of the original Tensor"),
    "integers": (
        lambda ctx, x: (x * 2, x.argmax()), lambda ctx, t: (t, t),
        "Function's jvp returned a gradient at position 1, but  the corresponding forward output is not a differentiable Tensor",
    ),
    "no view": (lambda ctx, x: x.view(2, 1), lambda ctx, t: t.view(2, 1) * 1, "forward is returning a view .or an input as-is. but the jvp is not ret"),
    "as it is": (lambda ctx, x: x, lambda ctx, t: t, "forward is returning a view .or an input as-is. but the jvp is not returning a view"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_jvp_may_not_return(torch, fw, case):
    forward, jvp, message = WRONG[case]
    with pytest.raises(RuntimeError, match=message):
        push(torch, fw, make(torch, forward, jvp))


def test_a_function_without_jvp(torch, fw):
    with pytest.raises(NotImplementedError, match="You must implement the jvp function for custom autograd.Function to use it with forward mode AD"):
        push(torch, fw, make(torch, square))


def test_views(torch, fw):
    assert push(torch, fw, make(torch, lambda ctx, x: x.view(2, 1), lambda ctx, t: t.view(2, 1))) == [([[1], [2]], [[3], [4]])]
    assert push(torch, fw, make(torch, lambda ctx, x: x, lambda ctx, t: t.view_as(t))) == [([1, 2], [3, 4])]


def test_changes_in_place(torch, fw):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    for jvp in (lambda ctx, t: t.mul_(2), lambda ctx, t: t * 2, lambda ctx, t: None):
        with fw.dual_level():
            x = fw.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
            if jvp(None, torch.ones(1)) is None or not jvp(None, torch.ones(1))._version:
                with pytest.raises(RuntimeError, match="An inplace custom Function is not modifying the forward mode gradients inplace."):
                    make(torch, forward, jvp).apply(x)
            else:
                y = make(torch, forward, jvp).apply(x)
                assert y is x and fw.unpack_dual(y).tangent.tolist() == [6, 8]


def exp_of(torch):
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x.exp()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_forward(output)
            ctx.save_for_backward(output)

        @staticmethod
        def jvp(ctx, tangent):
            return tangent * ctx.saved_tensors[0]

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[0]

    return Exp


def test_forward_over_reverse_and_reverse_over_forward(torch, fw):
    exp, x = exp_of(torch), torch.tensor([1.0, 2.0], requires_grad=True)
    with fw.dual_level():
        out = exp.apply(fw.make_dual(x, torch.ones(2)))
        tangent = fw.unpack_dual(out).tangent
        (g,) = torch.autograd.grad(out.sum(), x, retain_graph=True, create_graph=True)
        assert torch.allclose(fw.unpack_dual(g).tangent, x.exp())
        assert torch.allclose(torch.autograd.grad(tangent.sum(), x)[0], x.exp())


@pytest.mark.parametrize("fast", [False, True])
def test_gradcheck_of_forward_mode(torch, fast):
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    exp = exp_of(torch).apply
    assert torch.autograd.gradcheck(exp, x, check_forward_ad=True, fast_mode=fast)
    assert torch.autograd.gradcheck(lambda a, b: (a * exp(b), a.sin()), (x, x * 2), check_forward_ad=True, check_backward_ad=False, fast_mode=fast)
    assert torch.autograd.gradgradcheck(exp, x, check_fwd_over_rev=True, fast_mode=fast)
    assert torch.autograd.gradgradcheck(exp, x, check_fwd_over_rev=True, check_rev_over_rev=False, check_undefined_grad=False, fast_mode=fast)
    wrong = make(torch, square, lambda ctx, t: t * ctx.saved_tensors[0], lambda ctx, g: g)
    with pytest.raises(RuntimeError, match="Jacobian computed with forward mode mismatch for output 0 with respect to input 0"):
        torch.autograd.gradcheck(wrong.apply, x, check_forward_ad=True, check_backward_ad=False, fast_mode=fast)
