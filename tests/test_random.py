"""Random tensors: PyTorch's numbers for a seed, with and without PyTorch at hand."""

import numpy as np
import pytest

import nbgrad

EXPRESSIONS = [
    "T.rand(2, 3)", "T.rand((2, 3), dtype=T.float64)", "T.randn(5)", "T.randn(100)", "T.randint(5, (3,))", "T.randint(2, 5, (3,))",
    "T.randint(high=5, size=(3,))", "T.randint(0, 2, (3,), dtype=T.bool)", "T.randperm(9)", "T.rand_like(T.ones(4, 5).T)", "T.randn_like(T.ones(4, 5).T)",
    "T.randint_like(T.ones(3), 2, 5)", "T.normal(0.0, 2.0, (20,))", "T.normal(T.zeros(20), T.ones(20))", "T.normal(T.zeros(3), 2.0)",
    "T.bernoulli(T.full((4, 5), 0.5).T)", "T.bernoulli(T.zeros(3), 0.5)", "T.multinomial(T.tensor([1.0, 2, 3]), 2)",
    "T.multinomial(T.tensor([1.0, 2, 3]), 5, replacement=True)", "T.zeros(3).uniform_(1, 2)", "T.zeros(4, 5).T.uniform_()", "T.zeros(4, 5).T.normal_()",
    "T.zeros(4, 10)[:, ::2].uniform_()", "T.zeros(3).random_(5)", "T.zeros(3, dtype=T.int64).random_()", "T.zeros(3).bernoulli_(0.3)",
    "T.zeros(3).exponential_(2)", "T.zeros(3).cauchy_()", "T.zeros(3).geometric_(0.3)", "T.zeros(3).log_normal_()",
    "T.nn.functional.dropout(T.ones(20), 0.3)", "T.nn.functional.dropout(T.ones(4, 5).T, 0.3)", "T.nn.functional.dropout(T.ones(20, dtype=T.float64))",
    "T.nn.functional.dropout2d(T.ones(2, 3, 2, 2))", "T.nn.functional.alpha_dropout(T.ones(20), training=True)",
    "T.nn.functional.gumbel_softmax(T.ones(2, 3))", "T.nn.functional.gumbel_softmax(T.ones(2, 3), hard=True)",
    "T.nn.functional.rrelu(T.linspace(-2, 1, 20), 0.1, 0.4, training=True)", "T.rrelu(-T.ones(4, 5, dtype=T.float64).T, training=True)",
    "T.randn(3, generator=T.Generator().manual_seed(3))",
]  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_numbers_are_those_of_torch(expression):
    torch = pytest.importorskip("torch")
    results = []
    for T in (nbgrad, torch):
        T.manual_seed(0)
        result = eval(expression, {"T": T})
        results.append((str(result.dtype), tuple(result.shape), result.numpy()))
    assert results[0][:2] == results[1][:2]
    np.testing.assert_allclose(results[0][2], results[1][2], rtol=2e-6, atol=1e-7)


def test_the_first_numbers_of_seed_0():
    nbgrad.manual_seed(0)
    assert nbgrad.rand(2).tolist() == [0.49625658988952637, 0.7682217955589294]
    nbgrad.manual_seed(0)
    assert nbgrad.randn(2).tolist() == pytest.approx([1.5409960746765137, -0.293428897857666])


def test_the_state_can_be_kept_and_set_back():
    nbgrad.manual_seed(1)
    state = nbgrad.get_rng_state()
    first = nbgrad.rand(3).tolist()
    nbgrad.set_rng_state(state)
    assert nbgrad.rand(3).tolist() == first
    with nbgrad.random.fork_rng():
        nbgrad.rand(5)
    assert nbgrad.initial_seed() == 1


def test_dropout_scales_what_it_keeps_and_its_gradient():
    nbgrad.manual_seed(0)
    x = nbgrad.ones(1000, requires_grad=True)
    y = nbgrad.nn.functional.dropout(x, 0.25)
    y.sum().backward()
    assert sorted(set(y.tolist())) == pytest.approx([0, 4 / 3])
    assert (x.grad == y).all()
    assert nbgrad.nn.functional.dropout(x, 0.25, training=False) is x


def test_filling_a_leaf_that_requires_a_gradient_is_an_error():
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        nbgrad.ones(3, requires_grad=True).uniform_()
