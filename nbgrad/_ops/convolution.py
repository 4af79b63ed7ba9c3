"""Convolutions of one, two and three dimensions, transposed or not: one view of all windows, and one product of matrices.

Inside, examples come last: windows then lie in memory in long runs, and the product of the kernels with all windows of all examples is one.
`convolution`, its transpose and the gradient of the kernels are each other's derivatives, so every order of derivative comes from these two entries.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .._engine.arguments import check_kinds
from .._engine.batched import Batch, top_level
from .._engine.dtypes import of_array
from .._engine.op import MULTILINEAR, facade, primitive
from .._engine.tensor import Tensor
from .layers import _pad_constant
from .pointwise import widened
from .windows import contiguous_view, extents, per_dim, tap_slices

_F = ("", "nn.functional")
_ELEMENTS = 1 << 22  # of windows copied at once: more examples than that are done in parts, which stay near the processor


def _parts(count, each):
    """Slices that cut `count` examples into parts of at most `_ELEMENTS` elements, where one has `each`."""
    step = max(1, _ELEMENTS // max(each, 1))
    return [slice(i, min(i + step, count)) for i in range(0, count, step)]


def _columns(input, kernel, out, stride, padding, dilation):
    """Every window of (n, c, …) as a column: (c · kernel, out · n), in memory of its own."""
    n, c = input.shape[:2]
    d = len(kernel)
    reach = [max(s * (o - 1) + e, p + size) for s, o, e, p, size in zip(stride, out, extents(kernel, dilation), padding, input.shape[2:])]
    examples_last = (*range(1, d + 2), 0)
    if any(padding) or tuple(reach) != input.shape[2:]:
        moved = np.zeros((c, *reach, n), input.dtype)
        moved[(slice(None), *(slice(p, p + size) for p, size in zip(padding, input.shape[2:])))] = input.transpose(examples_last)
    else:
        moved = np.ascontiguousarray(input.transpose(examples_last))
    first, *steps, last = moved.strides
    strides = (first, *(step * w for step, w in zip(steps, dilation)), *(step * s for step, s in zip(steps, stride)), last)
    return contiguous_view(moved, (c, *kernel, *out, n), strides).reshape((c * math.prod(kernel), math.prod(out) * n))


def _as_columns(grad):
    """(n, o, …) as (o, … · n)."""
    n, o = grad.shape[:2]
    return np.ascontiguousarray(grad.reshape((n, math.prod(grad.shape[1:]))).T).reshape((o, math.prod(grad.shape[2:]) * n))


def _from_columns(columns, shape, bias, out):
    """Write (o, … · n) into `out`, (n, o, …), and add one number to each channel."""
    n, o = shape[:2]
    moved = np.moveaxis(columns.reshape((o, *shape[2:], n)), -1, 0)
    if bias is None:
        out[...] = moved
    else:
        np.add(moved, bias.reshape((o,) + (1,) * len(shape[2:])), out=out)


def _is_pointwise(kernel, stride, padding):
    return set(kernel) == {1} and set(stride) == {1} and not any(padding)


def _pointwise(input, matrices, bias, out_channels):
    """Convolve with kernels of one element: `matrices` (groups, o, c) times the channels of every place."""
    n, c = input.shape[:2]
    groups = len(matrices)
    places = math.prod(input.shape[2:])
    out = np.matmul(matrices, input.reshape((n, groups, c // groups, places))).reshape((n, out_channels, *input.shape[2:]))
    return out if bias is None else np.add(out, bias.reshape((-1,) + (1,) * (input.ndim - 2)), out=out)


def _convolved(input, weight, bias, stride, padding, dilation, groups):
    n, o = input.shape[0], weight.shape[0]
    kernel = weight.shape[2:]
    sizes = [1 + (size + 2 * p - e) // s for size, p, e, s in zip(input.shape[2:], padding, extents(kernel, dilation), stride)]
    matrices = weight.reshape((groups, o // groups, math.prod(weight.shape[1:])))
    if _is_pointwise(kernel, stride, padding):
        return _pointwise(input, matrices, bias, o)
    out = np.empty((n, o, *sizes), input.dtype)
    for part in _parts(n, input.shape[1] * math.prod(kernel) * math.prod(sizes)):
        columns = _columns(input[part], kernel, sizes, stride, padding, dilation)
        product = np.matmul(matrices, columns.reshape((groups, matrices.shape[2], columns.shape[1])))
        _from_columns(product, out[part].shape, bias, out[part])
    return out


def _transposed(input, weight, bias, stride, padding, dilation, output_padding, groups):
    n, c, *sizes = input.shape
    kernel, o = weight.shape[2:], weight.shape[1] * groups
    whole = [(size - 1) * s + e + extra for size, s, e, extra in zip(sizes, stride, extents(kernel, dilation), output_padding)]
    inner = tuple(slice(p, size - p) for p, size in zip(padding, whole))
    if any(size - 2 * p < 1 for p, size in zip(padding, whole)):
        raise RuntimeError(f"Given input size per channel: ({' x '.join(map(str, sizes))}). Calculated output size per channel: "
                           f"({' x '.join(str(size - 2 * p) for p, size in zip(padding, whole))}). Output size is too small")  # fmt: skip
    matrices = weight.reshape((groups, c // groups, math.prod(weight.shape[1:]))).swapaxes(1, 2)
    if _is_pointwise(kernel, stride, padding) and not any(output_padding):
        return _pointwise(input, matrices, bias, o)
    out = np.empty((n, o, *(size - 2 * p for p, size in zip(padding, whole))), input.dtype)
    for part in _parts(n, o * math.prod(kernel) * math.prod(sizes)):
        columns = _as_columns(input[part]).reshape((groups, c // groups, -1))
        count = part.stop - part.start
        product = np.matmul(matrices, columns).reshape((o, *kernel, *sizes, count))
        room = np.zeros((o, *whole, count), input.dtype)
        _add_windows(room, product, kernel, sizes, stride, dilation)
        _from_columns(room[(slice(None), *inner)], out[part].shape, bias, out[part])
    return out


def _add_windows(room, product, kernel, sizes, stride, dilation):
    """Add windows (o, kernel, sizes, n) where they lie in `room` (o, …, n): by places in the kernel or by windows, whichever are fewer."""
    every = (slice(None),)
    if math.prod(kernel) <= math.prod(sizes):
        for places, index in zip(tap_slices(kernel, dilation, stride, sizes), np.ndindex(*kernel)):
            room[every + places] += product[every + index]
    else:
        for places, index in zip(tap_slices(sizes, stride, dilation, kernel), np.ndindex(*sizes)):
            room[every + places] += product[(*every * (1 + len(kernel)), *index)]


def _merged(batch, size, *arrays):
    """Arrays (examples, n, channels, …) as (n, examples · channels, …): examples become groups that do not see each other."""
    moved = [np.moveaxis(batch.whole(a, size), 0, 1) for a in arrays]
    return [m.reshape((m.shape[0], size * m.shape[2], *m.shape[3:])) for m in moved]


def _convolution_of_batch(level, input, weight, bias, *settings):
    """A convolution for all examples of a `vmap` at once: as more examples of one convolution, or as groups where kernels differ."""
    *settings, groups = settings
    batch = Batch(level)
    size = batch.size_among(*(a for a in (input, weight, bias) if a is not None))
    if not batch.holds(weight) and not batch.holds(bias):
        whole = input.physical
        n = whole.shape[1]
        out = _convolution(whole.reshape((size * n, *whole.shape[2:])), weight, bias, *settings, groups)
        return batch.wrap(out.reshape((size, n, *out.shape[1:])))
    (merged,) = _merged(batch, size, input)
    weight = batch.whole(weight, size)
    weight = weight.reshape((size * weight.shape[1], *weight.shape[2:]))
    bias = None if bias is None else batch.whole(bias, size).reshape((-1,))
    out = _convolution(merged, weight, bias, *settings, groups * size)
    return batch.wrap(np.moveaxis(out.reshape((out.shape[0], size, out.shape[1] // size, *out.shape[2:])), 1, 0))


def _convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    level = top_level((input, weight, bias))
    if level:
        return _convolution_of_batch(level, input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
    if transposed:
        return _transposed(input, weight, bias, stride, padding, dilation, output_padding, groups)
    return _convolved(input, weight, bias, stride, padding, dilation, groups)


def _left_over(sizes, out, kernel, stride, padding, dilation):
    """How many elements at the end of each dimension no window reaches: the `output_padding` of the transposed convolution."""
    return tuple(n - ((o - 1) * s - 2 * p + e) for n, o, s, p, e in zip(sizes, out, stride, padding, extents(kernel, dilation)))


def _cropped(x, shape):
    """The first elements of each dimension, where there are more."""
    return x if x.shape == shape else x[tuple(slice(0, n) for n in shape)]


def _plain(input, weight, shape, stride, padding, dilation, groups):
    """The convolution whose result has a shape, which may leave out the last windows."""
    return _cropped(convolution(input, weight, None, stride, padding, dilation, False, (0,) * len(stride), groups), shape)


def _back(grad, weight, sizes, stride, padding, dilation, groups):
    """The transposed convolution whose result has `sizes` in its last dimensions."""
    extra = _left_over(sizes, tuple(grad.shape[2:]), tuple(weight.shape[2:]), stride, padding, dilation)
    return convolution(grad, weight, None, stride, padding, dilation, True, extra, groups)


def _of_input(grad, input_shape, weight, stride, padding, dilation, transposed, groups):
    if transposed:
        return _plain(grad, weight, input_shape, stride, padding, dilation, groups)
    return _back(grad, weight, input_shape[2:], stride, padding, dilation, groups)


def _of_weight(grad, input, weight_shape, stride, padding, dilation, transposed, groups):
    windows, values = (grad, input) if transposed else (input, grad)
    return _convolution_weight(values, windows, weight_shape[2:], stride, padding, dilation, groups)


@primitive(
    vjp={
        "input": _of_input, "weight": _of_weight,
        "bias": lambda grad: grad.sum((0, *range(2, grad.ndim))),
    },
    tensors=("input", "weight"), method=False, jvp=lambda input_p, input_t, weight_p, weight_t, bias_t, stride, padding, dilation, transposed,
    output_padding, groups: (
        convolution(input_t, weight_p, bias_t, stride, padding, dilation, transposed, output_padding, groups)
        + convolution(input_p, weight_t, None, stride, padding, dilation, transposed, output_padding, groups)
    ),
)  # fmt: skip
def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """Convolve (n, c, …) with kernels (o, c / groups, …), or transposed with kernels (c, o / groups, …); a bias (o) is added.

    It is the correlation, as everywhere in deep learning: kernels are not flipped. All settings come as one number per dimension.
    """
    _check(input, weight, bias, stride, padding, dilation, transposed, groups)
    if input.dtype == np.float16:
        bias = None if bias is None else widened(bias)
        settings = stride, padding, dilation, transposed, output_padding, groups
        return _convolution(widened(input), widened(weight), bias, *settings).astype(np.float16)
    return _convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)


@primitive(
    "_convolution_weight",
    vjp={
        "self": lambda grad, self_shape, input, stride, padding, dilation, groups: _plain(
            input, grad, self_shape, stride, padding, dilation, groups
        ),
        "input": lambda grad, self, input_shape, stride, padding, dilation, groups: _back(
            self, grad, input_shape[2:], stride, padding, dilation, groups
        ),
    },
    tensors=("self", "input"), method=False, namespace=(), node="ConvolutionBackwardBackward0", jvp=MULTILINEAR,
)  # fmt: skip
def _convolution_weight(self, input, kernel, stride, padding, dilation, groups):
    """Sum over all windows of `input` (n, c, …) times what a convolution put there, `self` (n, o, …): gives (o, c / groups, kernel)."""
    level = top_level((self, input))
    if level:
        batch = Batch(level)
        size = batch.size_among(self, input)
        self, input = _merged(batch, size, self, input)
        out = _convolution_weight.kernel(self, input, kernel, stride, padding, dilation, groups * size)
        return batch.wrap(out.reshape((size, out.shape[0] // size, *out.shape[1:])))
    n, o, *sizes = self.shape
    c = input.shape[1] // groups
    out = np.zeros((groups, o // groups, c * math.prod(kernel)), widened(self).dtype)
    for part in _parts(n, input.shape[1] * math.prod(kernel) * math.prod(sizes)):
        columns = _columns(widened(input[part]), kernel, sizes, stride, padding, dilation)
        values = _as_columns(widened(self[part])).reshape((groups, o // groups, columns.shape[1]))
        out += np.matmul(values, columns.reshape((groups, out.shape[2], columns.shape[1])).swapaxes(1, 2))
    return out.reshape((o, c, *kernel)).astype(self.dtype, copy=False)


# ---- what PyTorch checks


def _type_text(array):
    kind = of_array(array.dtype)
    return {"float32": "float", "float64": "double", "float16": "c10::Half", "int64": "long long", "int32": "int"}.get(kind.name, kind.tensor_name)


def _check(input, weight, bias, stride, padding, dilation, transposed, groups):
    settings = tuple(stride), tuple(padding), tuple(dilation)  # which come as lists from those who call `convolution` themselves
    _check_sizes(input.shape, weight.shape, None if bias is None else bias.shape, *settings, transposed, groups)
    check_kinds("slow_conv_cpu", input, "fiuc")
    if input.dtype != weight.dtype or bias is not None and input.dtype != bias.dtype:
        what = "weight" if input.dtype != weight.dtype else "bias"
        other = weight if what == "weight" else bias
        raise RuntimeError(f"Input type ({_type_text(input)}) and {what} type ({_type_text(other)}) should be the same")


@functools.lru_cache(512)
def _check_sizes(input, weight, bias, stride, padding, dilation, transposed, groups):
    """Raise `RuntimeError` where shapes and settings do not fit together."""
    d = len(weight) - 2
    if d < 1:
        raise RuntimeError("weight should have at least three dimensions")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(w <= 0 for w in dilation):
        raise RuntimeError("dilation should be greater than zero")
    if len(input) != d + 2:
        raise RuntimeError(f"Expected {d + 2}-dimensional input for {d + 2}-dimensional weight {list(weight)}, but got {len(input)}-dimensional "
                           f"input of size {list(input)} instead")  # fmt: skip
    if weight[0] < groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
                           f"{list(weight)} instead")  # fmt: skip
    if weight[0] % groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size "
                           f"{list(weight)} instead")  # fmt: skip
    channels, made = (weight[0], weight[1] * groups) if transposed else (weight[1] * groups, weight[0])
    if input[1] != channels:
        raise RuntimeError(f"Given {'transposed=1' if transposed else f'groups={groups}'}, weight of size {list(weight)}, expected "
                           f"input{list(input)} to have {channels} channels, but got {input[1]} channels instead")  # fmt: skip
    if bias is not None and (len(bias) != 1 or bias[0] != made):
        raise RuntimeError(f"Given {'transposed=1' if transposed else f'groups={groups}'}, weight of size {list(weight)}, expected bias to be "
                           f"1-dimensional with {made} elements, but got bias of size {list(bias)} instead")  # fmt: skip
    if not transposed:
        reached = extents(weight[2:], dilation)
        sizes = [n + 2 * p for n, p in zip(input[2:], padding)]
        if any(n < e for n, e in zip(sizes, reached)):
            raise RuntimeError(f"Calculated padded input size per channel: ({' x '.join(map(str, sizes))}). Kernel size: "
                               f"({' x '.join(map(str, reached))}). Kernel size can't be greater than actual input size")  # fmt: skip


def _unbatched(name, d, input):
    """Whether an input lacks the dimension of examples. Raises `RuntimeError` where it has too many or too few."""
    ndim = input._array.ndim
    if ndim not in (d + 1, d + 2):
        raise RuntimeError(f"Expected {d + 1}D (unbatched) or {d + 2}D (batched) input to {name}, but got input of size: {list(input._array.shape)}")
    return ndim == d + 1


def _run(name, d, input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    for role, one in (("input", input), ("weight", weight)):
        if not isinstance(one, Tensor):
            raise TypeError(f"{name}(): argument '{role}' must be Tensor, not {type(one).__name__}")
    if weight._array.ndim < 3:
        raise RuntimeError("weight should have at least three dimensions")
    unbatched = weight._array.ndim == d + 2 and _unbatched(name, d, input)
    if unbatched:
        input = input.unsqueeze(0)
    out = convolution.function(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
    return out.squeeze(0) if unbatched else out


def _convolve(name, d, input, weight, bias, stride, padding, dilation, groups):
    stride, dilation = per_dim(stride, d, "stride", name), per_dim(dilation, d, "dilation", name)
    if isinstance(padding, str):
        input, padding = _named_padding(d, input, weight, padding, stride, dilation, groups)
    padding = per_dim(padding, d, "padding", name)
    return _run(name, d, input, weight, bias, stride, padding, dilation, False, (0,) * d, groups)


def _named_padding(d, input, weight, padding, stride, dilation, groups):
    """The padding that "same" and "valid" mean; where it is not even, the input with one more element at the ends."""
    if padding == "valid":
        return input, (0,) * d
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    total = [e - 1 for e in extents(weight._array.shape[2:], dilation)]
    if weight._array.ndim == d + 2 and any(n % 2 for n in total):
        input = _pad_constant.function(input, tuple(x for n in total[::-1] for x in (0, n % 2)), 0)
    return input, tuple(n // 2 for n in total) if len(total) == d else (0,) * d


def _convolve_transposed(name, d, input, weight, bias, stride, padding, output_padding, groups, dilation):
    stride, dilation = per_dim(stride, d, "stride", name), per_dim(dilation, d, "dilation", name)
    padding, extra = per_dim(padding, d, "padding", name), per_dim(output_padding, d, "output_padding", name)
    if any(e < 0 for e in extra):
        raise RuntimeError("negative output_padding is not supported")
    if any(e >= max(s, w) for e, s, w in zip(extra, stride, dilation)):
        raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got output_padding: {list(extra)}, "
                           f"stride: {list(stride)}, dilation: {list(dilation)}")  # fmt: skip
    return _run(name, d, input, weight, bias, stride, padding, dilation, True, extra, groups)


@facade(method=False, namespace=_F)
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide kernels (o, c / groups, k) over (n, c, l) or (c, l); `padding` may be "same" or "valid". Gives (n, o, l')."""
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@facade(method=False, namespace=_F)
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide kernels (o, c / groups, kh, kw) over (n, c, h, w) or (c, h, w); `padding` may be "same" or "valid". Gives (n, o, h', w')."""
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@facade(method=False, namespace=_F)
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide kernels (o, c / groups, kd, kh, kw) over (n, c, d, h, w) or (c, d, h, w); `padding` may be "same" or "valid"."""
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@facade(method=False, namespace=_F)
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv1d` as a linear map: (n, c, l) with kernels (c, o / groups, k) gives (n, o, (l - 1) s - 2 p + d (k - 1) + 1 + extra)."""
    return _convolve_transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@facade(method=False, namespace=_F)
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv2d` as a linear map: (n, c, h, w) with kernels (c, o / groups, kh, kw) gives (n, o, h', w')."""
    return _convolve_transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@facade(method=False, namespace=_F)
def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv3d` as a linear map: (n, c, d, h, w) with kernels (c, o / groups, kd, kh, kw)."""
    return _convolve_transposed("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)
