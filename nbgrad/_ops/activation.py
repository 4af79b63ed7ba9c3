"""Activation functions."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .._engine.arguments import check_kinds
from .._engine.op import ELEMENTWISE, facade, primitive
from .._engine.tensor import Tensor, check_dim
from .._engine.writing import writes_out
from .choice import clamp_min, select, where
from .conversion import _nothing
from .elementary import exp, sigmoid, tanh
from .reduction import sum
from .special import erf
from .statistics import vector_norm

_F = ("nn.functional",)
_BOTH = ("", "nn.functional")
_ONE = {"promote": "same", "promoted": ("self",), "in_place": True}


@primitive(
    vjp={"self": lambda grad, result: _threshold_backward(grad, result, 0)}, **_ONE, namespace=_BOTH, inplace_flag=True, jvp=ELEMENTWISE, kinds="fiub",
)  # fmt: skip
def relu(self):
    """Replace negative elements by 0. The gradient at 0 is 0."""
    if self.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return np.maximum(self, 0)


@primitive(
    vjp={"grad_output": lambda grad, self, threshold: _threshold_backward(grad, self, threshold), "self": lambda grad: _nothing(grad)},
    method=False, namespace=(), node="ThresholdBackwardBackward0",
)  # fmt: skip
def _threshold_backward(grad_output, self, threshold):
    """The gradient where `self` is above the threshold or nan."""
    return select(~(self <= threshold), grad_output, grad_output.dtype.type(0))


@primitive(vjp={"slope": lambda grad: grad, "self": lambda grad: _nothing(grad)}, method=False, namespace=())
def _piecewise(slope, self):
    """The gradient of a function made of straight pieces: it depends on `self`, but a further derivative is zero."""
    return slope


@primitive(
    vjp={"self": lambda grad, self, threshold: _threshold_backward(grad, self, threshold)},
    **_ONE,
    namespace=_BOTH,
    method=False,
    inplace_flag=True, jvp=ELEMENTWISE, kinds="fiu",
)
def threshold(self, threshold, value):
    """Replace elements that are not above `threshold` by `value`."""
    return select(self <= threshold, self.dtype.type(value), self)


@primitive(
    vjp={"self": lambda grad, self, min_val, max_val: _piecewise(where((self <= min_val) | (self >= max_val), 0, grad), self)}, **_ONE, namespace=_F, method=False,
    inplace_flag=True, jvp=ELEMENTWISE, kinds="fiub",
)  # fmt: skip
def hardtanh(self, min_val=-1.0, max_val=1.0):
    """Bring elements between `min_val` and `max_val`."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if self.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if self.dtype.kind == "u" and (min_val < 0 or max_val < 0):
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return np.clip(self, self.dtype.type(min_val), self.dtype.type(max_val))


def _facade_with_flag(of, *values, says):
    """The function that is another one at fixed values."""

    def declare(name):
        def function(input, inplace=False):
            return (of.twin if inplace else of.function)(input, *values)

        function.__name__ = function.__qualname__ = name
        function.__doc__ = says
        return facade(method=False, namespace=_F)(function)

    return declare


relu6 = _facade_with_flag(hardtanh, 0.0, 6.0, says="Bring elements between 0 and 6.")("relu6")


@primitive(
    vjp={"self": lambda grad, self, negative_slope: _piecewise(where(self > 0, grad, grad * negative_slope), self)}, **_ONE, namespace=_F, method=False, inplace_flag=True,
    jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def leaky_relu(self, negative_slope=0.01):
    """Multiply negative elements by `negative_slope`."""
    return select(self > 0, self, self * self.dtype.type(negative_slope))


def _negative_part(self):
    """Elements that are not positive, 0 elsewhere: keeps exponentials from overflowing where nobody looks at them."""
    return where(self <= 0, self, 0)


@primitive(
    vjp={
        "self": lambda grad, self, alpha, scale, input_scale: where(
            self <= 0, grad * (exp(_negative_part(self) * input_scale) * (alpha * scale * input_scale)), grad * scale
        )
    },
    **_ONE, overload="scaled", node="EluBackward0", jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def elu(self, alpha=1.0, scale=1.0, input_scale=1.0):
    """`scale * x` for positive elements, `scale * alpha * (exp(input_scale * x) - 1)` for others."""
    kind = self.dtype.type
    return select(self > 0, self * kind(scale), np.expm1(np.minimum(self, 0) * kind(input_scale)) * kind(alpha * scale))


@facade(name="elu", method=False, namespace=_F)
def elu_with_flag(input, alpha=1.0, inplace=False):
    """Give `x` for positive elements and `alpha * (exp(x) - 1)` for others."""
    return (elu.twin if inplace else elu.function)(input, alpha)


@facade(method=False, namespace=_BOTH)
def selu(input, inplace=False):
    """Scaled exponential linear unit, with the constants that keep mean 0 and variance 1 through layers."""
    return (elu.twin if inplace else elu.function)(input, 1.6732632423543772, 1.0507009873554805)


@primitive(
    vjp={"self": lambda grad, self, alpha: where(self <= 0, grad * exp(_negative_part(self) / alpha), grad)}, **_ONE, namespace=_BOTH, method=False,
    inplace_flag=True, jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def celu(self, alpha=1.0):
    """Give `x` for positive elements and `alpha * (exp(x / alpha) - 1)` for others."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    kind = self.dtype.type
    return np.where(self > 0, self, kind(alpha) * np.expm1(np.minimum(self / kind(alpha), 0) if alpha > 0 else self / kind(alpha)))


_ROOT = math.sqrt(2 / math.pi)


@primitive(
    vjp={"self": lambda grad, self, approximate: grad * _gelu_slope(self, approximate)}, namespace=_F, method=False, in_place=True, jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def gelu(self, *, approximate="none"):
    """Multiply each element by the normal distribution function there; "tanh" approximates it."""
    if approximate == "none":
        return (self * 0.5 * (1 + erf.kernel(self * math.sqrt(0.5)))).astype(self.dtype, copy=False)
    if approximate != "tanh":
        raise RuntimeError("approximate argument must be either none or tanh.")
    return 0.5 * self * (1 + np.tanh(_ROOT * (self + 0.044715 * (self * self * self))))


def _gelu_slope(x, approximate):
    if approximate == "none":
        return 0.5 * (1 + erf(x * math.sqrt(0.5))) + x * exp(-0.5 * (x * x)) / math.sqrt(2 * math.pi)
    t = tanh(_ROOT * (x + 0.044715 * (x * x * x)))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_ROOT * (1 + 3 * 0.044715 * (x * x)))


@primitive(vjp={"self": lambda grad, self: _silu_backward(grad, self)}, **_ONE, namespace=_F, method=False, inplace_flag=True, jvp=ELEMENTWISE, kinds="fc")
def silu(self):
    """Multiply each element by its sigmoid."""
    return self * sigmoid.kernel(self)


def _silu_backward(grad, x):
    s = sigmoid(x)
    return grad * (s * (1 + x * (1 - s)))


@primitive(vjp={"self": lambda grad, self: _mish_backward(grad, self)}, **_ONE, namespace=_F, method=False, inplace_flag=True, jvp=ELEMENTWISE, kinds="f")
def mish(self):
    """Multiply each element by the tanh of its softplus."""
    return self * np.tanh(np.logaddexp(self, self.dtype.type(0)))


def _mish_backward(grad, x):
    t = tanh(softplus(x))
    return grad * (t + x * sigmoid(x) * (1 - t * t))


@primitive(
    vjp={"self": lambda grad, self, beta, threshold: where(self * beta > threshold, grad, grad * sigmoid(self * beta))}, namespace=_F, method=False,
    jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def softplus(self, beta=1, threshold=20):
    """Give `log(1 + exp(beta x)) / beta`, a smooth relu; above `threshold` it is `x`."""
    kind = self.dtype.type
    scaled = self * kind(beta)
    return np.where(scaled > threshold, self, np.logaddexp(scaled, kind(0)) / kind(beta))


@facade(method=False, namespace=_F)
def softsign(input):
    """Give `x / (1 + |x|)`."""
    return input / (input.abs() + 1)


@facade(method=False, namespace=_F)
def tanhshrink(input):
    """Give `x - tanh(x)`."""
    return input - input.tanh()


@primitive(
    vjp={"self": lambda grad, self: _piecewise(where((self > -3) & (self < 3), grad / 6, 0), self)}, **_ONE, namespace=_F, method=False, inplace_flag=True,
    jvp=ELEMENTWISE, kinds="f",
)
def hardsigmoid(self):
    """Give `x / 6 + 1/2`, cut off at 0 and 1."""
    return np.clip(self + 3, 0, 6) / self.dtype.type(6)


@primitive(
    vjp={"self": lambda grad, self: where(self <= -3, 0, where(self < 3, grad * (self / 3 + 0.5), grad))}, **_ONE, namespace=_F, method=False,
    inplace_flag=True, jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def hardswish(self):
    """Multiply each element by its hardsigmoid."""
    return self * np.clip(self + 3, 0, 6) / self.dtype.type(6)


@primitive(
    vjp={"self": lambda grad, self, lambd: _piecewise(where((self >= -lambd) & (self <= lambd), 0, grad), self)}, namespace=_BOTH,
    jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def hardshrink(self, lambd=0.5):
    """Replace elements between `-lambd` and `lambd` by 0."""
    return np.where((self >= -lambd) & (self <= lambd), self.dtype.type(0), self)


@primitive(
    vjp={"self": lambda grad, self, lambd: _piecewise(where((self >= -lambd) & (self <= lambd), 0, grad), self)}, namespace=_F, method=False,
    jvp=ELEMENTWISE, kinds="f",
)  # fmt: skip
def softshrink(self, lambd=0.5):
    """Move elements towards 0 by `lambd`, and no further than 0."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be in range [0, {np.finfo(self.dtype).max:g}] for input dtype {self.dtype}, but found {lambd}")
    kind = self.dtype.type
    return np.where(np.isnan(self), self, np.where(self > lambd, self - kind(lambd), np.where(self < -lambd, self + kind(lambd), kind(0))))


@primitive(
    name="prelu", overload="kernel", node="PreluKernelBackward0",
    vjp={"self": lambda grad, self, weight: where(self > 0, grad, weight * grad), "weight": lambda grad, self: where(self > 0, 0, self * grad)},
)  # fmt: skip
def _prelu(self, weight):
    """Multiply negative elements by weights that broadcast."""
    return np.where(self > 0, self, weight * self)


@facade(namespace=_BOTH)
def prelu(self, weight):
    """Multiply negative elements by `weight`, one number or one for each channel (dimension 1)."""
    if not isinstance(weight, Tensor):
        raise TypeError(f"prelu(): argument 'weight' (position 2) must be Tensor, not {type(weight).__name__}")
    if self.dtype is not weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {self.dtype} and {weight.dtype}")
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if weight.numel() != 1:
        if self.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = self.shape[1] if self.ndim > 1 else 1
        if weight.numel() != channels:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()} and channel size = {channels}."
            )
    if self.ndim > 1 or weight.ndim and self.ndim == 0:
        weight = weight.reshape(tuple(weight.numel() if i == 1 else 1 for i in range(self.ndim)))
    return _prelu.function(self, weight)


@primitive(vjp={"self": lambda grad, self, dim: _glu_backward(grad, self, dim)}, namespace=_F, method=False, kinds="f")
def glu(self, dim=-1):
    """Multiply the first half along a dimension by the sigmoid of the second half."""
    if self.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    check_dim(dim, self.ndim)
    if self.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {self.shape[dim]}")
    first, second = np.split(self, 2, dim)
    return first * sigmoid.kernel(second)


def _glu_backward(grad, x, dim):
    dim = dim % x.ndim
    half = x.shape[dim] // 2
    first, second = (_part(x, dim, start, half) for start in (0, half))
    s = sigmoid(second)
    return _padded(grad * s, dim, 0, half) + _padded(grad * first * (1 - s) * s, dim, half, 0)


@primitive(
    vjp={"self": lambda grad, self_shape, dim, start, length: _padded(grad, dim, start, self_shape[dim] - start - length)},
    method=False,
    namespace=(),
)
def _part(self, dim, start, length):
    """The elements from `start` on along a dimension."""
    return self[(slice(None),) * dim + (slice(start, start + length),)]


@primitive(vjp={"self": lambda grad, self_shape, dim, before: _part(grad, dim, before, self_shape[dim])}, method=False, namespace=())
def _padded(self, dim, before, after):
    """The tensor with zeros before and after it along a dimension."""
    return np.pad(self, [(before, after) if i == dim else (0, 0) for i in range(self.ndim)])


@primitive(vjp={"self": lambda grad, self: grad * sigmoid(-self)}, namespace=_F, method=False, node="LogSigmoidBackward0", jvp=ELEMENTWISE, kinds="f")
def logsigmoid(self):
    """Take the logarithm of the sigmoid, without overflow."""
    return np.minimum(self, 0) - np.log1p(np.exp(-np.abs(self)))


# ---- softmax


def _cast_for(self, dtype):
    return self if dtype is None else self.astype(dtype.numpy)


def _check_softmax(self, dim, name):
    check_dim(dim, self.ndim)
    check_kinds(f"{name}_lastdim_kernel_impl", self, "f")


def _softmax_type(name):
    """Warn as PyTorch does where no dimension is given, and take the one it would take."""

    def choose(dim, ndim):
        if dim is None:
            warnings.warn(
                f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
                UserWarning,
                stacklevel=4,
            )
            return 0 if ndim in (0, 1, 3) else 1
        return dim

    return choose


@primitive(overload="dim", node="SoftmaxBackward0", vjp={"self": lambda grad, result, dim: _softmax_backward(grad, result, dim)})
def softmax(self, dim, *, dtype=None):
    """Give exponentials along a dimension, divided by their sum."""
    self = _cast_for(self, dtype)
    _check_softmax(self, dim, "softmax")
    if self.size == 0 or self.ndim == 0:
        return np.exp(self - self)  # 1, but nan for nan and infinity
    out = self - np.maximum.reduce(self, axis=dim, keepdims=True)
    np.exp(out, out=out)
    out /= np.add.reduce(out, axis=dim, keepdims=True)
    return out


def _softmax_backward(grad, result, dim):
    weighted = grad * result
    return weighted - result * sum(weighted, dim, True)


@primitive(overload="dim", node="LogSoftmaxBackward0", vjp={"self": lambda grad, result, dim: _log_softmax_backward(grad, result, dim)})
def log_softmax(self, dim, *, dtype=None):
    """Give the logarithm of the softmax along a dimension."""
    self = _cast_for(self, dtype)
    _check_softmax(self, dim, "log_softmax")
    if self.size == 0 or self.ndim == 0:
        return self - self  # 0, but nan for nan and infinity
    out = self - np.maximum.reduce(self, axis=dim, keepdims=True)
    out -= np.log(np.add.reduce(np.exp(out), axis=dim, keepdims=True))
    return out


def _log_softmax_backward(grad, result, dim):
    return grad - exp(result) * sum(grad, dim, True)


def _faces(op, says):
    """The functions of a softmax: in `torch` and as a method with `dim` required, in `nn.functional` with `dim` to be guessed."""
    choose = _softmax_type(op.name)

    def in_torch(self, dim, dtype=None):
        return op.function(self, dim, dtype=dtype)

    def in_functional(input, dim=None, _stacklevel=3, dtype=None):
        return op.function(input, choose(dim, input.ndim), dtype=dtype)

    for function, method, namespace in ((in_torch, True, ("", "special")), (in_functional, False, _F)):
        function.__name__ = function.__qualname__ = op.name
        function.__doc__ = says
        facade(method=method, namespace=namespace)(function)


_faces(softmax, "Give exponentials along a dimension, divided by their sum.")
_faces(log_softmax, "Give the logarithm of the softmax along a dimension, more exactly than by two steps.")


@facade(method=False, namespace=_F)
def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """Give the softmax of the negative elements."""
    return softmax.function(-input, _softmax_type("softmin")(dim, input.ndim), dtype=dtype)


@facade(method=False, namespace=_F)
@writes_out
def normalize(input, p=2.0, dim=1, eps=1e-12):
    """Divide by the `p`-norm along a dimension, or by `eps` where that is larger."""
    length = vector_norm.function(input, 2.0 if p is None else p, dim, True)
    return input / clamp_min.function(length, eps).expand(tuple(input.shape))
