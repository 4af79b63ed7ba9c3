"""Small programs that run on nbgrad and on real torch and must end alike: in the same value, or in the same kind of error.

Each is about one thing that once differed, or easily could.
"""

import warnings
import weakref

import numpy as np
import pytest

import nbgrad

PROGRAMS = []


def program(function):
    """Add a program: a function of the `torch` to use."""
    PROGRAMS.append(pytest.param(function, id=function.__name__))
    return function


def outcome(function, torch):
    """What a program ends in: its value, or its error's type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(torch)
        except Exception as error:
            return type(error)
        finally:
            torch.set_grad_enabled(True)


@pytest.mark.parametrize("function", PROGRAMS)
def test_ends_as_with_torch(function):
    torch = pytest.importorskip("torch")
    expected, found = outcome(function, torch), outcome(function, nbgrad)
    assert found == expected


def ones(torch, n=2):
    return torch.ones(n, requires_grad=True)


# ---- whose memory a gradient is


@program
def gradients_of_two_leaves_with_create_graph_are_two_tensors(torch):
    a, b = ones(torch), ones(torch)
    (a + b).sum().backward(create_graph=True)
    with torch.no_grad():
        a.grad.mul_(5)
    return b.grad.tolist(), a.grad is b.grad


@program
def the_given_gradient_is_copied_with_create_graph(torch):
    a, g = ones(torch), torch.ones(2)
    a.clone().backward(g, create_graph=True)
    a.backward(g, create_graph=True)
    with torch.no_grad():
        a.grad.mul_(5)
    return g.tolist()


@program
def retained_gradients_are_copies(torch):
    a, g = ones(torch), torch.ones(2)
    p, q = a * 2, a * 3
    p.retain_grad()
    q.retain_grad()
    (p + q).backward(g)
    p.grad.mul_(5)
    return q.grad.tolist(), g.tolist(), a.grad.tolist()


@program
def gradients_of_non_leaf_inputs_are_retained_copies(torch):
    a, g = ones(torch), torch.ones(2)
    p, q = a * 2, a * 3
    (p + q).backward(g, inputs=[p, q])
    p.grad.mul_(5)
    return q.grad.tolist(), g.tolist(), p.retains_grad, a.grad


@program
def accumulating_changes_a_gradient_that_has_a_history(torch):
    x = ones(torch)
    (x * x).sum().backward(create_graph=True)
    first = x.grad
    (x * x).sum().backward()
    return first.tolist(), first is x.grad, first.requires_grad


@program
def a_numpy_array_has_a_shape_of_its_own(torch):
    x = torch.zeros(4)
    x.numpy().shape = (2, 2)
    x.numpy()[1] = 3
    return tuple(x.shape), x.tolist()


# ---- who gets one


@program
def a_leaf_switched_off_meanwhile_gets_no_gradient(torch):
    x = ones(torch)
    y = x * 2
    x.requires_grad_(False)
    y.sum().backward()
    return x.grad


@program
def hooks_of_leaves_that_nobody_asked_for_stay_silent(torch):
    x, w, heard = ones(torch), ones(torch), []
    w.register_hook(lambda g: heard.append(1))
    torch.autograd.grad((x * w).sum(), x)
    (x * w).sum().backward(inputs=[x])
    return heard, w.grad


@program
def one_of_several_outputs_of_no_dimensions(torch):
    x = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    _, b, _ = x.unbind()
    (b * 2).backward()
    return x.grad.tolist()


# ---- what refuses


@program
def out_does_not_take_arguments_that_require_a_gradient(torch):
    return torch.add(ones(torch), 1, out=torch.zeros(2)).tolist()


@program
def out_of_a_function_of_one_argument(torch):
    return torch.exp(ones(torch), out=torch.zeros(2)).tolist()


@program
def out_of_a_list(torch):
    return torch.cat([torch.zeros(2), ones(torch)], out=torch.zeros(4)).tolist()


@program
def out_that_requires_a_gradient(torch):
    return torch.add(torch.ones(2), 1, out=ones(torch)).tolist()


@program
def out_without_recording(torch):
    with torch.no_grad():
        return torch.add(ones(torch), 1, out=torch.zeros(2)).tolist()


@program
def expanded_memory_is_not_changed_in_place(torch):
    torch.ones(1).expand(3).add_(1)


@program
def a_view_taken_under_no_grad_is_not_changed_while_recording(torch):
    x = ones(torch)
    with torch.no_grad():
        v = x[0]
    v.mul_(2)


@program
def a_view_taken_under_no_grad_is_changed_there(torch):
    x = ones(torch)
    with torch.no_grad():
        v = x[0]
        v.mul_(2)
    return x.tolist()


@program
def a_view_of_what_has_become_a_leaf(torch):
    b = torch.zeros(3)
    v = b[:2]
    b.requires_grad_()
    v.add_(1)


@program
def a_view_that_has_become_a_leaf(torch):
    v = torch.zeros(3)[:2].requires_grad_()
    v.add_(1)


@program
def a_hook_may_not_change_the_type(torch):
    y = ones(torch) * 2
    y.register_hook(lambda g: g.double())
    y.sum().backward()


# ---- modes and numbers


@program
def a_block_entered_twice(torch):
    block = torch.set_grad_enabled(False)
    seen = []
    for _ in range(2):
        with block:
            seen.append(torch.is_grad_enabled())
        seen.append(torch.is_grad_enabled())
    return seen


@program
def integers_that_do_not_fit_lose_their_high_bits(torch):
    x = torch.ones(1, dtype=torch.uint8)
    return (x + 300).tolist(), (x - 2).tolist(), (x * -2).tolist(), (x == 257).tolist(), (x.clone().add_(300)).tolist()


@program
def integers_that_do_not_fit_are_refused_as_values(torch):
    torch.ones(1, dtype=torch.uint8).clamp(min=300)


@program
def integers_too_large_for_a_power_are_refused(torch):
    torch.ones(1, dtype=torch.uint8) ** 300


@program
def a_bool_is_not_subtracted(torch):
    torch.ones(2) - torch.tensor([True, False])


@program
def true_is_not_subtracted(torch):
    torch.ones(2) - True


@program
def the_sign_of_a_remainder_of_zero(torch):
    return str((torch.tensor([-3.0, 3.0, -0.0, 4.0, -4.0]) % 3).tolist())


@program
def the_array_of_a_leaf_under_no_grad(torch):
    x = ones(torch)
    with torch.no_grad():
        x.numpy()[0] = 3
    return x.tolist()


@program
def broadcast_tensors_gives_what_fits_itself(torch):
    x = ones(torch)
    return torch.broadcast_tensors(x, torch.ones(2))[0] is x, torch.broadcast_tensors(x, torch.ones(3, 2))[0] is x


@program
def integers_are_overwritten_by_what_requires_a_gradient(torch):
    x = torch.zeros(2, dtype=torch.int64)
    x[0] = ones(torch, ())
    x.copy_(ones(torch) + x)
    return x.tolist(), x.requires_grad


@program
def the_type_of_a_loss_whose_target_has_no_dimensions(torch):
    return str(torch.nn.functional.mse_loss(torch.zeros(2), torch.tensor(1.0, dtype=torch.float64)).dtype)


@program
def values_put_at_indices_are_of_the_same_type(torch):
    torch.zeros(2)[[0, 1]] = torch.tensor(1)


@program
def one_value_put_where_a_mask_is_true_may_be_of_another_type(torch):
    x = torch.zeros(2)
    x[torch.tensor([True, False])] = torch.tensor([1])
    return x.tolist()


@program
def slices_of_another_number_of_dimensions_are_not_added(torch):
    torch.zeros(()).index_add_(0, torch.tensor([0]), torch.ones(1, 3))


@program
def a_source_that_does_not_fit_is_not_copied(torch):
    torch.zeros(2, 1).copy_(torch.zeros(3))


def test_gradients_through_in_place_comparisons_are_refused(leaf):
    y = leaf(nbgrad, 1.0) * 2
    with pytest.raises(NotImplementedError, match="nbgrad does not support gradients through the in-place operator eq"):
        y.eq_(1)


def test_memory_of_a_read_only_array_is_not_changed():
    array = np.ones(2)
    array.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        nbgrad.from_numpy(array).add_(1)


def test_a_failed_operator_is_freed_by_counting(counting):
    x = nbgrad.ones(3)
    gone = weakref.ref(x)
    try:
        x + nbgrad.ones(2)
    except RuntimeError:
        del x
    assert gone() is None
