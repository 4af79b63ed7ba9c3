"""Every operator of the registry, held against PyTorch and against finite differences."""
