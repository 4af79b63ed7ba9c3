"""Order: sorting, the largest elements, distinct elements, and places in a sorted sequence. nan counts as the largest number, as in PyTorch."""

from __future__ import annotations

import numpy as np

from .._engine.arguments import check_kinds, must_be, require_tensor
from .._engine.batched import as_array, contiguous
from .._engine.batching import by_example
from .._engine.dtypes import of_array
from .._engine.observe import tell_read
from .._engine import errors
from .._engine.op import composite, plain, primitive
from .._engine.tensor import Tensor, check_dim, dim_of, wrap
from .._engine.writing import writes_out
from .gathering import _gather_backward
from .ties import SHORT, largest_first, order_of_kth, sorted_order, with_ties


def _order(self, dim, descending):
    """The stable order of the elements along a dimension."""
    if not descending:
        return np.argsort(self, axis=dim, kind="stable")
    n = self.shape[dim]  # backwards twice, so that equal elements keep their order
    return n - 1 - np.flip(np.argsort(np.flip(self, dim), axis=dim, kind="stable"), dim)


def _sorted(self, dim, descending, stable):
    dim = dim_of(dim, self.ndim)
    if self.dtype.kind == "c":
        raise RuntimeError("Sort currently does not support complex dtypes on CPU")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    order = _order(self, dim, descending)
    if not stable and self.shape[dim] > SHORT:
        order = with_ties(self, order, dim, descending, sorted_order)
    return np.take_along_axis(self, order, dim), contiguous(order)


def _chosen(grad_values, self_shape, dim, indices):
    return _gather_backward(grad_values, self_shape, dim, indices)


@primitive(vjp={"self": _chosen}, outputs=("values", "indices"))
def sort(self, dim=-1, descending=False, *, stable=False):
    """Sort along a dimension; gives the values and where they were. With `stable`, or 16 elements at most, equal ones keep their order."""
    return _sorted(self, dim, descending, stable)


@plain(method=True)
def argsort(input, dim=-1, descending=False, *, stable=False):
    """Give the places of the elements along a dimension in the order of their values."""
    require_tensor("argsort", "self", 0, input)
    tell_read(input)
    return wrap(_sorted(input._array, dim, descending, stable)[1])


@composite()
def msort(self):
    """Sort along the first dimension."""
    return sort.function(self, 0)[0]


@primitive(vjp={"self": _chosen}, outputs=("values", "indices"))
def topk(self, k, dim=-1, largest=True, sorted=True):
    """Take the `k` largest (or smallest) elements along a dimension, in order unless `sorted` is False; gives the values and where they were."""
    dim = dim_of(dim, self.ndim)
    if not 0 <= k <= (self.shape[dim] if self.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if self.dtype.kind in "bc":
        raise RuntimeError(f"topk does not support {'bool' if self.dtype.kind == 'b' else 'complex'} dtypes on CPU")
    if self.ndim == 0:
        return (self.copy(), np.zeros((), np.int64)) if k else (np.zeros(0, self.dtype), np.zeros(0, np.int64))
    order = _few_of_many(self, k, dim, largest) if sorted else None
    if order is None:
        order = _order(self, dim, largest)
        if k:
            order = with_ties(self, order, dim, largest, lambda keys: largest_first(keys, k, sorted), every=not sorted)
        order = contiguous(order[(slice(None),) * dim + (slice(0, k),)])
    return np.take_along_axis(self, order, dim), order


def _few_of_many(self, k, dim, largest):
    """The places of the `k` largest or smallest of very many elements, without sorting all; None where equal elements or nan leave a choice."""
    n = self.shape[dim]
    if type(self) is not np.ndarray or n < 256 or not 0 < k <= n // 8:
        return None
    rows = np.moveaxis(self, dim, -1)
    found = np.argpartition(rows, n - k, -1)[..., n - k :] if largest else np.argpartition(rows, k - 1, -1)[..., :k]
    values = np.take_along_axis(rows, found, -1)
    inner = np.argsort(values, -1)
    values, found = np.take_along_axis(values, inner, -1), np.take_along_axis(found, inner, -1)
    last = values[..., :1] if largest else values[..., -1:]
    if ((rows == last).sum(-1) != 1).any() or (values[..., 1:] == values[..., :-1]).any() or (rows != rows).any():
        return None
    return contiguous(np.moveaxis(found[..., ::-1] if largest else found, -1, dim))


@primitive(
    vjp={"self": lambda grad_values, self_shape, dim, keepdim, indices: _of_kth(grad_values, self_shape, dim, keepdim, indices)},
    outputs=("values", "indices"), kinds="fiu",
)  # fmt: skip
def kthvalue(self, k, dim=-1, keepdim=False):
    """Take the `k`-th smallest element along a dimension, counted from 1; gives the values and where they were."""
    dim = dim_of(dim, self.ndim)
    n = self.shape[dim] if self.ndim else 1
    if self.size == 0 and n == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {dim} to have non-zero size.")
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    order = _order(self, dim, False)
    order = np.take(with_ties(self, order, dim, False, lambda keys: order_of_kth(keys, k - 1)), [k - 1], axis=dim)
    values = np.take_along_axis(self, order, dim)
    return (values, order) if keepdim else (values.squeeze(dim), order.squeeze(dim))


def _of_kth(grad, self_shape, dim, keepdim, indices):
    if not keepdim and len(self_shape):
        d = dim % len(self_shape)
        shape = (*self_shape[:d], 1, *self_shape[d + 1 :])
        grad, indices = grad.reshape(shape), indices.reshape(shape)
    return _gather_backward(grad, self_shape, dim, indices)


# ---- distinct elements


@plain(method=True)
@by_example
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """Give the distinct elements in order, or the distinct slices of a dimension; also where each one came to, and how often it is there."""
    tell_read(input)
    array = input._array
    check_kinds("unique", array, "fiub")
    if dim is not None:
        check_dim(dim, array.ndim)
        if array.ndim == 0:
            array = array.reshape((1,))
        if 0 in array.shape and array.shape[dim] != 0:
            raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    inverse = inverse.reshape(array.shape) if dim is None else inverse.reshape(-1)
    distinct = _distinct if dim is None else _distinct_slices
    return _with_extras(distinct, input, values, inverse, counts, return_inverse, return_counts)


def _without_derivative(name, node):
    def formula(grad):
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    def distinct(self, values):
        """What was found to be distinct in `self`, with a node behind it that has no derivative."""
        return values

    return primitive(f"_distinct_of_{name}", vjp={"self": formula}, node=node, method=False, namespace=())(distinct)


_distinct = _without_derivative("_unique2", "Unique2Backward0")
_distinct_slices = _without_derivative("unique_dim", "UniqueDimBackward0")
_runs = _without_derivative("unique_consecutive", "UniqueConsecutiveBackward0")


def _with_extras(distinct, input, values, inverse, counts, return_inverse, return_counts):
    values = wrap(contiguous(values))
    found = [distinct(input, values) if input._requires_grad else values]
    if return_inverse:
        found.append(wrap(inverse.astype(np.int64)))
    if return_counts:
        found.append(wrap(counts.astype(np.int64)))
    return found[0] if len(found) == 1 else tuple(found)


@plain(method=True)
@by_example
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """Drop elements, or slices of a dimension, that equal the one before; also where each one came to, and the lengths of the runs."""
    tell_read(input)
    array = input._array
    check_kinds("unique", array, "fiub")
    rows = array.reshape(-1) if dim is None else np.moveaxis(array, dim, 0)
    if len(rows):
        differs = rows[1:] != rows[:-1]
        starts = np.concatenate(([True], differs.any(tuple(range(1, rows.ndim)))))
    else:
        starts = np.zeros(0, bool)
    places = np.flatnonzero(starts)
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(places, len(rows)))
    values = rows[places] if dim is None else np.moveaxis(rows[places], 0, dim)
    return _with_extras(_runs, input, values, inverse.reshape(array.shape) if dim is None else inverse, counts, return_inverse, return_counts)


def _check_searched(function, name, index, values):
    """Values that are looked for are a tensor or a number."""
    if not isinstance(values, (Tensor, int, float, complex, np.number, np.bool_)):
        raise must_be(function, name, index, "Tensor", values)


@plain()
@by_example
def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Say for each element whether it is among `test_elements`."""
    for index, (name, x) in enumerate((("elements", elements), ("test_elements", test_elements))):
        _check_searched("isin", name, index, x)
        if isinstance(x, Tensor) and x._array.dtype.kind in "bc":
            raise RuntimeError(f"Unsupported input type encountered for isin(): {x.dtype.tensor_name}")
    tell_read(elements, test_elements)
    a, b = (x._array if isinstance(x, Tensor) else as_array(x) for x in (elements, test_elements))
    return wrap(np.isin(a, b, assume_unique=assume_unique, invert=invert))


# ---- places and counts


def _searched(name, sequence, values, right, side, out_int32, sorter=None):
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    side = side or ("right" if right else "left")
    _check_searched(name, "self", 1, values)
    array = values._array if isinstance(values, Tensor) else as_array(values)
    for x in (sequence, array):
        check_kinds("searchsorted_out_cpu", x, "fiub")
    if sequence.ndim == 0:
        raise RuntimeError("torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries "
                           "tensor dim(0)")  # fmt: skip
    kind = np.int32 if out_int32 else np.int64
    if sorter is not None:
        sequence = np.take_along_axis(sequence, sorter, -1)
    if sequence.ndim == 1:
        return wrap(as_array(np.searchsorted(sequence, array, side)).astype(kind))
    if array.ndim != sequence.ndim or array.shape[:-1] != sequence.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value "
            f"tensor must match, but we got boundaries tensor {list(sequence.shape)} and input value tensor {list(array.shape)}"
        )
    out = np.empty(array.shape, kind)
    for place in np.ndindex(*sequence.shape[:-1]):
        out[place] = np.searchsorted(sequence[place], array[place], side)
    return wrap(out)


@plain()
@by_example
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Find for each value where it would have to be inserted into a sorted sequence: before equal elements, or after them if `right`."""
    tell_read(sorted_sequence, input, sorter)
    return _searched("searchsorted", sorted_sequence._array, input, right, side, out_int32, None if sorter is None else sorter._array)


@plain()
@by_example
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """Find for each value between which boundaries it lies: bucket i ends at boundary i, and includes it unless `right`."""
    tell_read(input, boundaries)
    if boundaries._array.ndim != 1:
        raise RuntimeError(f"bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries._array.ndim})")
    _check_searched("bucketize", "self", 0, input)
    array = input._array if isinstance(input, Tensor) else as_array(input)
    for x in (boundaries._array, array):
        check_kinds("searchsorted_out_cpu", x, "fiub")
    found = np.searchsorted(boundaries._array, array, "right" if right else "left")
    return wrap(as_array(found).astype(np.int32 if out_int32 else np.int64))


@plain(method=True)
@by_example
def bincount(input, weights=None, minlength=0):
    """Count how often each integer from 0 on is there, or add up the weights of each."""
    array = input._array
    check_kinds("bincount_cpu", array, "iu")
    if array.ndim != 1 or array.size and array.min() < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if weights is None:
        return wrap(np.bincount(array, minlength=minlength).astype(np.int64))
    if weights._array.shape != array.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    if weights._array.dtype.kind == "c":
        raise errors.unsupported("bincount with complex weights")
    counted = np.bincount(array, weights._array, minlength)
    return wrap(counted.astype(np.float32 if weights._array.dtype == np.float32 else np.float64))


@plain(method=True)
@writes_out
@by_example
def histc(input, bins=100, min=0, max=0):
    """Count the elements in `bins` equal bins from `min` to `max`; by default from the least to the greatest element."""
    for index, (name, bound) in enumerate((("min", min), ("max", max))):
        if isinstance(bound, (str, list, tuple)) or bound is None:
            raise must_be("histc", name, index + 2, "Number", bound)
    array = input._array
    if array.dtype.kind != "f":
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{of_array(array.dtype).tensor_name}'")
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    low, high = float(min), float(max)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low == high:
        low, high = low - 1, high + 1
    if low > high:
        raise RuntimeError("max must be larger than min")
    values = array.reshape(-1)
    values = values[(values >= low) & (values <= high)]
    edges = np.linspace(low, high, bins + 1)
    places = np.clip(((values - low) / (high - low) * bins).astype(np.int64), 0, bins - 1)
    # rounding may put a value one bin off: the edges decide
    places = np.where(values < edges[places], places - 1, np.where((values >= edges[places + 1]) & (places < bins - 1), places + 1, places))
    return wrap(np.bincount(places, minlength=bins).astype(array.dtype))
