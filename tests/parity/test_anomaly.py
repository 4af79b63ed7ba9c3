"""Anomaly detection: which NaN and which errors are told of, and with what words."""

import warnings

import pytest

import nbgrad


@pytest.fixture(autouse=True)
def off(torch):
    yield
    torch.autograd.set_detect_anomaly(False)


@pytest.fixture
def x(torch):
    return torch.tensor([0.0, 1.0], requires_grad=True)


def run(torch, program, *, check_nan=True):
    """The error of a program under anomaly detection, and the warnings."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        error = None
        with torch.autograd.set_detect_anomaly(True, check_nan=check_nan):
            try:
                program()
            except Exception as caught:
                error = caught
    return error, [str(w.message) for w in heard]


def test_nan_in_a_gradient(torch, x):
    def program():
        root = torch.sqrt(x)
        (root * 0).sum().backward()

    error, heard = run(torch, program)
    assert type(error) is RuntimeError and str(error).startswith("Function 'SqrtBackward0' returned nan values in its 0th output.")
    assert len(heard) == 1 and heard[0].startswith("Error detected in SqrtBackward0. Traceback of forward call that caused the error:\n")
    assert "in program\n    root = torch.sqrt(x)\n" in heard[0]
    assert x.grad is None
    error, heard = run(torch, program, check_nan=False)
    assert error is None and heard == [] and str(x.grad[0].item()) == "nan"


@pytest.mark.parametrize("first", [True, False])
def test_the_gradient_is_named_by_its_number(torch, first):
    z, nan = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([float("nan"), 1.0])
    error, _ = run(torch, lambda: (z * nan if first else nan * z).sum().backward())
    assert f"Function 'MulBackward0' returned nan values in its {0 if first else 1}th output." in str(error)


def test_infinity_is_no_anomaly(torch, x):
    error, heard = run(torch, lambda: torch.log(x).sum().backward())
    assert error is None and heard == [] and x.grad.tolist() == [float("inf"), 1]


def test_an_error_in_backward(torch, x):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            raise ValueError("mine")

    error, heard = run(torch, lambda: Bad.apply(x).sum().backward())
    assert type(error) is ValueError and str(error) == "mine"
    assert heard[0].startswith("Error detected in BadBackward. Traceback of forward call that caused the error:\n")


def test_a_function_that_returns_nan(torch, x):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return None, grad * float("nan")

    error, heard = run(torch, lambda: Bad.apply(x, x * 2).sum().backward())
    assert "Function 'BadBackward' returned nan values in its 1th output." in str(error) and "Error detected in BadBackward" in heard[0]


def test_a_tensor_that_was_changed(torch, x):
    def program():
        a = x.exp()
        a.add_(1)
        a.sum().backward()

    error, heard = run(torch, program)
    assert "modified by an inplace operation" in str(error)
    assert "Hint: the backtrace further above shows the operation that failed to compute its gradient." in str(error)
    assert "Error detected in ExpBackward0." in heard[0] and "a = x.exp()" in heard[0]


def test_hooks_may_repair_a_gradient(torch, x):
    def program():
        root = torch.sqrt(x)
        root.grad_fn.register_hook(lambda given, got: (torch.ones(2),))
        (root * 0).sum().backward()

    error, heard = run(torch, program)
    assert error is None and heard == [] and x.grad.tolist() == [1, 1]


def test_only_towards_inputs(torch, x):
    error, _ = run(torch, lambda: torch.autograd.grad((torch.sqrt(x) * 0).sum(), x))
    assert "SqrtBackward0" in str(error)


def test_double_backward(torch):
    z = torch.tensor([0.0], requires_grad=True)

    def program():
        power = (z**1.5).sum()
        (g,) = torch.autograd.grad(power, z, create_graph=True)
        (g * 0).sum().backward()

    error, heard = run(torch, program)
    assert str(error).startswith("Function 'PowBackward0' returned nan values in its 0th output.")
    assert [m.strip().partition(". Trace")[0] for m in heard] == ["Error detected in PowBackward0", "Previous calculation was induced by PowBackward0"]
    assert "power = (z**1.5).sum()" in heard[1]


def test_switches(torch):
    def state():
        return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()

    seen = [state()]
    torch.autograd.set_detect_anomaly(True)
    seen.append(state())
    torch.autograd.set_detect_anomaly(False)
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        seen.append(state())
    seen.append(state())
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled. This mode will increase the runtime"):
        block = torch.autograd.detect_anomaly(check_nan=False)
    seen.append(state())
    with block:
        seen.append(state())
    seen.append(state())
    assert seen == [(False, True), (True, True), (True, False), (False, True), (False, True), (True, False), (False, True)]
    torch.set_anomaly_enabled(True, False)
    assert state() == (True, False)
    torch.set_anomaly_enabled(False)
    assert state() == (False, True)


def test_the_error_names_the_line():
    x = nbgrad.tensor([0.0], requires_grad=True)
    root = nbgrad.sqrt(x)
    error, heard = run(nbgrad, lambda: (root * 0).sum().backward())
    assert "[nbgrad] It was made at test_anomaly.py, line" in str(error) and "root = nbgrad.sqrt(x)" in str(error)
    assert "root = nbgrad.sqrt(x)" in heard[0]  # though detection was off then


def test_the_same_gradients(torch):
    def gradients():
        a = torch.linspace(0.1, 2, 6).reshape(2, 3).requires_grad_()
        b = torch.linspace(0.5, 1, 3).requires_grad_()
        ((a * b).exp().sum(1) * (b @ a.T)).sum().backward()
        return a.grad, b.grad

    plain = gradients()
    with torch.autograd.set_detect_anomaly(True):
        watched = gradients()
    assert all(torch.equal(p, w) for p, w in zip(plain, watched))
