"""Writes docs/operators.md, the table of every operator, from the entries in the code: `python docs/operators.py`."""

import ast
import functools
import inspect
import itertools
import re
from pathlib import Path

PAGE = Path(__file__).with_name("operators.md")
TOP = """# Operators

Every operator as its entry in `nbgrad/_ops/` declares it; the names in brackets are where else it is found, *method* that tensors have it. The derivative is
the formula that backward runs, written with operators, so that it can be differentiated again; what it asks for is what a node saves. Arguments without one
are not differentiable. Written by `python docs/operators.py`.
"""


def written() -> str:
    """The page, as Markdown."""
    from nbgrad._engine.op import FACADES, REGISTRY

    entries = [*REGISTRY.values(), *_Choice.all(FACADES)]
    by_file = {}
    for entry in entries:
        by_file.setdefault(inspect.getsourcefile(_written_as(entry)), []).append(entry)
    sections = [_section(Path(file), found) for file, found in sorted(by_file.items()) if "_ops" in Path(file).parts]
    return "\n".join([TOP, *sections])


class _Choice:
    """A function that only chooses between operators."""

    def __init__(self, name, function):
        self.name, self.function = name, function

    @classmethod
    def all(cls, facades):
        shortest = {}
        for name, function in facades.items():
            shortest[function] = min(name, shortest.get(function, name), key=len)
        return [cls(name, function) for function, name in shortest.items()]


def _section(file, entries):
    from nbgrad._engine.op import Op

    about = ast.get_docstring(_tree(file)).split("\n\n")[0].replace("\n", " ")
    operators = sorted({e.name: _row(e) for e in entries if isinstance(e, Op) and not e.name.startswith("_")}.items())
    others = sorted({e.name: _brief(e) for e in entries if not isinstance(e, Op) and not e.name.startswith("_")}.items())
    parts = [f"## {file.stem.replace('_', ' ').capitalize()}\n\n{about}\n"]
    if operators:
        parts.append(_table(("operator", "node", "derivative", "saves"), [row for _, row in operators]))
    if others:
        parts.append("Made of other operators:\n\n" + "".join(f"- {text}\n" for _, text in others))
    return "\n".join(parts)


def _row(op):
    derivatives = [f"{_code(', '.join([key] if isinstance(key, str) else key))}: {_code(_formula(f))}" for key, f in op.vjp.items()]
    asked = dict.fromkeys(itertools.chain.from_iterable(map(_names_asked_for, op.vjp.values())))
    shown = [f"{n.removesuffix('_shape')}'s shape" if n.endswith("_shape") else n for n in asked if n != "grad" and n not in op.grad_names]
    twin = " and in place" if getattr(op, "twin", None) is not None else ""
    call = f"{_code(_call(op.name, op.params, op.defaults, op.positional))}{_elsewhere(op.name, op.function)}{twin}<br>{_first_line(op.kernel)}"
    return call, ", ".join(map(_code, _nodes(op))) if op.vjp else "–", "<br>".join(derivatives) or "–", ", ".join(shown) or "–"


def _brief(entry):
    function = _written_as(entry)
    code = function.__code__
    params = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    required = object()
    given = dict(zip(params[: code.co_argcount][::-1], (function.__defaults__ or ())[::-1])) | (function.__kwdefaults__ or {})
    call = _call(entry.name, params, [given.get(p, required) for p in params], code.co_argcount, required)
    return f"{_code(call)}{_elsewhere(entry.name, entry.function)}: {_first_line(function)}"


def _written_as(entry):
    """The function that stands in the file."""
    return inspect.unwrap(getattr(entry, "kernel", None) or entry.function)


def _call(name, params, defaults, positional, required=None):
    from nbgrad._engine.op import REQUIRED

    parts = []
    for i, (param, default) in enumerate(zip(params, defaults)):
        if i == positional:
            parts.append("*")
        shown = "input" if param == "self" else param
        known = "..." if type(default) is object else repr(default)  # a default that only says that nothing was given
        parts.append(shown if default is REQUIRED or default is required else f"{shown}={known}")
    return f"{name}({', '.join(parts)})"


def _elsewhere(name, function):
    from nbgrad import Tensor
    from nbgrad._engine.op import NAMES

    short = name.rpartition(".")[2]
    found = sorted(n for n, f in NAMES.items() if n != name and (f is function or n == f"nn.functional.{short}"))
    methods = sorted(n for n, f in vars(Tensor).items() if f is function and not n.startswith("__"))
    words = [_code(n) for n in found] + (["method"] if short in methods else []) + [f"method {_code(n)}" for n in methods if n != short and n not in found]
    return f" ({', '.join(words)})" if words else ""


def _nodes(op):
    if isinstance(op.node, str):
        return [op.node]
    return [c for c in op.node.__code__.co_consts if isinstance(c, str) and re.fullmatch(r"\w*Backward\d*|Backwards|CopySlices|\w+Backwards", c)]


# ---- formulas


def _formula(function):
    """What a formula gives, as it is written."""
    node = _definition(function)
    if isinstance(node, ast.Lambda):
        return ast.unparse(node.body)
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if len(body) == 1 and isinstance(body[0], ast.Return):
        return ast.unparse(body[0].value)
    return f"{function.__name__}({', '.join(_names_asked_for(function))})"


def _definition(function):
    """The node of the syntax tree that a function was made by."""
    code = function.__code__
    found = [n for n in ast.walk(_tree(Path(code.co_filename))) if _begins_at(n) == code.co_firstlineno]
    if len(found) > 1:  # several lambdas on one line: the one whose body holds the code's own positions
        places = {(start, column) for start, _, column, _ in code.co_positions() if start is not None and column}
        found = [n for n in found if isinstance(n, ast.Lambda) and any(_holds(n.body, *place) for place in places)]
        found.sort(key=lambda n: n.end_col_offset - n.col_offset)
    return found[0]


def _begins_at(node):
    if isinstance(node, ast.Lambda):
        return node.lineno
    return min([node.lineno, *(d.lineno for d in node.decorator_list)]) if isinstance(node, ast.FunctionDef) else None


def _holds(node, line, column):
    return (node.lineno, node.col_offset) <= (line, column) < (node.end_lineno, node.end_col_offset)


def _names_asked_for(function):
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


@functools.cache
def _tree(file):
    return ast.parse(file.read_text("utf-8"))


def _first_line(function):
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())


def _code(text):
    return f"`{text}`"


def _table(head, rows):
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(written(), "utf-8")
