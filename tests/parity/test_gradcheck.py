"""`gradcheck` and `gradgradcheck`: what they accept, refuse and report, on nbgrad and on PyTorch."""

import warnings

import pytest

import nbgrad


class Cases:
    """Functions that are right or wrong in a way of their own, for one of the two libraries."""

    def __init__(self, torch):
        self.torch = torch
        double = {"dtype": torch.float64}
        self.x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True, **double)
        self.y = torch.tensor([[0.5, -2.0, 3.0], [1.0, 2.0, 3.0]], requires_grad=True, **double)
        self.constant = torch.tensor([4.0, 5.0, 6.0], **double)
        self.ones = torch.ones(3, requires_grad=True, **double)

    def function(self, forward, backward, **settings):
        def run(ctx, a):
            ctx.save_for_backward(a)
            if not settings.get("materialize", True):
                ctx.set_materialize_grads(False)
            return forward(a)

        members = {"forward": staticmethod(run), "backward": staticmethod(backward)}
        return type("My", (self.torch.autograd.Function,), members).apply

    def cube(self):
        return self.function(lambda a: a**3, lambda ctx, g: g * 3 * ctx.saved_tensors[0] ** 2)

    def wrong(self):
        return self.function(lambda a: a**3, lambda ctx, g: g * 2 * ctx.saved_tensors[0] ** 2)

    def wrong_twice(self):
        return self.function(lambda a: a**3, lambda ctx, g: g * 3 * ctx.saved_tensors[0] * ctx.saved_tensors[0].detach())


@pytest.fixture
def cases(torch):
    return Cases(torch)


@pytest.fixture(params=[False, True], ids=["slow", "fast"])
def fast(request):
    return request.param


def test_right_gradients(torch, cases, fast):
    x, y = cases.x, cases.y
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(cases.cube(), x, fast_mode=fast) is True
        assert check(lambda a, b: (a * b).sum(0), (x, y), fast_mode=fast) is True
        assert check(lambda a, b: [a * b, a.exp()], [x, y], fast_mode=fast) is True
        assert check(lambda a, b, n: a * b * n, (x, cases.constant, 3), fast_mode=fast) is True
        assert check(lambda a: (a * 1).mul_(2).exp_(), x, fast_mode=fast) is True
    assert torch.autograd.gradgradcheck(lambda a, b: (a * b, b.sin() * a), (x, y), gen_non_contig_grad_outputs=True, fast_mode=fast)
    assert torch.autograd.gradgradcheck(cases.cube(), x, cases.ones, fast_mode=fast)
    assert torch.autograd.gradcheck(lambda a: (a * 2, a.argmax()), x, fast_mode=fast)
    assert torch.autograd.gradcheck(lambda a: a, x, check_grad_dtypes=True, masked=True, fast_mode=fast)
    assert x.tolist() == [1, 2, 3] and x.grad is None and x._version == 0


def test_shapes_without_elements_or_dimensions(torch):
    assert torch.autograd.gradcheck(lambda a: a.sum(), torch.zeros(0, dtype=torch.float64, requires_grad=True))
    assert torch.autograd.gradcheck(lambda a: a**2, torch.tensor(2.0, dtype=torch.float64, requires_grad=True))


def test_wrong_gradients(torch, cases, fast):
    message = r"Jacobian mismatch for output 0 with respect to input 0,\nnumerical:(.|\n)*analytical:"
    with pytest.raises(torch.autograd.gradcheck.__globals__["GradcheckError"], match=message):
        torch.autograd.gradcheck(cases.wrong(), cases.x, fast_mode=fast)
    assert torch.autograd.gradcheck(cases.wrong(), cases.x, raise_exception=False, fast_mode=fast) is False
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 1 with respect to input 1"):
        torch.autograd.gradcheck(lambda a, b: (a * b, cases.wrong()(b)), (cases.x, cases.y), fast_mode=fast)
    assert torch.autograd.gradcheck(cases.wrong_twice(), cases.x, fast_mode=fast)
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        torch.autograd.gradgradcheck(cases.wrong_twice(), cases.x, cases.ones, fast_mode=fast)
    with pytest.raises(RuntimeError, match="Numerical gradient for function expected to be zero"):
        torch.autograd.gradcheck(lambda a: a.detach() * 2, cases.x, fast_mode=fast)


def report(torch, fast, order):
    cases = Cases(torch)
    try:
        if order == 1:
            torch.autograd.gradcheck(cases.wrong(), cases.x, fast_mode=fast)
        else:
            torch.autograd.gradgradcheck(cases.wrong_twice(), cases.x, cases.ones, fast_mode=fast)
    except RuntimeError as error:
        return [line for line in str(error).splitlines() if "background" not in line and "recompute" not in line and "in fast mode" not in line]


@pytest.mark.parametrize("order", [1, 2])
def test_reports_are_pytorchs(fast, order):
    torch = pytest.importorskip("torch")
    ours = report(nbgrad, fast, order)
    assert len(ours) > 3 and ours == report(torch, fast, order)


def test_inputs_that_cannot_be_checked(torch, cases, fast):
    with pytest.raises(ValueError, match="gradcheck expects at least one input tensor to require gradient"):
        torch.autograd.gradcheck(cases.cube(), cases.constant, fast_mode=fast)
    with pytest.raises(RuntimeError, match="The 0th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping"):
        torch.autograd.gradcheck(lambda a: a * 2, cases.x[:1].expand(3), fast_mode=fast)
    single = torch.tensor([1.0, 2.0], requires_grad=True)
    with pytest.warns(UserWarning, match="Input #1 requires gradient and is not a double precision floating point or complex"):
        assert torch.autograd.gradcheck(lambda a, b: b * 2, (cases.x, single), eps=1e-2, atol=1e-1, rtol=1e-1, fast_mode=fast)


def test_a_shape_that_depends_on_values(torch, cases):
    with pytest.raises(AssertionError, match=r"outputs with the same shape when inputs are perturbed on index \(0,\) by 1e-06, but got: shapes torch.Size"):
        torch.autograd.gradcheck(lambda a: a[:2] if a[0] >= 1 else a, cases.x)
    assert cases.x.tolist()[1:] == [2, 3]


def test_backward_that_ignores_its_gradient(torch, cases, fast):
    with pytest.raises(RuntimeError, match="backward not multiplied by grad_output"):
        function = cases.function(lambda a: a * 2, lambda ctx, g: g * 0 + 2)
        torch.autograd.gradcheck(lambda a: function(a).sum(), torch.tensor([1.0], dtype=torch.float64, requires_grad=True), fast_mode=fast)


def test_backward_that_gives_something_else_each_time(torch, cases, fast):
    count = [0]

    def backward(ctx, grad):
        count[0] += 1
        return grad * (2 + 1e-9 * count[0])

    function = cases.function(lambda a: a * 2, backward)
    with pytest.raises(RuntimeError, match="Backward is not reentrant, i.e., running backward with same input and grad_output multiple times"):
        torch.autograd.gradcheck(function, cases.x, fast_mode=fast)
    assert torch.autograd.gradcheck(function, cases.x, nondet_tol=1e-6, fast_mode=fast)


def test_undefined_gradients(torch, cases, fast):
    def refuse(ctx, grad):
        if grad is None:
            raise RuntimeError("undefined")
        return grad * 2

    def invent(ctx, grad):
        return torch.ones(3, dtype=torch.float64) if grad is None else grad * 2

    for backward, message in ((refuse, "Expected backward function to handle undefined output grads"), (invent, "Expected all input grads to be und")):
        function = cases.function(lambda a: a * 2, backward, materialize=False)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            with pytest.raises(RuntimeError, match=message):
                torch.autograd.gradcheck(function, cases.x, fast_mode=fast)
        assert "New undefined gradient support checking feature is enabled by default" in str(heard[0].message)
        assert torch.autograd.gradcheck(function, cases.x, check_undefined_grad=False, fast_mode=fast)


@pytest.mark.parametrize(
    ("check", "settings", "message"),
    [
        ("gradcheck", {"check_backward_ad": False}, "Expected at least one of check_forward_ad or check_backward_ad to be True"),
        (
            "gradcheck", {"check_backward_ad": False, "check_forward_ad": True, "check_batched_grad": True},
            "Setting check_batched_grad=True requires check_backward_ad to be True",
        ),
        ("gradcheck", {"check_batched_forward_grad": True}, "Setting check_batched_forward_grad=True requires check_forward_ad to be True"),
        ("gradgradcheck", {"check_rev_over_rev": False}, "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"),
        (
            "gradgradcheck", {"check_rev_over_rev": False, "check_fwd_over_rev": True},
            "Setting check_undefined_grad=True requires check_rev_over_rev to be True",
        ),
    ],
)  # fmt: skip
def test_settings_that_contradict(torch, cases, check, settings, message):
    with pytest.raises(AssertionError, match=message):
        getattr(torch.autograd, check)(cases.cube(), cases.x, **settings)


@pytest.mark.parametrize("kink", ["relu", "threshold"])
def test_gradients_by_cotangents_of_gradients(torch, kink):
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    cotangent = torch.ones(2, requires_grad=True)
    y = x.relu() if kink == "relu" else torch.nn.functional.threshold(x, 0.5, 0.0)
    (g,) = torch.autograd.grad(y, x, cotangent, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), cotangent, create_graph=True)
    assert h.tolist() == [1, 0]


@pytest.fixture
def z(torch):
    return torch.tensor([1 + 2j, -0.5 + 1j, 2 - 1j], dtype=torch.complex128, requires_grad=True)


def test_complex_numbers(torch, cases, fast, z):
    x = cases.x
    square = cases.function(lambda a: a * a, lambda ctx, g: g * 2 * ctx.saved_tensors[0].conj())
    modulus = cases.function(lambda a: a.abs(), lambda ctx, g: g * ctx.saved_tensors[0].sgn())
    turned = cases.function(lambda a: a * (1 + 2j), lambda ctx, g: (g * (1 - 2j)).real)
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(square, z, fast_mode=fast)
        assert check(turned, x, fast_mode=fast)
        assert check(lambda a, b: (a * b, a.abs() * b), (z, x), fast_mode=fast)
    assert torch.autograd.gradcheck(modulus, z, fast_mode=fast)


def test_wrong_gradients_of_complex_numbers(torch, cases, fast, z):
    without_conj = cases.function(lambda a: a * a, lambda ctx, g: g * 2 * ctx.saved_tensors[0])
    with pytest.raises(RuntimeError, match="While considering the imaginary part of complex outputs only, Jacobian mismatch for output 0 with respect"):
        torch.autograd.gradcheck(without_conj, z, fast_mode=fast)
    assert torch.autograd.gradcheck(without_conj, z, fast_mode=fast, raise_exception=False) is False
    complex_gradient = cases.function(lambda a: a * (1 + 2j), lambda ctx, g: g * (1 - 2j))
    with pytest.raises(RuntimeError, match=r"input_is_complex == grad_is_complex\) to be true, but got false"):
        torch.autograd.gradcheck(complex_gradient, cases.x, fast_mode=fast)
