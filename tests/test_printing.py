"""Tensors print character for character as PyTorch prints them; torch.Size behaves as PyTorch's."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nbgrad import _printing as printing
from nbgrad._engine.size import Size, size_of_shape

DTYPES = (
    "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 complex128".split()
)


@pytest.fixture(autouse=True)
def default_options():
    printing.set_printoptions(profile="default")
    yield
    printing.set_printoptions(profile="default")


def text(values, dtype="float32", **facts):
    array = np.array(values, dtype)
    return printing.tensor_str(array, dtype_name=dtype, **facts)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (text([1.23456789, 2]), "tensor([1.2346, 2.0000])"),
        (text([1, 2]), "tensor([1., 2.])"),
        (text(3.0, requires_grad=True), "tensor(3., requires_grad=True)"),
        (text(3.0, requires_grad=True, grad_fn_name="AddBackward0"), "tensor(3., grad_fn=<AddBackward0>)"),
        (text(-0.0), "tensor(-0.)"),
        (text([1e38, 1e-38, math.nan]), "tensor([1.0000e+38, 1.0000e-38,        nan])"),
        (text([math.nan, 1]), "tensor([nan, 1.])"),
        (text([3, 4, math.inf]), "tensor([3., 4., inf])"),
        (text([1e-7, 2e-7], "float16"), "tensor([1.1921e-07, 1.7881e-07], dtype=torch.float16)"),
        (text([[True, False]], "bool"), "tensor([[ True, False]])"),
        (text([3, -10], "int32"), "tensor([  3, -10], dtype=torch.int32)"),
        (text([1 + 2j, 3.5 - 1e9j], "complex64"), "tensor([1.0000+2.0000e+00j, 3.5000-1.0000e+09j])"),
        (text([complex(0, -0.0), complex(1, math.nan)], "complex64"), "tensor([0.-0.j, 1.+nanj])"),
        (text([]), "tensor([])"),
        (text(np.empty((0, 3))), "tensor([], size=(0, 3))"),
        (text([], "int64"), "tensor([], dtype=torch.int64)"),
        (text([1.5], "float64", default_dtype_name="float64"), "tensor([1.5000])"),
        (text([1, 1], type_name="Subclass"), "Subclass([1., 1.])"),
        (text(2.0, tangent="tensor(1.)"), "tensor(2., tangent=tensor(1.))"),
        (
            text(np.arange(2000)),
            "tensor([0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 1.9970e+03, 1.9980e+03,\n        1.9990e+03])",
        ),
        (text([[1, 2], [3, 4]], "int64"), "tensor([[1, 2],\n        [3, 4]])"),
        (text([[[1]], [[2]]], "int64"), "tensor([[[1]],\n\n        [[2]]])"),
    ],
)
def test_known_texts(printed, expected):
    assert printed == expected


def test_a_parameter_says_so_on_a_line_of_its_own():
    printed = printing.parameter_str(np.ones(2, np.float32), dtype_name="float32", requires_grad=True)
    assert printed == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


def test_formatting_takes_the_number_of_a_0_dim_tensor_only():
    scalar, vector = np.float32(1.23456), np.ones(2, np.float32)
    assert printing.format_tensor(np.array(scalar), ".3f", None) == "1.235"
    assert printing.format_tensor(np.array(scalar), "", None) == "1.2345600128173828"
    assert printing.format_tensor(np.array(3), "d", None) == "3"
    assert printing.format_tensor(vector, "", lambda: "tensor([1., 1.])") == "tensor([1., 1.])"
    assert printing.format_tensor(np.array(scalar), "", lambda: "Parameter", "Parameter") == "Parameter"
    with pytest.raises(TypeError, match="unsupported format string passed to Tensor.__format__"):
        printing.format_tensor(vector, ".3f", None)


def test_options_in_a_with_block_end_with_it_and_sci_mode_ends_with_the_next_setting():
    with printing.printoptions(precision=2, sci_mode=True):
        assert text([1.5]) == "tensor([1.50e+00])"
        assert printing.get_printoptions()["precision"] == 2
    assert text([1.5]) == "tensor([1.5000])"
    printing.set_printoptions(sci_mode=False)
    assert text([1e9, 0.5]) == "tensor([1000000000.0000,          0.5000])"
    printing.set_printoptions(precision=1)
    assert text([1e9, 0.5]) == "tensor([1.0e+09, 5.0e-01])"


def elements_of(dtype):
    kind = np.dtype(dtype).kind
    if kind == "f":
        width = np.dtype(dtype).itemsize * 8
        decimals = st.integers(-5000, 5000).map(lambda n: n / 8)
        tame = st.floats(-2000, 2000, width=16) | st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan])
        whole = st.integers(-2000, 2000).map(float)
        return st.sampled_from([st.floats(width=width), decimals, tame, whole, whole | st.just(math.nan)]).flatmap(lambda s: s)
    if kind == "c":
        parts = elements_of("float32" if dtype == "complex64" else "float64")
        return st.builds(complex, parts, parts)
    return hnp.from_dtype(np.dtype(dtype)) | hnp.from_dtype(np.dtype(bool)).map(lambda flag: np.dtype(dtype).type(flag))


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9))
    pool = draw(st.lists(elements_of(dtype), min_size=1, max_size=12))
    places = np.random.default_rng(draw(st.integers(0, 2**32))).integers(0, len(pool), shape)
    with np.errstate(over="ignore"):
        return np.asarray(np.array(pool).astype(dtype)[places])


options = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 9),
        "threshold": st.integers(0, 60),
        "edgeitems": st.integers(0, 5),
        "linewidth": st.integers(5, 150),
        "profile": st.sampled_from(["default", "short", "full"]),
        "sci_mode": st.booleans(),
    },
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(arrays(), options, st.booleans(), st.booleans(), st.sampled_from(["float32", "float64"]))
def test_any_tensor_prints_as_in_pytorch(array, given_options, requires_grad, is_result, default):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(array)
    requires_grad = requires_grad and array.dtype.kind in "fc"
    grad_fn_name = "CloneBackward0" if requires_grad and is_result else None
    tensor.requires_grad_(requires_grad)
    shown = tensor.clone() if grad_fn_name else tensor
    torch.set_default_dtype(getattr(torch, default))
    try:
        with torch._tensor_str.printoptions(**given_options), printing.printoptions(**given_options):
            expected = repr(shown)
            facts = {"dtype_name": array.dtype.name, "default_dtype_name": default}
            ours = printing.tensor_str(array, **facts, requires_grad=requires_grad, grad_fn_name=grad_fn_name)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_printoptions(profile="default")
    assert ours == expected


def test_a_size_prints_and_counts_as_in_pytorch():
    assert repr(Size([5, 3])) == str(Size((5, 3))) == f"{Size([5, 3])}" == "torch.Size([5, 3])"
    assert repr(Size()) == "torch.Size([])" and Size().numel() == 1
    assert Size([5, 3]).numel() == 15
    assert Size([5, 3]) == (5, 3) and hash(Size([5, 3])) == hash((5, 3))
    assert type(size_of_shape((2,))) is Size and pickle.loads(pickle.dumps(Size([4]))) == Size([4])
    rows, columns = Size([5, 3])
    assert (rows, columns) == (5, 3)


def test_slices_sums_and_multiples_of_a_size_are_sizes():
    size = Size([5, 3, 2])
    for result, expected in (
        (size[1:], (3, 2)),
        (size + (1,), (5, 3, 2, 1)),
        ((1,) + size, (1, 5, 3, 2)),
        (size[:1] * 2, (5, 5)),
        (2 * size[:1], (5, 5)),
    ):
        assert type(result) is Size and result == expected
    assert type(size[0]) is int


def test_a_size_takes_integers_only():
    assert repr(Size([np.int64(3)])) == "torch.Size([3])"
    with pytest.raises(TypeError, match=r"torch.Size\(\) takes an iterable of 'int' \(item 1 is 'str'\)"):
        Size([1, "a"])
    with pytest.raises(TypeError, match=r"can only concatenate tuple \(not list\) to torch.Size"):
        Size([1]) + [2]
    with pytest.raises(TypeError, match="can only concatenate list"):
        [2] + Size([1])
