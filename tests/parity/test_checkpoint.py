"""Checkpointing: the gradients of plain runs, with the function run again, on nbgrad and on PyTorch."""

import contextlib
import gc
import importlib
import logging
import weakref

import pytest

import nbgrad


@pytest.fixture
def tools(torch):
    return importlib.import_module(f"{torch.__name__}.utils.checkpoint")


@pytest.fixture
def x(torch):
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


@pytest.fixture
def y(torch):
    return torch.tensor([0.5, 1.0, -1.0], requires_grad=True)


both = pytest.mark.parametrize("reentrant", [True, False])


class Counted:
    """A function that counts how often it begins and how often it ends."""

    def __init__(self, function):
        self.function, self.begun, self.ended = function, 0, 0

    def __call__(self, *args, **kwargs):
        self.begun += 1
        result = self.function(*args, **kwargs)
        self.ended += 1
        return result


def work(x, y, factor=2):
    return (x.sin() * y).exp() * factor


@both
def test_gradients_are_those_of_a_plain_run(torch, tools, x, y, reentrant):
    (work(x, y).tanh() * 3).sum().backward()
    expected = x.grad, y.grad
    x.grad = y.grad = None
    counted = Counted(work)
    out = tools.checkpoint(counted, x, y, use_reentrant=reentrant)
    assert counted.begun == 1 and type(out.grad_fn).__name__ == ("CheckpointFunctionBackward" if reentrant else "MulBackward0")
    (out.tanh() * 3).sum().backward()
    assert counted.begun == 2
    assert torch.equal(x.grad, expected[0]) and torch.equal(y.grad, expected[1])


@both
def test_several_outputs_and_other_arguments(torch, tools, x, y, reentrant):
    def function(x, number, y, nothing):
        assert number == 3 and nothing is None
        return x * y * number, (x + y).detach(), "word", x.exp()

    first, detached, word, last = tools.checkpoint(function, x, 3, y, None, use_reentrant=reentrant)
    assert word == "word"
    (first.sum() * 2 + last.sum()).backward()
    assert torch.allclose(x.grad, 6 * y.detach() + x.detach().exp()) and torch.equal(y.grad, 6 * x.detach())
    assert detached.requires_grad is reentrant


def test_keywords(torch, tools, x, y):
    out = tools.checkpoint(work, x, y=y, factor=5, use_reentrant=False)
    out.sum().backward()
    assert torch.allclose(y.grad, (out * x.sin()).detach())
    with pytest.raises(ValueError, match="Unexpected keyword arguments: factor"):
        tools.checkpoint(work, x, y, factor=5, use_reentrant=True)
    for setting in ({"context_fn": lambda: None}, {"debug": True}):
        with pytest.raises(ValueError, match="Passing `context_fn` or `debug` is only supported when use_reentrant=False."):
            tools.checkpoint(work, x, y, use_reentrant=True, **setting)


def test_the_way_should_be_said(torch, tools, x, y):
    with pytest.warns(UserWarning, match="torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly."):
        out = tools.checkpoint(work, x, y)
    assert type(out.grad_fn).__name__ == "CheckpointFunctionBackward"
    with pytest.warns(UserWarning, match="checkpoint_sequential: the use_reentrant parameter should be passed explicitly."):
        tools.checkpoint_sequential([torch.sin, torch.exp], 2, x)


@both
@pytest.mark.parametrize("preserve", [True, False])
def test_random_numbers(torch, tools, x, reentrant, preserve):
    drawn = []

    def function(x):
        drawn.append(torch.rand(3))
        return (x * drawn[-1]).sin()

    torch.manual_seed(3)
    out = tools.checkpoint(function, x, use_reentrant=reentrant, preserve_rng_state=preserve)
    following = torch.rand(2)
    torch.manual_seed(3)
    torch.rand(3)
    assert torch.equal(torch.rand(2), following)
    state = torch.get_rng_state()
    out.sum().backward()
    assert torch.equal(drawn[0], drawn[1]) is preserve
    assert torch.equal(torch.get_rng_state(), state) is preserve


def test_second_backward(torch, tools, x, y):
    counted = Counted(work)
    out = tools.checkpoint(counted, x, y, use_reentrant=False).sum()
    out.backward(retain_graph=True)
    first = x.grad.clone()
    out.backward()
    assert counted.begun == 3 and torch.equal(x.grad, 2 * first)
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        out.backward()


def test_gradients_of_gradients(torch, tools, x, y):
    def hessian(function):
        (g,) = torch.autograd.grad(function(x, y).sum(), x, create_graph=True)
        return torch.autograd.grad(g.sum(), (x, y))

    for expected, got in zip(hessian(work), hessian(lambda x, y: tools.checkpoint(work, x, y, use_reentrant=False))):
        assert torch.allclose(expected, got)


def test_autograd_grad(torch, tools, x, y):
    (expected,) = torch.autograd.grad(work(x, y).sum(), x)
    out = tools.checkpoint(work, x, y, use_reentrant=False)
    assert torch.equal(torch.autograd.grad(out.sum(), x)[0], expected)
    for call in (lambda out: torch.autograd.grad(out, x), lambda out: out.backward(inputs=[x])):
        with pytest.raises(RuntimeError, match="incompatible with .grad.. or passing an `inputs` parameter to .backward..."):
            call(tools.checkpoint(work, x, y, use_reentrant=True).sum())


def test_what_reentrant_needs(torch, tools, x):
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True. Gradients will be None"):
        assert not tools.checkpoint(torch.sin, x.detach(), use_reentrant=True).requires_grad
    out = tools.checkpoint(lambda x: x.detach() * 2, x, use_reentrant=True)
    with pytest.raises(RuntimeError, match=r"none of output has requires_grad=True, this checkpoint\(\) is not necessary"):
        out.sum().backward()


def test_early_stop(torch, tools, x, y):
    def function(x, y):
        return (x.sin() * y).exp() + 1

    for stop in (True, False):
        counted = Counted(function)
        with tools.set_checkpoint_early_stop(stop):
            out = tools.checkpoint(counted, x, y, use_reentrant=False)
        out.sum().backward()
        assert (counted.begun, counted.ended) == (2, 1 if stop else 2)
    counted = Counted(function)
    tools.checkpoint(counted, x, y, use_reentrant=False, early_stop=False).sum().backward()
    assert (counted.begun, counted.ended) == (2, 2)


def test_nothing_is_run_again_without_need(torch, tools, x, y):
    counted = Counted(lambda x, y: x + y)
    tools.checkpoint(counted, x, y, use_reentrant=False).sum().backward()
    assert counted.begun == 1
    with torch.no_grad():
        assert not tools.checkpoint(counted, x, y, use_reentrant=False).requires_grad
        assert not tools.checkpoint(counted, x, y, use_reentrant=True).requires_grad


@both
def test_checkpoints_inside_each_other(torch, tools, x, y, reentrant):
    inner, outer = Counted(work), Counted(lambda x, y: tools.checkpoint(inner, x.cos(), y, use_reentrant=reentrant).tanh() * y)
    outer.function(x, y).sum().backward()
    expected = x.grad, y.grad
    x.grad = y.grad = None
    inner.begun = 0
    tools.checkpoint(outer, x, y, use_reentrant=reentrant).sum().backward()
    assert torch.allclose(x.grad, expected[0]) and torch.allclose(y.grad, expected[1])
    assert outer.begun == 2 and inner.begun == 3


def test_a_function_inside(torch, tools, x):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x**2

    counted = Counted(lambda x: Cube.apply(x * 2).sin())
    tools.checkpoint(counted, x, use_reentrant=False).sum().backward()
    inner = 2 * x.detach()
    assert counted.begun == 2 and torch.allclose(x.grad, (inner**3).cos() * 3 * inner**2 * 2)


class Twice:
    """Does one thing the first time and another the second."""

    def __init__(self, first, second):
        self.functions = [first, second]

    def __call__(self, x):
        return self.functions.pop(0)(x) if len(self.functions) > 1 else self.functions[0](x)


DIFFERENT = {
    "fewer": (
        lambda x: x.sin().exp().sin(), lambda x: x.sin(), {},
        "A different number of tensors was saved during the original forward and recomputation.",
    ),
    "more": (
        lambda x: x.sin(), lambda x: x.sin().exp().sin(), {"early_stop": False},
        "trying to save more tensors during recomputation than during the original forward pass.",
    ),
    "shape": (
        lambda x: x.sin(), lambda x: x[:2].sin(), {}, "Recomputed values for the following tensors have different metadata than during the forward",
    ),
    "type": (lambda x: x.sin(), lambda x: x.double().sin(), {}, "have different metadata than during the forward pass"),
}  # fmt: skip


@pytest.mark.parametrize("case", DIFFERENT)
def test_a_second_run_that_differs(torch, tools, x, case, monkeypatch):
    monkeypatch.setattr(logging.getLogger("LoggingTensor"), "propagate", False)  # PyTorch's records do not fit pytest's handler
    first, second, settings, message = DIFFERENT[case]
    with pytest.raises(tools.CheckpointError, match=message):
        tools.checkpoint(Twice(first, second), x, use_reentrant=False, **settings).sum().backward()
    with pytest.raises(tools.CheckpointError, match="ERROR: Detected non-determinism while running activation checkpointing"):
        tools.checkpoint(Twice(first, second), x, use_reentrant=False, debug=True, **settings).sum().backward()
    with tools.set_checkpoint_debug_enabled(True):
        out = tools.checkpoint(Twice(first, second), x, use_reentrant=False, **settings)
    with pytest.raises(tools.CheckpointError, match="Operations executed during recomputation"):
        out.sum().backward()


def test_a_second_run_that_differs_unchecked(torch, tools, x):
    with pytest.raises(ValueError, match=r"determinism_check should be one of \['default', 'none'\], but got some"):
        tools.checkpoint(torch.sin, x, use_reentrant=False, determinism_check="some")
    out = tools.checkpoint(Twice(lambda x: x.sin(), lambda x: (x * 2).sin()), x, use_reentrant=False, determinism_check="none")
    out.sum().backward()
    assert x.grad is not None


def test_contexts_around_both_runs(torch, tools, x):
    seen = []

    @contextlib.contextmanager
    def context(name):
        seen.append(name)
        yield
        seen.append(f"end of {name}")

    tools.checkpoint(torch.sin, x, use_reentrant=False, context_fn=lambda: (context("first"), context("second")), early_stop=False).sum().backward()
    assert seen == ["first", "end of first", "second", "end of second"]
    with pytest.raises(ValueError, match="debug=True is incompatible with non-default context_fn"):
        tools.checkpoint(torch.sin, x, use_reentrant=False, debug=True, context_fn=lambda: (context("first"), context("second")))
    with pytest.raises(RuntimeError, match="suppressed an exception raised during the checkpointed forward"):

        def fail(x):
            raise KeyError

        tools.checkpoint(fail, x, use_reentrant=False, context_fn=lambda: (contextlib.suppress(KeyError), contextlib.nullcontext()))


def test_an_error_comes_through(torch, tools, x):
    def fail(x):
        raise KeyError("mine")

    for reentrant in (True, False):
        with pytest.raises(KeyError, match="mine"):
            tools.checkpoint(fail, x, use_reentrant=reentrant)
    assert x.sin().grad_fn._saved_self is x  # no hooks are left in force


def test_saved_values_outside_of_a_pass(torch, tools, x):
    counted = Counted(lambda x: x.sin())
    out = tools.checkpoint(counted, x, use_reentrant=False)
    assert torch.equal(out.grad_fn._saved_self, x) and torch.equal(out.grad_fn._saved_self, x)
    assert counted.begun == 3


def test_an_argument_that_was_changed(torch, tools):
    a = torch.ones(3, requires_grad=True) * 1
    out = tools.checkpoint(lambda a: a.sin(), a, use_reentrant=False)
    a.mul_(2)
    with pytest.raises(RuntimeError, match="has been modified by an inplace operation"):
        out.sum().backward()


@pytest.mark.parametrize("segments", [1, 2, 3])
@both
def test_sequences(torch, tools, x, segments, reentrant):
    functions = [Counted(f) for f in (torch.sin, torch.exp, torch.tanh, torch.cos, torch.square)]
    out = tools.checkpoint_sequential(functions, segments, x, use_reentrant=reentrant)
    out.sum().backward()
    got, x.grad = x.grad, None
    size = 5 // segments
    checkpointed = size * (segments - 1)
    assert [f.begun for f in functions] == [2 if i < checkpointed else 1 for i in range(5)]
    for f in functions:
        f.function(x)
    out = x
    for f in functions:
        out = f.function(out)
    out.sum().backward()
    assert torch.allclose(got, x.grad)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: more"):
        tools.checkpoint_sequential(functions, segments, x, use_reentrant=reentrant, more=1)


def test_one_group_of_passes(torch, tools, x):
    counted = Counted(lambda x: (x.sin(), x.cos()))
    first, second = tools.checkpoint(counted, x, use_reentrant=False)
    with tools.GraphExecGroup():
        first.sum().backward()
        second.sum().backward()
        with pytest.raises(RuntimeError, match="GraphExecGroup contexts cannot be nested."):
            tools.GraphExecGroup().__enter__()
    assert counted.begun == 2 and torch.allclose(x.grad, (x.cos() - x.sin()).detach())


def test_little_is_kept_and_all_of_it_is_freed():
    from nbgrad.utils.checkpoint import checkpoint

    kept = []

    def function(x):
        middle = x.sin()
        kept.append(weakref.ref(middle))
        return middle.exp().cos()

    gc.collect()
    gc.disable()
    try:
        x = nbgrad.ones(3, requires_grad=True)
        out = checkpoint(function, x, use_reentrant=False)
        assert kept[0]() is None
        out.sum().backward()
        assert kept[1]() is None
        node = weakref.ref(out._edge)
        del out
        assert node() is None
    finally:
        gc.enable()


def test_the_record_has_the_first_run_only():
    from nbgrad._engine.observe import observing
    from nbgrad.graph.capture import Recorder
    from nbgrad.utils.checkpoint import checkpoint

    x = nbgrad.tensor([1.0, 2.0], requires_grad=True)
    recorder = Recorder()
    with observing(recorder):
        checkpoint(lambda x: x.sin().exp(), x, use_reentrant=False).sum().backward()
    graph = recorder.graph({"x": x})
    assert [c.op for c in graph.calls] == ["sin", "exp", "sum"]
    assert [s.node for s in graph.steps] == ["SumBackward0", "ExpBackward0", "SinBackward0", "AccumulateGrad"]
    recorder = Recorder()
    with observing(recorder):
        checkpoint(lambda x: x.sin().exp(), x, use_reentrant=True).sum().backward()
    graph = recorder.graph({"x": x})
    assert [(c.op, c.place.source) for c in graph.calls] == [("CheckpointFunction", "test_checkpoint.py"), ("sum", "test_checkpoint.py")]
