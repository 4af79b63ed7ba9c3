"""`Module`: what a network and its layers have in common.

A module keeps parameters, buffers and modules that are assigned to its attributes, in three dictionaries, and finds them for who asks: by walking
(`named_parameters` and its like), by saving and loading (`state_dict`), by changing all of them (`to`, `requires_grad_`). Called, it runs its
hooks and `forward`.
"""

from __future__ import annotations

import sys
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

from ..._engine.dtypes import dtype as dtype_type
from ..._engine.dtypes import device as device_type
from ..._engine.dtypes import double, float16, float32
from ..._engine.hooks import RemovableHandle
from ..._engine.modes import no_grad, place_of_caller, state
from ..._engine.tensor import Tensor
from ..parameter import Buffer, Parameter

_PACKAGE = __name__.partition(".")[0] + "."


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ("missing_keys", "unexpected_keys"))):
    """What `load_state_dict` gives."""

    __slots__ = ()

    def __repr__(self):
        return super().__repr__() if self.missing_keys or self.unexpected_keys else "<All keys matched successfully>"

    __str__ = __repr__


def type_name(x):
    """How PyTorch's messages name the type of a thing."""
    return f"torch.{x.dtype.tensor_name}Tensor" if isinstance(x, Tensor) else type(x).__name__


class Module:
    """The base of all networks and layers: subclasses call `super().__init__()`, assign what they keep, and define `forward`."""

    training: bool
    _version = 1

    def __init__(self):
        put = super().__setattr__
        put("training", True)
        put("_parameters", {})
        put("_buffers", {})
        put("_non_persistent_buffers_set", set())
        put("_forward_hooks", OrderedDict())
        put("_forward_hooks_with_kwargs", OrderedDict())
        put("_forward_hooks_always_called", OrderedDict())
        put("_forward_pre_hooks", OrderedDict())
        put("_forward_pre_hooks_with_kwargs", OrderedDict())
        put("_modules", {})

    # ---- keeping what is assigned

    def register_parameter(self, name: str, param) -> None:
        """Keep a parameter, or None, under a name."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters, 'parameter name can\'t contain "."')
        if param is None:
            self._parameters[name] = None
            return
        if not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{type_name(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)")
        if param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To express '{name}' as a "
                "function of another Tensor, compute the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor, persistent: bool = True) -> None:
        """Keep a tensor that is not learned, or None, under a name; it is part of the `state_dict` if `persistent`."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers, 'buffer name can\'t contain "."')
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{type_name(tensor)}' object to buffer '{name}' (torch Tensor or None required)")
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module) -> None:
        """Keep a module, or None, under a name."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name("module", name, self._modules, f'module name can\'t contain ".", got: {name}')
        self._modules[name] = module

    def register_module(self, name: str, module) -> None:
        """Keep a module, or None, under a name."""
        self.add_module(name, module)

    def _check_name(self, what, name, among, with_dot):
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {type(name).__name__}")
        if hasattr(self, name) and name not in among:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(with_dot)
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')

    def __getattr__(self, name):
        for kept in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(kept)
            if found is not None and name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        kept = self.__dict__
        parameters, modules, buffers = kept.get("_parameters"), kept.get("_modules"), kept.get("_buffers")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, parameters)
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(f"cannot assign '{type_name(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)")
            parameters[name] = None
        elif isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, modules)
            modules[name] = value
        elif modules is not None and name in modules:
            if value is not None:
                raise TypeError(f"cannot assign '{type_name(value)}' as child module '{name}' (torch.nn.Module or None expected)")
            modules[name] = None
        elif isinstance(value, Buffer):
            if buffers is None:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            self._forget(name, buffers)
            self.register_buffer(name, value, value.persistent)
        elif buffers is not None and name in buffers:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"cannot assign '{type_name(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)")
            buffers[name] = value
        else:
            super().__setattr__(name, value)

    def _forget(self, name, successor):
        """Drop what was kept under a name, because something of another kind takes its place, which will stand in `successor`."""
        for kept in (self.__dict__, self._parameters, self._buffers, self._modules):
            if kept is not successor:
                kept.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name):
        for kept in (self._parameters, self._buffers, self._modules):
            if name in kept:
                del kept[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self):
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted({n for n in names if not n[0].isdigit()})

    # ---- finding what is kept

    def named_modules(self, memo=None, prefix: str = "", remove_duplicate: bool = True):
        """Go through this module and all below it, each with its dotted name; those that are met again only if `remove_duplicate` is False."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self):
        """Go through this module and all below it."""
        return (module for _, module in self.named_modules())

    def named_children(self):
        """Go through the modules kept here, with their names."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """Go through the modules kept here."""
        return (module for _, module in self.named_children())

    def _named(self, members_of, prefix, recurse, remove_duplicate):
        seen = set()
        for path, module in self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]:
            for name, member in members_of(module).items():
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield f"{path}.{name}" if path else name, member

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True):
        """Go through the parameters here and, if `recurse`, in all modules below, with their dotted names."""
        return self._named(lambda module: module._parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True):
        """Go through the parameters here and, if `recurse`, in all modules below."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True):
        """Go through the buffers here and, if `recurse`, in all modules below, with their dotted names."""
        return self._named(lambda module: module._buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True):
        """Go through the buffers here and, if `recurse`, in all modules below."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name. Raises `AttributeError` where there is none."""
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def _get_member(self, target, is_right, what):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if not is_right(module, name):
            raise AttributeError(f"`{name}` is not {what}")
        return getattr(module, name)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a dotted name. Raises `AttributeError` where there is none."""
        return self._get_member(target, lambda module, name: isinstance(getattr(module, name), Parameter), "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a dotted name. Raises `AttributeError` where there is none."""
        return self._get_member(target, lambda module, name: name in module._buffers, "a buffer")

    # ---- changing all of it

    def apply(self, fn) -> Module:
        """Call `fn` with every module below, then with this one; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Module:
        """Put this module and all below it in training mode, or with False in evaluation mode; returns the module."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Module:
        """Put this module and all below it in evaluation mode; returns the module."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Ask for gradients of all parameters, or no longer; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or with `set_to_none=False` fill them with zeros."""
        for parameter in self.parameters():
            grad = parameter._grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def _apply(self, fn):
        """Replace the memory of all parameters, their gradients and all buffers by what `fn` gives for them; returns the module."""
        for module in self.children():
            module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is not None:
                with no_grad():
                    parameter.data = fn(parameter)
                    if parameter._grad is not None:
                        parameter._grad.data = fn(parameter._grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, device=None, dtype=None, non_blocking=False) -> Module:
        """Convert all floating point parameters and buffers to a type, in place; returns the module. The only device is the CPU."""
        for a in args:
            if isinstance(a, dtype_type):
                dtype = a
            elif isinstance(a, Tensor):
                dtype = a.dtype
            elif isinstance(a, (str, device_type)):
                device = a
        if device is not None:
            device_type(device)
        if dtype is None:
            return self
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() or t.is_complex() else t)

    def type(self, dst_type) -> Module:
        """Convert all parameters and buffers to a type, in place; returns the module."""
        return self._apply(lambda t: t.to(dst_type))

    def _convert(self, dtype):
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self) -> Module:
        """Convert all floating point parameters and buffers to float32, in place; returns the module."""
        return self._convert(float32)

    def double(self) -> Module:
        """Convert all floating point parameters and buffers to float64, in place; returns the module."""
        return self._convert(double)

    def half(self) -> Module:
        """Convert all floating point parameters and buffers to float16, in place; returns the module."""
        return self._convert(float16)

    def cpu(self) -> Module:
        """The module, which lives on the CPU already."""
        return self

    # ---- calling it

    def register_forward_pre_hook(self, hook, *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; what it returns, if not None, replaces the arguments.

        With `with_kwargs` it is called with the keyword arguments too, and returns both or None. Returns a handle with `remove()`.
        """
        return _add_hook(hook, self._forward_pre_hooks, prepend, [self._forward_pre_hooks_with_kwargs] * with_kwargs)

    def register_forward_hook(self, hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; what it returns, if not None, replaces the output.

        With `with_kwargs` it is called with `(module, args, kwargs, output)`; with `always_call` also after an error. Returns a handle.
        """
        marks = [self._forward_hooks_with_kwargs] * with_kwargs + [self._forward_hooks_always_called] * always_call
        return _add_hook(hook, self._forward_hooks, prepend, marks)

    def forward(self, *args, **kwargs):
        """What the module computes; subclasses define it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args, **kwargs):
        mode = state.mode
        place, observer = mode.place, mode.observer
        if not (getattr(type(self).forward, "__module__", None) or "").startswith(_PACKAGE):
            mode.place = None  # the operators in it stand in the user's own lines
        elif place is None:
            frame = sys._getframe(1)
            mode.place = (frame.f_code, frame.f_lasti)
        if observer is not None:
            observer.enter("module", type(self).__name__, mode.place or place_of_caller(1), self)
        try:
            if self._forward_pre_hooks or self._forward_hooks:
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        finally:
            if observer is not None:
                observer.exit()
            mode.place = place

    def _call_with_hooks(self, args, kwargs):
        result, called = None, set()
        try:
            for key, hook in tuple(self._forward_pre_hooks.items()):
                args, kwargs = self._after_pre_hook(key, hook, args, kwargs)
            result = self.forward(*args, **kwargs)
            for key, hook in tuple(self._forward_hooks.items()):
                called.add(key)
                result = self._after_hook(key, hook, args, kwargs, result)
            return result
        except Exception:
            for key, hook in tuple(self._forward_hooks.items()):
                if key in self._forward_hooks_always_called and key not in called:
                    try:
                        result = self._after_hook(key, hook, args, kwargs, result)
                    except Exception as error:
                        warnings.warn(
                            "module forward hook with ``always_call=True`` raised an exception that was silenced as another error was raised in "
                            f"forward: {error}",
                            stacklevel=3,
                        )
            raise

    def _after_pre_hook(self, key, hook, args, kwargs):
        if key in self._forward_pre_hooks_with_kwargs:
            found = hook(self, args, kwargs)
            if found is None:
                return args, kwargs
            if not (isinstance(found, tuple) and len(found) == 2):
                raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {found}.")
            return found
        found = hook(self, args)
        return (args if found is None else found if isinstance(found, tuple) else (found,)), kwargs

    def _after_hook(self, key, hook, args, kwargs, result):
        found = hook(self, args, kwargs, result) if key in self._forward_hooks_with_kwargs else hook(self, args, result)
        return result if found is None else found

    # ---- saving and loading

    def state_dict(self, *, destination=None, prefix: str = "", keep_vars: bool = False):
        """An ordered dictionary of all parameters and persistent buffers by their dotted names, detached unless `keep_vars`."""
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = {"version": self._version}
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Put what this module itself keeps into a dictionary."""
        for name, tensor in self._saved():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()

    def _saved(self):
        """The names and tensors of this module itself that are saved."""
        buffers = {name: b for name, b in self._buffers.items() if name not in self._non_persistent_buffers_set}
        return [(name, t) for name, t in {**self._parameters, **buffers}.items() if t is not None]

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """Copy the tensors of a dictionary, as `state_dict` gives it, into the parameters and buffers of the same names.

        With `assign` the tensors themselves take their place. Returns the names that were missing and those that were not expected; with
        `strict` either is an error. Raises `RuntimeError` that names everything that does not fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing, unexpected, errors = [], [], []
        metadata = getattr(state_dict, "_metadata", {})
        known = set()
        for path, module in self.named_modules(remove_duplicate=False):
            prefix = f"{path}." if path else ""
            known.update(prefix + name for name, _ in module._saved())
            module._assigning = assign
            try:
                module._load_from_state_dict(dict(state_dict), prefix, metadata.get(path, {}), strict, missing, unexpected, errors)
            finally:
                del module._assigning
        unexpected += [key for key in state_dict if key not in known and key not in unexpected]
        if strict:
            if unexpected:
                errors.insert(0, "Unexpected key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in unexpected)))
            if missing:
                errors.insert(0, "Missing key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in missing)))
        if errors:
            raise RuntimeError("Error(s) in loading state_dict for {}:\n\t{}".format(type(self).__name__, "\n\t".join(errors)))
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        """Take what this module itself keeps out of a dictionary, and list what does not fit."""
        for name, own in self._saved():
            key = prefix + name
            if key not in state_dict:
                missing_keys.append(key)
                continue
            given = state_dict[key]
            if not isinstance(given, Tensor):
                error_msgs.append(
                    f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint but received '
                    f"{type(given)}"
                )
            elif given.shape != own.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, the shape in current model is {own.shape}."
                )
            elif self._assigning:
                made = given if isinstance(given, Parameter) or not isinstance(own, Parameter) else Parameter(given, own.requires_grad)
                setattr(self, name, made)
            else:
                with no_grad():
                    own.copy_(given)

    # ---- what it looks like

    def extra_repr(self) -> str:
        """What stands between the brackets of the module's text; subclasses define it."""
        return ""

    def _get_name(self):
        return type(self).__name__

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        inner = "\n  ".join(lines + children)
        return f"{self._get_name()}(\n  {inner}\n)" if inner else f"{self._get_name()}()"


def _indented(text):
    """A module's text below its first line two places to the right."""
    return text.replace("\n", "\n  ")


def _add_hook(hook, hooks, prepend, marks):
    """Put a hook into a dictionary, and its key into those that say how it is called."""
    handle = RemovableHandle(hooks, extra_dict=marks)
    hooks[handle.id] = hook
    for mark in marks:
        mark[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle
