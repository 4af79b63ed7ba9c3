"""Grad modes as blocks, decorators and calls: functions, generators, coroutines, threads, nesting and errors."""

import asyncio
import threading
import warnings

import pytest

import nbgrad

MODES = ["no_grad", "enable_grad", "inference_mode"]


def on(torch, name):
    """What `is_grad_enabled` says inside the mode."""
    return name == "enable_grad"


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("outer", [True, False])
def test_a_block_sets_the_mode_and_gives_it_back(torch, name, outer):
    with torch.set_grad_enabled(outer):
        with getattr(torch, name)():
            assert torch.is_grad_enabled() is on(torch, name)
        assert torch.is_grad_enabled() is outer
        with pytest.raises(ZeroDivisionError), getattr(torch, name)():
            1 / 0
        assert torch.is_grad_enabled() is outer
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("parentheses", [True, False])
def test_a_decorator_with_or_without_parentheses_keeps_name_and_signature(torch, name, parentheses):
    mode = getattr(torch, name)

    def f(a, *, b=2):
        """Say so."""
        return a, b, torch.is_grad_enabled()

    g = (mode() if parentheses else mode)(f)
    assert (g.__name__, g.__doc__, g.__wrapped__) == ("f", "Say so.", f)
    with torch.no_grad():
        assert g(1, b=3) == (1, 3, on(torch, name))
        assert not torch.is_grad_enabled()


def test_a_decorated_method_runs_under_the_mode(torch):
    class Model:
        @torch.no_grad()
        def plain(self, x):
            return (x * 2).requires_grad

        @staticmethod
        @torch.no_grad
        def static(x):
            return (x * 2).requires_grad

        @classmethod
        @torch.no_grad()
        def of_class(cls, x):
            return cls.__name__, (x * 2).requires_grad

    x = torch.ones(2, requires_grad=True)
    assert (Model().plain(x), Model.static(x), Model.of_class(x)) == (False, False, ("Model", False))


def test_a_decorated_function_that_calls_itself(torch):
    @torch.no_grad()
    def down(n):
        inside = [torch.is_grad_enabled()]
        with torch.enable_grad():
            inside.append(torch.is_grad_enabled())
            if n:
                inside += down(n - 1)
        return [*inside, torch.is_grad_enabled()]

    assert down(2) == [False, True, False, True, False, True, False, False, False]
    assert torch.is_grad_enabled()


def test_decorating_a_class_warns_and_gives_a_maker(torch):
    class Thing:
        def __init__(self, n):
            self.n, self.recorded = n, torch.is_grad_enabled()

    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):
        make = torch.no_grad()(Thing)
    thing = make(3)
    assert type(thing) is Thing and (thing.n, thing.recorded) == (3, False)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.no_grad(Thing)
    assert len(seen) == 1


def test_a_generator_runs_under_the_mode_and_its_consumer_does_not(torch):
    seen = []

    @torch.no_grad()
    def talk():
        try:
            said = yield torch.is_grad_enabled()
            while True:
                try:
                    said = yield (said, torch.is_grad_enabled())
                except ValueError as error:
                    said = yield (str(error), torch.is_grad_enabled())
        finally:
            seen.append(("closed", torch.is_grad_enabled()))

    g = talk()
    assert torch.is_grad_enabled()
    assert next(g) is False and torch.is_grad_enabled()
    assert g.send("a") == ("a", False) and torch.is_grad_enabled()
    assert g.throw(ValueError("b")) == ("b", False) and torch.is_grad_enabled()
    g.close()
    assert seen == [("closed", False)] and torch.is_grad_enabled()


def test_a_generator_gives_its_value_and_its_errors(torch):
    @torch.no_grad()
    def few():
        yield 1
        return "end", torch.is_grad_enabled()

    @torch.no_grad()
    def broken():
        yield 1
        raise KeyError("here")

    def outer():
        return (yield from few())

    g = outer()
    next(g)
    with pytest.raises(StopIteration) as stop:
        next(g)
    assert stop.value.value == ("end", False)
    g = broken()
    next(g)
    with pytest.raises(KeyError, match="here"):
        next(g)
    assert torch.is_grad_enabled()
    unused = broken()
    unused.close()
    assert list(unused) == []


def test_interleaved_generators_of_different_modes(torch):
    @torch.no_grad()
    def off():
        while True:
            yield torch.is_grad_enabled()

    @torch.enable_grad()
    def on():
        while True:
            yield torch.is_grad_enabled()

    a, b = off(), on()
    with torch.no_grad():
        assert [next(a), next(b), torch.is_grad_enabled()] == [False, True, False]
    assert [next(b), next(a), torch.is_grad_enabled()] == [True, False, True]


def test_set_grad_enabled_as_call_block_and_decorator(torch):
    try:
        torch.set_grad_enabled(False)
        assert not torch.is_grad_enabled()
        with torch.set_grad_enabled(True):
            assert torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)

    @torch.set_grad_enabled(False)
    def f():
        return torch.is_grad_enabled()

    assert torch.is_grad_enabled() and f() is False and torch.is_grad_enabled()
    assert repr(torch.set_grad_enabled(True)) == str(torch.set_grad_enabled(True)) == "torch.autograd.grad_mode.set_grad_enabled(mode=True)"
    for wrong in (1, None, "yes"):
        with pytest.raises(TypeError, match="argument 'enabled' .*must be bool"):
            torch.set_grad_enabled(wrong)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'mode'"):
        torch.set_grad_enabled()
    assert torch.is_grad_enabled()


def test_a_thread_has_a_mode_of_its_own_and_starts_recording(torch):
    seen = {}

    def work():
        seen["start"] = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        torch.set_grad_enabled(False)
        seen["end"] = torch.is_grad_enabled()

    with torch.inference_mode():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert torch.is_inference_mode_enabled()
    assert seen == {"start": (True, False), "end": False}
    assert torch.is_grad_enabled()


def test_factories_with_requires_grad_heed_it_under_no_grad(torch):
    with torch.no_grad():
        x = torch.ones(2, requires_grad=True)
        y = x * 2
        z = x.requires_grad_()
    assert (x.requires_grad, y.requires_grad, z.requires_grad) == (True, False, True)


def test_an_open_block_is_seen_by_other_tasks_of_the_thread(torch):
    async def main():
        inside, go = asyncio.Event(), asyncio.Event()

        async def holds():
            with torch.no_grad():
                inside.set()
                await go.wait()

        async def looks():
            await inside.wait()
            seen = torch.is_grad_enabled()
            go.set()
            return seen

        return (await asyncio.gather(holds(), looks()))[1]

    assert asyncio.run(main()) is False
    assert torch.is_grad_enabled()


# ---- what PyTorch does not do: hold a decorated coroutine's mode, and enter one instance again inside itself


@pytest.mark.parametrize("name", MODES)
def test_each_stretch_of_a_coroutine_runs_under_the_mode_and_others_do_not(name):
    torch = nbgrad
    trace = []

    @getattr(torch, name)()
    async def decorated(label):
        for _ in range(3):
            trace.append((label, torch.is_grad_enabled()))
            await asyncio.sleep(0)
        return label

    async def bare():
        for _ in range(3):
            trace.append(("bare", torch.is_grad_enabled()))
            await asyncio.sleep(0)

    async def main():
        return await asyncio.gather(decorated("a"), bare(), decorated("b"))

    assert asyncio.run(main()) == ["a", None, "b"]
    assert set(trace) == {("a", on(torch, name)), ("b", on(torch, name)), ("bare", True)} and len(trace) == 9
    assert torch.is_grad_enabled()


def test_a_coroutine_hears_cancellation_and_passes_errors_on():
    torch, seen = nbgrad, []

    @torch.no_grad()
    async def waits():
        try:
            await asyncio.sleep(60)
        finally:
            seen.append(torch.is_grad_enabled())

    @torch.no_grad()
    async def breaks():
        await asyncio.sleep(0)
        raise LookupError("gone")

    async def main():
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(LookupError, match="gone"):
            await breaks()
        return torch.is_grad_enabled()

    assert asyncio.run(main()) is True
    assert seen == [False]


def test_an_asynchronous_generator_runs_under_the_mode():
    torch, seen = nbgrad, []

    @torch.no_grad()
    async def items():
        try:
            said = "start"
            while True:
                await asyncio.sleep(0)
                try:
                    said = yield (said, torch.is_grad_enabled())
                except ValueError as error:
                    said = str(error)
        finally:
            await asyncio.sleep(0)
            seen.append(torch.is_grad_enabled())

    @torch.no_grad()
    async def two():
        yield 1
        yield 2

    async def main():
        g = items()
        out = [await g.asend(None), torch.is_grad_enabled(), await g.asend("x"), await g.athrow(ValueError("y")), torch.is_grad_enabled()]
        await g.aclose()
        return out + [i async for i in two()] + [torch.is_grad_enabled()]

    assert asyncio.run(main()) == [("start", False), True, ("x", False), ("y", False), True, 1, 2, True]
    assert seen == [False]


@pytest.mark.parametrize("name", MODES)
def test_one_instance_may_be_entered_inside_itself(name):
    torch = nbgrad
    mode = getattr(torch, name)()
    with mode:
        with mode:
            assert torch.is_grad_enabled() is on(torch, name)
        assert torch.is_grad_enabled() is on(torch, name)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_eight_threads_of_different_modes_compute_as_one(torch):
    def work(i, out):
        x = torch.arange(1.0, 4.0, requires_grad=True)
        seen = []
        for n in range(50):
            with (torch.no_grad, torch.enable_grad, torch.inference_mode)[(i + n) % 3]():
                y = (x * (i + 1)).exp().sum()
                seen.append((y.requires_grad, y.is_inference(), torch.is_grad_enabled()))
            if y.requires_grad:
                y.backward()
        out[i] = seen, x.grad.tolist()

    alone, together = {}, {}
    for i in range(8):
        work(i, alone)
    threads = [threading.Thread(target=work, args=(i, together)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert together == alone and len(together) == 8
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
