"""Gradients you can see: PyTorch's autograd semantics in pure Python on NumPy."""
