"""Arithmetic that rounds as PyTorch's CPU kernels round: fused multiply-add, and single-precision Box-Muller.

PyTorch's x86 kernels are compiled for processors with fused multiply-add (one rounding for `a * b + c`), and large float32
normals use the Cephes polynomials for log, sine and cosine in eight lanes. NumPy has neither, so both are rebuilt here from
double-precision operations; float32 normals therefore depend on no processor and no C library.

Called by `draws.py` alone. Knows nothing of generators, tensors or distributions.
"""

import math

import numpy as np

# Pairs handled at a time: the scratch arrays of one chunk stay in a processor's second-level cache.
CHUNK = 8192

# Polynomial coefficients and constants of the Cephes library (Moshier): logf, sinf and cosf, highest power first.
_LOG = np.float32(
    [
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    ]
).tolist()
_SIN = np.float32([-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1]).tolist()
_COS = np.float32([2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2]).tolist()
_SQRT_HALF = np.float32(0.707106781186547524)
# log(2) and pi/4 as sums of parts short enough for exact products.
_LOG2_HIGH, _LOG2_LOW = np.float32([0.693359375, -2.12194440e-4]).tolist()
_QUARTER_PI = np.float32([0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8]).tolist()
_FOUR_OVER_PI = float(np.float32(1.27323954473516))
_TWO_PI = float(np.float32(2 * np.pi))
# Signs of sine and cosine by quadrant: the angle is nearest to quadrant * pi/2, and 4 is 0 once more.
_SIN_SIGN = np.array([1.0, 1.0, -1.0, -1.0, 1.0])
_COS_SIGN = np.array([1.0, -1.0, -1.0, 1.0, 1.0])


def scale_and_shift(values, scale, shift):
    """Return `values * scale + shift` with one rounding, in the dtype of `values` (float32 or float64)."""
    if scale == 1 and shift == 0:
        return values
    if values.dtype == np.float32:
        return (values.astype(np.float64) * float(np.float32(scale)) + float(np.float32(shift))).astype(np.float32)
    product, product_error = _two_product(values, scale)
    total = product + shift
    rest = total - product
    total_error = (product - (total - rest)) + (shift - rest)
    return total + (total_error + product_error)


def _two_product(a, b):
    """Return a * b and its rounding error (Dekker 1971)."""
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _split(a):
    """Split doubles in two halves of 26 bits, whose products are exact (Veltkamp 1968)."""
    scaled = a * 134217729.0  # 2**27 + 1
    high = scaled - (scaled - a)
    return high, a - high


def box_muller_float32(uniforms, mean, std):
    """Turn float32 uniforms in [0, 1), shape (n, 2, 8), into normals in place.

    In each block of 16 the first eight give radii and the last eight angles; cosines replace the first, sines the last.
    """
    mean, std = float(np.float32(mean)), float(np.float32(std))
    rows = CHUNK // 8
    for start in range(0, len(uniforms), rows):
        block = uniforms[start : start + rows]
        radius = _sqrt_of_minus_two_log(1 - block[:, 0].ravel())
        sine, cosine = _sine_and_cosine(block[:, 1].ravel())
        for half, trig in ((0, cosine), (1, sine)):
            np.multiply(trig, radius, out=trig)
            if std != 1 or mean != 0:
                _round(trig)
                np.multiply(trig, std, out=trig)
                np.add(trig, mean, out=trig)
            block[:, half] = trig.reshape(-1, 8)


def box_muller_float64(uniforms, mean, std):
    """Turn float64 uniforms into normals in place, as `box_muller_float32` does, with the C library's log, sine and cosine."""
    log = np.fromiter(map(math.log, (1 - uniforms[:, 0]).ravel().tolist()), np.float64, uniforms.size // 2)
    radius = np.sqrt(-2.0 * log)
    # NumPy's own sine and cosine may differ from the C library's in the last digit; its complex exponential does not.
    turn = np.exp(2j * np.pi * uniforms[:, 1].ravel())
    uniforms[:, 0] = scale_and_shift(radius * turn.real, std, mean).reshape(-1, 8)
    uniforms[:, 1] = scale_and_shift(radius * turn.imag, std, mean).reshape(-1, 8)


def _round(values):
    """Round doubles in place to the nearest float32."""
    values[...] = values.astype(np.float32)


def _multiply_add(a, b, c):
    """Set `a` to `a * b + c`, rounded once to float32. All are doubles that hold float32 values."""
    np.multiply(a, b, out=a)
    np.add(a, c, out=a)
    _round(a)


def _sqrt_of_minus_two_log(u):
    """Return sqrt(-2 log u) for float32 u in (0, 1], as doubles that hold float32 values."""
    bits = u.view(np.int32)
    mantissa = ((bits & 0x7FFFFF) | 0x3F000000).view(np.float32)  # in [0.5, 1)
    small = mantissa < _SQRT_HALF
    exponent = ((bits >> 23) - 126 - small).astype(np.float64)
    x = mantissa.astype(np.float64)
    np.add(x, x, out=x, where=small)
    np.subtract(x, 1, out=x)

    y = x * _LOG[0]
    np.add(y, _LOG[1], out=y)
    _round(y)
    for coefficient in _LOG[2:]:
        _multiply_add(y, x, coefficient)
    square = x * x
    _round(square)
    np.multiply(y, x, out=y)
    _round(y)
    low = exponent * _LOG2_LOW
    _round(low)
    _multiply_add(y, square, low)
    np.multiply(square, -0.5, out=square)
    np.add(y, square, out=y)
    _round(y)
    np.add(x, y, out=x)
    _round(x)
    _multiply_add(exponent, _LOG2_HIGH, x)

    np.multiply(exponent, -2, out=exponent)
    np.sqrt(exponent, out=exponent)
    _round(exponent)
    return exponent


def _sine_and_cosine(turns):
    """Return sin and cos of 2 pi * turns for float32 turns in [0, 1), as doubles that hold float32 values."""
    x = turns * np.float64(_TWO_PI)
    _round(x)
    y = x * _FOUR_OVER_PI
    _round(y)
    quadrant = (y.astype(np.int32) + 1) >> 1
    octant = (quadrant << 1).astype(np.float64)
    for part in _QUARTER_PI:
        step = octant * -part
        np.add(x, step, out=x)
        _round(x)

    square = x * x
    _round(square)
    cosine = square * _COS[0]
    np.add(cosine, _COS[1], out=cosine)
    _round(cosine)
    _multiply_add(cosine, square, _COS[2])
    np.multiply(cosine, square, out=cosine)
    _round(cosine)
    _multiply_add(cosine, square, square * -0.5)
    np.add(cosine, 1, out=cosine)
    _round(cosine)

    sine = square * _SIN[0]
    np.add(sine, _SIN[1], out=sine)
    _round(sine)
    _multiply_add(sine, square, _SIN[2])
    np.multiply(sine, square, out=sine)
    _round(sine)
    _multiply_add(sine, x, x)

    swapped = (quadrant & 1).astype(bool)
    return (
        np.where(swapped, cosine, sine) * _SIN_SIGN[quadrant],
        np.where(swapped, sine, cosine) * _COS_SIGN[quadrant],
    )
