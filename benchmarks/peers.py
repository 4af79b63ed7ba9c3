"""The libraries that are compared, each behind the same few words: how to make leaves, and how to run one step forward and backward.

A step takes a loss written once for all (workloads.py) as `loss(peer, *leaves)`; a peer gives the functions that losses need.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from contextlib import suppress

import numpy as np


class TorchLike:
    """nbgrad and PyTorch."""

    def __init__(self, module, threads=None):
        self.module = importlib.import_module(module)
        self.threads = threads
        self.name = module if threads is None else f"{module}, {threads} thread{'s' if threads > 1 else ''}"
        functional = self.module.nn.functional
        self.tanh, self.exp, self.relu, self.sum = self.module.tanh, self.module.exp, self.module.relu, self.module.sum
        self.softmax = lambda x: functional.softmax(x, dim=-1)
        self.cross_entropy = functional.cross_entropy
        self.swap = lambda x: x.transpose(-2, -1)

    def constant(self, array):
        return self.module.from_numpy(array)

    def leaf(self, array):
        return self.module.from_numpy(array).requires_grad_()

    def prepare(self, loss, arrays):
        """A step that gives the gradients, and the forward half alone."""
        leaves = [self.leaf(np.array(a)) for a in arrays]

        def step():
            for leaf in leaves:
                leaf.grad = None
            loss(self, *leaves).backward()
            return [leaf.grad for leaf in leaves]

        return self._on_threads(step), self._on_threads(lambda: loss(self, *leaves))

    def _on_threads(self, function):
        if self.threads is None:
            return function

        def run():
            if self.module.get_num_threads() != self.threads:
                self.module.set_num_threads(self.threads)
            return function()

        return run


class MyGrad:
    """MyGrad, with its guard against writes off, as its manual advises for speed."""

    name = "MyGrad"

    def __init__(self):
        import mygrad
        from mygrad.nnet.activations import relu, softmax
        from mygrad.nnet.losses import softmax_crossentropy

        mygrad.turn_memory_guarding_off()
        self.module = mygrad
        self.tanh, self.exp, self.relu, self.sum, self.softmax = mygrad.tanh, mygrad.exp, relu, mygrad.sum, softmax
        self.cross_entropy = softmax_crossentropy
        self.swap = lambda x: mygrad.swapaxes(x, -2, -1)

    def constant(self, array):
        return array

    def prepare(self, loss, arrays):
        leaves = [self.module.tensor(np.array(a)) for a in arrays]

        def step():
            loss(self, *leaves).backward()
            return [leaf.grad for leaf in leaves]

        return step, lambda: loss(self, *leaves)


class Functional:
    """HIPS autograd and JAX: gradients of functions of arrays. Their forward half alone records nothing, so it is not compared."""

    def __init__(self, name, numpy, gradients):
        self.name = name
        self.numpy, self._gradients = numpy, gradients
        self.tanh, self.exp, self.sum = numpy.tanh, numpy.exp, numpy.sum
        self.relu = lambda x: numpy.maximum(x, 0)
        self.swap = lambda x: numpy.swapaxes(x, -2, -1)

    def softmax(self, x):
        e = self.numpy.exp(x - self.numpy.max(x, axis=-1, keepdims=True))
        return e / self.numpy.sum(e, axis=-1, keepdims=True)

    def cross_entropy(self, x, target):
        m = self.numpy.max(x, axis=-1, keepdims=True)
        logs = x - m - self.numpy.log(self.numpy.sum(self.numpy.exp(x - m), axis=-1, keepdims=True))
        return -self.numpy.mean(logs[np.arange(len(target)), target])

    def constant(self, array):
        return array

    def prepare(self, loss, arrays):
        step = self._gradients(lambda *leaves: loss(self, *leaves), tuple(range(len(arrays))))
        return lambda: step(*arrays), None


def hips():
    """HIPS autograd."""
    import autograd
    import autograd.numpy

    return Functional("HIPS autograd", autograd.numpy, autograd.grad)


def jax():
    """JAX, compiled."""
    import jax
    import jax.numpy

    jax.config.update("jax_enable_x64", True)

    def gradients(function, argnums):
        compiled = jax.jit(jax.grad(function, argnums))
        return lambda *arrays: jax.block_until_ready(compiled(*arrays))

    return Functional("jax.jit", jax.numpy, gradients)


class Micrograd:
    """micrograd: scalars only; its backward recurses, so it gets a deeper stack than Python's usual one."""

    name = "micrograd"
    scalars_only = True

    def __init__(self):
        from micrograd.engine import Value

        sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))
        self.value = Value
        self.sum = lambda x: x

    def prepare(self, loss, arrays):
        leaves = [self.value(float(a)) for a in arrays]

        def step():
            for leaf in leaves:
                leaf.grad = 0
            loss(self, *leaves).backward()
            return [leaf.grad for leaf in leaves]

        return step, lambda: loss(self, *leaves)


def installed() -> list:
    """All peers that can be imported here, nbgrad first."""
    found = [TorchLike("nbgrad")]
    with suppress(ImportError):
        import torch

        default = torch.get_num_threads()
        found += [TorchLike("torch", n) for n in dict.fromkeys((1, default))]
    for make in (MyGrad, hips, Micrograd, jax):
        with suppress(ImportError):
            found.append(make())
    return found


def versions() -> str:
    """What is compared, in one line."""
    found = []
    for name in ("numpy", "torch", "mygrad", "autograd", "micrograd", "jax"):
        with suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)
