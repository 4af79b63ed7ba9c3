"""PyTorch's `torch.autograd.anomaly_mode`: finding the line of forward at which a wrong gradient began."""

import warnings

from .._engine.modes import anomaly as _anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def is_anomaly_enabled() -> bool:
    """Whether backward passes are watched."""
    return _anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether backward passes that are watched look for NaN."""
    return _anomaly.check_nan


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Watch backward passes from now on, or no longer."""
    _anomaly.enabled, _anomaly.check_nan = bool(mode), bool(check_nan)


class detect_anomaly:  # noqa: N801  (torch's name)
    """A block in which a backward pass that meets an error, or with `check_nan` a NaN, tells which line of forward it belongs to.

    A NaN raises `RuntimeError`. Passes take longer meanwhile.
    """

    def __init__(self, check_nan=True):
        self.prev = is_anomaly_enabled()
        self.check_nan = check_nan
        self.prev_check_nan = is_anomaly_check_nan_enabled()
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self):
        set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *exception):
        set_anomaly_enabled(self.prev, self.prev_check_nan)


class set_detect_anomaly:  # noqa: N801  (torch's name)
    """Switch anomaly detection on or off: at once when called, and back at the end when used as `with set_detect_anomaly(mode):`."""

    def __init__(self, mode: bool, check_nan: bool = True):
        self.prev = is_anomaly_enabled()
        self.prev_check_nan = is_anomaly_check_nan_enabled()
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self):
        pass

    def __exit__(self, *exception):
        set_anomaly_enabled(self.prev, self.prev_check_nan)
