"""One JupyterLab and one page for all tests of this folder."""

from pathlib import Path

import nbformat
import pytest
from labkit import LabServer, NotebookPage
from nbformat.v4 import new_code_cell, new_notebook


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """A whole Lab is many programs: a test of it that fails is tried once more, and the first failure is counted in the summary."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    root = tmp_path_factory.mktemp("notebooks")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=[new_code_cell("")], metadata={"kernelspec": kernel}), root / "lesson.ipynb")
    with LabServer(root) as server:
        yield server


@pytest.fixture(scope="session")
def notebook(lab, browser):
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield NotebookPage(lab, context.new_page(), "lesson.ipynb").open()
    context.close()
