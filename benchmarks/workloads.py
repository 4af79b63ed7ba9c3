"""What is computed: each workload is a loss written once, with the words that every peer has, and the arrays of its leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A loss `loss(peer, *leaves)`, the leaves' values, and whether micrograd can run it."""

    title: str
    loss: object
    arrays: list
    scalar: bool = False
    operators: int | None = None  # in the forward half, where a time for each is of interest


def _random(*shape, seed=0, scale=1.0, kind="float32"):
    return np.asarray(np.random.default_rng([seed, *shape]).normal(0, scale, shape), kind)


def chain(shape):
    """500 times `x * a + b`."""

    def loss(peer, x, a, b):
        for _ in range(500):
            x = x * a + b
        return peer.sum(x) if shape else x

    arrays = [_random(*shape, seed=i, kind="float64") * 0.1 + c for i, c in enumerate((0.5, 0.9, 0.1))]
    arrays = [np.asarray(a) for a in arrays]
    what = f"{shape[0]} doubles" if shape else "0-dim doubles"
    return Workload(f"chain of 1,000 operators on {what}", loss, arrays, scalar=not shape, operators=1000)


def mlp():
    """A step of a classifier, 784-128-10 with 64 rows."""
    x, target = _random(64, 784), np.random.default_rng(1).integers(0, 10, 64)
    constants = {}

    def loss(peer, w1, b1, w2, b2):
        if peer not in constants:
            constants[peer] = peer.constant(x), peer.constant(target)
        rows, labels = constants[peer]
        return peer.cross_entropy(peer.relu(rows @ w1 + b1) @ w2 + b2, labels)

    arrays = [_random(784, 128, scale=0.03), _random(128, scale=0.1), _random(128, 10, scale=0.1), _random(10, scale=0.1)]
    return Workload("MLP 784-128-10, 64 rows", loss, arrays)


def elementwise():
    """Six operators on a million float32, and their sum."""

    def loss(peer, x):
        return peer.sum(peer.tanh(x * 1.5 + 0.5) * peer.exp(-x))

    return Workload("elementwise chain on 1,000,000 float32", loss, [_random(1_000_000)])


def attention():
    """Scaled dot-product attention: batch 4, 4 heads, 64 positions, 32 features."""

    def loss(peer, q, k, v):
        weights = peer.softmax(q @ peer.swap(k) * 32**-0.5)
        return peer.sum((weights @ v) * (weights @ v))

    return Workload("attention, 4 x 4 x 64 x 32", loss, [_random(4, 4, 64, 32, seed=i) for i in range(3)])


def recurrent():
    """100 steps of a plain recurrent network, 16 rows, 32 inputs, 64 hidden."""
    steps = [_random(16, 32, seed=i) for i in range(100)]
    constants = {}

    def loss(peer, w, u, b):
        if peer not in constants:
            constants[peer] = [peer.constant(x) for x in steps]
        h = None
        for x in constants[peer]:
            h = peer.tanh(x @ w + b if h is None else x @ w + h @ u + b)
        return peer.sum(h * h)

    return Workload("recurrent, 100 steps", loss, [_random(32, 64, scale=0.1), _random(64, 64, scale=0.1), _random(64, scale=0.1)])


def all_workloads() -> list[Workload]:
    """In the order in which they are shown."""
    return [chain(()), chain((4,)), mlp(), elementwise(), attention(), recurrent()]
