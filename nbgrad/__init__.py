"""Gradients you can see: PyTorch's autograd semantics in pure Python on NumPy.

`import nbgrad as torch` makes this package's names torch's names: whatever is public here is what PyTorch calls so, or one of ours (`graph`,
`notebook`, `install_torch_alias`).
"""

from . import _faces, _ops
from ._engine.dtypes import (
    bool_ as bool,  # noqa: A004  (torch's name)
    cdouble, cfloat, complex64, complex128, contiguous_format, device, double, dtype, finfo, float16, float32, float64, get_default_dtype,
    half, iinfo, int8, int16, int32, int64, layout, long, memory_format, preserve_format, promote_types, set_default_dtype, short, strided,
    uint8, uint16, uint32, uint64,
)  # fmt: skip
from ._engine.inference import inference_mode, is_inference, is_inference_mode_enabled
from ._engine.modes import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from ._engine.op import NAMES as _NAMES
from ._engine.publish import settle as _settle
from ._engine.size import Size
from ._engine.tensor import Tensor
from ._printing import set_printoptions

_settle("nbgrad", Size, Tensor, device, dtype, finfo, iinfo, layout, memory_format)
float = float32  # noqa: A001  (torch's name)
int = int32  # noqa: A001
globals().update({name: function for name, function in _NAMES.items() if "." not in name})

from . import autograd, fft, func, linalg, masked, nn, random, serialization, signal, special, utils, version  # noqa: E402  (they take from the registry)
from .autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled, set_anomaly_enabled  # noqa: E402
from .random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state  # noqa: E402
from .serialization import load, save  # noqa: E402
from .func import vmap  # noqa: E402
from .interop import install_torch_alias, uninstall_torch_alias  # noqa: E402

__version__ = version.NBGRAD


def __getattr__(name):
    if name in ("graph", "notebook"):  # heavier, and needed only by who looks at graphs
        import importlib

        return importlib.import_module(f".{name}", __name__)
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .interop.alias import missing

    raise AttributeError(missing(f"torch.{name}", globals()))


def load_ipython_extension(ipython):
    """What `%load_ext nbgrad` runs."""
    from .notebook.magic import load

    load(ipython)


def unload_ipython_extension(ipython):
    """What `%unload_ext nbgrad` runs."""
    from .notebook.magic import unload

    unload(ipython)
