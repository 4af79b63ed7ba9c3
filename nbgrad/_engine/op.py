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
from .arguments import blamed, check, check_given, check_kinds, must_be
from .batched import BatchedArray, NotBatchable, Refused, looped, top_level
from .batching import looped_on_tensors, run_by_example
from .modes import place_of_caller, state
from .node import Node
from .plan import BASE_TENSOR, NEEDED, NEEDED_TENSORS, OTHER, REQUIRED, TENSOR, TENSORS, Plan, named_by
from .publish import (  # noqa: F401  (op.py is where declarations look)
    ALIASES, AUGMENTED, FACADES, NAMES, NUMBERS, camel, dress, facade, publish, python_operator, with_inplace_flag,
)  # fmt: skip
from .quiet import quiet_numpy, restore_numpy
from .saved import SavedTensor
from .tensor import Tensor, wrap
from .views import MULTIPLE, mark_view
from .writing import into

BASE_TENSOR[0] = Tensor
REGISTRY: dict[str, Op | Composite] = {}
# How an operator moves tangents forward (push.py): linear in all its differentiable arguments together, so that it does to tangents what it does to
# values; linear in each of them alone, as a product is; element by element, so that the formula of the gradient serves; down to one number for each
# group of elements, so that the same formula serves and its results are added up.
LINEAR, MULTILINEAR, ELEMENTWISE, REDUCTION = "linear", "multilinear", "elementwise", "reduction"


class Op:
    """One primitive operator. Calling it works on tensors and, inside formulas, on bare arrays alike."""

    def __init__(
        self, kernel, *, vjp, name, node, promote, promoted, outputs, view, mutates, varargs, tensors, ufunc, wraps, bools, frees, expanded,
        analytic, jvp, kinds, alike,
    ):  # fmt: skip
        self.kernel = kernel
        self.ufunc = ufunc
        self.name = name
        code = kernel.__code__
        self.params = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.positional = code.co_argcount
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
        self.expanded = expanded
        self.analytic = analytic
        self.jvp = jvp
        self.kinds = kinds
        self.alike = tuple(map(self.params.index, alike))
        self.tensor_only = tuple(self.params.index(p) for p in (tensors if tensors is not None else self.params[:1]))
        self.plans = {}
        self.needed = {}  # kinds of arguments met so far -> whether such a call is recorded
        self.single = not self.many and outputs is None
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
        if callable(self.jvp):
            known = {*self.params, *self.result_names, *(f"{p}_{what}" for p in self.params for what in "pt"), *(f"{p}_shape" for p in self.params)}
            for asked in named_by(self.jvp):
                if asked not in known:
                    raise ValueError(f"{self.name}: the derivative forward asks for {asked!r}, which is no argument, tangent or result")

    @functools.cached_property
    def flat_kernel(self):
        """The kernel taking all its arguments by position."""
        if self.positional == len(self.params):
            return self.kernel
        given = ", ".join(n if i < self.positional else f"{n}={n}" for i, n in enumerate(self.params))
        return eval(f"lambda {', '.join(self.params)}: kernel({given})", {"kernel": self.kernel})

    def plan(self, kinds) -> Plan:
        """The plan for arguments of these kinds."""
        found = self.plans.get(kinds)
        if found is None:
            found = self.plans[kinds] = Plan(self, kinds)
        return found

    def complex_plan(self, kinds) -> Plan:
        """The plan for a complex result of arguments of these kinds."""
        if not self.analytic:
            return self.plan(kinds)
        key = (*kinds, "complex")
        found = self.plans.get(key)
        if found is None:
            found = self.plans[key] = Plan(self, kinds, conjugated=True)
        return found

    @functools.cached_property
    def class_of_node(self):
        """Make, once each, the node class of a name."""

        # as properties of the class: a `__getattr__` on nodes would make every other attribute of theirs slow
        names = [n for n in self.savable if n not in ("grad", *self.grad_names)]
        saved = {f"_saved_{_shown_as(n)}": property(lambda node, n=n: node.plan.saved_value(node, n)) for n in names}
        saved |= {f"_raw_saved_{n}": property(lambda node, n=n: SavedTensor(node, n)) for n in names if not n.endswith("_shape")}
        fixed = {"__slots__": (), "arity": len(self.outputs) if self.outputs else 1, "__module__": "torch.autograd"}

        @functools.cache
        def make(name):
            return type(name, (Node,), {**fixed, **saved})

        return make

    def __call__(self, *args, **kwargs):
        for a in args:
            if isinstance(a, Tensor) or type(a) in (list, tuple) and any(isinstance(t, Tensor) for t in a):
                return self.function(*args, **kwargs)
        try:
            return self.kernel(*args, **kwargs)
        except NotBatchable:
            return looped(self.flat_kernel, bind(self, args, kwargs))

    def __repr__(self):
        return f"<operator {self.name}>"


def _shown_as(name):
    """PyTorch's name of what a node saved."""
    return name.removesuffix("_shape") + "_sym_sizes" if name.endswith("_shape") else name


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


@functools.cache
def named_result(name, *fields):
    """The named tuple in which a composite gives several results, as PyTorch prints it."""
    return _named_tuple(name, fields)


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


# the kind of what is no tensor is its type, where it is one of these
_PLAIN = frozenset((type(None), bool, int, float, complex, str, dtypes.dtype))


def unwrap(op, args):
    """The arrays behind the arguments, and what kind each argument is. Raises `TypeError` where a tensor is missing."""
    arrays, kinds = [], []
    for a in args:
        t = type(a)
        if t is Tensor:
            arrays.append(a._array)
            kinds.append(NEEDED if a._requires_grad else TENSOR)
        elif t in _PLAIN:
            arrays.append(a)
            kinds.append(t)
        else:
            array, kind = _unwrap_other(a)
            arrays.append(array)
            kinds.append(kind)
    kinds = tuple(kinds)
    if kinds not in op.needed:
        op.needed[kinds] = _first_time(op, args, kinds)
    return arrays, kinds


def _unwrap_other(a):
    """A subclass of Tensor, a list, or whatever else somebody passed."""
    if isinstance(a, Tensor):
        return a._array, NEEDED if a._requires_grad else TENSOR
    if type(a) in (list, tuple) and any(isinstance(t, Tensor) for t in a):
        needed = any(isinstance(t, Tensor) and t._requires_grad for t in a)
        return type(a)(t._array if isinstance(t, Tensor) else t for t in a), NEEDED_TENSORS if needed else TENSORS
    return a, type(a) if type(a) in (list, tuple) else OTHER


def _first_time(op, args, kinds):
    """Whether a call with such arguments is recorded; raises `TypeError` where it cannot be one."""
    check(op, args, kinds)
    return any(k in (NEEDED, NEEDED_TENSORS) for k, p in zip(kinds, op.params) if p in op.differentiable)


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
        elif a is not None or op.defaults[i] is not None:
            raise must_be(op.name, op.params[i], i, "Tensor", a)
    if not op.bools:
        _refuse_bools(operands)
    target = dtypes.result_numpy(*operands)
    if op.promote == "float" and target.kind in "biu":
        target = dtypes.get_default_dtype().numpy
    for i in op.promoted:
        a = arrays[i]
        if a is None:
            continue
        if kinds[i] in (TENSOR, NEEDED):
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
    arrays, kinds = unwrap(op, args)
    if op.alike:
        check_given(op, arrays)
    if op.promote:
        promote(op, arrays, kinds)
    if mode.observer is not None:
        mode.observer.begin(op, args)
    token = quiet_numpy()
    try:
        if op.kinds is not None:
            check_kinds(op.name, arrays[0], op.kinds)
        result = op.flat_kernel(*arrays)
    except Exception as error:
        result = failed(op, args, arrays, error, place)
    finally:
        restore_numpy(token)
    recorded = mode.grad and op.needed[kinds]
    node = None
    if op.single:
        out = wrap(result)
        if op.view:
            mark_view(out, args[0])
        if recorded:
            kind = out._array.dtype.kind
            if kind == "f":
                node = op.plan(kinds).record(out, *place, *args)
            elif kind == "c":
                node = op.complex_plan(kinds).record(out, *place, *args)
    else:
        out = tuple(map(wrap, result)) if op.many else op.result_type(*map(wrap, result))
        if op.view:
            for one in out:
                mark_view(one, args[0], MULTIPLE)
        if recorded:
            types = {t._array.dtype.kind for t in out}
            if "c" in types:
                node = op.complex_plan(kinds).record(out, *place, *args)
            elif "f" in types:
                node = op.plan(kinds).record(out, *place, *args)
    if mode.observer is not None:
        mode.observer.op(op, args, out, node, place)
    return out


def failed(op, args, arrays, error, place):
    """Tell the observer, then raise the error as PyTorch would word it. Gives the result where a batch only has to be run example by example."""
    observer = state.mode.observer
    if (top_level(arrays) or isinstance(error, NotBatchable)) and not isinstance(error, Refused):
        try:  # whatever the error: what each example alone raises is worth more
            return run_by_example(op, arrays, error)
        except Exception as inner:
            error = inner
    if isinstance(error, ValueError) and "broadcast" in str(error):
        shapes = [a.shape for i, a in enumerate(arrays) if isinstance(a, (np.ndarray, BatchedArray))]
        error = errors.broadcast(shapes) or error
    error = blamed(op.name, op.kernel.__code__, args, {}, error) or error
    if observer is not None:
        observer.op_failed(op, args, error, place)
    try:
        raise error.with_traceback(None) from None
    finally:
        del error  # the traceback holds this frame: what it holds must not hold the traceback


def make_function(op):
    """The public function of an operator in general; fast.py makes those of the common shapes."""
    full = len(op.params) if op.positional == len(op.params) and op.varargs is None else -1
    # by the number of arguments given: the defaults of the others, None where that does not settle it
    tails = [] if op.varargs is not None else [tuple(op.defaults[n:]) for n in range(op.positional + 1)]
    tails = [None if REQUIRED in tail else tail for tail in tails]

    def function(*args, **kwargs):
        place = place_of_caller(1)
        if kwargs:
            out = kwargs.pop("out", None)
            args = bind(op, args, kwargs)
            if out is not None:
                return run_into(op, args, out, place)
        elif len(args) != full:
            tail = tails[len(args)] if len(args) < len(tails) else None
            args = bind(op, args, kwargs) if tail is None else args + tail
        return run(op, args, place)

    return function


def run_into(op, args, out, place):
    """Carry out a call and write its result into the tensor (or tuple of tensors) given as `out=`."""
    if _any_has_tangents((*args, out)):
        raise NotImplementedError(f"Trying to use forward AD with {op.name}_out that does not support it because it is an out= function")
    if state.mode.grad and _any_requires_grad((*args, out)):
        raise RuntimeError(f"{op.name}(): functions with out=... arguments don't support automatic differentiation, "
                           "but one of the arguments requires grad.")  # fmt: skip
    return into(out, run(op, args, place))


def _any_requires_grad(things):
    return any(t._requires_grad if isinstance(t, Tensor) else isinstance(t, (list, tuple)) and _any_requires_grad(t) for t in things)


def _any_has_tangents(things):
    return any(bool(t._tangents) if isinstance(t, Tensor) else isinstance(t, (list, tuple)) and _any_has_tangents(t) for t in things)


def composite(name=None, *, method=True, namespace=("",), operators=(), aliases=()):
    """Declare a function written with other operators. It runs as one scope of the graph, on behalf of the line that called it."""

    def declare(function):
        public = name or function.__name__

        @functools.wraps(function)
        def run_composite(*args, **kwargs):
            if kwargs:
                kwargs = {(k if k in params else ALIASES.get(k, k)): v for k, v in kwargs.items()}
            mode = state.mode
            place = mode.place
            observer = mode.observer
            if place is None:
                frame = sys._getframe(1)
                mode.place = (frame.f_code, frame.f_lasti)
            try:
                if observer is not None:
                    observer.enter("composite", public, mode.place)
                try:
                    return function(*args, **kwargs)
                except NotBatchable as error:
                    return by_example(args, kwargs, error)
                except Exception as error:
                    error = blamed(public, code, args, kwargs, error)
                    if error is None:
                        raise
                    raise error from None
            except Exception as error:
                if observer is not None:
                    observer.op_failed(public, args, error, mode.place)
                raise
            finally:
                if observer is not None:
                    observer.exit()
                mode.place = place

        def by_example(args, kwargs, error):
            if public.endswith("_") and public != "__getitem__" or kwargs.get("inplace"):  # what it had changed already would be changed again
                raise error
            return looped_on_tensors(function, args, kwargs, error)

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
    wraps=True, bools=True, frees=(), expanded=False, analytic=True, jvp=None, kinds=None, alike=(),
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
    whether operands may be of type bool. `frees`: arguments that are no tensors, but that torch saves as such: backward frees them; or
    a function of the arguments that says whether a call has any.
    `expanded`: whether it may write to memory that several elements share, as after `expand`.
    `analytic`: whether, taking complex numbers, it is an analytic function of its arguments; if not, its formulas hold for complex numbers as written.
    `jvp`: how tangents move forward: LINEAR, MULTILINEAR, ELEMENTWISE, REDUCTION, or a formula that asks for arguments by `<argument>_p`, their
    tangents by `<argument>_t` (zeros where there is none), and results. Without it, views are LINEAR, those with a `ufunc` ELEMENTWISE, and for
    all others the rule is derived from `vjp`.
    `tensors`: the arguments that must be tensors, if not the first alone. `kinds`: the kinds of elements it computes with, after promotion, by NumPy's
    letters ("f" real, "c" complex, "iu" whole, "b" bool), if not all. `alike`: the arguments that must be of one type.
    """

    def declare(kernel):
        public = name or kernel.__name__
        code = kernel.__code__
        op = Op(
            kernel, vjp=vjp or {}, name=public, node=node or camel(public) + "Backward0", promote=promote, promoted=promoted,
            outputs=outputs, view=view, mutates=mutates, varargs=code.co_varnames.index(varargs) if varargs else None, tensors=tensors,
            ufunc=ufunc, wraps=wraps, bools=bools, frees=frees, expanded=expanded, analytic=analytic, jvp=jvp, kinds=kinds, alike=alike,
        )  # fmt: skip
        from .fast import make_binary, make_unary
        from .inplace import make_in_place

        if mutates:
            function = make_in_place(op)
        elif promote and not op.outputs and op.params[:2] in (("self", "other"), ("self", "exponent"), ("x", "n")) and op.promoted == (0, 1):
            function = make_binary(op)
        elif promote and op.params == ("self",) and not op.outputs:
            function = make_unary(op)
        else:
            function = make_function(op)
        op.function = function
        dress(function, public, kernel)
        if in_place:
            op.twin = make_in_place(op)
            dress(op.twin, public + "_", kernel)
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
            NAMES[f"nn.functional.{public}"] = with_inplace_flag(op, public, kernel)
        return op

    return declare


def install(entry, public, method, namespace, operators, aliases):
    """Register an operator and put it where users look for it."""
    REGISTRY[public] = entry
    publish(entry.function, public, method, namespace, operators, aliases)
