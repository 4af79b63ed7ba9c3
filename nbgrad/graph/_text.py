"""How values read, and how wide text is: numbers with three digits, escaped text, character widths.

All renderers use this. It knows no graph.
"""

from __future__ import annotations

import html
import math
import re
import textwrap
import unicodedata

from .records import Call, Summary, Value, bounded

_WIDTHS = {  # in hundredths of the font's size, those of a wide sans serif, so that narrower ones fit too
    28: "'", 34: " ,.IJijl/-:;\\f|", 41: "!()[]rt", 47: '"', 52: "*_`sz", 57: "?Lc‖–", 63: "FPTYaekovxy", 66: "$0123456789EKSbdghnpqu{}∂μσ",
    70: "ABCRVXZ", 78: "DGHNU", 80: "&OQw", 84: "#+<=>M^~−×÷", 98: "%m", 100: "@W…⋯",
}
_WIDTH = {c: w / 100 for w, letters in _WIDTHS.items() for c in letters}
BOLD = 1.11
_RIGHT_TO_LEFT = re.compile(r"\w*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]\w*")

_WORD = re.compile(r"^(\w\w)\w{2,}")  # the beginning of a word, and the rest of it

GLYPHS = {
    "matmul": "@", "mm": "@", "mv": "@", "bmm": "@", "dot": "@", "add": "+", "sub": "−", "mul": "×", "div": "÷", "true_divide": "÷",
    "gt": ">", "lt": "<", "ge": "≥", "le": "≤", "eq": "=", "ne": "≠",
}  # fmt: skip
_SHORT = {
    "binary_cross_entropy_with_logits": "bce_with_logits", "binary_cross_entropy": "bce", "scaled_dot_product_attention": "attention",
    "multilabel_soft_margin_loss": "soft_margin_loss", "__getitem__": "[ ]", "__setitem__": "[ ] =",
}


def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide `text` is drawn at most, in the unit of `size`; East Asian wide characters count as a full square."""
    width = 0.0
    for c in text:
        known = _WIDTH.get(c)
        if known is None:
            if unicodedata.combining(c):
                known = 0.0
            else:
                known = 1.0 if unicodedata.east_asian_width(c) in "WF" or ord(c) > 0xFFFF else 0.7
        width += known
    return width * size * (BOLD if bold else 1.0)


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def clean(text: str) -> str:
    """Replace what no file of text may hold (control characters, lone surrogates) and turn line breaks into ⏎."""
    out = []
    for c in text.replace("\r\n", "\n"):
        kind = unicodedata.category(c)
        if c == "\n":
            out.append("⏎")
        elif c == "\t":
            out.append(" ")
        elif kind in ("Cc", "Cs", "Zl", "Zp", "Cf") or ord(c) & 0xFFFE == 0xFFFE:
            out.append("\ufffd")
        else:
            out.append(c)
    return "".join(out)


def escape(text: str) -> str:
    """Make text safe inside XML and HTML, and in attributes there."""
    return html.escape(clean(text), quote=True)


def isolated(text: str) -> str:
    """Let each word that is written from right to left stand for itself, so that it turns nothing around it, as in `w = 0.5`. Comes after `escape`."""
    return _RIGHT_TO_LEFT.sub("\u2068\\g<0>\u2069", text)


def shorten(text: str, most: int) -> str:
    """Cut the middle out of a long text, and `clean` what is left."""
    return bounded(clean(bounded(text, 4 * most)), most)


def wrapped(text: str, lines: int, most: int) -> list[str]:
    """Break a message between words into lines of at most `most` characters; of more than `lines` lines the last ends with an ellipsis."""
    found = textwrap.wrap(clean(text.split("\n")[0] if len(text) > lines * most else text)[: 4 * lines * most], most) or [""]
    return found if len(found) <= lines else [*found[: lines - 1], found[lines - 1][: most - 2] + " …"]


def shorten_path(text: str, most: int) -> str:
    """Cut a long path short: first the words in its middle, `net.la…[0].ne…[0].w[0]`, then whole parts of it; of what has none, letters."""
    text = clean(text)
    if len(text) <= most:
        return text
    first, *parts = text.split(".")
    words = [_WORD.sub(r"\1…", part) for part in parts[:-1]]
    for n in range(1, len(words) + 1):
        short = ".".join([first, *words[:n], *parts[n:]])
        if len(short) <= most:
            return short
    kept, room = [], most - len(first) - 1
    for part in reversed(parts[1:]):
        room -= len(part) + bool(kept)
        if room < 0:
            break
        kept.insert(0, part)
    return first + "…" + ".".join(kept) if kept else shorten(text, most)


def number(x: float | int | bool | str | None) -> str:
    """Three significant digits; a dash for a number that was never computed."""
    if x is None:
        return "–"
    if isinstance(x, str):
        return clean(x)
    if isinstance(x, bool):
        return str(x)
    if isinstance(x, int):
        return str(x).replace("-", "−")
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Inf" if x > 0 else "−Inf"
    if x == 0 or 1e-3 <= abs(x) < 1e6:
        x = float(f"{x:.3g}")
        digits = max(0, 2 - (math.floor(math.log10(abs(x))) if x else 0))
        text = f"{x:.{digits}f}"
        if text.endswith("0") and digits > 0:
            text = text[:-1].rstrip(".")  # two digits of 0.60 say as much as three
    else:
        mantissa, exponent = f"{x:.2e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return text.replace("-", "−")


def plural(count: int, noun: str) -> str:
    """`1 operator`, `2,000 operators`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def several(names: list[str], most: int) -> str:
    """Names with commas; of many the first, and how many more."""
    return ", ".join(names) if len(names) <= most else ", ".join(names[: most - 1]) + f" and {len(names) - most + 1:,} more"


def shape(value: Value) -> str:
    """`(5, 3)`, with the dtype where it is not float32."""
    return f"({', '.join(map(str, value.shape))}{',' if len(value.shape) == 1 else ''})" + (
        "" if value.dtype == "float32" else f" {value.dtype}")


def numbers(data: Summary | None, most: int) -> str:
    """All elements where there are at most `most`, else mean and deviation; "" where nothing is known."""
    if data is None:
        return ""
    if data.values and len(data.values) <= most:
        whole = len(data.values) > 1 and all(isinstance(x, float) and x.is_integer() and abs(x) < 1000 for x in data.values)
        return " ".join(number(int(x) if whole else x) for x in data.values)
    if data.mean is None:
        return ""
    return f"μ {number(data.mean)}  σ {number(data.std)}"


def trouble(data: Summary | None) -> str:
    """ "NaN", "Inf" or "" """
    return "" if data is None else "NaN" if data.nan else "Inf" if data.inf else ""


def norm(data: Summary | None) -> float | None:
    """The norm of a gradient; not a number where the gradient has elements that are not."""
    if data is None:
        return None
    if data.nan:
        return math.nan
    return math.inf if data.inf else data.norm


def op_label(call: Call) -> str:
    """What an operator is called in a picture: the glyph of what the user typed, else torch's name without its module."""
    plain = call.op.replace(".", "").replace("_", "").isalnum()
    name = call.op.rsplit(".", 1)[-1] if plain else call.op
    if call.in_place and not name.endswith("__"):
        name = name.rstrip("_")
    if len(call.inputs) <= 2 and name in GLYPHS:
        return GLYPHS[name] + ("=" if call.in_place else "")
    return shorten(_SHORT.get(name, name), 36) + ("_" if call.in_place and not name.endswith("__") else "")
