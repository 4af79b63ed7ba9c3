"""The derivatives of an operator, written with the user's names: `grad_w = xᵀ @ grad_z`.

`derivative` starts from the expression in the operator's entry (`Call.formulas`), works out what is decided by the call's own arguments, and puts names
for parameters. Of the entries' private helpers it knows some by their mathematical meaning (`_MEANINGS`) or in words (`_WORDS`). Where it meets
another one, or a value that the record does not hold, it gives None: a reader is never shown a formula that is not what was computed.
"""

from __future__ import annotations

import ast
import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .meanings import COMPLEX, SYMBOLS, expression, sentence

# Public functions that formulas call and that mean what they are called, and those of them that work element by element.
_ELEMENTWISE = frozenset(
    "abs acos conj cos cosh digamma exp exp2 log rsqrt sgn sigmoid sin sinh sqrt tanh trunc where".split()
)  # fmt: skip
_PUBLIC = _ELEMENTWISE | {"sum", "outer", "flip", "tril", "triu", "mean", "conj", "cofactors"} | SYMBOLS
_DEFAULTS = {"alpha": 1, "beta": 1, "value": 1, "reduction": "mean", "scale": 1, "input_scale": 1, "diagonal": 0, "negative_slope": 0.01,
             "threshold": 20, "lambd": 0.5, "min_val": -1, "max_val": 1}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Derivative:
    """What one operator sends to one of its inputs: `text` is an expression, or with `words` a sentence; `notes` are what happens besides."""

    text: str
    words: bool = False
    notes: tuple[str, ...] = ()


class _Unknown(Exception):
    """The formula needs what cannot be told truthfully."""


@dataclass
class _Setting:
    names: Mapping[str, str]  # formula's name -> what the reader calls it: of tensors among the arguments, "grad" and "result"
    shapes: Mapping[str, tuple[int, ...]]  # of the same
    params: Mapping[str, str]  # the other arguments that are not defaults, as text
    target: str
    op: str
    notes: list[str] = field(default_factory=list)

    def parameter(self, name):
        """An argument that is no tensor, as a tree."""
        if name in self.params:
            try:
                tree = ast.parse(self.params[name], mode="eval").body
                ast.literal_eval(tree)
            except (ValueError, SyntaxError):
                raise _Unknown(name) from None
            return tree
        if name in _DEFAULTS:
            return ast.Constant(_DEFAULTS[name])
        raise _Unknown(name)

    def constant(self, name):
        return ast.literal_eval(self.parameter(name))

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)


def derivative(
    formula: str, target: str, *, op: str, names: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]], params: Mapping[str, str]
) -> Derivative | None:
    """Write what is sent to the argument `target`, or None where that cannot be told truthfully.

    `names` gives what to call each tensor among the arguments, and "grad" and "result"; `shapes` their shapes, `params` the other arguments.

    >>> known = dict(names={"grad": "grad_z", "self": "x", "mat2": "w"}, shapes={"grad": (1, 3), "self": (1, 5), "mat2": (5, 3)}, params={})
    >>> derivative("mm(t(self), grad)", "mat2", op="mm", **known).text
    'xᵀ @ grad_z'
    """
    setting = _Setting(names, shapes, params, target, op)
    try:
        if SYMBOLS & set(names.values()):
            return None
        tree = _parsed(formula)
        words = _in_words(tree, setting)
        if words is not None:
            return Derivative(words, True, tuple(setting.notes))
        tree = _Meaning(setting).visit(tree)
        shape = _shape(tree, setting)
        wanted = shapes.get(target)
        if shape is not None and wanted is not None and shape != wanted:
            setting.note(f"{'summed' if math.prod(shape) > math.prod(wanted) else 'repeated'} to shape {shown_shape(wanted)}")
        return Derivative(_text(tree, names), notes=tuple(setting.notes))
    except (_Unknown, LookupError, TypeError, ValueError, AttributeError, RecursionError):  # not of a form that is known here
        return None


def complex_derivative(
    formula: str, target: str, *, op: str, names: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]], real: bool, params: Mapping[str, str]
) -> Derivative | None:
    """The same where complex numbers take part, as far as is known what is conjugated; `real` says that the argument itself is real."""
    plain = op.rpartition(".")[2]
    if plain == "view_as_real":
        return Derivative(f"{names['grad']} read as complex numbers", True)
    text = COMPLEX.get(plain, {}).get(target)
    if text is None and not real and not any("j" in p for p in params.values()):
        used = {n.id for n in ast.walk(_parsed(formula)) if isinstance(n, ast.Name)}
        if used & _WORDS.keys() or not any(name in names for name in used if not name.startswith("grad")):  # only moved or scaled: nothing to conjugate
            return derivative(formula, target, op=op, names=names, shapes=shapes, params=params)
    if text is None or params:
        return None
    setting = _Setting(names, shapes, params, target, op)
    try:
        tree = _Meaning(setting).names(ast.parse(text, mode="eval").body)
    except _Unknown:
        return None
    shape = _shape(tree, setting)
    if real:
        tree = _from("real(x)", x=tree)
    if shape is not None and shape != shapes[target]:
        setting.note(f"summed to shape {shown_shape(shapes[target])}")
    return Derivative(_text(tree, names), notes=tuple(setting.notes))


def _parsed(formula):
    try:
        return ast.parse("grad.reshape(self_shape)" if formula == "_of_view" else formula, mode="eval").body
    except SyntaxError:
        raise _Unknown(formula) from None


def shown_shape(shape) -> str:
    """A shape as Python writes it."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


# ---- helpers that are told in words: name -> words, with {grad}, {self} and so on for names

_PART = "{grad} in the place of the chosen part, 0 elsewhere"
_ROWS = "{grad} added up where the index chose, 0 elsewhere"
_CHOSEN = "{grad_values} put at the chosen elements, 0 elsewhere"
_EVEN = "{grad} shared evenly among the elements that equal {result}, 0 elsewhere"
_WORDS = {
    "_select_backward": _PART, "_slice_backward": _PART, "_diagonal_backward": _PART, "_window_put": _PART, "_put_back": _PART, "_row_placed": _PART,
    "_index_backward": _ROWS, "_index_select_backward": _ROWS, "_gather_backward": _ROWS, "_take_backward": _ROWS, "_embedding_backward": _ROWS,
    "_masked_select_backward": _PART, "by_index": _CHOSEN, "_chosen": _CHOSEN, "_of_kth": _CHOSEN, "_by_indices": _CHOSEN,
    "evenly": _EVEN, "_even": _EVEN,
    "_of_cat": "the part of {grad} that {target} went to", "_of_stack": "the part of {grad} that {target} went to",
    "_of_repeat": "{grad} added up over the copies of {target}",
    "_cleared": "{grad} with 0 where new values were written", "_led": "the part of {grad} where {target} was written",
    "permute": "{grad} with its dimensions put back in order", "cat": "{grads} put together", "stack": "{grads} put together",
    "_nll_backward": "minus {grad_output} at the target classes (a mean divides it among them), 0 elsewhere",
    "_reversed_cumsum": "{grad} summed up from the end", "_nothing": "0: what it held was overwritten", "_zeros": "0: constant almost everywhere",
}  # fmt: skip


def _in_words(tree, setting):
    called = tree.func if isinstance(tree, ast.Call) else tree
    if not isinstance(called, ast.Name) or expression(called.id, _Setting(**vars(setting) | {"notes": []})) is not None:
        return None
    words = _WORDS.get(called.id) or sentence(called.id, setting)
    if words is None:
        return None
    if called.id == "_nll_backward" and _given(setting, "weight"):
        words = "minus {grad_output} * {weight} at the target classes (a mean divides by the sum of these weights), 0 elsewhere"
    try:
        return words.format_map({**setting.names, "target": setting.names[setting.target]})
    except KeyError as missing:
        raise _Unknown(missing) from None


# ---- helpers with a mathematical meaning


def _name(id):
    return ast.Name(id)


def _from(text, **parts):
    """A tree from an expression in which some names stand for other trees."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node):  # noqa: N802
            return parts.get(node.id, node)

    return Fill().visit(ast.parse(text, mode="eval").body)


def _times(setting, x, factor):
    """Its factor decides: `x` alone where that is 1."""
    if isinstance(factor, ast.Constant) and factor.value == 1:
        return x
    return ast.BinOp(x, ast.Mult(), factor)


def _given(setting, name):
    return name in setting.names


def _share(setting, grad):
    """What each single loss gets: a mean divides among them."""
    if setting.constant("reduction") != "mean":
        return grad
    counted = [setting.shapes[n] for n in ("self", "target") if n in setting.shapes]
    return _from(f"grad / {max(math.prod(_broadcast(counted)), 1)}", grad=grad)


def _weighted(setting, tree):
    return _from("grad * weight", grad=tree) if _given(setting, "weight") else tree


def _of_logits(setting, grad, *_):
    slope = "sigmoid(self) - target"
    if _given(setting, "pos_weight"):
        slope = "(pos_weight * target + 1 - target) * sigmoid(self) - pos_weight * target"
    return _weighted(setting, _from(f"grad * ({slope})", grad=_share(setting, grad)))


def _of_bce(setting, grad, *_):
    if setting.op.rpartition(".")[2] != "binary_cross_entropy":
        raise _Unknown(setting.op)
    setting.note("the denominator at least 1e-12")
    return _weighted(setting, _from("grad * (self - target) / ((1 - self) * self)", grad=_share(setting, grad)))


def _of_distance(setting, grad, *_):
    slopes = {
        "mse_loss": "2 * (self - target)",
        "smooth_l1_loss": "where(abs(self - target) < beta, (self - target) / beta, sgn(self - target))",
        "huber_loss": "where(abs(self - target) <= beta, self - target, sgn(self - target) * beta)",
    }
    slope = slopes.get(setting.op.rpartition(".")[2])
    if slope is None:
        raise _Unknown(setting.op)
    beta = {"beta": setting.parameter("beta")} if "beta" in slope else {}
    return _from(f"grad * ({slope})", grad=_share(setting, grad), **beta)


def _of_clamp(setting, grad, *_):
    bounds = {name: None if _given(setting, name) else setting.parameter(name) for name in ("min", "max") if _given(setting, name) or name in setting.params}
    tests = [text for name, text in (("min", "(self >= min)"), ("max", "(self <= max)")) if name in bounds]
    return _from(f"where({' & '.join(tests)}, grad, 0)", grad=grad, **{name: tree for name, tree in bounds.items() if tree is not None})


def _by_base(setting, grad, base, exponent):
    if _given(setting, "exponent"):
        return _from("where(exponent == 0, 0, grad * exponent * self ** (exponent - 1))", grad=grad)
    n = setting.constant("exponent")
    if n == 0:
        return ast.Constant(0)
    if n == 1:
        return grad
    return _from(f"grad * {n} * self" if n == 2 else f"grad * {n} * self ** {n - 1}", grad=grad)


def _by_exponent(setting, grad, *_):
    if _given(setting, "self"):
        return _from("grad * where((self == 0) & (exponent >= 0), 0, result * log(self))", grad=grad)
    if setting.constant("self") > 0:
        return _from(f"grad * result * log({setting.params['self']})", grad=grad)
    raise _Unknown("a number to a power")


def _repeated(setting, grad, *_):
    setting.note(f"repeated to shape {shown_shape(setting.shapes[setting.target])}")
    return grad


def _count(setting, *_):
    """How many elements went into one element of the result."""
    made = math.prod(setting.shapes["grad"])
    if not made:
        raise _Unknown("an empty result")
    return ast.Constant(math.prod(setting.shapes[setting.target]) // made)


def _flipped(setting, x, *dims):
    at = [ast.literal_eval(d) for d in dims]
    if dims and not (len(at) == 2 and sorted(at) in ([0, 1], [1, 2], [-2, -1]) and sorted(at)[-1] in (-1, len(_rank(x, setting)) - 1)):
        raise _Unknown("transpose")
    return x.value if isinstance(x, ast.Attribute) and x.attr == "T" else ast.Attribute(x, "T")


def _rank(x, setting):
    if isinstance(x, ast.Name) and x.id in setting.shapes:
        return setting.shapes[x.id]
    raise _Unknown("its dimensions")


def _outer(setting, column, *_):
    return ast.Call(_name("_column"), [column], [])


def _product(setting, a, b):
    return ast.BinOp(a, ast.MatMult(), b)


def _reciprocal(setting, x):
    setting.note("0 where the denominator is 0")
    return ast.Call(_name("_reciprocal"), [x], [])


def _template(text):
    names = [n for n in ("a", "b", "c") if re.search(rf"\b{n}\b", text)]

    def meaning(setting, *args):
        return _from(text, **dict(zip(names, args)))

    return meaning


def _softmax_like(text):
    """Along a dimension, which the call always names."""

    def meaning(setting, grad, result, *_):
        return _from(text, grad=grad, dim=setting.parameter("dim"))

    return meaning


_MEANINGS = {
    "t": _flipped, "transpose": _flipped, "mm": _product, "bmm": _product, "mv": _product,
    "scaled": _times, "_scale": _times, "_times": _times, "unsqueeze": _outer,
    "masked_fill": _template("where(b, c, a)"), "spread": _repeated, "count_of": _count, "max_": lambda setting, n, least: n if n.value >= least.value else least,
    "_tanh_backward": _template("a * (1 - b * b)"), "_sigmoid_backward": _template("a * (1 - b) * b"),
    "_silu_backward": _template("a * sigmoid(b) * (1 + b * (1 - sigmoid(b)))"), "_threshold_backward": _template("where(b <= c, 0, a)"),
    "_piecewise": lambda setting, slope, self: slope, "_masked_reciprocal": _reciprocal,
    "_negative_part": lambda setting, x: x,  # stands only where it is not positive
    "_logits_gradient": _of_logits, "_bce_gradient": _of_bce, "_clamp_self": _of_clamp, "share": _of_distance,
    "_power_by_base": _by_base, "_power_by_exponent": _by_exponent,
    "_softmax_backward": _softmax_like("grad * result - result * sum(grad * result, dim, keepdim=True)"),
    "_log_softmax_backward": _softmax_like("grad - exp(result) * sum(grad, dim, keepdim=True)"),
}  # fmt: skip


def _refuse():
    raise _Unknown("a helper")


class _Meaning(ast.NodeTransformer):
    """Works out what the call decides, and writes helpers as what they mean."""

    def __init__(self, setting):
        self.setting = setting

    def visit_Name(self, node):  # noqa: N802  (ast's own names)
        if node.id in self.setting.names:
            return node
        if node.id.endswith("_shape") and node.id.removesuffix("_shape") in self.setting.shapes:
            return node
        return self.setting.parameter(node.id)

    def visit_Call(self, node):  # noqa: N802
        called = node.func
        if isinstance(called, ast.Attribute):
            return self.method(called, node)
        if not isinstance(called, ast.Name) or node.keywords:
            raise _Unknown("a call")
        if called.id == "_over_channels":
            return self.visit(node.args[0])
        found = expression(called.id, self.setting)
        if found is not None:
            return self.names(ast.parse(found, mode="eval").body)
        meaning = _MEANINGS.get(called.id)
        if meaning is _count or meaning is _repeated:
            return meaning(self.setting, *(self.visit(a) for a in node.args[:1]))
        if meaning in (_of_logits, _of_bce, _of_distance, _of_clamp):
            return self.names(meaning(self.setting, self.visit(node.args[0])))
        if meaning in (_by_base, _by_exponent):
            return self.names(meaning(self.setting, self.visit(node.args[0]), *node.args[1:]))
        args = [self.visit(a) for a in node.args]
        if meaning is not None:
            return meaning(self.setting, *args)
        if called.id not in _PUBLIC:
            raise _Unknown(called.id)
        return ast.Call(called, args, [])

    def names(self, tree):
        """Only what is known may stand in a tree made here."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id not in self.setting.names and node.id not in _PUBLIC:
                raise _Unknown(node.id)
        return tree

    def method(self, called, node):
        if called.attr == "reshape" and ast.unparse(node.args[0]) == "grad.shape + (1, 1)":  # beside a matrix
            return self.visit(called.value)
        if called.attr == "reshape":
            self.setting.note(f"reshaped to shape {shown_shape(self.setting.shapes[self.setting.target])}")
            return self.visit(called.value)
        if isinstance(called.value, ast.Name) and called.value.id == "math" and called.attr in ("sqrt", "log"):
            return ast.Call(_name(called.attr), [self.visit(a) for a in node.args], [])
        raise _Unknown(called.attr)

    def visit_Subscript(self, node):  # noqa: N802
        if isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "_standardized":
            return self.visit(node.value)
        raise _Unknown("a part")

    def visit_Attribute(self, node):  # noqa: N802
        if isinstance(node.value, ast.Name) and node.value.id == "math" and node.attr == "pi":
            return _name("π")
        if node.attr == "mT":
            return _flipped(self.setting, self.visit(node.value))
        raise _Unknown(node.attr)

    def visit_IfExp(self, node):  # noqa: N802
        test = node.test
        left, right = (test.left, test.comparators[0]) if isinstance(test, ast.Compare) and len(test.ops) == 1 else _refuse()
        if isinstance(test.ops[0], ast.Is):
            return self.visit(node.orelse if _given(self.setting, getattr(left, "id", "")) else node.body)
        if isinstance(test.ops[0], ast.Eq) and isinstance(left, ast.Name):
            return self.visit(node.body if self.setting.constant(left.id) == ast.literal_eval(right) else node.orelse)
        raise _Unknown("a choice")

    def visit_BinOp(self, node):  # noqa: N802
        left, right = self.visit(node.left), self.visit(node.right)
        for column, other in ((left, right), (right, left)):  # a column times a row
            if isinstance(column, ast.Call) and getattr(column.func, "id", "") == "_column":
                return ast.Call(_name("outer"), [column.args[0], other], [])
        if isinstance(right, ast.Call) and getattr(right.func, "id", "") == "_reciprocal":
            return ast.BinOp(left, ast.Div(), right.args[0])
        if isinstance(node.op, ast.Pow | ast.Mult | ast.Div) and isinstance(right, ast.Constant) and right.value == 1:
            return left
        return ast.BinOp(left, node.op, right)


# ---- shapes and text


def _broadcast(shapes):
    """The common shape of several."""
    length = max(map(len, shapes), default=0)
    padded = [(1,) * (length - len(s)) + tuple(s) for s in shapes]
    return tuple(max(column) if 0 not in column else 0 for column in zip(*padded))


def _shape(tree, setting):
    """The shape of what is computed element by element; None where something else happens, which then has the right shape."""
    shapes = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) or isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            return None
        if isinstance(node, ast.Call) and node.func.id not in _ELEMENTWISE:
            return None
        if isinstance(node, ast.Name) and node.id in setting.shapes:
            shapes.append(setting.shapes[node.id])
    told = any("repeated" in note or note.startswith(("reshaped", "summed")) for note in setting.notes)
    return None if told or not shapes else _broadcast(shapes)


def _text(tree, names):
    """Write the expression as on paper: ᵀ for transposes, raised exponents, the reader's names."""
    order = sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in names})
    marks = {id: f"NAME{k}_" for k, id in enumerate(order)}

    class Mark(ast.NodeTransformer):
        def visit_Name(self, node):  # noqa: N802
            return _name(marks.get(node.id, node.id))

    tree = _Tidy().visit(Mark().visit(tree))
    text = ast.unparse(ast.fix_missing_locations(tree))
    text = text.replace(".T", "ᵀ")
    text = re.sub(r"(NAME\d+_|\)|τ) \*\* (\d+)(?![\d.])", lambda m: m[1] + m[2].translate(_SUPERSCRIPTS), text)

    def put(found):
        name = names[order[int(found[1])]]
        return name[:-1] if found[2] and name.endswith("ᵀ") else name + found[2]  # transposed twice is as it was

    return re.sub(r"NAME(\d+)_(ᵀ?)", put, text)


class _Tidy(ast.NodeTransformer):
    """`h * h` is h², and numbers have five digits at most."""

    def visit_Constant(self, node):  # noqa: N802
        return ast.Constant(float(f"{node.value:.5g}")) if type(node.value) is float and math.isfinite(node.value) else node

    def visit_BinOp(self, node):  # noqa: N802
        self.generic_visit(node)
        same = isinstance(node.left, ast.Name) and isinstance(node.right, ast.Name) and node.left.id == node.right.id
        return ast.BinOp(node.left, ast.Pow(), ast.Constant(2)) if same and isinstance(node.op, ast.Mult) else node


@functools.cache
def infix(op: str) -> str | None:
    """The sign by which one writes an operator between two things."""
    plain = op.rpartition(".")[2].rstrip("_")
    return _SIGNS.get(plain)


_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "matmul": "@", "mm": "@", "mv": "@", "bmm": "@", "dot": "@", "pow": "**",
    "gt": ">", "lt": "<", "ge": ">=", "le": "<=", "eq": "==", "ne": "!=",
}  # fmt: skip
