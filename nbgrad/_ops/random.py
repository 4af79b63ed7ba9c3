"""Random tensors: PyTorch's numbers for a seed. The draws themselves are in `_engine/draws.py`; here they become tensors.

A tensor whose elements lie densely in another order than row by row is filled in the order of its memory, as PyTorch does.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from .._engine import errors
from .._engine import vmap_draws as draws
from .._engine.arguments import check_kinds, must_be
from .._engine.batched import ARRAYS, anywhere, contiguous
from .._engine.dtypes import of_array
from .._engine.observe import tell_read
from .._engine.op import ALIASES, composite, facade, plain, primitive
from .._engine.tensor import Tensor, wrap
from .._engine.writing import check_castable
from .choice import where
from .conversion import _nothing
from .creation import check_options, like, made, numpy_type, sizes_of, zeros_like

ALIASES["from"] = "from_"


def _fill(array, draw):
    """Overwrite an array by `draw(shape)`, in the order of its memory where that has no gaps."""
    if array.flags.c_contiguous:
        draws.write(array, draw(array.shape))
        return
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    dense = array.transpose(order)
    if dense.flags.c_contiguous:
        draws.write(dense, draw(dense.shape))
    else:
        draws.write(array, draw(array.shape))


# ---- in place

GONE = {"self": lambda grad: _nothing(grad)}  # nothing of what was there is left


def _in_place(**options):
    return primitive(vjp=GONE, mutates=True, namespace=(), **options)


@_in_place(node="UniformBackward0")
def uniform_(self, from_=0.0, to=1.0, *, generator=None):
    """Fill with uniform numbers from [from, to); returns the tensor."""
    _fill(self, lambda shape: draws.uniform(shape, self.dtype, from_, to, generator=generator))


@_in_place(node="NormalBackward0")
def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fill with normal numbers; returns the tensor."""
    contiguous = self.flags.c_contiguous
    _fill(self, lambda shape: draws.normal(shape, self.dtype, mean, std, contiguous=contiguous, generator=generator))


def _random_node(self, from_, to, generator):
    return "RandomBackward2" if from_ is None else "RandomBackward1" if to is None else "RandomBackward0"


@_in_place(node=_random_node)
def random_(self, from_=None, to=None, *, generator=None):
    """Fill with integers from [from, to), or from [0, from) given one number, or from all that the type holds; returns the tensor."""
    check_kinds("random_kernel_cpu", self, "fiub")
    if from_ is None:
        _fill(self, lambda shape: draws.full_range(shape, self.dtype, generator=generator))
    else:
        low, high = (0, from_) if to is None else (from_, to)
        _fill(self, lambda shape: draws.integers(low, high, shape, self.dtype, generator=generator))


@primitive(
    vjp={"self": lambda grad: _nothing(grad), "p": lambda grad, p_shape: _nothing(grad)}, mutates=True, namespace=(),
    node=lambda self, p, generator: "BernoulliBackward1" if isinstance(p, Tensor) else "BernoulliBackward2",
)  # fmt: skip
def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with ones of probability `p` and zeros; `p` may be a tensor with one probability each. Returns the tensor."""
    check_kinds("bernoulli_scalar_cpu_", self, "fiub")
    if isinstance(p, ARRAYS):
        draws.write(self, draws.bernoulli(p, self.shape, generator=generator))
    else:
        _fill(self, lambda shape: draws.bernoulli(p, shape, generator=generator))


@_in_place(node="ExponentialBackward0")
def exponential_(self, lambd=1.0, *, generator=None):
    """Fill with numbers from the exponential distribution of rate `lambd`; returns the tensor."""
    _fill(self, lambda shape: draws.exponential(shape, self.dtype, lambd, generator=generator))


@_in_place(node="CauchyBackward0")
def cauchy_(self, median=0.0, sigma=1.0, *, generator=None):
    """Fill with numbers from the Cauchy distribution; returns the tensor."""
    _fill(self, lambda shape: draws.cauchy(shape, self.dtype, median, sigma, generator=generator))


@_in_place(node="GeometricBackward0")
def geometric_(self, p, *, generator=None):
    """Fill with the numbers of trials up to a first success of probability `p`; returns the tensor."""
    check_kinds("geometric_cpu", self, "fiu")
    _fill(self, lambda shape: draws.geometric(shape, self.dtype, p, generator=generator))


@_in_place(node="LogNormalBackward0")
def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """Fill with numbers whose logarithm is normal; returns the tensor."""
    _fill(self, lambda shape: draws.log_normal(shape, self.dtype, mean, std, generator=generator))


# ---- new tensors


def _of_sizes(name, draw, doc):
    def create(*size, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, **keyword):
        check_options(device, layout, pin_memory)
        if "size" in keyword:
            size = (tuple(keyword.pop("size")),)
        if keyword:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(keyword))}'")
        if not size:
            raise TypeError(f"{name}() received an invalid combination of arguments: sizes are missing")
        kind = numpy_type(dtype, None if out is None else out._array.dtype)
        return made(draw(sizes_of(name, size), kind, generator), requires_grad, out)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    plain()(create)


def _like(name, draw, doc):
    def create(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, generator=None):
        check_options(device, layout)
        kind = numpy_type(dtype, input._array.dtype)
        return made(like(input._array, lambda shape, kind: draw(shape, kind, generator), kind), requires_grad)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    plain()(create)


def _uniform(shape, kind, generator):
    return draws.uniform(shape, kind, generator=generator)


def _normal(shape, kind, generator):
    return draws.normal(shape, kind, generator=generator)


_of_sizes("rand", _uniform, "Make a tensor of uniform numbers from [0, 1), of the given sizes.")
_of_sizes("randn", _normal, "Make a tensor of standard normal numbers, of the given sizes.")
_like("rand_like", _uniform, "Make a tensor of uniform numbers from [0, 1), with the sizes and type of `input`.")


@plain()
def randn_like(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, generator=None):
    """Make a tensor of standard normal numbers, with the sizes and type of `input`."""
    check_options(device, layout)
    kind = numpy_type(dtype, input._array.dtype)
    out = zeros_like(input._array, kind)
    _fill(out, lambda shape: draws.normal(shape, kind, contiguous=out.flags.c_contiguous, generator=generator))
    return made(out, requires_grad)


@plain()
def randint(*args, low=0, high=None, size=None, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
            pin_memory=False):  # fmt: skip
    """Make a tensor of the given sizes, of integers from [low, high); `low` is 0 where two arguments are given."""
    check_options(device, layout, pin_memory)
    args = list(args)
    if args and isinstance(args[-1], (tuple, list)):
        size = args.pop()
    if len(args) == 2:
        low, high = args
    elif len(args) == 1:
        if high is None:
            (high,) = args
        else:
            (low,) = args
    if high is None or size is None or len(args) > 2:
        raise TypeError("randint() received an invalid combination of arguments: give (high, size) or (low, high, size)")
    kind = numpy_type(dtype, np.dtype(np.int64) if out is None else out._array.dtype)
    drawn = draws.integers(operator.index(low), operator.index(high), sizes_of("randint", (size,)), kind, generator=generator)
    return made(drawn, requires_grad, out)


@plain()
def randint_like(input, low=0, high=None, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, generator=None):
    """Make a tensor of integers from [low, high), or from [0, low) given one number, with the sizes and type of `input`."""
    check_options(device, layout)
    if high is None:
        low, high = 0, low
    low, high = operator.index(low), operator.index(high)
    kind = numpy_type(dtype, input._array.dtype)
    return made(like(input._array, lambda shape, kind: draws.integers(low, high, shape, kind, generator=generator), kind), requires_grad)


@plain()
def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Make a random order of the integers from 0 to n - 1."""
    check_options(device, layout, pin_memory)
    kind = numpy_type(dtype, np.dtype(np.int64))
    return made(draws.permutation(operator.index(n), generator=generator).astype(kind), requires_grad, out)


def _normal_node(mean, std, generator):
    return "NormalBackward3" if isinstance(mean, Tensor) and isinstance(std, Tensor) else "NormalBackward2" if isinstance(std, Tensor) else "NormalBackward1"


@primitive(
    "_normal_around", vjp={"mean": lambda grad: _nothing(grad), "std": lambda grad: _nothing(grad)}, promote="same", tensors=(),
    method=False, namespace=(), node=_normal_node,
)  # fmt: skip
def _normal_around(mean, std, *, generator=None):
    """Draw a normal number for each element of `mean` and `std`, either of which may be one number."""
    draws.refuse_same(mean, std)
    if anywhere(np.less(std, 0)):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    shape = np.broadcast_shapes(np.shape(mean), np.shape(std))
    kind = mean.dtype
    drawn = draws.normal(shape, kind, generator=generator)
    return drawn * std + mean


@facade(method=False)
def normal(mean=0.0, std=1.0, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Draw normal numbers with a mean and a standard deviation each, given as tensors, or with `size` all with the same."""
    check_options(device, layout, pin_memory)
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        if size is not None:
            raise TypeError("normal() received an invalid combination of arguments: size goes with two numbers")
        if isinstance(std, Tensor) and std.is_complex():
            raise RuntimeError("normal expects standard deviation to be non-complex")
        check_kinds("normal_kernel_cpu", mean if isinstance(mean, Tensor) else std, "fc")
        drawn = _normal_around.function(mean, std, generator=generator)
        if isinstance(mean, Tensor):
            drawn = drawn.to(mean.dtype)
        return drawn if out is None else made(drawn._array, out=out)
    if size is None:
        raise TypeError("normal() received an invalid combination of arguments: tensors, or numbers with a size, are expected")
    kind = numpy_type(dtype, None if out is None else out._array.dtype)
    return made(draws.normal(sizes_of("normal", (size,)), kind, float(mean), float(std), generator=generator), requires_grad, out)


@primitive("_bernoulli", vjp={"self": lambda grad: _nothing(grad)}, method=False, namespace=(), node="BernoulliBackward0")
def _bernoulli(self, *, generator=None):
    """Draw a 0 or 1 for each element, which is the probability of 1."""
    check_kinds("bernoulli_tensor_cpu_p_", self, "f")
    return draws.bernoulli(contiguous(self), generator=generator).reshape(self.shape).astype(self.dtype)


@facade()
def bernoulli(self, p=None, *, generator=None, out=None):
    """Draw a 0 or 1 for each element of `self`, which is the probability of 1, or with the one probability `p`."""
    if p is None:
        drawn = _bernoulli.function(self, generator=generator)
    else:
        draws.refuse_same(self._array)
        drawn = wrap(zeros_like(self._array))
        drawn.bernoulli_(p, generator=generator)
    return drawn if out is None else made(drawn._array, out=out)


@plain(method=True)
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Draw `num_samples` column numbers for each row of `input`, whose elements are the chances up to a factor."""
    tell_read(input)
    drawn = draws.multinomial(contiguous(input._array), num_samples, replacement, generator=generator)
    return made(contiguous(drawn), out=out)


# ---- dropout


def _check_probability(p, error=ValueError):
    if p < 0.0 or p > 1.0:
        raise error(f"dropout probability has to be between 0 and 1, but got {p}")


def _times(input, noise, inplace):
    return input.mul_(noise) if inplace else input * noise


def _check_dropout(name, p, train):
    _check_probability(p, RuntimeError)
    if not isinstance(train, bool):
        raise must_be(name, "train", 2, "bool", train)


def _check_scalable(array):
    check_kinds("bernoulli_scalar_cpu_", array, "fiub")
    if array.dtype.kind != "f":
        check_castable(np.dtype(np.float32), array.dtype)


def _dropped(input, p, training, inplace):
    array = input._array
    if not training or p == 0 or not array.size:
        return input
    if p == 1:
        return _times(input, wrap(np.zeros((), array.dtype)), inplace)
    _check_scalable(array)
    return _times(input, wrap(like(array, lambda shape, kind: draws.dropout_noise(shape, kind, p), array.dtype)), inplace)


@composite("nn.functional.dropout", method=False, namespace=("nn.functional",))
def functional_dropout(input, p=0.5, training=True, inplace=False):
    """Set each element to zero with probability `p`, and multiply the others by 1 / (1 - p)."""
    _check_probability(p)
    return _dropped(input, p, training, inplace)


@composite(method=False)
def dropout(input, p, train):
    """Set each element to zero with probability `p` if `train`, and multiply the others by 1 / (1 - p)."""
    _check_dropout("dropout", p, train)
    return _dropped(input, p, train, False)


@composite(method=False)
def dropout_(input, p, train):
    """Set each element in place to zero with probability `p` if `train`, and multiply the others by 1 / (1 - p)."""
    _check_dropout("dropout_", p, train)
    return _dropped(input, p, train, True)


def _features_dropped(input, p, training, inplace):
    array = input._array
    if not training or p == 0 or not array.size:
        return input
    if array.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if p == 1:
        return _times(input, wrap(np.zeros((), array.dtype)), inplace)
    _check_scalable(array)
    return _times(input, wrap(draws.dropout_noise((*array.shape[:2], *(1 for _ in array.shape[2:])), array.dtype, p)), inplace)


def _feature_dropout(n, ranks, unbatched, doc):
    def function(input, p=0.5, training=True, inplace=False):
        import warnings

        _check_probability(p)
        ndim = input._array.ndim
        if ndim not in ranks:
            message = f"dropout{n}d: Received a {ndim}-D input to dropout{n}d, which is deprecated and will result in an error in a future release."
            if n == 1:
                raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to perform "
                                   "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
                                   "dimension (i.e. 2D or 3D inputs).")  # fmt: skip
            warnings.warn(message, UserWarning, stacklevel=3)
        if ndim == unbatched:
            out = _features_dropped(input.unsqueeze_(0) if inplace else input.unsqueeze(0), p, training, inplace)
            return out.squeeze_(0) if inplace else out.squeeze(0)
        return _features_dropped(input, p, training, inplace)

    function.__doc__ = doc
    function.__name__ = f"dropout{n}d"
    composite(f"nn.functional.dropout{n}d", method=False, namespace=("nn.functional",))(function)


_feature_dropout(1, (2, 3), 2, "Set whole channels of a (batch, channel, length) tensor to zero with probability `p`, and scale the others.")
_feature_dropout(2, (3, 4), None, "Set whole channels of a (batch, channel, height, width) tensor to zero with probability `p`, and scale the others.")
_feature_dropout(3, (4, 5), 4, "Set whole channels of a (batch, channel, depth, height, width) tensor to zero with probability `p`, and scale the others.")


def _alpha_dropped(input, p, training, inplace, features):
    array = input._array
    if not training or p == 0 or not array.size:
        return input
    if p == 1:
        return _times(input, wrap(np.zeros((), array.dtype)), inplace)
    _check_scalable(array)
    shape = (*array.shape[:2], *(1 for _ in array.shape[2:])) if features else array.shape
    keep = draws.bernoulli(1 - p, shape).astype(array.dtype)
    saturated = 1.7580993408473766  # where SELU ends on the negative side, negated
    a = 1 / math.sqrt((saturated * saturated * p + 1) * (1 - p))
    shift = (keep - 1) * array.dtype.type(saturated * a) + array.dtype.type(saturated * a * p)
    scaled = _times(input, wrap(keep * array.dtype.type(a)), inplace)
    return scaled.add_(wrap(shift)) if inplace else scaled + wrap(shift)


@composite("nn.functional.alpha_dropout", method=False, namespace=("nn.functional",))
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Set elements to SELU's lowest value with probability `p`, keeping mean and variance of standard normal inputs."""
    _check_probability(p)
    return _alpha_dropped(input, p, training, inplace, False)


@composite("nn.functional.feature_alpha_dropout", method=False, namespace=("nn.functional",))
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Set whole channels to SELU's lowest value with probability `p`, keeping mean and variance of standard normal inputs."""
    _check_probability(p)
    return _alpha_dropped(input, p, training, inplace, True)


@composite("nn.functional.gumbel_softmax", method=False, namespace=("nn.functional",))
def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """Sample from the Gumbel-softmax distribution; `hard` gives one-hot samples with the gradient of the soft ones."""
    noise = wrap(zeros_like(logits._array)).exponential_()
    soft = ((logits + -noise.log()) / tau).softmax(dim)
    if not hard:
        return soft
    tell_read(soft)
    chosen = soft._array.argmax(dim)
    one_hot = np.zeros_like(soft._array)
    np.put_along_axis(one_hot, np.expand_dims(chosen, dim), 1, dim)
    return wrap(one_hot) - soft.detach() + soft


# ---- leaky units of random slope


def _slope(lower, upper):
    return (lower + upper) / 2


@primitive(
    "_rrelu",
    vjp={
        "self": lambda grad, self, noise, lower, upper, training: (
            grad * noise if training and upper - lower > 1e-6 else where(self > 0, grad, grad * _slope(lower, upper))
        )
    },
    tensors=("self", "noise"), in_place=True, method=False, namespace=(), node="RreluWithNoiseBackward0",
)  # fmt: skip
def _rrelu(self, noise, lower, upper, training):
    """Multiply by drawn slopes, or outside of training multiply what is negative by the mean slope."""
    return self * noise if training else np.where(self <= 0, self * self.dtype.type(_slope(lower, upper)), self)


def _slopes(array, lower, upper, training):
    """A slope from [lower, upper) for each element that is not positive, row by row, and 1 for the others."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if array.dtype.kind != "f":
        name = "rrelu_with_noise_out_cpu" if training else "leaky_relu_cpu"
        raise NotImplementedError(f"\"{name}\" not implemented for '{of_array(array.dtype).tensor_name}'")
    if not training:
        return wrap(np.zeros((), array.dtype))
    if type(array) is not np.ndarray:
        raise errors.unsupported("rrelu in training under vmap", "call it outside")
    slopes, leaky = np.ones(array.shape, array.dtype), array <= 0
    low, high = (float(array.dtype.type(bound)) for bound in (lower, upper))
    slopes[leaky] = draws.uniform((np.count_nonzero(leaky),), np.dtype(np.float64)) * (high - low) + low
    return wrap(slopes)


@composite(method=False, namespace=("",))
def rrelu(self, lower=1 / 8, upper=1 / 3, training=False):
    """Multiply elements that are not positive by slopes drawn from [lower, upper), or outside of training by the mean slope."""
    return _rrelu.function(self, _slopes(self._array, lower, upper, training), lower, upper, training)


@composite(method=False, namespace=("", "nn.functional"))
def rrelu_(self, lower=1 / 8, upper=1 / 3, training=False):
    """Multiply elements that are not positive in place by slopes drawn from [lower, upper), or outside of training by the mean slope."""
    return _rrelu.twin(self, _slopes(self._array, lower, upper, training), lower, upper, training)


@composite("nn.functional.rrelu", method=False, namespace=("nn.functional",))
def functional_rrelu(input, lower=1 / 8, upper=1 / 3, training=False, inplace=False):
    """Multiply elements that are not positive by slopes drawn from [lower, upper), or outside of training by the mean slope."""
    return (rrelu_ if inplace else rrelu)(input, lower, upper, training)
