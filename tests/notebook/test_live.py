"""What an open view can read of tensors that live, change and go."""

import numpy as np

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


def test_a_new_gradient_where_the_old_one_lay_is_read_anew():
    w, _loss, live = recorded(100)
    memory = np.ones(100, np.float32)
    w.grad = torch.from_numpy(memory)
    assert live.state()["t0"]["grad"].norm == 10
    memory *= 2
    w.grad = torch.from_numpy(memory)  # another tensor of the same address, shape and version
    assert live.state()["t0"]["grad"].norm == 20


def test_elements_written_through_numpy_are_noticed():
    w, _loss, live = recorded(1000)
    live.state()
    w.detach().numpy()[:] = 1
    assert live.state()["t0"]["data"].mean == 1
