"""What `%%autograd` costs: on the cell while it runs, and until the picture stands below it."""

from __future__ import annotations

import functools
import time

from .timing import interleaved

SETUP = """
import time
import nbgrad as torch
x0 = torch.tensor(0.5, requires_grad=True)
a = torch.tensor(0.9, requires_grad=True)
b = torch.tensor(0.1, requires_grad=True)
"""
FEW = """
began = time.perf_counter()
h = x0 * a + b
u = (h * a + b).tanh()
v = (u * h + a).exp()
p = u * v + h
q = (p * p).tanh()
loss = q * a + p * b
took = time.perf_counter() - began
"""
LOOP = """
x = x0  # what an earlier run left is freed here, outside the measured part
began = time.perf_counter()
for _ in range({times}):
    x = x * a + b
took = time.perf_counter() - began
"""
CELLS = {15: FEW, 1_000: LOOP.format(times=500), 10_000: LOOP.format(times=5_000)}

IN_FUNCTIONS = {
    "in the cell": """
x = x0
began = time.perf_counter()
for _ in range(500):
    x = x * a + b
took = time.perf_counter() - began
""",
    "100 calls of 10": """
def several(x):
    for _ in range(5):
        x = x * a + b
    return x
x = x0
began = time.perf_counter()
for _ in range(100):
    x = several(x)
took = time.perf_counter() - began
""",
    "1,000 calls of 1": """
def one(x):
    return x * a
x = x0
began = time.perf_counter()
for _ in range(1_000):
    x = one(x)
took = time.perf_counter() - began
""",
}


@functools.cache
def _shell():
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.run_cell("%load_ext nbgrad").raise_error()
    shell.run_cell(SETUP).raise_error()
    return shell


def _runs(shell, cell):
    """Run a cell with its output thrown away; gives (seconds in all, seconds that the cell measured itself)."""
    from IPython.utils.capture import capture_output

    with capture_output() as output:
        start = time.perf_counter()
        shell.run_cell(cell).raise_error()
        whole = time.perf_counter() - start
    return whole, shell.user_ns["took"], output


def overhead(rounds: int = 15) -> dict[str, list[float]]:
    """Seconds inside a cell of 1,000 operators, recorded and plain, in turns; and of whole cells."""
    shell = _shell()
    cell = CELLS[1_000]
    found = {n: [] for n in ("inside, %%autograd", "inside, plain", "whole, %%autograd", "whole, plain")}
    for _ in range(rounds + 1):
        for kind, source in (("%%autograd", "%%autograd --no-widget\n" + cell), ("plain", cell)):
            whole, inside, _ = _runs(shell, source)
            found[f"inside, {kind}"].append(inside)
            found[f"whole, {kind}"].append(whole)
    return {name: times[1:] for name, times in found.items()}  # the first round loads things


def overhead_in_functions(rounds: int = 15) -> dict[str, tuple[list[float], list[float]]]:
    """Seconds inside a cell of 1,000 operators, recorded and plain, by which functions of the user's they run in."""
    shell = _shell()
    found = {name: ([], []) for name in IN_FUNCTIONS}
    for _ in range(rounds + 1):
        for name, cell in IN_FUNCTIONS.items():
            for source, times in zip(("%%autograd --no-widget\n" + cell, cell), found[name]):
                times.append(_runs(shell, source)[1])
    return {name: tuple(times[1:] for times in both) for name, both in found.items()}


def saving(counts=(15, 1_000, 10_000, 100_000)) -> dict[str, tuple[float, int]]:
    """Seconds that it takes to save a recurrent loop as one HTML file, and its characters, by the number of its operators."""
    from nbgrad.graph.drawing import Drawing

    shell, found = _shell(), {}
    for count in counts:
        _runs(shell, "%%autograd --name kept\n" + LARGE.replace("25_000", str(max(1, count // 4))))
        drawing = Drawing(shell.user_ns["kept"])
        start = time.perf_counter()
        page = drawing.to_html()
        found[f"{count:,} operators"] = time.perf_counter() - start, len(page)
    return found


def first_pictures() -> dict[str, list[float]]:
    """Seconds from the start of a cell to its picture, by the number of its operators; the first of all loads the renderer."""
    shell = _shell()
    ways = {}
    for count, cell in CELLS.items():
        source = "%%autograd --no-widget\n" + cell

        def run(source=source):
            output = _runs(shell, source)[2]
            assert any("image/svg+xml" in o.data for o in output.outputs), "no picture came"

        ways[f"{count:,} operators"] = run
    return interleaved(ways, rounds=3)


LARGE = """
x = torch.ones(2, 4)
w = torch.eye(4, requires_grad=True)
b = torch.zeros(4, requires_grad=True)
for t in range(25_000):
    a = x @ w
    s = a + b
    x = torch.tanh(s)
    x = x * 0.9
loss = x.sum()
loss.backward()
ended = time.perf_counter()
took = 0.0
"""


def large_cell(rounds: int = 3) -> dict[str, list[float]]:
    """Seconds around a cell of 100,000 operators: to its picture, to other scenes, to what a search finds; and bytes an operator."""
    import gc
    import tracemalloc

    from nbgrad.graph.capture import Recorder
    from nbgrad.graph.find import find
    from nbgrad.graph.transform import is_group

    shell = _shell()
    found = {n: [] for n in ("first picture, from the cell's end", "open a group", "another iteration", "close the loop", "find a name", "find NaN")}

    def timed(name, work):
        start = time.perf_counter()
        result = work()
        found[name].append(time.perf_counter() - start)
        return result

    for _ in range(rounds):
        start = time.perf_counter()
        whole, _, output = _runs(shell, "%%autograd --name kept\n" + LARGE)
        assert any("image/svg+xml" in o.data for o in output.outputs), "no picture came"
        found["first picture, from the cell's end"].append(start + whole - shell.user_ns["ended"])
        from nbgrad.graph.drawing import Drawing

        drawing = Drawing(shell.user_ns["kept"])
        group = dict(next(c.params for c in drawing.shown.calls if is_group(c)))
        loop = next(f for f in drawing.first_look.folds.values() if f.times)
        timed("open a group", lambda: drawing.look(({"open": [group["first"], group["last"]]},)))
        timed("another iteration", lambda: drawing.look(({"iteration": [*loop.ends, 5_000]},)))
        timed("close the loop", lambda: drawing.look(({"close": list(loop.ends)},)))
        timed("find a name", lambda: find(drawing.graph, "tanh"))
        timed("find NaN", lambda: find(drawing.graph, "has NaN"))
    code = compile(LARGE, "<cell>", "exec")
    from nbgrad._engine.observe import observing

    recorder = Recorder()
    exec(code, shell.user_ns)
    gc.collect()
    tracemalloc.start()
    with observing(recorder):
        exec(code, shell.user_ns)
    shell.user_ns.update(dict.fromkeys(("a", "s", "x", "loss")))  # the graph that the cell itself has kept
    graph = recorder.graph(shell.user_ns)
    gc.collect()
    found["bytes"] = [tracemalloc.get_traced_memory()[0] / len(graph.calls)]
    tracemalloc.stop()
    return found
