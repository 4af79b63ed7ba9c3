"""PyTorch's `torch.random`: seeds, and the state of the generator that every random function uses by default."""

import contextlib

from ._engine import generator as _engine
from ._engine.tensor import Tensor, wrap


class Generator(_engine.Generator):
    """A stream of pseudorandom numbers that gives PyTorch's CPU numbers for the same seed."""

    def get_state(self):
        """Return the state as a tensor of 5056 bytes, in PyTorch's layout."""
        return wrap(super().get_state())

    def set_state(self, new_state):
        """Continue from a state given by `get_state`, and return self."""
        if not isinstance(new_state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        return super().set_state(new_state._array)


def manual_seed(seed):
    """Start the default generator's stream of `seed`; returns the generator."""
    return default_generator.manual_seed(int(seed))


def seed():
    """Start the default generator's stream from the system's entropy; returns the seed."""
    return default_generator.seed()


def initial_seed():
    """Return the seed that the default generator was started with."""
    return default_generator.initial_seed()


def get_rng_state():
    """Return the state of the default generator as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Let the default generator continue from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type="cpu"):
    """Restore the state of the default generator at the end of a block."""
    before = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if before is not None:
            set_rng_state(before)


default_generator = Generator()
default_generator.seed()
_engine.default_generator = default_generator

__all__ = ["fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]
