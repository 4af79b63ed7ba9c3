"""PyTorch's `torch.func`: functions that change functions."""

from ._functional_call import functional_call, stack_module_state
from ._vmap import vmap

__all__ = ["functional_call", "stack_module_state", "vmap"]
