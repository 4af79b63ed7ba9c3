"""How often a loop will run: read from the source of the functions on the stack, for a progress bar.

Reads names and lengths only; what it cannot tell for certain is None, and the reader sees a count without an end.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import operator

_LOOPS = (ast.For, ast.AsyncFor)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_UNKNOWN = (ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv}
MAX_LINES = 20_000  # of a file that is read for its loops


class _Unknown(Exception):
    """What is asked cannot be told from the source."""


def expected_times(frame, cell: str | None) -> int | None:
    """How often the call that runs in this frame will be reached, by the `for` loops around it in its function, its callers and so on up to
    the cell (the file name it was compiled under); None where no loop is around it or one has no known length."""
    total, looped = 1, False
    try:
        while frame is not None:
            for loop in _loops_around(frame):
                total *= _length(loop.iter, frame)
                looped = True
            if frame.f_code.co_filename == cell and frame.f_code.co_name.startswith("<"):
                return total if looped else None
            frame = frame.f_back
    except _Unknown:
        pass
    return None


def _loops_around(frame):
    """The `for` loops of the frame's own function whose bodies hold the line it is at."""
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    if not lines or len(lines) > MAX_LINES or frame.f_code.co_name in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"):
        raise _Unknown
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:
        raise _Unknown from None
    line, found = frame.f_lineno, []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        inside = getattr(node, "lineno", line) <= line <= (getattr(node, "end_lineno", None) or line)
        if not inside:
            continue
        if isinstance(node, _FUNCTIONS) and (not isinstance(node, ast.Lambda) or frame.f_code.co_name == "<lambda>"):
            found.clear()
        elif isinstance(node, _UNKNOWN):
            found.append(None)
        elif isinstance(node, _LOOPS) and node.body[0].lineno <= line <= node.body[-1].end_lineno:
            found.append(node)
        waiting += ast.iter_child_nodes(node)
    if None in found:
        raise _Unknown
    return found


def _length(node, frame):
    """How many items the iterable of a loop has."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        name, given = node.func.id, _find(node.func.id, frame)
        if given is range:
            return len(range(*[_number(a, frame) for a in node.args]))
        if given in (enumerate, reversed, sorted, list, tuple) and node.args:
            return _length(node.args[0], frame)
        if given is zip and node.args:
            return min(_length(a, frame) for a in node.args)
        if name == "tqdm" and node.args:
            return _length(node.args[0], frame)
        if name == "trange" and node.args:
            return len(range(*[_number(a, frame) for a in node.args]))
    if isinstance(node, ast.List | ast.Tuple) and not any(isinstance(e, ast.Starred) for e in node.elts):
        return len(node.elts)
    try:
        return len(_value(node, frame))
    except TypeError:
        raise _Unknown from None


def _number(node, frame):
    """The integer that an expression of names, numbers and arithmetic stands for."""
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        try:
            return _ARITHMETIC[type(node.op)](_number(node.left, frame), _number(node.right, frame))
        except ZeroDivisionError:
            raise _Unknown from None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand, frame)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and _find(node.func.id, frame) is len and len(node.args) == 1:
        return _length(node.args[0], frame)
    value = _value(node, frame)
    if type(value) is not int:
        raise _Unknown
    return value


def _value(node, frame):
    """The object behind a constant, a name, or an attribute that an object holds itself (no property is run)."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return _find(node.id, frame)
    if isinstance(node, ast.Attribute):
        held = getattr(_value(node.value, frame), "__dict__", {})
        if node.attr in held:
            return held[node.attr]
    raise _Unknown


def _find(name, frame):
    for names in (frame.f_locals, frame.f_globals, vars(builtins)):
        if name in names:
            return names[name]
    raise _Unknown
