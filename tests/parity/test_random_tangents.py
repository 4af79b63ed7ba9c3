"""Random programs of operators, views and changes in place on dual tensors: every tangent is PyTorch's."""

from __future__ import annotations

import random
import re
import warnings

import numpy as np
import pytest

import nbgrad

from .programs import ALSO_OURS, SHAPES, STRICTER, Writer, run_line

PROGRAMS = 600
# PyTorch's own two modes disagree at ties; and its forward mode is wrong where an operator in place reads what it overwrites.
AT_TIES = ("clamp", "maximum", "relu", "max(", "abs")


# Refused by one only: elements that share memory, types that have to be converted, layouts of results, in which NumPy differs.
ALLOWED = "refers to a single memory location", "can't be cast", "view size is not compatible"


class DualWriter(Writer):
    """Writes programs whose tensors of floats mostly have tangents, and that compute no gradients."""

    def tensor(self):
        array = f"numbers({self.choose(100)}, {self.pick(SHAPES)}, {self.pick(['float64'] * 6 + ['int64'])!r})"
        made = f"torch.tensor({array})"
        if "float" in array and self.choose(4):
            made = f"torch.autograd.forward_ad.make_dual({made}, torch.tensor({array.replace('numbers(', 'numbers(1000 + ')}))"
        self.lines.append(self.new(made))

    def change_alone(self):
        return f"{self.v()}.{self.pick(['mul_(2)', 'exp_()', 'zero_()', 'sin_()', 'sigmoid_()', 'neg_()'])}"

    def backward(self):
        return self.operator()

    def gradient(self):
        return self.change()

    def of_grad(self):
        return self.assign()

    def memory(self):
        return self.view()


def reads_what_it_overwrites(tensors, line):
    if "append" in line:
        return False
    used = [tensors[int(i)] for i in re.findall(r"v\[(-?\d+)\]", line)]
    return len({t.untyped_storage().data_ptr() for t in used}) < len(used)


def run(oracle, lines):
    """Run a program on both libraries as far as both take it and the outcome is defined; says how many lines that were."""
    ours, theirs = [], []
    with nbgrad.autograd.forward_ad.dual_level(), oracle.autograd.forward_ad.dual_level():
        for done, line in enumerate(lines, 1):
            if any(word in line for word in AT_TIES):
                return done
            if reads_what_it_overwrites(theirs, line):
                return done
            their_error, error = run_line(oracle, theirs, line), run_line(nbgrad, ours, line)
            if their_error is not None or error is not None:
                known = any(s in f"{error}{their_error}" for s in (*STRICTER, *ALSO_OURS, *ALLOWED))
                assert known or None not in (error, their_error), (error, their_error, lines[:done])
                return done
            for a, b in zip(ours, theirs):
                compare_tangents(a, b, oracle, lines[:done])
    return len(lines)


def compare_tangents(ours, theirs, oracle, lines):
    value, tangent = nbgrad.autograd.forward_ad.unpack_dual(ours)
    _, expected = oracle.autograd.forward_ad.unpack_dual(theirs)
    assert (tangent is None) == (expected is None), lines
    if tangent is not None:
        expected = expected.numpy(force=True)
        told = np.isfinite(value.numpy()) & np.isfinite(expected)
        np.testing.assert_allclose(tangent.numpy()[told], expected[told], rtol=1e-6, atol=1e-6, err_msg="\n".join(lines))


def test_tangents_of_random_programs():
    oracle = pytest.importorskip("torch")
    lines = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(PROGRAMS):
            choose = random.Random(seed).randrange
            lines += run(oracle, DualWriter(choose, 8).lines)
    assert lines > 4 * PROGRAMS
