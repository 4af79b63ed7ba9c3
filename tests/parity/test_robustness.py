"""Long chains, interrupts in the middle of a pass, and threads: what must go well when things are not as usual."""

import random
import signal
import sys
import threading
import warnings
import weakref

import numpy as np
import pytest

import nbgrad
import nbgrad._engine.backward as engine
from nbgrad._engine.modes import state

LONG = 100_000


# ---- long chains


@pytest.mark.parametrize(
    ("operators", "step"),
    [(1, lambda y, x: y + 1.0), (1, lambda y, x: y * 1.0), (3, lambda y, x: (y * x).sin()[:2])],
    ids=["add", "mul", "mixed"],
)
def test_a_chain_of_a_hundred_thousand_operators(counting, operators, step):
    x = nbgrad.ones(2, requires_grad=True)
    y = x
    for _ in range(LONG // operators):
        y = step(y, x)
    first = weakref.ref(y.grad_fn)
    y.sum().backward(retain_graph=True)
    assert x.grad is not None and np.isfinite(x.grad.numpy()).all()
    (g,) = nbgrad.autograd.grad(y.sum(), x)
    assert g.tolist() == x.grad.tolist()
    del y
    assert first() is None


def test_a_long_chain_with_hooks_and_packed_tensors(counting):
    x = nbgrad.ones(2, requires_grad=True)
    y, count = x, [0]

    def hook(g):
        count[0] += 1

    with nbgrad.autograd.graph.saved_tensors_hooks(lambda t: t.detach(), lambda p: p):
        for _ in range(LONG // 10):
            y = y * 1.0001 * x
            y.register_hook(hook)
            y.grad_fn.register_hook(lambda gi, go: None)
    node = weakref.ref(y.grad_fn)
    y.sum().backward()
    assert count[0] == LONG // 10
    del y
    assert node() is None


def test_a_long_chain_of_changes_in_place(counting):
    x = nbgrad.ones(2, requires_grad=True)
    y = x.clone()
    for _ in range(LONG // 10):
        y.add_(1.0)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


# ---- interrupts


def program(x, w):
    """Sixty steps of a small recurrence."""
    y = x
    for _ in range(60):
        y = (y * w + x).sin()
    return y.sum()


def check_state():
    """Modes and NumPy's error state are as they were."""
    assert nbgrad.is_grad_enabled() and state.mode.place is None and state.mode.observer is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="divide by zero"):
            np.log(np.zeros(1))


@pytest.mark.parametrize("where", ["tensor", "before", "after", "leaf", "accumulated"])
def test_an_interrupt_in_a_hook(torch, where):
    x, w = (torch.tensor(v, requires_grad=True) for v in ([1.0, 2.0], [0.5, 0.25]))
    y = (x * w).exp()
    loss = (y * y).sum()

    def interrupt(*args):
        raise KeyboardInterrupt

    register = {
        "tensor": y.register_hook, "before": y.grad_fn.register_prehook, "after": y.grad_fn.register_hook, "leaf": w.register_hook,
        "accumulated": w.register_post_accumulate_grad_hook,
    }[where]  # fmt: skip
    handle = register(interrupt)
    with pytest.raises(KeyboardInterrupt):
        loss.backward()
    assert torch.is_grad_enabled()
    handle.remove()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        loss.backward()
    x.grad = w.grad = None
    (y.detach() * x * w).sum().backward()
    expected = (y * w).tolist(), (y * x).tolist()
    assert (x.grad.tolist(), w.grad.tolist()) == expected
    if torch is nbgrad:
        check_state()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that interrupts")
@pytest.mark.parametrize("kind", ["backward", "grad", "create_graph"])
def test_an_interrupt_at_any_moment(counting, kind):  # without the collector: an interrupt in a callback of its own would be lost
    x, w = nbgrad.tensor([1.0, 2.0], requires_grad=True), nbgrad.tensor([0.5, 0.25], requires_grad=True)
    run = {
        "backward": lambda loss: loss.backward(),
        "grad": lambda loss: nbgrad.autograd.grad(loss, [x, w]),
        "create_graph": lambda loss: nbgrad.autograd.grad(loss, [x, w], create_graph=True),
    }[kind]
    program(x, w).backward()
    expected = x.grad.tolist(), w.grad.tolist()

    def interrupt(number, frame):
        raise KeyboardInterrupt

    rng, hits = random.Random(0), 0
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(300):
            loss = program(x, w)
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 3e-3 if kind == "create_graph" else 6e-4))
                    run(loss)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                hits += 1
            check_state()
            try:  # what was interrupted either says that it is used up, or gives the right numbers
                assert tuple(g.tolist() for g in nbgrad.autograd.grad(loss, [x, w])) == expected
            except RuntimeError as error:
                assert "Trying to backward through the graph a second time" in str(error)
            x.grad = w.grad = None
            program(x, w).backward()
            assert (x.grad.tolist(), w.grad.tolist()) == expected
    finally:
        signal.signal(signal.SIGALRM, before)
    assert hits > 30


def test_an_interrupt_before_the_pass_knows_that_numpy_is_silent(monkeypatch):
    quiet = engine.quiet_numpy

    def quiet_and_interrupted():
        quiet()
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "quiet_numpy", quiet_and_interrupted)
    with pytest.raises(KeyboardInterrupt):
        nbgrad.ones(1, requires_grad=True).sum().backward()
    check_state()


def test_floating_point_errors_set_by_the_user_survive_backward():
    x = nbgrad.zeros(1, requires_grad=True)
    with np.errstate(divide="raise"):
        x.log().sum().backward()
        assert np.geterr()["divide"] == "raise"
    assert np.geterr()["divide"] == "warn" and x.grad.tolist() == [np.inf]


# ---- threads


@pytest.fixture
def hasty():
    """Let threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(*calls):
    """Run the calls at once, each in a thread of its own; raises what one of them raised."""
    raised = []

    def guarded(call):
        try:
            call()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def history(seed):
    """A training loop of its own: the gradients of forty steps, some of them beside a block without recording."""
    x = nbgrad.tensor(np.random.default_rng(seed).normal(size=4), requires_grad=True)
    seen = []
    for step in range(40):
        if (seed + step) % 3 == 0:
            with nbgrad.no_grad():
                assert not (x * 2).requires_grad
        elif (seed + step) % 3 == 1:
            nbgrad.set_grad_enabled(False)
            assert not nbgrad.is_grad_enabled()
            nbgrad.set_grad_enabled(True)
        y = x
        for _ in range(10):
            y = (y * x).sin() + x
        y.sum().backward()
        seen.append(x.grad.tolist())
    return seen


@pytest.mark.usefixtures("hasty")
def test_eight_threads_with_graphs_of_their_own():
    found = [None] * 8

    def run(seed):
        found[seed] = history(seed)

    in_threads(*(lambda seed=seed: run(seed) for seed in range(8)))
    assert found == [history(seed) for seed in range(8)]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("size", [4, 2000])
def test_eight_threads_that_share_a_leaf(size):
    leaf = nbgrad.ones(size, requires_grad=True)

    def run():
        for _ in range(50):
            (leaf * 2 + leaf).sum().backward()
            (g,) = nbgrad.autograd.grad((leaf * leaf * leaf).sum() + (leaf * 1).sum(), leaf)
            assert set(g.tolist()) == {4.0}

    for _ in range(5):
        leaf.grad = None
        in_threads(*[run] * 8)
        assert set(leaf.grad.tolist()) == {8 * 50 * 3.0}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("size", "times"), [(2000, 300), (100_000, 60)])
def test_no_addition_is_lost_where_numpy_lets_threads_run(size, times):
    one = nbgrad.ones(size)
    for _ in range(8):
        leaf = nbgrad.zeros(size, requires_grad=True)
        in_threads(*[lambda leaf=leaf: [leaf.backward(one) for _ in range(times)]] * 4)
        assert set(leaf.grad.tolist()) == {4.0 * times}


@pytest.mark.usefixtures("hasty")
def test_no_first_gradient_is_lost():
    one = nbgrad.ones(50)
    for _ in range(300):
        leaf, gate = nbgrad.zeros(50, requires_grad=True), threading.Barrier(4)
        in_threads(*[lambda leaf=leaf, gate=gate: (gate.wait(), leaf.backward(one))] * 4)
        assert set(leaf.grad.tolist()) == {4.0}


@pytest.mark.usefixtures("hasty")
def test_two_accumulators_of_one_leaf_count_as_one():
    leaf = nbgrad.ones(2, requires_grad=True)
    first = leaf * 2
    leaf._accumulator = None  # as when another thread uses the leaf for the first time at the same moment
    loss = (first + leaf * 3).sum()
    assert len({n for n, _ in (first.grad_fn.next_functions[0], loss.grad_fn.next_functions[0][0].next_functions[1][0].next_functions[0])}) == 2
    assert nbgrad.autograd.grad(loss, leaf, retain_graph=True)[0].tolist() == [5.0, 5.0]
    loss.backward(inputs=[leaf], retain_graph=True)
    loss.backward()
    assert leaf.grad.tolist() == [10.0, 10.0]


@pytest.mark.usefixtures("hasty")
def test_threads_that_share_a_graph():
    x = nbgrad.tensor([1.0, 2.0], requires_grad=True)
    loss = program(x, x * 0.5)
    expected = nbgrad.autograd.grad(loss, x, retain_graph=True)[0].tolist()

    def run():
        for _ in range(20):
            assert nbgrad.autograd.grad(loss, x, retain_graph=True)[0].tolist() == expected

    in_threads(*[run] * 4)


def test_hooks_of_each_thread_see_their_own_pass():
    seen, gate = {}, threading.Barrier(2)

    def meet(g):
        gate.wait(10)

    def run(name):
        x = nbgrad.ones(2, requires_grad=True)
        y = x * 2
        nbgrad.autograd.graph.register_multi_grad_hook((x, y), lambda grads: seen.setdefault(name, [g.tolist() for g in grads]))
        y.register_hook(meet)
        (y * (3 if name == "a" else 5)).sum().backward()

    in_threads(lambda: run("a"), lambda: run("b"))
    assert seen == {"a": [[6.0, 6.0], [3.0, 3.0]], "b": [[10.0, 10.0], [5.0, 5.0]]}
