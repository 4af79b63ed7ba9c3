"""Which of equal elements comes first, where PyTorch leaves that to C++: its unstable sorts and selections, carried out step by step on rows with ties.

PyTorch promises no order among equal elements unless asked for a stable sort; what it gives is what introsort, introselect and heap selection of the
common C++ library give (Musser, "Introspective sorting and selection algorithms", 1997; stretches of at most 16 are sorted stably by insertion). Rows
without ties, and very long ones, never come here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._engine.batched import NotBatchable, contiguous, whole_batch

SHORT = 16  # stretches up to this length are sorted by insertion
MOST = 20_000  # elements; in more, equal ones keep their order


def with_ties(array: np.ndarray, order: np.ndarray, dim: int, descending: bool, order_of_row: Callable[[list], list], every: bool = False):
    """The stable order along a dimension, with the rows that hold equal elements, or `every` row, in the order that `order_of_row` gives for their keys.

    Keys are small integers that stand in the order wanted, nan as the largest number. `order_of_row` may give fewer places than there are keys.
    """
    n = array.shape[dim]
    if n < 2 or array.size > MOST:
        return order
    back = dim % array.ndim - array.ndim  # of a batch inside vmap too
    values = np.moveaxis(whole_batch(np.take_along_axis(array, order, dim)), back, -1)
    tied = ((values[..., 1:] == values[..., :-1]) | (values[..., :-1] != values[..., :-1]) & (values[..., 1:] != values[..., 1:])).any(-1)
    if every:
        tied = np.ones_like(tied)
    if not tied.any():
        return order
    if type(array) is not np.ndarray:
        raise NotBatchable("the order of equal elements")
    order = contiguous(order)
    rows, orders = np.moveaxis(array, dim, -1), np.moveaxis(order, dim, -1)
    for place in zip(*np.nonzero(tied)) if tied.ndim else [()]:
        _, keys = np.unique(rows[place], return_inverse=True)
        found = order_of_row((-keys if descending else keys).tolist())
        orders[place][: len(found)] = found
    return order


def sorted_order(keys: list) -> list:
    """The order in which introsort leaves them."""
    return _Row(keys).sort()


def largest_first(keys: list, k: int, in_order: bool) -> list:
    """The places of the `k` least keys as PyTorch's `topk` takes them: by a heap where `k` is small, else by selection and a sort."""
    row = _Row(keys)
    if k * 64 <= len(keys):
        row.partial_sort(0, k, len(keys))
    else:
        row.select(k - 1)
        if in_order:
            row.sort(k - 1)
    return row.places[:k]


def order_of_kth(keys: list, k: int) -> list:
    """The order in which quickselect with the median of three as pivot leaves them, as `kthvalue` runs it; only place `k` is certain."""
    keys, places = list(keys), list(range(len(keys)))

    def swap(i, j):
        keys[i], keys[j], places[i], places[j] = keys[j], keys[i], places[j], places[i]

    low, high = 0, len(keys) - 1
    while high > low + 1:
        swap((low + high) // 2, low + 1)
        for a, b in ((low + 1, high), (low, high), (low + 1, low)):
            if keys[a] > keys[b]:
                swap(a, b)
        pivot, i, j = keys[low], low + 1, high
        while True:
            i, j = i + 1, j - 1
            while pivot > keys[i]:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if j < i:
                break
            swap(i, j)
        swap(low, j)
        if j <= k:
            low = i
        if j >= k:
            high = j - 1
    if high == low + 1 and keys[low] > keys[high]:
        swap(low, high)
    return places


class _Row:
    """Keys that are being moved about, and where each of them was."""

    def __init__(self, keys):
        self.keys, self.places = list(keys), list(range(len(keys)))

    def swap(self, i, j):
        keys, places = self.keys, self.places
        keys[i], keys[j], places[i], places[j] = keys[j], keys[i], places[j], places[i]

    def sort(self, end=None):
        """Sort the keys before `end`; gives the places."""
        end = len(self.keys) if end is None else end
        stretches = [(0, end, 2 * (end.bit_length() - 1))] if end else []
        while stretches:
            first, last, depth = stretches.pop()
            while last - first > SHORT:
                if not depth:
                    self.partial_sort(first, last, last)
                    break
                depth -= 1
                cut = self.partition(first, last)
                stretches.append((cut, last, depth))
                last = cut
        self.insertion_sort(0, end)
        return self.places

    def select(self, nth):
        """Bring the key to place `nth` that stands there in sorted order, with none that is greater before it."""
        first, last = 0, len(self.keys)
        depth = 2 * (last.bit_length() - 1)
        while last - first > 3:
            if not depth:
                self.heap_select(first, nth + 1, last)
                self.swap(first, nth)
                return
            depth -= 1
            cut = self.partition(first, last)
            first, last = (cut, last) if cut <= nth else (first, cut)
        self.insertion_sort(first, last)

    def insertion_sort(self, first, last):
        """Insertion is stable, and so is Python's sort."""
        order = sorted(range(first, last), key=self.keys.__getitem__)
        self.keys[first:last], self.places[first:last] = [self.keys[i] for i in order], [self.places[i] for i in order]

    def partition(self, first, last):
        """Hoare's partition around the median of the second, the middle and the last key; gives where the second part begins."""
        keys = self.keys
        a, b, c = first + 1, first + (last - first) // 2, last - 1
        x, y, z = keys[a], keys[b], keys[c]
        if x < y:
            median = b if y < z else c if x < z else a
        else:
            median = a if x < z else c if y < z else b
        self.swap(first, median)
        pivot, i, j = keys[first], first + 1, last
        while True:
            while keys[i] < pivot:
                i += 1
            j -= 1
            while pivot < keys[j]:
                j -= 1
            if i >= j:
                return i
            self.swap(i, j)
            i += 1

    # ---- heaps, with the greatest key on top

    def partial_sort(self, first, middle, last):
        """Bring the least keys, in order, to the places before `middle`."""
        self.heap_select(first, middle, last)
        for end in range(middle - 1, first, -1):
            self.to_heap_from(end, first, end)

    def heap_select(self, first, middle, last):
        length = middle - first
        for parent in range((length - 2) // 2, -1, -1):
            at = first + parent
            self.sift(first, parent, length, self.keys[at], self.places[at])
        for i in range(middle, last):
            if self.keys[i] < self.keys[first]:
                self.to_heap_from(i, first, middle)

    def to_heap_from(self, i, first, middle):
        """Exchange the top of the heap for what stands at `i`."""
        key, place = self.keys[i], self.places[i]
        self.keys[i], self.places[i] = self.keys[first], self.places[first]
        self.sift(first, 0, middle - first, key, place)

    def sift(self, first, hole, length, key, place):
        """Let the hole sink to a leaf along the greater children, then let the key rise from there."""
        keys, places, top, child = self.keys, self.places, hole, hole
        while child < (length - 1) // 2:
            child = 2 * (child + 1)
            if keys[first + child] < keys[first + child - 1]:
                child -= 1
            keys[first + hole], places[first + hole] = keys[first + child], places[first + child]
            hole = child
        if length % 2 == 0 and child == (length - 2) // 2:
            child = 2 * child + 1
            keys[first + hole], places[first + hole] = keys[first + child], places[first + child]
            hole = child
        parent = (hole - 1) // 2
        while hole > top and keys[first + parent] < key:
            keys[first + hole], places[first + hole] = keys[first + parent], places[first + parent]
            hole, parent = parent, (parent - 1) // 2
        keys[first + hole], places[first + hole] = key, place
