"""Arrays that grow by rows, and numbers for things: what a table of very many records is made of."""

from __future__ import annotations

import numpy as np


class Grown:
    """Rows of numbers, `width` in each, that grow at the end. A view of `rows` stays as it is when more are added."""

    def __init__(self, width: int, dtype=np.int32):
        self._room = np.empty((16, width), dtype)
        self.length = 0

    @property
    def rows(self) -> np.ndarray:
        """The rows, (length, width)."""
        return self._room[: self.length]

    def add(self, numbers) -> None:
        """Append rows, given as an array or one number after the other."""
        width = self._room.shape[1]
        numbers = np.asarray(numbers, self._room.dtype).reshape(-1, width)
        length = self.length + len(numbers)
        if length > len(self._room):
            self._resize(length + length // 4)
        self._room[self.length : length] = numbers
        self.length = length

    def trim(self) -> None:
        """Give back the room that no row fills."""
        if self.length < len(self._room):
            self._resize(self.length)

    def _resize(self, length):
        room = np.empty((length, self._room.shape[1]), self._room.dtype)
        room[: self.length] = self.rows
        self._room = room


class Numbers:
    """Numbers for things, from 0 in the order in which they come: equal things have one number."""

    def __init__(self):
        self.things = []
        self._numbers = {}

    def of(self, thing) -> int:
        """The number of a thing, which must be hashable; -1 for None."""
        if thing is None:
            return -1
        number = self._numbers.get(thing)
        if number is None:
            number = len(self.things)
            self.things.append(thing)
            self._numbers[thing] = number
        return number

    def copy(self) -> Numbers:
        """The same numbers, to which more can be added without changing these."""
        copy = Numbers()
        copy.things, copy._numbers = [*self.things], {**self._numbers}
        return copy
