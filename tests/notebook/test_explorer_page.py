"""docs/explorer.md says what the code says: its tables, its keys, and its examples, which run."""

import importlib.util
import linecache
import re
from importlib import resources
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "explorer.md").read_text("utf-8")


def reference():
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_what_the_code_says():
    assert reference().written(PAGE) == PAGE, "run `python docs/reference.py`"
    assert all(f"<!-- {name} -->" in PAGE for name in reference().tables())


def test_traits_all_have_words():
    from nbgrad.notebook.explorer import GraphView

    assert [n for n, t in GraphView.class_own_traits().items() if not t.help] == []


def test_every_key_stands_in_the_table():
    keys = set()
    for asset in resources.files("nbgrad.graph").joinpath("assets").iterdir():
        if asset.name.endswith(".js"):
            for inside in re.findall(r"(?:this\.keys = |get keys\(\) \{\s*return [^{]*)\{([^\n]*)\}", asset.read_text("utf-8")):
                keys |= {name.strip('"') for name in re.findall(r'(?:^|[{,]) ?("?[^\s",:{]+"?): \(\) =>', inside)}
    assert {"o", "/", "w"} <= keys
    table = PAGE.partition("## Keys")[2]
    assert [key for key in sorted(keys) if f"`{key}`" not in table] == []


def test_examples_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("ipywidgets")
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    for i, block in enumerate(blocks):
        file = f"<example {i}>"
        linecache.cache[file] = len(block), None, block.splitlines(keepends=True), file
        exec(compile(block, file, "exec"), names)
    assert (tmp_path / "step.svg").exists() and "graph of" in capsys.readouterr().out
    assert names["other"].graph.named("w").data.values == (pytest.approx(0.35),)
    names["slider"].value = 0.75
    assert names["view"].what_if == [["w", None, 0.75]]
    names["view"].selected = "t0"
    assert names["chosen"].value == "t0"
    names["view"].close()
    names["view"].source.close()
