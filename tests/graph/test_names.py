"""Names for tensors are found without running anything of the user's, and without getting lost in what is large."""

import time

import pytest

import nbgrad
from nbgrad.graph.source import names_of


class Module:
    """Something that keeps its parts as modules do."""


def boom(self, *args):
    raise ZeroDivisionError


class Hostile:
    __getattr__ = __getattribute__ = __eq__ = __hash__ = __repr__ = __len__ = __iter__ = boom

    def __init__(self, tensor):
        object.__setattr__(self, "tensor", tensor)


class HostileList(list):
    __getitem__ = __iter__ = __len__ = boom


class HostileTuple(tuple):
    __getitem__ = __iter__ = __len__ = boom


class HostileText(str):
    __repr__ = __eq__ = startswith = boom
    __hash__ = str.__hash__


class HostileClass:
    __class__ = property(boom)


class HostileDict:
    __dict__ = property(boom)


def found(namespace, tensor):
    return names_of({id(tensor): tensor}, namespace).get(id(tensor))


def test_nothing_of_the_users_runs():
    x = nbgrad.ones(2)
    assert found({"thing": Hostile(x)}, x) == "thing.tensor"
    assert found({"things": HostileList([x])}, x) == "things[0]"
    assert found({"things": HostileTuple((x,))}, x) == "things[0]"
    assert found({"a": HostileClass(), "b": HostileDict(), "c": {HostileText("k"): x}, HostileText("d"): x}, x) is None


@pytest.mark.parametrize("group", [None, [1], 3, {1: 2}])
def test_what_only_looks_like_a_module(group):
    x = nbgrad.ones(2)
    m = Module()
    m._parameters = m._buffers = m._modules = group
    m.weight = x
    assert found({"m": m}, x) == "m.weight"


def test_containers_that_hold_themselves():
    x = nbgrad.ones(2)
    cycle = [x]
    cycle.append(cycle)
    assert found({"cycle": cycle}, x) == "cycle[0]"


def test_a_large_dataset_costs_little_and_hides_nothing():
    x = nbgrad.ones(2)
    m = Module()
    m.fc = Module()
    m.fc._parameters = {"weight": x}
    dataset = [[(1.5, [2]) for _ in range(1000)] for _ in range(300)]
    start = time.perf_counter()
    assert found({"dataset": dataset, "m": m}, x) == "m.fc.weight"
    assert time.perf_counter() - start < 2
