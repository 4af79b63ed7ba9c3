"""A real IPython shell with nbgrad loaded."""

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nbgrad.notebook import magic


@pytest.fixture
def ipython(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config(HistoryManager={"hist_file": ":memory:"}))
    shell.colors = "nocolor"
    shell.run_cell("%load_ext nbgrad")
    yield shell
    magic.unload(shell)
    InteractiveShell.clear_instance()
