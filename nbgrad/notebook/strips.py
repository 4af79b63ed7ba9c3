"""What `--watch` measures of each parameter: gradient norm, size of the update against the weight, units that get no gradient, NaN.

Arrays in, numbers out; `watch.py` says when. Norms are in float64 and scaled where squares would vanish or overflow, so that a gradient of 1e-30
is not read as zero.
"""

from __future__ import annotations

import math
import weakref

import numpy as np

from .._engine.batched import whole_batch

FULL = 1 << 16  # elements of a parameter that are all compared for its update; of a larger one as many, evenly spread
BLOCK = 4096  # elements whose squares are summed in the array's own type
SILENT = 10  # measured passes in a row without any gradient after which a unit counts as dead
_SAFE = (1e-26, 1e30)  # sums of squares in float32 that have lost nothing


class Strip:
    """One parameter and what was measured of it last."""

    def __init__(self, name: str, id: str | None, tensor, axis: int | None = None):
        self.name, self.id, self.axis = name, id, axis  # `axis` is that of the units of an activation like relu, None where there is none
        self.group = name.rpartition(".")[0]
        self.shape, self.size = tuple(tensor._array.shape), tensor._array.size
        self.every = _spread(self.shape)  # one in so many elements is compared for the update
        self.reference = weakref.ref(tensor)
        self.layer = 0
        self.bad = None  # {"what", "step", "after"}: NaN or Inf was first seen at a step, and the values were finite at the one before
        self.good = None  # the last step at which its gradient was finite
        self._heard = None if axis is None else np.full(self.shape[axis], -1)  # per unit the last pass in which it had a gradient
        self._passes = 0
        self._stamp = None
        self._before = None

    def tensor(self):
        """The parameter, or None if it is gone."""
        return self.reference()

    def rebind(self, tensor) -> None:
        """The variable was assigned anew: this is the parameter now."""
        self.reference = weakref.ref(tensor)

    # ---- its gradient

    def expect(self) -> None:
        """A backward pass begins: remember which gradient was there before it."""
        tensor = self.tensor()
        self._stamp = None if tensor is None else _stamp(tensor._grad)

    def gradient_norm(self, step: int) -> float:
        """The norm of the `.grad` that the pass has left: NaN if it left none, infinity if it holds NaN or Inf."""
        tensor = self.tensor()
        grad = None if tensor is None else tensor._grad
        if grad is None or _stamp(grad) == self._stamp:
            return math.nan
        array = whole_batch(grad._array)
        found = norm(array)
        if not math.isfinite(found):
            self.found_bad("gradient", "NaN" if np.isnan(array).any() else "Inf", step)
            return math.inf
        self.good = step
        self._hear(array)
        return found

    def _hear(self, array):
        """Note which units had a gradient in this pass."""
        if self.axis is None or array.shape != self.shape:
            return
        others = tuple(i for i in range(array.ndim) if i != self.axis)
        self._heard[(array != 0).any(axis=others) if others else array != 0] = self._passes
        self._passes += 1

    def dead(self) -> int | None:
        """How many units had no gradient at all in the last `SILENT` measured passes (in all, while there were fewer); None where that means nothing."""
        if self.axis is None or not self._passes:
            return None
        return int(np.count_nonzero(self._passes - 1 - self._heard >= min(SILENT, self._passes)))

    def units(self) -> int | None:
        """How many units the layer has, None where none feed an activation like relu."""
        return None if self.axis is None else self.shape[self.axis]

    def found_bad(self, where: str, what: str, step: int) -> None:
        """Keep where NaN or Inf was seen first."""
        if self.bad is None:
            self.bad = {"where": where, "what": what, "step": step, "after": self.good}

    # ---- its update

    def keep(self) -> None:
        """Remember the elements as they are before the update."""
        tensor = self.tensor()
        self._before = None if tensor is None else self._some(tensor).copy()

    def changed(self) -> bool:
        """Whether the elements differ from what was kept."""
        tensor = self.tensor()
        return tensor is not None and self._before is not None and not np.array_equal(self._before, self._some(tensor))

    def update_ratio(self, step: int) -> float:
        """The norm of the change since `keep` over the norm then: NaN where either is missing or the norm was zero."""
        tensor, before, self._before = self.tensor(), self._before, None
        if tensor is None or before is None:
            return math.nan
        now = self._some(tensor)
        if now.shape != before.shape:
            return math.nan
        weight = norm(before)
        change = norm(np.subtract(now, before, dtype=np.complex128 if now.dtype.kind == "c" else np.float64))
        if not math.isfinite(change):
            self.found_bad("value", "NaN" if np.isnan(now).any() else "Inf", step)
            return math.inf
        return change / weight if weight > 0 else math.nan

    def _some(self, tensor):
        """All elements of a small array, evenly spread ones of a large."""
        array = whole_batch(tensor._array)
        if self.every == 1:
            return array.reshape(-1)
        return array.reshape(-1)[:: self.every] if array.flags.c_contiguous else array.flat[:: self.every]


def _spread(shape):
    """One in how many elements to look at, so that few are left and they come from all rows and columns alike: coprime to every dimension."""
    size = math.prod(shape)
    every = -(-size // FULL)
    while every > 1 and math.gcd(every, size) > 1:
        every += 1
    return max(every, 1)


def _stamp(grad):
    """Tells one `.grad` from the same after it was added to."""
    return None if grad is None else (id(grad), 0 if grad._cell is None else grad._cell.version)


def norm(array) -> float:
    """The Euclidean norm of all elements; not finite if an element is not."""
    flat = array.reshape(-1)
    if flat.dtype.kind == "c":
        flat = np.abs(flat)
    if flat.dtype not in (np.float32, np.float64):
        flat = flat.astype(np.float64)
    if not flat.size:
        return 0.0
    with np.errstate(all="ignore"):
        found = _squares(flat)
        if _SAFE[0] < found < _SAFE[1]:
            return math.sqrt(found)
        largest = float(np.max(np.abs(flat)))
        if largest == 0 or not math.isfinite(largest):
            return largest
        return largest * math.sqrt(_squares(np.divide(flat, largest, dtype=np.float64)))


def _squares(flat):
    """The sum of squares; of many elements block by block, so that single precision keeps its digits."""
    if flat.size <= BLOCK:
        return float(np.dot(flat, flat))
    whole = flat.size - flat.size % BLOCK
    blocks, rest = flat[:whole].reshape(-1, BLOCK), flat[whole:]
    return float(np.einsum("ij,ij->i", blocks, blocks).sum(dtype=np.float64)) + float(np.dot(rest, rest))


def table(rows, headings) -> str:
    """Rows of text under headings, in columns."""
    wide = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, wide)).rstrip() for row in [headings, *rows])
