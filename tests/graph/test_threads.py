"""Threads and tasks that compute while somebody records: what is recorded is right, and what is not is said."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import nbgrad as torch
from nbgrad._engine import observe
from nbgrad._engine.modes import state
from nbgrad.graph.records import Graph
from nbgrad.graph.replay import replay

UNHEARD = "computed meanwhile in another thread or recording"
PASSES = "ran meanwhile in another thread"


@pytest.fixture(autouse=True)
def nobody_stays():
    yield
    assert state.mode.observer is None and state.mode.left == {} and observe.watchers == []


def in_threads(work, *numbers):
    threads = [threading.Thread(target=work, args=(n,)) for n in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_other_threads_computed_is_left_out_and_said():
    w, made = torch.ones(4, requires_grad=True), {}
    with torch.graph.record() as g:
        in_threads(lambda n: made.__setitem__(n, (w * n).tanh().sum()), 1, 2, 3)
        loss = made[1] + made[2] + made[3]
        loss.backward()
    assert [c.op for c in g.graph.calls] == ["add", "add"]
    assert g.graph.notes == (f"3 tensors were {UNHEARD}: what ran there is not shown",)
    assert UNHEARD in g.to_text() and UNHEARD in g.to_page()
    assert [s.node for s in g.graph.steps if s.call] == ["AddBackward0", "AddBackward0"]
    assert g.graph.named("w") is None or g.graph.named("w").grad_kept
    assert Graph.from_json(g.to_json()).notes == g.graph.notes


def test_a_pool_of_older_threads_is_told_apart_too():
    w = torch.ones(4, requires_grad=True)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: w * 2).result()  # the thread has computed before
        with torch.graph.record() as g:
            y = pool.submit(lambda: w * 3).result().sum()
    assert [c.op for c in g.graph.calls] == ["sum"]
    assert g.graph.notes == (f"1 tensor was {UNHEARD}: what ran there is not shown",)
    assert y.item() == 12


def test_a_backward_pass_in_another_thread_is_said():
    w = torch.ones(4, requires_grad=True)
    with torch.graph.record() as g:
        loss = (w * 2).sum()
        in_threads(lambda _: loss.backward(), 0)
    assert len(g.graph.steps) == 0 and w.grad is not None
    assert g.graph.notes == (f"1 backward pass {PASSES}: the steps and gradients there are not shown",)
    (w * 3).sum().backward()  # later ones are nobody's
    assert g.recorder.graph().notes == g.graph.notes


def no_word(work):
    with torch.graph.record() as g:
        work()
    assert g.graph.notes == ()


def test_what_was_made_before_or_on_this_thread_is_no_reason_for_a_word():
    x = torch.ones(3, requires_grad=True) * 2
    no_word(lambda: (x * 3).sum().backward())

    def double():
        w = torch.ones(3, requires_grad=True)
        (g,) = torch.autograd.grad((w**3).sum(), w, create_graph=True)
        (g * g).sum().backward()

    def transforms():
        w = torch.ones(3, requires_grad=True)
        torch.func.hessian(lambda v: (v**3).sum())(w).sum().backward()
        torch.func.vmap(lambda v: (v * w).sum())(torch.ones(5, 3)).sum().backward()

    def in_place():
        a = torch.ones(3, 3, requires_grad=True) * 1
        row = a[0]
        a.add_(1)
        row.mul_(2)
        (row + a[1]).sum().backward()

    for work in (double, transforms, in_place):
        no_word(work)


def test_tasks_that_take_turns_stand_in_one_graph_each_in_its_place():
    w = torch.full((2,), 3.0, requires_grad=True)

    async def task(n):
        x = w * n
        await asyncio.sleep(0)
        y = x.exp()
        await asyncio.sleep(0)
        return y.sum()

    async def main():
        with torch.graph.record() as g:
            a, b = await asyncio.gather(task(1), task(2))
            loss = a + b
            loss.backward()
        return g

    g = asyncio.run(main())
    assert g.graph.notes == ()
    assert sorted(c.op for c in g.graph.calls) == ["add", "exp", "exp", "mul", "mul", "sum", "sum"]
    for call in g.graph.calls:
        if call.op == "exp":
            (inside,) = call.inputs
            assert g.graph.producer(inside).op == "mul"
            assert g.graph.value(call.outputs[0]).data.values == pytest.approx([2.718281828 ** g.graph.value(inside).data.values[0]] * 2, rel=1e-3)
    (leaf,) = (v.id for v in g.graph.values if v.is_parameter)
    assert replay(g.graph, {leaf: 1.0}).value(g.graph.roots[0]).data.values[0] == pytest.approx(2 * 2.718281828 + 2 * 2.718281828**2, rel=1e-5)


def test_recordings_of_tasks_that_end_by_turns_leave_nobody_listening():
    async def one(n):
        with torch.graph.record() as g:
            w = torch.ones(2, requires_grad=True)
            for _ in range(2):
                w = w * n
                await asyncio.sleep(0.002 * n)
        return g

    async def main():
        return await asyncio.gather(one(1), one(2), one(3))

    drawings = asyncio.run(main())
    assert state.mode.observer is None
    counts = [len(g.graph.calls) for g in drawings]
    torch.ones(2, requires_grad=True) * 5
    assert [len(g.recorder.graph().calls) for g in drawings] == counts
