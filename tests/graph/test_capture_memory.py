"""What a recorder keeps alive while a cell runs: little, however long the cell and however large its tensors."""

import weakref

import nbgrad
from nbgrad._engine.observe import Observer, observing
from nbgrad.graph.capture import KEPT_BYTES, Recorder

MILLION = 1_000_000  # float32 elements: 4 MB


def alive(references):
    return sum(r() is not None for r in references)


def test_tensors_of_several_outputs_are_let_go():
    made = []
    with observing(Recorder()):
        for _ in range(30):
            values, indices = nbgrad.zeros(MILLION).max(0, keepdim=True)[0].expand(MILLION).sort()
            made.append(weakref.ref(indices))
            del values, indices
    assert alive(made) * 8 * MILLION <= 2 * KEPT_BYTES


def test_gradients_under_way_are_let_go():
    x = nbgrad.ones(MILLION, requires_grad=True)
    w = nbgrad.ones(MILLION)
    y = x
    for _ in range(60):
        y = y * w
    seen = []

    class Watching(Recorder):
        def node_done(self, node, grads_in, grads_out):
            seen.extend(weakref.ref(g) for g in grads_out if g is not None)
            super().node_done(node, grads_in, grads_out)

    with observing(Watching()) as recorder:
        y.sum().backward()
        held = alive(seen)
    assert held * 4 * MILLION <= 2 * KEPT_BYTES
    assert len([s for s in recorder.graph().steps if s.node == "MulBackward0"]) == 60


def test_an_interrupted_start_leaves_gradients_on():
    """Whatever stops a backward pass, the operators after it are recorded again."""

    class Interrupting(Observer):
        def backward_start(self, roots):
            raise KeyboardInterrupt

    x = nbgrad.ones(2, requires_grad=True)
    y = (x * 2).sum()
    try:
        with observing(Interrupting()):
            y.backward()
    except KeyboardInterrupt:
        pass
    assert nbgrad.is_grad_enabled() and (x * 2).requires_grad
