"""The `torch` that a parity test gets: nbgrad, and the oracle."""

import gc

import pytest

import nbgrad


@pytest.fixture(params=["nbgrad", "torch"])
def torch(request):
    """Run the test on nbgrad and on real PyTorch: what it asserts is PyTorch's behaviour."""
    return nbgrad if request.param == "nbgrad" else pytest.importorskip("torch")


@pytest.fixture
def counting():
    """Leave freeing to reference counting alone: what sits in a cycle stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
