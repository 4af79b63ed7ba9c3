"""Living beside other libraries: standing in for PyTorch under its own name."""

from .alias import install_torch_alias, torch_alias_installed, uninstall_torch_alias

__all__ = ["install_torch_alias", "torch_alias_installed", "uninstall_torch_alias"]
