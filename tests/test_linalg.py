"""Linear algebra beyond the generated tests: what does not hang on the signs of singular vectors and eigenvectors, and what must be refused."""

import numpy as np
import pytest

import nbgrad
from nbgrad._ops.factorization import eigh

random = np.random.default_rng(0)


def gradients(T, function, array):
    """The gradient of a function of one matrix, and the gradient of a weighted sum of that."""
    x = T.tensor(array).requires_grad_(True)
    (first,) = T.autograd.grad(function(T, x), x, create_graph=True)
    (second,) = T.autograd.grad((first * T.tensor(np.cos(np.arange(array.size)).reshape(array.shape))).sum(), x)
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


def test_a_gradient_of_singular_vectors_that_are_not_unique_is_refused():
    x = nbgrad.tensor(random.normal(size=(4, 2))).requires_grad_(True)
    u = nbgrad.linalg.svd(x)[0]
    with pytest.raises(NotImplementedError, match="full_matrices"):
        (u**4).sum().backward()


def test_a_singular_matrix_has_no_inverse_but_a_gradient_of_its_determinant():
    x = nbgrad.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    with pytest.raises(RuntimeError, match="the input matrix is singular"):
        nbgrad.linalg.inv(x)
    nbgrad.linalg.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-5)


def test_gradients_through_complex_eigenvalues_are_refused():
    with pytest.raises(NotImplementedError, match="eig"):
        nbgrad.linalg.eigvals(nbgrad.ones(2, 2, requires_grad=True))
