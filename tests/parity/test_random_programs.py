"""Random programs of views, changes in place, `no_grad` and backward calls, run on nbgrad and on PyTorch line by line: the same values, types, flags,
histories, versions, gradients and kinds of error after every line.

`pytest tests/parity/test_random_programs.py --programs 10000` runs as many as one likes; what differs is shrunk to the lines that matter. Without the
option a few hundred run, always the same.
"""

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .programs import Differs, Writer, run_beside

oracle = pytest.importorskip("torch")
LINES = 12


@st.composite
def programs(draw):
    return Writer(lambda n: draw(st.integers(0, n - 1)), LINES).lines


def test_programs_end_as_with_torch(request):
    asked = request.config.getoption("--programs")
    ends = {}

    @settings(max_examples=asked or 400, derandomize=not asked, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(programs())
    def run(lines):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            end = run_beside(oracle, lines)
        ends[end] = ends.get(end, 0) + 1

    run()
    print(f"how {sum(ends.values())} programs ended: {ends}")
    assert ends["finished"] >= 0.6 * sum(ends.values())


def test_a_difference_is_noticed(monkeypatch):
    import nbgrad

    monkeypatch.setattr(nbgrad.Tensor, "neg", lambda self: self * 1)
    with pytest.raises(Differs):
        run_beside(oracle, ["v.append(torch.tensor([1.0, 2.0], requires_grad=True))", "v.append(v[0].neg())"])
