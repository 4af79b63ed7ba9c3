"""`einsum`: sums of products by Einstein's notation, composed of permutations, products and `bmm` as PyTorch composes it."""

from __future__ import annotations

from .._engine.op import composite
from .._engine.tensor import Tensor
from .matmul import _product, bmm

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _parse(equation, operands):
    """The labels of each operand and of the result as lists; the dimensions of an ellipsis become labels ("...", i), the last one 0."""
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        more = "more" if len(terms) < len(operands) else "fewer"
        raise ValueError(f"einsum(): {more} operands were provided than specified in the equation")
    inputs, widest = [], 0
    for i, (term, x) in enumerate(zip(terms, operands)):
        before, dots, after = term.partition("...")
        for label in before + after:
            if label not in _LETTERS:
                raise RuntimeError(f"einsum(): invalid subscript given at index {equation.index(label)} in the equation string, subscripts must be in [a-zA-Z]")
        covered = x._array.ndim - len(before) - len(after)
        if covered < 0 or covered and not dots:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) "
                + ("is more than the number of dimensions" if dots else "does not match the number of dimensions")
                + f" ({x._array.ndim}) for operand {i}" + (" and no ellipsis was given" if not dots else "")
            )
        widest = max(widest, covered)
        inputs.append([*before, *(("...", covered - 1 - k) for k in range(covered)), *after])
    dotted = [("...", widest - 1 - k) for k in range(widest)]
    if arrow:
        before, dots, after = right.partition("...")
        output = [*before, *(dotted if dots else ()), *after]
        named = {label for labels in inputs for label in labels}
        for label in before + after:
            if label not in named:
                raise RuntimeError(f"einsum(): output subscript {label} does not appear in the equation for any input operand")
            if (before + after).count(label) > 1:
                raise RuntimeError(f"einsum(): output subscript {label} appears more than once in the output")
    else:
        flat = "".join(label for labels in inputs for label in labels if isinstance(label, str))
        output = [*dotted, *sorted(label for label in set(flat) if flat.count(label) == 1)]
    return inputs, output


def _aligned(x, labels, order):
    """An operand with a dimension for every label of `order`, of size 1 for those it lacks; repeated labels become diagonals."""
    labels = list(labels)
    while len(set(labels)) < len(labels):
        again = next(label for i, label in enumerate(labels) if label in labels[:i])
        i, j = labels.index(again), len(labels) - 1 - labels[::-1].index(again)
        if x._array.shape[i] != x._array.shape[j]:
            raise RuntimeError(f"einsum(): subscript {again} is repeated for operand but the sizes don't match, {x._array.shape[j]} != {x._array.shape[i]}")
        x = x.diagonal(0, i, j).movedim(-1, i)
        del labels[j]
    for label in order:
        if label not in labels:
            x = x.unsqueeze(-1)
            labels.append(label)
    return x.permute(tuple(labels.index(label) for label in order))


def _pair(a, b, summed):
    """Sum the product of two aligned operands over some dimensions, which stay with size 1."""
    ours, theirs = a._array.shape, b._array.shape
    summed = set(summed)
    alone_a = tuple(d for d in summed if theirs[d] == 1 and ours[d] != 1)
    alone_b = tuple(d for d in summed if ours[d] == 1 and theirs[d] != 1)
    if alone_a:
        a = a.sum(alone_a, keepdim=True)
    if alone_b:
        b = b.sum(alone_b, keepdim=True)
    summed = sorted(summed - set(alone_a) - set(alone_b))
    if not summed:
        return a * b
    ours, theirs = a._array.shape, b._array.shape
    ndim = len(ours)
    both = [d for d in range(ndim) if d not in summed and ours[d] != 1 and theirs[d] != 1]
    left = [d for d in range(ndim) if d not in summed and d not in both and theirs[d] == 1]
    right = [d for d in range(ndim) if d not in summed and d not in both and d not in left]
    first, second = a.permute((*both, *left, *summed, *right)), b.permute((*both, *summed, *right, *left))
    size = lambda shape, dims: _product(shape[d] for d in dims)  # noqa: E731
    batch, n, k, m = size(ours, both), size(ours, left), size(ours, summed), size(theirs, right)
    out = bmm.function(first.reshape((batch, n, k)), second.reshape((batch, k, m)))
    order = [*both, *left, *summed, *right]
    out = out.view((*(ours[d] for d in both), *(ours[d] for d in left), *(1 for _ in summed), *(theirs[d] for d in right)))
    return out.permute(tuple(order.index(d) for d in range(ndim)))


@composite(method=False)
def einsum(equation, *operands):
    """Add up products of elements by Einstein's notation, such as "ij,jk->ik" for the product of two matrices."""
    if not isinstance(equation, str):
        equation, operands = _from_lists(equation, operands)
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    for i, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(x).__name__}")
    if not operands:
        raise ValueError("einsum(): must provide at least one operand")
    inputs, output = _parse(equation, operands)
    rest = [label for labels in inputs for label in labels if label not in output]
    order = [*output, *dict.fromkeys(rest)]
    sizes = {}
    for i, (labels, x) in enumerate(zip(inputs, operands)):
        for label, n in zip(labels, x._array.shape):
            known = sizes.get(label, 1)
            if known != 1 and n not in (1, known):
                raise RuntimeError(f"einsum(): subscript {label} has size {n} for operand {i} which does not broadcast with previously seen size {known}")
            sizes[label] = n if known == 1 else known
    aligned = [_aligned(x, labels, order) for labels, x in zip(inputs, operands)]
    out = aligned[0]
    kept = len(output)
    if len(aligned) == 1:
        dims = tuple(range(kept, len(order)))
        return out.sum(dims) if dims else out
    for i, x in enumerate(aligned[1:], 1):
        # a dimension can be summed over once no later operand has it
        summed = [d for d in range(kept, len(order)) if all(y._array.shape[d] == 1 for y in aligned[i + 1 :])]
        summed = [d for d in summed if out._array.shape[d] != 1 or x._array.shape[d] != 1]
        out = _pair(out, x, summed)
    if len(order) == kept:
        return out
    return out.view(out._array.shape[:kept]) if _viewable(out) else out.reshape(out._array.shape[:kept])


def _viewable(x):
    return x._array.flags.c_contiguous


def _from_lists(first, rest):
    """The form `einsum(x, [0, 1], y, [1, 2], [0, 2])` as an equation and operands."""
    items = [first, *rest]
    pairs = len(items) // 2
    terms = []
    for labels in [*items[1 : 2 * pairs : 2], *([items[-1]] if len(items) % 2 else [])]:
        terms.append("".join("..." if label is Ellipsis else _LETTERS[label] for label in labels))
    operands = items[0 : 2 * pairs : 2]
    if not all(isinstance(x, Tensor) for x in operands):
        raise TypeError("einsum(): operands must be tensors")
    return ",".join(terms[:pairs]) + (f"->{terms[-1]}" if len(items) % 2 else ""), tuple(operands)
