"""`python -m benchmarks [WORD ...]`: print the tables whose titles hold one of the words, or all; `operators [WORD ...]`: each operator beside PyTorch."""

from __future__ import annotations

import os
import platform
import statistics
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy loads: one thread for all but `torch, n threads`

import numpy as np  # noqa: E402

from . import notebook, registry, startup, training  # noqa: E402
from .peers import installed, versions  # noqa: E402
from .timing import interleaved, ratio, said, table  # noqa: E402
from .workloads import all_workloads  # noqa: E402


def main(words):
    """Measure and print, one table after the other."""

    def wanted(title):
        return not words or any(w.lower() in title.lower() for w in words)

    print(f"Python {platform.python_version()}, {versions()}, {os.cpu_count()} processors")
    print("median times; ratios are medians over interleaved rounds in one process\n")
    if words[:1] == ["operators"]:
        _print_operators(words[1:])
        return
    workloads = [w for w in all_workloads() if wanted(w.title)]
    peers = installed() if workloads else []
    for workload in workloads:
        _compare(workload, [p for p in peers if workload.scalar or not getattr(p, "scalars_only", False)])
    if wanted("import"):
        times = startup.import_times()
        print("import, in fresh processes")
        for name, each in times.items():
            print(f"  {name:<28}{said(statistics.median(each)):>10}")
        print()
    if wanted("magic"):
        times = notebook.overhead()
        print("magic: %%autograd --no-widget on a cell of 1,000 operators")
        for part in ("inside", "whole"):
            recorded, plain = times[f"{part}, %%autograd"], times[f"{part}, plain"]
            print(f"  {part:<8}plain {said(statistics.median(plain)):>9}   recorded {said(statistics.median(recorded)):>9}"
                  f"   {ratio(recorded, plain):.2f} times the plain one")  # fmt: skip
        print()
    if wanted("functions"):
        print("functions: %%autograd --no-widget on a cell of 1,000 operators, by the functions of the user's that they run in (the least of 15 runs)")
        for name, (recorded, plain) in notebook.overhead_in_functions().items():
            print(f"  {name:<20}plain {said(min(plain)):>9}   recorded {said(min(recorded)):>9}   {min(recorded) / min(plain):.2f} times the plain one")
        print()
    if wanted("saving"):
        print("saving: a recurrent loop as one HTML file")
        for name, (seconds, size) in notebook.saving().items():
            print(f"  {name:<24}{said(seconds):>10}{size / 1e6:>8.2f} MB")
        print()
    if wanted("training loop"):
        print("training loop in a kernel: a step alone, and beside live views or watched (the least of several runs)")
        for name, times in training.costs().items():
            alone = min(times["alone"])
            for kind, each in times.items():
                print(f"  {name:<26}{kind:<22}{said(min(each)):>10}{min(each) / alone:>8.3f} times the loop alone")
        print()
    if wanted("picture"):
        print("first picture: from the start of the cell to the picture below it")
        for name, each in notebook.first_pictures().items():
            print(f"  {name:<24}{said(statistics.median(each)):>10}")
        print()
    if wanted("large cell"):
        print("large cell: a recurrent loop of 100,000 operators under %%autograd, and what a reader then asks for")
        for name, each in notebook.large_cell().items():
            print(f"  {name:<38}" + (f"{each[0]:>7.0f} bytes an operator" if name == "bytes" else f"{said(statistics.median(each)):>10}"))


def _print_operators(words):
    print("operators: times, and how many times PyTorch's they are, of a sample as the tests have it and of one with some hundred thousand elements")
    print(f"  {'':<44}{'small forward':>18}{'with backward':>18}{'large forward':>18}{'with backward':>18}")
    for name, *sizes in registry.lines(words):
        cells = [(size or {}).get(kind) for size in sizes for kind in ("forward", "backward")]
        slow = any(cell and cell[1] >= 10 for cell in cells)
        shown = [f"{said(cell[0]) + f'{cell[1]:7.1f}':>18}" if cell else f"{'–':>18}" for cell in cells]
        print(f"  {name:<44}{''.join(shown)}  {registry.WHY.get(name, 'ten times or more') if slow else ''}".rstrip(), flush=True)


def _compare(workload, peers):
    steps, forwards = {}, {}
    expected = None
    for peer in peers:
        steps[peer.name], forward = peer.prepare(workload.loss, workload.arrays)
        if forward is not None:
            forwards[peer.name] = forward
        gradients = [np.asarray(g) for g in steps[peer.name]()]
        expected = expected or gradients
        for ours, theirs in zip(expected, gradients, strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=2e-3, atol=2e-4, err_msg=f"{peer.name} computes something else")
    print(table(f"{workload.title}: forward and backward", interleaved(steps)))
    if workload.operators:
        print(table(f"{workload.title}: forward", interleaved(forwards)))
    print(flush=True)


main(sys.argv[1:])
