"""What a node of the backward graph tells: names, edges, what it saved, and what it does when called."""

import gc
import weakref

import pytest


def raises(kind, phrase, call):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (compared below)
        call()
    assert caught.type is kind and phrase in str(caught.value), f"{caught.type.__name__}: {caught.value}"


@pytest.fixture
def leaves(torch):
    """Two leaves of two elements."""
    return torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0], requires_grad=True)


def test_what_every_node_tells(torch, leaves):
    x, w = leaves
    y = x * w
    node = y.grad_fn
    assert node is y.grad_fn and node.name() == type(node).__name__ == "MulBackward0" and repr(node).startswith("<MulBackward0 object at 0x")
    assert isinstance(node, torch.autograd.graph.Node) and issubclass(type(node), torch.autograd.graph.Node)
    assert not isinstance(x, torch.autograd.graph.Node)
    (meta,) = node._input_metadata
    assert tuple(meta.shape) == (2,) and meta.dtype == torch.float32 and meta.device.type == "cpu"
    assert (x + 1).grad_fn._sequence_nr() > node._sequence_nr()
    assert (y * 1).grad_fn.next_functions == ((node, 0), (None, 0))
    raises(TypeError, "Can't instantiate abstract class Node", torch.autograd.graph.Node)


def test_notes_on_a_node_stay(torch, leaves):
    y = leaves[0] * leaves[1]
    y.grad_fn.metadata["note"] = 1
    gc.collect()
    assert y.grad_fn.metadata == {"note": 1}
    raises(AttributeError, "metadata", lambda: setattr(y.grad_fn, "metadata", {}))


def test_accumulators(torch, leaves):
    x, w = leaves
    y, z = x * w, x * 2
    accumulator = y.grad_fn.next_functions[0][0]
    assert accumulator is z.grad_fn.next_functions[0][0] and len({accumulator, z.grad_fn.next_functions[0][0], y.grad_fn}) == 2
    assert type(accumulator).__name__ == "AccumulateGrad" and accumulator.name() == "torch::autograd::AccumulateGrad"
    assert accumulator.variable is x and accumulator.next_functions == () and isinstance(accumulator, torch.autograd.graph.Node)
    assert accumulator._sequence_nr() == 2**64 - 1 and accumulator.metadata == {}


def test_an_accumulator_and_its_hooks_go_with_the_last_graph(torch, leaves):
    x, w = leaves
    log = []
    y = x * w
    y.grad_fn.next_functions[0][0].register_prehook(lambda go: log.append("node"))
    x.register_hook(lambda g: log.append("leaf"))
    y.sum().backward(retain_graph=True)
    del y
    (x * w).sum().backward()
    assert log == ["leaf", "node", "leaf"]


def test_outputs_of_one_node(torch):
    x = torch.ones(2, 3, requires_grad=True)
    a, b = x.unbind(0)
    assert a.grad_fn is b.grad_fn and (a.output_nr, b.output_nr) == (0, 1)
    assert (b * 2).grad_fn.next_functions[0] == (b.grad_fn, 1)
    assert [tuple(m.shape) for m in a.grad_fn._input_metadata] == [(3,), (3,)]


def test_saved_tensors_are_the_tensors_themselves(torch, leaves):
    x, w = leaves
    y = x * w
    assert y.grad_fn._saved_self is x and y.grad_fn._saved_other is w
    z = y * y.exp()
    assert z.grad_fn._saved_self is y
    assert y.exp().grad_fn._saved_result.tolist() == y.exp().tolist()
    e = y.exp()
    assert e.grad_fn._saved_result.grad_fn is e.grad_fn
    assert (x * 2).grad_fn._saved_self is None
    assert torch.ones(2, 3, requires_grad=True).sum().grad_fn._saved_self_sym_sizes == (2, 3)
    raises(AttributeError, "_saved_nothing", lambda: y.grad_fn._saved_nothing)


def test_saved_tensors_that_changed_or_are_gone(torch, leaves):
    x, w = leaves
    y = x * w
    z = y * y
    y.add_(1)
    raises(RuntimeError, "which is output 0 of Add, is at version 1; expected version 0", lambda: z.grad_fn._saved_self)
    y = x * w
    y.sum().backward()
    raises(RuntimeError, "Trying to backward through the graph a second time", lambda: y.grad_fn._saved_self)
    assert y.grad_fn._raw_saved_self.data is None


def test_a_node_can_be_called(torch, leaves):
    x, w = leaves
    y = x * w
    first, second = y.grad_fn(torch.ones(2))
    assert first.tolist() == [3.0, 4.0] and second.tolist() == [1.0, 2.0] and first.requires_grad
    with torch.no_grad():
        assert not x.exp().grad_fn
        assert not y.grad_fn(torch.ones(2))[0].requires_grad
    assert x.sin().grad_fn(torch.zeros(2)).tolist() == [0.0, 0.0]
    raises(TypeError, "expected 1 arguments, got 0 instead", lambda: y.grad_fn())
    raises(TypeError, "argument 0 is not a Variable", lambda: y.grad_fn(3))
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_a_node_is_held_by_what_comes_after_it_only(torch, leaves):
    x, w = leaves
    y = x * w
    z = y * 2
    del y
    held = z.grad_fn.next_functions[0][0]
    assert held.name() == "MulBackward0"
    del held, z


def test_nodes_are_freed_by_counting(counting):
    import nbgrad

    x = nbgrad.ones(2, requires_grad=True)
    y = x * x
    y.register_hook(lambda g: None)
    y.retain_grad()
    y.grad_fn.metadata["note"] = 1
    y.grad_fn.register_hook(lambda gi, go: None)
    y.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda p: p)
    y.sum().backward()
    node = weakref.ref(y.grad_fn)
    del y
    assert node() is None
