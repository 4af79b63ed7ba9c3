"""The random number generator: torch.Generator over MT19937, and the one every random function uses by default.

Holds the engine's raw 32-bit and 64-bit draws in blocks, the normal kept back by pairwise sampling, seeds and states. A
state is laid out as PyTorch's CPU generator lays out its own 5056 bytes, so the two can exchange states. Called by
`draws.py` and by torch's random faces. Knows nothing of tensors (states are NumPy arrays here) or of distributions.
"""

import operator
import secrets

import numpy as np

# What a new torch.Generator is seeded with.
DEFAULT_SEED = 67280421310721

_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("key", "<u8", 624),
        ("normal_x", "<f8"),
        ("normal_y", "<f8"),
        ("normal_rho", "<f8"),
        ("normal_is_valid", "<i4"),
        ("padding", "<i4"),
        ("float_normal", "<f4"),
        ("float_normal_is_valid", "<i4"),
    ]
)


class Generator:
    """A stream of pseudorandom numbers that gives PyTorch's CPU numbers for the same seed."""

    def __init__(self, device="cpu"):
        if str(device) != "cpu":
            raise RuntimeError(f"Device type {device} is not supported for torch.Generator() api: only 'cpu' is.")
        self._device = device
        self._mersenne = np.random.RandomState(0)
        self.manual_seed(DEFAULT_SEED)

    @property
    def device(self):
        """The device this generator draws for: always the CPU."""
        return self._device

    def manual_seed(self, seed):
        """Start the stream of `seed`, an integer from -2**63 to 2**64 - 1 (negative ones count from 2**64), and return self."""
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        seed = operator.index(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = seed % 2**64
        self._mersenne.seed(self._seed & 0xFFFFFFFF)
        self._drawn = False
        self.cached_normal = None
        return self

    def seed(self):
        """Start a stream from the system's entropy and return its seed."""
        self.manual_seed(secrets.randbits(53))
        return self._seed

    def initial_seed(self):
        """Return the seed the stream was started with."""
        return self._seed

    def get_state(self):
        """Return the state as 5056 bytes, in PyTorch's layout."""
        engine = self._mersenne.get_state(legacy=False)["state"]
        state = np.zeros((), _STATE)
        state["seed"] = self._seed
        state["seeded"] = 1
        state["key"] = engine["key"]
        state["left"] = 625 - engine["pos"]
        state["next"] = engine["pos"] if self._drawn else 0
        if self.cached_normal is not None:
            state["normal_y"] = self.cached_normal
            state["normal_is_valid"] = 1
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def set_state(self, new_state):
        """Continue from a state given by `get_state`, ours or PyTorch's, and return self."""
        new_state = np.asarray(new_state)
        if new_state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if new_state.size != _STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} "
                f"but found the input RNG state size to be {new_state.size}"
            )
        state = np.frombuffer(new_state.tobytes(), _STATE)[0]
        left, following = int(state["left"]), int(state["next"])
        if state["seeded"] != 1 or not 0 < left <= 624 or following > 624:
            raise RuntimeError("Invalid mt19937 state")
        self._mersenne.set_state(("MT19937", state["key"].astype(np.uint32), 625 - left))
        self._seed = int(state["seed"])
        # Between seeding and the first draw PyTorch's position is 0, not 624 as at the end of a block.
        self._drawn = left != 1 or following != 0
        self.cached_normal = float(state["normal_y"]) if state["normal_is_valid"] else None
        return self

    def clone_state(self):
        """Return a new generator that continues the stream from here, on its own."""
        return type(self)(self._device).set_state(self.get_state())

    def draw32(self, count):
        """Return the next `count` 32-bit draws as uint32."""
        if not count:
            return np.empty(0, np.uint32)  # NumPy's own `bytes(0)` takes a draw
        self._drawn = True
        return np.frombuffer(self._mersenne.bytes(4 * count), "<u4")

    def draw64(self, count):
        """Return `count` 64-bit draws as uint64, each of two 32-bit draws: the first is the high word."""
        words = self.draw32(2 * count).astype(np.uint64)
        return words[::2] << np.uint64(32) | words[1::2]


default_generator = Generator()
default_generator.seed()
