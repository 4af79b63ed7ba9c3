"""`out=`: whoever takes it writes there, and gives it back."""

import warnings

import numpy as np
import pytest

import nbgrad
from nbgrad._engine.tensor import Tensor

from .harness import SAMPLES, find, flat, prepare


@pytest.mark.filterwarnings("ignore:.*is deprecated")
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_out_is_written_or_refused(name):
    sample = SAMPLES[name][0]
    function = find(nbgrad, name, sample)
    call = prepare(sample, lambda array, _: nbgrad.from_numpy(array))
    nbgrad.manual_seed(0)
    expected = function(*call.args, **call.kwargs)
    if "out" in call.kwargs or not isinstance(expected, (Tensor, tuple)) or not all(isinstance(t, Tensor) for t in flat(expected)):
        return
    out = tuple(map(nbgrad.zeros_like, flat(expected))) if isinstance(expected, tuple) else nbgrad.zeros_like(expected)
    call = prepare(sample, lambda array, _: nbgrad.from_numpy(array))
    nbgrad.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = function(*call.args, **call.kwargs, out=out)
    except TypeError as refused:
        assert "out" in str(refused)
        return
    for given, back, wanted in zip(flat(out), flat(found), flat(expected)):
        assert given is back
        np.testing.assert_array_equal(given._array, wanted._array)
