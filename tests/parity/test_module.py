"""`nn.Module`, parameters and the first layers, each program beside PyTorch: results, texts, orders of names, and the words of errors."""

import copy
from collections import OrderedDict

import pytest

from .outcomes import check


def network(torch):
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lower = nn.Linear(2, 3)
            self.register_buffer("scale", torch.full((3,), 2.0))
            self.register_buffer("passing", torch.zeros(1), persistent=False)
            self.upper = nn.Sequential(nn.ReLU(), nn.Linear(3, 1, bias=False), nn.Tanh())
            self.own = nn.Parameter(torch.ones(2))
            self.nothing = None
            self.register_parameter("none", None)

        def forward(self, x):
            return self.upper(self.lower(x * self.own) * self.scale)

    return Net()


def assigned(target, name, value):
    setattr(target, name, value)
    return target


def without(target, name):
    delattr(target, name)
    return target


def changed(target, change):
    change(target)
    return target


PROGRAMS = {
    # what is kept, and in which order
    "text": lambda torch: repr(network(torch)),
    "named_parameters": lambda torch: dict(network(torch).named_parameters()),
    "named_parameters with prefix": lambda torch: [n for n, _ in network(torch).named_parameters("net", recurse=False)],
    "named_buffers": lambda torch: dict(network(torch).named_buffers()),
    "named_modules": lambda torch: [(n, type(m).__name__) for n, m in network(torch).named_modules()],
    "named_children": lambda torch: [n for n, _ in network(torch).named_children()],
    "counts": lambda torch: [len(list(f())) for m in [network(torch)] for f in (m.parameters, m.buffers, m.modules, m.children)],
    "shared modules are met once": lambda torch: [[n for n, _ in s.named_parameters(remove_duplicate=d)] for m in [torch.nn.Linear(1, 1)] for s in [torch.nn.Sequential(m, m)] for d in (True, False)],
    "dir": lambda torch: [n for n in dir(network(torch)) if n in ("lower", "scale", "own", "upper", "none")],
    "types": lambda torch: [isinstance(torch.nn.Parameter(torch.ones(1)), torch.Tensor), isinstance(torch.ones(1), torch.nn.Parameter), isinstance(torch.nn.Buffer(torch.ones(1)), torch.nn.Buffer), isinstance(torch.ones(1), torch.nn.Buffer), type(torch.nn.Parameter(torch.ones(1)) * 2).__name__],
    "parameters": lambda torch: [repr(torch.nn.Parameter(torch.ones(2))), repr(torch.nn.Buffer(torch.ones(2))), repr(torch.nn.Parameter()), torch.nn.Parameter(torch.ones(2), requires_grad=False)],
    "a parameter takes memory, not history": lambda torch: [(p.is_leaf, x.tolist()) for x in [torch.zeros(2)] for p in [torch.nn.Parameter(x)] for _ in [p.data.add_(1)]],
    "integer parameter": lambda torch: torch.nn.Parameter(torch.ones(2, dtype=torch.int64)),
    "integer parameter without gradient": lambda torch: torch.nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False),
    "parameter of a list": lambda torch: torch.nn.Parameter([1.0]),
    "buffer by assignment": lambda torch: [list(m.state_dict()) for m in [network(torch)] for _ in [assigned(m, "kept", torch.nn.Buffer(torch.ones(1))), assigned(m, "dropped", torch.nn.Buffer(torch.ones(1), persistent=False))]],
    "buffer replaced": lambda torch: assigned(network(torch), "scale", torch.zeros(3)).scale,
    "parameter set to None": lambda torch: [n for n, _ in assigned(network(torch), "own", None).named_parameters()],
    "parameter replaced": lambda torch: [n for n, _ in assigned(network(torch), "lower", torch.nn.Parameter(torch.ones(1))).named_parameters()],
    "module replaced keeps its place": lambda torch: [n for n, _ in assigned(network(torch), "lower", torch.nn.ReLU()).named_children()],
    "deleted": lambda torch: [n for m in [without(without(network(torch), "scale"), "lower")] for n in (*dict(m.named_parameters()), *dict(m.named_buffers()))],
    "deleted twice": lambda torch: without(without(network(torch), "scale"), "scale"),
    "deepcopy": lambda torch: [(c.own is not m.own, c.own, repr(c)) for m in [network(torch)] for c in [copy.deepcopy(m)]],
    # errors of assignment
    "missing attribute": lambda torch: network(torch).foo,
    "tensor for a parameter": lambda torch: assigned(network(torch), "own", torch.ones(2)),
    "number for a module": lambda torch: assigned(network(torch), "lower", 3),
    "number for a buffer": lambda torch: assigned(network(torch), "scale", 3),
    "module before init": lambda torch: type("N", (torch.nn.Module,), {"__init__": lambda self: setattr(self, "a", torch.nn.ReLU())})(),
    "parameter before init": lambda torch: type("N", (torch.nn.Module,), {"__init__": lambda self: setattr(self, "a", torch.nn.Parameter(torch.ones(1)))})(),
    "buffer before init": lambda torch: type("N", (torch.nn.Module,), {"__init__": lambda self: setattr(self, "a", torch.nn.Buffer(torch.ones(1)))})(),
    "register tensor": lambda torch: network(torch).register_parameter("q", torch.ones(1)),
    "register known": lambda torch: network(torch).register_parameter("forward", torch.nn.Parameter(torch.ones(1))),
    "register with dot": lambda torch: network(torch).register_parameter("a.b", None),
    "register empty": lambda torch: network(torch).register_parameter("", None),
    "register number": lambda torch: network(torch).register_parameter(3, None),
    "register buffer": lambda torch: network(torch).register_buffer("q", 3),
    "register known buffer": lambda torch: network(torch).register_buffer("forward", None),
    "add_module number": lambda torch: network(torch).add_module("q", 3),
    "add_module known": lambda torch: network(torch).add_module("forward", None),
    "add_module with dot": lambda torch: network(torch).add_module("a.b", None),
    "add_module empty": lambda torch: network(torch).add_module("", None),
    "get_submodule": lambda torch: repr(network(torch).get_submodule("upper.1")),
    "get_submodule missing": lambda torch: network(torch).get_submodule("upper.7"),
    "get_submodule of a parameter": lambda torch: network(torch).get_submodule("own"),
    "get_parameter": lambda torch: network(torch).get_parameter("upper.1.weight"),
    "get_parameter None": lambda torch: network(torch).get_parameter("upper.1.bias"),
    "get_parameter missing": lambda torch: network(torch).get_parameter("upper.1.foo"),
    "get_buffer": lambda torch: network(torch).get_buffer("scale"),
    "get_buffer of a parameter": lambda torch: network(torch).get_buffer("own"),
    # state
    "state_dict": lambda torch: [dict(s) for s in [network(torch).state_dict()]] + [repr(network(torch).state_dict()._metadata)],
    "state_dict keeps variables": lambda torch: [t.requires_grad for t in network(torch).state_dict(keep_vars=True, prefix="p.").values()],
    "state_dict shares memory": lambda torch: [m.own for m in [network(torch)] for _ in [m.state_dict()["own"].add_(1)]],
    "load": lambda torch: [(repr(m.load_state_dict({k: v * 0 for k, v in m.state_dict().items()})), m.own, m.own._version, m.lower.weight) for m in [network(torch)]],
    "load nothing": lambda torch: network(torch).load_state_dict({}),
    "load more": lambda torch: [m.load_state_dict({**m.state_dict(), "zz": torch.ones(1), "lower.x": torch.ones(1)}) for m in [network(torch)]],
    "load more, not strict": lambda torch: [repr(m.load_state_dict({"zz": torch.ones(1), "own": torch.zeros(2)}, strict=False)) for m in [network(torch)]],
    "load other sizes": lambda torch: [m.load_state_dict({**m.state_dict(), "own": torch.ones(5), "lower.bias": torch.ones(3, 1)}) for m in [network(torch)]],
    "load other sizes, not strict": lambda torch: network(torch).load_state_dict({"own": torch.ones(5)}, strict=False),
    "load everything wrong": lambda torch: network(torch).load_state_dict({"own": torch.ones(5), "zz": torch.ones(1)}),
    "load a number": lambda torch: network(torch).load_state_dict(3),
    "load numbers": lambda torch: [m.load_state_dict({**m.state_dict(), "own": 3}) for m in [network(torch)]],
    "load by assignment": lambda torch: [(m.own, m.scale is s["scale"]) for m in [network(torch)] for s in [{k: v.double() for k, v in m.state_dict().items()}] for _ in [m.load_state_dict(s, assign=True)]],
    # changing all
    "train and eval": lambda torch: [[c.training for c in m.modules()] for m in [network(torch)] for _ in (m.eval(), 0) for m in [m.train() if _ == 0 else m]],
    "train with a number": lambda torch: network(torch).train(3),
    "requires_grad_": lambda torch: [p.requires_grad for p in network(torch).requires_grad_(False).parameters()],
    "apply": lambda torch: [seen for seen in [[]] for _ in [network(torch).apply(lambda m: seen.append(type(m).__name__))]],
    "to double": lambda torch: [(m.own is p, m.own.dtype, m.scale.dtype, m.lower.weight.dtype) for m in [network(torch)] for p in [m.own] for _ in [m.to(torch.float64)]],
    "double and float": lambda torch: [str(m.own.dtype) for m in (network(torch).double(), network(torch).double().float(), network(torch).to("cpu"), network(torch).to(torch.ones(1, dtype=torch.float64)))],
    "to integers": lambda torch: network(torch).to(torch.int32),
    "zero_grad": lambda torch: [p.grad for m in [network(torch)] for _ in [m(torch.ones(2)).backward(), m.zero_grad()] for p in m.parameters()],
    "zero_grad to zeros": lambda torch: [p.grad for m in [network(torch)] for _ in [m(torch.ones(2)).backward(), m.zero_grad(set_to_none=False)] for p in m.parameters()],
    "gradients": lambda torch: [p.grad for m in [network(torch)] for _ in [m(torch.ones(4, 2)).sum().backward()] for p in m.parameters()],
    # layers
    "linear": lambda torch: dict(torch.nn.Linear(5, 4).named_parameters()),
    "linear of doubles": lambda torch: dict(torch.nn.Linear(30, 20, dtype=torch.float64).named_parameters()),
    "linear without features": lambda torch: torch.nn.Linear(0, 3)(torch.ones(2, 0)),
    "linear of many dimensions": lambda torch: torch.nn.Linear(2, 3)(torch.ones(2, 4, 2)),
    "linear of another size": lambda torch: torch.nn.Linear(2, 3)(torch.ones(4)),
    "activations": lambda torch: [m(torch.tensor([-1.0, 2.0])) for m in (torch.nn.ReLU(), torch.nn.Tanh(), torch.nn.Sigmoid())],
    "activation in place": lambda torch: [x for x in [torch.tensor([-1.0, 2.0])] for _ in [torch.nn.ReLU(inplace=True)(x)]],
    "texts of layers": lambda torch: [repr(m) for m in (torch.nn.Linear(2, 3, bias=False), torch.nn.ReLU(inplace=True), torch.nn.Sigmoid(), torch.nn.Sequential(), torch.nn.Sequential(torch.nn.Sequential(torch.nn.ReLU())))],
    "no forward": lambda torch: torch.nn.Module()(1),
    # sequences
    "sequential with names": lambda torch: repr(torch.nn.Sequential(OrderedDict([("a", torch.nn.ReLU()), ("b", torch.nn.Tanh())]))),
    "sequential of a number": lambda torch: torch.nn.Sequential(3),
    "sequential parts": lambda torch: [repr(x) for s in [network(torch).upper] for x in (s[0], s[-1], s[0:2], len(s), list(s))],
    "sequential too far": lambda torch: network(torch).upper[5],
    "sequential by name": lambda torch: network(torch).upper["0"],
    "sequential append": lambda torch: repr(network(torch).upper.append(torch.nn.ReLU())),
    "sequential extend": lambda torch: repr(network(torch).upper.extend([torch.nn.ReLU()])),
    "sequential insert": lambda torch: [repr(network(torch).upper.insert(i, torch.nn.Sigmoid())) for i in (0, 2, -1, 3)],
    "sequential pop": lambda torch: [(repr(s.pop(0)), repr(s)) for s in [network(torch).upper]],
    "sequential delete": lambda torch: repr(changed(network(torch).upper, lambda s: s.__delitem__(slice(0, 2)))),
    "sequential assign": lambda torch: repr(changed(network(torch).upper, lambda s: s.__setitem__(0, torch.nn.Sigmoid()))),
    "sequential sum and product": lambda torch: [repr(s + s) + repr(s * 2) for s in [torch.nn.Sequential(torch.nn.ReLU())]],
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_what_it_does_on_torch(name):
    check(PROGRAMS[name])


def test_hooks_around_forward(torch):
    seen = []
    layer = torch.nn.Linear(1, 1)
    handles = [
        layer.register_forward_pre_hook(lambda m, args: (seen.append("before"), (args[0] * 2,))[1]),
        layer.register_forward_hook(lambda m, args, out: (seen.append("after"), out + 1)[1]),
        layer.register_forward_pre_hook(lambda m, args, kwargs: seen.append(("first", kwargs)), with_kwargs=True, prepend=True),
        layer.register_forward_hook(lambda m, args, kwargs, out: seen.append(("last", kwargs)), with_kwargs=True),
    ]
    x = torch.tensor([3.0])
    out = layer(x)
    assert seen == [("first", {}), "before", "after", ("last", {})]
    assert torch.allclose(out, layer.weight[0] * 6 + layer.bias + 1)
    for handle in handles:
        handle.remove()
    assert torch.allclose(layer(x), layer.weight[0] * 3 + layer.bias)


def test_a_pre_hook_may_replace_keywords_and_must_say_so_rightly(torch):
    class Scaled(torch.nn.Module):
        def forward(self, x, by=1):
            return x * by

    module = Scaled()
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"by": 5}), with_kwargs=True)
    assert module(torch.ones(1), by=2).item() == 5
    module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"forward pre-hook must return None or a tuple of \(new_args, new_kwargs\), but got 3."):
        module(torch.ones(1))


def test_hooks_that_are_always_called(torch):
    class Wrong(torch.nn.Module):
        def forward(self, x):
            raise ValueError("no")

    seen = []
    module = Wrong()
    module.register_forward_hook(lambda m, args, out: seen.append("only after success"))
    module.register_forward_hook(lambda m, args, out: seen.append(("always", out)), always_call=True)
    with pytest.raises(ValueError, match="no"):
        module(torch.ones(1))
    assert seen == [("always", None)]
