"""The declarations of every operator, one file per topic, and nothing else.

Importing this package fills the registry; the public faces (`nbgrad`, `nbgrad.nn.functional`, `nbgrad.linalg`, tensor methods) take from there.
"""

from .._engine.op import NAMES

# one name a line, so that a new topic is one line
from . import (  # noqa: F401
    activation,
    attention,
    averaging,
    bags,
    batching,
    bessel,
    calculus,
    choice,
    cholesky,
    comparison,
    complex_numbers,
    conversion,
    convolution,
    covariance,
    creation,
    ctc,
    cumulative,
    decomposition,
    distance,
    eigen,
    einsum,
    elementary,
    factorization,
    fft,
    floating,
    folding,
    from_data,
    gathering,
    grids,
    histogram,
    indexing,
    interpolation,
    joining,
    layers,
    loss,
    lu,
    margin_loss,
    masked_reduction,
    masking,
    matmul,
    matrix_forms,
    native,
    normalization,
    pairs,
    pointwise,
    polynomials,
    pooling,
    questions,
    random,
    rearrange,
    reduction,
    reflections,
    regions,
    scattering,
    segments,
    selection,
    shape,
    sorting,
    special,
    splitting,
    statistics,
    stft,
    strided,
    view_copies,
    window_functions,
    windows,
)

# Torch offers these in-place twins as functions too; the others are methods only, and no public name may be one that torch does not have.
_FUNCTIONS = frozenset(
    """
    abs acos acosh addmv alpha_dropout arccos arccosh arcsin arcsinh arctan arctanh as_strided asin asinh atan atanh ceil celu clamp clamp_max
    clamp_min clip conj_physical cos cosh deg2rad detach dropout erf erfc exp exp2 expm1 feature_alpha_dropout feature_dropout fill fix floor frac
    gcd i0 index_put lcm ldexp log log10 log1p log2 logit nan_to_num neg negative rad2deg reciprocal relu resize_as round rrelu rsqrt selu sigmoid
    sin sinc sinh sqrt square tan tanh threshold trunc xlogy zero
    nn.functional.celu nn.functional.elu nn.functional.hardtanh nn.functional.leaky_relu nn.functional.relu nn.functional.rrelu
    nn.functional.selu nn.functional.threshold
    """.split()
)
for _name in [n for n in NAMES if n.endswith("_") and n[:-1] not in _FUNCTIONS]:
    del NAMES[_name]
