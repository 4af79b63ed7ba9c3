"""What live views and `%%autograd --watch` cost a training loop, in a real kernel: seconds a step, beside the same loop alone."""

from __future__ import annotations

SETUP = """
%load_ext nbgrad
import time
import nbgrad as torch
from nbgrad.notebook import magic
torch.manual_seed(0)
x, y = torch.randn(64, 784), torch.randn(64, 10)
w1, b1 = (torch.randn(784, 128) * 0.05).requires_grad_(), torch.zeros(128, requires_grad=True)
w2, b2 = (torch.randn(128, 10) * 0.1).requires_grad_(), torch.zeros(10, requires_grad=True)
parameters = [w1, b1, w2, b2]
w, c = torch.tensor([0.5], requires_grad=True), torch.tensor([2.0])
def close_views():
    for cell in list(magic._state.views):
        magic._state.close_views(cell)
"""
LOOPS = {
    "784-128-10, batch of 64": (
        3_000,
        """for i in range({steps}):
    if i == 5: began = time.process_time()
    loss = (((x @ w1 + b1).relu() @ w2 + b2 - y) ** 2).mean()
    for p in parameters: p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters: p -= 0.01 * p.grad
took = (time.process_time() - began) / ({steps} - 5)""",
    ),
    "one number": (
        50_000,
        """for i in range({steps}):
    if i == 5: began = time.process_time()
    w.grad = None
    loss = (w * c - 1) ** 2
    loss.backward()
    with torch.no_grad(): w -= 0.001 * w.grad
took = (time.process_time() - began) / ({steps} - 5)""",
    ),
}
VIEW = "%%autograd\nloss = (((x @ w1 + b1).relu() @ w2 + b2 - y) ** 2).mean() + ((w * c - 1) ** 2).sum()\nloss.backward()"


def costs(rounds: int = 5) -> dict[str, dict[str, list[float]]]:
    """Processor seconds a step (all threads of the kernel) by loop and by what goes on beside it, in turns."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")

    def run(code, ask=None):
        asked = {"it": ask} if ask else {}
        reply = client.execute_interactive(code, store_history=False, user_expressions=asked, output_hook=lambda message: None, timeout=600)["content"]
        if reply["status"] != "ok":
            raise RuntimeError(f"the kernel could not run {code!r}: {reply.get('evalue')}")
        return float(reply["user_expressions"]["it"]["data"]["text/plain"]) if ask else None

    found = {}
    try:
        run(SETUP)
        for name, (steps, text) in LOOPS.items():
            loop = text.format(steps=steps)
            times = found[name] = {"alone": [], "one open view": [], "four open views": [], "%%autograd --watch": []}
            for _ in range(rounds):
                run("close_views()")
                times["alone"].append(run(loop, "took"))
                run(VIEW)
                times["one open view"].append(run(loop, "took"))
                for i in range(3):
                    run(f"{VIEW}\n# another cell: {i}")
                times["four open views"].append(run(loop, "took"))
                run("close_views()")
                times["%%autograd --watch"].append(run("%%autograd --watch\n" + loop, "took"))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return found
