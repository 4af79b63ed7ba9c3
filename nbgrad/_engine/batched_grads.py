"""`autograd.grad(..., is_grads_batched=True)`: one backward pass for many cotangents, which come as batches."""

from __future__ import annotations

from .batched import next_level
from .batching import hidden, shown, vmapping
from .tensor import Tensor, wrap


def grads_of_batch(grad, outputs, inputs, grad_outputs, allow_unused, materialize_grads, **options):
    """What `grad` gives for each of the cotangents along the first dimension of `grad_outputs`; that dimension comes first in the results.

    Raises `RuntimeError` where the other dimensions are not those of the outputs, `ValueError` where the first ones differ.
    """
    outputs = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    cotangents = (grad_outputs,) if isinstance(grad_outputs, Tensor) or grad_outputs is None else tuple(grad_outputs)
    if grad_outputs is None:
        cotangents *= len(outputs)
    if len(outputs) != len(cotangents):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(cotangents)} gradients")
    size = _checked_size(outputs, cotangents)
    level = next_level()
    with vmapping(level, size):
        given = [hidden(g, level) for g in cotangents]
        found = grad(outputs, inputs, given, allow_unused=allow_unused or materialize_grads or None, **options)
        named = dict(found) if isinstance(found, dict) else dict(enumerate(found))
        named = {key: None if g is None else shown(g, level, size) for key, g in named.items()}
    if materialize_grads:
        wanted = inputs if isinstance(inputs, dict) else dict(enumerate((inputs,) if isinstance(inputs, Tensor) else inputs))
        named = {key: wrap(wanted[key]._array * 0) if g is None else g for key, g in named.items()}
    return named if isinstance(found, dict) else tuple(named.values())


def _checked_size(outputs, cotangents):
    """How many cotangents there are, after torch's checks."""
    sizes = []
    for i, (output, g) in enumerate(zip(outputs, cotangents)):
        if not isinstance(output, Tensor):
            raise RuntimeError("Batched grads are not supported with GradientEdge")
        if g is None:
            if output.numel() != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            raise ValueError(
                "vmap(vjp, in_dims=0, ...)(<inputs>): Got in_dim=0 for some input, but that input is a Tensor of dimensionality "
                f"{output.dim()} so expected in_dim to satisfy 0 <= in_dim < {output.dim()}."
            )
        if g.dim() == 0:
            raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor "
                             "to a number")  # fmt: skip
        if g.shape[1:] != output.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The sizes of the "
                "remaining dimensions are expected to match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of {g.shape[1:]} and output[{i}] has a shape of {output.shape}. If you only want some tensors in "
                "`grad_output` to be considered batched, consider using vmap."
            )
        sizes.append(g.shape[0])
    if len(set(sizes)) > 1:
        raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension")
    if not sizes[0]:
        raise IndexError("index 0 is out of bounds for dimension 0 with size 0")
    return sizes[0]
