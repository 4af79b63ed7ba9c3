"""A recorded `vmap` shows the operators of one example, with the numbers of all."""

import sys

import nbgrad
from nbgrad.graph import record


def test_a_vmap_and_its_backward_are_recorded():
    x, w = nbgrad.ones(3, 2, requires_grad=True), nbgrad.tensor([1.0, 2.0], requires_grad=True)
    out_line = sys._getframe().f_lineno + 2
    with record() as drawing:
        out = nbgrad.vmap(lambda a: (a * w).sum())(x)
        out.sum().backward()
    ops = [call.op for call in drawing.graph.calls]
    assert ops == ["add_batch_dim", "mul", "sum", "remove_batch_dim", "sum"]
    assert [call.place and call.place.line for call in drawing.graph.calls] == [None, *[out_line] * 3, out_line + 1]
    (product,) = (v for v in drawing.graph.values if v.id == drawing.graph.calls[1].outputs[0])
    assert (product.shape, product.data.size, product.data.mean) == ((2,), 6, 1.5)
    assert "mul" in drawing.to_text()
    assert drawing.to_svg().startswith("<svg")
