"""A transformer block written with functions."""

import torch
import torch.nn.functional as F


def attention(x, wq, wk, wv, wo, heads):
    n, d = x.shape
    split = lambda t: t.view(n, heads, d // heads).transpose(0, 1)
    q, k, v = split(x @ wq), split(x @ wk), split(x @ wv)
    scores = q @ k.transpose(1, 2) / (d // heads) ** 0.5
    weights = F.softmax(scores, dim=-1)
    mixed = (weights @ v).transpose(0, 1).reshape(n, d)
    return mixed @ wo


def feed_forward(x, w1, b1, w2, b2):
    return F.gelu(x @ w1 + b1) @ w2 + b2


d = 16
x = torch.randn(10, d)
p = lambda *s: (torch.randn(*s) * 0.2).requires_grad_()
wq, wk, wv, wo = p(d, d), p(d, d), p(d, d), p(d, d)
w1, b1, w2, b2 = p(d, 4 * d), p(4 * d), p(4 * d, d), p(d)
g1, g2 = torch.ones(d, requires_grad=True), torch.ones(d, requires_grad=True)
h = x + attention(F.layer_norm(x, (d,), g1), wq, wk, wv, wo, heads=4)
out = h + feed_forward(F.layer_norm(h, (d,), g2), w1, b1, w2, b2)
loss = out.square().mean()
