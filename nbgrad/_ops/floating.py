"""What floating point numbers are made of: mantissas and exponents of two, and their neighbours."""

from __future__ import annotations

import math

import numpy as np

from .._engine import dtypes
from .._engine.batched import as_array
from .._engine.op import ELEMENTWISE, primitive
from .choice import where
from .pointwise import _zeros


@primitive(
    vjp={"self": lambda grad_mantissa, exponent: None if grad_mantissa is None else ldexp(grad_mantissa, -exponent)},
    outputs=("mantissa", "exponent"),
)  # fmt: skip
def frexp(self):
    """Split each element into a mantissa in [0.5, 1), with its sign, and an exponent of two (int32)."""
    if self.dtype.kind != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    mantissa, exponent = np.frexp(self)
    return as_array(mantissa), as_array(exponent, np.int32)


@primitive(
    vjp={"self": lambda grad, other: ldexp(grad, other), "other": lambda grad, result: grad * result * math.log(2)},
    promote="float", in_place=True, tensors=("self", "other"), jvp=ELEMENTWISE,
)  # fmt: skip
def ldexp(self, other):
    """Multiply `self` by 2 to the power `other`, elementwise."""
    return self * np.exp2(other)


@primitive(
    vjp={"self": lambda grad, self, other: where(self == other, 0.0, grad), "other": lambda grad: _zeros(grad)},
    promote="same", in_place=True, tensors=("self", "other"), jvp=ELEMENTWISE,
)  # fmt: skip
def nextafter(self, other):
    """Give the next floating point number after each element of `self` in the direction of `other`."""
    if self.dtype.kind != "f":
        raise NotImplementedError(f"\"nextafter_cpu\" not implemented for '{dtypes.of_array(self.dtype).tensor_name}'")
    return np.nextafter(self, other)
