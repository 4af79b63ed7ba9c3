"""Changes in place, through one view after another, of memory whose rows do not lie one after another: the tangents follow."""

import pytest

from .side_by_side import compare


def _second_column_then_row(torch, y, x):
    y[:, 1] = x[0]
    y[0].add_(x[1])
    return y


def _through_the_transpose(torch, y, x):
    y[:, 1] = x[0]
    y.t()[1].mul_(x[1])
    return y * x[0]


@pytest.mark.parametrize("change", [_second_column_then_row, _through_the_transpose])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("order", [1, 2])
def test_a_change_through_a_second_view_moves_the_tangent_of_the_base(change, transposed, order):
    def program(torch):
        def f(x):
            y = torch.zeros(2, 3, dtype=x.dtype).t() if transposed else torch.zeros(3, 2, dtype=x.dtype)
            return change(torch, y, x)

        for _ in range(order):
            f = (lambda f: lambda x: torch.func.jvp(f, (x,), (x * x,))[1])(f)
        return f(torch.tensor([0.5, 1.5], dtype=torch.float64))

    compare(program)


@pytest.mark.parametrize("shape", [lambda t: t.zeros(2, 2, dtype=t.float64), lambda t: t.zeros(2, 2, dtype=t.float64).t()])
def test_three_levels_through_a_change_of_a_whole_view(torch, shape):
    def f(x):
        y = shape(torch)
        y[0] = x
        y.mul_(x[0])
        return y[0] * x[0]

    def forward(f):
        return lambda x: torch.func.jvp(f, (x,), (x * x,))[1]

    third = forward(forward(forward(f)))(torch.tensor([0.5, 1.5], dtype=torch.float64))
    assert third.tolist() == [0.9375, 16.3125]
