"""Random small programs, run on nbgrad and on real torch side by side: the same values, types, flags, gradients and kinds of error after every line.

What nbgrad does not support must say so; a program ends there. Seeds are fixed: a failure names its seed and prints its lines.
"""

import random
import warnings

import numpy as np
import pytest

import nbgrad

oracle = pytest.importorskip("torch")

PROGRAMS, LINES = 1500, 14
SHAPES = [(), (1,), (3,), (2, 3), (2, 1), (1, 3), (3, 2), (0,), (2, 0)]
TYPES = ["float32"] * 5 + ["float64"] * 2 + ["float16", "int64", "int32", "bool"]
SCALARS = ["2", "0.5", "-1.5", "3", "True", "0", "1", "-1", "2.0"]
INDICES = [
    "0", "-1", "...", "None", "slice(0, 1)", "slice(None, None, 2)", "[0]", "[0, 0]", "(0, 0)", "(slice(None), 0)", "(..., 0)",
    "torch.tensor([0, 0])", "(None, 0)", "torch.tensor([True, False])", "()", "slice(1, 1)",
]  # fmt: skip
UNARY = [
    "exp", "sin", "tanh", "sigmoid", "relu", "abs", "neg", "clone", "detach", "contiguous", "square", "floor", "float", "double", "sum", "mean",
    "flatten", "squeeze", "isnan",
]  # fmt: skip
METHODS = [
    "sum(0)", "sum(-1, keepdim=True)", "mean(0)", "unsqueeze(0)", "reshape(-1)", "view(-1)", "transpose(0, -1)", "expand(2, -1)", "permute(1, 0)",
    "max()", "max(-1)[0]", "prod()", "cumsum(0)", "narrow(0, 0, 1)", "softmax(-1)", "clamp(-1, 1)", "masked_fill(torch.tensor(True), 2.0)",
    "to(torch.float64)", "half()", "long()", "bool()", "unbind()[0]", "chunk(2)[0]", "T", "data",
]  # fmt: skip
TWO = [
    "torch.cat([{}, {}])", "torch.matmul({}, {})", "torch.where({} > 0, {}, 0.5)", "torch.maximum({}, {})",
    "torch.outer({}, {})", "torch.nn.functional.mse_loss({}, {})", "torch.add({}, {}, alpha=2)", "torch.add({}, {}, out=torch.empty(0))",
    "torch.broadcast_tensors({}, {})[0]", "torch.zeros_like({})",
]  # fmt: skip
IN_PLACE = ["add_", "mul_", "sub_", "div_", "copy_", "fill_", "clamp_", "pow_"]
IN_PLACE_ALONE = ["exp_", "zero_", "sin_", "relu_", "sigmoid_", "neg_", "requires_grad_", "detach_"]


class Writer:
    """Writes one program."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0
        self.lines = []

    def program(self):
        for _ in range(self.random.randint(2, 4)):
            self.tensor()
        for _ in range(LINES):
            write = self.random.choices(
                [self.operator, self.unary, self.method, self.index, self.two, self.change, self.change_alone, self.assign, self.backward,
                 self.gradient, self.of_grad, self.memory],
                [25, 12, 9, 6, 6, 12, 5, 6, 5, 3, 3, 3],
            )[0]  # fmt: skip
            line = write()
            self.lines.append(f"with torch.no_grad(): {line}" if self.random.random() < 0.12 else line)
        self.lines.append(self.backward())
        return self.lines

    def new(self, expression):
        self.count += 1
        return f"v.append({expression})"

    def pick(self, options):
        return self.random.choice(options)

    def v(self):
        return f"v[{self.random.randrange(self.count)}]"

    def operand(self):
        return self.v() if self.random.random() < 0.6 else self.pick(SCALARS)

    def tensor(self):
        kind = self.pick(TYPES)
        grad = kind.startswith("float") and self.random.random() < 0.75
        data = f"numbers({self.random.randrange(1000)}, {self.pick(SHAPES)}, {kind!r})"
        self.lines.append(self.new(f"torch.tensor({data}, requires_grad={grad})"))

    def operator(self):
        sign = self.pick(["+", "-", "*", "/", "*", "+", "**"])
        return self.new(f"{self.v()} {sign} {self.operand()}" if self.random.random() < 0.85 else f"{self.pick(SCALARS)} {sign} {self.v()}")

    def unary(self):
        return self.new(f"{self.v()}.{self.pick(UNARY)}()")

    def method(self):
        return self.new(f"{self.v()}.{self.pick(METHODS)}")

    def index(self):
        return self.new(f"{self.v()}[{self.pick(INDICES)}]")

    def two(self):
        form = self.pick(TWO)
        return self.new(form.format(*(self.v() for _ in range(form.count("{}")))))

    def change(self):
        return f"{self.v()}.{self.pick(IN_PLACE)}({self.operand()})"

    def change_alone(self):
        return f"{self.v()}.{self.pick(IN_PLACE_ALONE)}()"

    def assign(self):
        return f"{self.v()}[{self.pick(INDICES)}] = {self.operand()}"

    def backward(self):
        options = self.pick(["", "retain_graph=True", "create_graph=True", f"inputs=[{self.v()}, {self.v()}], retain_graph=True"])
        return f"{self.v()}.sum().backward({options})"

    def gradient(self):
        options = f"allow_unused=True, create_graph={self.random.random() < 0.6}, retain_graph=True"
        return self.new(f"torch.autograd.grad({self.v()}.sum(), [{self.v()}, {self.v()}], {options})[{self.random.randrange(2)}] * 1")

    def of_grad(self):
        return self.pick([f"{self.v()}.retain_grad()", f"{self.v()}.grad.{self.pick(['zero_()', 'mul_(2)'])}", f"{self.v()}.grad = None"])

    def memory(self):
        return self.pick([f"{self.v()}.numpy()[...] = 2", f"{self.v()}.data.mul_(2)", self.new(f"torch.from_numpy({self.v()}.detach().numpy())")])


def numbers(seed, shape, kind):
    """Few different numbers, so that ties, zeros and equal elements occur."""
    return (np.round(np.random.default_rng(seed).uniform(-2, 2, shape) * 4) / 4).astype(kind)


def run(torch, variables, line):
    """Run one line; gives its error, and takes back what it had appended."""
    before = len(variables)
    try:
        exec(line, {"torch": torch, "v": variables, "numbers": numbers})
    except Exception as error:
        del variables[before:]
        return error


# `stack` is left out: torch gives the gradients of 0-dim tensors that were stacked one memory, so that changing one in place changes the other.
# Torch has no kernel for some types, runs the node of a non-leaf given as `inputs=` once too often, checks some things more strictly than arithmetic needs, and computes some things on half precision that it
# then cannot differentiate
STRICTER = (
    "Half", "not implemented for", "aten::", "Subtraction", "Integers to negative", "some elements of the input tensor",
    "single memory location", "view size is not", "no_grad mode", "detached in-place", "output 0 of Pow", "INTERNAL ASSERT",
)  # fmt: skip
ALSO_OURS = ("nbgrad does not support", "single memory location", "_kernel_impl", "Integers to negative")


def told_apart(ours, theirs, line):
    """Why a program ends here, or None if it goes on; fails where the two differ."""
    if ours is not None and any(s in str(ours) for s in ALSO_OURS):
        return "not supported"
    if theirs is not None and (any(s in str(theirs) for s in STRICTER) or "inputs=" in line and ours is None):
        return "torch refuses"
    assert type(ours) is type(theirs), f"{line}: nbgrad {ours!r}, torch {theirs!r}"
    return None


def same_numbers(ours, theirs):
    assert str(ours.dtype) == str(theirs.dtype)
    loose = ours.dtype == np.float16
    np.testing.assert_allclose(
        ours.astype(np.float64), theirs.astype(np.float64), rtol=2e-2 if loose else 2e-4, atol=2e-2 if loose else 2e-4, equal_nan=True
    )


def check(ours, theirs):
    assert tuple(ours.shape) == tuple(theirs.shape) and str(ours.dtype) == str(theirs.dtype)
    assert (ours.requires_grad, ours.is_leaf) == (theirs.requires_grad, theirs.is_leaf)
    same_numbers(ours.detach().numpy(), theirs.detach().numpy())
    assert (ours.grad is None) == (theirs.grad is None), ".grad"
    if ours.grad is not None:
        assert ours.grad.requires_grad == theirs.grad.requires_grad
        same_numbers(ours.grad.detach().numpy(), theirs.grad.detach().numpy())


def run_beside(seed):
    """Run the program of a seed on both; says how it ended."""
    lines = Writer(seed).program()
    ours, theirs = [], []
    half = False
    for done, line in enumerate(lines, 1):
        error = run(oracle, theirs, line)
        ended = told_apart(run(nbgrad, ours, line), error, line)
        if ended:
            return ended
        try:
            half = half or any(t.dtype == oracle.float16 for t in theirs)
            for i, (a, b) in enumerate(zip(ours, theirs)):
                if (a.requires_grad, a.is_leaf) != (b.requires_grad, b.is_leaf) and (b._is_view() or not b.is_floating_point()):
                    return "flags"  # of views taken under no_grad or of a changed base; torch also gives histories to integers
                if not a.requires_grad and b.requires_grad or a.grad is not None and not a.grad.requires_grad and b.grad.requires_grad:
                    return "constant derivative"  # that of relu and its like: torch gives it a history, whose gradients are zeros
                check(a, b)
        except RuntimeError:
            return "flags"  # torch refuses even to look at some views whose base has changed
        except AssertionError as unlike:
            if error is not None and "append" not in line:
                return "both refuse"  # but torch has changed some elements, or some gradients, before it did
            if half:
                return "half precision"  # one rounding more or less, and an exponential of it, is a large difference
            raise AssertionError(f"seed {seed}, v[{i}]: {unlike}\n" + "\n".join(lines[:done])) from None
    return "finished"


@pytest.mark.parametrize("first", range(0, PROGRAMS, 100))
def test_random_programs_end_as_with_torch(first):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ends = [run_beside(seed) for seed in range(first, first + 100)]
    assert ends.count("finished") + ends.count("both refuse") >= 60
