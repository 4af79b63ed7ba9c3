"""What this package does on the way, inside a transform of `func` or a forward-mode level, is drawn without the names and lines of its own source."""

import nbgrad
import nbgrad.autograd.forward_ad as forward_ad
from nbgrad.func import grad, hessian, jacrev, vmap
from nbgrad.graph import record


def _names_and_places(drawing):
    graph = drawing.graph
    assert all(call.place is None or call.place.source == "cell" for call in graph.calls)
    return {value.name for value in graph.values if value.name}


def test_transforms_show_the_users_names_only():
    with record() as drawing:
        w, x = nbgrad.tensor([0.5, -0.3]), nbgrad.ones(4, 2)
        rows = vmap(grad(lambda w, x: nbgrad.tanh(w @ x)), in_dims=(None, 0))(w, x)
        second = hessian(lambda w: (w**3).sum())(w)
        first = jacrev(lambda w: (w**3).sum())(w)
    assert _names_and_places(drawing) == {"w", "x", "rows", "second", "first"}
    assert not any(value.is_parameter for value in drawing.graph.values)  # w learns nothing, nor do the copies that are differentiated


def test_a_forward_mode_level_shows_the_users_names_only():
    with record() as drawing, forward_ad.dual_level():
        x = nbgrad.tensor([1.0, 2.0], requires_grad=True)
        dual = forward_ad.make_dual(x, nbgrad.ones(2))
        tangent = forward_ad.unpack_dual(dual.sin()).tangent
    assert _names_and_places(drawing) == {"x", "dual", "tangent"}
    assert [value.name for value in drawing.graph.values if value.is_parameter] == ["x"]


def test_what_inference_mode_cut_off_is_said_to_be_cut_by_it():
    w = nbgrad.ones(2, requires_grad=True)
    with record() as drawing:
        with nbgrad.inference_mode():
            cut = w * 2  # noqa: F841
        with nbgrad.no_grad():
            other = w * 2  # noqa: F841
    assert [value.cut for value in drawing.graph.values if value.cut] == ["inference_mode", "no_grad"]
