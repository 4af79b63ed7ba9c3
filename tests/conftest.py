"""What all tests share: the `torch` that a test of behaviour gets, PyTorch beside us or a clear word that it is missing, and the order in which kinds of test run."""

import gc
import os

import pytest

import nbgrad


def pytest_addoption(parser):
    parser.addoption("--programs", type=int, default=0, help="how many random programs tests/parity/test_random_programs.py runs")


def pytest_configure(config):
    """With NBGRAD_REQUIRE_TORCH=1 no test may skip for want of PyTorch."""
    if os.environ.get("NBGRAD_REQUIRE_TORCH") == "1":
        try:
            import expecttest  # noqa: F401  (PyTorch's operator database needs it)
            import torch  # noqa: F401
        except ImportError as error:
            raise pytest.UsageError(f"NBGRAD_REQUIRE_TORCH=1, but PyTorch or what its operator database needs cannot be imported: {error}") from None


def pytest_collection_modifyitems(items):
    """Browser tests last: Playwright leaves an event loop running in the thread, and tests that start one of their own would fail."""
    items.sort(key=lambda item: "browser" in item.path.parts)


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
