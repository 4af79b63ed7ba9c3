"""`import torch` gives nbgrad after install_torch_alias(): the same modules, plain words for what is missing, and the lesson's own lines."""

import subprocess
import sys
import textwrap

import pytest

LESSON = """
import torch
torch.manual_seed(0)

x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad = True)
b = torch.randn(3, requires_grad = True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)

x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3)
b = torch.randn(3)
w = w.requires_grad_(True)
b = b.requires_grad_(True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)

loss.backward()
print(w.grad)
print(b.grad)

z = torch.matmul(x, w)+b
print(z.requires_grad)

with torch.no_grad():
    z = torch.matmul(x, w)+b
print(z.requires_grad)

z = torch.matmul(x, w)+b
z_det = z.detach()
print(z_det.requires_grad)

print(f"Gradient function for z = {z.grad_fn}".split(" object")[0])
print(loss, w, z_det)
"""

ALIAS = "import nbgrad; nbgrad.install_torch_alias()\n"


def run(code, ok=True):
    """What a fresh Python prints; with `ok=False` the last line of what it complains about."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(code)], capture_output=True, text=True)
    if ok:
        assert done.returncode == 0, done.stderr
        return done.stdout
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_every_form_of_import_gives_our_own_modules():
    run(
        ALIAS
        + """
import torch, torch.nn.functional as F, torch.autograd
from torch import nn, Tensor
from torch.autograd import grad
assert torch is nbgrad and nn is nbgrad.nn and F is nbgrad.nn.functional and Tensor is nbgrad.Tensor
assert torch.autograd is nbgrad.autograd and grad is nbgrad.autograd.grad
assert nbgrad.__spec__.name == "nbgrad" and nbgrad.nn.functional.__spec__.name == "nbgrad.nn.functional"
"""
    )


def test_a_second_installation_changes_nothing():
    run(
        ALIAS
        + """
import sys, torch
finders = list(sys.meta_path)
nbgrad.install_torch_alias()
import torch as again
assert sys.meta_path == finders and again is torch is nbgrad
"""
    )


def test_version_reads_as_pytorchs_while_installed():
    out = run(ALIAS + "import torch; print(torch.__version__, torch.version.cuda); nbgrad.uninstall_torch_alias(); print(nbgrad.__version__)")
    installed, after = out.splitlines()
    assert installed.startswith("2.13.0+nbgrad") and installed.endswith(" None")
    assert after == installed.removeprefix("2.13.0+nbgrad").removesuffix(" None")


def test_uninstalling_gives_the_name_back():
    run(
        ALIAS
        + """
import sys, torch.nn.functional
nbgrad.uninstall_torch_alias()
nbgrad.uninstall_torch_alias()
assert not [name for name in sys.modules if name.partition(".")[0] == "torch"]
sys.path[:] = []
try:
    import torch
except ModuleNotFoundError as error:
    assert str(error) == "No module named 'torch'"
else:
    raise AssertionError("torch is still there")
"""
    )


def test_refuses_where_pytorch_is_loaded():
    fake = "import sys, types; sys.modules['torch'] = types.ModuleType('torch'); sys.modules['torch'].__version__ = '9.9'\n"
    said = run(fake + ALIAS, ok=False)
    assert said.startswith("RuntimeError: PyTorch 9.9 is already loaded here") and "import nbgrad as torch" in said


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("import torch.distributed", "torch.distributed"),
        ("from torch import distributed", "torch.distributed"),
        ("from torch.nn import NoSuchLayer", "torch.nn.NoSuchLayer"),
        ("import torch.nn.nosuch.deeper", "torch.nn.nosuch"),
    ],
)
def test_what_is_not_there_yet_is_said_in_one_line(statement, missing):
    assert run(ALIAS + statement, ok=False) == f"ModuleNotFoundError: nbgrad has no {missing} yet"


def test_an_unknown_attribute_names_the_closest_ones():
    import nbgrad

    with pytest.raises(AttributeError, match=r"^nbgrad has no torch\.no_grd yet; closest: torch\.no_grad"):
        nbgrad.no_grd  # noqa: B018
    with pytest.raises(AttributeError, match=r"^nbgrad has no torch\.zzzzzz yet$"):
        nbgrad.zzzzzz  # noqa: B018
    assert not hasattr(nbgrad, "__wrapped__")


def test_libraries_that_ask_for_torch_in_sys_modules_find_us():
    run(
        ALIAS
        + """
import sys, importlib.util, torch
assert sys.modules["torch"] is nbgrad and importlib.util.find_spec("torch").name == "nbgrad"
"""
    )


def test_the_lesson_prints_what_pytorch_prints():
    pytest.importorskip("torch")
    assert run(ALIAS + LESSON) == run(LESSON)
