"""PyTorch's `torch.nn`."""

from . import functional, modules, parameter
from .modules import Linear, Module, ReLU, Sequential, Sigmoid, Tanh
from .parameter import Buffer, Parameter

__all__ = ["Buffer", "Linear", "Module", "Parameter", "ReLU", "Sequential", "Sigmoid", "Tanh", "functional", "modules", "parameter"]
