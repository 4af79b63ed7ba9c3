"""A network of 200 neurons on single numbers."""

import random

import torch

random.seed(1)


class Neuron:
    def __init__(self, n):
        self.w = [torch.tensor(random.uniform(-1, 1), requires_grad=True) for _ in range(n)]
        self.b = torch.tensor(0.0, requires_grad=True)
    def __call__(self, x):
        act = self.b
        for wi, xi in zip(self.w, x):
            act = act + wi * xi
        return act.tanh()


class Layer:
    def __init__(self, n, m):
        self.neurons = [Neuron(n) for _ in range(m)]
    def __call__(self, x):
        return [n(x) for n in self.neurons]


class MLP:
    def __init__(self, sizes):
        self.layers = [Layer(a, b) for a, b in zip(sizes, sizes[1:])]
    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x[0]


net = MLP([3, 99, 100, 1])
loss = (net([torch.tensor(1.0), torch.tensor(-2.0), torch.tensor(0.5)]) - 1.0) ** 2
