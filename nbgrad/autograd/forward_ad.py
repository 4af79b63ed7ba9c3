"""PyTorch's `torch.autograd.forward_ad`: dual tensors, values with a tangent that operators carry along."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from .._engine.forward import DualLevel as _DualLevel
from .._engine.forward import dual as _dual
from .._engine.forward import switch as _switch
from .._engine.tensor import Tensor

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]

_current_level = -1
_level = None  # the one that is open


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` gives: the value, and its tangent or None."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Open a level for dual tensors; returns its number, 0. Raises `RuntimeError` where one is open: levels are not nested here, but by `func.jvp`."""
    global _current_level, _level
    if _level is not None:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _level = _DualLevel()
    _level.open()
    _current_level = 0
    return 0


def exit_dual_level(*, level=None) -> None:
    """Close the level that was opened last; all its tangents go."""
    global _current_level, _level
    if level is None:
        level = _current_level
    if level != _current_level:
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created. This is not supported.")
    if _level is None:
        raise RuntimeError("Dual level must be a positive number.")
    _level.close()
    _level = None
    _current_level = -1


class dual_level(contextlib.ContextDecorator):  # noqa: N801  (torch's name)
    """Open a level for dual tensors, as `with dual_level():` or as a decorator."""

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, *exception):
        exit_dual_level()


def make_dual(tensor, tangent, *, level=None) -> Tensor:
    """Give `tensor` a tangent of its shape: the direction in which to differentiate. Returns a view of it that carries the tangent.

    Raises `RuntimeError` where no level is open, the shapes differ, or one of the two is a dual tensor already; `ValueError` for numbers that are
    no floats.
    """
    if level is None:
        level = _current_level
    if level < 0:
        raise RuntimeError("Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.")
    for what, one in (("primal", tensor), ("tangent", tangent)):
        if not (one.is_floating_point() or one.is_complex()):
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {one.dtype}")
    if level != _current_level:
        raise RuntimeError("Invalid level given to _make_dual")
    if _level.tangent_of(tensor) is not None:
        raise RuntimeError(
            f"Making a dual Tensor based on a Tensor that already has a forward gradient at the same level {level} is not supported."
        )
    if _level.tangent_of(tangent) is not None:
        raise RuntimeError(f"Setting a forward grad that itself has a forward gradient at the same level{level} is not supported.")
    return _dual(_level, tensor, tangent)


def unpack_dual(tensor, *, level=None) -> UnpackedDualTensor:
    """Take a dual tensor apart: the value, a view without the tangent, and the tangent, None if it has none."""
    if level is None:
        level = _current_level
    if level < 0 or _level is None or not _switch.on:
        return UnpackedDualTensor(tensor, None)
    if level != _current_level:
        if _level.tangent_of(tensor) is not None:
            raise RuntimeError("Invalid level given to _fw_primal")
        return UnpackedDualTensor(tensor, None)
    with _level.beneath():
        primal = tensor.view(tensor.shape)
    return UnpackedDualTensor(primal, _level.tangent_of(tensor))


def _is_fwd_grad_enabled() -> bool:
    return _switch.on


class _set_fwd_grad_enabled(contextlib.ContextDecorator):  # noqa: N801  (torch's name)
    """Let operators on this thread carry tangents along, or not: at once when made, and back at the end of a `with` block."""

    def __init__(self, mode: bool):
        self.prev = _switch.on
        _switch.on = bool(mode)

    def __enter__(self):
        pass

    def __exit__(self, *exception):
        _switch.on = self.prev
