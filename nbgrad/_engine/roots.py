"""What a backward pass is asked for: checks of the tensors it begins at, of their cotangents, and of the inputs whose gradients are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from . import dtypes
from .node import Node, Port, behind, gradient_edge, node_of, number_of
from .tensor import Tensor, wrap


class GradientEdge(NamedTuple):
    """One output of a node, as the place where a gradient arrives: stands for a tensor where backward is told where to begin or to end.

    `output_nr` is the number of the output. `ownership_token` is None: the node itself keeps its graph alive.
    """

    node: Node
    output_nr: int
    ownership_token: Node | None = None


GradientEdge.__module__ = "nbgrad.autograd.graph"


def get_gradient_edge(tensor) -> GradientEdge:
    """The place where the gradient of a tensor arrives. Raises `RuntimeError` for a tensor that does not require one."""
    edge = gradient_edge(tensor) if tensor._requires_grad else None
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(node_of(edge).shown(), number_of(edge))


def edge_of(place):
    """The edge that leads to a tensor or `GradientEdge`; None for a tensor to which none does."""
    if isinstance(place, Tensor):
        return gradient_edge(place) if place._requires_grad else None
    node = behind(place.node)
    return node if node.arity == 1 else Port(node, place.output_nr)


def as_tuple(places):
    """One tensor or `GradientEdge`, or several, as a tuple."""
    return (places,) if isinstance(places, (Tensor, GradientEdge)) else tuple(places)


def as_inputs(inputs, who):
    """The inputs given to `backward` or `grad` as a tuple; a dictionary counts by its values."""
    if isinstance(inputs, Mapping):
        if type(inputs) is not dict:
            raise TypeError(f"`inputs` argument to `{who}()` must be a dict, not {type(inputs).__name__}. Other Mapping types are not supported.")
        inputs = inputs.values()
    inputs = as_tuple(inputs)
    if not inputs:
        raise RuntimeError(f"`inputs` argument to `{who}()` cannot be empty.")
    return inputs


def check_inputs(inputs, accumulate):
    """The edges of the inputs, in order; None for one that no gradient can reach. With `accumulate` results are told to keep their gradients."""
    edges = []
    for one in inputs:
        if not isinstance(one, (Tensor, GradientEdge)):
            raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(one).__name__}")
        if accumulate and isinstance(one, Tensor):
            one.retain_grad()
        if isinstance(one, Tensor) and not one._requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        edges.append(edge_of(one))
    return edges


def check_roots(tensors, grads):
    """The edges to begin at, with their cotangents."""
    if len(tensors) != len(grads):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(grads)} gradients")
    roots = []
    for i, (place, g) in enumerate(zip(tensors, grads)):
        edge = edge_of(place)
        if edge is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        roots.append((edge, g))
    return roots


def starting_grads(tensors, grads, create_graph):
    """Check the cotangents, and make ones for tensors of one element; None for tensors that require no gradient.

    `grads` is None, one tensor, or a sequence of tensors and None; what is too much in it is left aside, as PyTorch does.
    """
    if grads is None:
        grads = (None,) * len(tensors)
    return [_starting_grad(i, place, g, create_graph) for i, (place, g) in enumerate(zip(tensors, as_tuple(grads)))]


def _described(place):
    """Shape, type, and whether a gradient is wanted, of a tensor or `GradientEdge`."""
    if isinstance(place, Tensor):
        return place._array.shape, place._array.dtype, place._requires_grad
    if not isinstance(place, GradientEdge):
        raise AssertionError(f"Expected output to be a torch.Tensor, but got {type(place).__name__}")
    node, number = behind(place.node), place.output_nr
    return (node.shape, node.dtype, True) if node.arity == 1 else (node.shape[number], node.dtype[number], True)


def _starting_grad(i, place, g, create_graph):
    shape, kind, wanted = _described(place)
    if g is None:
        if not wanted:
            return None
        if shape and any(n != 1 for n in shape):
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if kind.kind != "f":
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {dtypes.of_array(kind)}")
        return wrap(np.ones(shape, kind))
    if not isinstance(g, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if g._array.shape != shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of torch.Size({list(shape)})."
        )
    if (g._array.dtype.kind == "c") != (kind.kind == "c"):
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{i}] has a dtype of {g.dtype} and output[{i}] has a dtype of {dtypes.of_array(kind)}."
        )
    if g._array.dtype != kind:
        return g.to(dtypes.of_array(kind)) if create_graph else wrap(g._array.astype(kind))
    return g
