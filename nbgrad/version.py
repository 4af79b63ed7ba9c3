"""PyTorch's `torch.version`: the release of PyTorch whose behaviour nbgrad follows, marked as ours as PyTorch marks its own builds (`+cpu`)."""

NBGRAD = "0.1.0"

__version__ = f"2.13.0+nbgrad{NBGRAD}"
cuda = None
hip = None
xpu = None
debug = False
