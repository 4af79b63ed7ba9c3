"""Modules as functions of their parameters: `functional_call`, and `stack_module_state` for ensembles under `vmap`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from .._engine.op import NAMES
from .._engine.tensor import Tensor
from ..nn.modules.module import Module

_MISSING = object()
_stack = NAMES["stack"]


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Call a module with tensors of a dictionary (or several) in the place of its parameters and buffers of the same dotted names.

    `args` is the tuple of its arguments, or the one argument. What a module keeps under several names is replaced under all of them, unless
    `tie_weights` is False. With `strict` the dictionary must name everything that the module keeps, and nothing else, or `RuntimeError` is raised. A buffer that
    the call assigns anew is put into the dictionary.
    """
    given = _joined(parameter_and_buffer_dicts)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _joined(dicts):
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}")
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    keys = [key for d in dicts for key in d]
    repeated = [key for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {key: value for d in dicts for key, value in d.items()}


@contextlib.contextmanager
def _replaced(module, given, tie_weights, strict):
    """Inside the block the module keeps other tensors."""
    whole = _with_tied(module, given) if tie_weights else given
    if strict:
        _check_names(module, whole)
    before = {}
    try:
        for name, tensor in whole.items():
            before[name] = _exchange(module, name, tensor)
        yield
    finally:
        after = {name: _exchange(module, name, tensor) for name, tensor in before.items()}
        given.update((name, after[name]) for name in given if name in after)


def _with_tied(module, given):
    """The dictionary with all names of each tensor of which it has one."""
    names = {}
    for kept in (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)):
        for name, tensor in kept:
            names.setdefault(tensor, set()).add(name)
    whole = dict(given)
    for tied in names.values():
        chosen = [given[name] for name in tied if name in given]
        if len(tied) < 2 or not chosen:
            continue
        if any(tensor is not chosen[0] for tensor in chosen) or len(chosen) not in (1, len(tied)):
            raise ValueError(f"functional_call got multiple values for keys {sorted(tied)}, which are tied. Consider using tie_weights=False")
        whole.update(dict.fromkeys(tied, chosen[0]))
    return whole


def _check_names(module, given):
    kept = {name for name, _ in module.named_parameters(remove_duplicate=False)} | {name for name, _ in module.named_buffers(remove_duplicate=False)}
    missing, unexpected = sorted(kept - set(given)), sorted(set(given) - kept)
    errors = []
    if unexpected:
        errors.append(f"Unexpected key(s): {', '.join(map(repr, unexpected))}.")
    if missing:
        errors.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
    if errors:
        raise RuntimeError("Error(s) in reparametrizing for {}:\n\t{}".format(type(module).__name__, "\n\t".join(errors)))


def _exchange(module, path, tensor):
    """Put a tensor (or nothing) where a dotted name leads, without the checks of assignment; gives what was there."""
    if tensor is not _MISSING and tensor is not None and not isinstance(tensor, Tensor):
        raise TypeError(f"{tensor} is not an instance of torch.Tensor")
    above, _, name = path.rpartition(".")
    holder = module.get_submodule(above)
    if not isinstance(holder, Module):
        raise TypeError(f"{holder} is not an instance of torch.nn.Module")
    for kept in (holder._parameters, holder._buffers):
        if name in kept:
            before = kept[name]
            if tensor is _MISSING:
                del kept[name]
            else:
                kept[name] = tensor
            return before
    before = getattr(holder, name, _MISSING)
    if before is not _MISSING and before is not None and not isinstance(before, Tensor):
        raise TypeError(f"attribute `{name}`: {before} is not an instance of torch.Tensor")
    if tensor is not _MISSING:
        setattr(holder, name, tensor)
    elif before is not _MISSING:
        delattr(holder, name)
    return before


def stack_module_state(models):
    """Stack the parameters, and the buffers, of several modules of one class: two dictionaries of new leaves by dotted names.

    Raises `RuntimeError` for no modules, or for modules that differ in class, mode, or in which parameters require gradients.
    """
    if len(models) == 0:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    return _stacked([dict(m.named_parameters()) for m in models]), _stacked([dict(m.named_buffers()) for m in models])


def _stacked(kept):
    out = {}
    for name in kept[0]:
        tensors = [one[name] for one in kept]
        wanted = {t.requires_grad for t in tensors}
        if len(wanted) > 1:
            raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
        out[name] = _stack(tensors)
        if True in wanted:
            out[name] = out[name].detach().requires_grad_()
    return out
