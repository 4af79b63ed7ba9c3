"""An array with a hidden batch dimension: what tensors hold inside `vmap`, and as gradients of a batched backward pass.

A `BatchedArray` holds a physical array whose first dimension is the batch, and shows everything else as if that dimension were not there: shape, type,
methods, NumPy's ufuncs and functions. Kernels and formulas therefore run on it as they are. It is no ndarray: whatever has no rule here or in
batch_rules.py, and every way out of it (`bool`, `item`, `np.asarray`), raises `NotBatchable`, and the caller runs the operator once per slice
(`looped`). Batches nest: each has a level, the physical array of one may be a batch of a lower level, and the highest level is outermost.
Knows nothing of tensors.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

next_level = itertools.count(1).__next__

CONTROL_FLOW = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet: "
    "choose between values with torch.where instead."
)
ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please try to rewrite what "
    "you're doing with other operations."
)
DYNAMIC = "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over {}."


class NotBatchable(RuntimeError):
    """There is no rule by which this could be done for a whole batch at once."""


class Flags:
    """The flags of one slice of a batch."""

    __slots__ = ("_physical",)

    def __init__(self, physical):
        self._physical = physical

    @property
    def c_contiguous(self):
        physical = self._physical
        return physical.flags.c_contiguous or not len(physical) or physical[0, ...].flags.c_contiguous

    @property
    def writeable(self):
        return self._physical.flags.writeable

    @writeable.setter
    def writeable(self, value):
        self._physical.flags.writeable = value


class Refused(RuntimeError):
    """PyTorch refuses this for a batch, so it is not tried example by example either."""


class BatchShape(tuple):
    """The shape of one slice of a batch, which says whose slice it is: nodes keep it, and so know whether a gradient has to leave the batch."""

    levels: tuple[int, ...]


def shape_in_batch(shape, levels):
    """A shape as that of a slice of batches of these levels."""
    out = BatchShape(shape)
    out.levels = levels
    return out


class BatchedArray(np.lib.mixins.NDArrayOperatorsMixin):
    """One array per example, all in one."""

    __slots__ = ("physical", "level")

    def __init__(self, physical, level):
        self.physical, self.level = physical, level

    # ---- what one slice is

    @property
    def shape(self):
        physical = self.physical.shape
        return shape_in_batch(physical[1:], (self.level, *getattr(physical, "levels", ())))

    @property
    def ndim(self):
        return self.physical.ndim - 1

    @property
    def dtype(self):
        return self.physical.dtype

    @property
    def itemsize(self):
        return self.physical.itemsize

    @property
    def size(self):
        return math.prod(self.physical.shape[1:])

    @property
    def nbytes(self):
        return self.size * self.itemsize

    @property
    def strides(self):
        return self.physical.strides[1:]

    @property
    def base(self):
        return self.physical.base

    @property
    def flags(self):
        return Flags(self.physical)

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.physical.shape[1]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"BatchedArray(level={self.level}, physical={self.physical!r})"

    # ---- ways out, which there are none

    def __bool__(self):
        raise NotBatchable(CONTROL_FLOW)

    def item(self, *index):
        raise NotBatchable(ITEM)

    def tolist(self):
        raise Refused("Cannot access data pointer of Tensor that doesn't have storage")

    __float__ = __int__ = __complex__ = __index__ = item

    def __array__(self, dtype=None, copy=None):
        raise NotBatchable("a batch cannot become a plain array inside vmap")

    def __hash__(self):
        raise NotBatchable("a batch is no plain value")

    def __contains__(self, element):
        raise NotBatchable(CONTROL_FLOW)

    def __getattr__(self, name):
        if name.startswith("__"):  # NumPy and Python ask for protocols
            raise AttributeError(name)
        raise NotBatchable(f"there is no batching rule for the array method {name}")

    # ---- NumPy's protocols

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        rule = UFUNC_METHODS.get(method)
        if rule is None:
            raise NotBatchable(f"there is no batching rule for {ufunc.__name__}.{method}")
        return rule(Batch(top_level((inputs, kwargs.get("out", ())))), ufunc, *inputs, **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        rule = RULES.get(function)
        if rule is None:
            raise NotBatchable(f"there is no batching rule for the NumPy function {function.__name__}")
        return rule(Batch(top_level((args, tuple(kwargs.values())))), *args, **kwargs)

    # ---- methods

    def __getitem__(self, key):
        batch = Batch(self.level)
        index, moved = index_behind_batch(key, batch, len(self.physical))
        out = self.physical[index]
        return batch.wrap(np.moveaxis(out, moved, 0) if moved else out)

    def __setitem__(self, key, value):
        batch = Batch(self.level)
        index, moved = index_behind_batch(key, batch, len(self.physical))
        if moved:
            raise NotBatchable("there is no batching rule for such an assignment")
        self.physical[index] = batch.written(value, self.physical[index].ndim - 1)

    def reshape(self, *shape, order="C"):
        if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)):
            (shape,) = shape
        if order != "C":
            raise NotBatchable("there is no batching rule for another order of elements")
        return self._like(self.physical.reshape((self.physical.shape[0], *whole_shape(shape, self.size))))

    def ravel(self, order="C"):
        return self.reshape(-1, order=order)

    flatten = ravel

    def astype(self, dtype, copy=True, casting="unsafe"):
        out = self.physical.astype(dtype, copy=copy, casting=casting)
        return self if out is self.physical else self._like(out)

    def copy(self, order="C"):
        return self._like(self.physical.copy(order="C" if order == "C" else "K"))

    def view(self, dtype=None):
        if dtype is None:
            return self._like(self.physical.view())
        if not self.ndim and np.dtype(dtype).itemsize != self.itemsize:
            raise NotBatchable("a 0-dim array has no view of another item size")
        return self._like(self.physical.view(dtype))

    def transpose(self, *axes):
        if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)):
            (axes,) = axes
        axes = normalize_axis_tuple(axes, self.ndim) if axes else range(self.ndim)[::-1]
        return self._like(self.physical.transpose((0, *(a + 1 for a in axes))))

    T = property(transpose)

    @property
    def mT(self):  # noqa: N802  (NumPy's name)
        return self.swapaxes(-1, -2)

    def swapaxes(self, axis1, axis2):
        return self._like(self.physical.swapaxes(normalize_axis_index(axis1, self.ndim) + 1, normalize_axis_index(axis2, self.ndim) + 1))

    def conj(self):
        return self._like(self.physical.conj())

    conjugate = conj

    @property
    def real(self):
        return self._like(self.physical.real)

    @real.setter
    def real(self, value):
        self.real[...] = value

    @property
    def imag(self):
        return self._like(self.physical.imag)

    @imag.setter
    def imag(self, value):
        self.imag[...] = value

    def fill(self, value):
        self[...] = value

    def sort(self, axis=-1, kind=None, stable=None):
        self.physical.sort(axis=normalize_axis_index(axis, self.ndim) + 1, kind=kind, stable=stable)

    def _like(self, physical):
        return BatchedArray(physical, self.level)


RULES: dict = {}  # NumPy function -> rule(batch, its arguments)
UFUNC_METHODS: dict = {}  # name of a ufunc's method -> rule(batch, ufunc, its arguments)


def _as_method(name, function):
    def method(self, *args, **kwargs):
        return RULES[function](Batch(top_level((self, args, tuple(kwargs.values())))), self, *args, **kwargs)

    method.__name__ = name
    setattr(BatchedArray, name, method)


for _name in "sum prod max min mean any all argmax argmin cumsum cumprod take clip argsort diagonal repeat dot squeeze round trace".split():
    _as_method(_name, getattr(np, _name))


class Batch:
    """One level, as rules see it: which arrays belong to it, and how they are lined up."""

    __slots__ = ("level",)

    def __init__(self, level):
        self.level = level

    def holds(self, x):
        """Whether this array is a batch of this level; to the rule every other array is the same for all examples."""
        return type(x) is BatchedArray and x.level == self.level

    def wrap(self, physical):
        return BatchedArray(physical, self.level)

    def size_among(self, *arrays):
        """The number of examples."""
        return next(x.physical.shape[0] for x in arrays if self.holds(x))

    def bare(self, x):
        """What it is physically."""
        return x.physical if self.holds(x) else x

    def aligned(self, x, ndim):
        """Its physical array, such that arrays of up to `ndim` dimensions broadcast against each other."""
        if not self.holds(x):
            return x
        missing = ndim - x.ndim
        physical = x.physical
        return physical if missing <= 0 else physical.reshape((physical.shape[0], *(1,) * missing, *physical.shape[1:]))

    def elementwise(self, *operands):
        """The physical arrays of operands that broadcast against each other."""
        ndim = max(ndim_of(x) for x in operands)
        return [self.aligned(x, ndim) for x in operands]

    def whole(self, x, size):
        """Its physical array with the batch dimension in front, also where it is the same for all examples."""
        return x.physical if self.holds(x) else np.broadcast_to(x, (size, *np.shape(x)))

    def written(self, value, ndim):
        """A value as it is written into a place of `ndim` dimensions of a batch of this level."""
        if self.holds(value):
            if value.ndim > ndim:
                raise NotBatchable("a value with more dimensions than its place")
            return self.aligned(value, ndim)
        if type(value) is BatchedArray and value.level > self.level or ndim_of(value) > ndim:
            raise NotBatchable("a value that does not belong into this batch")
        return value


def ndim_of(x):
    """Dimensions of an array, or of a number."""
    found = getattr(x, "ndim", None)
    if found is not None:
        return found
    if isinstance(x, (list, tuple)):
        raise NotBatchable("a list beside a batch")
    return 0


def whole_shape(shape, size):
    """A shape with its -1 filled in: NumPy cannot do that behind a batch of no examples."""
    shape = tuple(shape)
    if -1 not in shape:
        if math.prod(shape) != size:
            raise ValueError(f"cannot reshape array of size {size} into shape {shape}")
        return shape
    known = math.prod(n for n in shape if n != -1)
    if shape.count(-1) > 1 or not known or size % known:
        raise ValueError(f"cannot reshape array of size {size} into shape {shape}")
    return tuple(size // known if n == -1 else n for n in shape)


def index_behind_batch(key, batch, size):
    """An index for the physical array, and the dimension in which it leaves the batch: with arrays apart from each other NumPy puts theirs first."""
    key = key if isinstance(key, tuple) else (key,)
    if any(type(item) is BatchedArray for item in key):
        return _own_places(key, batch, size), 0
    arrays = []
    for item in key:
        if isinstance(item, np.ndarray):
            arrays.append(item)
        elif isinstance(item, list):
            arrays.append(np.asarray(item))
        elif isinstance(item, (bool, np.bool_)) or not (item is None or item is Ellipsis or isinstance(item, (int, np.integer, slice))):
            raise NotBatchable("there is no batching rule for such an index")
    index = (slice(None), *key)
    if not arrays:
        return index, 0
    places = [i for i, item in enumerate(key) if isinstance(item, (np.ndarray, list, int, np.integer))]
    if places[-1] - places[0] == len(places) - 1:
        return index, 0
    return index, np.broadcast(*(a.nonzero()[0] if a.dtype.kind == "b" else a for a in arrays)).ndim


def _own_places(key, batch, size):
    """An index where each example has places of its own: arrays and integers for the first dimensions, everything of the others."""
    for item in key:
        if type(item) is BatchedArray and item.level > batch.level or not isinstance(item, (*ARRAYS, int, np.integer)) or is_bool(item):
            raise NotBatchable("there is no batching rule for such an index")
    ndim = max(map(ndim_of, key))
    return (np.arange(size).reshape((size,) + (1,) * ndim), *(batch.aligned(item, ndim) for item in key))


def is_bool(item):
    return isinstance(item, bool) or getattr(item, "dtype", None) == bool


# ---- levels


def top_level(x):
    """The highest level among arrays, in lists and tuples too; 0 if none of them is a batch."""
    if type(x) is BatchedArray:
        return x.level
    if isinstance(x, (tuple, list)):
        return max(map(top_level, x), default=0)
    return 0


def levels_of(x):
    """All levels among arrays, in lists and tuples too."""
    if type(x) is BatchedArray:
        return {x.level} | levels_of(x.physical)
    return set().union(*map(levels_of, x)) if isinstance(x, (tuple, list)) else set()


def batch_size(x, level):
    """How many examples the batch of this level has among arrays, in lists and tuples too; None if it is not there."""
    if type(x) is BatchedArray:
        return x.physical.shape[0] if x.level == level else batch_size(x.physical, level)
    if isinstance(x, (tuple, list)):
        return next((n for n in (batch_size(y, level) for y in x) if n is not None), None)
    return None


def has_level(array, level):
    """Whether the batch of this level is in an array."""
    while type(array) is BatchedArray:
        if array.level == level:
            return True
        array = array.physical
    return False


def with_level(array, axis, level):
    """Hide a dimension of an array as the batch of a level."""
    if type(array) is BatchedArray and array.level > level:
        return BatchedArray(with_level(array.physical, axis + 1, level), array.level)
    return BatchedArray(np.moveaxis(array, axis, 0), level)


def with_levels(array, levels):
    """Hide the first dimensions of an array as batches, the lowest level first."""
    for level in levels:
        array = with_level(array, 0, level)
    return array


def without_level(array, axis, level, size):
    """Show the batch of a level as a dimension; an array that is the same for all examples is repeated."""
    if type(array) is BatchedArray:
        if array.level == level:
            return np.moveaxis(array.physical, 0, axis)
        if array.level > level:
            return BatchedArray(without_level(array.physical, axis + 1, level, size), array.level)
    shape = array.shape
    return np.broadcast_to(np.expand_dims(array, axis), (*shape[:axis], size, *shape[axis:]))


def summed_over_level(array, level):
    """The sum over the examples of a level, of an array that has it."""
    if array.level == level:
        return np.add.reduce(array.physical, axis=0)
    return BatchedArray(np.add.reduce(_level_second(array.physical, level), axis=1), array.level)


def _level_second(array, level):
    """A physical array whose batch of a lower level is shown right behind its own first dimension."""
    return without_level(array, 1, level, batch_size(array, level))


# ---- once per slice


def slice_of(x, level, i):
    """Example `i` of the batch of a level; whatever is no such batch stays. The level must be the highest."""
    if type(x) is BatchedArray:
        return x.physical[i, ...] if x.level == level else x
    if type(x) in (tuple, list):
        return type(x)(slice_of(y, level, i) for y in x)
    return x


def attempt(function, args):
    """Call a function on arrays; if it cannot do with a batch, once per example."""
    try:
        return function(*args)
    except NotBatchable:
        if not top_level(args):
            raise
        return looped(function, args)


def looped(function, args):
    """Call a function once per example of the highest level among its arguments, and join what comes out."""
    level = top_level(args)
    size = batch_size(args, level)
    if not size:
        raise NotBatchable("The fallback path does not support vmap over dims of size 0.")
    return joined([attempt(function, slice_of(args, level, i)) for i in range(size)], level)


def joined(results, level):
    """What a function gave for each example, as one."""
    first = results[0]
    if isinstance(first, (tuple, list)):
        parts = [joined(list(part), level) for part in zip(*results)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if first is None:
        return None
    arrays = [r if type(r) is BatchedArray else np.asarray(r) for r in results]
    if any(a.shape != arrays[0].shape for a in arrays):
        raise Refused(DYNAMIC.format("an operator whose result has another shape for each example"))
    return BatchedArray(np.stack(arrays), level)


# ---- for kernels: what they ask of arrays that may be batches

ARRAYS = (np.ndarray, BatchedArray)


def as_array(x, dtype=None):
    """`np.asarray`, which leaves a batch a batch."""
    if type(x) is BatchedArray:
        return x if dtype is None or x.dtype == dtype else x.astype(dtype)
    return np.asarray(x, dtype)


def contiguous(x):
    """`np.ascontiguousarray`, which leaves a batch a batch."""
    return BatchedArray(contiguous(x.physical), x.level) if type(x) is BatchedArray else np.ascontiguousarray(x)


def zeros_for(shape, numpy_dtype, *arrays):
    """Zeros into which these arrays can be written: a batch if one of them is."""
    level = top_level(arrays)
    if not level:
        return np.zeros(shape, numpy_dtype)
    batch = Batch(level)
    return batch.wrap(zeros_for((batch.size_among(*arrays), *shape), numpy_dtype, *map(batch.bare, arrays)))


def batched_like(x, *arrays):
    """The array as a batch if one of these is: repeated without copying, so that its copy can be written into and its elements can be picked."""
    for level in sorted(levels_of(arrays)):
        if not has_level(x, level):
            x = with_level(np.broadcast_to(x, (batch_size(arrays, level), *x.shape)), 0, level)
    return x


def whole_batch(x):
    """The array with all examples in it, for questions that concern every one of them."""
    if type(x) is not BatchedArray:
        x = getattr(x, "_array", x)  # of a tensor
    while type(x) is BatchedArray:
        x = x.physical
    return x


def anywhere(condition) -> bool:
    """Whether a condition holds for any element of any example. Only for what is as right if it does as if it does not."""
    return bool(np.any(whole_batch(condition)))


def everywhere(condition) -> bool:
    """Whether a condition holds for every element of every example. Only for what is as right if it does as if it does not."""
    return bool(np.all(whole_batch(condition)))


def outside(index, low, high) -> bool:
    """Whether any index, in any example, is below `low`, or `high` or above."""
    index = whole_batch(index)
    return bool(index.size) and bool(index.min() < low or index.max() >= high)
