"""docs/operators.md lists every operator as it is declared."""

import importlib.util
from pathlib import Path

import pytest

from nbgrad._engine.op import FACADES, REGISTRY

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "operators.md").read_text("utf-8")


@pytest.fixture(scope="module")
def operators():
    spec = importlib.util.spec_from_file_location("operators", DOCS / "operators.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_says_what_the_entries_say(operators):
    assert operators.written() == PAGE, "run `python docs/operators.py`"


def test_every_public_operator_has_a_line():
    missing = [e.name for e in REGISTRY.values() if not e.name.startswith("_") and f"`{e.name}(" not in PAGE]
    missing += [n for n in FACADES if not n.rpartition(".")[2].startswith("_") and f"`{n}" not in PAGE]
    assert missing == []


def test_formulas_are_those_that_run(operators):
    shown = {name: operators._row(REGISTRY[name]) for name in ("mul", "exp", "add", "matmul.vector") if name in REGISTRY}
    assert shown["mul"][1:] == ("`MulBackward0`", "`self`: `grad * other`<br>`other`: `grad * self`", "other, self")
    assert shown["exp"][2:] == ("`self`: `grad * result`", "result")
    assert "`input`" not in shown["add"][2] and "alpha" in shown["add"][2]
