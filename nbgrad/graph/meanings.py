"""What the longer derivatives mean: normalizations, norms, products, decompositions, and complex numbers.

`formulas.py` asks here where an operator's entry calls a private helper that says nothing to a reader. Each function gives the text of an expression
in names of the formula (`self`, `grad`, ...) or of symbols that its notes explain, or a sentence; `None` where it cannot be told truthfully.
"""

from __future__ import annotations

import math

HAT, SCALE, SCALED, INNER = "x̂", "σ", "ĝ", "τ"  # of a normalization: what was normalized, by what, the weighted gradient; of an activation: the tanh in it
SYMBOLS = frozenset((HAT, SCALE, SCALED, INNER, "Φ", "φ"))


def expression(helper: str, setting) -> str | None:
    """The expression that a call of a private helper stands for; what has to be said besides goes into the setting's notes."""
    found = _EXPRESSIONS.get(helper)
    return None if found is None else found(setting)


def sentence(helper: str, setting) -> str | None:
    """The words for what a helper does, with names in braces."""
    if helper in _PLAIN_ONLY and setting.params:
        return None
    return _SENTENCES.get((helper, setting.target)) or _SENTENCES.get(helper)


# ---- statistics along dimensions


def _dims(setting):
    """The dimensions that went into each element of the result; None for all of them."""
    dim = setting.constant("dim") if "dim" in setting.params else None
    return None if dim is None or dim == () else (dim,) if isinstance(dim, int) else tuple(dim)


def _counted(setting):
    return math.prod(setting.shapes["self"]) // max(math.prod(setting.shapes["grad"]), 1)


def _along(setting, *parts):
    """Say that something lies along the dimensions that are gone from it."""
    dims = _dims(setting)
    if dims is not None and len(setting.shapes["grad"]) < len(setting.shapes["self"]):
        setting.note(f"{' and '.join(parts)} repeated along dimension{'s' if len(dims) > 1 else ''} {', '.join(map(str, dims))}")


def _mean(setting):
    dims = _dims(setting)
    return "mean(self)" if dims is None else f"mean(self, {dims[0] if len(dims) == 1 else dims}, keepdim=True)"


def _freedom(setting):
    free = _counted(setting) - (setting.constant("correction") if "correction" in setting.params else 1)
    if free <= 0:
        raise ValueError("nothing is left to divide by")
    return f"{free:g}"


def _var(setting):
    _along(setting, setting.names["grad"])
    return f"grad * 2 * (self - {_mean(setting)}) / {_freedom(setting)}"


def _std(setting):
    _along(setting, setting.names["grad"], setting.names["result"])
    setting.note(f"0 where {setting.names['result']} is 0")
    return f"grad * (self - {_mean(setting)}) / ({_freedom(setting)} * result)"


def _norm(setting):
    order = float(setting.params.get("ord", "2").removeprefix("float(").strip("'\")"))
    if order == 0:
        return "0"
    if math.isinf(order):
        return None
    _along(setting, *([setting.names["grad"]] if order == 1 else [setting.names["grad"], setting.names["result"]]))
    if order == 1:
        return "grad * sgn(self)"
    setting.note(f"0 where {setting.names['result']} is 0")
    if order == 2:
        return "grad * self / result"
    return f"grad * sgn(self) * (abs(self) / result) ** {order - 1:g}"


def _logsumexp(setting):
    _along(setting, setting.names["grad"], setting.names["result"])
    return "grad * exp(self - result)"


# ---- normalizations


def _normalized(setting, of):
    own = setting.names["self"]
    setting.note(f"{HAT} = ({own} - mean({own})) / {SCALE}")
    setting.note(f"{SCALE} = sqrt(var({own}, correction=0) + {setting.params.get('eps', '1e-05')})")
    setting.note(f"means and variance {of}")


def _through_normalization(setting, of):
    grad = "grad_output"
    if "weight" in setting.names:
        setting.note(f"{SCALED} = {setting.names['grad_output']} * {setting.names['weight']}")
        grad = SCALED
    _normalized(setting, of)
    return f"({grad} - mean({grad}) - {HAT} * mean({grad} * {HAT})) / {SCALE}"


def _of_layer(setting):
    return "of each example, over the last " + (f"{n} dimensions" if (n := len(setting.constant("dims"))) > 1 else "dimension")


def _layer_input(setting):
    return _through_normalization(setting, _of_layer(setting))


def _summed(setting):
    """Say that what is computed for each element is added up for each weight."""
    setting.note(f"summed to shape ({setting.shapes['weight'][0]},)" if len(setting.shapes["weight"]) == 1 else "summed to the weight's shape")


def _running(setting):
    setting.note(f"{SCALE} = sqrt(running variance + {setting.params.get('eps', '1e-05')}), of each channel")


def _batch_input(setting):
    if setting.params.get("training") == "True":
        return _through_normalization(setting, "of each channel")
    _running(setting)
    return f"grad_output * weight / {SCALE}" if "weight" in setting.names else f"grad_output / {SCALE}"


def _batch_weight(setting):
    _summed(setting)
    if setting.params.get("training") == "True":
        _normalized(setting, "of each channel")
    else:
        setting.note(f"{HAT} = ({setting.names['self']} - running mean) / {SCALE}")
        _running(setting)
    return f"grad_output * {HAT}"


def _layer_weight(setting):
    _summed(setting)
    _normalized(setting, _of_layer(setting))
    return HAT


def _group_input(setting):
    return _through_normalization(setting, "of each group of each example")


def _group_weight(setting):
    _summed(setting)
    _normalized(setting, "of each group of each example")
    return HAT


# ---- activations


def _gelu(setting):
    if setting.params.get("approximate", "none").strip("'\"") == "none":
        setting.note("Φ and φ are the distribution function and the density of the normal distribution")
        return "Φ(self) + self * φ(self)"
    own = setting.names["self"]
    setting.note(f"{INNER} = tanh(0.79788 * ({own} + 0.044715 * {own}³))")
    return f"(1 + {INNER}) / 2 + self * (1 - {INNER} ** 2) * (0.39894 + 0.053516 * self ** 2)"


def _mish(setting):
    setting.note(f"{INNER} = tanh(softplus({setting.names['self']}))")
    return f"grad * ({INNER} + self * sigmoid(self) * (1 - {INNER} ** 2))"


def _det(setting):
    own = setting.names["A"]
    setting.note(f"cofactors({own}) = det({own}) * inv({own})ᵀ, where there is an inverse")
    return "cofactors(A)"


_EXPRESSIONS = {
    "_var_gradient": _var, "_std_gradient": _std, "_norm_gradient": _norm, "_logsumexp_gradient": _logsumexp,
    "_through": _layer_input, "_batch_input_gradient": _batch_input, "_batch_weight_gradient": _batch_weight, "_group_input_gradient": _group_input,
    "_standardized": _layer_weight, "_group_standardized": _group_weight, "_gelu_slope": _gelu, "_mish_backward": _mish, "_cofactors": _det,
}  # fmt: skip

_PLAIN_ONLY = frozenset(("_of_solve", "_of_cholesky", "_of_svd", "_of_qr"))  # of which the words hold where no argument says otherwise

_SENTENCES = {
    "_norm_gradient": "{grad} * sgn({self}), shared evenly among the elements that decide {result}, 0 elsewhere",
    "_prod_gradient": "{grad} times the product of the other elements of {self} that went into the same product",
    "_cumprod_gradient": "{grad} * {result} summed up from the end, each product without the factor that it is for",
    "_logcumsumexp_gradient": "exp({self}) * ({grad} * exp(-{result}) summed up from the end)",
    "_glu_backward": "{grad} * b for the first half a of {self}, {grad} * a * b * (1 - b) for the second, where b is its sigmoid",
    "_scatter_number": "{grad} with 0 where new values were written", "_of_scatter_src": "what {grad} holds where the index put {src}",
    "roll": "{grad} rolled back", "_pad_constant": "the part of {grad} that {self} went to",
    "_of_slogdet": "{grad_1} * inv({A})ᵀ",
    ("_of_solve", "A"): "minus X @ {result}ᵀ, where X solves {A}ᵀ @ X = {grad}", ("_of_solve", "B"): "the solution X of {A}ᵀ @ X = {grad}",
    "_of_cholesky": "inv(L)ᵀ @ P @ inv(L) made symmetric, where P is the lower half of Lᵀ @ {grad} with half of its diagonal, and L is {result}",
    "_of_svd": "put together from what came to U, S and Vh, by the differential of U @ diag(S) @ Vh",
    "_of_qr": "put together from what came to Q and R, by a triangular system with R",
    ("linalg_cross", "self"): "cross({other}, {grad})", ("linalg_cross", "other"): "cross({grad}, {self})",
    "_joined": "{grad} read as complex numbers",
}  # fmt: skip


# ---- complex numbers: the gradient is the one of PyTorch, of a real loss by the conjugate

COMPLEX = {
    "mul": {"self": "grad * conj(other)", "other": "grad * conj(self)"},
    "div": {"self": "grad / conj(other)", "other": "-grad * conj(result / other)"},
    "add": {"self": "grad", "other": "grad"}, "sub": {"self": "grad", "other": "-grad"},
    "neg": {"self": "-grad"}, "exp": {"self": "grad * conj(result)"}, "log": {"self": "grad / conj(self)"},
    "abs": {"self": "grad * sgn(self)"}, "conj": {"self": "conj(grad)"},
}  # fmt: skip
