"""The user's ways to a graph without the magic: `capture` what a function computes, `record` a block, `draw` what is behind a tensor.

Each gives a `Drawing`. Runs in any Python: nothing here needs a notebook.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator
from typing import Any, overload

from .._engine.errors import is_cell
from .._engine.tensor import Tensor
from .capture import Recorder
from .drawing import Drawing
from .records import Graph
from .walk import walk


def draw(*tensors: Tensor, **options: Any) -> Drawing:
    """Draw the graph behind one or several tensors, with the names that your variables give them.

    Options: `level` ("story" or "ops"), `fold`, `max_nodes`, `direction` ("auto", "LR", "TB"), `values`, `theme`, `engine`.

    >>> import nbgrad as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> torch.graph.draw((w * 3).sum())
    graph of %t2: 2 operators, no gradients yet
    w    = parameter  (2,)  1 1  ∂ –
    %t1  = mul(w)     (2,)       ∂ –  line 1
    %t2  = sum(%t1)   ()    6.0  ∂ –  line 1
    <BLANKLINE>
    """
    frame = sys._getframe(1)
    namespace = {**frame.f_globals, **frame.f_locals}
    graph, found = walk(*tensors, namespace=namespace, cell=frame.f_code.co_filename)
    return Drawing(graph, found, **options)


@contextlib.contextmanager
def record(**options: Any) -> Iterator[Drawing]:
    """Record what the block computes: `with nbgrad.graph.record() as g: ...`, then look at `g`. Options as for `draw`.

    >>> import nbgrad as torch
    >>> with torch.graph.record() as g:
    ...     w = torch.tensor([1.0, 2.0], requires_grad=True)
    ...     loss = (w * w).sum()
    ...     loss.backward()
    >>> g.graph.named("w").grad.values
    (2.0, 4.0)
    """
    frame = sys._getframe(2)  # past contextlib's own frame
    drawing = Drawing(Graph(), **options)  # empty until the block ends
    recorder = Recorder()
    try:
        with recorder.hearing():
            yield drawing
    finally:
        namespace = {**frame.f_globals, **frame.f_locals}
        _fill(drawing, recorder, namespace, frame.f_code)


@overload
def capture(function: Callable[..., Any], /, **options: Any) -> Callable[..., Drawing]: ...
@overload
def capture(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Drawing]]: ...
def capture(function=None, /, **options):
    """Let a function, when it is called, give the drawing of what it computed; what it returned is the drawing's `result`.

    Takes any callable, such as a module, and may decorate one. Values have the names of parameters and of the variables that they are assigned to.
    Options as for `draw`.

    >>> import nbgrad as torch
    >>> def loss_of(w, x):
    ...     error = x * w - 1
    ...     return (error * error).sum()
    >>> g = torch.graph.capture(loss_of)(torch.tensor(2.0, requires_grad=True), torch.ones(3))
    >>> g.result
    tensor(3., grad_fn=<SumBackward0>)
    >>> [v.name for v in g.graph.values if v.name]
    ['x', 'w', 'error']
    """
    if function is None:
        return functools.partial(capture, **options)

    def captured(*args, **kwargs) -> Drawing:
        caller = sys._getframe(1)
        drawing, recorder = Drawing(Graph(), **options), Recorder()
        with recorder.hearing():
            drawing.result = function(*args, **kwargs)
        code = getattr(_plain(function), "__code__", caller.f_code)
        _fill(drawing, recorder, _names_in(function, args, kwargs, caller), code)
        return drawing

    with contextlib.suppress(AttributeError, TypeError):
        functools.update_wrapper(captured, function, updated=())
    return captured


def _fill(drawing, recorder, namespace, code):
    """Let a drawing show what a recorder has heard."""
    source = "".join(linecache.getlines(code.co_filename)) if is_cell(code.co_filename) else ""
    drawing.graph = recorder.graph(namespace, source, code.co_filename)
    drawing.tensors = recorder.tensors()
    drawing.recorder = recorder


def _plain(function):
    """The Python function behind a callable, as far as there is one."""
    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__func__", function)


def _names_in(function, args, kwargs, caller):
    """What names mean inside a call: its parameters first, then the function's surroundings, then the caller's."""
    plain, bound = _plain(function), {}
    with contextlib.suppress(TypeError, ValueError):
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
    closure = {}
    for name, cell in zip(getattr(getattr(plain, "__code__", None), "co_freevars", ()), getattr(plain, "__closure__", None) or ()):
        with contextlib.suppress(ValueError):  # an empty cell
            closure[name] = cell.cell_contents
    namespace: dict[str, Any] = {}
    for names in (bound, closure, getattr(plain, "__globals__", {}), caller.f_locals, caller.f_globals):
        for name, thing in names.items():
            namespace.setdefault(name, thing)
    return namespace
