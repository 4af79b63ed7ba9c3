"""Operators: what an entry declares, the registry of all of them, and how a call is carried out.

An entry is a NumPy function with its derivative on top (`primitive`), or a function written with other operators (`composite`). From the entry come
the public function, the method, the operators such as `*`, the in-place twin and the `out=` form. Knows no operator by name.

Two shapes of call are so common that they have a path of their own (fast.py); everything else goes through `run`.
"""

from __future__ import annotations

import functools
import inspect
import sys

import numpy as np

from . import dtypes, errors
from .modes import place_of_caller, state
from .node import Node, storage_of
from .plan import BASE_TENSOR, NEEDED, NEEDED_TENSORS, OTHER, REQUIRED, TENSOR, TENSORS, Plan, named_by
from .quiet import quiet_numpy, restore_numpy
from .tensor import Tensor, wrap
from .writing import into

BASE_TENSOR[0] = Tensor
REGISTRY: dict[str, Op | Composite] = {}
ALIASES = {"input": "self", "axis": "dim", "keepdims": "keepdim", "x": "self", "x1": "self", "x2": "other"}
LINEAR, ELEMENTWISE = "linear", "elementwise"
NUMBERS = (bool, int, float, complex)


class Op:
    """One primitive operator. Calling it works on tensors and, inside formulas, on bare arrays alike."""

    def __init__(self, kernel, *, vjp, name, node, promote, promoted, outputs, view, mutates, varargs, tensors, ufunc, wraps, bools, frees):
        self.kernel = kernel
        self.ufunc = ufunc
        self.name = name
        code = kernel.__code__
        self.params = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.positional = code.co_argcount
        self.keywords = self.params[self.positional :]
        defaults = dict(zip(self.params[: code.co_argcount][::-1], (kernel.__defaults__ or ())[::-1])) | (kernel.__kwdefaults__ or {})
        self.defaults = [defaults.get(n, REQUIRED) for n in self.params]
        self.vjp = vjp
        self.differentiable = tuple(p for p in self.params if any(p == key or p in key and not isinstance(key, str) for key in vjp))
        self.node = node
        self.promote = promote
        self.many = outputs == "tuple"
        self.outputs = outputs = None if self.many else outputs
        self.result_names = ("result", *outputs) if outputs else () if self.many else ("result",)
        self.grad_names = tuple(f"grad_{n}" for n in outputs) if outputs else ("grads",) if self.many else ()
        self.view = view
        self.mutates = mutates
        self.varargs = varargs
        promoted = self.differentiable if promoted is None else promoted
        self.promoted = tuple(self.params.index(p) for p in promoted) if promote else ()
        self.wraps = wraps and self.params[:2] == ("self", "other")
        self.bools = bools
        self.frees = frees
        self.tensor_only = tuple(self.params.index(p) for p in (tensors if tensors is not None else self.params[:1]))
        self.plans = {}
        self.savable = frozenset(n for f in vjp.values() for n in named_by(f))
        self._check_names()
        self.result_type = _named_tuple(name, outputs) if outputs else None

    def _check_names(self):
        for inputs, formula in self.vjp.items():
            known = {*self.params, *self.result_names, *self.grad_names, "grad", *(f"{p}_shape" for p in self.params)}
            for asked in named_by(formula):
                if asked not in known:
                    raise ValueError(f"{self.name}: the derivative for {inputs!r} asks for {asked!r}, which is no argument, result, grad or shape")
            for one in (inputs,) if isinstance(inputs, str) else inputs:
                if one not in self.params:
                    raise ValueError(f"{self.name}: a derivative is given for {one!r}, which is no argument")

    def plan(self, kinds) -> Plan:
        """The plan for arguments of these kinds."""
        found = self.plans.get(kinds)
        if found is None:
            found = self.plans[kinds] = Plan(self, kinds)
        return found

    @functools.cached_property
    def class_of_node(self):
        """Make, once each, the node class of a name."""

        # as properties of the class: a `__getattr__` on nodes would make every other attribute of theirs slow
        saved = {f"_saved_{n}": property(lambda node, n=n: node.plan.saved_value(node, n)) for n in self.savable if n not in ("grad", *self.grad_names)}
        fixed = {"__slots__": (), "arity": len(self.outputs) if self.outputs else 1, "__module__": "torch.autograd"}

        @functools.cache
        def make(name):
            return type(name, (Node,), {**fixed, **saved})

        return make

    def __call__(self, *args, **kwargs):
        for a in args:
            if isinstance(a, Tensor) or type(a) in (list, tuple) and any(isinstance(t, Tensor) for t in a):
                return self.function(*args, **kwargs)
        return self.kernel(*args, **kwargs)

    def __repr__(self):
        return f"<operator {self.name}>"


class Composite:
    """A function written with operators; the graph shows it as one call that can be opened."""

    def __init__(self, function, name):
        self.name = name
        self.function = function


def _named_tuple(name, outputs):
    """`torch.return_types.max` and its like: a named tuple that prints as torch's."""
    import collections

    base = collections.namedtuple(name.rpartition(".")[2], outputs)

    def show(self):
        inner = ",\n".join(f"{n}={v!r}" for n, v in zip(outputs, self))
        return f"torch.return_types.{name.replace('.', '_')}(\n{inner})"

    return type(base.__name__, (base,), {"__slots__": (), "__repr__": show, "__module__": "torch.return_types"})


def bind(op, args, kwargs):
    """Positional and keyword arguments as one flat tuple in the order of the parameters. Raises `TypeError` as Python would."""
    n = len(args)
    if op.varargs is not None and n > op.varargs:
        tail = args[op.varargs :]
        first = tail[0]
        if not (len(tail) == 1 and (first is None or isinstance(first, (tuple, list)))):
            args = (*args[: op.varargs], tail)
            n = op.varargs + 1
    if n > op.positional:
        raise TypeError(f"{op.name}() takes {op.positional} positional arguments but {n} were given")
    values = [*args, *op.defaults[n:]]
    for key, value in kwargs.items():
        name = key if key in op.params else ALIASES.get(key, key)
        if name not in op.params:
            raise TypeError(f"{op.name}() got an unexpected keyword argument '{key}'")
        index = op.params.index(name)
        if index < n:
            raise TypeError(f"{op.name}() got multiple values for argument '{key}'")
        values[index] = value
    for value, name in zip(values, op.params):
        if value is REQUIRED:
            raise TypeError(f"{op.name}() missing 1 required positional arguments: \"{name}\"")
    return tuple(values)


def unwrap(op, args):
    """The arrays behind the arguments, and what kind each argument is."""
    arrays, kinds = [], []
    for a in args:
        if isinstance(a, Tensor):
            arrays.append(a._array)
            kinds.append(NEEDED if a._requires_grad else TENSOR)
        elif type(a) in (list, tuple) and any(isinstance(t, Tensor) for t in a):
            needed = False
            bare = []
            for t in a:
                if isinstance(t, Tensor):
                    bare.append(t._array)
                    needed = needed or t._requires_grad
                else:
                    bare.append(t)
            arrays.append(type(a)(bare))
            kinds.append(NEEDED_TENSORS if needed else TENSORS)
        else:
            arrays.append(a)
            kinds.append(OTHER)
    for index in op.tensor_only:
        if kinds[index] == OTHER:
            raise TypeError(
                f"{op.name}(): argument '{_public(op.params[index])}' (position {index + 1}) must be Tensor, not {type(args[index]).__name__}"
            )
    return arrays, tuple(kinds)


def _public(param):
    return "input" if param == "self" else param


def promote(op, arrays, kinds):
    """Bring the operands to the type that PyTorch computes in, in place in the list; Python numbers become 0-dim arrays."""
    operands = []
    for i in op.promoted:
        a = arrays[i]
        if kinds[i] in (TENSOR, NEEDED):
            operands.append((a.dtype, a.ndim == 0))
        elif isinstance(a, (np.number, np.bool_)):  # before the numbers, because np.float64 is a float
            arrays[i] = a.item()
            operands.append(type(arrays[i]))
        elif isinstance(a, NUMBERS):
            operands.append(type(a) if type(a) in NUMBERS else next(t for t in NUMBERS if isinstance(a, t)))
        elif a is not None:
            raise TypeError(f"{op.name}(): argument '{_public(op.params[i])}' (position {i + 1}) must be Tensor, not {type(a).__name__}")
    if not op.bools:
        _refuse_bools(operands)
    target = dtypes.result_numpy(*operands)
    if op.promote == "float" and target.kind in "biu":
        target = dtypes.get_default_dtype().numpy
    for i in op.promoted:
        a = arrays[i]
        if a is None:
            continue
        if type(a) is np.ndarray:
            if a.dtype != target:
                arrays[i] = a.astype(target)
        else:
            arrays[i] = number(a, target, wraps=op.wraps)


def _refuse_bools(operands):
    bools = sum(o is bool or type(o) is tuple and o[0].kind == "b" for o in operands)
    if bools == 1:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
            "`logical_not()` operator instead."
        )


def number(value, numpy_dtype, wraps=False):
    """A Python number as a 0-dim array, cached. An integer that does not fit raises `RuntimeError`, or loses its high bits where it `wraps`."""
    key = (value, numpy_dtype)
    found = _NUMBERS.get(key)
    if found is None:
        try:
            with np.errstate(all="ignore"):
                found = np.array(value).astype(numpy_dtype) if isinstance(value, complex) else np.array(value, numpy_dtype)
        except OverflowError:
            if wraps and numpy_dtype.kind in "iu" and -(2**63) <= value < 2**63:
                return np.array(value, np.int64).astype(numpy_dtype)
            if numpy_dtype.kind == "f":
                found = np.array(float(value), numpy_dtype)
            else:
                raise RuntimeError(f"value cannot be converted to type {dtypes.of_array(numpy_dtype).name} without overflow") from None
        found.flags.writeable = False
        if value and value == value and len(_NUMBERS) < 4096:  # 0.0 equals -0.0, and nan is never found again
            _NUMBERS[key] = found
    return found


_NUMBERS: dict = {}


def run(op, args, place):
    """Carry out one call in general: `args` in the order of the parameters."""
    mode = state.mode
    observer = mode.observer
    arrays, kinds = unwrap(op, args)
    if op.promote:
        promote(op, arrays, kinds)
    token = quiet_numpy()
    try:
        if op.keywords:
            result = op.kernel(*arrays[: op.positional], **dict(zip(op.keywords, arrays[op.positional :])))
        else:
            result = op.kernel(*arrays)
    except Exception as error:
        failed(op, args, arrays, error, place)
    finally:
        restore_numpy(token)
    recorded = mode.grad and op.vjp and (NEEDED in kinds or NEEDED_TENSORS in kinds)
    if recorded and len(op.differentiable) < len(op.params):
        recorded = any(k == NEEDED or k == NEEDED_TENSORS for k, p in zip(kinds, op.params) if p in op.differentiable)
    node = None
    if op.many:
        out = tuple(map(wrap, result))
        if op.view:
            for one in out:
                _mark_view(one, args[0])
        kinds_out = {t._array.dtype.kind for t in out}
    elif op.outputs is None:
        out = wrap(result)
        if op.view:
            _mark_view(out, args[0])
        kinds_out = out._array.dtype.kind
    else:
        out = op.result_type(*map(wrap, result))
        kinds_out = {t._array.dtype.kind for t in out}
    if recorded and "c" in kinds_out:
        raise errors.unsupported("gradients through complex tensors", "compute with real and imaginary parts, or detach() first")
    if recorded and "f" in kinds_out:
        node = op.plan(kinds).record(out, *place, *args)
    if observer is not None:
        observer.op(op, args, out, node, place)
    return out


def _mark_view(out, source):
    import weakref

    if out._array.size and not np.may_share_memory(out._array, source._array):
        return
    out._base = source if source._base is None else source._base
    if not state.mode.grad:
        out._made_unrecorded = True
    out._cell = cell = storage_of(source)
    views = cell.views
    if len(views) >= 32 and len(views) & (len(views) - 1) == 0:  # now and then, drop those that are gone
        views[:] = [r for r in views if r() is not None]
    views.append(weakref.ref(out))


def failed(op, args, arrays, error, place):
    """Tell the observer, then raise the error as PyTorch would word it."""
    observer = state.mode.observer
    if isinstance(error, ValueError) and "broadcast" in str(error):
        shapes = [a.shape for i, a in enumerate(arrays) if isinstance(a, np.ndarray)]
        error = errors.broadcast(shapes) or error
    if observer is not None:
        observer.op_failed(op, args, error, place)
    try:
        raise error.with_traceback(None) from None
    finally:
        del error  # the traceback holds this frame: what it holds must not hold the traceback


def make_function(op):
    """The public function of an operator in general; fast.py makes those of the common shapes."""
    plain = op.varargs is None
    full = len(op.params) if op.positional == len(op.params) else -1

    def function(*args, **kwargs):
        place = place_of_caller(1)
        if kwargs:
            out = kwargs.pop("out", None)
            args = bind(op, args, kwargs)
            if out is not None:
                return run_into(op, args, out, place)
        elif not plain or len(args) != full:
            args = bind(op, args, kwargs)
        return run(op, args, place)

    return function


def run_into(op, args, out, place):
    """Carry out a call and write its result into the tensor (or tuple of tensors) given as `out=`."""
    if state.mode.grad and _any_requires_grad((*args, out)):
        raise RuntimeError(f"{op.name}(): functions with out=... arguments don't support automatic differentiation, "
                           "but one of the arguments requires grad.")  # fmt: skip
    return into(out, run(op, args, place))


def _any_requires_grad(things):
    return any(t._requires_grad if isinstance(t, Tensor) else isinstance(t, (list, tuple)) and _any_requires_grad(t) for t in things)


def composite(name=None, *, method=True, namespace=("",), operators=(), aliases=()):
    """Declare a function written with other operators. It runs as one scope of the graph, on behalf of the line that called it."""

    def declare(function):
        public = name or function.__name__

        @functools.wraps(function)
        def run_composite(*args, **kwargs):
            mode = state.mode
            place = mode.place
            observer = mode.observer
            if place is None:
                frame = sys._getframe(1)
                mode.place = (frame.f_code, frame.f_lasti)
            if kwargs:
                kwargs = {(k if k in params else ALIASES.get(k, k)): v for k, v in kwargs.items()}
            if observer is None:
                try:
                    return function(*args, **kwargs)
                finally:
                    mode.place = place
            try:
                observer.enter("composite", public, mode.place)
                return function(*args, **kwargs)
            except Exception as error:
                observer.op_failed(public, args, error, mode.place)
                raise
            finally:
                observer.exit()
                mode.place = place

        code = inspect.unwrap(function).__code__
        params = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        entry = Composite(run_composite, public)
        install(entry, public, method, namespace, operators, aliases)
        return run_composite

    return declare


def plain(name=None, *, method=False, namespace=("",)):
    """Declare a public function that is no operator: it makes a tensor from plain data, or asks a question of one."""

    def declare(function):
        public = name or function.__name__
        short = public.rpartition(".")[2]
        function.__module__ = "nbgrad"
        for place in namespace:
            NAMES[f"{place}.{short}" if place else short] = function
        if method:
            setattr(Tensor, short if isinstance(method, bool) else method, function)
        return function

    return declare


def primitive(
    name=None, *, vjp=None, node=None, promote=None, promoted=None, outputs=None, view=False, varargs=None, tensors=None,
    method=True, namespace=("",), operators=(), in_place=False, mutates=False, aliases=(), overload=None, inplace_flag=False, ufunc=None,
    wraps=True, bools=True, frees=(),
):  # fmt: skip
    """Declare an operator by its NumPy kernel.

    `vjp`: for each differentiable argument (or tuple of them) a formula that gives its gradient; what the formula names is what is saved:
    arguments, `grad`, `result`, `<argument>_shape`, and with several `outputs` their names and `grad_<name>`. Formulas use operators and
    operators of this registry only, so that they run on arrays and on tensors. `outputs="tuple"` is for as many as the kernel gives: the
    formula asks for `grads`, one for each, zeros where no gradient came.
    `promote`: "same" brings the `promoted` arguments to PyTorch's result type, "float" also lifts integers to the default float.
    `node`: torch's node name, or a function of the arguments that gives it. `varargs`: the argument that takes sizes one by one.
    `mutates`: the kernel changes its first argument in place and returns nothing. `in_place`: make the twin with the underscore.
    `aliases`: further names; one without a dot is a function, and a method if the operator is one. `overload`: one of several operators of
    this name; users reach it through a `facade`. `inplace_flag`: the function in `nn.functional` takes `inplace=` as its last argument.
    `ufunc`: for an elementwise operator, what does the same as the kernel with its defaults, without a Python call around it.
    `wraps`: whether a Python integer beside a tensor is cut down to the tensor's type, as in arithmetic and comparison, or checked. `bools`:
    whether operands may be of type bool. `frees`: arguments that are no tensors, but that torch saves as such: backward frees them.
    """

    def declare(kernel):
        public = name or kernel.__name__
        code = kernel.__code__
        op = Op(
            kernel, vjp=vjp or {}, name=public, node=node or _camel(public) + "Backward0", promote=promote, promoted=promoted,
            outputs=outputs, view=view, mutates=mutates, varargs=code.co_varnames.index(varargs) if varargs else None, tensors=tensors,
            ufunc=ufunc, wraps=wraps, bools=bools, frees=frees,
        )  # fmt: skip
        from .fast import make_binary, make_unary
        from .inplace import make_in_place

        if mutates:
            function = make_in_place(op)
        elif promote and not op.outputs and op.params[:2] == ("self", "other") and op.promoted == (0, 1):
            function = make_binary(op)
        elif promote and op.params == ("self",) and not op.outputs:
            function = make_unary(op)
        else:
            function = make_function(op)
        op.function = function
        _dress(function, public, kernel)
        if in_place:
            op.twin = make_in_place(op)
            _dress(op.twin, public + "_", kernel)
            op.twin.__doc__ = f"In-place version of `{public}`: the result replaces the tensor's elements."
        if overload is not None:
            REGISTRY[f"{public}.{overload}"] = op
            return op
        install(op, public, method, namespace, operators, aliases)
        if in_place:
            short = public.rpartition(".")[2]
            for one in (short, *(a for a in aliases if "." not in a)):
                setattr(Tensor, one + "_", op.twin)
                NAMES[one + "_"] = op.twin
            if "nn.functional" in namespace:
                NAMES[f"nn.functional.{short}_"] = op.twin
            for dunder in operators:
                if dunder in AUGMENTED:
                    setattr(Tensor, f"__i{dunder[2:]}", op.twin)
        if inplace_flag:
            NAMES[f"nn.functional.{public}"] = _with_inplace_flag(op, public, kernel)
        return op

    return declare


FACADES: dict = {}  # dotted public name -> function that chooses between operators
NAMES: dict = {}  # dotted public name -> function, what the faces of the package export


def _dress(function, public, kernel):
    function.__name__ = public.rpartition(".")[2]
    function.__qualname__ = public
    function.__doc__ = kernel.__doc__
    function.__wrapped__ = kernel
    function.__module__ = "nbgrad"


def _camel(name):
    return "".join(part.capitalize() for part in name.rpartition(".")[2].split("_"))


def _with_inplace_flag(op, public, kernel):
    """The function that chooses between an operator and its in-place twin by a last argument `inplace`."""
    count = op.positional

    def function(*args, **kwargs):
        inplace = kwargs.pop("inplace", False) if kwargs else False
        if len(args) > count:
            *args, inplace = args
        mode = state.mode
        before = mode.place
        if before is None:
            frame = sys._getframe(1)
            mode.place = (frame.f_code, frame.f_lasti)
        try:
            return (op.twin if inplace else op.function)(*args, **kwargs)
        finally:
            mode.place = before

    _dress(function, public, kernel)
    return function


def facade(name=None, *, method=True, namespace=("",), operators=(), aliases=()):
    """Declare a public function that only chooses between operators, by what it is given; the graph shows the one chosen."""

    def declare(function):
        public = name or function.__name__

        @functools.wraps(function)
        def choose(*args, **kwargs):
            mode = state.mode
            before = mode.place
            if before is None:
                frame = sys._getframe(1)
                mode.place = (frame.f_code, frame.f_lasti)
            if kwargs:
                kwargs = {(k if k in params else ALIASES.get(k, k)): v for k, v in kwargs.items()}
            try:
                return function(*args, **kwargs)
            finally:
                mode.place = before

        code = inspect.unwrap(function).__code__
        params = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        choose.__module__ = "nbgrad"
        FACADES.update((f"{place}.{public.rpartition('.')[2]}" if place else public, choose) for place in namespace)
        _publish(choose, public, method, namespace, operators, aliases)
        return choose

    return declare


def install(entry, public, method, namespace, operators, aliases):
    """Register an operator and put it where users look for it."""
    REGISTRY[public] = entry
    _publish(entry.function, public, method, namespace, operators, aliases)


def _publish(function, public, method, namespace, operators, aliases):
    """Make a function public: as a function, as a method, as a Python operator."""
    short = public.rpartition(".")[2]
    for place in namespace:
        NAMES[f"{place}.{short}" if place else short] = function
    if method:
        setattr(Tensor, short if isinstance(method, bool) else method, function)
    for alias in aliases:
        NAMES[alias] = function
        if method and "." not in alias:
            setattr(Tensor, alias, function)
    function = getattr(function, "operator", function)  # without keywords, one frame nearer to the user
    for dunder in operators:
        if dunder in ("__eq__", "__ne__"):
            setattr(Tensor, dunder, python_operator(function, False))
        elif dunder in REFLECTED and short != dunder.strip("_"):
            setattr(Tensor, dunder, python_operator(function, True))
        else:
            setattr(Tensor, dunder, function)


# those whose operands may not be exchanged; `2 * x` and its like run as `x * 2`
REFLECTED = frozenset(f"__r{n}__" for n in ("sub", "truediv", "floordiv", "mod", "pow", "matmul", "lshift", "rshift"))
# those that have a form such as `+=`, which changes the tensor in place
AUGMENTED = frozenset(f"__{n}__" for n in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift"))


def python_operator(function, reflected):
    """A Python operator that exchanges its operands, or one that leaves strangers to Python: `x == None` is False."""

    def operator(self, other):
        if not isinstance(other, (Tensor, *NUMBERS, np.ndarray, np.generic)):
            return NotImplemented
        mode = state.mode
        before = mode.place
        if before is None:
            frame = sys._getframe(1)
            mode.place = (frame.f_code, frame.f_lasti)
        try:
            return function(other, self) if reflected else function(self, other)
        finally:
            mode.place = before

    return operator
