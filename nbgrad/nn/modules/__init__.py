"""PyTorch's `torch.nn.modules`: the modules, by topic."""

from .activation import ReLU, Sigmoid, Tanh
from .container import Sequential
from .linear import Linear
from .module import Module

__all__ = ["Linear", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh"]
