"""Silence NumPy's floating point warnings while a kernel runs: `log(0)` is -inf without a word, as in PyTorch.

`np.errstate` costs three operators on small tensors, so where NumPy keeps its error state in the context variable that we know, that variable is set
and reset directly; elsewhere `np.errstate` does it. Who must put the state back even when an interrupt comes between any two steps asks for
`error_state()` first, for the case that the token never reaches it, and ends with `put_error_state` then.
"""

from __future__ import annotations

import numpy as np

try:
    from numpy._core.umath import _extobj_contextvar, _make_extobj

    quiet_numpy = _extobj_contextvar.set
    restore_numpy = _extobj_contextvar.reset
    error_state = _extobj_contextvar.get
    put_error_state = _extobj_contextvar.set
    _ignore = _make_extobj(all="ignore")

    def _bind(set_state, ignore):
        import functools

        return functools.partial(set_state, ignore)

    quiet_numpy = _bind(quiet_numpy, _ignore)
except (ImportError, AttributeError):  # another NumPy

    def quiet_numpy():
        """Begin silence; gives what `restore_numpy` needs."""
        state = np.errstate(all="ignore")
        state.__enter__()
        return state

    def restore_numpy(state):
        """End silence."""
        state.__exit__(None, None, None)

    def error_state():
        """What NumPy does about floating point errors now, for `put_error_state`."""
        return np.geterr()

    def put_error_state(state):
        """Let it do so again."""
        np.seterr(**state)
