"""The state of a thread: whether gradients are tracked, who observes, and the place in the user's code on whose behalf the package computes.

All of it hangs on one thread-local attribute, because reading a thread-local costs more than everything behind it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import threading
import types
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parents[1])


class Mode:
    """What one thread computes under."""

    __slots__ = ("grad", "observer", "left", "place", "running", "inference")

    def __init__(self):
        self.grad = True
        self.inference = None  # the layer that marks results, inside inference mode
        self.observer = None
        self.left = {}  # observers that left while another stood in their place -> who had stood there before them
        self.running = None  # the backward pass that is under way
        self.place = None  # set while a composite runs, so that its operators name the user's line and not ours


class _State(threading.local):
    def __init__(self):
        self.mode = Mode()


state = _State()


class _Anomaly:
    """Whether backward passes, in all threads, are watched (anomaly.py), and whether they look for NaN."""

    enabled = False
    check_nan = True


anomaly = _Anomaly()


def place_of_caller(depth: int):
    """The place `(code, instruction offset)` in the user's source on whose behalf we compute.

    `depth` counts frames up from the caller of this function; inside a composite it is the composite's caller all the same.
    """
    place = state.mode.place
    if place is None:
        frame = sys._getframe(depth + 1)
        place = (frame.f_code, frame.f_lasti)
    return place


def place_of_user():
    """The same, found by walking up out of this package; for rare events."""
    if state.mode.place is not None:
        return state.mode.place
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return (frame.f_code, frame.f_lasti)


@contextlib.contextmanager
def on_behalf_of(place):
    """Inside the block operators name this place in the user's source."""
    mode = state.mode
    before = mode.place
    mode.place = place
    try:
        yield
    finally:
        mode.place = before


def is_grad_enabled() -> bool:
    """Whether operators on this thread record themselves for backward."""
    return state.mode.grad


class Decorating:
    """A `with` block that also decorates: functions, generators, coroutines and asynchronous generators run under it, each stretch of theirs that
    runs without a break on its own; whoever runs between two stretches does not."""

    def __call__(self, function):
        again = self._again
        if inspect.isclass(function):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions or methods. To "
                "preserve the current behavior of class decoration, you can directly decorate the `__init__` method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )
            function = _calling(function)
        if inspect.isgeneratorfunction(function):
            return _generator_under(again, function)
        if inspect.iscoroutinefunction(function):
            return _coroutine_under(again, function)
        if inspect.isasyncgenfunction(function):
            return _async_generator_under(again, function)

        @functools.wraps(function)
        def under(*args, **kwargs):
            with again():
                return function(*args, **kwargs)

        return under

    def _again(self):
        return type(self)()


def _calling(cls):
    return lambda *args, **kwargs: cls(*args, **kwargs)


def _stretches(again, inner):
    """Drive a generator or coroutine, its own code under the mode and the code between its items under the caller's."""
    advance, given = inner.send, (None,)
    while True:
        try:
            with again():
                item = advance(*given)
        except StopIteration as end:
            return end.value
        try:
            advance, given = inner.send, ((yield item),)
        except GeneratorExit:
            with again():
                inner.close()
            raise
        except BaseException as error:
            advance, given = inner.throw, (error,)


_awaited = types.coroutine(_stretches)


def _generator_under(again, function):
    @functools.wraps(function)
    def under(*args, **kwargs):
        return (yield from _stretches(again, function(*args, **kwargs)))

    return under


def _coroutine_under(again, function):
    @functools.wraps(function)
    async def under(*args, **kwargs):
        return await _awaited(again, function(*args, **kwargs))

    return under


def _async_generator_under(again, function):
    @functools.wraps(function)
    async def under(*args, **kwargs):
        inner = function(*args, **kwargs)
        advance, given = inner.asend, (None,)
        while True:
            try:
                item = await _awaited(again, advance(*given))
            except StopAsyncIteration:
                return
            try:
                advance, given = inner.asend, ((yield item),)
            except GeneratorExit:
                await _awaited(again, inner.aclose())
                raise
            except BaseException as error:
                advance, given = inner.athrow, (error,)

    return under


class _GradMode(Decorating):
    """A block, or a decorated function, with gradients on or off; may be entered again inside itself."""

    _grad: bool

    def __init__(self):
        self._before = []

    def __enter__(self):
        mode = state.mode
        self._before.append(mode.grad)
        mode.grad = self._grad and mode.inference is None

    def __exit__(self, *exception):
        state.mode.grad = self._before.pop()


class no_grad(_GradMode):  # noqa: N801  (torch's name)
    """Compute without recording for backward: as `with no_grad():` or as a decorator, with or without parentheses.

    The mode belongs to the thread, as in PyTorch: while a block is open, what another asyncio task does between two of its awaits runs under it
    too. A decorated coroutine holds the mode only while its own code runs, where PyTorch would not hold it at all.
    """

    _grad = False

    def __new__(cls, function=None):
        self = super().__new__(cls)
        self._before = []
        return self if function is None else self(function)


class enable_grad(_GradMode):  # noqa: N801  (torch's name)
    """Record for backward, also inside `no_grad` (but not inside `inference_mode`): as `with enable_grad():` or as a decorator."""

    _grad = True

    def __new__(cls, function=None):
        self = super().__new__(cls)
        self._before = []
        return self if function is None else self(function)


class set_grad_enabled(_GradMode):  # noqa: N801  (torch's name)
    """Switch recording on or off: at once when called, and back at the end when used as `with set_grad_enabled(mode):`.

    Raises `TypeError` for a mode that is no bool.
    """

    def __init__(self, mode: bool):
        if not isinstance(mode, bool):
            raise TypeError(f"set_grad_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}")
        self._grad = mode
        self._before = state.mode.grad
        self.__enter__()

    def __enter__(self):
        mode = state.mode
        mode.grad = self._grad and mode.inference is None

    def __exit__(self, *exception):
        state.mode.grad = self._before

    def __call__(self, function):
        state.mode.grad = self._before  # as a decorator it changes the function only
        return super().__call__(function)

    def _again(self):
        return set_grad_enabled(self._grad)

    def __repr__(self):
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self._grad})"
