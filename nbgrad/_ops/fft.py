"""Discrete Fourier transforms: three primitives, from complex to complex, real to complex and complex to real numbers, and what is composed of them.

SciPy computes them, and is loaded when one first runs. Derivatives: the matrix of a transform is symmetric, so that the transposed of a transform is the
same transform; with half a spectrum, the numbers in its middle stand for two each (W. L. Briggs and V. E. Henson, "The DFT", 1995).
"""

from __future__ import annotations

import numpy as np

from .._engine import dtypes
from .._engine.arguments import must_be
from .._engine.batched import BatchedArray, zeros_for
from .._engine.op import LINEAR, composite, plain, primitive
from .._engine.tensor import check_dim
from .._engine.writing import writes_out
from .conversion import to_copy
from .creation import check_options, made, numpy_type, strided
from .joining import _piece

_FFT = {"method": False, "namespace": ("fft",)}
# how results are scaled: not at all, by the root of the number of points, by the number of points
PLAIN, BY_ROOT, BY_COUNT = range(3)


def _transform(name, x, dim, normalization, inverse=False, **further):
    """Run one of SciPy's transforms. Counted from the end, dimensions are the same for a batch."""
    if type(x) is BatchedArray:
        return BatchedArray(_transform(name, x.physical, [d - x.ndim for d in dim], normalization, inverse, **further), x.level)
    import scipy.fft

    norms = ("forward", "ortho", "backward") if inverse else ("backward", "ortho", "forward")
    return getattr(scipy.fft, name)(x, axes=dim, norm=norms[normalization], **further)


def _empty(self, dim, last, kind):
    """The empty result for an empty batch, which SciPy does not take."""
    shape = list(self.shape)
    shape[dim[-1]] = last
    return zeros_for(tuple(shape), kind, self)


def _complex_of(kind):
    return np.dtype(np.complex64 if kind.itemsize <= 4 or kind == np.complex64 else np.complex128)


@primitive(
    "_fft_c2c", vjp={"self": lambda grad, dim, normalization, forward: fft_c2c(grad, dim, normalization, forward)}, method=False, namespace=(),
    node="FftC2CBackward0", jvp=LINEAR,
)  # fmt: skip
def fft_c2c(self, dim, normalization, forward):
    """Transform complex numbers along dimensions, forward or back."""
    if not dim or not self.size:
        return self.copy()
    return _transform("fftn" if forward else "ifftn", self, dim, normalization, not forward)


def _of_r2c(grad, self_shape, dim, normalization, onesided):
    if not onesided:
        return fft_c2c(grad, dim, normalization, False).real
    last = self_shape[dim[-1]]
    return fft_c2r(_middle(grad, dim[-1], last, 0.5), dim, normalization, last)


@primitive("_fft_r2c", vjp={"self": _of_r2c}, analytic=False, method=False, namespace=(), node="FftR2CBackward0", jvp=LINEAR)
def fft_r2c(self, dim, normalization, onesided):
    """Transform real numbers along dimensions; of the last one the first half of the spectrum only, if `onesided`."""
    if not self.size:
        last = self.shape[dim[-1]]
        return _empty(self, dim, last // 2 + 1 if onesided else last, _complex_of(self.dtype))
    return _transform("rfftn" if onesided else "fftn", self, dim, normalization)


@primitive(
    "_fft_c2r", method=False, namespace=(), node="FftC2RBackward0", jvp=LINEAR, analytic=False,
    vjp={"self": lambda grad, dim, normalization, last_dim_size: _middle(fft_r2c(grad, dim, normalization, True), dim[-1], last_dim_size, 2.0)},
)  # fmt: skip
def fft_c2r(self, dim, normalization, last_dim_size):
    """Transform the first half of a spectrum back along dimensions, to `last_dim_size` real numbers in the last."""
    if not self.size:
        return _empty(self, dim, last_dim_size, self.real.dtype)
    sizes = [*(self.shape[d] for d in dim[:-1]), last_dim_size]
    return _transform("irfftn", self, dim, normalization, True, s=sizes)


@primitive(
    "_middle", vjp={"self": lambda grad, dim, size, factor: _middle(grad, dim, size, factor)}, method=False, namespace=(), jvp=LINEAR,
)  # fmt: skip
def _middle(self, dim, size, factor):
    """Multiply what stands for two numbers of a whole spectrum of `size`: all but the first, and the last if there is a middle one."""
    out = self.copy()
    middle = (slice(None),) * dim + (slice(1, (size + 1) // 2),)
    out[middle] = out[middle] * self.real.dtype.type(factor)
    return out


# ---- arguments


def _normalization(norm, forward):
    if norm is None or norm == "backward":
        return PLAIN if forward else BY_COUNT
    if norm == "forward":
        return BY_COUNT if forward else PLAIN
    if norm != "ortho":
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return BY_ROOT


def _promoted(self, to_complex=False):
    """The tensor in a type that has transforms: integers as the default float, and as complex numbers if asked for."""
    kind = self._array.dtype
    if kind == np.float16:
        raise RuntimeError("Unsupported dtype Half")
    target = dtypes.of_array(kind) if kind.kind in "fc" else dtypes.get_default_dtype()
    target = target.to_complex() if to_complex else target
    return self if target.numpy == kind else to_copy.function(self, target)


def _check_real(self, says):
    if self._array.dtype.kind == "c":
        raise RuntimeError(says.format(dtypes.of_array(self._array.dtype).tensor_name))


def _counted(n):
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _resized(self, dims, sizes):
    """Cut dimensions down, or fill them up with zeros at their end."""
    for d, n in zip(dims, sizes):
        if self._array.shape[d] > n:
            self = _piece.function(self, d, 0, n)
    target = list(self._array.shape)
    for d, n in zip(dims, sizes):
        target[d] = n
    return self if tuple(target) == tuple(self._array.shape) else _filled_up.function(self, tuple(target))


def _of_filled_up(grad, self_shape):
    for d, n in enumerate(self_shape):
        if grad.shape[d] != n:
            grad = _piece(grad, d, 0, n)
    return grad


@primitive("_filled_up", vjp={"self": _of_filled_up}, method=False, namespace=(), node="ConstantPadNdBackward0", jvp=LINEAR)
def _filled_up(self, shape):
    """The tensor with zeros at the end of its dimensions, up to a shape."""
    out = zeros_for(shape, self.dtype, self)
    out[tuple(slice(n) for n in self.shape)] = self
    return out


def _one_dim(name, self, n, dim):
    """One dimension, counted from the front, and the number of points if given."""
    if n is not None and (isinstance(n, bool) or not isinstance(n, (int, np.integer))):
        raise TypeError(f"fft_{name}(): argument 'n' must be int, not {type(n).__name__}")
    if not self._array.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    check_dim(dim, self._array.ndim)
    return dim % self._array.ndim


def _many_dims(self, s, dim):
    """The dimensions to transform, counted from the front, and the number of points in each (-1: as many as there are)."""
    ndim = self._array.ndim
    if isinstance(dim, int):
        dim = (dim,)
    if isinstance(s, int):
        s = (s,)
    if dim is not None:
        for d in dim:
            if not ndim:
                raise IndexError(f"Dimension specified as {d} but tensor has no dimensions")
            check_dim(d, ndim)
        dims = [d % ndim for d in dim]
        if len(set(dims)) < len(dims):
            raise RuntimeError("FFT dims must be unique")
        if s is not None and len(s) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif s is not None:
        if len(s) > ndim:
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {ndim} dimensions.")
        dims = list(range(ndim - len(s), ndim))
    else:
        dims = list(range(ndim))
    sizes = [self._array.shape[d] if s is None or s[i] == -1 else s[i] for i, d in enumerate(dims)]
    return dims, sizes


# ---- along one dimension


def _complex_to_complex(name, self, n, dim, norm, forward):
    self = _promoted(self)
    dim = _one_dim(name, self, n, dim)
    self = _resized(self, [dim], [_counted(self._array.shape[dim] if n is None else n)])
    normalization = _normalization(norm, forward)
    if self._array.dtype.kind == "c":
        return fft_c2c.function(self, [dim], normalization, forward)
    whole = fft_r2c.function(self, [dim], normalization, False)
    return whole if forward else whole.conj()


@composite("fft.fft", **_FFT)
@writes_out
def fft(self, n=None, dim=-1, norm=None):
    """Transform `n` points along a dimension: `sum(x[j] * exp(-2j * pi * j * k / n))`. `norm` is "backward", "ortho" or "forward"."""
    return _complex_to_complex("fft", self, n, dim, norm, True)


@composite("fft.ifft", **_FFT)
@writes_out
def ifft(self, n=None, dim=-1, norm=None):
    """Invert `fft`."""
    return _complex_to_complex("ifft", self, n, dim, norm, False)


def _real_to_half(name, self, n, dim, norm, forward):
    _check_real(self, name + " expects a real input tensor, but got {}")
    self = _promoted(self)
    dim = _one_dim(name, self, n, dim)
    self = _resized(self, [dim], [_counted(self._array.shape[dim] if n is None else n)])
    half = fft_r2c.function(self, [dim], _normalization(norm, forward), True)
    return half if forward else half.conj()


@composite("fft.rfft", **_FFT)
@writes_out
def rfft(self, n=None, dim=-1, norm=None):
    """Transform real numbers; gives the first `n // 2 + 1` numbers of the spectrum, of which the others are conjugates."""
    return _real_to_half("rfft", self, n, dim, norm, True)


@composite("fft.ihfft", **_FFT)
@writes_out
def ihfft(self, n=None, dim=-1, norm=None):
    """Invert `hfft`: from the real spectrum to the first half of a signal whose other half is conjugate."""
    return _real_to_half("ihfft", self, n, dim, norm, False)


def _half_to_real(name, self, n, dim, norm, forward):
    self = _promoted(self, to_complex=True)
    dim = _one_dim(name, self, n, dim)
    n = _counted(2 * (self._array.shape[dim] - 1) if n is None else n)
    self = _resized(self, [dim], [n // 2 + 1])
    return fft_c2r.function(self.conj() if forward else self, [dim], _normalization(norm, forward), n)


@composite("fft.irfft", **_FFT)
@writes_out
def irfft(self, n=None, dim=-1, norm=None):
    """Invert `rfft`, to `n` real numbers: an even number unless said, twice the size less 1."""
    return _half_to_real("irfft", self, n, dim, norm, False)


@composite("fft.hfft", **_FFT)
@writes_out
def hfft(self, n=None, dim=-1, norm=None):
    """Transform the first half of a signal whose other half is conjugate, to `n` real numbers."""
    return _half_to_real("hfft", self, n, dim, norm, True)


# ---- along several dimensions


def _all_complex(self, s, dim, norm, forward):
    self = _promoted(self, to_complex=True)
    dims, sizes = _many_dims(self, s, dim)
    self = _resized(self, dims, [*map(_counted, sizes)])
    return fft_c2c.function(self, dims, _normalization(norm, forward), forward)


def _at_least_one(name, dims):
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")


def _rfftn(self, s, dim, norm):
    _check_real(self, "rfftn expects a real-valued input tensor, but got {}")
    self = _promoted(self)
    dims, sizes = _many_dims(self, s, dim)
    _at_least_one("rfftn", dims)
    self = _resized(self, dims, [*map(_counted, sizes)])
    return fft_r2c.function(self, dims, _normalization(norm, True), True)


def _to_half_sizes(name, self, s, dim):
    """Dimensions, and the spectrum cut or filled up to the sizes of half a spectrum in the last, and that size of the real numbers."""
    dims, sizes = _many_dims(self, s, dim)
    _at_least_one(name, dims)
    last = 2 * (self._array.shape[dims[-1]] - 1) if s is None or s[-1] == -1 else s[-1]
    sizes = [*map(_counted, sizes[:-1]), _counted(last) // 2 + 1]
    return dims, _resized(self, dims, sizes), last


def _irfftn(self, s, dim, norm):
    dims, self, last = _to_half_sizes("irfftn", _promoted(self, to_complex=True), s, dim)
    return fft_c2r.function(self, dims, _normalization(norm, False), last)


def _hfftn(self, s, dim, norm):
    dims, self, last = _to_half_sizes("hfftn", _promoted(self, to_complex=True), s, dim)
    normalization = _normalization(norm, True)
    if len(dims) > 1:
        self = fft_c2c.function(self, dims[:-1], normalization, True)
    return fft_c2r.function(self.conj(), dims[-1:], normalization, last)


def _ihfftn(self, s, dim, norm):
    _check_real(self, "Only supports floating-point dtypes, but found: {}")
    self = _promoted(self)
    dims, sizes = _many_dims(self, s, dim)
    _at_least_one("ihfftn", dims)
    self = _resized(self, dims, [*map(_counted, sizes)])
    normalization = _normalization(norm, False)
    half = fft_r2c.function(self, dims[-1:], normalization, True)
    if len(dims) == 1:
        return half.conj()
    return fft_c2c.function(half.conj_physical(), dims[:-1], normalization, False)


def _several(name, doc, transform):
    """Declare a transform over all or the given dimensions, and its twin over two."""

    def over_all(self, s=None, dim=None, norm=None):
        return transform(self, s, dim, norm)

    def over_two(self, s=None, dim=(-2, -1), norm=None):
        return transform(self, s, dim, norm)

    for ending, function, where in (("n", over_all, "along all dimensions, or `dim`, to the sizes `s`"), ("2", over_two, "along two dimensions")):
        function.__name__ = name + ending
        function.__doc__ = doc.format(where)
        composite(f"fft.{name}{ending}", **_FFT)(writes_out(function))


for _name, _doc, _what in (
    ("fft", "Transform {}.", lambda self, s, dim, norm: _all_complex(self, s, dim, norm, True)),
    ("ifft", "Transform back {}.", lambda self, s, dim, norm: _all_complex(self, s, dim, norm, False)),
    ("rfft", "Transform real numbers {}; gives half the spectrum in the last.", _rfftn),
    ("irfft", "Transform half a spectrum back to real numbers {}.", _irfftn),
    ("hfft", "Transform half a signal, whose other half is conjugate, to a real spectrum {}.", _hfftn),
    ("ihfft", "Transform a real spectrum back to half a signal {}.", _ihfftn),
):
    _several(_name, _doc, _what)


# ---- the order of frequencies


def _shifted(self, dim, by):
    dims = range(self._array.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    for d in dims:
        check_dim(d, self._array.ndim)
    return self.roll([by(self._array.shape[d]) for d in dims], [*dims]) if len(dims) else self.clone()


@composite("fft.fftshift", **_FFT)
def fftshift(self, dim=None):
    """Move frequency zero from the front to the middle of all dimensions, or of `dim`."""
    return _shifted(self, dim, lambda n: n // 2)


@composite("fft.ifftshift", **_FFT)
def ifftshift(self, dim=None):
    """Invert `fftshift`."""
    return _shifted(self, dim, lambda n: (n + 1) // 2)


def _frequencies(name, n, d, indices, dtype, out, requires_grad, options):
    check_options(*options)
    kind = numpy_type(dtype, None if out is None else out._array.dtype)
    if kind.kind not in "fc":
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if type(n) is float:
        raise must_be(f"fft_{name}", "n", 0, "int", n)
    if isinstance(d, (str, list, tuple)):
        raise must_be(f"fft_{name}", "d", 1, "float", d)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    with np.errstate(all="ignore"):  # of no points there is one frequency, 0 / 0
        return made((indices / np.float64(n * d)).astype(kind), requires_grad, out)


@plain("fft.fftfreq", namespace=("fft",))
def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=strided, device=None, requires_grad=False, pin_memory=False):
    """Make the frequencies, in cycles per unit of the spacing `d`, of the `n` numbers that `fft` gives."""
    return _frequencies("fftfreq", n, d, np.fft.ifftshift(np.arange(-(n // 2), n - n // 2)), dtype, out, requires_grad, (device, layout, pin_memory))


@plain("fft.rfftfreq", namespace=("fft",))
def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=strided, device=None, requires_grad=False, pin_memory=False):
    """Make the frequencies of the `n // 2 + 1` numbers that `rfft` gives for `n` points."""
    return _frequencies("rfftfreq", n, d, np.arange(n // 2 + 1), dtype, out, requires_grad, (device, layout, pin_memory))
