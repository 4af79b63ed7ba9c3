"""A browser for these tests, or one clear line why they are skipped; with NBGRAD_REQUIRE_BROWSER=1 a missing browser is an error."""

import os

import pytest

_REQUIRED = os.environ.get("NBGRAD_REQUIRE_BROWSER") == "1"


def _missing():
    try:
        import playwright  # noqa: F401
        import pytest_playwright  # noqa: F401
    except ImportError:
        return "Playwright is not installed"
    from labkit import find_chromium

    return None if find_chromium() else "Chromium was not found: set $CHROMIUM, or put chromium on PATH"


_REASON = _missing()


def pytest_ignore_collect(collection_path):
    """Without a browser nothing here is collected but the one test that says so."""
    if _REASON and collection_path.is_file() and collection_path.suffix == ".py":
        return collection_path.name != "test_browser_is_here.py" or None
    return None


@pytest.fixture(scope="session")
def missing_browser():
    return _REASON, _REQUIRED


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    from labkit import CHROMIUM_ARGS, find_chromium

    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": list(CHROMIUM_ARGS)}


@pytest.fixture(scope="session")
def base_url():
    """No common address; the plugin's own fixture of this name warns under pytest 9, and warnings are errors here."""
    return None
