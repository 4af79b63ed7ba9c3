"""Running one cell again and again leaves a kernel's memory as it is, whatever the cell does with gradients."""

import pytest
from jupyter_client.manager import start_new_kernel

LESSON = """
torch.manual_seed(0)
x, w = torch.randn(8, 4), torch.randn(4, 3, requires_grad=True)
rows, seen = torch.zeros(8, 3), []
for i in range(8):
    rows[i] = torch.tanh(x[i] @ w)
rows[::2].mul_(2)
rows.register_hook(lambda grad: seen.append(grad.norm()))
z = torch.complex(rows, rows * 2)
loss = (z * z.conj()).real.mean()
(g,) = torch.autograd.grad(loss, w, create_graph=True)
(loss + (g * g).sum()).backward()
with torch.autograd.forward_ad.dual_level():
    dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
    out = torch.autograd.forward_ad.unpack_dual(torch.tanh(dual @ w.detach()))
h = torch.func.vmap(torch.func.grad(lambda row, w: torch.tanh(row @ w).sum()), (0, None))(x, w.detach())
with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach().numpy(), torch.from_numpy):
    packed = (x @ w).exp().sum()
packed.backward()
"""


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(kernel, code):
    printed = []
    reply = kernel.execute_interactive(code, timeout=120, store_history=False, output_hook=lambda m: printed.append(m["content"].get("text", "")))
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(printed)


@pytest.mark.parametrize("magic", ["", "%%autograd"])
def test_two_hundred_runs_of_a_cell_leave_memory_flat(kernel, magic):
    run(kernel, "%load_ext nbgrad\nimport nbgrad as torch, psutil, gc, warnings\nwarnings.simplefilter('ignore')")
    megabytes = "gc.collect(); print(psutil.Process().memory_info().rss / 1e6)"
    for _ in range(40):
        run(kernel, magic + LESSON)
    before = float(run(kernel, megabytes))
    for _ in range(200):
        run(kernel, magic + LESSON)
    assert float(run(kernel, megabytes)) - before < 5
