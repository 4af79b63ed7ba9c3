"""`import torch` without PyTorch: while the alias is installed, Python finds nbgrad under the name `torch`.

An import hook answers for `torch` and everything under it with nbgrad's own modules, never with copies, so `torch.Tensor is nbgrad.Tensor` and
a lesson runs as it stands. Called by users, by `%nbgrad_torch` and by tests. Knows nothing of tensors.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys

from .. import version

OURS = __name__.partition(".")[0]


def install_torch_alias() -> None:
    """Let `import torch`, `from torch import nn`, `import torch.nn.functional as F` and their like give nbgrad, in this process.

    While it is installed, `__version__` reads as the release of PyTorch that is followed. A second call changes nothing. Raises `RuntimeError`
    where PyTorch itself is loaded already.
    """
    loaded = sys.modules.get("torch")
    if loaded is not None and not _is_ours(loaded):
        raise RuntimeError(
            f"PyTorch {getattr(loaded, '__version__', '')} is already loaded here, so the name `torch` is taken. Restart the kernel and call "
            "install_torch_alias() before anything imports torch, or write `import nbgrad as torch`."
        )
    if not torch_alias_installed():
        sys.modules.pop("torch", None)
        sys.meta_path.insert(0, _FINDER)
        sys.modules[OURS].__version__ = version.__version__


def uninstall_torch_alias() -> None:
    """Give the name `torch` back: later imports find PyTorch, if it is there. Modules already imported stay as they are."""
    if torch_alias_installed():
        sys.meta_path.remove(_FINDER)
        sys.modules[OURS].__version__ = version.NBGRAD
    for name in [n for n, m in sys.modules.items() if n.partition(".")[0] == "torch" and _is_ours(m)]:
        del sys.modules[name]


def torch_alias_installed() -> bool:
    """Whether `import torch` gives nbgrad now."""
    return _FINDER in sys.meta_path


def missing(path: str, known=()) -> str:
    """One line that says what is not there yet, with the names closest to it."""
    import difflib  # only here: it costs more than the rest of this file

    parent, _, name = path.rpartition(".")
    near = difflib.get_close_matches(name, [n for n in known if not n.startswith("_")], n=3, cutoff=0.7)
    hint = f"; closest: {', '.join(f'{parent}.{n}' for n in near)}" if near else ""
    return f"nbgrad has no {path} yet{hint}"


def _is_ours(module) -> bool:
    return getattr(module, "__name__", "").partition(".")[0] == OURS


class _Finder:
    """Answers for `torch` and what is under it, and says in one line what nbgrad does not have."""

    def find_spec(self, fullname, path=None, target=None):
        first, dot, rest = fullname.partition(".")
        if first == OURS and rest:
            _refuse_unknown(rest, path)  # `from torch import x` asks for nbgrad.x, and Python's own words for a failure name a path
        if first != "torch":
            return None
        real = f"{OURS}{dot}{rest}"
        found = importlib.util.find_spec(real)
        package = found.submodule_search_locations is not None
        return importlib.machinery.ModuleSpec(fullname, _Loader(real), origin=found.origin, is_package=package)


def _refuse_unknown(rest, path):
    if importlib.machinery.PathFinder.find_spec(f"{OURS}.{rest}", path) is None:
        parent = sys.modules[f"{OURS}.{rest}".rpartition(".")[0]]
        raise ModuleNotFoundError(missing(f"torch.{rest}", dir(parent)), name=f"torch.{rest}")


class _Loader:
    """Gives the module that exists already, or is imported now, under its real name."""

    def __init__(self, real):
        self._real = real

    def create_module(self, spec):
        module = importlib.import_module(self._real)
        self._kept = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self._kept  # Python has just put the alias's there, which would break nbgrad's own relative imports


_FINDER = _Finder()
