"""Run the notebooks and save them with outputs that are the same on every machine: `python notebooks/build.py [name ...]`.

Live widgets are left out (their model is gone with the kernel); the picture, table and text beside them stay. Timings and machine data go.
"""

from __future__ import annotations

import pathlib
import sys

import nbformat
from nbclient import NotebookClient

HERE = pathlib.Path(__file__).parent
WIDGET = "application/vnd.jupyter.widget-view+json"


def build(path: pathlib.Path) -> None:
    """Run one notebook in place."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", store_widget_state=False, resources={"metadata": {"path": str(HERE)}})
    client.execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    count = 0  # nbval takes a cell without a count for one that was never run
    for number, cell in enumerate(notebook.cells):
        cell.metadata = {}
        cell["id"] = f"cell-{number}"
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = [o for o in cell.outputs if WIDGET not in o.get("data", {})]
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
                if "metadata" in output:
                    output.metadata = {}
    nbformat.write(notebook, path)
    print(path.name, f"{path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    names = sys.argv[1:]
    for path in sorted(HERE.glob("*.ipynb")):
        if not names or path.stem in names or path.name in names:
            build(path)
