"""How a tensor prints: PyTorch's text, character for character, from an array and the few facts that show in it.

Called by Tensor and Parameter for `repr`, `str` and `format`, and re-exported in parts as torch.set_printoptions and its
kin. Works on arrays and names; knows nothing of tensors or graphs.
"""

import contextlib
import dataclasses
import math


@dataclasses.dataclass
class PrintOptions:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

_options = PrintOptions()


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Set how tensors print from now on.

    precision: digits after the point. threshold: more elements than this are summarised by `edgeitems` at each end of a
    dimension. linewidth: where lines break. profile: "default", "short" or "full", under the other arguments. sci_mode:
    scientific notation, True or False; None, also when left out, decides by the values.
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen = dict(_PROFILES.get(profile, {}))
    chosen.update((name, value) for name, value in given.items() if value is not None)
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions():
    """Return the current options as a dictionary that `set_printoptions` takes."""
    return dataclasses.asdict(_options)


@contextlib.contextmanager
def printoptions(**options):
    """Set print options, as `set_printoptions` does, within a `with` block."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_str(
    array,
    *,
    dtype_name,
    default_dtype_name="float32",
    requires_grad=False,
    grad_fn_name=None,
    type_name="tensor",
    tangent=None,
):
    """Return the text of a tensor.

    Names come without "torch." (`dtype_name="int64"`); `grad_fn_name` ("AddBackward0") takes the place of `requires_grad`;
    `tangent` is the text of a dual tensor's tangent; `type_name` is the class of a subclass of Tensor.
    """
    prefix = f"{type_name}("
    suffixes = []
    if (array.size == 0 and array.ndim != 1) or (array.size and not _options.edgeitems):
        suffixes.append(f"size={array.shape}")
    if not _is_dtype_implied(dtype_name, default_dtype_name, is_empty=array.size == 0):
        suffixes.append(f"dtype=torch.{dtype_name}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    return _append_suffixes(prefix + array_str(array, len(prefix)), suffixes, len(prefix))


def parameter_str(array, **facts):
    """Return the text of a Parameter; `facts` are those of `tensor_str`."""
    return "Parameter containing:\n" + tensor_str(array, **facts)


def format_tensor(array, format_spec, text, type_name="Tensor"):
    """Return `format(tensor, format_spec)`: a plain 0-dim tensor formats its number, any other prints `text()`.

    Raises TypeError where a specification meets anything but a plain 0-dim tensor.
    """
    if array.ndim == 0 and type_name == "Tensor":
        return format(array.item(), format_spec)
    if format_spec:
        raise TypeError(f"unsupported format string passed to {type_name}.__format__")
    return text()


def array_str(array, indent=0):
    """Return the bracketed numbers alone; lines after the first are indented to stand under the first."""
    if array.size == 0:
        return "[]"
    edgeitems = _options.edgeitems
    summarize = array.size > _options.threshold
    if summarize and not edgeitems and array.ndim:
        return "[...]"
    cut = [summarize and length > 2 * edgeitems for length in array.shape]
    for dim, is_cut in enumerate(cut):
        if is_cut:
            length = array.shape[dim]
            array = array.take([*range(edgeitems), *range(length - edgeitems, length)], axis=dim)
    texts, width = _complex_column(array) if array.dtype.kind == "c" else _column(array)
    return _brackets(texts, width, array.shape, cut, indent)


def _brackets(texts, width, shape, cut, indent):
    """Nest the texts of elements, in flat order, by shape; the dimensions in `cut` lack their middle."""
    if not shape:
        return texts[0]
    if len(shape) == 1:
        items = [*texts]
        if cut[0]:
            items.insert(len(items) // 2, " ...")
        per_line = max(1, (_options.linewidth - indent) // (width + 2))
        lines = [", ".join(items[place : place + per_line]) for place in range(0, len(items), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    stride = len(texts) // shape[0]
    parts = [
        _brackets(texts[place : place + stride], width, shape[1:], cut[1:], indent + 1)
        for place in range(0, len(texts), stride)
    ]
    if cut[0]:
        parts.insert(len(parts) // 2, "...")
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(parts) + "]"


def _complex_column(array):
    """Return the texts of complex elements and their width: each part has a notation and a width of its own."""
    real, real_width = _column(array.real)
    imaginary, imaginary_width = _column(array.imag)
    texts = []
    for first, second in zip(real, imaginary, strict=True):
        second = second.lstrip()
        sign = "" if second[0] in "+-" else "+"
        texts.append(f"{first}{sign}{second}j")
    return texts, real_width + imaginary_width + 1


def _column(array):
    """Return the texts of real elements in flat order, padded to one width, and that width."""
    values = array.ravel().tolist()
    if array.dtype.kind != "f":
        texts = [str(value) for value in values]
        width = max(map(len, texts))
    else:
        # Zeros, infinities and NaN have no say in notation or width.
        decisive = [value for value in values if value and math.isfinite(value)]
        write = _float_notation(decisive)
        texts = [write(value) for value in values]
        width = max([1, *(len(write(value)) for value in decisive)])
    return [text.rjust(width) for text in texts], width


def _float_notation(decisive):
    """Return the function that writes a float among these nonzero finite ones: whole, fixed or scientific."""
    digits = _options.precision
    if decisive and _is_scientific([abs(value) for value in decisive]):
        return lambda value: f"{value:.{digits}e}"
    if all(value.is_integer() for value in decisive):
        return lambda value: f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
    return lambda value: f"{value:.{digits}f}"


def _is_scientific(magnitudes):
    if _options.sci_mode is not None:
        return _options.sci_mode
    smallest, largest = min(magnitudes), max(magnitudes)
    return largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4


def _is_dtype_implied(dtype_name, default_dtype_name, is_empty):
    """Whether a reader sees the dtype without its name: the default dtypes, and whatever the elements show."""
    if dtype_name == default_dtype_name:
        return True
    default_complex = "complex128" if default_dtype_name == "float64" else "complex64"
    return not is_empty and dtype_name in ("int64", "bool", default_complex)


def _append_suffixes(text, suffixes, indent):
    """Close the text after its suffixes, each on the last line where it fits and else on a new one."""
    # PyTorch counts one character more than the line has.
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"
