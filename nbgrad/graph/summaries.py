"""Summaries of very many arrays, kept as numbers until somebody asks for one.

An array of at most eight elements is kept as its bytes, which is all that its summary says; of a larger one a row of statistics is kept, computed for
all arrays of one size and type together. What comes back is what `summarize` says of the array, to the last bit.
"""

from __future__ import annotations

import collections

import numpy as np

from .._engine.batched import whole_batch
from .grown import Grown
from .records import Summary
from .summary import FEW, MANY, summarize

_ROW, _ODD = 0, 1  # how a summary is kept; from _BYTES on: bytes of an array, whose type and size the number tells
_BYTES = 2
_SHIFT = 12  # the lowest bits of `_where` tell how, the others where
_BLOCK = 1 << 17  # elements that are brought to float64 at once
_ALONE = 3  # of fewer arrays of a kind each is read alone


class Summaries:
    """A growing list of summaries. What is there stays; only `cut_back` takes the newest away again."""

    def __init__(self):
        self._where = Grown(1, np.int64)
        self._rows = Grown(7, np.float64)  # size, mean, std, min, max, norm, zeros
        self._bytes = bytearray()
        self._types = []  # dtypes of the arrays kept as bytes
        self._odd = []  # what no row can tell, as of arrays with NaN; equal ones once
        self._odd_numbers = {}

    def __len__(self):
        return self._where.length

    def __getitem__(self, number: int) -> Summary:
        code = int(self._where.rows[number, 0])
        kind, start = code & (1 << _SHIFT) - 1, code >> _SHIFT
        if kind == _ROW:
            size, mean, std, low, high, norm, zeros = self._rows.rows[start].tolist()
            return Summary(int(size), (), mean, std, low, high, norm, zeros=int(zeros))
        if kind == _ODD:
            return self._odd[start]
        number, size = divmod(kind - _BYTES, FEW + 1)
        dtype = self._types[number]
        return summarize(np.frombuffer(bytes(self._bytes[start : start + size * dtype.itemsize]), dtype))

    def not_finite(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each of these summaries, whether its array holds NaN, and whether it holds infinities: two arrays of bool."""
        codes = self._where.rows[numbers, 0]
        kinds, starts = codes & (1 << _SHIFT) - 1, codes >> _SHIFT
        nan, inf = np.zeros(len(codes), bool), np.zeros(len(codes), bool)
        odd = kinds == _ODD
        if odd.any():
            nan[odd] = np.array([s.nan > 0 for s in self._odd])[starts[odd]]
            inf[odd] = np.array([s.inf > 0 for s in self._odd])[starts[odd]]
        data = np.frombuffer(bytes(self._bytes), np.uint8)
        for kind in np.unique(kinds[kinds >= _BYTES]).tolist():
            number, size = divmod(kind - _BYTES, FEW + 1)
            dtype, some = self._types[number], np.flatnonzero(kinds == kind)
            if size and dtype.kind in "fc":
                block = data[starts[some][:, None] + np.arange(size * dtype.itemsize)].view(dtype)
                nan[some], inf[some] = np.isnan(block).any(1), np.isinf(block).any(1)
        return nan, inf

    def read(self, arrays) -> int:
        """Append the summaries of these arrays, in order; returns the number of the first."""
        arrays = [a if type(a) is np.ndarray else np.asarray(whole_batch(a)) for a in arrays]
        groups = collections.defaultdict(list)
        for i, array in enumerate(arrays):
            groups[array.dtype, array.size].append(i)
        where = np.empty(len(arrays), np.int64)
        for (dtype, size), members in groups.items():
            if size <= FEW:
                where[members] = self._keep_bytes(dtype, size, [arrays[i].tobytes() for i in members])
            elif size >= MANY or dtype.kind == "c" or len(members) < _ALONE:
                where[members] = [self._keep(summarize(arrays[i])) for i in members]
            else:
                step = max(1, _BLOCK // size)
                for first in range(0, len(members), step):
                    some = members[first : first + step]
                    where[some] = self._keep_rows(dtype, b"".join([arrays[i].tobytes() for i in some]), len(some))
        first = len(self)
        self._where.add(where)
        return first

    def append(self, summary: Summary) -> int:
        """Append one summary of an array of many elements; returns its number."""
        self._where.add([self._keep(summary)])
        return len(self) - 1

    def _keep_bytes(self, dtype, size, pieces):
        if dtype not in self._types:
            self._types.append(dtype)
        kind = _BYTES + self._types.index(dtype) * (FEW + 1) + size
        start = len(self._bytes)
        self._bytes += b"".join(pieces)
        return (start + np.arange(len(pieces), dtype=np.int64) * (size * dtype.itemsize)) << _SHIFT | kind

    def _keep(self, summary):
        if summary.mean is None or summary.nan or summary.inf:
            number = self._odd_numbers.get(summary)
            if number is None:
                number = self._odd_numbers[summary] = len(self._odd)
                self._odd.append(summary)
            return number << _SHIFT | _ODD
        s = summary
        self._rows.add((s.size, s.mean, s.std, s.min, s.max, s.norm, s.zeros))
        return (self._rows.length - 1) << _SHIFT | _ROW

    def _keep_rows(self, dtype, data, count):
        """Where the summaries of `count` arrays of one size and type are, whose elements follow one another in `data`."""
        block = np.frombuffer(data, dtype).reshape(count, -1)
        rows, good = statistics(block)
        where = np.empty(count, np.int64)
        where[good] = (self._rows.length + np.arange(np.count_nonzero(good), dtype=np.int64)) << _SHIFT | _ROW
        self._rows.add(rows[good])
        bad = np.flatnonzero(~good)
        if bad.size:
            lost = np.isnan(block[bad]).all(1)  # a training that has failed has nothing but these
            where[bad[lost]] = self._keep(Summary(size=block.shape[1], nan=block.shape[1]))
            where[bad[~lost]] = [self._keep(summarize(block[i])) for i in bad[~lost]]
        return where

    def lengths(self):
        """How long each part is, for `cut_back`."""
        return self._where.length, self._rows.length, len(self._bytes)

    def cut_back(self, lengths):
        """Forget what came after `lengths` were asked for."""
        self._where.length, self._rows.length, size = lengths
        del self._bytes[size:]

    def trim(self):
        """Give back the room that nothing fills."""
        self._where.trim()
        self._rows.trim()


def statistics(block):
    """The statistics of each row of a block (n, size), as `summarize` computes them: an array (n, 7), and (n,) for which rows it holds.

    It does not hold for rows whose elements are not all finite, or have no finite sum.
    """
    count, size = block.shape
    work = (block.view(np.uint8) if block.dtype.kind == "b" else block).astype(np.float64)
    with np.errstate(all="ignore"):
        total = np.add.reduce(work, axis=1)
        low, high = work.min(1), work.max(1)
        mean = total / size
        norm = np.sqrt(np.vecdot(work, work))
        work -= mean[:, None]
        std = np.where(low == high, 0.0, np.sqrt(np.vecdot(work, work) / size))
    zeros = size - np.count_nonzero(block, axis=1)
    return np.stack((np.full(count, size), mean, std, low, high, norm, zeros), axis=1), np.isfinite(total)
