"""Linear algebra beyond the generated tests: what does not hang on the signs of singular vectors and eigenvectors, and what must be refused."""

import numpy as np
import pytest

import nbgrad
from nbgrad._ops.eigen import eigh

random = np.random.default_rng(0)


def gradients(T, function, array):
    """The gradient of a function of one matrix, and the gradient of a weighted sum of that."""
    x = T.tensor(array).requires_grad_(True)
    (first,) = T.autograd.grad(function(T, x), x, create_graph=True)
    weighted = (first * T.tensor(np.cos(np.arange(array.size)).reshape(array.shape))).sum()
    (second,) = T.autograd.grad(weighted.real if array.dtype.kind == "c" else weighted, x)
    return first.detach().numpy(), second.numpy()


def of_eigenvectors(T, x):
    values, vectors = (eigh if T is nbgrad else T.linalg.eigh)(x)
    return (vectors**2).sin().sum() + (values**3).sum() + ((vectors @ T.diag_embed(values**3) @ vectors.mT) ** 2).sum()


def of_singular_vectors(full):
    def function(T, x):
        k = min(x.shape[-2:])
        u, s, vh = T.linalg.svd(x, full_matrices=full)
        u, vh = u[..., :k], vh[..., :k, :]
        return (u**4).sum() + (vh**4).sum() + ((u * s.unsqueeze(-2) ** 2 @ vh) ** 2).sum()

    return function


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 3, 3)])
def test_singular_vectors_have_the_gradients_of_torch(full, shape):
    torch = pytest.importorskip("torch")
    array = random.normal(size=shape)
    for ours, theirs in zip(gradients(nbgrad, of_singular_vectors(full), array), gradients(torch, of_singular_vectors(full), array)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


def test_eigenvectors_have_the_gradients_of_torch():
    torch = pytest.importorskip("torch")
    array = random.normal(size=(2, 4, 4))
    array = array + array.swapaxes(-1, -2)
    for ours, theirs in zip(gradients(nbgrad, of_eigenvectors, array), gradients(torch, of_eigenvectors, array)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


def test_singular_vectors_that_are_not_unique_give_no_gradient():
    array = random.normal(size=(4, 2))
    grads = []
    for full in (True, False):
        x = nbgrad.tensor(array).requires_grad_(True)
        u = nbgrad.linalg.svd(x, full_matrices=full)[0]
        (u**4).sum().backward()
        grads.append(x.grad.numpy())
    np.testing.assert_allclose(*grads)


def test_a_singular_matrix_has_no_inverse_but_a_gradient_of_its_determinant():
    x = nbgrad.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    with pytest.raises(RuntimeError, match="the input matrix is singular"):
        nbgrad.linalg.inv(x)
    nbgrad.linalg.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-5)


def of_any_eigenvectors(T, x):
    values, vectors = T.linalg.eig(x)
    return (vectors.abs() ** 3).sum() + (values.abs() ** 2).sum() + (values.real**3).sum()


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_eigenvectors_of_any_matrix_have_the_gradients_of_torch(kind):
    torch = pytest.importorskip("torch")
    array = random.normal(size=(2, 4, 4)).astype(kind)
    array = array + 1j * random.normal(size=array.shape) if kind is np.complex128 else array
    for ours, theirs in zip(gradients(nbgrad, of_any_eigenvectors, array), gradients(torch, of_any_eigenvectors, array)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


def of_complex_vectors(name):
    def function(T, x):
        if name == "svd":
            u, s, vh = T.linalg.svd(x, full_matrices=False)
            return (u.abs() ** 3).sum() + (vh.abs() ** 3).sum() + (s**3).sum() + (u[..., :, :1] @ vh[..., :1, :]).real.sum()
        if name == "qr":
            q, r = T.linalg.qr(x)
            return (q.abs() ** 3).sum() + (r.abs() ** 3).sum()
        square = x[..., :3, :3]
        values, vectors = (eigh if T is nbgrad else T.linalg.eigh)(square + square.mH)
        return (vectors.abs() ** 3).sum() + (values**3).sum()

    return function


@pytest.mark.parametrize("name", ["svd", "qr", "eigh"])
@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (3, 4), (2, 4, 3)])
def test_complex_factorizations_have_the_gradients_of_torch(name, shape):
    torch = pytest.importorskip("torch")
    array = random.normal(size=shape) + 1j * random.normal(size=shape)
    function = of_complex_vectors(name)
    for ours, theirs in zip(gradients(nbgrad, function, array), gradients(torch, function, array)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["svd", "eig", "eigh"])
def test_a_loss_of_the_phase_of_complex_vectors_is_refused(name):
    array = random.normal(size=(3, 3)) + 1j * random.normal(size=(3, 3))
    x = nbgrad.tensor(array + array.conj().T if name == "eigh" else array).requires_grad_(True)
    vectors = {"svd": lambda: nbgrad.linalg.svd(x)[0], "eig": lambda: nbgrad.linalg.eig(x)[1], "eigh": lambda: eigh(x)[1]}[name]()
    with pytest.raises(RuntimeError, match="specified up to multiplication by e"):
        (vectors.real**3).sum().backward()


def test_complex_least_squares_have_the_gradients_of_torch():
    torch = pytest.importorskip("torch")
    a, b = (random.normal(size=s) + 1j * random.normal(size=s) for s in ((5, 3), (5, 2)))
    found = []
    for T in (nbgrad, torch):
        x, y = T.tensor(a).requires_grad_(True), T.tensor(b).requires_grad_(True)
        (T.linalg.lstsq(x, y).solution.abs() ** 3).sum().backward()
        found.append((x.grad.numpy(), y.grad.numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["inv_ex", "solve_ex", "cholesky_ex", "lu_factor_ex"])
def test_singular_matrices_are_told_by_info(name):
    torch = pytest.importorskip("torch")
    matrices = np.stack([np.eye(2), np.array([[0.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 1.0]])])
    found = []
    for T in (nbgrad, torch):
        further = (T.ones(3, 2, 1, dtype=T.float64),) if name == "solve_ex" else ()
        found.append(getattr(T.linalg, name)(T.tensor(matrices), *further))
    np.testing.assert_array_equal(found[0].info.numpy(), found[1].info.numpy())
    np.testing.assert_allclose(found[0][0].numpy()[0], found[1][0].numpy()[0])


def test_approximations_of_low_rank_are_right_for_matrices_of_that_rank():
    array = random.normal(size=(7, 3)) @ random.normal(size=(3, 5))
    for shape in (array, array.T):
        u, s, v = nbgrad.svd_lowrank(nbgrad.tensor(shape), q=3)
        np.testing.assert_allclose((u * s @ v.mT).numpy(), shape, atol=1e-10)
    u, s, v = nbgrad.pca_lowrank(nbgrad.tensor(array), q=3)
    np.testing.assert_allclose((u * s @ v.mT).numpy(), array - array.mean(0), atol=1e-10)
