"""The tensor: an array with a place in a backward graph. Storage, flags, gradient, version; no mathematics.

Operators (op.py, `_ops/`) attach themselves as methods. Memory is always a NumPy array, also at 0 dimensions.
"""

from __future__ import annotations

import math
import warnings
import weakref

import numpy as np

from . import dtypes
from .batched import NotBatchable
from .hooks import add_hook, hooks_of_leaf, hooks_of_node
from .modes import place_of_caller, state
from .node import STALE, history_of, node_of, number_of, storage_of
from .observe import tell_read
from .size import Size, size_of_shape


class Tensor:
    """A multi-dimensional array that remembers how it was computed, so that gradients can flow back through it."""

    # `_edge`: the output of a node that it is, None for a leaf. `_cell`: the version of its memory, None while it is 0 and unshared.
    __slots__ = ("_array", "_edge", "_requires_grad", "_cell", "__dict__", "__weakref__")

    # Rare state: defaults here, in the instance only where it differs.
    _accumulator = None  # weak reference to the AccumulateGrad of a leaf
    _grad = None
    _base = None  # the tensor that this one is a view of
    _creation = None  # why a view may not be changed in place (views.py)
    _version_when_made = 0  # of a view
    _former = ()  # of a base: the memory it had, where `.data` was exchanged while there were views
    _by_base = False  # whether it requires a gradient only because its base does
    _retains_grad = False
    _hooks = None  # of a leaf: the `Hooks` to call when its gradient is known
    _tangents = None  # {level of forward mode: tangent}

    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __new__(cls, *data):
        if cls is Tensor and len(data) == 1 and not isinstance(data[0], int):
            return wrap(np.array(data[0], dtype=dtypes.get_default_dtype().numpy))
        if all(isinstance(n, int) for n in data):
            return wrap(np.zeros(data if data else (0,), dtypes.get_default_dtype().numpy), cls)
        raise TypeError("new(): data must be one sequence of numbers, or sizes")

    # ---- what it is

    @property
    def shape(self) -> Size:
        """Its sizes, one per dimension."""
        return size_of_shape(self._array.shape)

    def size(self, dim: int | None = None):
        """Its sizes as a `Size`, or the one of dimension `dim`."""
        if dim is None:
            return size_of_shape(self._array.shape)
        check_dim(dim, self._array.ndim)
        return self._array.shape[dim]

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of its elements."""
        return dtypes.of_array(self._array.dtype)

    @property
    def device(self) -> dtypes.device:
        """Where it lives: always the CPU."""
        return dtypes.CPU

    @property
    def layout(self):
        """How it is laid out: always strided."""
        return dtypes.strided

    @property
    def ndim(self) -> int:
        """Its number of dimensions."""
        return self._array.ndim

    def dim(self) -> int:
        """Its number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        """Its number of elements."""
        return self._array.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._array.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all its elements."""
        return self._array.nbytes

    def stride(self, dim: int | None = None):
        """Elements to step over in memory for a step in each dimension, or in dimension `dim`."""
        array = self._array
        strides = tuple(s // array.itemsize for s in (array.strides if array.size else _strides_without_elements(array)))
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format=dtypes.contiguous_format) -> bool:
        """Whether its elements lie in memory row by row without gaps."""
        return self._array.flags.c_contiguous

    def data_ptr(self) -> int:
        """The address of its first element."""
        return self._array.ctypes.data

    def is_floating_point(self) -> bool:
        """Whether its type is a real floating point type."""
        return self._array.dtype.kind == "f"

    def is_complex(self) -> bool:
        """Whether its type is complex."""
        return self._array.dtype.kind == "c"

    def is_signed(self) -> bool:
        """Whether its type holds negative numbers."""
        return self._array.dtype.kind in "ifc"

    is_cuda = property(lambda self: False, doc="Whether it lives on a GPU: never.")
    is_sparse = property(lambda self: False, doc="Whether it is sparse: never.")
    is_meta = property(lambda self: False, doc="Whether it has a shape but no elements: never.")
    is_quantized = property(lambda self: False, doc="Whether it is quantized: never.")

    # ---- gradients

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are wanted for it: set on leaves by you, on results by their inputs."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool):
        if type(value) is not bool:
            raise RuntimeError("requires_grad must be a bool")
        if value and self._edge is None:
            check_differentiable(self._array.dtype, "and complex ")
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients of this tensor, or no longer; returns it. Only floating point leaves can be switched."""
        if type(requires_grad) is not bool:
            raise TypeError(f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {type(requires_grad).__name__}")
        if self._edge is not None:
            if not requires_grad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
                    "that doesn't require differentiation use var_no_grad = var.detach()."
                )
            return self
        if requires_grad:
            check_differentiable(self._array.dtype)
            if self.is_inference() and state.mode.inference is None:
                raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
            if self._array.dtype.kind == "c":  # NumPy knows several objects for one type; the fast paths ask for one
                self._array = self._array.view(dtypes.of_array(self._array.dtype).numpy)
        self._requires_grad = requires_grad
        self._by_base = False
        if self._cell is not None and (self._cell.views or self._cell.stale):
            follow_base(self if self._base is None else self._base)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operator made it. Gradients are kept in `.grad` for leaves."""
        return history_of(self) is None

    @property
    def grad_fn(self):
        """The node that will carry gradients back through the operator that made it; None for a leaf."""
        edge = history_of(self)
        return None if edge is None else node_of(edge).shown()

    @property
    def output_nr(self) -> int:
        """Which output of its `grad_fn` it is."""
        return number_of(history_of(self))

    @property
    def grad(self):
        """The gradient that backward has accumulated here; None before the first one."""
        if self._grad is None and self._edge is not None and not self._retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
                "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
                ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
                "Tensor instead.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value):
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._array.dtype != self._array.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{_NAMES_IN_C.get(value.dtype.name, value.dtype.name)}' to a tensor with grad_dtype '{self.dtype.tensor_name}'. "
                    "The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). nbgrad has no grad_dtype to set."
                )
            if value._array.shape != self._array.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value._array.shape)}' to a tensor of size '{list(self._array.shape)}'. "
                    "Please ensure that the gradient and the tensor are the same size"
                )
        self._grad = value

    @grad.deleter
    def grad(self):
        self._grad = None

    @property
    def retains_grad(self) -> bool:
        """Whether this non-leaf keeps its gradient in `.grad`."""
        return self._retains_grad

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in `.grad` when backward passes it."""
        if not self._requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        edge = history_of(self)
        if edge is None or self._retains_grad:
            return
        reference = weakref.ref(self)

        def keep(grad):
            tensor = reference()
            if tensor is None or grad is None:
                return
            if tensor._grad is None:
                tensor._grad = own_gradient(grad)
            else:
                tensor._grad = tensor._grad + grad if state.mode.grad else wrap(tensor._grad._array + grad._array)

        hooks_of_node(node_of(edge)).retained[number_of(edge)] = keep
        self._retains_grad = True

    def register_hook(self, hook):
        """Call `hook(grad)` when the gradient of this tensor is known; what it returns, if not None, replaces the gradient.

        Returns a handle with `remove()`. Raises `RuntimeError` for a tensor that does not require a gradient. A hook stays with the tensor as it
        is now: after a change in place it sees the gradient of what was there before.
        """
        if not self._requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        edge = history_of(self)
        hooks = hooks_of_leaf(self) if edge is None else hooks_of_node(node_of(edge))
        return add_hook(hooks.of_output(number_of(edge)), hook)

    def register_post_accumulate_grad_hook(self, hook):
        """Call `hook(leaf)` each time backward has added to the `.grad` of this leaf; it returns nothing.

        Returns a handle with `remove()`. Raises `RuntimeError` for a tensor that is no leaf or does not require a gradient.
        """
        if not self._requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if history_of(self) is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return add_hook(hooks_of_leaf(self).accumulated, hook)

    @property
    def _backward_hooks(self):
        edge = history_of(self)
        hooks = self._hooks if edge is None else node_of(edge).hooks
        return None if hooks is None else hooks.tensor.get(number_of(edge))

    @property
    def _post_accumulate_grad_hooks(self):
        return self._hooks.accumulated or None if self._hooks is not None else None

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None) -> None:
        """Compute the gradients of this tensor with respect to the leaves it was computed from, and add them to their `.grad`.

        `gradient` is the cotangent to start from, of this tensor's shape; it may be left out for a tensor of one element. `retain_graph=True`
        keeps what the graph saved for another pass; `create_graph=True` makes the gradients differentiable themselves; `inputs` limits the
        pass to these tensors.
        """
        from .backward import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    @property
    def data(self) -> Tensor:
        """The same memory as a tensor without history. Changes through it are not noticed by backward; prefer `detach()`."""
        out = wrap(self._array)
        if self.is_inference():
            out._cell = self._cell
        observer = state.mode.observer
        if observer is not None:
            observer.op("data", (self,), out, None, place_of_caller(1))
        return out

    @data.setter
    def data(self, other: Tensor):
        if not isinstance(other, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(other).__name__}")
        if other._array.dtype != self._array.dtype and self._requires_grad:
            check_differentiable(other._array.dtype, "and complex ")
        root = self if self._base is None else self._base
        if views_of(root):
            root._former = (*root._former, root._array)
        self._array = other._array
        self._accumulator = None

    @property
    def _version(self) -> int:
        if self.is_inference():
            raise RuntimeError("Inference tensors do not track version counter.")
        return 0 if self._cell is None else self._cell.version

    def is_inference(self) -> bool:
        """Whether it was made in inference mode: it can take no part in what is recorded for backward, and counts no changes."""
        return self._cell is not None and not self._cell.tracked

    def _is_view(self) -> bool:
        return self._base is not None

    # ---- out of the tensor world

    def item(self):
        """Its only element as a Python number. Raises `RuntimeError` where it has none or several."""
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        tell_read(self, how="item")
        return self._array.item()

    def tolist(self):
        """Its elements as nested lists, or as a number for a 0-dim tensor."""
        tell_read(self, how="tolist")
        return self._array.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The same memory as a NumPy array. A tensor that requires a gradient must be detached first, or `force=True` given."""
        if self._requires_grad and state.mode.grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if type(self._array) is not np.ndarray:
            raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")
        tell_read(self, how="numpy")
        if not self._array.flags.writeable:
            return shared_memory(self._array)
        return self._array.view()  # an array of its own, whose shape and flags can be set without changing ours

    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        if dtype is None or np.dtype(dtype) == array.dtype:
            return array.copy() if copy else array
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested: the tensor is of another type.")
        return array.astype(dtype)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        """Its memory as a DLPack capsule. Raises `BufferError` for a tensor that requires a gradient."""
        if self._requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if stream not in (None, -1):
            raise AssertionError("stream should be None on cpu.")
        asked = {"max_version": max_version, "dl_device": dl_device, "copy": copy}
        return self._array.__dlpack__(**{name: value for name, value in asked.items() if value is not None})

    def __dlpack_device__(self):
        """The kind and number of its device, as DLPack counts them: the CPU."""
        return self._array.__dlpack_device__()

    def __len__(self):
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def __bool__(self):
        if self._array.size == 1:
            tell_read(self, how="bool")
            return bool(self._array)
        if self._array.size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")

    def __int__(self):
        return int(self.item())

    def __float__(self):
        return float(self.item())

    def __complex__(self):
        return complex(self.item())

    def __index__(self):
        if self._array.size != 1 or self._array.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        tell_read(self)
        return int(self._array.item())

    def __contains__(self, element):
        if isinstance(element, (Tensor, int, float, complex)):
            tell_read(self, element)
            return bool((self._array == (element._array if isinstance(element, Tensor) else element)).any())
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    def __deepcopy__(self, memo):
        from .copying import deepcopy

        return deepcopy(self, memo)

    def __reduce_ex__(self, protocol):
        from .copying import reduce

        return reduce(self)


def _strides_without_elements(array):
    """The strides (bytes) that PyTorch gives to a tensor without elements, where NumPy's are 0."""
    sizes = [max(n, 1) for n in array.shape]
    return [math.prod(sizes[i + 1 :]) * array.itemsize for i in range(array.ndim)]


def own_gradient(grad):
    """A copy to keep as `.grad` of the gradient that arrived, an array or a tensor: what arrives may be somebody else's gradient too."""
    if not isinstance(grad, Tensor):
        return wrap(np.array(grad, order="C"))
    if state.mode.grad:  # with `create_graph` the copy has a history
        return wrap(np.zeros(grad._array.shape, grad._array.dtype)).copy_(grad)
    return wrap(np.array(grad._array, order="C"))


class _Memory:
    """Memory that NumPy protects because of its strides, without the protection."""

    def __init__(self, array):
        self.array = array
        address, _ = array.__array_interface__["data"]
        self.__array_interface__ = {**array.__array_interface__, "data": (address, False)}


def shared_memory(array):
    """An array on the same memory that may be written, also where NumPy made it read-only because elements share places; else the array itself."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return np.asarray(_Memory(array)) if owner.flags.writeable else array


def move_retained(tensor, old_edge):
    """After a new history: what `retain_grad` keeps is the gradient of the tensor as it is now."""
    if tensor._retains_grad and old_edge is not None:
        keep = node_of(old_edge).hooks.retained.pop(number_of(old_edge))
        hooks_of_node(node_of(tensor._edge)).retained[number_of(tensor._edge)] = keep


def wrap(array, cls=Tensor) -> Tensor:
    """A new leaf on this memory."""
    out = object.__new__(cls)
    try:
        out._array = array if type(array) is np.ndarray else np.asarray(array)
    except NotBatchable:  # a batch stays one
        out._array = array
    out._edge = None
    out._requires_grad = False
    out._cell = None
    return out


def follow_base(base):
    """Let the views that have no history of their own want a gradient if their base does."""
    for view in views_of(base):
        if view._edge is STALE and not base._requires_grad and view.__dict__.get("_edge_before") is None:
            view._edge, view._by_base = None, True  # it had no history and needs none
        if view._edge is None and (view._by_base or not view._requires_grad):
            view._requires_grad = view._by_base = base._requires_grad
            if base._requires_grad and base._cell.version != view._version_when_made:
                view._edge = STALE


def views_of(base, most=None):
    """The living views of a tensor, those of its views included; none if there may be more than `most`."""
    if base._cell is None or most is not None and len(base._cell.views) + len(base._cell.stale) > most:
        return []
    found = {id(v): v for r in (*base._cell.views, *base._cell.stale) if (v := r()) is not None and v._base is base}
    return list(found.values())


def alias(tensor) -> Tensor:
    """Another leaf on the same memory with the same version, as `detach` gives and as in-place operators save."""
    out = wrap(tensor._array)
    out._cell = storage_of(tensor)
    return out


_NAMES_IN_C = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
    "int64": "long int", "int32": "int", "int16": "short int", "int8": "signed char", "uint8": "unsigned char",
}  # as PyTorch names the type of a gradient that does not fit  # fmt: skip


def check_differentiable(numpy_dtype, and_complex=""):
    """Raise `RuntimeError` for a type that has no gradients."""
    if numpy_dtype.kind not in "fc":
        raise RuntimeError(f"only Tensors of floating point {and_complex}dtype can require gradients")


def check_dim(dim, ndim):
    """Raise torch's `IndexError` for a dimension that is not there; 0-dim tensors are treated as 1-dim. Raises `TypeError` for what is no integer."""
    n = max(ndim, 1)
    try:
        inside = -n <= dim < n and type(dim) is not float
    except TypeError:
        inside = False
    if not inside:
        if isinstance(dim, (float, str, list, tuple)) or dim is None:
            raise TypeError(f"argument 'dim' must be int, not {type(dim).__name__}")
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")


def dim_of(dim, ndim) -> int:
    """One dimension, counted from the front."""
    check_dim(dim, ndim)
    return dim % max(ndim, 1)
