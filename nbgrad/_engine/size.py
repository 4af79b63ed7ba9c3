"""torch.Size: the tuple that `Tensor.shape` and `Tensor.size()` give. Called by Tensor; knows nothing of arrays or tensors."""

import math
import operator


class Size(tuple):
    """A tuple of integers, one per dimension, whose slices, sums and multiples are Sizes too."""

    __slots__ = ()

    def __new__(cls, iterable=()):
        """Raise TypeError for an item that is not an integer."""
        return tuple.__new__(cls, [_dimension(item, place) for place, item in enumerate(iterable)])

    def numel(self):
        """Return how many elements a tensor of this size has."""
        return math.prod(self)

    def __repr__(self):
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, index):
        item = tuple.__getitem__(self, index)
        return tuple.__new__(Size, item) if type(index) is slice else item

    def __add__(self, other):
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")
        return Size(tuple.__add__(self, other))

    def __radd__(self, other):
        return Size(tuple.__add__(other, self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times):
        return tuple.__new__(Size, tuple.__mul__(self, times))

    __rmul__ = __mul__


def size_of_shape(shape):
    """Return a NumPy shape as a Size without checking its items again."""
    return tuple.__new__(Size, shape)


def _dimension(item, place):
    try:
        return operator.index(item)
    except TypeError:
        message = f"torch.Size() takes an iterable of 'int' (item {place} is '{type(item).__name__}')"
        raise TypeError(message) from None
