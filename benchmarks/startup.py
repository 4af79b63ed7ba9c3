"""What `import nbgrad` costs beyond `import numpy`, each in fresh processes, interleaved."""

from __future__ import annotations

import subprocess
import sys

ROUNDS = 9


def seconds_of(statement: str, before: str = "") -> float:
    """How long one statement takes in a fresh Python, as that Python measures it."""
    code = f"{before}\nfrom time import perf_counter as now; start = now()\n{statement}\nprint(now() - start)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def import_times(rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds a round: what nbgrad adds where NumPy is loaded already, and NumPy alone."""
    found = {"import nbgrad, after numpy": [], "import numpy": []}
    for _ in range(rounds):
        found["import nbgrad, after numpy"].append(seconds_of("import nbgrad", before="import numpy"))
        found["import numpy"].append(seconds_of("import numpy"))
    return found
