"""Every operator has samples, and samples are of operators."""

import numpy as np

from nbgrad._engine.op import REGISTRY, Op

from .harness import SAMPLES


def test_every_registered_operator_has_samples():
    assert [name for name in REGISTRY if not name.startswith("_") and not SAMPLES.get(name)] == []


def test_every_sample_is_of_a_registered_operator():
    assert [name for name in SAMPLES if name not in REGISTRY] == []


def test_every_differentiable_operator_has_a_sample_with_gradients():
    def has_leaf(sample):
        return sample.grad and any(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in _arrays([sample.args, list(sample.kwargs.values())]))

    without = [
        name for name, op in REGISTRY.items()
        if isinstance(op, Op) and op.vjp and not name.startswith("_") and not any(has_leaf(s) for s in SAMPLES.get(name, ()))
    ]  # fmt: skip
    assert without == []


def _arrays(x):
    return [z for y in x for z in _arrays(y)] if isinstance(x, (list, tuple)) else [x]
