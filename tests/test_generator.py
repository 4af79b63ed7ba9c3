"""Same seed, same numbers: our generator and draws beside PyTorch's CPU ones, and known numbers that need no torch."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbgrad._engine import draws
from nbgrad._engine.generator import DEFAULT_SEED, Generator, default_generator


def seeded(seed):
    return Generator().manual_seed(seed)


def test_manual_seed_0_gives_the_numbers_of_the_tutorials():
    assert [[f"{value:.4f}" for value in row] for row in draws.normal((5, 3), generator=seeded(0)).tolist()] == [
        ["1.5410", "-0.2934", "-2.1788"],
        ["0.5684", "-1.0845", "-1.3986"],
        ["0.4033", "0.8380", "-0.7193"],
        ["-0.4033", "-0.5966", "0.1820"],
        ["-0.8567", "1.1006", "-1.0712"],
    ]
    assert draws.uniform(3, generator=seeded(0)).tolist() == [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]
    assert draws.integers(0, 10, 10, generator=seeded(0)).tolist() == [4, 9, 3, 0, 3, 9, 7, 3, 7, 3]
    assert draws.permutation(10, generator=seeded(0)).tolist() == [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]
    assert draws.bernoulli(0.5, 10, generator=seeded(0)).astype(int).tolist() == [0, 0, 1, 0, 0, 0, 1, 1, 0, 1]


def test_large_float32_normals_are_known_to_the_last_bit():
    values = draws.normal(20, generator=seeded(0))
    known = ["-0x1.20370a0000000p+0", "0x1.df54aa0000000p-2", "0x1.b836740000000p-5"]
    assert [value.hex() for value in values[[0, 8, 19]].tolist()] == known


def test_a_split_of_uniforms_does_not_matter_but_a_split_of_normals_does():
    first, second = seeded(1), seeded(1)
    np.testing.assert_array_equal(
        draws.uniform(7, generator=first), np.concatenate([draws.uniform(n, generator=second) for n in (3, 4)])
    )
    first, second = seeded(1), seeded(1)
    assert draws.normal(16, generator=first)[0] != draws.normal(8, generator=second)[0]


def test_the_second_normal_of_a_pair_waits_for_the_next_small_call():
    whole, parts = seeded(3), seeded(3)
    np.testing.assert_array_equal(
        draws.normal(4, generator=whole), np.concatenate([draws.normal(n, generator=parts) for n in (1, 2, 1)])
    )


def test_a_clone_and_a_copy_continue_the_same_stream_on_their_own():
    generator = seeded(5)
    draws.normal(3, generator=generator)
    clone, duplicate = generator.clone_state(), copy.deepcopy(generator)
    expected = draws.normal(6, generator=generator)
    np.testing.assert_array_equal(draws.normal(6, generator=clone), expected)
    np.testing.assert_array_equal(draws.normal(6, generator=duplicate), expected)
    assert clone.initial_seed() == 5


def test_a_state_set_again_repeats_the_numbers():
    generator = seeded(5)
    draws.normal(5, generator=generator)
    state = generator.get_state()
    first = draws.normal(40, generator=generator)
    assert generator.set_state(state) is generator
    np.testing.assert_array_equal(draws.normal(40, generator=generator), first)


def test_a_new_generator_has_a_fixed_seed_and_seed_picks_another():
    generator = Generator()
    assert generator.initial_seed() == DEFAULT_SEED
    assert generator.seed() == generator.initial_seed() != DEFAULT_SEED
    assert str(generator.device) == "cpu"


def test_without_a_generator_the_default_one_is_drawn_from():
    default_generator.manual_seed(11)
    np.testing.assert_array_equal(draws.uniform(4), draws.uniform(4, generator=seeded(11)))


@pytest.mark.parametrize(
    ("seed", "error", "phrase"),
    [
        (2**64, ValueError, "Overflow when unpacking"),
        (-(2**63) - 1, ValueError, "Overflow when unpacking"),
        (1.5, RuntimeError, "expected a long, but got float"),
    ],
)
def test_seeds_out_of_range_are_refused(seed, error, phrase):
    with pytest.raises(error, match=phrase):
        Generator().manual_seed(seed)


def test_foreign_states_are_refused():
    for state, error, phrase in (
        (np.zeros(10, np.uint8), RuntimeError, "of size 5056 but found the input RNG state size to be 10"),
        (np.zeros(5056, np.uint8), RuntimeError, "Invalid mt19937 state"),
        (np.zeros(5056), TypeError, "must be a torch.ByteTensor"),
    ):
        with pytest.raises(error, match=phrase):
            Generator().set_state(state)


def test_a_generator_for_another_device_is_refused():
    with pytest.raises(RuntimeError, match="cuda is not supported"):
        Generator("cuda")


@pytest.mark.parametrize(
    ("call", "error", "phrase"),
    [
        (lambda: draws.uniform(3, low=2, high=1), RuntimeError, r"uniform_ expects .* found from=2 > to=1"),
        (lambda: draws.normal(3, std=-1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
        (lambda: draws.log_normal(3, std=0), RuntimeError, "log_normal_ expects std > 0.0"),
        (lambda: draws.exponential(3, lambd=-1), RuntimeError, "exponential_ expects lambda > 0.0"),
        (lambda: draws.cauchy(3, sigma=0), RuntimeError, "cauchy_ expects sigma > 0.0"),
        (lambda: draws.geometric(3, p=1), RuntimeError, r"geometric_ expects p to be in \(0, 1\), but got p=1"),
        (lambda: draws.bernoulli(1.5, 3), RuntimeError, "bernoulli_ expects p to be in"),
        (lambda: draws.bernoulli(np.array([1.5])), RuntimeError, "Expected p_in >= 0"),
        (lambda: draws.integers(5, 5, 3), RuntimeError, "'from' to be less than 'to', but got from=5 >= to=5"),
        (lambda: draws.integers(0, 300, 3, np.uint8), RuntimeError, "to - 1 is out of bounds for unsigned char"),
        (lambda: draws.integers(-300, 3, 3, np.int8), RuntimeError, "from is out of bounds for signed char"),
        (lambda: draws.permutation(-1), RuntimeError, "negative dimension -1"),
        (lambda: draws.permutation(2**30), NotImplementedError, "randperm"),
        (lambda: draws.normal(3, np.int64), NotImplementedError, "\"normal_kernel_cpu\" not implemented for 'Long'"),
        (lambda: draws.uniform(3, np.int64), NotImplementedError, "\"check_uniform_bounds\" not implemented for 'Long'"),
        (lambda: draws.exponential(3, np.int64), RuntimeError, "Exponential distribution is a continuous"),
        (lambda: draws.uniform(3, np.float16), NotImplementedError, "random numbers of float16 are not supported"),
        (lambda: draws.multinomial(np.ones(3), 4), RuntimeError, "cannot sample n_sample > prob_dist.size"),
        (lambda: draws.multinomial(np.ones(3), 0), RuntimeError, "cannot sample n_sample <= 0"),
        (lambda: draws.multinomial(np.zeros(3), 1), RuntimeError, "sum of probabilities <= 0"),
        (lambda: draws.multinomial(np.array([1.0, -1.0]), 1), RuntimeError, "element < 0"),
        (lambda: draws.multinomial(np.ones(3, int), 1), RuntimeError, "only supports floating-point dtypes for input, got: Long"),
        (lambda: draws.multinomial(np.ones((1, 1, 1)), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
    ],
)
def test_impossible_parameters_are_refused_with_pytorchs_words(call, error, phrase):
    with pytest.raises(error, match=phrase):
        call()


# What may be drawn: (our call, PyTorch's call), both of a size, a floating dtype's name, two numbers and a generator.
def weights_of(size, dtype, a, b):
    return (np.arange(1, size + 1) * a % 7 + b).astype(dtype)


def wide_bounds(a, b):
    return -int(a * 1e9), int(b * 1e17) + 1


def torch_draws(torch):
    """PyTorch's side of `OUR_DRAWS`, name by name."""

    def empty(n, d):
        return torch.empty(n, dtype=getattr(torch, d))

    def narrow(n, dtype):
        return torch.empty(n, dtype=dtype)

    return {
        "rand": lambda n, d, a, b, g: empty(n, d).uniform_(generator=g),
        "uniform": lambda n, d, a, b, g: empty(n, d).uniform_(-a, b, generator=g),
        "randn": lambda n, d, a, b, g: empty(n, d).normal_(generator=g),
        "normal": lambda n, d, a, b, g: empty(n, d).normal_(a, b, generator=g),
        "log_normal": lambda n, d, a, b, g: empty(n, d).log_normal_(a, b, generator=g),
        "exponential": lambda n, d, a, b, g: empty(n, d).exponential_(a, generator=g),
        "cauchy": lambda n, d, a, b, g: empty(n, d).cauchy_(a, b, generator=g),
        "geometric": lambda n, d, a, b, g: empty(n, d).geometric_(a / 10, generator=g),
        "bernoulli": lambda n, d, a, b, g: empty(n, d).bernoulli_(a / 10, generator=g),
        "bernoulli of p": lambda n, d, a, b, g: torch.bernoulli(torch.from_numpy(weights_of(n, d, a, b) / 20), generator=g),
        "randint": lambda n, d, a, b, g: torch.randint(-int(a * 100), int(b * 1e6) + 1, (n,), generator=g),
        "randint wide": lambda n, d, a, b, g: torch.randint(*wide_bounds(a, b), (n,), generator=g),
        "randint uint8": lambda n, d, a, b, g: narrow(n, torch.uint8).random_(0, 200, generator=g),
        "random_": lambda n, d, a, b, g: empty(n, d).random_(generator=g),
        "random_ int64": lambda n, d, a, b, g: narrow(n, torch.int64).random_(generator=g),
        "random_ int32": lambda n, d, a, b, g: narrow(n, torch.int32).random_(generator=g),
        "random_ bool": lambda n, d, a, b, g: narrow(n, torch.bool).random_(generator=g),
        "random_ from": lambda n, d, a, b, g: narrow(n, torch.int64).random_(-(2**63), None, generator=g),
        "random_ from float": lambda n, d, a, b, g: empty(n, d).random_(5, None, generator=g),
        "randperm": lambda n, d, a, b, g: torch.randperm(n, generator=g),
        "multinomial": lambda n, d, a, b, g: torch.multinomial(
            torch.from_numpy(weights_of(n + 1, d, a, b)), n // 2 + 1, generator=g
        ),
        "multinomial with replacement": lambda n, d, a, b, g: torch.multinomial(
            torch.from_numpy(weights_of(2 * n + 2, d, a, b).reshape(2, -1)), n + 1, True, generator=g
        ),
    }


OUR_DRAWS = {
    "rand": lambda n, d, a, b, g: draws.uniform(n, d, generator=g),
    "uniform": lambda n, d, a, b, g: draws.uniform(n, d, -a, b, generator=g),
    "randn": lambda n, d, a, b, g: draws.normal(n, d, generator=g),
    "normal": lambda n, d, a, b, g: draws.normal(n, d, a, b, generator=g),
    "log_normal": lambda n, d, a, b, g: draws.log_normal(n, d, a, b, generator=g),
    "exponential": lambda n, d, a, b, g: draws.exponential(n, d, a, generator=g),
    "cauchy": lambda n, d, a, b, g: draws.cauchy(n, d, a, b, generator=g),
    "geometric": lambda n, d, a, b, g: draws.geometric(n, d, a / 10, generator=g),
    "bernoulli": lambda n, d, a, b, g: draws.bernoulli(a / 10, n, generator=g).astype(d),
    "bernoulli of p": lambda n, d, a, b, g: draws.bernoulli(weights_of(n, d, a, b) / 20, generator=g).astype(d),
    "randint": lambda n, d, a, b, g: draws.integers(-int(a * 100), int(b * 1e6) + 1, n, generator=g),
    "randint wide": lambda n, d, a, b, g: draws.integers(*wide_bounds(a, b), n, generator=g),
    "randint uint8": lambda n, d, a, b, g: draws.integers(0, 200, n, np.uint8, generator=g),
    "random_": lambda n, d, a, b, g: draws.full_range(n, d, generator=g),
    "random_ int64": lambda n, d, a, b, g: draws.full_range(n, np.int64, generator=g),
    "random_ int32": lambda n, d, a, b, g: draws.full_range(n, np.int32, generator=g),
    "random_ bool": lambda n, d, a, b, g: draws.full_range(n, np.bool_, generator=g),
    "random_ from": lambda n, d, a, b, g: draws.integers(-(2**63), None, n, np.int64, generator=g),
    "random_ from float": lambda n, d, a, b, g: draws.integers(5, None, n, d, generator=g),
    "randperm": lambda n, d, a, b, g: draws.permutation(n, generator=g),
    "multinomial": lambda n, d, a, b, g: draws.multinomial(weights_of(n + 1, d, a, b), n // 2 + 1, generator=g),
    "multinomial with replacement": lambda n, d, a, b, g: draws.multinomial(
        weights_of(2 * n + 2, d, a, b).reshape(2, -1), n + 1, True, generator=g
    ),
}

positive = st.floats(0.01, 9.9)
steps = st.tuples(
    st.sampled_from(sorted(OUR_DRAWS)),
    st.integers(0, 40) | st.integers(0, 700),
    st.sampled_from(["float32", "float64"]),
    positive,
    positive,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(-(2**63), 2**64 - 1), st.lists(steps, min_size=1, max_size=8))
def test_any_sequence_of_draws_equals_pytorchs_bit_for_bit(seed, sequence):
    torch = pytest.importorskip("torch")
    theirs_by_name = torch_draws(torch)
    ours, theirs = Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    assert ours.initial_seed() == theirs.initial_seed()
    for name, size, dtype, a, b in sequence:
        expected = theirs_by_name[name](size, dtype, a, b, theirs).numpy()
        result = OUR_DRAWS[name](size, dtype, a, b, ours)
        np.testing.assert_array_equal(result, expected, err_msg=f"{name} of {size} {dtype} with {a}, {b}", strict=True)
        np.testing.assert_array_equal(ours.get_state(), theirs.get_state().numpy(), err_msg=f"state after {name} of {size}")


@pytest.mark.parametrize(("mean", "std"), [(0, 1), (0.3, 1.7)])
def test_a_million_float32_normals_equal_pytorchs(mean, std):
    torch = pytest.importorskip("torch")
    theirs = torch.empty(1_000_003).normal_(mean, std, generator=torch.Generator().manual_seed(17)).numpy()
    ours = draws.normal(1_000_003, np.float32, mean, std, generator=seeded(17))
    distance = np.abs(ours.view(np.int32).astype(np.int64) - theirs.view(np.int32))
    # A double rounding about once in 10**8 may move one value by one unit in the last place.
    assert distance.max() <= 1
    assert np.count_nonzero(distance) <= 1


def test_states_pass_between_the_generators_both_ways():
    torch = pytest.importorskip("torch")
    theirs = torch.Generator().manual_seed(8)
    torch.randn(3, generator=theirs)
    ours = Generator().set_state(theirs.get_state().numpy())
    np.testing.assert_array_equal(draws.normal(30, generator=ours), torch.randn(30, generator=theirs).numpy())
    draws.normal(1, generator=ours)
    theirs.set_state(torch.from_numpy(ours.get_state()))
    np.testing.assert_array_equal(draws.normal(4, generator=ours), torch.randn(4, generator=theirs).numpy())


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("size", [1, 7, 8, 50])
def test_complex_draws_equal_pytorchs(dtype, size):
    torch = pytest.importorskip("torch")
    ours, theirs = seeded(6), torch.Generator().manual_seed(6)
    expected = torch.randn(size, dtype=getattr(torch, dtype), generator=theirs).numpy()
    np.testing.assert_array_equal(draws.normal(size, dtype, generator=ours), expected, strict=True)
    expected = torch.rand(size, dtype=getattr(torch, dtype), generator=theirs).numpy()
    np.testing.assert_array_equal(draws.uniform((size,), dtype, generator=ours), expected, strict=True)


def test_normals_of_a_tensor_with_strides_come_in_pairs_in_memory_order():
    torch = pytest.importorskip("torch")
    theirs = torch.empty(5, 8).t().normal_(2, 3, generator=torch.Generator().manual_seed(6)).t().numpy()
    ours = draws.normal((5, 8), np.float32, 2, 3, contiguous=False, generator=seeded(6))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("p", [0.1, 0.2, 0.25, 0.3, 0.5, 0.7, 0.9])
def test_dropout_noise_is_pytorchs_dropout_of_ones(p):
    torch = pytest.importorskip("torch")
    for dtype in ("float32", "float64"):
        torch.manual_seed(2)
        theirs = torch.nn.functional.dropout(torch.ones(4, 9, dtype=getattr(torch, dtype)), p).numpy()
        np.testing.assert_array_equal(draws.dropout_noise((4, 9), dtype, p, generator=seeded(2)), theirs, strict=True)


def test_zero_chances_are_drawn_last_and_a_certain_one_always():
    weights = np.float32([0, 3, 0, 1])
    samples = draws.multinomial(weights, 4, generator=seeded(0)).tolist()
    assert set(samples[:2]) == {1, 3} and samples[2:] == [0, 2]
    assert draws.multinomial(np.float64([0, 1, 0]), 5, True, generator=seeded(0)).tolist() == [1] * 5


def test_extreme_draws_stay_in_range():
    assert np.isfinite(draws.normal(100_000, generator=seeded(4))).all()
    assert draws.log_normal(100, np.float64, 800.0, 1.0, generator=seeded(4)).max() == math.inf
