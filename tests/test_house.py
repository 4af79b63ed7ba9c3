"""The house rules of the package, kept by reading its source: which floor a module stands on, what it may import, how long a file may be."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "nbgrad"

# A module stands on the floor of its longest prefix here; imports go down or along, never up.
FLOORS = {
    "nbgrad._engine": 1,
    "nbgrad._engine.errors": 0,
    "nbgrad._engine.dtypes": 0,
    "nbgrad._engine.observe": 0,
    "nbgrad._engine.modes": 0,
    "nbgrad._engine.size": 0,
    "nbgrad._engine.quiet": 0,
    "nbgrad._engine.generator": 0,
    "nbgrad._engine.draws": 0,
    "nbgrad._engine.fused": 0,
    "nbgrad._engine.batched": 0,
    "nbgrad._engine.batch_rules": 0,
    "nbgrad._ops": 2,
    "nbgrad._printing": 3,
    "nbgrad._pytree": 3,
    "nbgrad._faces": 3,
    "nbgrad._pytree": 3,
    "nbgrad._rows": 3,
    "nbgrad.autograd": 3,
    "nbgrad.linalg": 3,
    "nbgrad.fft": 3,
    "nbgrad.signal": 3,
    "nbgrad.special": 3,
    "nbgrad.masked": 3,
    "nbgrad.random": 3,
    "nbgrad.testing": 3,
    "nbgrad.version": 3,
    "nbgrad.interop": 3,
    "nbgrad.serialization": 3,
    "nbgrad._checkpoints": 3,
    "nbgrad._unpickler": 3,
    "nbgrad.nn": 4,
    "nbgrad.optim": 4,
    "nbgrad.utils": 4,
    "nbgrad.func": 4,
    "nbgrad": 4,  # the package's face; what stands on it and above may use it as a user does
    "nbgrad.graph": 5,
    "nbgrad.graph.__init__": 6,
    "nbgrad.graph.drawing": 6,
    "nbgrad.graph.capture": 6,
    "nbgrad.graph.find": 6,
    "nbgrad.graph.drain": 6,
    "nbgrad.graph.finish": 6,
    "nbgrad.graph.grown": 6,
    "nbgrad.graph.ledger": 6,
    "nbgrad.graph.operators": 6,
    "nbgrad.graph.program": 6,
    "nbgrad.graph.recorded": 6,
    "nbgrad.graph.replay": 6,
    "nbgrad.graph.summaries": 6,
    "nbgrad.graph.table": 6,
    "nbgrad.graph.walk": 6,
    "nbgrad.graph.summary": 6,
    "nbgrad.graph.source": 6,
    "nbgrad.graph._elements": 6,
    "nbgrad.graph.history": 6,
    "nbgrad.graph.stepping": 6,
    "nbgrad.graph.inspect_array": 6,
    "nbgrad.graph.inspect_difference": 6,
    "nbgrad.graph.inspect_histogram": 6,
    "nbgrad.graph.inspect_window": 6,
    "nbgrad.graph.captured": 6,
    "nbgrad.graph.local_jacobian": 6,
    "nbgrad.graph.parameters": 6,
    "nbgrad.notebook": 7,
}
ENGINE = ("nbgrad._engine", "nbgrad._ops")
# `%load_ext nbgrad` calls the package's face, and `Drawing.show` shows where the notebook can; imported inside these functions only
HOOKS = {("nbgrad.__init__", "nbgrad.notebook.magic"), ("nbgrad.graph.drawing", "nbgrad.notebook.showing")}
READERS = 5  # this floor reads records: standard library only

# Outside packages, and the only modules that may import them. Whatever is not named here is imported nowhere.
ALLOWED = {
    "numpy": ("nbgrad", "nbgrad.graph.columns", "nbgrad.graph.outline", "nbgrad.graph.part", "nbgrad.graph.assemble", "nbgrad.graph.visible"),  # of 100,000 operators at once
    "scipy": (*ENGINE, "nbgrad.linalg", "nbgrad.fft", "nbgrad.special"),
    "IPython": ("nbgrad.notebook",),
    "ipywidgets": ("nbgrad.notebook",),
    "anywidget": ("nbgrad.notebook",),
    "traitlets": ("nbgrad.notebook",),
    "graphviz": ("nbgrad.graph.layout",),
    "torch": ("nbgrad.interop",),
}
NOT_BY_IMPORT_NBGRAD = ("IPython", "ipywidgets", "anywidget", "traitlets", "graphviz", "pygraphviz", "torch", "scipy")
OURS = {"graph", "notebook", "interop"}  # public modules that torch does not have; every other one is torch's, with torch's meaning
FACES = {
    "autograd", "autograd.forward_ad", "autograd.functional", "autograd.graph", "autograd.variable", "fft", "func", "utils", "utils.hooks", "linalg", "masked",
    "nn", "nn.functional", "random", "signal", "signal.windows", "special", "testing",
}  # fmt: skip
OUR_FUNCTIONS = {"install_torch_alias", "uninstall_torch_alias", "load_ipython_extension", "unload_ipython_extension"}


def name_of(path):
    """The dotted name of a source file; packages keep their `__init__`, which may stand on another floor."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


SOURCES = {name_of(p): p for p in sorted(PACKAGE.rglob("*.py"))}


def is_under(name, prefix):
    return name == prefix or name.startswith(prefix + ".")


def floor_of(name):
    found = [p for p in FLOORS if is_under(name, p)]
    if name in ("nbgrad", "nbgrad.__init__") or not found:
        return FLOORS["nbgrad"]
    best = max(found, key=len)
    if best == "nbgrad":
        pytest.fail(f"{name} stands on no floor yet: add it to FLOORS")
    return FLOORS[best]


def is_module(name):
    return name in SOURCES or f"{name}.__init__" in SOURCES


@functools.cache
def imports_of(name):
    """(line, module) of everything a source file imports, also inside functions; a submodule is named as itself, not as its package."""
    package = name.rpartition(".")[0]  # of `a.b.__init__` as of `a.b.c` it is `a.b`
    found = []
    for node in ast.walk(ast.parse(SOURCES[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, a.name) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join(parts[: len(parts) - node.level + 1] + ([node.module] if node.module else []))
            for a in node.names:
                found.append((node.lineno, f"{base}.{a.name}" if is_module(f"{base}.{a.name}") else base))
    return [(line, f"{m}.__init__" if f"{m}.__init__" in FLOORS and m != "nbgrad" else m) for line, m in found]


def is_outside(module):
    return module.partition(".")[0] not in (*sys.stdlib_module_names, "nbgrad")


@pytest.mark.parametrize("name", SOURCES)
def test_imports_go_down(name):
    floor = floor_of(name)
    inside = [(line, m) for line, m in imports_of(name) if is_under(m, "nbgrad") and (name, m) not in HOOKS]
    up = [f"line {line}: {m} stands on floor {floor_of(m)}" for line, m in inside if floor_of(m) > floor]
    assert up == [], f"{name} stands on floor {floor}"


@pytest.mark.parametrize("name", SOURCES)
def test_outside_packages_are_imported_only_where_they_belong(name):
    wrong = []
    for line, module in imports_of(name):
        top = module.partition(".")[0]
        if is_outside(module) and not any(is_under(name, p) for p in ALLOWED.get(top, ())):
            wrong.append(f"line {line}: {module}")
    assert wrong == []


@pytest.mark.parametrize("name", [n for n in SOURCES if floor_of(n) == READERS])
def test_what_reads_records_needs_the_standard_library_only(name):
    outside = [m for _, m in imports_of(name) if is_outside(m) and name not in ALLOWED.get(m.partition(".")[0], ())]
    assert outside == []
    assert [m for _, m in imports_of(name) if is_under(m, "nbgrad") and not is_under(m, "nbgrad.graph")] == []


@pytest.mark.parametrize("name", [n for n in SOURCES if any(is_under(n, p) for p in ENGINE)])
def test_the_engine_knows_nothing_above_it(name):
    assert [m for _, m in imports_of(name) if is_under(m, "nbgrad") and not any(is_under(m, p) for p in ENGINE)] == []


def test_import_nbgrad_loads_nothing_heavy():
    code = f"import sys, nbgrad; print(*[m for m in {NOT_BY_IMPORT_NBGRAD!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", sorted(p for p in PACKAGE.rglob("*") if p.suffix in (".py", ".js")), ids=lambda p: p.name)
def test_a_file_is_one_idea(path):
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= 600, "600 lines are two files"
    if path.suffix == ".py" and lines:
        assert ast.get_docstring(ast.parse("\n".join(lines))), "a file opens with what it holds"


def test_public_modules_are_torchs_or_ours():
    torch = pytest.importorskip("torch")
    public = {p.stem for p in PACKAGE.iterdir() if (p.suffix == ".py" or (p / "__init__.py").exists()) and not p.name.startswith("_")}
    assert [name for name in sorted(public - OURS) if not hasattr(torch, name)] == []


@pytest.mark.parametrize("face", ["", *(f for f in sorted(FACES) if is_module(f"nbgrad.{f}"))])
def test_public_names_are_torchs_or_ours(face):
    torch = pytest.importorskip("torch")
    import nbgrad

    ours, theirs = (functools.reduce(getattr, face.split(".") if face else [], root) for root in (nbgrad, torch))
    known = OURS | OUR_FUNCTIONS if not face else set()
    strangers = [n for n in getattr(ours, "__all__", dir(ours)) if not n.startswith("_") and n not in known and not hasattr(theirs, n)]
    assert strangers == []


def test_a_rule_that_is_broken_is_noticed(monkeypatch, tmp_path):
    source = tmp_path / "bad.py"
    source.write_text("import torch\ndef f():\n    from ..graph import records\n    from . import op\n")
    monkeypatch.setitem(SOURCES, "nbgrad._engine.bad", source)
    imports_of.cache_clear()
    assert imports_of("nbgrad._engine.bad") == [(1, "torch"), (3, "nbgrad.graph.records"), (4, "nbgrad._engine.op")]
    for check in (test_imports_go_down, test_outside_packages_are_imported_only_where_they_belong, test_the_engine_knows_nothing_above_it):
        with pytest.raises(AssertionError):
            check("nbgrad._engine.bad")
