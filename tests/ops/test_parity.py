"""Every sample against real PyTorch: values, types, shapes, node names, gradients, and gradients of gradients."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nbgrad

from .harness import cases, cotangents, find, flat, of_type, our_tensor, prepare

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")


def torch_tensor(array, requires_grad):
    return torch.from_numpy(np.array(array, order="C")).requires_grad_(requires_grad)


def as_torch(x):
    return getattr(torch, x.name) if isinstance(x, nbgrad.dtype) else x


def same(ours, theirs, what, tolerance=None):
    """Values, shapes and types agree."""
    if not isinstance(theirs, torch.Tensor):
        assert type(ours) is type(theirs), what
        assert ours == theirs or ours != ours and theirs != theirs, what
        return
    expected = theirs.detach().resolve_conj().resolve_neg().numpy(force=True)
    assert str(ours.dtype) == str(theirs.dtype), what
    assert tuple(ours.shape) == tuple(theirs.shape), what
    if expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(ours.numpy(force=True), expected, err_msg=what)
        return
    tolerance = tolerance or {2: 2e-3, 4: 2e-6}.get(expected.dtype.itemsize // (1 + (expected.dtype.kind == "c")), 1e-10)
    np.testing.assert_allclose(ours.numpy(force=True), expected, rtol=tolerance, atol=tolerance, err_msg=what)


def quietly(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


@pytest.mark.parametrize(("name", "sample"), cases(lambda name, sample: sample.parity))
def test_values_and_derivatives_are_those_of_torch(name, sample):
    ours, theirs = prepare(sample, our_tensor), prepare(sample, torch_tensor, convert=as_torch)
    got = flat(quietly(find(nbgrad, name, sample), *ours.args, **ours.kwargs))
    expected = flat(quietly(find(torch, name, sample), *theirs.args, **theirs.kwargs))
    assert len(got) == len(expected)
    pairs = []
    for i, (g, e) in enumerate(zip(got, expected)):
        same(g, e, f"output {i}", sample.tolerance)
        if isinstance(e, torch.Tensor):
            assert g.requires_grad == e.requires_grad, f"requires_grad of output {i}"
            if e.grad_fn is not None:
                assert type(g.grad_fn).__name__ == type(e.grad_fn).__name__
                pairs.append((g, e))
    if pairs:
        compare_gradients(pairs, ours.leaves, theirs.leaves, sample)


UNDERIVED = {"acosh", "asinh", "atanh"}  # PyTorch has no derivative for their in-place twins


RESHAPING = {"t", "transpose", "swapaxes", "swapdims", "squeeze", "unsqueeze"}  # their twins give the tensor itself another shape


def has_twin(name, sample):
    """Whether both have an in-place method for this sample, whose first argument is a floating point tensor."""
    first = sample.args[0] if sample.args else None
    twin = f"{name.rpartition('.')[2]}_"
    leaf = isinstance(first, np.ndarray) and first.dtype.kind == "f" and sample.grad and (sample.leaves is None or 0 in sample.leaves)
    if name.startswith("masked."):  # the method of that name takes no mask
        return False
    return name not in UNDERIVED and sample.parity and leaf and hasattr(nbgrad.Tensor, twin) and hasattr(torch.Tensor, twin)


@pytest.mark.parametrize(("name", "sample"), cases(has_twin))
def test_in_place_twins_are_those_of_torch(name, sample):
    twin = f"{name.rpartition('.')[2]}_"
    theirs = prepare(sample, torch_tensor, convert=as_torch)
    try:
        expected = quietly(getattr(theirs.args[0] * 1, twin), *theirs.args[1:], **theirs.kwargs)
    except (RuntimeError, TypeError, NotImplementedError) as error:  # such as a result of another shape or type
        ours = prepare(sample, our_tensor)
        with pytest.raises((type(error), RuntimeError, TypeError)):
            quietly(getattr(ours.args[0] * 1, twin), *ours.args[1:], **ours.kwargs)
        return
    ours = prepare(sample, our_tensor)
    if tuple(expected.shape) != sample.args[0].shape and name not in RESHAPING:  # addbmm_ gives its tensor another shape there; here an in-place twin never does
        with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
            quietly(getattr(ours.args[0] * 1, twin), *ours.args[1:], **ours.kwargs)
        return
    got = quietly(getattr(ours.args[0] * 1, twin), *ours.args[1:], **ours.kwargs)
    same(got, expected, "the changed tensor", sample.tolerance)
    if expected.grad_fn is not None:
        compare_gradients([(got, expected)], ours.leaves, theirs.leaves, sample.but(second=False))


def compare_gradients(pairs, our_leaves, their_leaves, sample):
    arrays = [of_type(c, g._array.dtype) for c, (g, _) in zip(cotangents([tuple(e.shape) for _, e in pairs]), pairs)]
    expected = torch.autograd.grad(
        [e for _, e in pairs], their_leaves, [torch_tensor(c, False) for c in arrays], allow_unused=True, retain_graph=True
    )
    got = nbgrad.autograd.grad(
        [g for g, _ in pairs], our_leaves, [our_tensor(c.copy(), False) for c in arrays], allow_unused=True, retain_graph=True
    )
    for i, (g, e) in enumerate(zip(got, expected)):
        same_gradient(g, e, f"gradient of input {i}", sample.tolerance)
    if sample.second:
        compare_second(pairs, our_leaves, their_leaves, arrays, sample)


def same_gradient(g, e, what, tolerance):
    """Gradients agree; none at all is as good as zeros."""
    if g is None or e is None:
        assert g is e or not np.any((e if g is None else g).numpy(force=True)), what
        return
    same(g, e, what, tolerance)


def compare_second(pairs, our_leaves, their_leaves, arrays, sample):
    their_cotangents = [torch_tensor(c, True) for c in arrays]
    our_cotangents = [our_tensor(c.copy(), True) for c in arrays]
    expected = torch.autograd.grad([e for _, e in pairs], their_leaves, their_cotangents, allow_unused=True, create_graph=True)
    got = nbgrad.autograd.grad([g for g, _ in pairs], our_leaves, our_cotangents, allow_unused=True, create_graph=True)
    for i, (g, e) in enumerate(zip(got, expected)):
        same_gradient(g, e, f"differentiable gradient of input {i}", sample.tolerance)
    chosen = [(g, e) for g, e in zip(got, expected) if e is not None and e.requires_grad and g is not None]
    if not chosen:
        return
    for g, _ in chosen:
        assert g.requires_grad, "the gradient should be differentiable"
    seconds = [of_type(c, g._array.dtype) for c, (g, _) in zip(cotangents([tuple(e.shape) for _, e in chosen], seed=8), chosen)]
    expected = torch.autograd.grad(
        [e for _, e in chosen], [*their_leaves, *their_cotangents], [torch_tensor(c, False) for c in seconds], allow_unused=True
    )
    got = nbgrad.autograd.grad(
        [g for g, _ in chosen], [*our_leaves, *our_cotangents], [our_tensor(c.copy(), False) for c in seconds], allow_unused=True
    )
    for i, (g, e) in enumerate(zip(got, expected)):
        same_gradient(g, e, f"second derivative {i}", sample.tolerance)
