"""`segment_reduce`: reductions over runs of neighbours, whose lengths or limits are given."""

from __future__ import annotations

import math

import numpy as np

from .._engine import errors
from .._engine.batched import BatchedArray, NotBatchable
from .._engine.dtypes import of_array
from .._engine.observe import tell_read
from .._engine.op import NAMES, composite, primitive
from .._engine.tensor import wrap
from .choice import where
from .conversion import _nothing
from .gathering import gather, scatter_add
from .scattering import _product_of_others, _write_counts, scatter_reduce

_REDUCTIONS = {"sum": "sum", "mean": "sum", "prod": "prod", "max": "amax", "min": "amin", "amax": "amax", "amin": "amin"}
_EMPTY = {"sum": 0, "mean": 0, "prod": 1, "amax": -math.inf, "amin": math.inf}


def _data_gradient(grad, data, index, axis, reduce, initial, result):
    if reduce == "sum":
        return gather(grad, axis, index)
    if reduce == "mean":
        counts = _write_counts(index, tuple(result.shape), axis, 0)
        return gather(grad / where(counts == 0, 1, counts), axis, index)
    if reduce == "prod":
        start = where(result == result, 1, 1) * (1 if initial is None else initial) + _nothing(result)
        return gather(grad, axis, index) * _product_of_others(start, axis, index, data, True, result)
    equal = data == gather(result, axis, index)
    counts = scatter_add(0 * (result == result), axis, index, 1 * equal)
    return equal * gather(grad / where(counts == 0, 1, counts), axis, index)


@primitive(
    "_segment_reduced",
    vjp={"data": lambda grad, data, index, axis, reduce, initial, result: _data_gradient(grad, data, index, axis, reduce, initial, result)},
    tensors=("data", "index"), method=False, namespace=(), node="SegmentReduceBackward0",
)  # fmt: skip
def _segment_reduced(data, index, axis, count, reduce, initial):
    """Reduce the elements that have the same number, below `count`, in `index`, starting from a number."""
    shape = (*data.shape[:axis], count, *data.shape[axis + 1 :])
    start = np.full(shape, _EMPTY[reduce] if initial is None else initial, data.dtype)
    out = scatter_reduce.kernel(start, axis, index, data, _REDUCTIONS[reduce])
    if reduce != "mean":
        return out
    counts = _write_counts.kernel(index, shape, axis, 0)
    return np.where(counts == 0, np.nan if initial is None else out, out / np.maximum(counts, 1)).astype(data.dtype)


def _lengths(lengths, offsets, data, axis, unsafe):
    """The length of each segment, and how many elements lie before the first."""
    given = lengths if lengths is not None else offsets
    tell_read(given)
    given = given._array
    if type(given) is BatchedArray:
        raise NotBatchable("the lengths of segments say which elements go together")
    if given.dtype.kind not in "iu":
        raise NotImplementedError(f"\"_segment_reduce_lengths_cpu_kernel1\" not implemented for '{of_array(given.dtype).tensor_name}'")
    if axis != given.ndim - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of {'lengths' if lengths is not None else 'offsets'} but got {axis}.")
    rows = given.reshape((-1, given.shape[-1]))
    before = np.zeros(len(rows), np.int64) if lengths is not None else rows[:, 0]
    if lengths is None:
        rows = np.diff(rows, axis=1)
    if (rows < 0).any():
        raise RuntimeError("lengths contains negative value!")
    if lengths is not None and not unsafe and (rows.sum(1) != data.shape[axis]).any():
        raise RuntimeError("segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe.")
    if (before < 0).any() or (before + rows.sum(1) > data.shape[axis]).any():
        raise RuntimeError(f"segment_reduce(): the segments reach beyond the {data.shape[axis]} elements that there are")
    return rows, before


@composite(method=False)
def segment_reduce(data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None):
    """Reduce runs of neighbours along `axis`, by "sum", "mean", "max", "min" or "prod", each starting from `initial` if it is given.

    `lengths` holds the length of each run, `offsets` where each begins and the last ends; both have one row for each element of the dimensions
    before `axis`, which is their last one. Equal elements share the gradient of an extreme.
    """
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if data._array.dtype.kind != "f":
        raise NotImplementedError(f"\"_segment_reduce_cpu\" not implemented for '{data.dtype.tensor_name}'")
    if not data._array.ndim:
        raise errors.unsupported("segment_reduce of a tensor without dimensions")
    axis %= data._array.ndim
    rows, before = _lengths(lengths, offsets, data._array, axis, unsafe)
    shape, count = data._array.shape, rows.shape[1]
    after = shape[axis] - before - rows.sum(1)
    # what lies before the first run and after the last counts as a run of its own, which is taken off again
    whole = np.concatenate([before[:, None], rows, after[:, None]], 1)
    numbers = np.concatenate([[count], np.arange(count), [count]])
    index = np.repeat(np.tile(numbers, len(whole)), whole.reshape(-1)).reshape((*shape[: axis + 1], *(1 for _ in shape[axis + 1 :])))
    rest = bool(before.any() or after.any())
    name = {"max": "amax", "min": "amin"}.get(reduce, reduce)
    out = _segment_reduced.function(data, wrap(np.broadcast_to(index, shape)), axis, count + rest, name, initial)
    return out.narrow(axis, 0, count) if rest else out


NAMES["_segment_reduce"] = segment_reduce
