"""An unrolled recurrent net of 500 steps."""

import torch

x, y = torch.randn(8, 4), torch.randn(8, 4)
wx, wh, wo = ((torch.randn(*s) * 0.3).requires_grad_() for s in [(4, 6), (6, 6), (6, 4)])
b = torch.zeros(6, requires_grad=True)
h = torch.zeros(8, 6)
for t in range(500):
    h = torch.tanh(x @ wx + h @ wh + b)
out = h @ wo
loss = ((out - y) ** 2).mean()
