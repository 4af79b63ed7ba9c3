"""PyTorch's `torch.serialization`: `save` and `load`, in PyTorch's own file format, so that files go both ways.

Nothing in a file is executed unless `weights_only=False` says so. The work is done in `_checkpoints.py` and `_unpickler.py`, loaded when first
needed.
"""

from __future__ import annotations

import contextlib
import os

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "load", "safe_globals", "save"]

_safe: list = []  # what users trust beyond tensors and plain data: functions and classes, or pairs (one, its full name)


def save(obj, f, pickle_module=None, pickle_protocol=2, _use_new_zipfile_serialization=True) -> None:
    """Write an object to a file: tensors, the containers they stand in, plain data, and whatever else `pickle` can write.

    `f` is a path or a file open for writing bytes. Tensors that share memory share it again once loaded. PyTorch reads these files, and reads
    tensors, containers and plain data with `weights_only=True`. Raises `RuntimeError` where the folder does not exist.
    """
    from . import _checkpoints
    from ._engine import errors

    if not _use_new_zipfile_serialization:
        raise errors.unsupported("PyTorch's format from before version 1.6", "leave _use_new_zipfile_serialization out")
    if pickle_module is not None and pickle_module.__name__ != "pickle":
        raise errors.unsupported("another pickle_module", "leave it out")
    if isinstance(f, (str, os.PathLike)):
        folder = os.path.dirname(os.path.abspath(f))
        if not os.path.isdir(folder):
            raise RuntimeError(f"Parent directory {folder} does not exist.")
    elif not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    _checkpoints.write(obj, f, pickle_protocol)


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """Read an object from a file that `save` has written, or PyTorch's `torch.save`.

    `f` is a path or a file open for reading bytes. Only tensors, containers and plain data are read, and what `add_safe_globals` has named; anything
    else raises `pickle.UnpicklingError` and nothing is executed. `weights_only=False` reads everything that `pickle` can: a file can then run
    whatever code its author wished, so do it for files you trust alone. `map_location` sends what was on another device to the CPU: "cpu", a
    device, a dictionary of them, or a function of (memory, place). Raises `RuntimeError` for a damaged file, or one whose tensors reach
    beyond their memory; `EOFError` for an empty one.
    """
    from . import _checkpoints

    if pickle_module is not None:
        if weights_only:
            raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
        weights_only = False
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _checkpoints.read(file, map_location, weights_only is not False, pickle_load_args)
    for needed in ("read", "seek", "tell"):
        if not hasattr(f, needed):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{needed}'. You can only torch.load from a file that is seekable. Please pre-load the "
                "data into a buffer like io.BytesIO and try to load from it instead."
            )
    return _checkpoints.read(f, map_location, weights_only is not False, pickle_load_args)


def add_safe_globals(safe_globals: list) -> None:
    """Let `load` use these classes and functions, or pairs (one of them, its full name in files), also with `weights_only=True`."""
    _safe.extend(one for one in safe_globals if one not in _safe)


def get_safe_globals() -> list:
    """What `add_safe_globals` has been given."""
    return list(_safe)


def clear_safe_globals() -> None:
    """Trust nothing beyond tensors and plain data again."""
    _safe.clear()


@contextlib.contextmanager
def safe_globals(safe_globals: list):
    """Trust these classes and functions inside the block."""
    before = list(_safe)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _safe[:] = before
