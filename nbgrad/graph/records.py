"""The record: what was computed, as frozen plain data.

`capture.py` and `walk.py` make a `Graph` from the live world; every transform, renderer and rule reads only this. Nothing here knows
tensors, notebooks or Graphviz. Ids are given by order (`t0`, `c0`, `s0`), so that the same cell always gives the same record.

Whoever makes a record cuts the middle out of names longer than `MAX_NAME` and of lines longer than `MAX_LINE` characters: a record stays small enough to be
shown, whatever a user calls things.

The records of a graph stand in tuples, or in `Rows`, which read like tuples but make each record when it is looked at: a long cell's would fill the memory.

A missing gradient is `None`, never zero: zero is a number that somebody computed.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field

FORMAT = 1
MAX_JSON_BYTES = 64_000_000
MAX_KNOWN = 8  # answers of one function that are kept with a graph
MAX_NAME = 200  # characters of a name
MAX_LINE = 400  # and of a line of source


def bounded(text: str, most: int) -> str:
    """Cut the middle out of a long text."""
    return text if len(text) <= most else text[: most - most // 3 - 1] + "…" + text[-(most // 3):]


def bounded_lines(source: str) -> str:
    """Cut the middle out of long lines."""
    return "\n".join([bounded(line, MAX_LINE) for line in source.split("\n")])


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the user's source, lines and columns counted from 1 and 0 as Python does."""

    source: str  # "cell" for the recorded cell, "cell 2" for another one, else a file's base name
    line: int
    end_line: int
    column: int
    end_column: int
    function: str  # "<module>" at top level
    text: str  # the source line, stripped; "" where the source is gone


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of an array. Statistics are over its finite elements and None where there are none."""

    size: int
    values: tuple[float | int | bool | str, ...] = ()  # all of them, flat, where the array has at most 8 (complex ones as text)
    mean: float | None = None
    std: float | None = None  # population standard deviation
    min: float | None = None
    max: float | None = None
    norm: float | None = None  # Euclidean
    nan: int = 0
    inf: int = 0
    zeros: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """One tensor at one version."""

    id: str
    shape: tuple[int, ...]
    dtype: str  # "float32"
    name: str | None = None  # the user's: "w", "params[0]", "model.fc.weight"
    requires_grad: bool = False
    is_leaf: bool = True
    is_parameter: bool = False
    data: Summary | None = None
    grad: Summary | None = None
    grad_kept: bool = False  # True: `grad` is the tensor's `.grad`; False: it was seen flowing through backward and not kept
    place: Place | None = None  # where it was made
    cut: str | None = None  # why no gradient flows through it though an input had one: "detach", "no_grad", "inference_mode", "integer", "bool", "data"
    version: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One operator applied once."""

    id: str
    op: str  # torch's name: "mul", "nn.functional.relu"
    inputs: tuple[str, ...]  # value ids, in argument order
    outputs: tuple[str, ...]
    node: str | None = None  # "MulBackward0"; None where nothing was recorded for backward
    params: tuple[tuple[str, str], ...] = ()  # the other arguments that are not defaults, as text
    formulas: tuple[tuple[str, str], ...] = ()  # argument name -> derivative, as written in the operator's entry
    scope: str | None = None
    place: Place | None = None
    grad_mode: bool = True
    in_place: bool = False
    is_view: bool = False
    error: str | None = None  # the exception this call raised, where it did
    arguments: tuple[str, ...] = ()  # the parameter each input was given for, as the entry calls it; "" for a base that comes along
    saved: tuple[str, ...] = ()  # values that its node keeps for backward


@dataclass(frozen=True, slots=True)
class Step:
    """One node visited in a backward pass, in the order in which it really ran."""

    backward: int  # which pass, from 0
    order: int  # within its pass, from 0
    node: str  # "MulBackward0", "AccumulateGrad"
    call: str | None  # the call it belongs to; None for AccumulateGrad and for calls that were not recorded
    value: str | None = None  # the leaf that an AccumulateGrad filled
    grads_in: tuple[Summary | None, ...] = ()
    grads_out: tuple[Summary | None, ...] = ()
    before: Summary | None = None  # of an AccumulateGrad: the leaf's `.grad` as it was; None where there was none
    after: Summary | None = None  # and as it was then; None where that was not recorded


@dataclass(frozen=True, slots=True)
class Scope:
    """What encloses calls: a composite operator, a function, a module, a loop, a `with` block."""

    id: str
    kind: str  # "composite" | "function" | "module" | "loop" | "with"
    name: str
    parent: str | None = None
    place: Place | None = None
    path: str = ""  # what the user calls a module, whose class is its name: "model.fc1"


class Rows(Sequence):
    """Records that are made when they are looked at: equal to the tuple of them, and as little to be changed."""

    def find(self, id: str):
        """The record of this id; `KeyError` where there is none."""
        raise NotImplementedError

    def __eq__(self, other):
        if self is other:
            return True
        if not isinstance(other, (tuple, Rows)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other))

    def __hash__(self):
        return hash(tuple(self))

    def __add__(self, more):
        return (*self, *more) if isinstance(more, (tuple, Rows)) else NotImplemented

    def __radd__(self, more):
        return (*more, *self) if isinstance(more, tuple) else NotImplemented

    def __reduce__(self):
        return tuple, ((*self,),)

    def __repr__(self):
        return repr((*self,)) if len(self) <= 100 else f"<{len(self):,} records>"


class _Known(dict):
    """What has been found out about a graph; copies of the graph know nothing."""

    def __reduce__(self):
        return _Known, ()


def kept_with_graph(find_out):
    """Keep what a function of a graph, and of some hashable options, has found out, for as long as the graph lives: of each function the newest few."""

    @functools.wraps(find_out)
    def known(graph, *options, **named):
        found, key = graph.known.setdefault(find_out, {}), (options, *named.items())
        answer = found.get(key)
        if answer is None:
            answer = find_out(graph, *options, **named)
            for oldest in list(found)[: max(0, len(found) - MAX_KNOWN + 1)]:
                found.pop(oldest, None)
            found[key] = answer
        return answer

    return known


@dataclass(frozen=True, slots=True)
class Graph:
    """A recorded computation, flat; calls and values stand in the order in which they were made."""

    values: tuple[Value, ...] = ()
    calls: tuple[Call, ...] = ()
    steps: tuple[Step, ...] = ()
    scopes: tuple[Scope, ...] = ()
    roots: tuple[str, ...] = ()  # values that backward was called on, else the last ones made
    source: str = ""  # text of the recorded cell, long lines cut
    notes: tuple[str, ...] = ()  # what was left out and why, for the reader
    format: int = FORMAT
    known: dict = field(default_factory=_Known, init=False, repr=False, compare=False)  # see `kept_with_graph`

    def value(self, id: str) -> Value:
        """Find a value by its id; `KeyError` where there is none."""
        return self.values.find(id) if isinstance(self.values, Rows) else _index(self).values[id]

    def call(self, id: str) -> Call:
        """Find a call by its id; `KeyError` where there is none."""
        return self.calls.find(id) if isinstance(self.calls, Rows) else _index(self).calls[id]

    def scope(self, id: str) -> Scope:
        """Find a scope by its id; `KeyError` where there is none."""
        return self.scopes.find(id) if isinstance(self.scopes, Rows) else _index(self).scopes[id]

    def producer(self, id: str) -> Call | None:
        """The call that made this value, or None for one that the recording met ready-made."""
        return self.calls.producer(id) if isinstance(self.calls, Rows) else _index(self).producers.get(id)

    def consumers(self, id: str) -> tuple[Call, ...]:
        """The calls that took this value, in order."""
        return self.calls.consumers(id) if isinstance(self.calls, Rows) else tuple(_index(self).consumers.get(id, ()))

    def named(self, name: str) -> Value | None:
        """The newest value that the user called `name`."""
        if isinstance(self.values, Rows):
            return self.values.named(name)
        return next((v for v in reversed(self.values) if v.name == name), None)

    def replace(self, **changes) -> Graph:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> str:
        """Write as JSON text; NaN and infinities become the strings "nan", "inf", "-inf"."""
        return json.dumps(_plain(self), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Graph:
        """Read what `to_json` wrote; the text may come from a stranger.

        Raises `ValueError` that says what is wrong: too large, not JSON, another format, a field of another type, an unknown id.
        """
        if len(text) > MAX_JSON_BYTES:
            raise ValueError(f"this graph is too large to load: {len(text):,} characters, at most {MAX_JSON_BYTES:,}")
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"this is not a saved graph: {error}") from None
        if not isinstance(plain, dict) or plain.get("format") != FORMAT:
            raise ValueError(f"this is not a saved graph of format {FORMAT}")
        graph = _build(Graph, plain, "graph")
        _check_ids(graph)
        return graph


def _plain(thing):
    kind = type(thing)
    if kind is str or kind is int or kind is bool or thing is None:
        return thing
    if kind is float:
        return thing if math.isfinite(thing) else str(thing)
    if kind is tuple or issubclass(kind, Rows):
        return [_plain(x) for x in thing]
    out = {}
    for name, default in _fields(kind):
        value = getattr(thing, name)
        if isinstance(value, Rows) and not value:
            value = ()
        if value is not default and (value != default or type(value) is not type(default)):
            out[name] = _plain(value)
    return out


@functools.cache
def _fields(cls):
    """Names and defaults of a record's fields; a field without a default, and the format, is always written."""
    always = object()
    return [(f.name, always if f.default is dataclasses.MISSING or f.name == "format" else f.default) for f in dataclasses.fields(cls) if f.init]


@functools.cache
def _hints(cls):
    hints = typing.get_type_hints(cls)
    return {name: hints[name] for name, _ in _fields(cls)}


def _build(cls, plain, where):
    if not isinstance(plain, dict):
        raise ValueError(f"{where} is not an object")
    hints = _hints(cls)
    unknown = plain.keys() - hints.keys()
    if unknown:
        raise ValueError(f"{where} has an unknown field {sorted(unknown)[0]!r}")
    try:
        return cls(**{name: _read(hints[name], x, f"{where}.{name}") for name, x in plain.items()})
    except TypeError:
        missing = [f.name for f in dataclasses.fields(cls) if f.init and f.default is dataclasses.MISSING and f.name not in plain]
        raise ValueError(f"{where} lacks {', '.join(missing)}") from None


def _read(hint, x, where):
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _read_union(typing.get_args(hint), x, where)
    if origin is tuple:
        if not isinstance(x, list):
            raise ValueError(f"{where} is not a list")
        items = typing.get_args(hint)
        if len(items) == 2 and items[1] is Ellipsis:
            return tuple(_read(items[0], y, where) for y in x)
        if len(items) != len(x):
            raise ValueError(f"{where} has {len(x)} items, not {len(items)}")
        return tuple(_read(i, y, where) for i, y in zip(items, x))
    if dataclasses.is_dataclass(hint):
        return _build(hint, x, where)
    if hint is float and isinstance(x, (int, str)) and not isinstance(x, bool):
        if x in ("nan", "inf", "-inf") or isinstance(x, int):
            return float(x)
    if type(x) is not hint:
        raise ValueError(f"{where} is {type(x).__name__}, not {hint.__name__}")
    if hint is str:
        return bounded_lines(x) if where == "graph.source" else bounded(x, MAX_LINE)
    return x


def _read_union(hints, x, where):
    if x is None and type(None) in hints:
        return None
    if x in ("nan", "inf", "-inf") and float in hints:
        return float(x)
    for hint in hints:
        if type(x) is hint:
            return _read(hint, x, where)
    return _read(next(h for h in hints if h is not type(None)), x, where)


def _check_ids(graph):
    values, calls, scopes = ({x.id for x in group} for group in (graph.values, graph.calls, graph.scopes))
    for call in graph.calls:
        for id in call.inputs + call.outputs:
            if id not in values:
                raise ValueError(f"call {call.id} names the value {id!r}, which the graph does not have")
        if call.scope is not None and call.scope not in scopes:
            raise ValueError(f"call {call.id} names the scope {call.scope!r}, which the graph does not have")
    for step in graph.steps:
        if step.call is not None and step.call not in calls or step.value is not None and step.value not in values:
            raise ValueError(f"step {step.order} names a call or value that the graph does not have")
    for id in graph.roots:
        if id not in values:
            raise ValueError(f"the root {id!r} is not a value of the graph")
    for scope in graph.scopes:
        if scope.parent is not None and scope.parent not in scopes:
            raise ValueError(f"scope {scope.id} names the parent {scope.parent!r}, which the graph does not have")


class _Index:
    """Look-up tables of a graph, each made when first needed."""

    def __init__(self, graph):
        self._graph = graph

    @functools.cached_property
    def values(self):
        return {v.id: v for v in self._graph.values}

    @functools.cached_property
    def calls(self):
        return {c.id: c for c in self._graph.calls}

    @functools.cached_property
    def scopes(self):
        return {s.id: s for s in self._graph.scopes}

    @functools.cached_property
    def producers(self):
        return {id: call for call in self._graph.calls for id in call.outputs}

    @functools.cached_property
    def consumers(self):
        found = {}
        for call in self._graph.calls:
            for id in dict.fromkeys(call.inputs):
                found.setdefault(id, []).append(call)
        return found


@kept_with_graph
def _index(graph: Graph) -> _Index:
    return _Index(graph)
