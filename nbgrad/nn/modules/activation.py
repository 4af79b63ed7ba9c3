"""Activation functions as modules."""

from __future__ import annotations

from .. import functional
from .module import Module


class ReLU(Module):
    """Replace negative elements by 0; with `inplace` in the input itself."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        """The input with its negative elements replaced."""
        return functional.relu(input, inplace=self.inplace)

    def extra_repr(self) -> str:
        """What stands between the brackets."""
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """Take the hyperbolic tangent of each element."""

    def forward(self, input):
        """The hyperbolic tangents."""
        return input.tanh()


class Sigmoid(Module):
    """Take 1 / (1 + exp(-x)) of each element."""

    def forward(self, input):
        """The sigmoids."""
        return input.sigmoid()
