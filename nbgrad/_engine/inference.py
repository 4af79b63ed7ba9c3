"""Inference mode: compute without history, and mark what is made so that it cannot slip into a graph later.

While the mode is on a layer gives every result a version cell that raises where the engine would save the tensor or count a change of it. Outside
the mode nothing of this costs anything.
"""

from __future__ import annotations

from .modes import Decorating, state
from .node import INFERENCE_STORAGE
from .observe import Layer, add_layer, remove_layer
from .tensor import Tensor
from .views import INFERENCE


class _Marking(Layer):
    """Marks results; views of tensors from outside stay what these are."""

    hears_backward = True

    def op(self, op, args, result, node, place, in_place=False):
        if type(result) is Tensor and result._cell is None and op != "data":
            result._cell = INFERENCE_STORAGE
        elif not in_place and op != "data":
            for out in result if isinstance(result, (tuple, list)) else (result,):
                _mark(out)
                if out._base is not None:
                    out._creation = INFERENCE
        super().op(op, args, result, node, place, in_place)

    def made(self, tensor, place):
        _mark(tensor)
        super().made(tensor, place)

    def accumulated(self, leaf, grad, before):
        _mark(leaf._grad)
        super().accumulated(leaf, grad, before)


def _mark(tensor):
    if tensor._cell is None:
        tensor._cell = INFERENCE_STORAGE


class inference_mode(Decorating):  # noqa: N801  (torch's name)
    """Compute without recording, also inside `enable_grad`; what is made here can never become part of a graph.

    As `with inference_mode():` or as a decorator, with or without parentheses; `inference_mode(False)` computes as usual inside such a block.
    Recording outside what was made inside raises `RuntimeError` where the tensor would have to be saved, and so does changing it in place. A view
    taken inside of a tensor that requires a gradient says that it does too, as in PyTorch, but no gradient flows through it. Other than in PyTorch,
    `is_grad_enabled()` is False in `enable_grad` inside this mode, and what `detach()` and `.data` give of such a tensor outside cannot be changed in
    place either.
    """

    def __new__(cls, mode=True):
        self = super().__new__(cls)
        if isinstance(mode, bool):
            return self
        self.__init__()
        return self(mode)

    def __init__(self, mode: bool = True):
        self.mode = mode
        self._before = []

    def __enter__(self):
        mode = state.mode
        self._before.append((mode.grad, mode.inference))
        mode.grad = not self.mode
        if self.mode and mode.inference is None:
            mode.inference = _Marking()
            add_layer(mode.inference)
        elif not self.mode and mode.inference is not None:
            remove_layer(mode.inference)
            mode.inference = None

    def __exit__(self, *exception):
        mode = state.mode
        layer = mode.inference
        mode.grad, mode.inference = self._before.pop()
        if layer is not mode.inference:
            if layer is not None:
                remove_layer(layer)
            if mode.inference is not None:
                add_layer(mode.inference)

    def _again(self):
        return type(self)(self.mode)


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return state.mode.inference is not None


def is_inference(input: Tensor) -> bool:
    """Whether a tensor was made in inference mode."""
    return input.is_inference()
