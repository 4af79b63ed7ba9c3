"""The profiler: which events there are, that their times and memory add up, and the table and trace that show them."""

import asyncio
import json
import re
import threading
import time

import pytest

import nbgrad


def program(torch):
    x = torch.ones(3, 4, requires_grad=True)
    w = torch.ones(4, 2, requires_grad=True)
    with torch.autograd.profiler.record_function("my block"):
        y = (x @ w).sin().sum()
    y.backward()
    return x.add(1).mul_(2) if not torch.is_grad_enabled() else None


@pytest.fixture
def profile(torch):
    def measure(function=program, **options):
        with torch.autograd.profiler.profile(**options) as prof:
            began = time.perf_counter()
            function(torch)
            prof.wall = time.perf_counter() - began
        return prof

    return measure


def test_operators_nodes_and_blocks_are_counted(profile):
    counts = {e.key: e.count for e in profile().key_averages()}
    assert {"aten::matmul", "aten::mm", "aten::sin", "aten::sum", "SumBackward0", "SinBackward0", "MmBackward0"} <= counts.keys()
    forward = profile(lambda torch: (torch.ones(2) * 2).exp().add_(1)).key_averages()
    assert {e.key: e.count for e in forward if e.key in ("aten::mul", "aten::exp", "aten::add_")} == {"aten::mul": 1, "aten::exp": 1, "aten::add_": 1}
    assert counts["torch::autograd::AccumulateGrad"] == 2 and counts["my block"] == 1


def test_events_are_nested_as_they_ran(profile):
    events = {e.name: e for e in reversed(profile().function_events)}  # the first of each name
    assert events["aten::mm"].cpu_parent is events["aten::matmul"] and events["aten::matmul"].cpu_parent is events["my block"]
    assert events["aten::mm"] in events["aten::matmul"].cpu_children
    inner, outer = events["aten::mm"].time_range, events["aten::matmul"].time_range
    assert outer.start <= inner.start <= inner.end <= outer.end and inner.elapsed_us() == pytest.approx(events["aten::mm"].cpu_time_total)


def test_times_add_up(profile):
    prof = profile()
    averages = prof.key_averages()
    for e in [*prof.function_events, *averages]:
        assert e.cpu_time_total >= e.self_cpu_time_total >= -1e-6 and e.cpu_time == pytest.approx(e.cpu_time_total / e.count)
    assert sum(e.self_cpu_time_total for e in averages) == pytest.approx(prof.self_cpu_time_total) == pytest.approx(averages.self_cpu_time_total)
    assert prof.total_average().self_cpu_time_total == pytest.approx(prof.self_cpu_time_total)


def test_what_takes_long_is_seen_to_take_long(profile):
    def run(torch):
        with torch.autograd.profiler.record_function("slow"):
            time.sleep(0.05)
            torch.ones(2) + 1

    found = {e.key: e for e in profile(run).key_averages()}
    assert found["slow"].self_cpu_time_total >= 50_000 > found["aten::add"].self_cpu_time_total


def test_the_time_of_what_is_inside_is_not_its_own(torch):
    record_function = torch.autograd.profiler.record_function
    began = time.perf_counter()
    with torch.autograd.profiler.profile() as prof:
        with record_function("outer"), record_function("middle"), record_function("inner"):
            time.sleep(0.1)
    wall = (time.perf_counter() - began) * 1e6
    found = {e.key: e for e in prof.key_averages()}
    assert all(found[name].cpu_time_total >= 100_000 for name in ("outer", "middle", "inner"))
    assert found["outer"].self_cpu_time_total + found["middle"].self_cpu_time_total < found["inner"].self_cpu_time_total
    assert prof.self_cpu_time_total <= wall


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("shapes", [False, True])
def test_the_columns_of_the_table(profile, memory, shapes):
    prof = profile(record_shapes=shapes, profile_memory=memory)
    table = prof.key_averages(group_by_input_shape=shapes).table(sort_by="self_cpu_time_total", row_limit=4)
    lines = table.splitlines()
    titles = re.split(r"\s{2,}", lines[1].strip())
    expected = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]
    if memory:
        expected[6:6] = ["CPU Mem", "Self CPU Mem"]
    assert titles == expected + ["Input Shapes"] * shapes
    assert set(lines[0]) == set(lines[2]) == set(lines[7]) == {"-", " "}
    assert re.fullmatch(r"Self CPU time total: \d+\.\d{3}(us|ms|s)", lines[8])
    assert all(len(line) == len(lines[0]) for line in lines[:8])


def test_sorting_limits_header_and_unit(profile):
    averages = profile().key_averages()

    def names(**options):
        return [line.split()[0] for line in averages.table(**options).splitlines()[3:] if " " in line.strip() and not line.startswith(("-", "Self"))]

    by_count = names(sort_by="count", row_limit=3)
    assert len(by_count) == 3
    counts = {e.key: e.count for e in averages}
    assert counts[by_count[0]] == max(counts.values())
    assert len(names(row_limit=-1)) == len(averages)
    text = averages.table(header="All of it", row_limit=1, time_unit="ms")
    assert "All of it" in text and re.search(r"\d+\.\d{3}ms", text) and not re.search(r"\d us|\dus", text.rpartition("Self CPU time total")[0])
    with pytest.raises(AttributeError, match="no attribute 'bogus'"):
        averages.table(sort_by="bogus")
    assert averages.table(sort_by="cuda_time_total", row_limit=1)


def test_shapes_of_inputs_are_kept_when_asked_for(profile):
    def run(torch):
        torch.ones(2, 3) + torch.ones(3)
        torch.ones(4) + torch.ones(4)

    prof = profile(run, record_shapes=True)
    shapes = [e.input_shapes[:2] for e in prof.function_events if e.name == "aten::add"]
    assert shapes == [[[2, 3], [3]], [[4], [4]]]
    grouped = [e for e in prof.key_averages(group_by_input_shape=True) if e.key == "aten::add"]
    assert len(grouped) == 2 and [e.count for e in grouped] == [1, 1]
    assert [e.count for e in prof.key_averages() if e.key == "aten::add"] == [2]
    assert all(not e.input_shapes for e in profile(run).function_events)


def test_memory_of_results(profile):
    found = {e.key: e for e in profile(lambda torch: torch.exp(torch.ones(1000)).reshape(10, 100), profile_memory=True).key_averages()}
    assert found["aten::exp"].self_cpu_memory_usage == 4000
    assert found["aten::reshape"].cpu_memory_usage == 0


def test_record_function_as_decorator(torch):
    record_function = torch.autograd.profiler.record_function

    @record_function("named")
    def f(x):
        return x + 1

    f(torch.ones(2))
    with torch.autograd.profiler.profile() as prof:
        f(torch.ones(2))
        f(torch.ones(2))
    assert {e.key: e.count for e in prof.key_averages()}["named"] == 2


def test_an_error_leaves_the_profile_whole(torch):
    prof = torch.autograd.profiler.profile()
    with pytest.raises(RuntimeError, match="must match"), prof, torch.autograd.profiler.record_function("broken"):
        torch.ones(2) + torch.ones(3)
    names = [e.key for e in prof.key_averages()]
    assert "broken" in names and "aten::add" in names


def test_entered_once_and_not_before_it_ends(torch):
    prof = torch.autograd.profiler.profile()
    with prof:
        pass
    with pytest.raises(RuntimeError, match="Profiler context manager is not reentrant"), prof:
        pass
    with torch.autograd.profiler.profile(enabled=False) as nothing:
        torch.ones(1) + 1
    assert nothing is None
    with torch.autograd.profiler.profile() as empty:
        pass
    assert len(empty.key_averages()) == 0 and empty.key_averages().table() == ""


def test_a_chrome_trace(profile, tmp_path):
    profile(record_shapes=True).export_chrome_trace(str(tmp_path / "trace.json"))
    trace = json.loads((tmp_path / "trace.json").read_text())
    events = {e["name"]: e for e in sorted(trace["traceEvents"], key=lambda e: -e["ts"]) if e.get("ph") == "X"}  # the first of each name
    assert {"my block", "aten::mm", "SinBackward0"} <= events.keys()
    block, mm = events["my block"], events["aten::mm"]
    assert block["cat"] == "user_annotation" and mm["cat"] == "cpu_op" and mm["args"]["Input Dims"][:2] == [[3, 4], [4, 2]]
    assert block["ts"] <= mm["ts"] and mm["ts"] + mm["dur"] <= block["ts"] + block["dur"] + 0.01 and mm["tid"] == block["tid"]


# ---- of nbgrad alone


def test_self_times_never_exceed_the_clock_on_the_wall():
    torch = nbgrad
    for _ in range(5):
        began = time.perf_counter()
        with torch.autograd.profiler.profile() as prof:
            x = torch.ones(3, requires_grad=True)
            for _ in range(20):
                y = (torch.softmax(x * 2, 0) @ x).exp()
                torch.autograd.grad(y, x, create_graph=True)[0].sum().backward()
        wall = (time.perf_counter() - began) * 1e6
        assert 0 < prof.self_cpu_time_total <= wall


def test_operators_of_a_gradient_to_be_differentiated_again_are_inside_its_nodes():
    torch = nbgrad
    x = torch.ones(3, requires_grad=True)
    y = x.sin().sum()
    with torch.autograd.profiler.profile() as prof:
        torch.autograd.grad(y, x, create_graph=True)
    events = {e.name: e for e in prof.function_events}
    assert events["aten::cos"].cpu_parent is events["SinBackward0"]


def test_hooks_and_passes_inside_passes_do_not_mix_up_the_pile():
    torch = nbgrad
    x = torch.ones(3, requires_grad=True)

    def hook(grad):
        with torch.enable_grad():
            (x.detach().requires_grad_() * 2).sum().backward()
        return grad * 2

    y = x.exp()
    y.register_hook(hook)
    with torch.autograd.profiler.profile() as prof:
        y.sum().backward()
        x + 1
    names = [e.name for e in prof.function_events]
    assert names.count("SumBackward0") == 2 and names.count("MulBackward0") == 1
    assert next(e for e in prof.function_events if e.name == "aten::add").cpu_parent is None


def test_one_thread_is_measured_and_nothing_stays():
    torch = nbgrad
    with torch.autograd.profiler.profile() as prof:
        thread = threading.Thread(target=lambda: torch.ones(2).exp())
        thread.start()
        thread.join()
        torch.ones(2).sin()
    torch.ones(2).cos()
    assert [e.name for e in prof.function_events] == ["aten::sin"]


def test_a_named_coroutine_is_measured_while_it_runs():
    torch = nbgrad

    @torch.autograd.profiler.record_function("stretch")
    async def work():
        torch.ones(2).exp()
        await asyncio.sleep(0.05)
        torch.ones(2).exp()

    with torch.autograd.profiler.profile() as prof:
        asyncio.run(work())
    stretch = next(e for e in prof.key_averages() if e.key == "stretch")
    assert stretch.count == 2 and stretch.cpu_time_total < 50_000


def test_a_named_block_is_shown_in_the_recorded_graph():
    from nbgrad import graph

    with graph.record() as recorded:
        x = nbgrad.ones(2, requires_grad=True)
        with nbgrad.autograd.profiler.record_function("encoder"):
            (x * 2).exp().sum()
    assert [(s.kind, s.name) for s in recorded.graph.scopes] == [("with", "encoder")]


def test_recording_goes_on_below_a_profiler():
    from nbgrad._engine.observe import Observer, observing

    class Hears(Observer):
        def __init__(self):
            self.names = []

        def op(self, op, args, result, node, place, in_place=False):
            self.names.append(op.name)

    hears = Hears()
    with observing(hears), nbgrad.autograd.profiler.profile() as prof:
        nbgrad.ones(2).exp()
    assert hears.names == ["exp"] and [e.name for e in prof.function_events] == ["aten::exp"]


def test_what_it_cannot_do_is_said():
    with pytest.raises(NotImplementedError, match="with_flops"):
        nbgrad.autograd.profiler.profile(with_flops=True)
    with pytest.warns(UserWarning, match="CUDA is not available"):
        nbgrad.autograd.profiler.profile(use_cuda=True)
    with pytest.raises(RuntimeError, match="Profiler didn't finish running"):
        nbgrad.autograd.profiler.profile().key_averages()
