"""What tensors look like to others: as text, which joins the tensor, that knows no printing, with the printer, that knows no tensors; and to
NumPy's functions, whose counterparts are loaded when first needed.

Imported once, by the package.
"""

from __future__ import annotations

from ._engine.batched import BatchedArray
from ._engine.dtypes import get_default_dtype
from ._engine.node import history_of, node_of
from ._engine.tensor import Tensor, wrap
from ._printing import format_tensor, tensor_str


def _facts(tensor):
    return {
        "dtype_name": tensor._array.dtype.name,
        "default_dtype_name": get_default_dtype().name,
        "requires_grad": tensor._requires_grad,
        "grad_fn_name": _name_of_history(tensor),
        "tangent": None if not tensor._tangents else next(reversed(tensor._tangents.values())),
    }


def _name_of_history(tensor):
    try:
        edge = history_of(tensor)
    except RuntimeError:  # a view that may not be used any more
        return "Invalid"
    return None if edge is None else type(node_of(edge)).__name__


def tensor_repr(self, *, tensor_contents=None):
    """The tensor's text, as PyTorch prints it."""
    if type(self._array) is BatchedArray:
        return _batch_repr(self._array)
    return tensor_str(self._array, **_facts(self))


def _batch_repr(array):
    """The text of a batch inside `vmap`: how deep the `vmap` is, and the tensor with the batch dimension in front."""
    depth, inner = 1, array.physical
    while type(inner) is BatchedArray:
        depth, inner = depth + 1, inner.physical
    text = repr(wrap(array.physical)).replace("\n", "\n    ")
    return f"BatchedTensor(lvl={depth}, bdim=0, value=\n    {text}\n)"


def tensor_format(self, spec):
    """`format(tensor, spec)`: a 0-dim tensor formats as its number."""
    if type(self._array) is BatchedArray:
        return format(self.item() if self.dim() == 0 else repr(self), spec)
    return format_tensor(self._array, spec, self.__repr__, type(self).__name__)


Tensor.__repr__ = Tensor.__str__ = tensor_repr
Tensor.__format__ = tensor_format


def _array_ufunc(self, ufunc, method, *inputs, **options):
    """What NumPy calls for `np.sin(x)` or `array * x`."""
    from .interop import numpy_protocol

    return numpy_protocol.ufunc(self, ufunc, method, *inputs, **options)


def _array_function(self, function, types, args, kwargs):
    """What NumPy calls for `np.mean(x)` and the like."""
    from .interop import numpy_protocol

    return numpy_protocol.function(self, function, types, args, kwargs)


Tensor.__array_ufunc__ = _array_ufunc
Tensor.__array_function__ = _array_function
