"""Reads a pickle without giving it any power: a loop over its instructions that builds plain data and calls what the caller has allowed.

`loads` knows neither tensors nor files. Every instruction is handled here or refused; there is no import, no attribute access, no call of
anything that `find` did not hand out.
"""

from __future__ import annotations

import collections
import pickle
import pickletools
import warnings

_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NEW = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": set, "EMPTY_TUPLE": tuple}
_LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 "
    "BYTEARRAY8 STRING BINSTRING SHORT_BINSTRING".split()
)  # fmt: skip


class Refused(pickle.UnpicklingError):
    """The pickle asks for something that was not allowed."""


def loads(data: bytes, find, persistent, build):
    """The object that a pickle describes.

    `find(module, name)` gives what a global stands for, or raises `Refused`; what it gives may be called only if it is an `Allowed`.
    `persistent(id)` gives what was stored outside; `build(object, state)` sets the state of an object or raises. Raises `pickle.UnpicklingError`
    for an instruction that is not handled and for a pickle that makes no sense.
    """
    try:
        with warnings.catch_warnings():  # of odd escapes in text, which a damaged pickle is full of
            warnings.simplefilter("ignore", DeprecationWarning)
            return _run(data, find, persistent, build)
    except pickle.UnpicklingError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError, UnicodeError) as error:
        raise pickle.UnpicklingError(f"the pickle is damaged: {type(error).__name__}: {error}") from None


class Allowed:
    """A function or class that a pickle may call."""

    __slots__ = ("function",)

    def __init__(self, function):
        self.function = function


def _run(data, find, persistent, build):
    stack, memo = [], {}
    for opcode, arg, _ in pickletools.genops(data):
        name = opcode.name
        if name in _LITERALS:
            stack.append(arg)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _NEW:
            stack.append(_NEW[name]())
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[arg] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[arg])
        elif name == "MARK":
            stack.append(_MARK)
        elif name in _STEPS:
            _STEPS[name](stack)
        elif name == "GLOBAL":
            stack.append(find(*arg.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            member, module = stack.pop(), stack.pop()
            stack.append(find(_text(module), _text(member)))
        elif name == "BINPERSID":
            stack.append(persistent(stack.pop()))
        elif name == "REDUCE":
            args, function = stack.pop(), stack.pop()
            stack.append(_call(function, args))
        elif name == "NEWOBJ":
            args, cls = stack.pop(), stack.pop()
            stack.append(_call(cls, args, new=True))
        elif name == "BUILD":
            state = stack.pop()
            stack[-1] = build(stack[-1], state)
        elif name == "STOP":
            (result,) = stack
            return result
        elif name not in ("PROTO", "FRAME"):
            raise Refused(f"Unsupported operand {ord(opcode.code)} ({name})")
    raise pickle.UnpicklingError("the pickle has no end")


def _text(x):
    if type(x) is not str:
        raise TypeError(f"a name must be text, not {type(x).__name__}")
    return x


def _call(function, args, new=False):
    if type(function) is not Allowed or type(args) is not tuple:
        raise Refused(f"Trying to call {function!r:.80}, which is no function that may be called")
    if new and isinstance(function.function, type):
        return function.function.__new__(function.function, *args)
    return function.function(*args)


def _marked(stack):
    """What stands above the last mark; takes it, and the mark, off the stack."""
    for i in range(len(stack) - 1, -1, -1):
        if stack[i] is _MARK:
            found = stack[i + 1 :]
            del stack[i:]
            return found
    raise ValueError("no mark")


def _tuple_of(n):
    def step(stack):
        parts = tuple(stack[-n:])
        if len(parts) != n:
            raise ValueError("too little on the stack")
        stack[-n:] = [parts]

    return step


def _kind(x, *kinds):
    if not isinstance(x, kinds):
        raise Refused(f"Can only fill a {' or '.join(k.__name__ for k in kinds)}, not a {type(x).__name__}")
    return x


def _set_items(stack, items):
    target = _kind(stack[-1], dict)
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[key] = value


def _set_item(stack):
    value, key = stack.pop(), stack.pop()
    _set_items(stack, [key, value])


def _append(stack):
    value = stack.pop()
    _kind(stack[-1], list).append(value)


def _extend(stack):
    items = _marked(stack)
    _kind(stack[-1], list).extend(items)


def _add_items(stack):
    items = _marked(stack)
    _kind(stack[-1], set).update(items)


def _to_dict(stack):
    items = _marked(stack)
    stack.append(dict(zip(items[::2], items[1::2], strict=True)))


_STEPS = {
    "TUPLE": lambda stack: stack.append(tuple(_marked(stack))),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "LIST": lambda stack: stack.append(_marked(stack)),
    "DICT": _to_dict,
    "FROZENSET": lambda stack: stack.append(frozenset(_marked(stack))),
    "APPEND": _append,
    "APPENDS": _extend,
    "SETITEM": _set_item,
    "SETITEMS": lambda stack: _set_items(stack, _marked(stack)),
    "ADDITEMS": _add_items,
    "POP": lambda stack: stack.pop(),
    "POP_MARK": lambda stack: _marked(stack) and None,
    "DUP": lambda stack: stack.append(stack[-1]),
}


# ---- plain data that pickles make by a call


def _ordered(*args):
    if args and (len(args) > 1 or not isinstance(args[0], (list, tuple))):
        raise TypeError("OrderedDict takes a list of pairs")
    return collections.OrderedDict(*args)


def _counter(*args):
    if args and (len(args) > 1 or not isinstance(args[0], dict)):
        raise TypeError("Counter takes a dictionary")
    return collections.Counter(*args)


def _set(*args):
    if args and (len(args) > 1 or not isinstance(args[0], (list, tuple))):
        raise TypeError("set takes a list")
    return set(*args)


def _bytearray(*args):
    if args and not isinstance(args[0], (bytes, str)):  # a number would ask for that much memory
        raise TypeError("bytearray takes bytes")
    if len(args) > 1 and args[1] != "latin-1":
        raise TypeError("bytearray takes text in latin-1 only")
    return bytearray(*args)


def _encode(text, encoding="latin1"):
    """How older protocols write bytes; other encodings would be a way to unpack."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise TypeError("text is encoded as latin1 only")
    return text.encode("latin1")


def _complex(real, imag=0.0):
    return complex(float(real), float(imag))


PLAIN = {
    "collections.OrderedDict": _ordered, "collections.Counter": _counter, "builtins.set": _set, "builtins.bytearray": _bytearray,
    "builtins.complex": _complex, "_codecs.encode": _encode,
}  # fmt: skip
