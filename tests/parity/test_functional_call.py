"""`functional_call` and `stack_module_state`, each program beside PyTorch, and ensembles and per-example gradients made with them."""

import pytest

from .outcomes import check


def network(torch):
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lower, self.upper = nn.Linear(2, 3), nn.Linear(3, 2)
            self.register_buffer("calls", torch.zeros(()))
            self.tied = self.upper.weight

        def forward(self, x, times=1):
            self.calls = self.calls + 1
            return self.upper(torch.tanh(self.lower(x))) * times + self.tied.sum()

    return Net()


def setting(torch):
    """A network, other values for its parameters, and an input."""
    module = network(torch)
    return module, {k: v.detach() * 2 for k, v in module.named_parameters()}, torch.arange(4.0).reshape(2, 2)


def call(torch, given, *further, **options):
    """`functional_call` with what `given` makes of the setting, and what the module gives afterwards."""
    module, values, x = setting(torch)
    out = torch.func.functional_call(module, given(torch, values), x, *further, **options)
    return out, module(x), module.calls, type(module.lower.weight).__name__


def updated(torch):
    module, _, x = setting(torch)
    given = {"calls": torch.tensor(5.0)}
    torch.func.functional_call(module, given, (x,))
    return given, module.calls


def after_an_error(torch):
    module, values, x = setting(torch)
    with pytest.raises(RuntimeError):
        torch.func.functional_call(module, values, torch.ones(7))
    return module(x), [type(p).__name__ for p in module.parameters()]


def ensemble(torch):
    models = [network(torch) for _ in range(3)]
    params, buffers = torch.func.stack_module_state(models)
    x = torch.arange(4.0).reshape(2, 2)
    out = torch.vmap(lambda p, b, x: torch.func.functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None))(params, buffers, x)
    assert torch.allclose(out, torch.stack([m(x) for m in models]))
    return params, buffers, [p.is_leaf for p in params.values()], out.detach(), torch.autograd.grad(out.sum(), list(params.values()))


PROGRAMS = {
    "all": lambda torch: call(torch, lambda torch, v: v),
    "some": lambda torch: call(torch, lambda torch, v: {"lower.bias": torch.ones(3)}),
    "keywords": lambda torch: call(torch, lambda torch, v: v, {"times": 3}),
    "two dictionaries": lambda torch: call(torch, lambda torch, v: (v, {"calls": torch.tensor(1.0)})),
    "a name twice": lambda torch: call(torch, lambda torch, v: (v, {"lower.bias": torch.ones(3)})),
    "a number": lambda torch: call(torch, lambda torch, v: 3),
    "a number in the list": lambda torch: call(torch, lambda torch, v: (v, 3)),
    "tied": lambda torch: call(torch, lambda torch, v: {"tied": torch.ones(2, 3)}),
    "tied by its other name": lambda torch: call(torch, lambda torch, v: {"upper.weight": torch.ones(2, 3)}),
    "tied to the same": lambda torch: call(torch, lambda torch, v: dict.fromkeys(("tied", "upper.weight"), torch.ones(2, 3))),
    "tied to different ones": lambda torch: call(torch, lambda torch, v: {"tied": torch.zeros(2, 3), "upper.weight": torch.ones(2, 3)}),
    "not tied": lambda torch: call(torch, lambda torch, v: {"upper.weight": torch.ones(2, 3)}, tie_weights=False),
    "a strange name": lambda torch: call(torch, lambda torch, v: {**v, "zz": torch.ones(1)}),
    "a strange name, strict": lambda torch: call(torch, lambda torch, v: {**v, "zz": torch.ones(1), "calls": torch.ones(())}, strict=True),
    "missing names, strict": lambda torch: call(torch, lambda torch, v: {"lower.bias": torch.ones(3)}, strict=True),
    "everything, strict": lambda torch: call(torch, lambda torch, v: {**v, "calls": torch.ones(())}, strict=True),
    "no tensor": lambda torch: call(torch, lambda torch, v: {"lower.bias": 3}),
    "no module": lambda torch: call(torch, lambda torch, v: {"q.bias": torch.ones(3)}),
    "no tensor there": lambda torch: call(torch, lambda torch, v: {"training": torch.ones(3)}),
    "a buffer assigned in the call": updated,
    "after an error": after_an_error,
    "ensemble": ensemble,
    "stack nothing": lambda torch: torch.func.stack_module_state([]),
    "stack classes": lambda torch: torch.func.stack_module_state([torch.nn.Linear(1, 1), torch.nn.ReLU()]),
    "stack modes": lambda torch: torch.func.stack_module_state([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).eval()]),
    "stack flags": lambda torch: torch.func.stack_module_state([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).requires_grad_(False)]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_what_it_does_on_torch(name):
    check(PROGRAMS[name])


def test_gradients_reach_the_tensors_that_were_given(torch):
    module, values, x = setting(torch)
    values = {k: v.requires_grad_() for k, v in values.items()}
    torch.func.functional_call(module, values, x).sum().backward()
    assert all(v.grad is not None for v in values.values())
    assert all(p.grad is None for p in module.parameters())
