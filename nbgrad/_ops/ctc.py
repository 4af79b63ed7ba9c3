"""Connectionist temporal classification: `ctc_loss`, by sums over all alignments, forward and backward in time (Graves et al. 2006).

Labels are extended by blanks between, before and after them: `b l1 b l2 b`. An alignment stays where it is, goes on by one, or passes over a blank
between two labels that differ. All examples go through time side by side; the sums are of logarithms.
"""

from __future__ import annotations

import numpy as np

from .._engine.batched import BatchedArray, NotBatchable
from .._engine.observe import tell_read
from .._engine.op import composite, primitive
from .._engine.tensor import Tensor, wrap
from .choice import where
from .loss import _check_reduction, reduce_tensor
from .pointwise import no_derivative

_CHECKED = "(while checking arguments for ctc_loss_allocate_outputs)"


def _extended(targets, blank):
    """Labels with blanks around them (n, 2 s + 1), and where a blank between two labels may be passed over."""
    labels = np.full((targets.shape[0], 2 * targets.shape[1] + 1), blank, np.int64)
    labels[:, 1::2] = targets
    passing = np.zeros(labels.shape, bool)
    passing[:, 2:] = labels[:, 2:] != labels[:, :-2]
    return labels, passing


def _emitted(log_probs, labels):
    """The log-probability of each extended label at each time: (time, n, labels)."""
    return np.take_along_axis(log_probs, np.broadcast_to(labels, (log_probs.shape[0], *labels.shape)), 2)


def _later(rows, by):
    """Rows moved to the right, with minus infinity where nothing comes from."""
    out = np.full_like(rows, -np.inf)
    if by < rows.shape[1]:
        out[:, by:] = rows[:, : rows.shape[1] - by]
    return out


def _sum_of(*logarithms):
    """The logarithm of a sum of exponentials."""
    return np.logaddexp.reduce(logarithms)


def _forward_sums(emitted, passing, target_lengths):
    """For each time and extended label the log-probability of all beginnings of alignments that end there."""
    sums = np.full_like(emitted, -np.inf)
    if not len(sums):
        return sums
    first = np.arange(emitted.shape[2]) < np.where(target_lengths > 0, 2, 1)[:, None]
    sums[0] = np.where(first, emitted[0], -np.inf)
    for time in range(1, len(sums)):
        before = sums[time - 1]
        sums[time] = _sum_of(before, _later(before, 1), np.where(passing, _later(before, 2), -np.inf)) + emitted[time]
    return sums


def _backward_sums(emitted, passing, input_lengths, target_lengths):
    """For each time and extended label the log-probability of all ends of alignments that begin there."""
    sums = np.full_like(emitted, -np.inf)
    places = np.arange(emitted.shape[2])
    last = (places <= 2 * target_lengths[:, None]) & (places >= 2 * target_lengths[:, None] - 1)
    after = np.full_like(passing, False)
    after[:, :-2] = passing[:, 2:]
    within = places <= 2 * target_lengths[:, None]
    for time in reversed(range(len(sums))):
        if time + 1 < len(sums):
            behind = sums[time + 1][:, ::-1]
            going = _sum_of(sums[time + 1], _later(behind, 1)[:, ::-1], np.where(after, _later(behind, 2)[:, ::-1], -np.inf))
            sums[time] = np.where(within, going + emitted[time], -np.inf)
        ends = (input_lengths == time + 1)[:, None]
        sums[time] = np.where(ends, np.where(last, emitted[time], -np.inf), np.where((input_lengths > time)[:, None], sums[time], -np.inf))
    return sums


@primitive(
    "_ctc", outputs=("output", "log_alpha"), node="CtcLossBackward0", method=False, namespace=(), tensors=("log_probs", "targets"),
    vjp={
        "log_probs": lambda grad_output, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity, output, log_alpha: (
            grad_output.reshape((1, -1, 1))
            * _ctc_slope(log_probs, targets, output, log_alpha, input_lengths, target_lengths, blank, zero_infinity)
        )
    },
)  # fmt: skip
def _ctc(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity):
    """The negative log-likelihood of each example, and the sums over beginnings of alignments, (n, time, labels)."""
    input_lengths, target_lengths = np.asarray(input_lengths), np.asarray(target_lengths)
    labels, passing = _extended(targets, blank)
    sums = _forward_sums(_emitted(log_probs, labels), passing, target_lengths)
    examples = np.arange(log_probs.shape[1])
    if len(sums):
        last = sums[np.maximum(input_lengths - 1, 0), examples]
        end, before = last[examples, 2 * target_lengths], last[examples, np.maximum(2 * target_lengths - 1, 0)]
        likelihood = np.logaddexp(end, np.where(target_lengths > 0, before, -np.inf))
    else:
        likelihood = np.zeros(len(examples), log_probs.dtype)
    likelihood = np.where(input_lengths > 0, likelihood, np.where(target_lengths > 0, -np.inf, 0)).astype(log_probs.dtype)
    return -likelihood, sums.swapaxes(0, 1)


@primitive(
    "_ctc_slope", vjp={"log_probs": lambda grad: no_derivative("_ctc_loss_backward")(grad)}, method=False, namespace=(), node="NotImplemented",
    tensors=("log_probs", "targets"),
)  # fmt: skip
def _ctc_slope(log_probs, targets, loss, log_alpha, input_lengths, target_lengths, blank, zero_infinity):
    """The gradient of each example's loss: how likely a class is at a time, less how likely it is given the labels."""
    input_lengths, target_lengths = np.asarray(input_lengths), np.asarray(target_lengths)
    time, n, classes = log_probs.shape
    labels, passing = _extended(targets, blank)
    emitted = _emitted(log_probs, labels)
    backward = _backward_sums(emitted, passing, input_lengths, target_lengths)
    with_labels = np.exp(np.where(np.isfinite(emitted), log_alpha.swapaxes(0, 1) + backward - emitted, -np.inf) + loss[:, None])
    rows = np.arange(time * n).reshape((time, n, 1)) * classes + labels
    taken = np.bincount(rows.reshape(-1), with_labels.reshape(-1), time * n * classes).reshape(log_probs.shape)
    slope = np.exp(log_probs) - taken
    if zero_infinity:
        slope = np.where(np.isinf(loss)[:, None], 0, slope)
    return np.where((np.arange(time)[:, None] < input_lengths)[:, :, None], slope, 0).astype(log_probs.dtype)


def _lengths(given, name, n):
    """Lengths given as a tensor or one by one, as a tuple of as many as there are examples."""
    if isinstance(given, Tensor):
        tell_read(given)
        if given._array.dtype.kind not in "iu":
            raise RuntimeError(f"{name} must be integral")
        if type(given._array) is BatchedArray:
            raise NotBatchable("lengths say how far loops go")
        given = given._array.reshape(-1).tolist()
    given = tuple(int(x) for x in given)
    if len(given) != n:
        raise RuntimeError(f"{name} must be of size batch_size")
    return given


def _check_lengths(lengths, name, most=None):
    for length in lengths:
        if length < 0:
            raise RuntimeError(f"Expected {name} to have value at least 0, but got value {length} {_CHECKED}")
        if most is not None and length > most:
            raise RuntimeError(f"Expected {name} to have value at most {most}, but got value {length} {_CHECKED}")


def _unfit(expected, size):
    return RuntimeError(f"Expected tensor to have size {expected}, but got size {size} for argument #2 'targets' {_CHECKED}")


def _in_rows(targets, lengths):
    """Targets that may come one after another, as a row for each example."""
    longest = max(lengths, default=0)
    if targets.ndim == 2:
        if targets.shape[0] != len(lengths):
            raise _unfit(f"{len(lengths)} at dimension 0", targets.shape[0])
        if targets.shape[1] < longest:
            raise _unfit(f"at least {longest} at dimension 1", targets.shape[1])
        return targets[:, :longest]
    if targets.ndim != 1:
        raise RuntimeError(f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for argument #2 'targets' {_CHECKED}")
    if targets.size != sum(lengths):
        raise _unfit(f"{sum(lengths)} at dimension 0", targets.size)
    rows = np.zeros((len(lengths), longest), targets.dtype)
    rows[np.arange(longest) < np.array(lengths, np.int64)[:, None]] = targets
    return rows


def _labels(targets, lengths, classes, blank):
    """Checked labels, a row for each example, blank behind its last."""
    if targets.dtype.kind not in "iu":
        raise RuntimeError("targets must be integral")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    rows = _in_rows(targets, lengths)
    real = np.arange(rows.shape[1]) < np.array(lengths, np.int64)[:, None]
    rows = np.where(real, rows, blank)
    if rows.size and not (0 <= rows.min() and rows.max() < classes):  # PyTorch reads beyond its memory here
        raise RuntimeError(f"targets must be in label range: from 0 to {classes - 1}, but got {rows.min() if rows.min() < 0 else rows.max()}")
    return rows.astype(np.int64)


@composite("nn.functional.ctc_loss", method=False, namespace=("nn.functional",))
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """Average the negative log-likelihood of label sequences, over all alignments with the input; "mean" divides by their lengths first.

    `log_probs`: (time, n, classes) or (time, classes), from `log_softmax`; `targets`: (n, labels), or all labels one after another, none of
    them the blank. As in PyTorch the gradient takes log_softmax for granted: to it is added what that takes away, the probabilities themselves.
    """
    _check_reduction(reduction)
    batched = log_probs.dim() == 3
    if not batched:
        log_probs = log_probs.unsqueeze(1)
    time, n, classes = log_probs.shape
    if log_probs._array.dtype.name not in ("float32", "float64"):
        raise NotImplementedError(f"\"ctc_loss_cpu\" not implemented for '{log_probs.dtype.tensor_name}'")
    input_lengths, target_lengths = _lengths(input_lengths, "input_lengths", n), _lengths(target_lengths, "target_lengths", n)
    _check_lengths(input_lengths, "input_lengths", time)
    _check_lengths(target_lengths, "target_lengths")
    tell_read(targets)
    targets = targets._array if batched or targets.dim() != 1 else targets._array[None]
    rows = wrap(_labels(targets, target_lengths, classes, blank))
    losses = _ctc.function(log_probs, rows, input_lengths, target_lengths, blank, zero_infinity).output
    if zero_infinity:
        losses = where.function(losses == float("inf"), 0.0, losses)
    if not batched:
        losses = losses.squeeze(0)
    if reduction == "mean":
        return (losses / wrap(np.maximum(target_lengths, 1).astype(log_probs._array.dtype).reshape(losses.shape))).mean()
    return reduce_tensor(losses, reduction)
