"""Forward mode on every differentiable operator: against reverse mode, whose transpose it is, and against PyTorch's where that has one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nbgrad

from .harness import cases, cotangents, find, flat, prepare

# Where PyTorch's forward mode is not the transpose of its own reverse mode: at ties and points without a derivative, at NaN, and for tangents
# that lack the symmetry or the zeros of their matrix. There we follow reverse mode.
DISAGREE = {
    "atan2", "binary_cross_entropy", "clamp", "cholesky_inverse", "fmax", "linalg.cholesky", "linalg.cholesky_ex", "max", "maximum", "median", "min", "minimum", "triangular_solve",
}  # fmt: skip
# Where PyTorch's forward mode says, without a word, that there is no tangent, though reverse mode has a gradient: products.
FORGOTTEN = {"scatter_reduce"}


def numbers(tensor):
    return tensor.detach().numpy(force=True)


def leaf(torch):
    """How leaves are made for a library: from an array, with a gradient if wanted."""
    return lambda array, wanted: torch.from_numpy(np.array(array, order="C")).requires_grad_(wanted)


def with_tangents(torch):
    """How dual tensors are made: the tangents come from one stream of random numbers, the same for both libraries."""
    random = np.random.default_rng(5)

    def make(array, wanted):
        primal = torch.from_numpy(np.array(array, order="C"))
        if not wanted:
            return primal
        tangent = np.asarray(random.uniform(-1, 1, array.shape))
        if array.dtype.kind == "c":
            tangent = tangent + 1j * random.uniform(-1, 1, array.shape)
        tangent = torch.from_numpy(np.asarray(tangent).astype(array.dtype))
        return torch.autograd.forward_ad.make_dual(primal, tangent)

    return make


def call(torch, name, sample, make):
    """The leaves and tensor results of a sample's call; the same random numbers each time."""
    convert = (lambda x: x) if torch is nbgrad else lambda x: getattr(torch, x.name) if isinstance(x, nbgrad.dtype) else x
    prepared = prepare(sample, make, convert=convert)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        results = flat(find(torch, name, sample)(*prepared.args, **prepared.kwargs))
    return prepared.leaves, [r for r in results if isinstance(r, torch.Tensor)]


def pushed(torch, name, sample):
    """The leaves' tangents, and values and tangents (None where there is none) of the results."""
    unpack = torch.autograd.forward_ad.unpack_dual
    with torch.autograd.forward_ad.dual_level(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of itself when it first makes a dual tensor
        leaves, results = call(torch, name, sample, with_tangents(torch))
        pairs = [unpack(r) for r in results]
        return [numbers(unpack(x).tangent) for x in leaves], [(numbers(p), None if t is None else numbers(t)) for p, t in pairs]


def cotangent(value, seed):
    """Random numbers of the shape and type of a result."""
    real, imaginary = cotangents([value.shape], 7 + 2 * seed), cotangents([value.shape], 8 + 2 * seed)
    return np.asarray(real[0] + 1j * imaginary[0] if value.dtype.kind == "c" else real[0]).astype(value.dtype)


def precision_of(kind):
    """The relative tolerance for numbers of a type."""
    return {2: 3e-3, 4: 3e-6}.get(kind.itemsize // (1 + (kind.kind == "c")), 1e-9)


def both_ways(torch, name, sample):
    """<u, J t> by forward mode and <t, J' u> by reverse mode, a relative tolerance, and what forward mode gave."""
    leaves, results = call(torch, name, sample, leaf(torch))
    recorded = [i for i, r in enumerate(results) if r.requires_grad]
    tangents_in, out = pushed(torch, name, sample)
    assert [i for i, (_, t) in enumerate(out) if t is not None] == recorded
    if not recorded:
        return 0.0, 0.0, 0.0, out
    weights = [cotangent(numbers(results[i]), i) for i in recorded]
    grads = torch.autograd.grad([results[i] for i in recorded], leaves, [torch.from_numpy(w) for w in weights], allow_unused=True)
    backward = sum(float(np.vdot(numbers(g), t).real) for g, t in zip(grads, tangents_in) if g is not None)
    forward = sum(float(np.vdot(w, out[i][1]).real) for w, i in zip(weights, recorded))
    return forward, backward, max(precision_of(w.dtype) for w in weights), out


def contradicts_itself(torch, name, sample):
    """Whether PyTorch's own two modes disagree, as they do at some ties and for matrices whose symmetry it takes for granted."""
    forward, backward, tolerance, _ = both_ways(torch, name, sample)
    return sample.kwargs.get("padding_idx") is None and forward != pytest.approx(backward, rel=max(tolerance, 1e-6), abs=1e-9, nan_ok=True)


def in_double(name, sample):
    made = prepare(sample, leaf(nbgrad)).leaves
    return bool(made) and all(x.dtype in (nbgrad.float64, nbgrad.complex128) for x in made)


@pytest.mark.parametrize(("name", "sample"), cases(in_double))
def test_forward_is_the_transpose_of_reverse(name, sample):
    if sample.kwargs.get("padding_idx") is not None:
        pytest.skip("backward leaves the padding's row out on purpose, forward does not")
    forward, backward, tolerance, out = both_ways(nbgrad, name, sample)
    for value, tangent in out:
        if tangent is not None:
            assert tangent.shape == value.shape
            assert tangent.dtype == value.dtype
    if np.isnan(forward) and any(np.isnan(value).any() for value, _ in out):
        return  # where the value is no number, neither is its derivative
    assert forward == pytest.approx(backward, rel=tolerance, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("name", "sample"), cases(lambda name, sample: sample.parity and bool(prepare(sample, leaf(nbgrad)).leaves)))
def test_tangents_are_those_of_torch(name, sample):
    torch = pytest.importorskip("torch")
    try:
        _, expected = pushed(torch, name, sample)
    except NotImplementedError as error:
        assert "forward AD" in str(error) or "not implemented" in str(error)
        pytest.skip("PyTorch has no forward mode here")
    _, got = pushed(nbgrad, name, sample)
    assert len(got) == len(expected)
    for (value, tangent), (their_value, their_tangent) in zip(got, expected):
        if their_tangent is None and name in FORGOTTEN and sample.args[-1] == "prod":
            continue
        assert (tangent is None) == (their_tangent is None)
        if tangent is not None:
            tolerance = sample.tolerance or precision_of(tangent.dtype)
            assert tangent.dtype == their_tangent.dtype
            if not np.allclose(tangent, their_tangent, rtol=tolerance, atol=tolerance, equal_nan=True) and contradicts_itself(torch, name, sample):
                assert name in DISAGREE
                return
            told = np.where(np.isnan(their_value), 0, their_tangent)  # where the value is no number, neither is its derivative
            np.testing.assert_allclose(np.where(np.isnan(value), 0, tangent), told, rtol=tolerance, atol=tolerance)


def twin_of(name, sample):
    return f"{name.rpartition('.')[2]}_"


def has_twin(name, sample):
    if not (sample.grad and sample.args and isinstance(sample.args[0], np.ndarray) and hasattr(nbgrad.Tensor, twin_of(name, sample))):
        return False
    masked = name.startswith("masked.")  # the method of that name takes no mask
    return in_double(name, sample) and not masked and not name.endswith("_") and name not in ("addbmm", "normal") and bool not in map(type, sample.args)


@pytest.mark.parametrize(("name", "sample"), cases(has_twin))
def test_in_place_twins_move_the_same_tangents(name, sample):
    unpack = nbgrad.autograd.forward_ad.unpack_dual
    _, expected = pushed(nbgrad, name, sample)
    if expected[0][0].shape != sample.args[0].shape or expected[0][1] is None:
        return
    with nbgrad.autograd.forward_ad.dual_level(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = prepare(sample, with_tangents(nbgrad))
        nbgrad.manual_seed(3)
        for changed in (prepared.args[0].clone(), nbgrad.stack([prepared.args[0]] * 2)[0]):  # a tensor of its own, and a view
            nbgrad.manual_seed(3)
            getattr(changed, twin_of(name, sample))(*prepared.args[1:], **prepared.kwargs)
            np.testing.assert_allclose(numbers(unpack(changed).tangent), expected[0][1], rtol=1e-12, atol=1e-12)


def in_complex(sample):
    """The same call with complex numbers in the place of floats."""
    return sample.but(args=tuple(_complexified(a) for a in sample.args))


def _complexified(x):
    if isinstance(x, np.ndarray) and x.dtype == np.float64:
        return np.asarray(x + 0.5j * x.ravel()[::-1].reshape(x.shape))
    return type(x)(map(_complexified, x)) if type(x) in (list, tuple) else x


@pytest.mark.parametrize(("name", "sample"), cases(lambda name, sample: sample.smooth and sample.parity and in_double(name, sample)))
def test_tangents_of_complex_numbers(name, sample):
    torch = pytest.importorskip("torch")
    sample = in_complex(sample)
    try:
        *theirs, _, expected = both_ways(torch, name, sample)
    except (RuntimeError, TypeError, ValueError, AssertionError):
        return  # PyTorch takes no complex numbers here
    try:
        forward, backward, tolerance, out = both_ways(nbgrad, name, sample)
    except NotImplementedError as error:
        assert str(error).startswith("nbgrad does not support")
        return
    assert forward == pytest.approx(backward, rel=tolerance, abs=1e-9, nan_ok=True)
    if theirs[0] == pytest.approx(theirs[1], rel=tolerance, abs=1e-9):  # where its own modes agree
        for (_, tangent), (_, their_tangent) in zip(out, expected):
            if their_tangent is not None:
                np.testing.assert_allclose(tangent, their_tangent, rtol=max(tolerance, 1e-9), atol=1e-9)


def test_a_wrong_tangent_is_noticed(monkeypatch):
    from .samples import Sample

    monkeypatch.setitem(nbgrad._engine.op.REGISTRY["square"].vjp, "self", lambda grad, self: grad * self * 3)
    with pytest.raises(AssertionError):
        test_tangents_are_those_of_torch("square", Sample(np.array([0.5, 1.5])))
