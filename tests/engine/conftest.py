"""What tests of the engine share."""

import pytest


@pytest.fixture
def leaf():
    """Make a leaf that requires a gradient, of some numbers."""
    return lambda torch, *values: torch.tensor(list(values), requires_grad=True)
