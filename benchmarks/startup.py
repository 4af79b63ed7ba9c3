"""What `import nbgrad` costs beyond `import numpy`, each in fresh processes, in turns, with compiled bytecode at hand as it is after any first run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

ROUNDS = 9


def import_times(rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds a round: what nbgrad adds where NumPy is loaded already, and NumPy alone."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPYCACHEPREFIX": cache}

        def seconds_of(statement, before=""):
            code = f"{before}\nfrom time import perf_counter as now; start = now()\n{statement}\nprint(now() - start)"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
            return float(done.stdout)

        seconds_of("import nbgrad")
        found = {"import nbgrad, after numpy": [], "import numpy": []}
        for _ in range(rounds):
            found["import nbgrad, after numpy"].append(seconds_of("import nbgrad", before="import numpy"))
            found["import numpy"].append(seconds_of("import numpy"))
    return found
