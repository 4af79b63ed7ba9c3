"""Differences of arrays against NumPy's own."""

import numpy as np
import pytest

from nbgrad.graph import inspect_difference as module
from nbgrad.graph.inspect_difference import NotComparable, inspect_difference, subtract


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def told(a, b, *args, **options):
    seen = inspect_difference(np.asarray(a), np.asarray(b), *args, **options)
    header = seen.header
    return header, header["difference"], np.frombuffer(seen.buffers[0], "<f4").reshape(header["tile"]["rows"], header["tile"]["columns"])


@pytest.mark.parametrize("factor", [1.0, -0.25, 0.0])
def test_the_difference_is_numpys(factor):
    a, b = random(7, 5), random(7, 5, seed=1)
    header, told_, tile = told(a, b, factor)
    want = a - factor * b
    np.testing.assert_allclose(tile, want, rtol=1e-6)
    assert header["stats"]["norm"] == pytest.approx(np.linalg.norm(want))
    assert told_["first_norm"] == pytest.approx(np.linalg.norm(a)) and told_["second_norm"] == pytest.approx(np.linalg.norm(factor * b))
    at = np.unravel_index(np.abs(want).argmax(), want.shape)
    assert told_["largest"]["index"] == list(at)
    assert (told_["largest"]["difference"], told_["largest"]["first"], told_["largest"]["second"]) == (want[at], a[at], b[at])
    assert told_["relative"] == (pytest.approx(np.linalg.norm(want) / np.linalg.norm(factor * b)) if factor else None)


def test_shapes_broadcast_and_norms_count_what_is_repeated():
    a, b = random(4, 3, 5), random(3, 1, seed=1)
    header, told_, tile = told(a, b, index=(2,))
    np.testing.assert_allclose(tile, (a - b)[2], rtol=1e-6)
    assert header["shape"] == [4, 3, 5] and told_["shapes"] == [[4, 3, 5], [3, 1]]
    assert told_["second_norm"] == pytest.approx(np.linalg.norm(np.broadcast_to(b, a.shape)))


def test_equal_elements_and_what_is_nan_in_both_are_counted():
    header, told_, _ = told([1.0, np.nan, 2.0, np.nan, np.inf], [1.0, np.nan, 3.0, 4.0, np.inf])
    assert (told_["equal"], told_["both_nan"], header["stats"]["nan"]) == (1, 1, 3)
    assert told_["largest"]["index"] == [2]


def test_float32_differences_are_not_rounded_to_float32():
    a, b = np.float32([1.0]), np.float32([1e-9])
    assert subtract(a, b)[0] == 1.0 - float(b[0])


@pytest.mark.parametrize(
    ("a", "b", "want"),
    [
        (np.array([2**62 - 1]), np.array([2**62 - 2]), 1),  # float64 would say 0
        (np.uint8([3]), np.uint8([250]), -247),
        (np.array([True]), np.array([False]), 1),
        (np.array([-(2**63)]), np.array([2**63 - 1]), -(2.0**64)),
        (np.uint64([5]), np.uint64([7]), -2),
    ],
)
def test_integers_neither_wrap_nor_lose_digits(a, b, want):
    assert subtract(a, b)[0] == want


def test_complex_differences_are_shown_by_magnitude():
    header, told_, tile = told([3 + 4j, 1], [0, 1])
    assert header["of"] == "magnitude" and tile.tolist() == [[5, 0]] and told_["largest"]["difference"] == "3+4j"


def test_what_cannot_be_compared_says_why(monkeypatch):
    with pytest.raises(NotComparable, match=r"shapes \(2, 3\) and \(4,\) do not fit"):
        inspect_difference(np.zeros((2, 3)), np.zeros(4))
    with pytest.raises(NotComparable, match="cannot be subtracted"):
        inspect_difference(np.array([object()]), np.zeros(1))
    monkeypatch.setattr(module, "MAX_SIZE", 100)
    with pytest.raises(NotComparable, match="would have 121 elements"):
        inspect_difference(np.zeros((11, 1)), np.zeros(11))


def test_nothing_minus_nothing_is_nothing():
    header, told_, _ = told(np.zeros((0, 3)), np.zeros((0, 3)))
    assert header["stats"]["norm"] is None and told_["largest"] is None and told_["relative"] is None
