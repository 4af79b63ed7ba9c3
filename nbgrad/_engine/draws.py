"""Random distributions as NumPy arrays: for a seed, the numbers PyTorch's CPU gives, and as many draws taken.

Every function takes `generator=` (None is the default generator) and leaves it in the state PyTorch would. Called by the
random functions and in-place methods of tensors. Knows nothing of tensors: a caller converts shapes, dtypes and arrays.
"""

import array
import math

import numpy as np

from nbgrad._engine import generator as _generator
from nbgrad._engine.fused import box_muller_float32, box_muller_float64, scale_and_shift

# From 2**28 values on, integers are remainders of 64-bit draws: with 32 bits the bias of a remainder begins to show.
_RANGE_OF_64_BIT_DRAWS = 2**28
_BLOCK = 16

_KERNEL_NAMES = {
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}
_C_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long",
    "float32": "float",
    "float64": "double",
}


def uniform(shape, dtype=np.float32, low=0.0, high=1.0, *, generator=None):
    """Draw uniform numbers from [low, high); of a complex dtype, as `rand` does, both parts so."""
    if np.dtype(dtype).kind == "c":
        return _complex(uniform(_with_parts(shape), _real(dtype), low, high, generator=generator))
    dtype = _floating(dtype, "check_uniform_bounds")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    unit = _unit(_choose(generator), _count(shape), dtype)
    # The width is a difference in the target's precision, not rounded once from double.
    low, high = dtype.type(low), dtype.type(high)
    return scale_and_shift(unit, float(high - low), float(low)).reshape(shape)


def normal(shape, dtype=np.float32, mean=0.0, std=1.0, *, contiguous=True, generator=None):
    """Draw normal numbers; each part of a complex one has half its variance.

    Fewer than 16 come in pairs of doubles, of which an odd last one is kept for the next call; 16 or more in blocks of 16.
    With `contiguous` False pairs serve any size: that fills a tensor with strides, in the order of its memory.
    """
    if np.dtype(dtype).kind == "c":
        std = std / math.sqrt(2)
        return _complex(normal(_with_parts(shape), _real(dtype), mean, std, contiguous=contiguous, generator=generator))
    dtype = _floating(dtype, "normal_kernel_cpu")
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    generator, count = _choose(generator), _count(shape)
    if count < _BLOCK or not contiguous:
        return scale_and_shift(_normals_in_pairs(generator, count), std, mean).astype(dtype).reshape(shape)
    box_muller = box_muller_float32 if dtype == np.float32 else box_muller_float64
    values = _unit(generator, count, dtype)
    remainder = count % _BLOCK
    box_muller(values[: count - remainder].reshape(-1, 2, 8), mean, std)
    if remainder:
        # The last block is drawn afresh and overlaps the one before.
        values[-_BLOCK:] = _unit(generator, _BLOCK, dtype)
        box_muller(values[-_BLOCK:].reshape(1, 2, 8), mean, std)
    return values.reshape(shape)


def log_normal(shape, dtype=np.float32, mean=1.0, std=2.0, *, generator=None):
    """Draw numbers whose logarithm is normal with `mean` and `std`."""
    dtype = _floating(dtype, "log_normal_cpu")
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    normals = scale_and_shift(_normals_in_pairs(_choose(generator), _count(shape)), std, mean)
    return _each(_exp, normals).astype(dtype).reshape(shape)


def exponential(shape, dtype=np.float32, lambd=1.0, *, generator=None):
    """Draw from the exponential distribution with rate `lambd`."""
    dtype = _continuous(dtype, "Exponential", _KERNEL_NAMES)
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    unit = _unit(_choose(generator), _count(shape))
    # -log(1 - 0) is a zero that keeps its sign positive, as -1/lambda * -0.0 does.
    return (-1.0 / lambd * _each(math.log1p, -unit)).astype(dtype).reshape(shape)


def cauchy(shape, dtype=np.float32, median=0.0, sigma=1.0, *, generator=None):
    """Draw from the Cauchy distribution."""
    dtype = _continuous(dtype, "Cauchy", _C_NAMES)
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    unit = _unit(_choose(generator), _count(shape))
    tangents = _each(math.tan, math.pi * (unit - 0.5))
    return scale_and_shift(tangents, sigma, median).astype(dtype).reshape(shape)


def geometric(shape, dtype=np.float32, p=0.5, *, generator=None):
    """Draw the number of trials up to the first success of probability `p`."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    unit = _unit(_choose(generator), _count(shape))
    return np.ceil(_each(_log, unit) / math.log(1 - p)).astype(dtype).reshape(shape)


def bernoulli(p, shape=None, *, generator=None):
    """Draw booleans that are true with probability `p`: a number (and `shape`), or an array with one each.

    A float32 array takes one 32-bit draw an element; a number or a float64 array takes two.
    """
    generator = _choose(generator)
    if isinstance(p, np.ndarray):
        if not ((p >= 0) & (p <= 1)).all():
            raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
        p = p if shape is None else np.broadcast_to(p, shape)
        wide = np.dtype(np.float64 if p.dtype == np.float64 else np.float32)
        return _unit(generator, p.size, wide).reshape(p.shape) < p
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return (_unit(generator, _count(shape)) < p).reshape(shape)


def dropout_noise(shape, dtype=np.float32, p=0.5, *, generator=None):
    """Draw what dropout multiplies its input by: 0 with probability `p`, else 1 / (1 - p).

    Like PyTorch, callers draw nothing where p is 0 or 1, in evaluation, or for an empty input.
    """
    keep = bernoulli(1 - p, shape, generator=generator)
    return keep.astype(dtype) / np.dtype(dtype).type(1 - p)


def integers(low, high, shape, dtype=np.int64, *, generator=None):
    """Draw integers from [low, high); `high` None goes up to the dtype's largest (for floats, the largest exact) integer.

    Exact as long as a floating dtype holds the bounds exactly.
    """
    dtype = np.dtype(dtype)
    smallest, largest = _integer_limits(dtype)
    if high is None:
        high = largest + 1
    if not low < high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if dtype.kind in "iub":
        if not smallest <= low <= largest:
            raise RuntimeError(f"from is out of bounds for {_C_NAMES[dtype.name]}")
        if high - 1 > largest:
            raise RuntimeError(f"to - 1 is out of bounds for {_C_NAMES[dtype.name]}")
    generator, count, width = _choose(generator), _count(shape), high - low
    if width == 2**64:
        return generator.draw64(count).view(np.int64).reshape(shape)
    if width < _RANGE_OF_64_BIT_DRAWS:
        offsets = (generator.draw32(count) % np.uint32(width)).astype(np.int64)
    else:
        offsets = (generator.draw64(count) % np.uint64(width)).view(np.int64)
    # Sums past the end wrap around, and so end between the bounds.
    return (offsets + np.int64(low)).astype(dtype).reshape(shape)


def full_range(shape, dtype=np.int64, *, generator=None):
    """Draw what `random_()` without bounds gives: from 0 to the dtype's largest (for floats, the largest exact) integer."""
    dtype = np.dtype(dtype)
    width = _integer_limits(dtype)[1] + 1
    generator, count = _choose(generator), _count(shape)
    if dtype.itemsize == 8:
        return (generator.draw64(count) % np.uint64(width)).astype(dtype).reshape(shape)
    return (generator.draw32(count) % np.uint32(width)).astype(dtype).reshape(shape)


def permutation(n, *, generator=None):
    """Draw a random order of 0 to n - 1, as int64."""
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if n >= (2**32 - 1) // 20:
        raise NotImplementedError(f"randperm({n}): PyTorch draws otherwise from {(2**32 - 1) // 20} on, which is not reproduced")
    places = np.arange(max(n - 1, 0), dtype=np.uint32)
    partners = places + _choose(generator).draw32(len(places)) % (np.uint32(n) - places)
    # Swaps in an array of machine integers stay in cache where a list's objects do not: half the time for a million.
    order = array.array("q", range(n))
    for place, partner in enumerate(partners.tolist()):
        order[place], order[partner] = order[partner], order[place]
    return np.array(order, np.int64)


def multinomial(weights, num_samples, replacement=False, *, generator=None):
    """Draw `num_samples` indices, each row of `weights` ((n,) or (m, n)) giving their chances up to a factor."""
    if weights.dtype not in (np.float32, np.float64):
        name = _KERNEL_NAMES.get(weights.dtype.name, weights.dtype.name)
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {name}")
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(-1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if replacement and num_samples > 1:
        rows = [_search(row, num_samples, generator) for row in np.atleast_2d(weights)]
        return np.array(rows, np.int64).reshape(weights.shape[:-1] + (num_samples,))
    # The exponential race: the first n arrivals at rates `weights` are n samples without replacement.
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = weights / exponential(weights.shape, weights.dtype, generator=generator)
    if num_samples == 1:
        return speed.argmax(-1, keepdims=True)
    return np.argsort(-speed, axis=-1, kind="stable")[..., :num_samples]


def _search(weights, num_samples, generator):
    """Draw with replacement by looking uniforms up in the cumulative distribution."""
    cumulative = np.add.accumulate(weights)
    cumulative /= cumulative[-1]
    cumulative[-1] = 1
    return np.searchsorted(cumulative.astype(np.float64), _unit(_choose(generator), num_samples))


def _choose(generator):
    return _generator.default_generator if generator is None else generator


def _count(shape):
    return math.prod(shape) if isinstance(shape, tuple | list) else int(shape)


def _with_parts(shape):
    return (*shape, 2) if isinstance(shape, tuple | list) else (shape, 2)


def _real(dtype):
    return np.float32 if np.dtype(dtype) == np.complex64 else np.float64


def _complex(parts):
    return parts.view(np.result_type(parts, np.complex64))[..., 0]


def _floating(dtype, kernel):
    dtype = np.dtype(dtype)
    if dtype.name in _KERNEL_NAMES:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{_KERNEL_NAMES[dtype.name]}'")
    return _single_or_double(dtype)


def _continuous(dtype, distribution, names):
    dtype = np.dtype(dtype)
    if dtype.name in _KERNEL_NAMES:
        name = names.get(dtype.name, dtype.name)
        raise RuntimeError(
            f"{distribution} distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {name}"
        )
    return _single_or_double(dtype)


def _single_or_double(dtype):
    if dtype not in (np.float32, np.float64):
        raise NotImplementedError(f"random numbers of {dtype} are not supported: draw float32 and convert with .to()")
    return dtype


def _integer_limits(dtype):
    """The least and greatest integer of a dtype; for floats those up to which every integer is exact."""
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    exact = 2 ** (np.finfo(dtype).nmant + 1)
    return -exact, exact


def _unit(generator, count, dtype=np.dtype(np.float64)):
    """Draw uniforms from [0, 1): the low 24 bits of a 32-bit draw, or the low 53 of a 64-bit one."""
    if dtype == np.float32:
        return (generator.draw32(count) & np.uint32(2**24 - 1)).astype(np.float32) * np.float32(2**-24)
    return (generator.draw64(count) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53


def _normals_in_pairs(generator, count):
    """Draw standard normals by polar pairs: the cosine first, the sine kept for the next in line."""
    values = np.empty(count)
    start = 0
    if count and generator.cached_normal is not None:
        values[0] = generator.cached_normal
        generator.cached_normal = None
        start = 1
    pairs = (count - start + 1) // 2
    if pairs:
        unit = _unit(generator, 2 * pairs)
        radius = np.sqrt(-2.0 * _each(math.log1p, -unit[1::2]))
        angle = 2.0 * math.pi * unit[::2]
        sines = radius * _each(math.sin, angle)
        values[start::2] = radius * _each(math.cos, angle)
        values[start + 1 :: 2] = sines[: (count - start) // 2]
        if (count - start) % 2:
            generator.cached_normal = float(sines[-1])
    return values


def _each(function, values):
    """Map a function of the C library over doubles: NumPy's vectorised ones differ from it in the last digit."""
    return np.fromiter(map(function, values.tolist()), np.float64, values.size)


def _log(value):
    return math.log(value) if value else -math.inf


def _exp(value):
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
