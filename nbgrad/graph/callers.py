"""Which of the user's functions an operator runs in: the calls between the cell and the line that computes.

A call is told from the next one of the same function by a mark on its frame, an attribute that only debuggers read; while one traces, no function
is told at all. Lambdas, comprehensions and `forward`, which its module stands for already, count as part of what they are called in.
"""

from __future__ import annotations

import itertools
import sys

_frame = sys._getframe
_PACKAGE = __name__.partition(".")[0]


class Caller:
    """One running call of a function."""

    __slots__ = ("serial", "name", "place")

    def __init__(self, serial: int, name: str, place: tuple):
        self.serial, self.name, self.place = serial, name, place  # the place, (code, instruction offset), is that of who called


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

    def of(self, code, above: int) -> tuple[Caller, ...]:
        """The calls around an operator that a frame with this code runs, the outermost first; it lies at least so many frames `above` who asks."""
        frame = _frame(above + 1)  # each frame looked at costs, since Python makes an object for it
        while frame.f_code is not code:
            frame = frame.f_back
            if frame is None:
                return ()
        if frame.f_trace_opcodes and (known := self._running.get(id(frame))) is not None:
            return known
        return () if sys.gettrace() is not None else self._up_to(frame)

    def _up_to(self, frame):
        """The calls up to a frame, marked as seen; none where nothing that we know is behind them, as in a thread."""
        running, around, known = self._running, [], ()
        while frame is not None:
            if frame.f_trace_opcodes and (known := running.get(id(frame), ())):
                break
            code = frame.f_code
            if code.co_name == "<module>" or (id(frame), code) in self._outside:
                break
            around.append((frame, code))
            frame = frame.f_back
        else:
            return ()
        while around:
            inner, code = around.pop()
            inner.f_trace_opcodes = True
            name = self._names.get(code)
            if name is None:
                name = self._name(inner)
            if name:
                known = (*known, Caller(next(self._serials), name, (frame.f_code, frame.f_lasti)))
            running[id(inner)] = known
            frame = inner
        return known

    def _name(self, frame):
        code = frame.f_code
        ours = frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE
        plain = code.co_qualname.rpartition("<locals>.")[2].removesuffix(".__call__").removesuffix(".__init__")
        name = self._names[code] = "" if ours or code.co_name == "forward" or code.co_name[0] == "<" else plain
        return name
