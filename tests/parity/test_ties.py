"""Which of equal elements sorting and selecting give, beside PyTorch, whose order among them is that of unstable C++ algorithms."""

import numpy as np
import pytest

import nbgrad

oracle = pytest.importorskip("torch")

LENGTHS = [1, 2, 3, 10, 16, 17, 30, 65, 200, 1000]


def rows_with_ties(random):
    """Some rows of numbers with many, few or no ties: mixed, sorted, backwards, with nan, along either dimension."""
    n, distinct = random.choice(LENGTHS), random.choice([1, 2, 3, 10, 1000])
    x = random.integers(0, distinct, n).astype(random.choice(["int64", "float64", "bool", "uint8", "float32"]))
    if x.dtype.kind == "f" and random.random() < 0.4:
        x[random.random(n) < 0.2] = np.nan
    x = [x, np.sort(x), x[::-1].copy()][random.choice(3, p=[0.6, 0.25, 0.15])]
    if random.random() < 0.5:
        return x, -1
    x = np.stack([x, random.permutation(x)])
    return (x, 1) if random.random() < 0.5 else (np.ascontiguousarray(x.T), 0)


def ways(x, dim, random):
    """What can be asked of them."""
    n, descending = x.shape[dim], bool(random.integers(2))
    yield lambda torch, a: torch.sort(a, dim, descending)
    yield lambda torch, a: torch.sort(a, dim=dim, descending=descending, stable=True)
    yield lambda torch, a: (torch.argsort(a, dim, descending), torch.msort(a))
    if not (x != x).any():
        yield lambda torch, a: torch.mode(a, dim)
    if x.dtype != bool:
        k, few, in_order = int(random.integers(1, n + 1)), min(n, int(random.integers(1, 4))), bool(random.integers(2))
        yield lambda torch, a: torch.topk(a, k, dim, descending, in_order)
        yield lambda torch, a: torch.topk(a, few, dim, descending, in_order)
        yield lambda torch, a: torch.kthvalue(a, k, dim)
        yield lambda torch, a: torch.median(a, dim)


@pytest.mark.parametrize("seed", range(12))
def test_equal_elements_come_in_the_same_order(seed):
    random = np.random.default_rng(seed)
    for _ in range(30):
        x, dim = rows_with_ties(random)
        for ask in ways(x, dim, random):
            for ours, theirs in zip(ask(nbgrad, nbgrad.tensor(x)), ask(oracle, oracle.tensor(x))):
                np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("k", [1, 30, 300])
def test_keys_that_bring_quicksort_to_its_knees(k):
    """The median of three is always bad on these, so that sorting and selecting fall back to heaps."""
    n = 2000
    x = np.zeros(n, np.int64)
    half = n // 2
    x[:half] = np.where(np.arange(half) % 2 == 0, np.arange(half) + 1, half + np.arange(half))
    x[half:] = 2 * np.arange(1, n - half + 1)
    x = np.concatenate([x, x])
    for ask in (lambda torch, a: torch.sort(a), lambda torch, a: torch.topk(a, k, largest=False), lambda torch, a: torch.topk(a, k, sorted=False)):
        for ours, theirs in zip(ask(nbgrad, nbgrad.tensor(x)), ask(oracle, oracle.tensor(x))):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
