"""PyTorch's `torch.masked`: what the registry declares under that name."""

from ._engine.op import NAMES as _NAMES

_HERE = "masked."
globals().update({name.removeprefix(_HERE): f for name, f in _NAMES.items() if name.startswith(_HERE)})
__all__ = sorted(name.removeprefix(_HERE) for name in _NAMES if name.startswith(_HERE))  # pyright: ignore
