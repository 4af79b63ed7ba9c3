"""Array inspection against NumPy's own figures, at the odd ends of shapes and dtypes, and at ten million elements."""

import json
import time

import numpy as np
import pytest

from nbgrad.graph.inspect_array import BINS, MAX_CELLS, MAX_SIDE, inspect_array


def parts(array, *args, **options):
    """The header, and the buffers as arrays of their shapes."""
    seen = inspect_array(array, *args, **options)
    tile, counts, window = seen.buffers
    header = seen.header
    return (
        header,
        np.frombuffer(tile, "<f4").reshape(header["tile"]["rows"], header["tile"]["columns"]),
        np.frombuffer(counts, "<u4"),
        np.frombuffer(window, "<f8").reshape(header["window"]["rows"], header["window"]["columns"]),
    )


def random(*shape, dtype=np.float64):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def test_statistics_agree_with_numpy():
    a = random(300, 500) + 1e6  # a mean far from zero, where naive sums of squares lose the deviation
    stats = parts(a)[0]["stats"]
    for name, want in dict(mean=a.mean(), std=a.std(), min=a.min(), max=a.max(), norm=np.linalg.norm(a)).items():
        assert stats[name] == pytest.approx(want, rel=1e-10), name
    assert stats["size"] == a.size and stats["nan"] == stats["inf"] == stats["zeros"] == 0


def test_histogram_agrees_with_numpy():
    a = random(70_000)
    header, _, counts, _ = parts(a)
    want, edges = np.histogram(a, BINS)
    assert counts.sum() == a.size and np.abs(counts.astype(int) - want).max() <= 1  # a value on an edge may fall either way
    assert header["histogram"] == {"lo": edges[0], "hi": edges[-1], "bins": BINS}


def test_small_matrix_is_exact():
    a = random(5, 3, dtype=np.float32)
    header, tile, _, window = parts(a)
    assert header["tile"]["reduce"] == "exact" and header["tile"]["limit"] == np.abs(a).max()
    assert np.array_equal(tile, a) and np.array_equal(window, a)


@pytest.mark.parametrize("shape", [(1000, 777), (3, 100_000), (100_000, 3), (256, 256), (155, 155), (1, 257)])
def test_tile_keeps_within_the_limits(shape):
    seen = inspect_array(random(*shape, dtype=np.float32))
    tile = seen.header["tile"]
    assert max(tile["rows"], tile["columns"]) <= MAX_SIDE and tile["rows"] * tile["columns"] <= MAX_CELLS
    assert sum(map(len, seen.buffers)) + len(json.dumps(seen.header)) < 100_000
    assert (tile["rows"] - 1) * tile["block_rows"] < shape[0] <= tile["rows"] * tile["block_rows"]


def test_overview_keeps_the_largest_magnitude_with_its_sign():
    a = np.zeros((600, 600))
    a[301, 599], a[0, 0], a[0, 1] = -7, 2, -1
    header, tile, _, _ = parts(a)
    down, across = header["tile"]["block_rows"], header["tile"]["block_columns"]
    assert header["tile"]["reduce"] == "max_abs"
    assert tile[301 // down, 599 // across] == -7 and tile[0, 0] == 2 and np.count_nonzero(tile) == 2


def test_overview_by_mean():
    a = random(610, 7)
    header, tile, _, _ = parts(a, reduce="mean")
    down = header["tile"]["block_rows"]
    want = np.array([a[i : i + down].mean(axis=0) for i in range(0, 610, down)])
    np.testing.assert_allclose(tile, want, rtol=1e-5, atol=1e-7)
    assert header["tile"]["limit"] == np.abs(tile).max()


@pytest.mark.parametrize("reduce", ["max_abs", "mean"])
def test_overview_never_hides_a_nan(reduce):
    a = np.ones((1000, 1000))
    a[500, 500] = np.nan
    header, tile, _, _ = parts(a, reduce=reduce)
    assert np.isnan(tile).sum() == 1 and header["stats"]["nan"] == 1


def test_nan_and_infinities_are_counted_and_left_out_of_the_statistics():
    header, tile, counts, _ = parts(np.array([1.0, np.nan, np.inf, -np.inf, 3.0, 0.0]))
    stats = header["stats"]
    assert (stats["nan"], stats["inf"], stats["zeros"]) == (1, 2, 1)
    assert (stats["mean"], stats["min"], stats["max"]) == (pytest.approx(4 / 3), 0, 3)
    assert counts.sum() == 3 and header["tile"]["limit"] == 3 and np.isnan(tile[0, 1])


def test_nothing_finite_gives_no_statistics_rather_than_zeros():
    header, _, counts, _ = parts(np.array([np.nan, np.inf]))
    assert header["stats"]["mean"] is None and header["stats"]["norm"] is None and header["histogram"] is None
    assert counts.sum() == 0


def test_leading_dimensions_have_an_index_each():
    a = random(4, 3, 5, 2)
    header, tile, _, window = parts(a, (2, 1))
    assert header["index"] == [2, 1] and np.array_equal(tile, a[2, 1].astype("f4")) and np.array_equal(window, a[2, 1])
    assert parts(a, (99, -5))[0]["index"] == [3, 0] and parts(a)[0]["index"] == [0, 0]
    assert header["tile"]["limit"] == np.float64(np.abs(a).max())  # one scale for all slices


def test_window_of_exact_values_follows_the_place_asked_for():
    a = random(2000, 2000)
    header, _, _, window = parts(a, at=(1000, 1999))
    top, left = header["window"]["row"], header["window"]["column"]
    assert (top, left) == (996, 1992) and np.array_equal(window, a[top : top + 8, left : left + 8])


@pytest.mark.parametrize(
    ("array", "rows", "columns"),
    [
        (np.float32(3), 1, 1),
        (np.zeros(0), 1, 0),
        (np.zeros((0, 4)), 0, 4),
        (np.zeros((3, 0, 4)), 0, 4),
        (np.zeros((0, 2, 2)), None, None),
    ],
)
def test_scalars_and_empty_arrays(array, rows, columns):
    header = inspect_array(array).header
    assert header["shape"] == list(np.shape(array)) and header["stats"]["size"] == np.size(array)
    if rows is not None:
        assert (header["tile"]["rows"], header["tile"]["columns"]) == (rows, columns)


def test_bool_and_int_and_complex():
    assert parts(np.array([True, False, True]))[0]["stats"]["mean"] == pytest.approx(2 / 3)
    assert parts(np.array([[-(2**62), 5]]))[0]["stats"]["min"] == -(2**62)
    header, tile, _, _ = parts(np.array([3 + 4j, 0]))
    assert header["of"] == "magnitude" and tile.tolist() == [[5, 0]] and header["window"]["text"] == ["3+4j", "0+0j"]


def test_constant_array_fills_one_bin():
    header, _, counts, _ = parts(np.full(10, 2.0))
    assert counts.max() == 10 and header["histogram"] == {"lo": 2.0, "hi": 2.0, "bins": BINS}


def test_huge_values_overflow_into_none_not_into_infinity():
    header, _, counts, _ = parts(np.array([1e308, -1e308]))
    assert header["stats"]["max"] == 1e308 and counts.sum() == 2
    json.dumps(header, allow_nan=False)


def test_objects_are_refused():
    with pytest.raises(TypeError, match="cannot inspect an array of object"):
        inspect_array(np.array([object()]))
    with pytest.raises(ValueError, match="max_abs"):
        inspect_array(np.zeros(2), reduce="median")


def test_plain_form_is_json():
    plain = json.loads(json.dumps(inspect_array(random(2, 2)).to_plain()))
    assert len(plain["buffers"]) == 3 and plain["shape"] == [2, 2]
