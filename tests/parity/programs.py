"""Random small programs, and how one is run on nbgrad and on PyTorch side by side.

A program is a list of lines that work on a list `v` of tensors. It is written by a `Writer`, which makes each of its choices by a function given to
it; with Hypothesis's numbers behind that function, a program in which the two libraries differ shrinks to the few lines that matter.
"""

import re

import numpy as np

import nbgrad

SHAPES = [(3,), (2, 3), (), (1,), (2, 1), (1, 3), (3, 2), (2, 2), (2, 3, 2), (0,), (2, 0)]
TYPES = ["float64"] * 5 + ["float32"] * 3 + ["int64", "bool"]
SCALARS = ["2", "0.5", "-1.5", "3", "1", "0", "-1", "2.0", "True"]
INDICES = [
    "0", "-1", "...", "slice(0, 1)", "None", "slice(None, None, 2)", "(slice(None), 0)", "(..., 0)", "(0, 0)", "[0]", "[0, 0]",
    "torch.tensor([0, 0])", "(None, 0)", "torch.tensor([True, False])", "()", "slice(1, 1)", "(slice(None), slice(1, None))", "(slice(None), [0, 0])",
]  # fmt: skip
UNARY = [
    "exp", "sin", "clone", "detach", "sum", "tanh", "sigmoid", "abs", "neg", "contiguous", "square", "floor", "float", "double", "mean", "relu", "isnan",
]  # fmt: skip
VIEWS = [
    "view(-1)", "unsqueeze(0)", "transpose(0, -1)", "T", "squeeze()", "narrow(0, 0, 1)", "select(0, 0)", "expand(2, -1)", "permute(1, 0)", "diagonal()",
    "unbind()[0]", "chunk(2)[0]", "split(1)[-1]", "view_as(v[0])", "as_strided((2,), (1,))", "flatten()", "reshape(-1)", "detach()", "data",
]  # fmt: skip
METHODS = [
    "sum(0)", "sum(-1, keepdim=True)", "mean(0)", "max()", "max(-1)[0]", "prod()", "cumsum(0)", "softmax(-1)", "clamp(-1, 1)",
    "masked_fill(torch.tensor(True), 2.0)", "to(torch.float64)", "long()", "bool()", "flip(0)", "repeat(2, 1)",
]  # fmt: skip
TWO = [
    "torch.cat([{}, {}])", "torch.matmul({}, {})", "torch.where({} > 0, {}, 0.5)", "torch.maximum({}, {})", "torch.outer({}, {})",
    "torch.nn.functional.mse_loss({}, {})", "torch.add({}, {}, alpha=2)", "torch.add({}, {}, out=torch.empty(0))",
    "torch.broadcast_tensors({}, {})[0]", "torch.zeros_like({})", "torch.stack([{}, {}])",
]  # fmt: skip
IN_PLACE = ["add_", "mul_", "copy_", "sub_", "div_", "fill_", "clamp_", "pow_"]
IN_PLACE_ALONE = ["mul_(2)", "exp_()", "zero_()", "sin_()", "relu_()", "sigmoid_()", "neg_()", "requires_grad_()", "detach_()", "requires_grad_(False)", "unsqueeze_(0)", "t_()",
                  "squeeze_()", "transpose_(0, -1)"]


class Writer:
    """Writes one program; `choose(n)` gives a number below n."""

    def __init__(self, choose, lines):
        self.choose = choose
        self.count = 0
        self.lines = []
        for _ in range(1 + choose(3)):
            self.tensor()
        kinds = [self.view, self.change, self.operator, self.unary, self.change_alone, self.index, self.assign, self.method, self.two, self.backward,
                 self.gradient, self.of_grad, self.memory]  # fmt: skip
        weights = [16, 14, 14, 8, 6, 6, 6, 5, 5, 5, 4, 3, 2]
        kinds = [k for k, w in zip(kinds, weights) for _ in range(w)]
        for _ in range(lines):
            line = self.pick(kinds)()
            self.lines.append(f"with torch.no_grad(): {line}" if choose(9) == 8 else line)
        self.lines.append(self.backward())

    def pick(self, options):
        return options[self.choose(len(options))]

    def new(self, expression):
        self.count += 1
        return f"v.append({expression})"

    def v(self):
        return f"v[{-1 - self.choose(self.count)}]"  # the newest is the simplest choice

    def operand(self):
        return self.v() if self.choose(5) < 3 else self.pick(SCALARS)

    def tensor(self):
        kind = self.pick(TYPES)
        grad = kind.startswith("float") and self.choose(4) < 3
        self.lines.append(self.new(f"torch.tensor(numbers({self.choose(100)}, {self.pick(SHAPES)}, {kind!r}), requires_grad={grad})"))

    def operator(self):
        sign = self.pick(["*", "+", "-", "/", "**"])
        return self.new(f"{self.v()} {sign} {self.operand()}" if self.choose(6) else f"{self.pick(SCALARS)} {sign} {self.v()}")

    def unary(self):
        return self.new(f"{self.v()}.{self.pick(UNARY)}()")

    def view(self):
        return self.new(f"{self.v()}.{self.pick(VIEWS)}")

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
        return f"{self.v()}.{self.pick(IN_PLACE_ALONE)}"

    def assign(self):
        return f"{self.v()}[{self.pick(INDICES)}] = {self.operand()}"

    def backward(self):
        options = self.pick(["", "retain_graph=True", "create_graph=True", f"inputs=[{self.v()}, {self.v()}], retain_graph=True"])
        return f"{self.v()}.sum().backward({options})"

    def gradient(self):
        options = f"allow_unused=True, create_graph={self.choose(2) == 1}, retain_graph=True"
        return self.new(f"torch.autograd.grad({self.v()}.sum(), [{self.v()}, {self.v()}], {options})[{self.choose(2)}] * 1")

    def of_grad(self):
        return self.pick([f"{self.v()}.retain_grad()", f"{self.v()}.grad.{self.pick(['zero_()', 'mul_(2)'])}", f"{self.v()}.grad = None"])

    def memory(self):
        return self.pick([f"{self.v()}.numpy()[...] = 2", f"{self.v()}.data.mul_(2)", self.new(f"torch.from_numpy({self.v()}.detach().numpy())")])


def numbers(seed, shape, kind):
    """Few different numbers, so that ties, zeros and equal elements occur."""
    return (np.round(np.random.default_rng(seed).uniform(-2, 2, shape) * 4) / 4).astype(kind)


def run_line(torch, variables, line):
    """Run one line; gives its error, and takes back what it had appended."""
    before = len(variables)
    try:
        exec(line, {"torch": torch, "v": variables, "numbers": numbers})
    except Exception as error:
        del variables[before:]
        return error


# PyTorch has no kernel for some types, runs the node of a non-leaf given as `inputs=` once too often, and checks some things more strictly than
# arithmetic needs.
STRICTER = ("not implemented for", "aten::", "Subtraction", "Integers to negative", "some elements of the input tensor", "INTERNAL ASSERT", "out of bounds for storage")
ALSO_OURS = ("nbgrad does not support", "Integers to negative", "_kernel_impl", "out of bounds for storage")


class Differs(AssertionError):
    """The two libraries differ."""


FORBIDDEN = "base or another view of its base has been modified inplace"


def told_apart(ours, theirs, line):
    """Why a program ends here, or None if it goes on; raises `Differs` where one gives an error and the other does not, or another."""
    if type(ours) is type(theirs):
        return None
    if ours is not None and any(s in str(ours) for s in ALSO_OURS):
        return "not supported"
    if theirs is not None and (any(s in str(theirs) for s in STRICTER) or "inputs=" in line and ours is None):
        return "torch refuses"
    if FORBIDDEN in f"{ours}{theirs}" and (None not in (ours, theirs) or "retain_grad" in line):
        return "a forbidden view"  # refused for one reason or another; `retain_grad` passes with PyTorch
    raise Differs(f"{line}: nbgrad {ours!r}, torch {theirs!r}")


def facts(tensor, others, first_versions):
    """What must be the same in both libraries, beside the numbers."""
    try:
        node = tensor.grad_fn
        history = None if node is None else type(node).__name__, tensor.output_nr, tensor.is_leaf
    except RuntimeError as error:  # a view that may not be used any more
        history = str(error)[:60]
    base = tensor._base
    return {
        "shape": tuple(tensor.shape), "dtype": str(tensor.dtype), "requires_grad": tensor.requires_grad, "history": history,
        "version": tensor._version - first_versions[id(tensor)], "base": None if base is None else next((i for i, t in enumerate(others) if t is base), "another"),
        "retains_grad": tensor.retains_grad,
    }  # fmt: skip


def compare(ours, theirs, what, exact):
    """Raise `Differs` unless two tensors hold the same numbers; says whether they do but for the sign of an infinity."""
    a, b = (t.detach().numpy() for t in (ours, theirs))
    if str(a.dtype) != str(b.dtype) or a.shape != b.shape:
        raise Differs(f"{what}: {a.dtype}{a.shape} and {b.dtype}{b.shape}")
    tolerance = 1e-9 if exact else 2e-4
    a, b = a.astype(float), b.astype(float)
    flipped = np.isinf(a) & (a == -b)  # by the sign of a zero, of which neither library is careful
    noise = (np.abs(a) > 1e12) & (np.abs(b) > 1e12)  # divided by what ought to be zero
    a = np.where(flipped | noise, b, a)
    try:
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
    except AssertionError as unlike:
        raise Differs(f"{what}: {unlike}") from None
    return flipped.any()


def compare_all(ours, theirs, first_versions):
    """Compare every tensor of the two programs; says why the program ends here, if it does."""
    exact = all("float32" not in str(t.dtype) for t in ours)  # one rounding of a single more or less is a large difference to a double
    for i, (a, b) in enumerate(zip(ours, theirs)):
        for t in (a, b):  # PyTorch makes some results by changing what it has just made
            first_versions.setdefault(id(t), t._version)
        if a.is_contiguous() != b.is_contiguous():
            return "layout"  # of a result of operands that lie in memory in different ways
        mine, its = facts(a, ours, first_versions), facts(b, theirs, first_versions)
        different = {k: (mine[k], its[k]) for k in mine if mine[k] != its[k]}
        if different and not b.is_floating_point():
            return "history of integers"  # PyTorch gives some integers and bools a history, through which nothing flows
        if different:
            raise Differs(f"v[{i}]: nbgrad and torch differ in {different}")
        if compare(a, b, f"v[{i}]", exact):
            return "the sign of a zero"
        if (a.grad is None) != (b.grad is None):
            raise Differs(f"v[{i}].grad: {a.grad} and {b.grad}")
        if a.grad is not None:
            if a.grad.requires_grad and not b.grad.requires_grad:
                return "a further derivative"  # of a product of one factor, which PyTorch takes for a constant
            if a.grad.requires_grad != b.grad.requires_grad:
                raise Differs(f"v[{i}].grad.requires_grad: {a.grad.requires_grad} and {b.grad.requires_grad}")
            compare(a.grad, b.grad, f"v[{i}].grad", exact)


def _overlapping(tensors, line):
    """Whether a line writes to one tensor and reads another one on the same memory."""
    used = [tensors[int(i)] for i in re.findall(r"v\[(-?\d+)\]", line)]
    return "append" not in line and len({t.untyped_storage().data_ptr() for t in used if t.numel()}) < len({id(t) for t in used if t.numel()})


def run_beside(oracle, lines):
    """Run a program on both; says how it ended. Raises `Differs`."""
    ours, theirs, first_versions = [], [], {}
    for done, line in enumerate(lines, 1):
        error = run_line(oracle, theirs, line)
        try:
            ended = told_apart(run_line(nbgrad, ours, line), error, line)
            if ended:
                return ended
            ended = compare_all(ours, theirs, first_versions)
            if ended:
                return ended
        except Differs as unlike:
            if error is not None and "append" not in line:
                return "both refuse"  # but torch has changed some elements, or some gradients, before it did
            if _overlapping(theirs, line):
                return "overlapping memory"  # what an operator reads while it writes there is undefined
            if "matmul" in line and "history" in str(unlike):
                return "matmul"  # which dimensions are folded, and in which layout, is PyTorch's own affair
            raise Differs(f"{unlike}\n" + "\n".join(lines[:done])) from None
    return "finished"
