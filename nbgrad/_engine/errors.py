"""Errors in the user's own terms: PyTorch's type and searchable phrase first, then what happened here and where.

Rich text is built only once something has gone wrong. Knows no tensors; takes what it needs as plain arguments.
"""

from __future__ import annotations

import linecache
import os


def where(place) -> str:
    """Say a place `(code, instruction offset)` in words: `line 3: z = x @ w`, with the file's base name outside notebook cells."""
    if place is None:
        return "an unknown line"
    code, offset = place
    line = line_of(code, offset)
    text = linecache.getline(code.co_filename, line).strip()
    said = f"line {line}" if is_cell(code.co_filename) else f"{os.path.basename(code.co_filename)}, line {line}"
    return f"{said}: {text}" if text else said


def line_of(code, offset) -> int:
    """The line of an instruction."""
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno


def is_cell(filename: str) -> bool:
    """Whether code with this file name was typed into a notebook or a prompt."""
    return filename.startswith("<") or "ipykernel_" in filename


def unsupported(what: str, instead: str = "") -> NotImplementedError:
    """The error for what nbgrad does not do yet; it says so, and what to do instead."""
    return NotImplementedError(f"nbgrad does not support {what} yet" + (f"; {instead}" if instead else ""))


def freed(node_name, place) -> RuntimeError:
    """The error of a second backward through freed nodes."""
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
        "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if "
        "you need to backward through the graph a second time or if you need to access saved tensors after calling backward. "
        f"[nbgrad] The first freed step met was {node_name}, made at {where(place)}."
    )


def type_text(kind):
    """A type in PyTorch's messages, by the name of its tensors such as "Float"."""
    return f"CPU{kind}Type" if kind.startswith("Complex") else f"torch.{kind}Tensor"


def modified(kind, shape, output_nr, maker, version, expected, saved_at, changed_at) -> RuntimeError:
    """The error of a saved tensor that was changed in place before backward needed it."""
    from .modes import anomaly

    which = f", which is output {output_nr} of {maker}," if maker else ""
    if anomaly.enabled:
        hint = (
            "Hint: the backtrace further above shows the operation that failed to compute its gradient. The variable in question was changed in "
            "there or anywhere later. Good luck!"
        )
    else:
        hint = (
            "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
            "torch.autograd.set_detect_anomaly(True, check_nan=False)."
        )
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{type_text(kind)} {list(shape)}]{which} is at version {version}; expected version {expected} instead. "
        f"{hint} "
        f"[nbgrad] Its value was saved at {where(saved_at)} and changed in place at {where(changed_at)}."
    )


def broadcast(shapes) -> RuntimeError | None:
    """The error PyTorch gives for shapes that do not broadcast, or None where they do."""
    result = ()
    for shape in shapes:
        longer, shorter = (result, shape) if len(result) >= len(shape) else (shape, result)
        padded = (1,) * (len(longer) - len(shorter)) + tuple(shorter)
        merged = []
        for dim, (a, b) in enumerate(zip(longer, padded)):
            if a != b and 1 not in (a, b):
                first, second = (a, b) if longer is result else (b, a)
                return RuntimeError(
                    f"The size of tensor a ({first}) must match the size of tensor b ({second}) at non-singleton dimension {dim}"
                )
            merged.append(b if a == 1 else a)
        result = tuple(merged)
    return None
