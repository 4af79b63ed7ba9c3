"""Dual tensors, held against PyTorch's."""

from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest

import nbgrad

from .side_by_side import compare


def dual(change):
    """A program that opens a level, makes a dual tensor d of [1, 2] and [1, 10], and gives what `change(torch, fw, d)` says."""

    def program(torch):
        fw = torch.autograd.forward_ad
        with fw.dual_level():
            d = fw.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0]))
            return change(torch, fw, d)

    return program


def unpacked(make):
    return dual(lambda torch, fw, d: tuple(fw.unpack_dual(make(torch, d))))


@pytest.mark.parametrize(
    "make",
    [
        lambda torch, d: d,
        lambda torch, d: d * 2 + 1,
        lambda torch, d: 1 / d,
        lambda torch, d: d.clone(),
        lambda torch, d: d.detach(),
        lambda torch, d: d.data,
        lambda torch, d: d.double(),
        lambda torch, d: d.long(),
        lambda torch, d: d > 1,
        lambda torch, d: d.floor(),
        lambda torch, d: d.sign(),
        lambda torch, d: d.max(0).values,
        lambda torch, d: d.max(0).indices,
        lambda torch, d: d.sort(descending=True).values,
        lambda torch, d: torch.ones_like(d),
        lambda torch, d: d.new_zeros(3),
        lambda torch, d: torch.stack([d, torch.ones(2)]),
        lambda torch, d: torch.cat([torch.ones(1), d]),
        lambda torch, d: torch.where(torch.tensor([True, False]), d, 0.0),
        lambda torch, d: d @ torch.ones(2, 3),
        lambda torch, d: torch.outer(d, d),
        lambda torch, d: d.softmax(0),
        lambda torch, d: (d**2).sum().sqrt(),
        lambda torch, d: d.norm(),
        lambda torch, d: d.std(),
        lambda torch, d: d.prod(),
        lambda torch, d: torch.nn.functional.pad(d, (1, 1), value=3.0),
        lambda torch, d: d.expand(3, 2),
        lambda torch, d: d[None, :, None].transpose(0, 1),
        lambda torch, d: d[[1, 0, 1]],
        lambda torch, d: d.unbind()[1],
        lambda torch, d: torch.ones(2) + 1,
        lambda torch, d: d.zero_(),
        lambda torch, d: d.fill_(3.0),
        lambda torch, d: d.mul_(3),
        lambda torch, d: d.exp_(),
        lambda torch, d: d.sub_(torch.ones(2)).div_(2),
        lambda torch, d: torch.ones(2).mul_(d),
        lambda torch, d: torch.zeros(2).copy_(d),
        lambda torch, d: torch.zeros(2).add_(d, alpha=3),
        lambda torch, d: d.clamp_(max=1.5),
        lambda torch, d: d.floor_(),
        lambda torch, d: d.relu_(),
        lambda torch, d: d.requires_grad_().sin(),
    ],
)  # fmt: skip
def test_tangents_are_those_of_torch(make):
    compare(unpacked(make))


def written_through_a_view(torch, fw, d):
    base = torch.zeros(3)
    early = base[:2]
    late = base[1:]
    late.copy_(d)
    return [tuple(fw.unpack_dual(t)) for t in (base, early, late, base[2])]


def written_by_index(torch, fw, d):
    base = torch.zeros(3)
    early = base[1]
    base[1:] = d
    base[0] = d[1] * 2
    return [tuple(fw.unpack_dual(t)) for t in (base, early)]


def overwritten_by_a_number(torch, fw, d):
    y = d * 3
    y[0] = 5.0
    return tuple(fw.unpack_dual(y))


def changed_through_a_view(torch, fw, d):
    y = d.clone()
    view = y.view(2, 1)
    view[1].mul_(7)
    y.add_(1)
    return [tuple(fw.unpack_dual(t)) for t in (y, view, y[1])]


def tangent_is_changed_with_it(torch, fw, d):
    before = fw.unpack_dual(d).tangent
    d.mul_(3)
    return before, fw.unpack_dual(d).tangent is before


def of_a_matrix(torch, fw, d):
    y = torch.zeros(2, 2)
    y[:, 0] = d
    y.t()[1].add_(d * d)
    y.diagonal().mul_(2)
    return tuple(fw.unpack_dual(y))


def columns(torch, fw, d):
    y = torch.zeros(2, 2)
    part = y.transpose(0, 1)[1]
    part.add_(d)
    return [tuple(fw.unpack_dual(t)) for t in (y, part)]


@pytest.mark.parametrize(
    "change",
    [
        written_through_a_view, written_by_index, overwritten_by_a_number, changed_through_a_view, tangent_is_changed_with_it, of_a_matrix, columns,
    ],
)  # fmt: skip
def test_tangents_follow_views_and_changes_in_place(change):
    compare(dual(change))


def test_a_product_with_itself_in_place_is_right():
    fw = nbgrad.autograd.forward_ad  # PyTorch gives [2, 60] here: it takes the value after the change
    with fw.dual_level():
        d = fw.make_dual(nbgrad.tensor([1.0, 2.0]), nbgrad.tensor([1.0, 10.0]))
        d.mul_(d)
        assert fw.unpack_dual(d).tangent.tolist() == [2.0, 40.0]
        y = nbgrad.ones(2, 2) * fw.make_dual(nbgrad.tensor(2.0), nbgrad.tensor(1.0))
        y.mul_(y[0])
        assert fw.unpack_dual(y).tangent.tolist() == [[4.0, 4.0], [4.0, 4.0]]


def mismatched(torch, fw, d):
    return fw.make_dual(torch.ones(2), torch.ones(3))


@pytest.mark.parametrize(
    "change",
    [
        mismatched,
        lambda torch, fw, d: fw.make_dual(torch.tensor([1, 2]), torch.ones(2)),
        lambda torch, fw, d: fw.make_dual(torch.ones(2), torch.tensor([1, 2])),
        lambda torch, fw, d: fw.make_dual(d, torch.ones(2)),
        lambda torch, fw, d: fw.make_dual(torch.ones(2), d),
        lambda torch, fw, d: fw.make_dual(torch.ones(2), torch.ones(2), level=3),
        lambda torch, fw, d: fw.enter_dual_level(),
        lambda torch, fw, d: fw.exit_dual_level(level=1),
        lambda torch, fw, d: fw.unpack_dual(d, level=5).tangent,
        lambda torch, fw, d: torch.mul(d, 2, out=torch.zeros(2)),
        lambda torch, fw, d: torch.mul(torch.ones(2), 2, out=d),
        lambda torch, fw, d: torch.exp(d, out=torch.zeros(2)),
        lambda torch, fw, d: repr(d),
        lambda torch, fw, d: repr(fw.unpack_dual(d)),
        lambda torch, fw, d: (d.requires_grad, d.is_leaf, d._is_view(), fw.unpack_dual(d).primal._is_view(), d.numpy().tolist()),
        lambda torch, fw, d: tuple(fw.unpack_dual(fw.make_dual(torch.ones(2), torch.ones(2).double()))),
    ],
)  # fmt: skip
def test_what_is_refused_and_what_is_shown(change):
    compare(dual(change))


@pytest.mark.parametrize(
    "program",
    [
        lambda torch: torch.autograd.forward_ad.make_dual(torch.ones(1), torch.ones(1)),
        lambda torch: tuple(torch.autograd.forward_ad.unpack_dual(torch.ones(1))),
        lambda torch: torch.autograd.forward_ad.exit_dual_level(),
    ],
)
def test_without_a_level(program):
    compare(program)


def test_levels_are_counted(torch):
    fw = torch.autograd.forward_ad
    assert fw._current_level == -1
    with fw.dual_level() as level:
        assert (level, fw._current_level) == (0, 0)
        with pytest.raises(RuntimeError, match="Nested forward mode AD is not supported at the moment"), fw.dual_level():
            pass
        assert fw._current_level == 0
    assert fw._current_level == -1

    @fw.dual_level()
    def decorated():
        return fw._current_level

    assert (decorated(), fw._current_level) == (0, -1)
    assert fw.enter_dual_level() == 0
    fw.exit_dual_level()
    assert fw._current_level == -1


def test_tangents_go_with_their_level(torch):
    fw = torch.autograd.forward_ad
    x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])
    with fw.dual_level():
        d = fw.make_dual(x, v)
        y = d * 2
        assert fw.unpack_dual(d).tangent is v
    assert fw.unpack_dual(y).tangent is None
    with fw.dual_level():
        assert fw.unpack_dual(y).tangent is None
        assert fw.unpack_dual(y * d).tangent is None


def test_the_level_ends_with_an_error(torch):
    fw = torch.autograd.forward_ad
    with pytest.raises(ValueError, match="mine"), fw.dual_level():
        raise ValueError("mine")
    assert fw._current_level == -1
    with fw.dual_level():
        d = fw.make_dual(torch.ones(2), torch.ones(2))
        with pytest.raises(RuntimeError):
            d.mul_(torch.ones(5))
        assert fw.unpack_dual(d * 2).tangent.tolist() == [2.0, 2.0]


def test_forward_mode_may_be_switched_off(torch):
    fw = torch.autograd.forward_ad
    with fw.dual_level():
        d = fw.make_dual(torch.ones(2), torch.ones(2))
        with fw._set_fwd_grad_enabled(False):
            assert not fw._is_fwd_grad_enabled()
            assert fw.unpack_dual(d).tangent is None
            y = d * 2
        assert fw._is_fwd_grad_enabled()
        assert fw.unpack_dual(y).tangent is None
        assert fw.unpack_dual(d).tangent is not None


def test_no_grad_changes_nothing_for_tangents(torch):
    fw = torch.autograd.forward_ad
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    with fw.dual_level(), torch.no_grad():
        y = fw.make_dual(torch.ones(2), torch.tensor([1.0, 2.0])) * w
        assert not y.requires_grad
        assert fw.unpack_dual(y).tangent.tolist() == [3.0, 8.0]
        assert not fw.unpack_dual(y).tangent.requires_grad


def test_a_tangent_that_lies_otherwise_in_memory_is_copied(torch):
    fw = torch.autograd.forward_ad
    with fw.dual_level():
        turned = torch.arange(6.0).reshape(3, 2).t()
        d = fw.make_dual(torch.zeros(2, 3), turned)
        assert fw.unpack_dual(d).tangent.stride() == (3, 1)
        assert fw.unpack_dual(d).tangent.tolist() == turned.tolist()
        assert fw.unpack_dual(d.view(6)).tangent.tolist() == [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]
        assert fw.unpack_dual(fw.make_dual(torch.zeros(2), torch.tensor(1.0).expand(2))).tangent.stride() == (1,)


# ---- with reverse mode


def reverse_over_forward(torch):
    fw = torch.autograd.forward_ad
    a, b = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 10.0], requires_grad=True)
    with fw.dual_level():
        d = fw.make_dual(a, b)
        value, tangent = fw.unpack_dual((d**3).sum() * d.sin())
    return value, tangent, torch.autograd.grad(tangent.sum(), (a, b))


def forward_over_reverse(torch):
    fw = torch.autograd.forward_ad
    with fw.dual_level():
        d = fw.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])).requires_grad_()
        y = (d.exp() * d.tanh()).sum() + d.sigmoid().prod()
        (g,) = torch.autograd.grad(y, d)
        return tuple(fw.unpack_dual(g))


def forward_over_reverse_with_history(torch):
    fw = torch.autograd.forward_ad
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with fw.dual_level():
        d = fw.make_dual(x, torch.tensor([1.0, 10.0]))
        (g,) = torch.autograd.grad((d**4).sum(), d, create_graph=True)
        tangent = fw.unpack_dual(g).tangent
    return g.detach(), tangent.detach(), torch.autograd.grad(tangent.sum(), x)


def backward_fills_grad(torch):
    fw = torch.autograd.forward_ad
    with fw.dual_level():
        d = fw.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])).requires_grad_()
        (d**3).sum().backward()
        return d.grad, fw.unpack_dual(d.grad).tangent


def in_place_results_that_are_saved(torch):
    fw = torch.autograd.forward_ad
    with fw.dual_level():
        d = fw.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])).requires_grad_()
        y = (d * 1).exp_()
        z = torch.stack([d, d])
        z[0].tanh_()
        (g,) = torch.autograd.grad(y.sum() + (z * z).sum(), d)
        return tuple(fw.unpack_dual(g))


def history_through_a_written_view(torch):
    fw = torch.autograd.forward_ad
    a, b = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 10.0], requires_grad=True)
    with fw.dual_level():
        d = fw.make_dual(a, b)
        y = torch.zeros(3)
        y[1:] = d * d
        y[:2].mul_(d)
        tangent = fw.unpack_dual(y).tangent
    return tangent, torch.autograd.grad((tangent * tangent).sum(), (a, b))


@pytest.mark.parametrize(
    "program",
    [
        reverse_over_forward, forward_over_reverse, forward_over_reverse_with_history, backward_fills_grad, in_place_results_that_are_saved,
        history_through_a_written_view,
    ],
)  # fmt: skip
def test_both_modes_together(program):
    compare(program)


def custom_functions(torch):
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(result)
            ctx.save_for_forward(result)
            return result

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, tangent):
            return tangent * ctx.saved_tensors[0]

    fw = torch.autograd.forward_ad
    with fw.dual_level():
        d = fw.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])).requires_grad_()
        y = Exp.apply(d * 2)
        (g,) = torch.autograd.grad(y.sum(), d)
        return fw.unpack_dual(y).tangent.detach(), tuple(fw.unpack_dual(g))


def test_custom_functions_move_tangents_both_ways():
    compare(custom_functions)


# ---- what it costs others


def test_nothing_stays_behind(counting):
    fw = nbgrad.autograd.forward_ad
    x, v = nbgrad.ones(3), nbgrad.ones(3)
    with fw.dual_level():
        y = (fw.make_dual(x, v) * 2).exp()
        gone = [weakref.ref(y), weakref.ref(fw.unpack_dual(y).tangent)]
        y.mul_(x)
        level = weakref.ref(fw._level)
    del y
    assert [r() for r in (*gone, level)] == [None, None, None]
    assert "_tangents" not in x.__dict__


def test_other_threads_hear_nothing_of_a_level():
    fw = nbgrad.autograd.forward_ad
    seen = []
    with fw.dual_level():
        d = fw.make_dual(nbgrad.ones(2), nbgrad.ones(2))
        thread = threading.Thread(target=lambda: seen.append((d * 2)._tangents))
        thread.start()
        thread.join()
    assert seen == [None]


def test_a_recorder_hears_through_the_level():
    from nbgrad._engine.observe import observing
    from nbgrad.graph.capture import Recorder

    fw = nbgrad.autograd.forward_ad
    recorder = Recorder()
    with fw.dual_level(), observing(recorder):
        d = fw.make_dual(nbgrad.tensor([1.0, 2.0]), nbgrad.tensor([1.0, 10.0]))
        y = d.exp().cumprod(0)
        assert fw.unpack_dual(y).tangent is not None
    calls = [c.op for c in recorder.graph().calls]
    assert "exp" in calls
    assert calls.index("exp") < calls.index("cumprod")
    assert recorder.graph().steps == ()


def test_operators_without_a_rule_say_so(monkeypatch):
    from nbgrad._engine.op import REGISTRY

    fw = nbgrad.autograd.forward_ad
    op = REGISTRY["tanh"]
    monkeypatch.setattr(op, "jvp", None)
    monkeypatch.setattr(op, "ufunc", None)
    monkeypatch.setitem(op.vjp, "self", lambda grad, self: grad.detach() * 2)
    with fw.dual_level(), pytest.raises(NotImplementedError, match="forward mode through tanh"):
        fw.make_dual(nbgrad.ones(2), nbgrad.ones(2)).tanh()


def test_deep_programs_keep_their_tangents():
    fw = nbgrad.autograd.forward_ad
    with fw.dual_level():
        y = fw.make_dual(nbgrad.tensor(1.0).double(), nbgrad.tensor(1.0).double())
        for _ in range(3000):
            y = y * 1.0001
        assert float(fw.unpack_dual(y).tangent) == pytest.approx(np.power(1.0001, 3000), rel=1e-6)
