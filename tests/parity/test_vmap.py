"""`vmap` as PyTorch has it: where dimensions go in and out, what it refuses, random numbers, changes in place, and gradients through it."""

import collections

import numpy as np
import pytest

import nbgrad


def numbers(torch, *shape, start=0.3):
    count = int(np.prod(shape))
    return torch.tensor(np.sin(np.arange(count) * 1.7 + start).reshape(shape).tolist(), dtype=torch.float64)


def close(torch, a, b):
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    assert torch.allclose(a, b), (a, b)


# ---- in and out


@pytest.mark.parametrize("in_dims", [0, 1, -1, 2, -3])
@pytest.mark.parametrize("out_dims", [0, 1, -1, -2])
def test_dimensions_go_in_and_out_where_they_are_told(torch, in_dims, out_dims):
    x = numbers(torch, 2, 3, 4)
    got = torch.vmap(lambda a: a.t().sin(), in_dims=in_dims, out_dims=out_dims)(x)
    close(torch, got, torch.stack([a.t().sin() for a in x.unbind(in_dims)], out_dims))


def test_arguments_without_a_dimension_are_given_as_they_are(torch):
    x, w = numbers(torch, 3, 4), numbers(torch, 4, 2)
    close(torch, torch.vmap(torch.matmul, in_dims=(0, None))(x, w), x @ w)
    assert torch.vmap(lambda a, flag: a * 2 if flag else a, in_dims=(0, None))(x, True).shape == (3, 4)


def test_keyword_arguments_are_not_mapped(torch):
    x = numbers(torch, 3, 4)
    assert torch.vmap(lambda a, b: a + b)(x, b=x).shape == (3, 3, 4)


def test_containers_of_tensors_go_in_and_out(torch):
    Pair = collections.namedtuple("Pair", "first second")
    x, y = numbers(torch, 3, 4), numbers(torch, 4, 3)
    out = torch.vmap(
        lambda given: {"sum": given["a"] + given["b"][0], "both": Pair(given["a"], [given["b"][0].sum()])}, in_dims=({"a": 0, "b": [1]},)
    )({"a": x, "b": [y]})
    close(torch, out["sum"], x + y.t())
    assert type(out["both"]) is Pair
    close(torch, out["both"].second[0], y.sum(0))


def test_out_dims_may_differ_by_output_and_none_passes_what_is_not_mapped(torch):
    x = numbers(torch, 3, 4)
    a, b, c = torch.vmap(lambda a: (a, a.outer(a), 7), out_dims=(1, 2, None))(x)
    assert (a.shape, b.shape, c) == ((4, 3), (4, 4, 3), 7)


def test_a_result_that_depends_on_no_mapped_input_is_repeated(torch):
    w = numbers(torch, 2).requires_grad_()
    out = torch.vmap(lambda a: w * 2)(numbers(torch, 3, 4))
    close(torch, out, torch.stack([w * 2] * 3))
    out.sum().backward()
    assert w.grad.tolist() == [6, 6]


def test_vmaps_nest(torch):
    x, y = numbers(torch, 3, 4), numbers(torch, 5, 4)
    close(torch, torch.vmap(lambda a: torch.vmap(lambda b: a @ b)(y))(x), x @ y.t())
    close(torch, torch.vmap(torch.vmap(torch.mul, in_dims=(0, None)), in_dims=(1, 0))(x, y[:4, 0]), x.t() * y[:4, :1])
    close(torch, torch.vmap(torch.vmap(lambda a: a.exp(), in_dims=1, out_dims=1))(numbers(torch, 2, 3, 4)), numbers(torch, 2, 3, 4).exp())


def test_inside_sizes_are_those_of_one_example(torch):
    seen = []

    def look(a):
        seen.append((tuple(a.shape), a.dim(), a.numel(), a.size(-1), len(a), a.dtype is torch.float64, a.is_floating_point()))
        return a

    torch.vmap(look, in_dims=1)(numbers(torch, 2, 5, 3))
    assert seen == [((2, 3), 2, 6, 3, 2, True, True)]


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 5])
def test_chunks_give_the_same(torch, chunk_size):
    x = numbers(torch, 5, 4)
    sums, outer = torch.vmap(lambda a: (a.sum(), a.outer(a)), out_dims=(0, 2), chunk_size=chunk_size)(x)
    close(torch, sums, x.sum(1))
    close(torch, outer, torch.einsum("bi,bj->ijb", x, x))


def test_an_empty_batch_gives_an_empty_result(torch):
    assert torch.vmap(lambda a: a.outer(a).sum(0))(torch.zeros(0, 3)).shape == (0, 3)


def test_vmap_is_found_in_both_places_and_keeps_the_name_of_the_function(torch):
    def scaled(a):
        "doc"
        return a * 2

    assert torch.vmap is torch.func.vmap
    assert (torch.vmap(scaled).__name__, torch.vmap(scaled).__doc__) == ("scaled", "doc")


def test_a_batch_prints_as_one(torch):
    texts = []
    torch.vmap(torch.vmap(lambda a: (texts.append(repr(a)), a)[1]))(torch.tensor([[1.0, 2.0]]))
    assert texts == ["BatchedTensor(lvl=2, bdim=0, value=\n    BatchedTensor(lvl=1, bdim=0, value=\n        tensor([[1., 2.]])\n    )\n)"]


# ---- what it refuses


WRONG_CALLS = [
    ("no inputs", lambda torch, x: torch.vmap(lambda: 1)(), ValueError, "got no inputs"),
    ("0-dim", lambda torch, x: torch.vmap(lambda a: a)(torch.tensor(1.0)), ValueError, "Tensor of dimensionality 0 so expected in_dim to satisfy -0 <= in_dim < 0"),
    ("no tensor", lambda torch, x: torch.vmap(lambda a: a)(2), ValueError, "We cannot vmap over non-Tensor arguments"),
    ("sizes", lambda torch, x: torch.vmap(torch.add)(x, x[:2]), ValueError, r"same size in the mapped dimension, got sizes \[3, 2\]"),
    ("None", lambda torch, x: torch.vmap(lambda a: a, in_dims=None)(x), ValueError, "expected `in_dims` to be int or a"),
    ("all None", lambda torch, x: torch.vmap(lambda a: a, in_dims=(None,))(x), ValueError, "Expected at least one Tensor to vmap over"),
    ("in_dims type", lambda torch, x: torch.vmap(lambda a: a, in_dims="x")(x), ValueError, "expected `in_dims` to be int or a"),
    ("in_dims inner type", lambda torch, x: torch.vmap(lambda a: a, in_dims=("x",))(x), ValueError, "in_dim must be either an integer dimension or None"),
    ("in_dims length", lambda torch, x: torch.vmap(lambda a: a, in_dims=(0, 0))(x), ValueError, "in_dims is not compatible with the structure of `inputs`"),
    ("in_dims structure", lambda torch, x: torch.vmap(lambda a: a, in_dims=([0],))(x), ValueError, r"in_dims has structure TreeSpec\(tuple, None, \[TreeSpec\(list"),
    ("in_dim range", lambda torch, x: torch.vmap(lambda a: a, in_dims=2)(x), ValueError, "expected in_dim to satisfy -2 <= in_dim < 2"),
    ("out None", lambda torch, x: torch.vmap(lambda a: a, out_dims=None)(x), ValueError, "can not return a BatchedTensor when out_dim is None"),
    ("out type", lambda torch, x: torch.vmap(lambda a: a, out_dims="a")(x), ValueError, "`out_dims` must be an int, None or a python collection of ints"),
    ("out structure", lambda torch, x: torch.vmap(lambda a: a, out_dims=(0, 0))(x), ValueError, "out_dims is not compatible with the structure of `outputs`"),
    ("out range", lambda torch, x: torch.vmap(lambda a: a, out_dims=3)(x), IndexError, r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 3\)"),
    ("returns int", lambda torch, x: torch.vmap(lambda a: 1)(x), ValueError, "must only return Tensors, got type <class 'int'>"),
    ("returns None", lambda torch, x: torch.vmap(lambda a: None)(x), ValueError, "must only return Tensors, got type <class 'NoneType'>"),
    ("randomness", lambda torch, x: torch.vmap(lambda a: a, randomness="some"), RuntimeError, "Only allowed values for randomness are 'error', 'different', or 'same'. Got some"),
    ("chunk size", lambda torch, x: torch.vmap(lambda a: a, chunk_size=0), ValueError, r"chunk_size should be None or greater than 0. \(got 0\)"),
    ("item", lambda torch, x: torch.vmap(lambda a: a.sum().item())(x), RuntimeError, r"calling .item\(\) on a Tensor"),
    ("float", lambda torch, x: torch.vmap(lambda a: float(a[0]))(x), RuntimeError, r"calling .item\(\) on a Tensor"),
    ("format", lambda torch, x: torch.vmap(lambda a: f"{a[0]:.2f}")(x), RuntimeError, r"calling .item\(\) on a Tensor"),
    ("list index", lambda torch, x: torch.vmap(lambda a: [1, 2][a])(torch.tensor([0, 1])), RuntimeError, r"calling .item\(\) on a Tensor"),
    ("if", lambda torch, x: torch.vmap(lambda a: a if a.sum() > 0 else -a)(x), RuntimeError, "attempting to use a Tensor in some data-dependent control flow"),
    ("bool", lambda torch, x: torch.vmap(lambda a: bool(a[0]))(x), RuntimeError, "attempting to use a Tensor in some data-dependent control flow"),
    ("tolist", lambda torch, x: torch.vmap(lambda a: a.tolist())(x), RuntimeError, "Cannot access data pointer of Tensor that doesn't have storage"),
    ("numpy", lambda torch, x: torch.vmap(lambda a: a.numpy())(x), RuntimeError, "Cannot access data pointer of Tensor that doesn't have storage"),
    ("nonzero", lambda torch, x: torch.vmap(lambda a: a.nonzero())(x), RuntimeError, "dynamic shape"),
    ("unique", lambda torch, x: torch.vmap(lambda a: a.unique())(x), RuntimeError, "dynamic shape"),
    ("mask", lambda torch, x: torch.vmap(lambda a: a[a > 0])(x), RuntimeError, "dynamic shape"),
    ("mask assigned", lambda torch, x: torch.vmap(lambda a: a.clone().__setitem__(a > 0, 1.0))(x), RuntimeError, "dynamic shape"),
    ("masked_select", lambda torch, x: torch.vmap(lambda a: a.masked_select(a > 0))(x), RuntimeError, "vmap"),
    ("copy_", lambda torch, x: torch.vmap(lambda a: torch.zeros(4, dtype=torch.float64).copy_(a))(x), RuntimeError, r"inplace arithmetic\(self, \*extra_args\) is not possible"),
    ("setitem", lambda torch, x: torch.vmap(lambda a: torch.zeros(4, dtype=torch.float64).__setitem__(0, a[0]))(x), RuntimeError, "inplace arithmetic"),
    ("backward", lambda torch, x: torch.vmap(lambda a: a.sum().backward())(x.clone().requires_grad_()), RuntimeError, r"backward\(\) called inside a functorch transform"),
    ("rand", lambda torch, x: torch.vmap(lambda a: a + torch.rand(4))(x), RuntimeError, "called random operation while in randomness error mode"),
    ("dropout", lambda torch, x: torch.vmap(lambda a: torch.nn.functional.dropout(a))(x), RuntimeError, "called random operation while in randomness error mode"),
    ("shape of one", lambda torch, x: torch.vmap(lambda a: a @ torch.zeros(5, dtype=torch.float64))(x), RuntimeError, None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "words"), [pytest.param(*case[1:], id=case[0]) for case in WRONG_CALLS])
def test_what_vmap_refuses(torch, call, kind, words):
    with pytest.raises(kind, match=words):
        call(torch, numbers(torch, 3, 4))


def test_after_an_error_everything_is_as_before(torch):
    x = numbers(torch, 3, 4).requires_grad_()
    with pytest.raises(RuntimeError):
        torch.vmap(lambda a: a.sum().item())(x)
    torch.rand(2)
    x.sum().backward()
    assert x.grad.sum() == 12


# ---- in place


def test_changes_in_place_of_batched_tensors(torch):
    x = numbers(torch, 3, 4)

    def work(a):
        b = a.clone()
        b += a.sum()
        b[1:3] = a[:2]
        b[0].mul_(a[3])
        b.masked_fill_(a < 0, 7.0)
        c = torch.zeros_like(a)
        c[2] = a[1]
        d = a.new_zeros(2, 4)
        d[1] = b
        return b, c, d

    for got, expected in zip(torch.vmap(work)(x), zip(*map(work, x))):
        close(torch, got, torch.stack(expected))


def test_changes_in_place_reach_the_argument_outside(torch):
    x = numbers(torch, 3, 4)
    before = x._version
    torch.vmap(lambda a: a.mul_(2))(x)
    close(torch, x, numbers(torch, 3, 4) * 2)
    assert x._version > before


def test_gradients_of_changes_in_place(torch):
    x, w = numbers(torch, 3, 4).requires_grad_(), numbers(torch, 4).requires_grad_()

    def work(a):
        b = a * 2
        b[1:3].mul_(w[:2])
        b.add_(w * a.sum())
        b[0] = w[0] * a[2]
        return b

    got, expected = torch.vmap(work)(x), torch.stack([work(a) for a in x])
    close(torch, got, expected)
    seed = numbers(torch, 3, 4, start=2.0)
    for g, e in zip(torch.autograd.grad(got, (x, w), seed), torch.autograd.grad(expected, (x, w), seed)):
        close(torch, g, e)


# ---- gradients


def model(torch, w, v, a):
    return (torch.tanh(w @ a) * v).sum() + torch.softmax(a * v[:1], 0)[0]


def parameters(torch):
    return numbers(torch, 2, 4).requires_grad_(), numbers(torch, 2, start=1.0).requires_grad_(), numbers(torch, 3, 4, start=0.7).requires_grad_()


def test_backward_through_vmap_sums_over_the_examples_for_what_they_share(torch):
    w, v, x = parameters(torch)
    torch.vmap(lambda a: model(torch, w, v, a))(x).sum().backward()
    grads = [t.grad for t in (w, v, x)]
    for t in (w, v, x):
        t.grad = None
    sum(model(torch, w, v, a) for a in x).backward()
    for g, t in zip(grads, (w, v, x)):
        close(torch, g, t.grad)


def test_gradients_through_vmap_can_be_differentiated_again(torch):
    w, v, x = parameters(torch)
    outs = torch.vmap(lambda a: model(torch, w, v, a))(x), torch.stack([model(torch, w, v, a) for a in x])
    found = []
    for out in outs:
        first = torch.autograd.grad((out**2).sum(), (w, v, x), create_graph=True)
        second = torch.autograd.grad(sum((g**2).sum() for g in first), (w, v, x), create_graph=True)
        third = torch.autograd.grad(sum(g.sin().sum() for g in second), (w, v, x))
        found.append((*first, *second, *third))
    for a, b in zip(*found):
        close(torch, a, b)


def test_what_is_computed_inside_from_shared_tensors_alone(torch):
    w, v, x = parameters(torch)

    def work(a):
        shared = (w * 2).exp().sum(1) * v
        return shared @ w @ a

    got, expected = torch.vmap(work)(x), torch.stack([work(a) for a in x])
    for g, e in zip(torch.autograd.grad(got.sum(), (w, v, x)), torch.autograd.grad(expected.sum(), (w, v, x))):
        close(torch, g, e)


def test_gradients_through_nested_vmaps(torch):
    w, v, x = parameters(torch)
    y = numbers(torch, 5, 4, start=2.0).requires_grad_()
    got = torch.vmap(lambda a: torch.vmap(lambda b: ((w @ (a * b)).sin() * v).sum() * a[0])(y))(x)
    expected = torch.stack([torch.stack([((w @ (a * b)).sin() * v).sum() * a[0] for b in y]) for a in x])
    seed = numbers(torch, 3, 5)
    for g, e in zip(torch.autograd.grad(got, (w, v, x, y), seed), torch.autograd.grad(expected, (w, v, x, y), seed)):
        close(torch, g, e)


def test_no_grad_inside(torch):
    w, v, x = parameters(torch)
    with torch.no_grad():
        out = torch.vmap(lambda a: a * v[0])(x)
    assert not out.requires_grad


# ---- many cotangents at once


def test_batched_cotangents(torch):
    w, v, x = parameters(torch)
    y = torch.tanh(x @ w.t()) * v
    seeds = numbers(torch, 5, 3, 2)
    got = torch.autograd.grad(y, (w, v, x), seeds, is_grads_batched=True, retain_graph=True)
    each = [torch.autograd.grad(y, (w, v, x), s, retain_graph=True) for s in seeds]
    for g, e in zip(got, zip(*each)):
        close(torch, g, torch.stack(e))
        assert not g.requires_grad


def test_batched_cotangents_with_a_graph(torch):
    w, v, x = parameters(torch)
    found = []
    for batched in (True, False):
        y = torch.tanh(x @ w.t()) * v
        seeds = numbers(torch, 5, 3, 2).requires_grad_()
        if batched:
            grads = torch.autograd.grad(y, (w, x), seeds, is_grads_batched=True, create_graph=True)
        else:
            grads = [torch.stack(g) for g in zip(*(torch.autograd.grad(y, (w, x), s, create_graph=True) for s in seeds))]
        found.append((*grads, *torch.autograd.grad(sum((g**2).sum() for g in grads), (w, v, x, seeds))))
    for g, e in zip(*found):
        close(torch, g, e)


def test_batched_cotangents_of_several_outputs_and_inputs_that_are_not_used(torch):
    x, unused = numbers(torch, 3).requires_grad_(), numbers(torch, 2).requires_grad_()
    y = (x**2).sum()
    (g,) = torch.autograd.grad((y, x * 3), (x,), (torch.arange(4.0, dtype=torch.float64), torch.ones(4, 3, dtype=torch.float64)), is_grads_batched=True)
    close(torch, g, torch.stack([2 * x * i + 3 for i in range(4)]).detach())
    cotangents = torch.ones(4, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="index 1 appears to not have been used"):
        torch.autograd.grad((x**2).sum(), (x, unused), cotangents, is_grads_batched=True)
    assert torch.autograd.grad((x**2).sum(), (x, unused), cotangents, is_grads_batched=True, allow_unused=True)[1] is None
    zeros = torch.autograd.grad((x**2).sum(), (x, unused), cotangents, is_grads_batched=True, materialize_grads=True)[1]
    assert zeros.shape == (2,)
    assert not zeros.any()


def test_batched_cotangents_go_through_hooks_and_views(torch):
    x = numbers(torch, 3, 4).requires_grad_()
    seen = []
    y = x * 2
    y[1].mul_(y[0].detach().clone())
    y.register_hook(lambda g: (seen.append(tuple(g.shape)), g * 3)[1])
    seeds = numbers(torch, 5, 3, 4)
    (got,) = torch.autograd.grad(y, x, seeds, is_grads_batched=True, retain_graph=True)
    assert seen == [(3, 4)]
    close(torch, got, torch.stack([torch.autograd.grad(y, x, s, retain_graph=True)[0] for s in seeds]))


@pytest.mark.parametrize(
    ("cotangents", "kind", "words"),
    [
        (lambda torch: torch.ones(3), RuntimeError, "we interpret the first dimension of each grad_output as the batch dimension"),
        (lambda torch: torch.tensor(1.0), IndexError, "invalid index of a 0-dim tensor"),
        (lambda torch: torch.ones(0, 2), IndexError, "index 0 is out of bounds for dimension 0 with size 0"),
        (lambda torch: None, RuntimeError, "grad can be implicitly created only for scalar outputs"),
    ],
)
def test_wrong_batches_of_cotangents(torch, cotangents, kind, words):
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(kind, match=words):
        torch.autograd.grad(x * 2, x, cotangents(torch), is_grads_batched=True)


# ---- random numbers


DRAWS = {
    "rand": lambda torch, a: torch.rand(2) + a[0] * 0,
    "randn": lambda torch, a: torch.randn(2) + a[0] * 0,
    "randn of many": lambda torch, a: torch.randn(7) + a[0] * 0,
    "randint": lambda torch, a: torch.randint(0, 100, (2,)) + a[0] * 0,
    "randperm": lambda torch, a: torch.randperm(5) + a[0] * 0,
    "rand_like": lambda torch, a: torch.rand_like(a),
    "randn_like": lambda torch, a: torch.randn_like(a),
    "randint_like": lambda torch, a: torch.randint_like(a, 10),
    "bernoulli": lambda torch, a: torch.bernoulli(a),
    "bernoulli with p": lambda torch, a: torch.bernoulli(a, 0.5),
    "bernoulli shared": lambda torch, a: torch.bernoulli(torch.full((4,), 0.5)) + a * 0,
    "bernoulli_": lambda torch, a: a.clone().bernoulli_(0.5),
    "bernoulli_ by tensor": lambda torch, a: a.clone().bernoulli_(a),
    "bernoulli_ shared": lambda torch, a: torch.zeros(2).bernoulli_(0.5) + a[0] * 0,
    "dropout": lambda torch, a: torch.nn.functional.dropout(a + 1, 0.5),
    "dropout in place": lambda torch, a: torch.nn.functional.dropout(a + 1, 0.5, inplace=True),
    "dropout shared": lambda torch, a: torch.nn.functional.dropout(torch.ones(3), 0.5) + a[0] * 0,
    "dropout2d": lambda torch, a: torch.nn.functional.dropout2d(a.reshape(1, 2, 2, 1) + 1, 0.5),
    "uniform_": lambda torch, a: a.clone().uniform_(),
    "uniform_ shared": lambda torch, a: torch.zeros(2).uniform_() + a[0] * 0,
    "normal_": lambda torch, a: a.clone().normal_(),
    "random_": lambda torch, a: a.clone().random_(10),
    "exponential_": lambda torch, a: a.clone().exponential_(),
    "normal by mean": lambda torch, a: torch.normal(a, 1.0),
    "normal by both": lambda torch, a: torch.normal(torch.zeros(4), a + 1),
    "multinomial": lambda torch, a: torch.multinomial(a + 0.1, 2),
    "multinomial shared": lambda torch, a: torch.multinomial(torch.ones(4), 2) + a[0] * 0,
    "gumbel_softmax": lambda torch, a: torch.nn.functional.gumbel_softmax(a),
    "nested": lambda torch, a: torch.vmap(lambda b: torch.rand(2) + b * 0, randomness="different")(a),
    "nested, inner the same": lambda torch, a: torch.vmap(lambda b: torch.rand(2) + b * 0, randomness="same")(a),
}


@pytest.mark.parametrize("randomness", ["different", "same"])
@pytest.mark.parametrize("chunk_size", [None, 2])
@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_are_those_of_torch(name, randomness, chunk_size):
    torch = pytest.importorskip("torch")
    results = []
    for root in (nbgrad, torch):
        x = root.arange(12.0).reshape(3, 4) / 12
        root.manual_seed(5)
        try:
            out = root.vmap(lambda a: DRAWS[name](root, a), randomness=randomness, chunk_size=chunk_size)(x)
        except RuntimeError as error:
            results.append(str(error)[:60])
        else:
            results.append((str(out.dtype), np.asarray(out.tolist()), root.rand(1).item()))
    ours, theirs = results
    if isinstance(theirs, str):
        assert ours == theirs
        return
    assert ours[0] == theirs[0]
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-6)
    assert ours[2] == theirs[2]
