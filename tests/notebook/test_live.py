"""What an open view can read of tensors that live, change and go."""

import nbgrad as torch
from nbgrad._engine.observe import observing
from nbgrad.graph.capture import Recorder
from nbgrad.notebook.live import KEPT_ELEMENTS, LiveTensors


def recorded(size):
    recorder = Recorder()
    with observing(recorder):
        w = torch.arange(float(size), requires_grad=True)
        loss = (w * w).sum()
    recorder.graph()
    return w, loss, LiveTensors(recorder)


def test_a_small_tensor_can_be_looked_into_after_its_variable_was_assigned_anew():
    w, loss, live = recorded(3)
    live.state()
    loss.backward()
    live.state()
    del w, loss
    assert live.array("t0", "data").tolist() == [0.0, 1.0, 2.0]
    assert live.array("t0", "grad").tolist() == [0.0, 2.0, 4.0]


def test_a_gradient_set_to_none_is_not_kept():
    w, loss, live = recorded(3)
    loss.backward()
    live.state()
    w.grad = None
    live.state()
    del w, loss
    assert live.array("t0", "grad") is None


def test_large_tensors_are_not_kept():
    w, loss, live = recorded(KEPT_ELEMENTS + 1)
    live.state()
    assert live.array("t0", "data") is not None
    del w, loss
    assert live.array("t0", "data") is None
