"""Which of the user's functions an operator runs in: the calls between the cell and the line that computes.

A call is told from the next one of the same function by a mark on its frame, an attribute that only debuggers read; while one traces, no function
is told at all. Lambdas, comprehensions and `forward`, which its module stands for already, count as part of what they are called in.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass

_frame = sys._getframe
_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Caller:
    """One running call of a function."""

    serial: int
    name: str
    place: tuple | None  # (code, instruction offset) of who called


class Callers:
    """Knows the calls that have begun since it was made and are still running."""

    def __init__(self):
        self._outside = set()  # what runs already
        frame = _frame(1)
        while frame is not None:
            self._outside.add((id(frame), frame.f_code))
            frame = frame.f_back
        self._serials = itertools.count()
        self._running = {}  # id of a frame that bears the mark -> the calls up to it, the outermost first
        self._names = {}  # code -> the function's name, "" for what does not count

    def of(self, code) -> tuple[Caller, ...]:
        """The calls around an operator that a frame with this code runs, the outermost first."""
        frame = _frame(1)
        while frame.f_code is not code:
            frame = frame.f_back
            if frame is None:
                return ()
        if frame.f_trace_opcodes:
            known = self._running.get(id(frame))
            if known is not None:
                return known
        return () if sys.gettrace() is not None else self._up_to(frame)

    def _up_to(self, frame):
        """The calls up to a frame, marked as seen; none where nothing that we know is behind them, as in a thread."""
        around, known = [], ()
        while frame is not None and frame.f_code.co_name != "<module>" and (id(frame), frame.f_code) not in self._outside:
            if frame.f_trace_opcodes and (known := self._running.get(id(frame), ())):
                break
            around.append(frame)
            frame = frame.f_back
        if frame is None:
            return ()
        for inner in reversed(around):
            inner.f_trace_opcodes = True
            name = self._name(inner)
            if name:
                back = inner.f_back
                known = (*known, Caller(next(self._serials), name, (back.f_code, back.f_lasti)))
            self._running[id(inner)] = known
        return known

    def _name(self, frame):
        code = frame.f_code
        name = self._names.get(code)
        if name is None:
            ours = frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE
            plain = code.co_qualname.rpartition("<locals>.")[2].removesuffix(".__call__").removesuffix(".__init__")
            name = self._names[code] = "" if ours or code.co_name == "forward" or code.co_name[0] == "<" else plain
        return name
