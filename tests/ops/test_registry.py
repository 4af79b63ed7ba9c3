"""Every operator has samples, and samples are of operators."""

import numpy as np

import nbgrad
from nbgrad._engine.op import FACADES, NAMES, REGISTRY, Op

from .harness import SAMPLES

OPERATORS = {op.name: op for op in REGISTRY.values() if not op.name.startswith("_")}


def has_samples(name):
    """Samples are given under the name itself, or under the last part of it."""
    return bool(SAMPLES.get(name) or SAMPLES.get(name.rpartition(".")[2]))


def test_every_registered_operator_has_samples():
    assert [name for name in OPERATORS if not has_samples(name)] == []


def test_every_function_that_chooses_between_operators_has_samples():
    random = {"normal"}  # draws have tests of their own
    assert [name for name in FACADES if not name.endswith("_") and name not in random and not has_samples(name)] == []


def test_every_sample_is_of_something_public():
    def known(name):
        return name in OPERATORS or name in NAMES or any(n.endswith(f".{name}") for n in NAMES) or hasattr(nbgrad.Tensor, name)

    assert [name for name in SAMPLES if not known(name)] == []


def test_every_differentiable_operator_has_a_sample_with_gradients():
    def has_leaf(sample):
        return sample.grad and any(
            isinstance(a, np.ndarray) and a.dtype.kind in "fc" for a in arrays([sample.args, list(sample.kwargs.values())])
        )

    def samples_of(name):
        return [*SAMPLES.get(name, ()), *SAMPLES.get(name.rpartition(".")[2], ())]

    without = [
        name
        for name, op in OPERATORS.items()
        if isinstance(op, Op) and op.vjp and op.node != "NotImplemented" and not any(map(has_leaf, samples_of(name)))
    ]
    assert without == []


def arrays(x):
    return [z for y in x for z in arrays(y)] if isinstance(x, (list, tuple)) else [x]
