"""How operators may be called: Python operators, arrays and strangers as operands, in-place twins, `out=`, aliases, and what must fail how."""

import subprocess
import sys

import numpy as np
import pytest

import nbgrad as torch

F = torch.nn.functional


def t(*numbers, grad=False):
    return torch.tensor(list(numbers), requires_grad=grad)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2 - x", [1.0, 0.0, -2.0]),
        ("2 / x", [2.0, 1.0, 0.5]),
        ("2 ** x", [2.0, 4.0, 16.0]),
        ("7 // x", [7.0, 3.0, 1.0]),
        ("7 % x", [0.0, 1.0, 3.0]),
        ("x // 2", [0.0, 1.0, 2.0]),
        ("x % 3", [1.0, 2.0, 1.0]),
        ("-x", [-1.0, -2.0, -4.0]),
        ("+x", [1.0, 2.0, 4.0]),
        ("abs(-x)", [1.0, 2.0, 4.0]),
        ("np.ones(3) * x", [1.0, 2.0, 4.0]),
        ("x + np.ones(3)", [2.0, 3.0, 5.0]),
        ("np.float64(2) * x", [2.0, 4.0, 8.0]),
        ("np.ones(3) - x", [0.0, -1.0, -3.0]),
        ("x > 1", [False, True, True]),
        ("2 < x", [False, False, True]),
        ("x == np.array([1, 2, 3])", [True, True, False]),
        ("~(x > 1)", [True, False, False]),
        ("(x > 1) & (x < 4)", [False, True, False]),
        ("(x > 1) ^ True", [True, False, False]),
    ],
)
def test_python_operators(expression, expected):
    assert eval(expression, {"x": t(1.0, 2.0, 4.0), "np": np}).tolist() == expected


def test_a_numpy_number_does_not_widen_a_tensor():
    assert (np.float64(2) * t(1.0)).dtype is torch.float32


def test_comparing_with_a_stranger_is_false_for_equality_and_a_type_error_for_order():
    assert (t(1.0) == None) is False  # noqa: E711
    assert (t(1.0) != "a") is True
    with pytest.raises(TypeError, match="not supported between"):
        t(1.0) < "a"  # noqa: B015


def test_an_operator_leaves_strangers_to_their_own_reflected_method():
    class Stranger:
        def __radd__(self, other):
            return "radd"

        def __rtruediv__(self, other):
            return "rtruediv"

    assert t(1.0) + Stranger() == "radd"
    assert t(1.0) / Stranger() == "rtruediv"
    with pytest.raises(TypeError, match="unsupported operand"):
        t(1.0) + "a"
    with pytest.raises(TypeError, match="must be Tensor, not str"):
        torch.add(t(1.0), "a")


def test_augmented_assignment_changes_the_tensor_itself():
    x = t(1.0, 2.0)
    same = x
    x += 1
    x *= 2
    x /= 4
    x -= 1
    x **= 2
    assert same is x
    assert x.tolist() == [0.0, 0.25]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: x.div_(2, rounding_mode="floor"), [0.0, 1.0]),
        (lambda x: x.clamp_(max=2), [1.0, 2.0]),
        (lambda x: F.relu(-x, inplace=True), [0.0, 0.0]),
        (torch.relu_, [1.0, 3.0]),
        (lambda x: F.elu(x, 1.0, True), [1.0, 3.0]),
        (lambda x: F.relu6(x * 4, True), [4.0, 6.0]),
        (lambda x: x.negative_(), [-1.0, -3.0]),
    ],
)
def test_in_place_twins_return_the_changed_tensor(call, expected):
    assert call(t(1.0, 3.0)).tolist() == expected


def test_in_place_activation_gives_the_gradient_of_the_ordinary_one():
    x = t(-1.0, 2.0, grad=True)
    F.leaky_relu(x * 2, 0.5, inplace=True).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_out_takes_the_result():
    out = torch.empty(2)
    assert torch.add(t(1.0, 2.0), 1, out=out) is out
    assert torch.div(t(1.0, 2.0), 2, out=out) is out
    assert out.tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("absolute", "abs"),
        ("negative", "neg"),
        ("subtract", "sub"),
        ("multiply", "mul"),
        ("divide", "div"),
        ("arcsin", "asin"),
        ("clip", "clamp"),
        ("greater", "gt"),
    ],
)
def test_aliases_are_the_same_function(alias, name):
    assert getattr(torch, alias) is getattr(torch, name)
    assert getattr(torch.Tensor, alias) is getattr(torch.Tensor, name)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: torch.ones(2) + torch.ones(3), RuntimeError, "must match the size of tensor b"),
        (lambda: torch.tensor([True]) - torch.tensor([True]), RuntimeError, "with two bool tensors is not supported"),
        (lambda: -torch.tensor([True]), RuntimeError, "on a bool tensor is not supported"),
        (lambda: torch.tensor([1]) // 0, RuntimeError, "ZeroDivisionError"),
        (lambda: torch.tensor([1]) ** -1, RuntimeError, "Integers to negative integer powers are not allowed"),
        (lambda: ~torch.ones(2), TypeError, "only implemented on integer and Boolean-type tensors"),
        (lambda: torch.ones(2) & torch.ones(2), NotImplementedError, "not implemented for 'Float'"),
        (lambda: torch.tensor([1]).mean(), RuntimeError, "could not infer output dtype"),
        (lambda: torch.ones(2).sum(1), IndexError, "Dimension out of range"),
        (lambda: torch.ones(2).sum((0, 0)), RuntimeError, "appears multiple times in the list of dims"),
        (lambda: torch.ones(0).max(), RuntimeError, "Expected reduction dim to be specified"),
        (lambda: torch.ones(0, 2).max(0), IndexError, "to have non-zero size"),
        (lambda: torch.ones(2).clamp(), RuntimeError, "At least one of 'min' or 'max' must not be None"),
        (lambda: torch.quantile(torch.ones(2), 2.0), RuntimeError, "must be in the range"),
        (lambda: F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 3])), IndexError, "Target 3 is out of bounds"),
        (lambda: F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 1, 2])), ValueError, "to match target batch_size"),
        (lambda: F.cross_entropy(torch.ones(2, 3), torch.tensor([0.0, 1.0])), RuntimeError, "expected target dtype to be Long"),
        (lambda: F.binary_cross_entropy(torch.ones(2) * 2, torch.ones(2)), RuntimeError, "all elements of input should be between 0 and 1"),
        (lambda: F.binary_cross_entropy_with_logits(torch.ones(2), torch.ones(3)), ValueError, "must be the same as input size"),
        (lambda: F.mse_loss(torch.ones(2), torch.ones(2), reduction="avg"), ValueError, "is not a valid value for reduction"),
        (lambda: F.layer_norm(torch.ones(2), (3,)), RuntimeError, "Given normalized_shape"),
        (lambda: F.batch_norm(torch.ones(1, 3), None, None, training=True), ValueError, "Expected more than 1 value per channel"),
        (lambda: F.glu(torch.ones(3)), RuntimeError, "Halving dimension must be even"),
    ],
)
def test_what_must_fail_fails_with_the_words_of_torch(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_floor_division_has_no_derivative_and_says_so():
    x = t(5.0, grad=True)
    with pytest.raises(NotImplementedError, match="derivative for aten::floor_divide is not implemented"):
        (x // 2).sum().backward()


def test_mse_loss_warns_of_a_target_that_broadcasts():
    with pytest.warns(UserWarning, match="Using a target size .* that is different to the input size") as caught:
        F.mse_loss(torch.ones(3, 1), torch.ones(3))
    assert caught[0].filename == __file__


def test_softmax_without_a_dimension_warns():
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax") as caught:
        F.softmax(torch.ones(3))
    assert caught[0].filename == __file__


def test_batch_norm_in_training_moves_the_running_statistics():
    mean, var = torch.zeros(1), torch.ones(1)
    F.batch_norm(torch.tensor([[1.0], [3.0]]), mean, var, training=True, momentum=0.5)
    assert mean.tolist() == [1.0]
    assert var.tolist() == [1.5]
    assert mean._version == 1


def test_where_with_the_condition_alone_gives_indices():
    (i,) = torch.where(t(0.0, 2.0, 3.0) > 1)
    assert i.tolist() == [1, 2]


def test_large_choices_by_bits_keep_zeros_infinities_and_nan_apart():
    x = torch.tensor([np.nan, np.inf, -1.0, 2.0] * 200)
    chosen = torch.where(x > 0, x, 0.0).numpy()
    np.testing.assert_array_equal(chosen, np.where(x.numpy() > 0, x.numpy(), np.float32(0)))
    assert not np.signbit(chosen).any()
    np.testing.assert_array_equal(torch.where(x > 0, x, -x).numpy(), np.where(x.numpy() > 0, x.numpy(), -x.numpy()))


def test_importing_the_package_does_not_load_scipy():
    subprocess.run([sys.executable, "-c", "import nbgrad, sys; assert 'scipy' not in sys.modules"], check=True)
