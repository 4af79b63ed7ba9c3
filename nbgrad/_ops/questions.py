"""Questions about tensors and types whose answer is no tensor: `is_tensor`, `numel`, `can_cast` and their like."""

from __future__ import annotations

from .._engine import dtypes
from .._engine.op import plain
from .._engine.tensor import Tensor


@plain()
def is_tensor(obj):
    """Say whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


@plain()
def is_floating_point(input):
    """Say whether a tensor's type is a real floating point type."""
    return input.is_floating_point()


@plain()
def is_complex(input):
    """Say whether a tensor's type is complex."""
    return input.is_complex()


@plain()
def numel(input):
    """Count the elements of a tensor."""
    return input.numel()


@plain(method=True)
def is_nonzero(input):
    """Say whether a tensor of one element is not zero."""
    return bool(input)


@plain()
def result_type(tensor1, tensor2):
    """Give the type that an operator of these two tensors or numbers computes in."""
    operands = [(t._array.dtype, t._array.ndim == 0) if isinstance(t, Tensor) else type(t) for t in (tensor1, tensor2)]
    return dtypes.of_array(dtypes.result_numpy(*operands))


@plain()
def can_cast(from_, to):
    """Say whether PyTorch's rules let a result of type `from_` be stored as `to`."""
    return from_.category <= to.category and not (from_.is_signed and from_.category == dtypes.INTEGER and to.name == "uint8")
