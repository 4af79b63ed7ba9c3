"""Layers that multiply by a matrix."""

from __future__ import annotations

import math
import warnings

from ..._engine.modes import no_grad
from ..._engine.op import NAMES
from .. import functional
from ..parameter import Parameter
from .module import Module

_empty = NAMES["empty"]


class Linear(Module):
    """Multiply by the transpose of a weight of shape (out_features, in_features) and add a bias: (*, in_features) gives (*, out_features).

    Both begin with uniform numbers between -1 / sqrt(in_features) and 1 / sqrt(in_features).
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(_empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        if not self.weight.numel():
            warnings.warn("Initializing zero-element tensors is a no-op", UserWarning, stacklevel=3)
        with no_grad():
            if self.weight.numel():
                std = math.sqrt(2.0 / (1 + math.sqrt(5) ** 2)) / math.sqrt(self.in_features)  # Kaiming's, for a leaky ReLU of slope sqrt(5)
                bound = math.sqrt(3.0) * std
                self.weight.uniform_(-bound, bound)
            if self.bias is not None:
                bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
                self.bias.uniform_(-bound, bound)

    def forward(self, input):
        """The input, multiplied and shifted."""
        return functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """What stands between the brackets."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
