"""Summaries of very many arrays say to the last bit what the summary of each alone says."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbgrad.graph.summaries import Summaries
from nbgrad.graph.summary import FEW, MANY, summarize

TYPES = [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8, np.bool_, np.complex64, np.complex128]


def same(arrays_):
    summaries = Summaries()
    summaries.read([np.ones(3)])
    first = summaries.read(arrays_)
    assert len(summaries) == first + len(arrays_)
    for i, array in enumerate(arrays_, first):
        assert repr(summaries[i]) == repr(summarize(array))  # by repr: nan is not nan


@st.composite
def lists_of_arrays(draw):
    """Several arrays of one type and shape, with infinities, NaN and numbers whose sum overflows among them."""
    dtype = draw(st.sampled_from(TYPES))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6))
    elements = arrays.from_dtype(np.dtype(dtype))
    return draw(st.lists(arrays.arrays(dtype, shape, elements=elements, fill=elements), max_size=6))


@given(lists_of_arrays(), lists_of_arrays())
def test_any_arrays(some, others):
    same([a for pair in zip(some, others) for a in pair] + some)


@pytest.mark.parametrize("size", [0, 1, FEW, FEW + 1, 100, 129, 1000, MANY - 1, MANY, MANY + 1])
@pytest.mark.parametrize("dtype", TYPES)
def test_arrays_of_one_size(dtype, size):
    rng = np.random.default_rng(size)
    same([(rng.normal(size=size) * 10.0 ** (i % 7 - 3)).astype(dtype) for i in range(40)])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_some_elements_or_all_are_not_finite(bad):
    rng = np.random.default_rng(0)
    block = rng.normal(size=(12, 50)).astype(np.float32)
    block[3, 7] = block[4] = block[5] = bad
    block[6, 1:] = bad
    same(list(block))


def test_arrays_that_are_not_contiguous():
    whole = np.arange(4 * 6 * 10.0).reshape(4, 6, 10)
    same([whole[i].T for i in range(4)] + [whole[i, ::-1, ::2] for i in range(4)] + [whole[i, :2, 3] for i in range(4)])


def test_what_was_cut_back_is_written_anew():
    summaries = Summaries()
    summaries.read([np.ones(2), np.arange(20.0)])
    lengths = summaries.lengths()
    summaries.read([np.zeros(2), np.zeros(20)])
    summaries.cut_back(lengths)
    first = summaries.read([np.full(2, 5.0), np.arange(30.0)])
    assert first == 2
    assert [repr(summaries[i]) for i in range(4)] == [repr(summarize(a)) for a in (np.ones(2), np.arange(20.0), np.full(2, 5.0), np.arange(30.0))]
