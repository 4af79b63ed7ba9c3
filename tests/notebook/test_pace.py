"""When work beside a training loop is due again."""

import pytest

from nbgrad.notebook import pace
from nbgrad.notebook.pace import COLD, DEAREST, LATEST, Pace


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr(pace, "monotonic", lambda: now[0])
    return now


def waits(paced, took, clock):
    """How long after work that took so long it is due again."""
    paced.begin()
    clock[0] += took
    paced.end()
    return paced.due - clock[0]


def test_work_waits_in_proportion_to_what_it_took(clock):
    assert waits(Pace(0.01), 0.001, clock) == pytest.approx(COLD * 0.001 / 0.01)
    assert waits(Pace(0.01, interval=5.0), 0.001, clock) == pytest.approx(4.999)


def test_a_reader_waits_no_longer_than_two_seconds_unless_the_work_is_very_dear(clock):
    assert waits(Pace(0.002), 0.02, clock) == pytest.approx(LATEST)
    assert waits(Pace(0.002), 0.5, clock) == pytest.approx(DEAREST * 0.5)


def test_credit_is_free_once(clock):
    paced = Pace(0.01, credit=0.01)
    assert waits(paced, 0.01, clock) == pytest.approx(0, abs=1e-9)
    assert waits(paced, 0.001, clock) == pytest.approx(COLD * 0.001 / 0.01)
