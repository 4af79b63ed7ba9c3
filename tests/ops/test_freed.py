"""Every graph is freed by reference counting alone: nothing that an operator leaves behind sits in a cycle."""

import gc
import weakref

import pytest

import nbgrad
from nbgrad._engine.tensor import Tensor

from .harness import SAMPLES, find, flat, our_tensor, prepare


def references(name, sample):
    """Weak references to what one call, its derivative and the derivative of that leave behind."""
    call = prepare(sample, our_tensor)
    leaves = call.leaves[:]
    call.leaves.clear()  # the list itself sits in a cycle of the harness
    outputs = [y for y in flat(find(nbgrad, name, sample)(*call.args, **call.kwargs)) if isinstance(y, Tensor)]
    found = [weakref.ref(t) for t in (*leaves, *outputs)] + [weakref.ref(y.grad_fn) for y in outputs if y.grad_fn is not None]
    smooth = [y for y in outputs if y.requires_grad]
    if smooth:
        grads = nbgrad.autograd.grad(smooth, leaves, [nbgrad.ones_like(y) for y in smooth], create_graph=sample.second, allow_unused=True)
        found += [weakref.ref(g.grad_fn) for g in grads if g is not None and g.grad_fn is not None]
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_nothing_stays(name):
    gc.disable()
    try:
        for sample in SAMPLES[name]:
            assert not any(r() is not None for r in references(name, sample))
    finally:
        gc.enable()
