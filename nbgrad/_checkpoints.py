"""PyTorch's file format: a zip archive with a pickle (`data.pkl`) and the memory of tensors, one record each (`data/0`, `data/1`, ...).

The pickle names each memory by a persistent id, so that tensors which share one share it again. Called by `serialization.py`. Whatever a file says is
checked before it is believed: sizes against what is there, strides against the memory they walk through.
"""

from __future__ import annotations

import collections
import functools
import io
import math
import os
import pickle
import struct
import sys
import zipfile

import numpy as np

from . import _unpickler
from ._engine import dtypes, errors
from ._engine.copying import memory_of, placed, state_of, warn_of_hooks
from ._engine.size import Size
from ._engine.tensor import Tensor, wrap
from ._unpickler import Allowed, Refused

_STORAGES = {
    "float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "int64": "LongStorage", "int32": "IntStorage",
    "int16": "ShortStorage", "int8": "CharStorage", "uint8": "ByteStorage", "bool": "BoolStorage", "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
}  # fmt: skip
_TYPE_OF_STORAGE = {name: dtypes._BY_NAME[kind] for kind, name in _STORAGES.items()} | {"BFloat16Storage": None}
_DAMAGED = (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OverflowError, struct.error)  # what zipfile says of archives that are none
_ALIGNMENT = 64
_VERSION = b"3\n"


# ---- writing


class _Named:
    """Something of PyTorch's that the pickle names and we need not have."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self):
        raise TypeError("this stands for a name only")


_named = functools.cache(_Named)


class _Memory:
    """The memory of tensors, as the pickle refers to it."""

    def __init__(self, key, flat, dtype):
        self.key, self.flat, self.dtype = key, flat, dtype

    @property
    def persistent_id(self):
        kind = _STORAGES.get(self.dtype.name)
        if kind is None:  # types that came after typed storages: the tensor says which, and the memory counts bytes
            return "storage", _named("torch.storage", "UntypedStorage"), self.key, "cpu", self.flat.nbytes
        return "storage", _named("torch", kind), self.key, "cpu", self.flat.nbytes // self.dtype.itemsize


class _Pickler(pickle._Pickler):  # the one written in Python: names of modules that are not here can be written by it alone
    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.memories = {}  # id of the array that owns it -> _Memory; and the owners, so that the ids stay theirs
        self.owners = []

    def persistent_id(self, obj):
        return obj.persistent_id if type(obj) is _Memory else None

    def reducer_override(self, obj):
        if isinstance(obj, Tensor):
            return self.reduce_tensor(obj)
        kind = type(obj)
        if kind is _Named:
            return obj.name
        if kind is Size:
            return _named("torch", "Size"), (tuple(obj),)
        if kind is dtypes.device:
            return _named("torch", "device"), (obj.type,) if obj.index is None else (obj.type, obj.index)
        if kind is dtypes.layout:
            return _named("torch.serialization", "_get_layout"), (repr(obj),)
        return NotImplemented

    def save(self, obj, save_persistent_id=True):
        super().save(_named("torch", obj.name) if type(obj) is dtypes.dtype else obj, save_persistent_id)

    def save_global(self, obj, name=None):
        if type(obj) is not _Named:
            return super().save_global(obj, name)
        self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        self.memoize(obj)

    def reduce_tensor(self, tensor):
        warn_of_hooks(tensor)
        array, dtype = tensor._array, tensor.dtype
        memory, offset, strides = self.memory(array, dtype)
        strides = tuple(s // array.itemsize for s in strides) if array.size else tensor.stride()
        args = (memory, offset // array.itemsize, array.shape, strides, bool(tensor._requires_grad), collections.OrderedDict())
        function = _named("torch._utils", "_rebuild_tensor_v2")
        if dtype.name not in _STORAGES:
            function, args = _named("torch._utils", "_rebuild_tensor_v3"), (*args, dtype)
        state = state_of(tensor)
        if _is_parameter(type(tensor)):
            args = (wrap(array), bool(tensor._requires_grad), collections.OrderedDict())
            return (_named("torch._utils", "_rebuild_parameter"), args) if not state else (
                _named("torch._utils", "_rebuild_parameter_with_state"), (*args, state))  # fmt: skip
        if type(tensor) is Tensor and not state:
            return function, args
        cls = _named("torch", "Tensor") if type(tensor) is Tensor else type(tensor)
        return _named("torch._tensor", "_rebuild_from_type_v2"), (function, cls, args, state)

    def memory(self, array, dtype):
        """The memory an array lies in, where in it (bytes), and by which strides (bytes)."""
        owner, flat, offset, strides = memory_of(array)
        known = self.memories.get(id(owner))
        if known is not None and known.dtype is not dtype:  # as a complex tensor and its real view: each is kept by itself
            owner = np.ascontiguousarray(array).reshape(array.shape)
            flat, offset, strides, known = owner.ravel(), 0, owner.strides, None
        if known is None:
            known = self.memories[id(owner)] = _Memory(str(len(self.memories)), flat, dtype)
            self.owners.append(owner)
        return known, offset, strides


def _parameter_class():
    """nbgrad.nn.Parameter, which stands on a higher floor, if there is one."""
    return getattr(sys.modules.get(f"{__package__}.nn"), "Parameter", None)


def _is_parameter(cls):
    return _parameter_class() is not None and cls is _parameter_class()


def write(obj, f, protocol):
    """Write an object to a path or an open file."""
    pickled = io.BytesIO()
    pickler = _Pickler(pickled, protocol)
    pickler.dump(obj)
    is_path = isinstance(f, (str, os.PathLike))
    root = os.path.splitext(os.path.basename(os.fspath(f)))[0] if is_path else "archive"
    with zipfile.ZipFile(f, "w", zipfile.ZIP_STORED) as archive:
        _put(archive, f"{root}/data.pkl", pickled.getbuffer())
        _put(archive, f"{root}/byteorder", sys.byteorder.encode())
        for memory in pickler.memories.values():
            _put(archive, f"{root}/data/{memory.key}", memory.flat.view(np.uint8).data if memory.flat.size else b"")
        _put(archive, f"{root}/version", _VERSION)


def _put(archive, name, data):
    """Add a record whose data begins at a multiple of 64 bytes, so that PyTorch can map it into memory."""
    info = zipfile.ZipInfo(name)
    start = archive.fp.tell() + 30 + len(name.encode())
    padding = -(start + 4) % _ALIGNMENT
    info.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
    archive.writestr(info, data)


# ---- reading


def read(file, map_location, weights_only, options):
    """Read an object from an open file."""
    start = file.tell()
    magic = file.read(4)
    file.seek(start)
    if not magic:
        raise EOFError("Ran out of input: the file is empty")
    if magic[:2] != b"PK":
        raise pickle.UnpicklingError(
            "Weights only load failed: this is no zip archive, as torch.save has written since PyTorch 1.6. A file in the older format can be "
            "loaded in PyTorch and saved again."
        )
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise RuntimeError(
            f"PytorchStreamReader failed reading zip archive: failed finding central directory ({error}). The file is corrupted: it was not saved or "
            "transferred to its end, or has been changed since."
        ) from None
    with archive:
        reader = _Reader(archive, map_location, weights_only)
        return reader.weights() if weights_only else _Trusting(reader, options).load()


class _Reader:
    """One archive being read: its records, its memories, and what its pickle's names stand for."""

    def __init__(self, archive, map_location, weights_only):
        self.archive, self.map_location = archive, map_location
        names = archive.namelist()
        self.root = next((n.partition("/")[0] for n in names if n.endswith("/data.pkl") and n.count("/") == 1), None)
        if self.root is None:
            raise RuntimeError("PytorchStreamReader failed locating file data.pkl: file not found; torch.save has not written this archive")
        self._check_records(archive, names)
        self.memories = {}
        order = self.record("byteorder") if f"{self.root}/byteorder" in names else b"little"
        self.swap = order.strip().decode("ascii", "replace") != sys.byteorder

    @staticmethod
    def _check_records(archive, names):
        """Refuse archives that would unpack to more than they are, which PyTorch never writes."""
        if len(set(names)) != len(names):
            raise RuntimeError("the archive holds two records of one name")
        records = archive.infolist()
        if any(r.compress_type != zipfile.ZIP_STORED for r in records):
            raise RuntimeError(
                "the archive holds compressed records, which torch.save does not write and which could unpack to any size; unpack the archive and "
                "pack it without compression if you trust it"
            )
        archive.fp.seek(0, os.SEEK_END)
        if sum(r.file_size for r in records) > archive.fp.tell():
            raise RuntimeError("the records of the archive are larger than the archive: it is corrupted")

    def record(self, name):
        try:
            return self.archive.read(f"{self.root}/{name}")
        except KeyError:
            raise RuntimeError(f"PytorchStreamReader failed locating file {name}: file not found") from None
        except _DAMAGED as error:
            raise RuntimeError(f"PytorchStreamReader failed reading file {name}: {error}. The file is corrupted.") from None

    def weights(self):
        try:
            return _unpickler.loads(self.record("data.pkl"), self.find, self.memory, self.build)
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(
                "Weights only load failed. load() reads tensors, containers and plain data and executes nothing. Re-running it with `weights_only` "
                "set to `False` will likely succeed, but can result in arbitrary code execution: do it only if you got the file from a trusted source.\n"
                f"WeightsUnpickler error: {error}"
            ) from None

    def find(self, module, name):
        """What a name in the pickle stands for. Raises `Refused` for everything that is not known to be harmless."""
        module = {"__builtin__": "builtins"}.get(module, module)
        full = f"{module}.{name}"
        found = _unpickler.PLAIN.get(full) or _TORCH.get(full)
        if found is not None:
            return Allowed(found)
        if module == "torch" and name in _TYPE_OF_STORAGE or full == "torch.storage.UntypedStorage":
            return _Named(module, name)
        if module == "torch" and name in dtypes._BY_NAME:
            return dtypes._BY_NAME[name]
        if full in ("torch.Tensor", "torch._tensor.Tensor"):
            return Tensor
        trusted = _trusted().get(full)
        if trusted is not None:
            return Allowed(trusted)
        shown = full.removeprefix("builtins.")
        raise Refused(
            f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use `torch.serialization.add_safe_globals([{shown}])` or "
            f"the `torch.serialization.safe_globals([{shown}])` context manager to allowlist this global if you trust this class/function."
        )

    def memory(self, id):
        """The memory that a persistent id names, as an array of its elements."""
        kind, storage, key, location, count = id
        if kind != "storage" or type(storage) is not _Named or type(key) is not str or type(location) is not str:
            raise pickle.UnpicklingError(f"unknown kind of persistent id: {id!r:.80}")
        if key not in self.memories:
            dtype = _TYPE_OF_STORAGE.get(storage.name, dtypes.uint8)
            if dtype is None:
                raise errors.unsupported("bfloat16", "convert the tensors to float32 in PyTorch and save them again")
            data = self.record(f"data/{key}")
            if type(count) is not int or len(data) != count * dtype.itemsize:
                raise RuntimeError(f"the record data/{key} holds {len(data)} bytes, not the {count} elements of {dtype} that the file promises")
            memory = np.frombuffer(bytearray(data), dtype.numpy)
            if self.swap:
                if storage.name == "UntypedStorage":
                    raise errors.unsupported("memory without a type in the other byte order", "save the file on a machine of this one's")
                memory = memory.byteswap()
            self.memories[key] = self.here(memory, location)
        return self.memories[key]

    def here(self, memory, location):
        """The memory on the CPU, as `map_location` has it."""
        where = self.map_location
        if callable(where):
            moved = where(memory, location)
            if moved is not None:
                return moved
            where = None
        if isinstance(where, dict):
            where = where.get(location)
        where = location if where is None else str(where)
        if where.partition(":")[0] == "cuda":
            raise RuntimeError(
                "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a CPU-only machine, "
                "please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
            )
        if where.partition(":")[0] != "cpu":
            raise RuntimeError(f"don't know how to restore data location of storage (tagged with {where}); use map_location='cpu'")
        return memory

    @staticmethod
    def build(obj, state):
        """Set the state of an object that the pickle made: attributes of an OrderedDict, or what a trusted class makes of it."""
        if type(obj) is collections.OrderedDict:
            if not isinstance(state, dict) or any(type(k) is not str or hasattr(obj, k) for k in state):
                raise Refused("Can only set new attributes of an OrderedDict")
            obj.__dict__.update(state)
        elif type(obj) in _trusted().values():
            if hasattr(obj, "__setstate__"):
                obj.__setstate__(state)
            else:
                obj.__dict__.update(state)
        else:
            raise Refused(f"Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got {type(obj).__name__}")
        return obj


def _trusted():
    """What users trust, by full name."""
    from .serialization import get_safe_globals

    pairs = (one if isinstance(one, tuple) else (one, f"{one.__module__}.{one.__qualname__}") for one in get_safe_globals())
    return {name: one for one, name in pairs}


class _Trusting(pickle.Unpickler):
    """Reads everything; names of PyTorch's mean ours."""

    def __init__(self, reader, options):
        super().__init__(io.BytesIO(reader.record("data.pkl")), **options)
        self.reader = reader

    def persistent_load(self, id):
        return self.reader.memory(id)

    def find_class(self, module, name):
        if module.partition(".")[0] == "torch":
            try:
                found = self.reader.find(module, name)
                return found.function if type(found) is Allowed else found
            except Refused:
                module = __package__ + module.removeprefix("torch")
        return super().find_class(module, name)


# ---- what PyTorch's pickles call


def _rebuild_tensor(memory, offset, size, stride, requires_grad=False, hooks=None, metadata=None):
    return _tensor_in(memory, memory.dtype, offset, size, stride, requires_grad, metadata)


def _rebuild_tensor_of_type(memory, offset, size, stride, requires_grad, hooks, dtype, metadata=None):
    return _tensor_in(memory, dtype.numpy, offset, size, stride, requires_grad, metadata)


def _tensor_in(memory, kind, offset, size, stride, requires_grad, metadata):
    numbers = (offset, *size, *stride)
    if not isinstance(memory, np.ndarray) or len(size) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
        raise RuntimeError(f"a tensor of size {size!r:.80} with strides {stride!r:.80} from element {offset!r:.80} on cannot be")
    if math.prod(size) * kind.itemsize > 2**62:
        raise RuntimeError(f"a tensor of size {size!r:.80} is too large")
    for name, change in (("conj", np.conj), ("neg", np.negative)):
        if metadata and metadata.get(name):
            memory = change(memory)
    try:
        array = placed(memory, offset * kind.itemsize, kind, tuple(size), tuple(s * kind.itemsize for s in stride), 0 not in stride)
    except ValueError as error:
        raise RuntimeError(f"a tensor of size {size!r:.80} with strides {stride!r:.80} reaches beyond its memory: {error}") from None
    out = wrap(array)
    return out.requires_grad_(True) if requires_grad else out


def _rebuild_parameter(data, requires_grad, hooks, state=None):
    if not isinstance(data, Tensor):
        raise TypeError("a parameter is made of a tensor")
    cls = _parameter_class()
    out = data.detach().requires_grad_(bool(requires_grad)) if cls is None else cls(data, bool(requires_grad))
    return _with_state(out, state)


def _rebuild_from_type(function, cls, args, state):
    """A tensor with attributes of its user's."""
    function = function.function if type(function) is Allowed else function
    cls = cls.function if type(cls) is Allowed else cls
    if function not in (_rebuild_tensor, _rebuild_tensor_of_type) or not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise Refused("Only tensors are rebuilt with attributes")
    out = function(*args)
    if cls is not Tensor:
        requires_grad = out._requires_grad
        out = wrap(out._array, cls)
        out._requires_grad = requires_grad
    return _with_state(out, state)


def _with_state(tensor, state):
    for part in state if isinstance(state, tuple) else (state,):
        for key, value in (part or {}).items():
            if type(key) is not str or hasattr(tensor, key):
                raise Refused(f"a tensor cannot be given an attribute {key!r:.80}")
            tensor.__dict__[key] = value
    return tensor


def _size(*args):
    return Size(*args)


def _layout(name):
    if name != "torch.strided":
        raise errors.unsupported(f"the layout {name}", "tensors are strided")
    return dtypes.strided


_TORCH = {
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_of_type,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch.Size": _size,
    "torch.device": dtypes.device,
    "torch.serialization._get_layout": _layout,
}
