"""Every operator under `vmap`, beside a loop over the examples: the cases, the comparison, and a table of how each operator went.

`python -m tests.ops.vmapped` prints for each operator whether its kernel and its formulas ran on whole batches, or once per example.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import warnings

import numpy as np
import pytest

import nbgrad
from nbgrad._engine import batched, batching, op
from nbgrad._engine.tensor import Tensor, wrap

from .harness import SAMPLES, cotangents, find, flat, our_tensor

SIZE = 3


@dataclasses.dataclass
class Way:
    """Which of the arrays of a sample are mapped (by number), and along which dimension."""

    mapped: tuple
    dim: int

    def __str__(self):
        return f"{'+'.join(map(str, self.mapped))}@{self.dim}"


def ways(sample):
    """The first array alone, each other one alone, all of them, and all along the last dimension."""
    count = len(arrays_of((sample.args, tuple(sample.kwargs.values()))))
    everything = tuple(range(count))
    found = [Way((i,), 0) for i in everything]
    if count > 1:
        found.append(Way(everything, 0))
    if count:
        found.append(Way(everything, -1))
    return found


def arrays_of(x):
    if isinstance(x, np.ndarray):
        return [x]
    return [a for y in x for a in arrays_of(y)] if isinstance(x, (tuple, list)) else []


def variant(array, k):
    """Another array of the same kind: floats a little nearer to zero, others in another order."""
    if array.dtype.kind in "fc":
        return (array * (1 - 0.15 * k)).astype(array.dtype)
    return np.roll(array, k)


def replaced(x, new):
    """The same arguments with the arrays taken from an iterator."""
    if isinstance(x, np.ndarray):
        return next(new)
    return type(x)(replaced(y, new) for y in x) if isinstance(x, (tuple, list)) else x


def call(function, sample, tensors):
    """The tensors among the results of a call."""
    new = iter(tensors)
    args = replaced(sample.args, new)
    return function(*args, **{k: replaced(v, new) for k, v in sample.kwargs.items()})


def compare(name, sample, way):
    """Raise `AssertionError` where `vmap` gives anything but the loop; gives how it ran, or None where the loop raises."""
    function = find(nbgrad, name, sample)
    arrays = arrays_of((sample.args, tuple(sample.kwargs.values())))
    wanted = [sample.grad and a.dtype.kind == "f" and (sample.leaves is None or i in sample.leaves) for i, a in enumerate(arrays)]
    examples = [np.stack([variant(a, k) for k in range(SIZE)]) if i in way.mapped else a for i, a in enumerate(arrays)]

    leaves = [our_tensor(a.copy(), w) for a, w in zip(examples, wanted)]
    try:
        expected = []
        for k in range(SIZE):
            expected.append(flat(call(function, sample, [t[k] if i in way.mapped else t for i, t in enumerate(leaves)])))
    except Exception:
        return None
    if not all(isinstance(t, Tensor) for t in expected[0]) or any(t.shape != expected[0][j].shape for e in expected for j, t in enumerate(e)):
        return None
    expected = [nbgrad.stack(list(parts)) for parts in zip(*expected)]

    inputs = [our_tensor(np.moveaxis(a, 0, way.dim).copy() if i in way.mapped else a.copy(), w) for i, (a, w) in enumerate(zip(examples, wanted))]
    in_dims = tuple(way.dim if i in way.mapped else None for i in range(len(inputs)))
    refused = refusal(name, sample, way)
    if refused:
        with pytest.raises(RuntimeError, match=refused):
            mapped(function, sample, in_dims, inputs)
        return None
    with ways_taken() as taken:
        got = mapped(function, sample, in_dims, inputs)
        forward = "loop" if taken else "batch"
        assert len(got) == len(expected)
        for g, e in zip(got, expected):
            same(g, e, sample.tolerance)
        pairs = [(g, e) for g, e in zip(got, expected) if e.requires_grad]
        for g, e in zip(got, expected):
            assert g.requires_grad == e.requires_grad
        if not pairs:
            return forward, None
        seeds = [wrap(c.astype(e._array.dtype)) for c, (_, e) in zip(cotangents([tuple(e.shape) for _, e in pairs]), pairs)]
        chosen = [i for i, w in enumerate(wanted) if w]
        theirs = nbgrad.autograd.grad([e for _, e in pairs], [leaves[i] for i in chosen], seeds, allow_unused=True)
        taken.clear()
        ours = nbgrad.autograd.grad([g for g, _ in pairs], [inputs[i] for i in chosen], seeds, allow_unused=True, retain_graph=True)
        backward = "loop" if taken else "batch"
        for i, g, e in zip(chosen, ours, theirs):
            if e is not None and i in way.mapped:
                e = wrap(np.moveaxis(e._array, 0, way.dim))
            same_gradient(g, e, sample.tolerance)
        if sample.second:
            again = nbgrad.autograd.grad([g for g, _ in pairs], [inputs[i] for i in chosen], seeds, allow_unused=True, create_graph=True)
            for a, g in zip(again, ours):
                same_gradient(a, g, sample.tolerance)
    return forward, backward


def refusal(name, sample, way):
    """What PyTorch's error says where it maps no such call, or None."""
    arrays = arrays_of((sample.args, tuple(sample.kwargs.values())))
    if name.endswith("_") and not name.endswith("__") and 0 not in way.mapped:
        return "inplace arithmetic"
    if name in ("nonzero", "argwhere", "unique", "unique_consecutive", "where") and len(sample.args) == 1 or name == "masked_select" and 1 in way.mapped:
        return "dynamic shape"
    if name in ("index_put", "__getitem__") and any(i in way.mapped and a.dtype.kind == "b" for i, a in enumerate(arrays)):
        return "dynamic shape"
    if name in ("batch_norm", "instance_norm") and 0 in way.mapped and not {1, 2} <= set(way.mapped) and moves_statistics(name, sample):
        return "Batch norm got a batched tensor"
    return None


def moves_statistics(name, sample):
    """Whether a normalization overwrites running statistics."""
    return len(sample.args) > 1 and isinstance(sample.args[1], np.ndarray) and (sample.kwargs.get("training") or name == "instance_norm")


def mapped(function, sample, in_dims, inputs):
    return nbgrad.vmap(lambda *tensors: tuple(flat(call(function, sample, tensors))), in_dims=in_dims)(*inputs)


def same_gradient(g, e, tolerance):
    """Gradients agree; none at all is as good as zeros."""
    if g is None or e is None:
        assert g is e or not np.any((e if g is None else g).numpy(force=True))
        return
    same(g, e, tolerance)


def same(g, e, tolerance=None):
    assert type(g._array) is np.ndarray, "a batch has got out"
    assert g.dtype == e.dtype
    assert g.shape == e.shape
    tolerance = tolerance or {2: 4e-3, 4: 4e-6}.get(g._array.dtype.itemsize // (1 + (g._array.dtype.kind == "c")), 1e-9)
    np.testing.assert_allclose(g.numpy(force=True), e.numpy(force=True), rtol=tolerance, atol=tolerance)


@contextlib.contextmanager
def ways_taken():
    """A list that gets an entry for each loop over examples."""
    taken = []
    before = batched.looped, batching.looped_on_tensors

    def counting(function):
        def run(*args):
            taken.append(function.__name__)
            return function(*args)

        return run

    batched.looped = op.looped = batching.looped = counting(before[0])
    batching.looped_on_tensors = op.looped_on_tensors = counting(before[1])
    try:
        yield taken
    finally:
        batched.looped = op.looped = batching.looped = before[0]
        batching.looped_on_tensors = op.looped_on_tensors = before[1]


DRAWS = {"bernoulli", "cauchy", "exponential", "geometric", "log_normal", "random", "uniform", "dropout", "rrelu", "multinomial", "gumbel_softmax", "alpha_dropout", "feature_alpha_dropout", "svd_lowrank", "pca_lowrank", "dropout1d", "dropout2d", "dropout3d", "normal"}


def all_cases():
    """Every operator with each of its samples and each way to map it, but for those that draw random numbers."""
    for name, samples in sorted(SAMPLES.items()):
        layout = name.startswith(("as_strided", "view_as_complex"))  # they read memory, where mapped dimensions are last if they come last
        if name.rpartition(".")[2].rstrip("_") in DRAWS:
            continue
        for i, sample in enumerate(samples):
            for way in ways(sample)[: -1 if layout else None]:
                yield name, i, sample, way


def table():
    """For each operator the ways its forward and backward runs went."""
    found = collections.defaultdict(lambda: (set(), set()))
    wrong = []
    for name, i, sample, way in all_cases():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = compare(name, sample, way)
            except (Exception, pytest.fail.Exception) as error:
                wrong.append((f"{name}-{i}-{way}", f"{type(error).__name__}: {str(error).strip()[:150]}"))
                continue
        if result is not None:
            found[name][0].add(result[0])
            found[name][1].add(result[1])
    return found, wrong


def main():
    found, wrong = table()
    for name, (forward, backward) in sorted(found.items()):
        words = ["batch" if f == {"batch"} else "loop" if "batch" not in f else "both" if f else "-" for f in (forward, backward - {None})]
        print(f"{name:45} {words[0]:6} {words[1] if backward - {None} else '-'}")
    for which, at in (("forward", 0), ("backward", 1)):
        counts = collections.Counter("batch" if f[at] - {None} == {"batch"} else "some or all by loop" for f in found.values() if f[at] - {None})
        print(f"{which}: {dict(counts)} of {sum(counts.values())} operators")
    for case, error in wrong:
        print("WRONG", case, error)


if __name__ == "__main__":
    main()
