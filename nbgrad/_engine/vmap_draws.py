"""The draws of draws.py as random operators call them: inside `vmap` they do what its `randomness` says.

"error" raises; "same" draws once, for all examples; "different" draws a batch, in the order in which PyTorch draws it: all examples at once, the
outermost `vmap` first. Outside of `vmap` these are the plain draws.
"""

from __future__ import annotations

import functools

import numpy as np

from . import draws
from .batched import BatchedArray, NotBatchable, Refused, levels_of, whole_batch, with_level, with_levels
from .batching import running
from .modes import state


def _different():
    """The running `vmap`s that want other numbers for each example, outermost first; raises where one wants none drawn."""
    if state.mode.observer is None:
        return []
    layers = running()[::-1]
    if any(layer.randomness == "error" for layer in layers):
        raise Refused(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags on vmap "
            "or perform the randomness operation out of vmap"
        )
    return [layer for layer in layers if layer.randomness == "different"]


def refuse_same(*arrays):
    """Raise `RuntimeError` where the same draw is wanted for examples with probabilities or means of their own."""
    if not any(type(a) is BatchedArray for a in arrays):
        return
    _different()
    if any(layer.level in levels_of(arrays) for layer in running() if layer.randomness == "same"):
        raise Refused("Vmap does not currently support same randomness with a batched tensor input. Please file an issue with functorch")


def write(array, drawn):
    """Overwrite an array with what was drawn."""
    try:
        array[...] = drawn
    except NotBatchable:
        raise Refused(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same randomness. If this is "
            "necessary for your usage, please file an issue with functorch."
        ) from None


def _of_shape(place):
    """A draw whose argument at this place is the shape."""

    def declare(draw):
        @functools.wraps(draw)
        def drawing(*args, **kwargs):
            layers = _different()
            if not layers:
                return draw(*args, **kwargs)
            shape = (*(layer.size for layer in layers), *args[place])
            return with_levels(draw(*args[:place], shape, *args[place + 1 :], **kwargs), [layer.level for layer in layers])

        return drawing

    return declare


uniform, normal, exponential, cauchy, geometric, log_normal, full_range, dropout_noise = (
    _of_shape(0)(getattr(draws, name))
    for name in ("uniform", "normal", "exponential", "cauchy", "geometric", "log_normal", "full_range", "dropout_noise")
)
integers = _of_shape(2)(draws.integers)
_bernoulli_of_shape = _of_shape(1)(draws.bernoulli)


def _with_examples(array):
    """An array as a batch of all that are to be drawn for it, its physical array without any batch, and the levels, outermost first."""
    refuse_same(array)
    for layer in _different():
        if layer.level not in levels_of(array):
            array = with_level(np.broadcast_to(array, (layer.size, *array.shape)), 0, layer.level)
    return array, whole_batch(array), sorted(levels_of(array))


def bernoulli(p, shape=None, *, generator=None):
    """Draw booleans that are true with probability `p`: a number (and `shape`), or an array with one each."""
    if not isinstance(p, (np.ndarray, BatchedArray)):
        return _bernoulli_of_shape(p, shape, generator=generator)
    _, whole, levels = _with_examples(p if shape is None else np.broadcast_to(p, shape))
    return with_levels(draws.bernoulli(np.ascontiguousarray(whole), generator=generator), levels)


def permutation(n, *, generator=None):
    """Draw a random order of 0 to n - 1, as int64."""
    sizes = [layer.size for layer in _different()]
    if not sizes:
        return draws.permutation(n, generator=generator)
    drawn = [draws.permutation(n, generator=generator) for _ in range(int(np.prod(sizes)))]
    return with_levels(np.reshape(drawn, (*sizes, n)), [layer.level for layer in _different()])


def multinomial(weights, num_samples, replacement=False, *, generator=None):
    """Draw `num_samples` indices, each row of `weights` ((n,) or (m, n)) giving their chances up to a factor."""
    _, whole, levels = _with_examples(weights)
    if not levels:
        return draws.multinomial(weights, num_samples, replacement, generator=generator)
    rows = np.ascontiguousarray(whole).reshape((-1, whole.shape[-1]))
    drawn = draws.multinomial(rows, num_samples, replacement, generator=generator)
    return with_levels(drawn.reshape((*whole.shape[:-1], num_samples)), levels)
