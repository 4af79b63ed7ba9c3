"""Places and names in the user's source: which line and columns an instruction has, which variable an expression is assigned to, which variable
holds a tensor.

Called by `capture.py` and `walk.py` when a record is made, never while operators run.
"""

from __future__ import annotations

import ast
import collections
import functools
import itertools
import linecache
import os
import types

from .._engine.errors import is_cell, line_of
from .._engine.tensor import Tensor
from .records import MAX_LINE, MAX_NAME, Place, bounded

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
MAX_ITEMS = 1_000  # of one container, when looking for tensors in variables
MAX_DEPTH = 6
MAX_CONTAINERS = 10_000  # of all variables together
MAX_LOOKED_AT, MAX_LOOKED_AT_IN_ALL = 20_000, 200_000  # items of one variable, and of all


def _column(text, byte_column):
    """Columns come as UTF-8 byte offsets; people count characters."""
    return len(text.encode()[:byte_column].decode(errors="ignore")) if not text.isascii() else byte_column


def ours(where) -> bool:
    """Whether a place is in this package: what runs there is neither a line of the user's nor named by them."""
    return where is not None and where[0] is not None and where[0].co_filename.startswith(_PACKAGE)


class Sources:
    """Resolves places for one record; `cell` is the file name under which the recorded cell was compiled."""

    def __init__(self, cell: str | None):
        self._cell = cell
        self._places = {}
        self._assignments = {}
        self._positions = {}  # id(code) -> code, of each instruction what is known of its place; to hash a code takes as long as it is

    def place(self, where) -> Place | None:
        """The place of an instruction, None where it is unknown or none of the user's."""
        if where is None or where[0] is None or ours(where):
            return None
        code, offset = where
        found = self._places.get((id(code), offset))
        if found is None:
            line, end_line, column, end_column = self._span(code, offset)
            text = linecache.getline(code.co_filename, line).rstrip("\n")
            last = text if end_line == line else linecache.getline(code.co_filename, end_line).rstrip("\n")
            function = getattr(code, "co_qualname", code.co_name)
            if function.startswith("<cell line"):  # IPython compiles top-level cells under such a name
                function = "<module>"
            found = self._places[id(code), offset] = Place(
                self._label(code.co_filename), line, end_line, _column(text, column), _column(last, end_column), bounded(function, MAX_NAME),
                bounded(text.strip(), MAX_LINE),
            )
        return found

    def _label(self, filename):
        if filename == self._cell or filename.startswith("<"):  # %%time and its like compile a cell under names such as "<timed exec>"
            return "cell"
        return "another cell" if is_cell(filename) else bounded(os.path.basename(filename), MAX_NAME)

    def assigned_to(self, where) -> str | None:
        """The variable that the expression at this place is assigned to, if it is the whole right-hand side of an assignment."""
        if where is None or where[0] is None or ours(where):
            return None
        code, offset = where
        table = self._assignments.get(code.co_filename)
        if table is None:
            table = self._assignments[code.co_filename] = _assignments("".join(linecache.getlines(code.co_filename)))
        name = table.get(self._span(code, offset))
        return None if name is None else bounded(name, MAX_NAME)

    def loop_variables(self, places) -> set[str]:
        """The variables of the `for` loops in the files of these places."""
        files = {where[0].co_filename for where in places if where[0] is not None and not ours(where)}
        return set().union(*(_loop_variables("".join(linecache.getlines(name))) for name in files))

    def _span(self, code, offset):
        """Line, end line, byte column, end byte column of an instruction."""
        known = self._positions.get(id(code))
        if known is None:
            known = self._positions[id(code)] = code, list(code.co_positions())
        positions = known[1]
        line, end_line, column, end_column = positions[offset // 2] if offset // 2 < len(positions) else (None,) * 4
        if line is None:
            line = line_of(code, offset)
        return line, end_line or line, column or 0, end_column or 0


@functools.lru_cache(maxsize=64)
def _assignments(text):
    """(line, end line, column, end column) of each right-hand side -> the name it is assigned to."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            target = node.target
        elif isinstance(node, ast.AugAssign):
            if isinstance(node.target, ast.Name):
                found[node.lineno, node.end_lineno, node.col_offset, node.end_col_offset] = node.target.id
            continue
        else:
            continue
        if isinstance(target, (ast.Name, ast.Attribute)):
            value = node.value
            found[value.lineno, value.end_lineno, value.col_offset, value.end_col_offset] = ast.unparse(target)
    return found


@functools.lru_cache(maxsize=64)
def _loop_variables(text):
    try:
        loops = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.For)]
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    return frozenset(part.id for loop in loops for part in ast.walk(loop.target) if isinstance(part, ast.Name))


def names_of(tensors, namespace, passing=frozenset()) -> dict[int, str]:
    """The user's names for tensors: `id(tensor)` -> variable, or a path such as `params[0]`, `model.fc.weight`.

    `tensors` maps ids to the tensors or modules wanted. A variable's own name wins over a path, a short path over a long one, and what was defined
    first over an alias; `passing` names variables of loops, which count last. Runs nothing of the user's: no property, `__eq__`, `__iter__` or `__repr__`, whatever the objects are.
    """
    named = [(name, thing) for name, thing in list(namespace.items()) if type(name) is str and not name.startswith("_")]
    late = _paths(tensors, [pair for pair in named if pair[0] in passing])
    return late | _paths(tensors, [pair for pair in named if pair[0] not in passing])


def _paths(tensors, named):
    names = {}
    pending = collections.deque()
    for name, thing in named:
        if id(thing) in tensors:
            names.setdefault(id(thing), name)
        if not _is_plain(thing):
            pending.append((name, thing, 0, name))
    seen, total = set(), 0
    looked_at = collections.Counter()  # items, by variable: one that holds a whole dataset must not cost the others their names
    while pending and len(seen) <= MAX_CONTAINERS and total <= MAX_LOOKED_AT_IN_ALL:
        path, thing, depth, variable = pending.popleft()
        if id(thing) in seen or looked_at[variable] > MAX_LOOKED_AT:
            continue
        seen.add(id(thing))
        items = _items(thing)
        looked_at[variable] += len(items)
        total += len(items)
        for key, item in items:
            if id(item) in tensors:
                names.setdefault(id(item), path + key)
            if depth < MAX_DEPTH and not _is_plain(item):
                pending.append((path + key, item, depth + 1, variable))
    return {key: bounded(name, MAX_NAME) for key, name in names.items()}


# `isinstance` asks an object for its `__class__`, and an attribute asks its class: these do not.
_mro_of = type.__dict__["__mro__"].__get__
_dict_of_class = type.__dict__["__dict__"].__get__
_PLAIN = (type(None), str, bytes, int, float, complex, type, types.ModuleType, types.FunctionType)


def _is_plain(thing):
    return issubclass(type(thing), _PLAIN)


def _held_by(thing) -> dict:
    """The instance dictionary of an object."""
    for kind in _mro_of(type(thing)):
        descriptor = _dict_of_class(kind).get("__dict__")
        if descriptor is not None:
            held = descriptor.__get__(thing) if type(descriptor) is types.GetSetDescriptorType else None
            return held if type(held) is dict else {}
    return {}


def _items_of_dict(thing):
    """The first items of a dictionary whose keys are plain."""
    return [(k, x) for k, x in itertools.islice(dict.items(thing), MAX_ITEMS) if type(k) in (str, int, bool)]


def _items(thing):
    """What a container or object holds, with how to reach it."""
    kind = type(thing)
    for sequence in (list, tuple):
        if issubclass(kind, sequence):
            return [(f"[{i}]", x) for i, x in enumerate(sequence.__getitem__(thing, slice(MAX_ITEMS)))]
    if issubclass(kind, dict):
        return [(f"[{k!r}]", x) for k, x in _items_of_dict(thing)]
    held = _held_by(thing)
    if issubclass(kind, Tensor):
        return [(".grad", held["_grad"])] if "_grad" in held else []
    found = []
    for name in ("_parameters", "_buffers", "_modules"):  # of a module, which shows these as its attributes
        group = held.get(name)
        if issubclass(type(group), dict):
            found += [(f".{k}", x) for k, x in _items_of_dict(group)]
    return found + [(f".{k}", x) for k, x in _items_of_dict(held) if type(k) is str and not k.startswith("_")]
