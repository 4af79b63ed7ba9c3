"""The one line that says why the browser tests did not run."""

import pytest


def test_browser_is_here(missing_browser):
    reason, required = missing_browser
    if reason and required:
        pytest.fail(f"browser tests are required: {reason}")
    if reason:
        pytest.skip(f"all browser tests: {reason}")
