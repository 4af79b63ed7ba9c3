"""NumPy's functions on tensors: NumPy's values, our tensors, gradients through them, and a clear word where there are none."""

import copy
import pickle

import numpy as np
import pytest

import nbgrad

A = np.array([[1.5, -2.0, 0.5], [3.0, 0.25, -1.0]])
B = np.array([[0.5, 1.0, 2.0], [2.0, 3.0, -0.5]])
S = np.array([[2.0, 0.5], [0.25, 1.5]])

# `a` and `b` of 2 by 3, `s` square, `i` of integers; once as arrays, once as tensors
DIFFERENTIABLE = """
np.sin(a) | np.exp(a) | np.abs(a) | np.fabs(a) | np.negative(a) | np.square(a) | np.sqrt(np.abs(a)) | np.tanh(a) | np.arctan(a)
np.log1p(np.abs(a)) | np.arctan2(a, b) | np.hypot(a, b) | np.logaddexp(a, b) | np.reciprocal(a) | np.degrees(a) | np.expm1(a) | np.exp2(a)
np.add(a, b) | np.subtract(1, a) | np.multiply(2.0, a) | np.divide(a, b) | np.true_divide(B, a) | np.power(np.abs(a), b)
np.power(np.abs(a), 2) | np.maximum(a, b) | np.fmax(a, 0.5) | np.minimum(1.5, a) | np.minimum(a, B) | np.fmax(a, b) | np.float64(2) * a | np.float32(2) * a | a * np.float64(2)
np.array(2.0) * a | np.ones(3) * a | B + a | B - a | B / a | np.abs(B) ** a | a - B | a ** np.abs(B).astype(int) | s @ S | S @ s | S @ s[0]
np.remainder(a, 0.7) | np.matmul(s, S) | np.matmul(S, s) | np.dot(s, S) | np.dot(a[0], b[0]) | np.dot(2.0, a) | np.dot(a, b[0])
np.inner(a, b) | np.outer(a, b) | np.vdot(a, b) | np.tensordot(a, b) | np.tensordot(a, b, axes=([1], [1])) | np.tensordot(a, b, axes=(1, 1))
np.einsum('ij,kj->ik', a, B) | np.kron(a, b) | np.cross(a, b) | np.trace(s) | np.dot(np.ones((2, 2, 3)), np.transpose(a))
np.dot(np.ones((2, 2, 3)), np.ones((4, 3, 1)) * a[0, 0]) | np.sum(a) | np.sum(a, axis=0) | np.sum(a, axis=(0, 1), keepdims=True)
np.sum(a, axis=-1, keepdims=True) | np.sum(a, dtype=np.float32) | np.sum(a, 1) | np.mean(a) | np.mean(a, axis=0) | np.mean(a, keepdims=True)
np.prod(a) | np.prod(a, axis=0) | np.prod(a, axis=(0, 1), keepdims=True) | np.std(a) | np.var(a, axis=1, ddof=1)
np.std(a, axis=0, keepdims=True) | np.max(a) | np.min(a, axis=1) | np.amax(a, axis=0, keepdims=True) | np.ptp(a, axis=0) | np.median(a)
np.median(a, axis=0) | np.quantile(a, 0.3, axis=1) | np.percentile(a, 30, axis=0) | np.quantile(a, [0.1, 0.9]) | np.nansum(a)
np.nanmean(a, axis=0) | np.cumsum(a) | np.cumsum(a, axis=1) | np.cumprod(a, axis=0) | np.diff(a) | np.diff(a, n=2, axis=1)
np.average(a, axis=0) | np.average(a, weights=np.abs(b)) | np.average(a, axis=1, weights=np.array([1.0, 2.0, 3.0])) | np.add.reduce(a)
np.add.reduce(a, axis=1, keepdims=True) | np.multiply.reduce(a) | np.maximum.reduce(a, axis=None) | np.add.accumulate(a)
np.multiply.outer(a[0], b[0]) | np.subtract.outer(a, b[0]) | np.add.reduce(a, axis=None) | np.concatenate([a, b])
np.concatenate([a, B], axis=1) | np.concatenate((a, b), axis=None) | np.stack([a, b], axis=-1) | np.stack([a, B]) | np.vstack([a, b])
np.hstack([a, b]) | np.dstack([a, b]) | np.column_stack([a[:, 0], b[:, 0]]) | np.split(a, 3, axis=1)[1] | np.array_split(a, 2, axis=1)[0]
np.hsplit(a, 3)[2] | np.vsplit(a, 2)[0] | np.split(a, [1], axis=1)[1] | np.transpose(a) | np.transpose(a, (1, 0)) | np.swapaxes(a, 0, 1)
np.moveaxis(a, 0, 1) | np.reshape(a, (3, 2)) | np.reshape(a, -1) | np.ravel(a) | np.squeeze(a[None]) | np.squeeze(a[None], axis=0)
np.expand_dims(a, 0) | np.expand_dims(a, (0, 2)) | np.broadcast_to(a, (2, 2, 3)) | np.flip(a) | np.flip(a, 0) | np.fliplr(a) | np.flipud(a)
np.roll(a, 1) | np.roll(a, 1, axis=0) | np.rot90(a) | np.tile(a, (2, 1)) | np.tile(a, 2) | np.repeat(a, 2) | np.repeat(a, 2, axis=0)
np.atleast_1d(a[0, 0]) | np.atleast_2d(a[0]) | np.atleast_3d(a) | np.meshgrid(a[0], b[0])[0] | np.broadcast_arrays(a, b[0])[1]
np.where(a > 0, a, b) | np.where(B > 0, a, 0.0) | np.where(a > 0, B, a) | np.take(a, [0, 2], axis=1) | np.take(a, [0, 5])
np.take_along_axis(a, i, axis=1) | np.sort(a) | np.sort(a, axis=0) | np.sort(a, axis=None) | np.clip(a, -1, 1) | np.clip(a, None, 1.0)
np.clip(a, B, 3) | np.clip(a, min=0) | np.nan_to_num(a) | np.copy(a) | np.diag(a[0]) | np.diag(s) | np.diagonal(s) | np.tril(a)
np.triu(a, 1) | np.linalg.norm(a) | np.linalg.norm(a, axis=1) | np.linalg.norm(a, ord=1, axis=0, keepdims=True) | np.linalg.norm(a, 'fro')
np.linalg.inv(s) | np.linalg.det(s) | np.linalg.solve(s, a) | np.linalg.solve(s, a[:, 0]) | np.linalg.svd(a)[1]
np.linalg.svd(a, compute_uv=False) | np.linalg.slogdet(s)[1] | np.linalg.pinv(a) | np.linalg.matrix_power(s, 3)
np.linalg.cholesky(s @ np.transpose(s) + np.eye(2)) | np.linalg.multi_dot([s, S, s]) | np.linalg.qr(s)[1] | np.append(a, b)
np.append(a, B, axis=0) | np.pad(a, 1) | np.pad(a, ((0, 1), (2, 0)), constant_values=3.0) | np.nanmax(a, axis=0) | np.nanmin(a)
np.matrix_transpose(a) | np.divmod(a, 0.7)[1] | sum(a) | np.round(a, 1) | np.floor(a) | np.sinc(a)
"""
PLAIN = """
np.argmax(a) | np.argmin(a, axis=1) | np.argmax(a, axis=0, keepdims=True) | np.argsort(a) | np.argsort(a, axis=0) | np.isnan(a)
np.isfinite(a) | np.sign(a) | a < B | B < a | B == a | B != a | np.greater(a, b) | np.equal(a, 1.5) | np.logical_and(a > 0, b > 0)
np.all(a > 0) | np.any(a > 0, axis=0) | np.all(a > 0, axis=(0, 1)) | np.isclose(a, b) | np.count_nonzero(a > 0) | np.zeros_like(a)
np.ones_like(a, dtype=np.int64) | np.invert(i > 0) | np.bitwise_or(i, 1) | np.left_shift(i, 1) | i + np.array([1, 2, 3])
np.where(a > 0)[0] | np.nonzero(a > 0)[1] | np.argwhere(a > 0) | np.flatnonzero(a > 0) | np.full_like(a, 3) | np.rint(a) | np.ceil(a)
np.floor_divide(a, 0.7) | np.signbit(a) | np.sum(i) | np.cumsum(i) | np.maximum(i, 1) | np.gcd(i, 6) | np.logical_and(a, True) | np.logical_or.reduce(a > 0) | np.ldexp(a, 1)
np.modf(a)[1] | np.cbrt(a) | np.sin(a, dtype=np.float64) | np.spacing(a) | np.add.reduceat(a[0], [0, 1]) | np.heaviside(a, 0.5)
np.copysign(a, B)
"""


def programs(text):
    return [p.strip() for line in text.strip().splitlines() for p in line.split("|") if p.strip()]


def names(tensors, requires_grad=False):
    values = {"a": A, "b": B, "s": S}
    if tensors:
        values = {n: nbgrad.tensor(v, requires_grad=requires_grad) for n, v in values.items()}
    i = np.array([[0, 2, 1], [1, 1, 0]])
    return values | {"i": nbgrad.tensor(i) if tensors else i, "np": np, "A": A, "B": B, "S": S}


@pytest.mark.parametrize("program", programs(DIFFERENTIABLE))
def test_a_function_gives_numpys_values_as_a_tensor_that_gradients_flow_through(program):
    with np.errstate(all="ignore"):
        expected = eval(program, names(False))
    scope = names(True, requires_grad=True)
    found = eval(program, scope)
    assert isinstance(found, nbgrad.Tensor) and found.requires_grad and found.grad_fn is not None
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-6, atol=1e-12)
    found.sum().backward()
    leaves = [scope[n] for n in "abs"]
    assert any(t.grad is not None and np.isfinite(t.grad.numpy()).all() for t in leaves)
    found = eval(program, names(True))
    assert isinstance(found, nbgrad.Tensor) and not found.requires_grad


@pytest.mark.parametrize("program", programs(PLAIN))
def test_a_function_without_gradients_gives_numpys_values_as_a_tensor(program):
    expected = eval(program, names(False))
    found = eval(program, names(True))
    assert isinstance(found, nbgrad.Tensor) and found.shape == np.shape(expected)
    np.testing.assert_allclose(found.numpy(), expected)


@pytest.mark.parametrize(
    "program",
    ["np.histogram(a)[0]", "np.unique(a)", "np.interp(0.5, a[0], b[0])", "np.fft.fft(a)", "np.sum(a, where=a > 0)", "np.max(a, initial=9)",
     "np.convolve(a[0], b[0])", "np.partition(a, 1)", "np.pad(a, 1, mode='edge')", "np.einsum(a, [0, 1], [1, 0])"],
)  # fmt: skip
def test_what_has_no_counterpart_gives_arrays_and_refuses_to_lose_a_gradient(program):
    expected, found = (eval(program, names(tensors)) for tensors in (False, True))
    assert not isinstance(found, nbgrad.Tensor)
    np.testing.assert_allclose(found, expected)
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad. Use tensor.detach\(\).numpy\(\) instead"):
        eval(program, names(True, requires_grad=True))
    with nbgrad.no_grad():
        np.testing.assert_allclose(eval(program, names(True, requires_grad=True)), expected)


@pytest.mark.parametrize("program", ["np.cbrt(a)", "np.ldexp(a, 1)", "np.add.at(A.copy(), 0, a)", "np.sin(a, where=A > 0)", "np.modf(a)"])
def test_a_ufunc_without_counterpart_refuses_to_lose_a_gradient(program):
    with pytest.raises(RuntimeError, match="Can't call numpy"):
        eval(program, names(True, requires_grad=True))


def test_missing_numbers_are_passed_over():
    a = np.array([[1.0, np.nan], [np.nan, -2.0]])
    x = nbgrad.tensor(a, requires_grad=True)
    for f in (np.nansum, np.nanmean, np.nanmax, np.nanmin):
        np.testing.assert_allclose(f(x, axis=1).detach().numpy(), f(a, axis=1))
    np.nanmax(x).backward()
    assert x.grad.tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_parts_of_complex_numbers():
    z = np.array([1 + 2j, -3j, 0.5])
    x = nbgrad.tensor(z, requires_grad=True)
    for f in (np.real, np.imag, np.angle, np.conjugate, np.conj, np.abs, np.exp):
        found = f(x)
        assert found.requires_grad and np.allclose(found.detach().numpy(), f(z))
    real = nbgrad.tensor([1.0, -2.0])
    assert np.real(real).tolist() == [1.0, -2.0] and np.imag(real).tolist() == [0.0, 0.0]


def test_questions_are_answered_whatever_requires_a_gradient():
    x = nbgrad.ones(2, 3, requires_grad=True)
    assert np.shape(x) == (2, 3) and type(np.shape(x)) is tuple and np.ndim(x) == 2 and np.size(x) == 6 and np.size(x, 1) == 3
    assert np.result_type(x, np.float64) == np.float64 and np.may_share_memory(x, x.detach()) and not np.iscomplexobj(x)
    assert np.allclose(x, x) is True and np.array_equal(x, x) is True and np.array_equal(x, np.ones(3)) is False


def test_types_follow_tensors_not_numpy():
    x = nbgrad.ones(2, requires_grad=True)
    y = [nbgrad.tensor([1, 2]), nbgrad.tensor([True])]
    found = [np.float64(2) * x, np.array(2.0) * x, np.ones(2) * x, np.mean(y[0]), np.exp(y[0]), np.sum(y[1])]
    assert [t.dtype for t in found] == [nbgrad.float32, nbgrad.float32, nbgrad.float64, nbgrad.float32, nbgrad.float32, nbgrad.int64]


def test_an_array_changed_in_place_by_a_tensor():
    a, t = np.ones(3), nbgrad.tensor([1.0, 2.0, 3.0])
    same = a
    a += t
    a *= t
    assert a is same and type(a) is np.ndarray and a.tolist() == [2.0, 6.0, 12.0]
    with pytest.raises(RuntimeError, match="out=... arguments don't support automatic differentiation.*detach"):
        a += t.clone().requires_grad_()
    with nbgrad.no_grad():
        a += t.clone().requires_grad_()
    assert a.tolist() == [3.0, 8.0, 15.0]


def test_a_tensor_changed_in_place_by_a_number_of_numpy_counts_it(torch):
    t = torch.ones(3)
    same = t
    t *= np.float64(2)
    assert t is same and t.tolist() == [2.0, 2.0, 2.0] and t._version == 1 and t.dtype == torch.float32


def test_out():
    t, a = nbgrad.tensor([1.0, 2.0]), np.zeros(2)
    assert np.add(t, t, out=a) is a and a.tolist() == [2.0, 4.0]
    into = nbgrad.zeros(2)
    assert np.add(t, t, out=into) is into and into.tolist() == [2.0, 4.0] and into._version == 1
    assert np.add(a, a, out=into) is into and into.tolist() == [4.0, 8.0] and into._version == 2
    assert np.mean(nbgrad.ones(2, 2), axis=0, out=into) is into and into.tolist() == [1.0, 1.0] and into._version == 3
    assert np.cumsum(t, out=a) is a and a.tolist() == [1.0, 3.0]
    assert np.add.reduce(nbgrad.ones(3, 2), out=into) is into and into.tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError, match="out=... arguments don't support automatic differentiation"):
        np.add(t, t, out=nbgrad.zeros(2, requires_grad=True))
    assert np.cbrt(nbgrad.tensor([8.0, 1.0]), out=into) is into and into.tolist() == [2.0, 1.0] and into._version == 5
    with nbgrad.inference_mode():
        kept = nbgrad.zeros(2)
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        np.add(a, a, out=kept)


def test_functions_that_write_into_a_tensor_count_it():
    writes = [
        lambda x: np.copyto(x, [1.0, 2.0, 3.0]), lambda x: np.put(x, [0], 5.0), lambda x: np.putmask(x, x == 0, 2.0), lambda x: np.add.at(x, [0, 0], 1.0),
        lambda x: np.place(x, np.array([True, False, False]), [4.0]), lambda x: np.put_along_axis(x, np.array([1]), 3.0, 0),
    ]  # fmt: skip
    for write in writes:
        a, t = np.zeros(3), nbgrad.zeros(3, dtype=nbgrad.float64)
        write(a)
        write(t)
        assert t.tolist() == a.tolist() != [0.0, 0.0, 0.0] and t._version == 1
        with pytest.raises(RuntimeError, match="detach"):
            write(nbgrad.zeros(3, requires_grad=True))
    x = nbgrad.ones(2, requires_grad=True)
    y = x * 2
    z = y * y
    with nbgrad.no_grad():
        np.copyto(y, 5.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_the_node_names_the_line_that_called_numpy():
    x = nbgrad.ones(3, requires_grad=True)
    for node in (np.sin(x).grad_fn, (np.ones(3) * x).grad_fn, np.mean(x).grad_fn, np.linalg.norm(x).grad_fn, np.add.reduce(x).grad_fn):
        assert node.place[0].co_filename == __file__


def test_an_array_of_either_order_or_direction_takes_part():
    x = nbgrad.ones(3, requires_grad=True)
    backwards, big = np.arange(3.0)[::-1], np.arange(3.0).astype(">f8")
    assert np.concatenate([x, backwards, big]).tolist() == [1, 1, 1, 2, 1, 0, 0, 1, 2]
    assert (np.add(backwards, x)).tolist() == [3.0, 2.0, 1.0]


def test_other_libraries_may_answer_for_themselves():
    class Theirs:
        __array_priority__ = 2000

        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            return "theirs"

        def __array_function__(self, function, types, args, kwargs):
            return "theirs"

    assert np.add(nbgrad.ones(2), Theirs()) == "theirs" and np.concatenate([nbgrad.ones(2), Theirs()]) == "theirs"


def test_becoming_an_array(torch):
    t = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert np.shares_memory(np.asarray(t), t.numpy())
    assert np.asarray(t, dtype=np.float64).dtype == np.float64 and np.asarray(t).dtype == np.float32
    x = t.clone().requires_grad_()
    for make in (np.asarray, lambda v: v.numpy(), lambda v: v.__array__(np.float64)):
        with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad. Use tensor.detach\(\).numpy\(\) instead"):
            make(x)
    with torch.no_grad():
        assert np.asarray(x).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert x.numpy(force=True).tolist() == (x * 1).numpy(force=True).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_allclose(np.sqrt(t.numpy()), [[1, 2**0.5], [3**0.5, 2]])


def test_copies_asked_for_are_copies():
    t = nbgrad.tensor([1.0, 2.0])
    assert not np.shares_memory(np.array(t), t.numpy()) and np.shares_memory(np.array(t, copy=False), t.numpy())
    assert not np.shares_memory(np.asarray(t, copy=True), t.numpy())
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.asarray(t, dtype=np.float64, copy=False)
    with pytest.raises(RuntimeError, match="Can't call numpy"):
        np.array(t.requires_grad_())


def test_from_numpy_shares_memory(torch):
    a = np.arange(4.0)
    t = torch.from_numpy(a)
    t[0] = 9
    a[1] = 8
    assert a.tolist() == t.tolist() == [9.0, 8.0, 2.0, 3.0] and t._version == 1 and t.dtype == torch.float64
    assert not t.requires_grad and t.is_leaf


def test_frombuffer(torch):
    buffer = bytearray(np.arange(4, dtype=np.float32).tobytes())
    t = torch.frombuffer(buffer, dtype=torch.float32)
    t[0] = 5
    assert np.frombuffer(buffer, np.float32).tolist() == [5.0, 1.0, 2.0, 3.0]
    assert torch.frombuffer(buffer, dtype=torch.float32, count=2, offset=4).tolist() == [1.0, 2.0]
    assert torch.frombuffer(buffer, dtype=torch.float32, requires_grad=True).requires_grad
    for options, phrase in [
        ({"dtype": torch.float64, "offset": 4}, r"buffer length \(12 bytes\) after offset \(4 bytes\) must be a multiple of element size \(8\)"),
        ({"dtype": torch.float32, "offset": 16}, r"offset \(16 bytes\) must be non-negative and no greater than buffer length \(16 bytes\) minus 1"),
        ({"dtype": torch.float32, "count": 5}, r"requested buffer length \(5 \* 4 bytes\) after offset \(0 bytes\) must not be greater than actual"),
        ({"dtype": torch.float32, "count": 0}, r"both buffer length \(16\) and count \(0\) must not be 0"),
    ]:
        with pytest.raises(ValueError, match=phrase):
            torch.frombuffer(buffer, **options)
    with pytest.raises(ValueError, match=r"both buffer length \(0\) and count \(-1\) must not be 0"):
        torch.frombuffer(bytearray(), dtype=torch.float32)
    with pytest.raises(ValueError, match="object does not implement Python buffer protocol"):
        torch.frombuffer("text", dtype=torch.float32)
    with pytest.raises(RuntimeError, match="Only Tensors of floating point and complex dtype can require gradients"):
        torch.frombuffer(buffer, dtype=torch.int32, requires_grad=True)


# ---- DLPack


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "uint8", "bool", "complex64"])
def test_dlpack_to_and_from_numpy(torch, kind):
    a = np.array([0, 1, 1]).astype(kind)
    t = torch.from_dlpack(a)
    assert t.dtype == getattr(torch, kind)
    t[0] = 1
    assert a.tolist() == [1, 1, 1] and t._version == 1
    back = np.from_dlpack(t)
    assert np.shares_memory(back, a)
    assert tuple(t.__dlpack_device__()) == (1, 0)
    again = torch.from_dlpack(t)
    assert again.data_ptr() == t.data_ptr()
    assert torch.from_dlpack(t, copy=True).data_ptr() != t.data_ptr()
    assert torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(t)).tolist() == t.tolist()


def test_dlpack_keeps_strides_and_refuses_gradients(torch):
    t = torch.arange(6.0).reshape(2, 3)
    assert torch.from_dlpack(t.t()).stride() == (1, 3) and np.from_dlpack(t[:, 1]).strides == (12,)
    x = t.clone().requires_grad_()
    for out in (x, x * 2):
        with pytest.raises(BufferError, match=r"Can't export tensors that require gradient, use tensor.detach\(\)"):
            np.from_dlpack(out)
    assert np.from_dlpack(x.detach()).shape == (2, 3)


def test_dlpack_with_pytorch_itself():
    oracle = pytest.importorskip("torch")
    t = nbgrad.arange(4.0)
    theirs = oracle.from_dlpack(t)
    theirs[0] = 7
    assert t.tolist() == [7.0, 1.0, 2.0, 3.0]
    ours = nbgrad.from_dlpack(oracle.arange(3).reshape(3, 1).expand(3, 2))
    assert ours.tolist() == [[0, 0], [1, 1], [2, 2]] and ours.dtype == nbgrad.int64
    assert nbgrad.from_dlpack(oracle.tensor([True, False])).tolist() == [True, False]


# ---- copies


def test_copy_shares_memory_and_is_a_leaf(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x.grad = torch.ones(2)
    c = copy.copy(x)
    assert c is not x and c.requires_grad and c.grad is None and c.data_ptr() == x.data_ptr()
    c = copy.copy(x * 2)
    assert c.is_leaf and c.requires_grad and c.grad_fn is None


def test_deepcopy(torch):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x.grad = torch.ones(2, 2)
    c = copy.deepcopy(x)
    assert c.requires_grad and c.is_leaf and c.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]] and c.grad is not x.grad
    assert c.data_ptr() != x.data_ptr()
    first, second = copy.deepcopy([x, x])
    assert first is second
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user.*support the deepcopy protocol"):
        copy.deepcopy(x * 2)
    n = torch.zeros(2, 3)
    for view in (n.t(), n[:, 1], n.unsqueeze(0).expand(4, 2, 3), n[1:]):
        made = copy.deepcopy(view)
        assert made.stride() == view.stride() and made.shape == view.shape and not made._is_view()
    n.note = ["kept"]
    made = copy.deepcopy(n)
    assert made.note == ["kept"] and made.note is not n.note and copy.copy(n).note is n.note


def test_deepcopy_keeps_what_is_shared_shared(torch):
    n = torch.zeros(2, 3)
    whole, row, column, same = copy.deepcopy([n, n[1], n[:, 0], n.detach()])
    whole[1, 0] = 5
    assert row.tolist() == [5.0, 0.0, 0.0] and column.tolist() == [0.0, 5.0] and same[1, 0] == 5 and n.sum() == 0
    apart = [copy.deepcopy(t) for t in (n, n[1])]
    apart[0][1, 0] = 5
    assert apart[1].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle(torch, protocol):
    def through(x):
        return pickle.loads(pickle.dumps(x, protocol))

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x.grad = torch.ones(2)
    made = through(x)
    assert made.tolist() == [1.0, 2.0] and made.requires_grad and made.is_leaf and made.grad is None
    made = through(x * 2)
    assert made.tolist() == [2.0, 4.0] and made.requires_grad and made.is_leaf
    n = torch.arange(6.0).reshape(2, 3)
    made = through(n.t())
    assert made.stride() == (1, 3) and made.tolist() == n.t().tolist()
    made[0, 0] = 1
    whole, row = through((n, n[1]))
    whole[1] = 0
    assert row.tolist() == [3.0, 4.0, 5.0]
    for t in (torch.tensor(3), torch.tensor([True]), torch.tensor([1j]), torch.zeros(0, 2), torch.zeros(1).expand(3)):
        made = through(t)
        assert made.tolist() == t.tolist() and made.dtype == t.dtype and made.shape == t.shape and made.stride() == t.stride()
    n.note = "kept"
    assert through(n).note == "kept"
    assert through(torch.float32) is torch.float32
    assert through(torch.Size([2])) == torch.Size([2]) and through(torch.device("cpu")) == torch.device("cpu")


def test_pickle_says_that_it_drops_hooks(torch):
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda grad: grad)
    with pytest.warns(UserWarning, match="backward hook .* on tensor will not be serialized"):
        pickle.dumps(x)
    with pytest.warns(UserWarning, match="will not be serialized"):
        copy.copy(x)
    copy.deepcopy(x)
