"""`%%autograd --watch`: follows a training loop from the outside. The first backward pass ends the record; from then on operators run unheard, and
only the beginnings and ends of backward passes are looked at.

A measured step reads each parameter's `.grad` when the pass ends, and what the update did to the parameter when the next one begins. How often that
happens is set by what it costs: at most `SHARE` of the time, and never more than `POINTS` steps are kept (then every second one goes, and the
distance doubles). `recording.py` begins and ends it and shows it.
"""

from __future__ import annotations

import math
import statistics
import sys
from threading import get_ident
from time import monotonic

import numpy as np

from .._engine import observe
from .._engine.modes import place_of_user
from .._engine.observe import Observer, both
from .._engine.tensor import Tensor
from ..graph.source import names_of
from ..graph.static import escape
from .expected import expected_times
from .live import VIEWS
from .pace import PUSH_INTERVAL, Pace, Rate
from .strips import Strip, table
from .units import unit_axis

SHARE = 0.003  # of the time of the loop that measuring may take
PUSH_SHARE = 0.002  # and sending
PUSH_CREDIT = 0.05  # seconds of sending, once, that count for nothing: the first goes out while the picture does
CREDIT = 0.006  # seconds of measuring, once, that count for nothing, so that a short loop is measured at every step
POINTS = 512  # steps that are kept
MOST = 500  # parameters
MOST_ROWS = 200  # of the table for readers without a kernel
PUSH_BYTES = 90_000  # of series in one push
PATIENCE = 8  # backward passes in which a measured step waits for its update
RECENT = 5  # measured steps that decide whether a layer is marked
_frame = sys._getframe
VANISHED, EXPLODED = 1e-3, 1e3  # of the gradient of the last layer, root mean square over elements


class Watch(Observer):
    """Hears the backward passes of one thread until `stop`."""

    hears_nodes = False

    def __init__(self, begun, cell: str | None, expected: int | None = None):
        """`begun` is called once, when the first backward pass is over, and gives (graph, {value id: weak reference}) of what was recorded.
        `expected` is the number of steps if the reader has said so, else it is read from the loops in the source."""
        self._begun, self._cell, self.of = begun, cell, expected
        self._thread = get_ident()
        self._told = expected is not None
        self._code = self._instruction = None  # of the first backward call: reaching it again is a step
        self._depth = 1 << 30  # frames between it and us, once known
        self.line = None
        self.step = 0
        self.strips, self.notes = [], []
        self.steps, self._kept = [], np.empty((2, POINTS, 0))  # of each step kept: gradient norm and update ratio of each strip
        self.losses = []
        self._every, self._next = 1, 1
        self._measuring, self._due = False, 0.0
        self._rate, self._look_at = Rate(), 0  # the step at which to look at the clock again
        self.newest, self._told_views = -1, 0  # up to which node the live views must hear of a pass; the step that they have heard of last
        self._waiting = 0  # passes that the last measured step has waited for its update
        self._pending = None  # its row
        self._pace = Pace(SHARE, credit=CREDIT)
        self._pushes = Pace(PUSH_SHARE, PUSH_INTERVAL, credit=PUSH_CREDIT)
        self._began = monotonic()
        self._loss = None
        self._leaves = ()
        self.view = None
        self.ended = None  # "finished", "stopped"; why
        observe.watchers.append(self)
        VIEWS.lead(self)

    # ---- what it hears

    def wants(self, roots, nodes, accumulators):
        """Count the pass, and hear of its end if it is to be measured. What stands here runs at every step of the reader's loop."""
        if get_ident() != self._thread:  # not the loop's, but the live views may follow it
            return VIEWS.wants_led(nodes, 0) if VIEWS.leader is self else None
        try:
            frame = _frame(self._depth)
            is_step = frame.f_lasti == self._instruction if frame.f_code is self._code else self._is_step()
        except ValueError:  # the first pass, or one called from less deep
            is_step = self._is_step()
        if is_step:
            self.step += 1
            if self.step < self._look_at and nodes and nodes[-1].sequence > self.newest:
                return None
        live = None
        if VIEWS.leader is self:
            live = VIEWS.wants_led(nodes, self.step - is_step - self._told_views)
            self._told_views = self.step
        return both(live, self if self._to_be_measured(is_step, roots, accumulators) else None)

    def _to_be_measured(self, is_step, roots, accumulators):
        """Whether the pass that begins is to be measured; what is due before it is done."""
        if is_step:
            self._measuring = False
            left = self._rate.until(min(self._due, VIEWS.due()))
            if left and self.step != self.of:
                self._look_at = self.step + left if self.of is None or self.step >= self.of else min(self.step + left, self.of)
                return False
            self._try(self._come_due, accumulators)
        elif self._pending is not None:
            self._try(self._settle, accumulators)
        if not self._measuring:
            return False
        self._try(self._look, roots, accumulators)
        return self.ended is None

    def _come_due(self, accumulators):
        """Finish the last measured step, send what there is, and see whether this step is to be measured, as far as each is due."""
        if self._pending is not None:
            self._settle(accumulators)
        if self.view is not None and monotonic() >= self._pushes.due:
            self.push()
        self._measuring = self.step == self.of or self.step >= self._next and monotonic() >= self._pace.due
        self._due = self._pace.due if self.view is None else min(self._pace.due, self._pushes.due)
        if self._measuring or self._pending is not None:
            self._due = 0.0  # the next step sees to this one's update

    def _is_step(self):
        """Whether this pass was asked for where the first one was; if so, how deep that lies is known from now on."""
        place = place_of_user()
        first = self._code is None
        if first:
            self._code, self._instruction = place
        elif place != (self._code, self._instruction):
            return False
        frame, depth = _frame(1), 0
        while frame is not None and (frame.f_code, frame.f_lasti) != place:
            frame, depth = frame.f_back, depth + 1
        if frame is not None:
            self._depth = depth
            if first:
                self.line = frame.f_lineno
                if self.of is None:
                    self._try(self._expect, frame)
        return True

    def _expect(self, frame):
        self.of = expected_times(frame, self._cell)

    def _look(self, roots, accumulators):
        """Before a measured pass: which leaves it goes to, and what their gradients are."""
        self._pace.begin()
        self._leaves = [node.variable for node in accumulators]
        self._rebind()
        for strip in self.strips:
            strip.expect()
        loss = roots[0]._array if len(roots) == 1 and isinstance(roots[0], Tensor) else None
        self._loss = float(loss.reshape(-1)[0].real) if loss is not None and loss.size == 1 else None
        self._pace.end()

    def backward_end(self):
        """Measure the gradients that the pass has left."""
        self._try(self._end)

    def _end(self):
        if not self.strips and self._begun is not None:
            begun, self._begun = self._begun, None
            self._find_strips(*begun())
        self._pace.begin()
        self._measure()
        self._pace.end()
        self._leaves = ()
        if self.view is not None and monotonic() >= self._pushes.due:
            self.push()

    def _try(self, work, *args):
        """The reader's loop must not fail for what is shown beside it: a fault of ours is told once and ends the watching."""
        try:
            work(*args)
        except Exception as fault:
            self.notes.append(f"watching ended at step {self.step:,}, which is a fault of nbgrad's: {type(fault).__name__}: {fault}")
            self.stop("failed", self.notes[-1])

    # ---- which parameters

    def _find_strips(self, graph, references):
        """One strip for each leaf that the first pass brought a gradient to, in the order in which the record first uses them."""
        ids = {id(t): key for key, ref in references.items() if (t := ref()) is not None}
        used = {key: i for i, key in enumerate(dict.fromkeys(i for c in graph.calls for i in c.inputs))}
        values = {v.id: v for v in graph.values}
        leaves = sorted(self._leaves, key=lambda t: used.get(ids.get(id(t)), len(used)))
        for tensor in leaves[:MOST]:
            key = ids.get(id(tensor))
            value = values.get(key)
            axis = None if value is None else unit_axis(graph, key)
            self._add(Strip(value.name if value is not None and value.name else key or f"leaf {len(self.strips) + 1}", key, tensor, axis))
        if len(leaves) > MOST:
            self.notes.append(f"the first {MOST:,} of {len(leaves):,} parameters are watched")
        large = [s for s in self.strips if s.every > 1]
        if large:
            said = "of " + large[0].name if len(large) == 1 else f"of {len(large)} large parameters"
            self.notes.append(f"the update {said} is measured on one element in {large[0].every:,}" + (" or more" if len(large) > 1 else ""))

    def _add(self, strip):
        matrix = len(strip.shape) >= 2
        before = self.strips[-1] if self.strips else None
        strip.layer = 0 if before is None else before.layer + (matrix or not any(len(s.shape) >= 2 for s in self.strips))
        self.strips.append(strip)
        self._kept = np.concatenate([self._kept, np.full((2, POINTS, 1), np.nan)], axis=2)

    def _rebind(self):
        """Follow a variable that was assigned anew: by its name, else by its shape if only one strip has lost its tensor."""
        known = {id(t) for s in self.strips if (t := s.tensor()) is not None}
        fresh = [t for t in self._leaves if id(t) not in known]
        if not fresh or not self.strips:
            return
        here = {id(t) for t in self._leaves}
        lost = [s for s in self.strips if (t := s.tensor()) is None or id(t) not in here]
        names = names_of({id(t): t for t in fresh}, self.namespace) if self.namespace else {}
        for tensor in fresh:
            same = [s for s in lost if s.shape == tuple(tensor._array.shape)]
            gone = [s for s in same if s.tensor() is None]
            named = [s for s in same if s.name == names.get(id(tensor))] or (gone if len(gone) == 1 else [])
            if named:
                named[0].rebind(tensor)
                lost.remove(named[0])
            elif (name := names.get(id(tensor))) and len(self.strips) < MOST and not any(s.name == name for s in self.strips):
                self._add(Strip(name, None, tensor))

    namespace = None  # the reader's variables

    # ---- measuring

    def _measure(self):
        """Write down this step's row, or complete it where several backward passes make one step."""
        row = len(self.steps) - 1
        if not self.steps or self.steps[-1] != self.step:
            row = self._new_row()
        for column, strip in enumerate(self.strips):
            found = strip.gradient_norm(self.step)
            if not math.isnan(found):
                self._kept[0, row, column] = found
            strip.keep()
        self._pending, self._waiting = row, 0

    def _new_row(self):
        if len(self.steps) == POINTS:  # every second one goes
            self.steps, self.losses = self.steps[::2], self.losses[::2]
            self._kept[:, : POINTS // 2] = self._kept[:, ::2].copy()
            self._kept[:, POINTS // 2 :] = np.nan
            self._every *= 2
        self._next = self.step + self._every
        self.steps.append(self.step)
        self.losses.append(self._loss)
        return len(self.steps) - 1

    def _settle(self, accumulators):
        """The next pass begins: what has the update since the measured step changed?"""
        self._pace.begin()
        self._leaves = [node.variable for node in accumulators]
        self._rebind()
        self._compare()
        self._leaves = ()
        self._pace.end()

    def _compare(self):
        if any(strip.changed() for strip in self.strips):
            for column, strip in enumerate(self.strips):
                self._kept[1, self._pending, column] = strip.update_ratio(self.steps[self._pending])
            self._pending = None
            return
        self._waiting += 1  # nothing was updated yet: gradients are being accumulated
        if self._waiting >= PATIENCE:
            self._pending = None

    # ---- the end

    def stop(self, state: str = "finished", why: str = "") -> None:
        """Hear no more; a second call changes nothing."""
        if self.ended is None:
            self.ended = (state, why)
        if self in observe.watchers:
            observe.watchers.remove(self)
            VIEWS.leave(self, self.step - self._told_views)

    def finish(self, error: BaseException | None) -> None:
        """The cell is over: see to the last update, and let the view show how it ended."""
        if self._pending is not None and self.ended is None:
            present = [(self.namespace or {}).get(s.name) for s in self.strips]
            self._leaves = [t for t in present if isinstance(t, Tensor) and t._requires_grad]
            self._try(self._rebind)
            self._try(self._compare)
        self.stop(*(("finished", "") if error is None else ("stopped", type(error).__name__)))
        self._leaves = ()
        if self.view is not None:
            self.push()

    # ---- what is shown

    def parameters(self) -> list[dict]:
        """Of each parameter what does not change: see `GraphView.watched`."""
        return [
            {"id": s.id, "name": s.name, "group": s.group, "shape": list(s.shape), "size": s.size, "units": s.units(), "every": s.every}
            for s in self.strips
        ]

    def progress(self) -> dict:
        """How far the loop is: see `GraphView.progress`."""
        state, why = self.ended or ("running", "")
        of = self.of if self.of is not None and self.step <= self.of else None
        loss = next((x for x in reversed(self.losses) if x is not None), None)
        return {
            "step": self.step, "of": of, "state": state, "why": why, "line": self.line, "measured": len(self.steps), "every": self._every,
            "loss": loss if loss is None or math.isfinite(loss) else str(loss), "seconds": round(monotonic() - self._began, 2), "notes": list(self.notes),
        }  # fmt: skip

    def series(self) -> dict:
        """The steps that were measured and what was found: see `GraphView.strips`."""
        count, columns = len(self.steps), max(len(self.strips), 1)
        room = max(2, min(POINTS, PUSH_BYTES // (8 * columns + 8)))
        shown = np.unique(np.linspace(0, count - 1, min(count, room)).round().astype(int)) if count else np.empty(0, int)
        with np.errstate(divide="ignore"):
            logs = np.log10(self._kept[:, shown]).transpose(0, 2, 1).astype("<f4")
        losses = np.array([math.nan if self.losses[i] is None else self.losses[i] for i in shown], "<f4")
        return {
            "steps": np.array(self.steps, "<i4")[shown].tobytes(), "loss": losses.tobytes(), "norm": logs[0].tobytes(), "ratio": logs[1].tobytes(),
            "dead": [s.dead() for s in self.strips], "bad": {str(i): s.bad for i, s in enumerate(self.strips) if s.bad},
        }  # fmt: skip

    def marks(self) -> dict[str, dict]:
        """What is wrong with layers now: `{value id: {"kind", "text"}}`, kind "nan", "vanishing" or "exploding"."""
        found = {}
        troubled = self._troubled_layers()
        for s in self.strips:
            if s.bad is not None:
                found[s] = {"kind": "nan", "text": f"{s.bad['what']} in the {s.bad['where']}, step {s.bad['step']:,}"}
            elif s.layer in troubled:
                found[s] = troubled[s.layer]
        self.marked = {s.name: mark for s, mark in found.items()}
        return {s.id: mark for s, mark in found.items() if s.id is not None}

    def _troubled_layers(self):
        """By layer (a parameter of two or more dimensions and the vectors that follow it) the mark it deserves, against the last layer."""
        rows = slice(max(0, len(self.steps) - RECENT), len(self.steps))
        if len(self.steps) < 3 or not any(len(s.shape) >= 2 for s in self.strips):
            return {}
        layers = {}
        for column, s in enumerate(self.strips):
            rms = self._kept[0, rows, column] / math.sqrt(max(s.size, 1))
            rms = rms[np.isfinite(rms)]
            if rms.size:
                layers.setdefault(s.layer, []).append(statistics.median(rms.tolist()))
        sizes = {layer: max(found) for layer, found in layers.items()}
        last = sizes.get(self.strips[-1].layer, 0.0)
        marks = {}
        for layer, size in sizes.items():
            if size == 0:
                marks[layer] = {"kind": "vanishing", "text": "vanishing: the gradient is exactly 0"}
            elif last > 0 and size < VANISHED * last:
                marks[layer] = {"kind": "vanishing", "text": f"vanishing: gradient {size / last:.1e} of the last layer's"}
            elif last > 0 and size > EXPLODED * last:
                marks[layer] = {"kind": "exploding", "text": f"exploding: gradient {size / last:.1e} times the last layer's"}
        return marks

    def show_in(self, view) -> None:
        """Let a view show this loop."""
        self.view = view
        view.status = "The graph is that of the first step; parameters follow the loop."

    def push(self) -> None:
        """Send the present state to the page."""
        self._pushes.begin()
        with self.view.hold_sync():
            self.view.watched = self.parameters()
            self.view.progress = self.progress()
            self.view.strips = self.series()
            self.view.marks = self.marks()
        self._pushes.end()

    def table(self) -> tuple[str, list[list[str]], list[str]]:
        """What was measured, as a title, rows and headings of text."""
        self.marks()
        progress = self.progress()
        of = f" of {progress['of']:,}" if progress["of"] is not None and progress["of"] != self.step else ""
        if not self.step:
            return "watched no step: this cell ran no backward pass", [], []
        title = f"watched {self.step:,}{of} step{'' if self.step == 1 and not of else 's'}"
        title += f", stopped by {progress['why']}" if progress["state"] == "stopped" else ""
        rows = []
        for column, s in enumerate(self.strips):
            norms = [x for x in self._kept[0, : len(self.steps), column].tolist() if not math.isnan(x)]
            ratios = [x for x in self._kept[1, : len(self.steps), column].tolist() if not math.isnan(x)]
            dead = s.dead()
            rows.append([
                s.name, f"{brief(norms[0])} → {brief(norms[-1])}" if norms else "–", brief(ratios[-1]) if ratios else "–",
                "–" if dead is None else f"{dead:,} of {s.units():,}", self.marked.get(s.name, {}).get("text", "").partition(":")[0],
            ])  # fmt: skip
        return title, rows, ["parameter", "gradient norm, first → last", "update / weight", "dead units", ""]

    def to_page(self) -> str:
        """The table as HTML without scripts."""
        title, rows, headings = self.table()
        style = "padding:2px 10px 2px 0;text-align:left;vertical-align:top;border:0"

        def line(tag, cells):
            return "<tr>" + "".join(f'<{tag} style="{style}">{escape(c)}</{tag[:2]}>' for c in cells) + "</tr>"

        lines = [line('th scope="col"', headings), *(line("td", row) for row in rows[:MOST_ROWS])]
        if len(rows) > MOST_ROWS:
            lines.append(line("td", [f"… {len(rows) - MOST_ROWS:,} more"]))
        notes = "".join(f"<div>{escape(n)}</div>" for n in self.notes)
        table = f'<table style="border-collapse:collapse;font-size:12px">{"".join(lines)}</table>'
        return f'<div style="font-family:system-ui,sans-serif;font-size:13px;margin-top:8px">{escape(title)}{table}{notes}</div>'

    def to_text(self) -> str:
        """The table for a terminal."""
        title, rows, headings = self.table()
        return "\n".join([title, *([table(rows, headings)] if rows else []), *self.notes])


def brief(x: float) -> str:
    """A number with three significant digits; infinity stands for NaN or Inf among the elements."""
    return "not finite" if math.isinf(x) else "0" if x == 0 else f"{x:.3g}"
