"""Every operator of the registry beside PyTorch: its samples as they are, and grown to some hundred thousand elements; forward, and with backward.

Every dimension of more than one element grows by the same factor, so that shapes still fit each other. Where an operator refuses the grown sample,
as of sizes given as numbers, only the small one is timed.
"""

from __future__ import annotations

import signal

import numpy as np

import nbgrad
from nbgrad._engine.tensor import wrap
from tests.ops.harness import SAMPLES, find, flat, prepare

from .timing import interleaved

LARGE = 200_000  # elements of the largest tensor, about
ROUNDS = 5
SECONDS = 5  # after which one call is given up

# why an operator takes ten times PyTorch's time or more, and is left so
_GRID = "the places of a grid, their indices and weights are worked out by some forty passes of NumPy, where PyTorch takes one"
_RANDOM_REGIONS = "windows begin elsewhere in each channel, so that every element is picked by an index of its own"
WHY = {
    "grid_sample": _GRID, "grid_sampler": _GRID, "grid_sampler_2d": _GRID, "grid_sampler_3d": _GRID,
    "nn.functional.fractional_max_pool2d": _RANDOM_REGIONS, "nn.functional.fractional_max_pool3d": _RANDOM_REGIONS,
}  # fmt: skip


def lines(words):
    """Time what is asked for and yield one line an operator: microseconds of ours and by how much that is more than PyTorch's."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, _give_up)
    for name, samples in sorted(SAMPLES.items()):
        if words and not any(w in name for w in words):
            continue
        found = [_compare(torch, name, sample) for sample in (samples[0], _grown(samples[0])) if sample is not None]
        if found[0] is not None:
            yield name, found[0], found[1] if len(found) > 1 else None


def _compare(torch, name, sample):
    """Seconds of ours, and ours by theirs, for forward and for forward with backward (None where there is none); None where one of the two refuses."""
    ways = {}
    try:
        signal.alarm(SECONDS)
        for root, leaf in ((nbgrad, _our_leaf), (torch, _their_leaf(torch))):
            function, call = find(root, name, sample), prepare(sample, leaf)
            with root.no_grad():
                function(*call.args, **call.kwargs)

            def forward(function=function, call=call, root=root):
                with root.no_grad():
                    function(*call.args, **call.kwargs)

            ways[f"{root.__name__} forward"] = forward
            if call.leaves and not name.endswith("_"):
                ways[f"{root.__name__} backward"] = _with_backward(root, function, call)
        both = [kind for kind in ("forward", "backward") if f"nbgrad {kind}" in ways and f"torch {kind}" in ways]
        ways = {way: run for way, run in ways.items() if way.split()[1] in both and run is not None}
        both = [kind for kind in both if f"nbgrad {kind}" in ways and f"torch {kind}" in ways]
        signal.alarm(SECONDS * len(ways))
        seconds = interleaved(ways, ROUNDS)
    except Exception:  # refuses what it was given, or takes too long
        return None
    finally:
        signal.alarm(0)
    least = {way: min(each) for way, each in seconds.items()}
    return {kind: (least[f"nbgrad {kind}"], least[f"nbgrad {kind}"] / least[f"torch {kind}"]) for kind in both}


def _with_backward(root, function, call):
    """A function that runs an operator forward and backward; None where no result has a gradient."""
    results = [r for r in flat(function(*call.args, **call.kwargs)) if isinstance(r, root.Tensor) and r.requires_grad]
    if not results:
        return None
    ones = [root.ones_like(r) for r in results]

    def run():
        made = [r for r in flat(function(*call.args, **call.kwargs)) if isinstance(r, root.Tensor) and r.requires_grad]
        root.autograd.grad(made, call.leaves, ones, allow_unused=True)

    run()
    return run


def _our_leaf(array, wanted):
    out = wrap(array)
    return out.requires_grad_() if wanted else out


def _their_leaf(torch):
    return lambda array, wanted: torch.tensor(array, requires_grad=wanted)


def _grown(sample):
    """The sample with larger arrays; None where it has none to grow."""
    arrays = [a for a in _arrays([sample.args, list(sample.kwargs.values())]) if a.size > 1]
    if not arrays:
        return None
    largest = max(arrays, key=lambda a: a.size)
    factor = max(2, round((LARGE / largest.size) ** (1 / sum(n > 1 for n in largest.shape))))
    random = np.random.default_rng(0)

    def grow(x):
        if isinstance(x, np.ndarray):
            grown = np.tile(x, [factor if n > 1 else 1 for n in x.shape])
            return random.permutation(grown.ravel()).reshape(grown.shape)  # tiles alone would make singular matrices
        return type(x)(map(grow, x)) if isinstance(x, list | tuple) else x

    out = sample.but()
    out.args, out.kwargs = grow(sample.args), {k: grow(v) for k, v in sample.kwargs.items()}
    return out


def _arrays(x):
    return [z for y in x for z in _arrays(y)] if isinstance(x, list | tuple) else [x] if isinstance(x, np.ndarray) else []


def _give_up(*_):
    raise TimeoutError
