"""What an open view can read of tensors that live, change and go."""

import time

import numpy as np
import pytest

import nbgrad as torch
from nbgrad._engine import observe
from nbgrad._engine.observe import observing
from nbgrad.graph.capture import Recorder
from nbgrad.notebook.live import VIEWS, KEPT_ELEMENTS, LiveTensors


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


class View:
    def __init__(self):
        self.flushes = 0

    def flush(self):
        self.flushes += 1


def test_quick_passes_refresh_a_view_at_most_ten_times_a_second():
    w, loss, source = recorded(3)
    view = View()
    source.attach(view)
    began, passes = time.monotonic(), 0
    while time.monotonic() < began + 0.45:
        (w * 2).sum().backward()
        passes += 1
    source.close()
    assert passes > 100 and 1 <= view.flushes <= 6


def test_the_first_pass_of_a_cell_is_looked_at_after_any_burst():
    w, loss, source = recorded(3)
    view = View()
    source.attach(view)
    for _ in range(200):
        (w * 2).sum().backward()
    before = view.flushes
    VIEWS.begin_cell()
    (w * 2).sum().backward()
    source.close()
    assert view.flushes == before + 1


def test_a_few_passes_of_a_cell_are_all_in_the_history(monkeypatch):
    w, loss, source = recorded(3)
    view = View()
    source.attach(view)
    monkeypatch.setattr(VIEWS._ends.histories, "share", 1e-9)  # nothing but the credit
    VIEWS.begin_cell()
    for _ in range(4):
        (w * 2).sum().backward()
        time.sleep(0.012)
    told = source.history("t0", "grad")
    source.close()
    assert told["at"] == [0, 1, 2, 3] and told["norm"] == [pytest.approx(12**0.5 * n) for n in (1, 2, 3, 4)]


def test_every_pass_through_recorded_nodes_is_noted_and_none_of_others_node_by_node(monkeypatch):
    w, loss, source = recorded(3)
    noted = []
    note = source.note
    monkeypatch.setattr(source, "note", lambda node, g: noted.append(node) or note(node, g))
    view = View()
    source.attach(view)
    for k in range(1, 4):
        (loss * k).backward(retain_graph=True)  # starts elsewhere and comes through ours
    assert source.state()["t2"]["grad"].values == (3.0,)
    seen = len(noted)
    assert seen
    for _ in range(5):
        (w * 2).sum().backward()
    source.close()
    assert len(noted) == seen


def test_many_open_views_are_one_watcher():
    sources, views = [recorded(3) for _ in range(5)], [View() for _ in range(5)]
    for (_, _, source), view in zip(sources, views):
        source.attach(view)
    assert len(observe.watchers) == 1
    for _, _, source in sources:
        source.close()
    assert observe.watchers == []
