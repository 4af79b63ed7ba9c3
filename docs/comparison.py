"""Draw the programs in `comparison/` with nbgrad, torchviz and torchlens, each in a process of its own with a time limit: `make comparison`.

`python docs/comparison.py nbgrad` draws those of one tool only.

Needs torch, torchviz and torchlens besides nbgrad's own tests. Writes docs/images/compare-PROGRAM-TOOL.png where a tool gives a picture.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import time

DOCS = pathlib.Path(__file__).parent
PROGRAMS = ("recurrent", "transformer", "scalars")
LIMIT = 300  # seconds

TOOLS = {
    "nbgrad": """
import nbgrad, pathlib
nbgrad.install_torch_alias()
nbgrad.manual_seed(0)
from nbgrad.graph import record
with record() as drawing:
    exec(compile(source, path, "exec"))  # into this process's own variables, whose names the picture bears
    loss.backward()
from playwright.sync_api import sync_playwright
from tests.browser.labkit import CHROMIUM_ARGS, find_chromium
with sync_playwright() as playwright:
    page = playwright.chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_ARGS)).new_page(device_scale_factor=1)
    page.set_content(f"<body style='margin:0'>{drawing.to_svg()}")
    page.locator("svg").screenshot(path=target)
""",
    "torchviz": """
import torch, torchviz
exec(compile(source, path, "exec"), names := {"__name__": "__main__"})
leaves = {n: v for n, v in names.items() if isinstance(v, torch.Tensor) and v.requires_grad and v.is_leaf}
dot = torchviz.make_dot(names["loss"], params=leaves)
dot.graph_attr["dpi"] = "50"
dot.render(outfile=target, cleanup=True)
""",
    "torchlens": """
import torch
from torchlens.options import VisualizationOptions
from torchlens.visualization import show_model_graph

class Program(torch.nn.Module):  # it draws modules only
    def forward(self, unused):
        exec(compile(source, path, "exec"), names := {"__name__": "__main__"})
        return names["loss"] + unused

options = VisualizationOptions(container_path=target.removesuffix(".png"), file_format="png", save_only=True, dpi=50)
show_model_graph(Program(), torch.zeros(()), visualization=options)
""",
}


def main() -> None:
    """Draw everything and print how long each took."""
    for program in PROGRAMS:
        path = DOCS / "comparison" / f"{program}.py"
        for tool, work in TOOLS.items():
            target = DOCS / "images" / f"compare-{program}-{tool}.png"
            code = f"path, target = {str(path)!r}, {str(target)!r}\nsource = open(path).read()\n{work}"
            if sys.argv[1:] and tool not in sys.argv[1:]:
                continue
            start = time.perf_counter()
            try:
                done = subprocess.run([sys.executable, "-c", code], cwd=DOCS.parent, timeout=LIMIT, capture_output=True, text=True, check=False)
                said = "drawn" if done.returncode == 0 else done.stderr.strip().splitlines()[-1][:120]
            except subprocess.TimeoutExpired:
                said = f"nothing after {LIMIT} s"
            for rest in (target.with_suffix(""), target.with_suffix(".gv")):  # what a tool that was stopped has left
                rest.unlink(missing_ok=True)
            print(f"{program:<12}{tool:<10}{time.perf_counter() - start:6.1f} s  {said}", flush=True)


if __name__ == "__main__":
    main()
