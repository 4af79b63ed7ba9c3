"""What a profiler has measured: events, their averages, and the table that shows them, under PyTorch's names.

Times are microseconds, memory is bytes.
"""

from __future__ import annotations

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "Interval"]


class Interval:
    """From when to when, in microseconds since the profiler began."""

    __slots__ = ("start", "end")

    def __init__(self, start, end):
        self.start, self.end = start, end

    def elapsed_us(self):
        """How long it took."""
        return self.end - self.start


class _Times:
    """What events and their averages show alike; what happens on other devices is nothing."""

    device_time_total = self_device_time_total = device_time = 0.0
    device_memory_usage = self_device_memory_usage = 0

    @property
    def cpu_time(self):
        """Time of one call on average, with what it called."""
        return self.cpu_time_total / self.count if self.count else 0.0

    cpu_time_str = property(lambda self: _time(self.cpu_time), doc="`cpu_time` in words.")
    cpu_time_total_str = property(lambda self: _time(self.cpu_time_total), doc="`cpu_time_total` in words.")
    self_cpu_time_total_str = property(lambda self: _time(self.self_cpu_time_total), doc="`self_cpu_time_total` in words.")


class FunctionEvent(_Times):
    """One call of an operator, one node of a backward pass, or one `record_function` block."""

    count = 1

    def __init__(self, id, name, thread, start, end, input_shapes=(), memory=0, sequence_nr=-1, is_user_annotation=False):
        self.id, self.name, self.key, self.trace_name, self.thread = id, name, name, name, thread
        self.time_range = Interval(start, end)
        self.input_shapes = list(input_shapes)
        self.sequence_nr, self.is_user_annotation = sequence_nr, is_user_annotation
        self.self_cpu_memory_usage = memory
        self.cpu_memory_usage = memory
        self.cpu_parent = None
        self.cpu_children = []

    def append_cpu_child(self, child):
        """Count another event as part of this one."""
        self.cpu_children.append(child)
        child.cpu_parent = self
        self.cpu_memory_usage += child.cpu_memory_usage

    @property
    def cpu_time_total(self):
        """How long it took, with what it called."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self):
        """How long it took, without what it called."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    def __repr__(self):
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} start_us={self.time_range.start:.3f} "
            f"end_us={self.time_range.end:.3f} cpu_children={[c.id for c in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class FunctionEventAvg(_Times):
    """Events of one name, added up."""

    def __init__(self, key=None, input_shapes=None):
        self.key, self.input_shapes = key, input_shapes
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.cpu_parent = None

    def add(self, other):
        """Count another event, or average, in."""
        nested, above = False, other.cpu_parent
        while above is not None and not nested:  # a call inside one of the same name is part of that one's time
            nested, above = above.key == other.key, above.cpu_parent
        self.count += other.count
        self.self_cpu_time_total += other.self_cpu_time_total
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        if not nested:
            self.cpu_time_total += other.cpu_time_total
            self.cpu_memory_usage += other.cpu_memory_usage
        return self

    __iadd__ = add

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} cpu_time={self.cpu_time_str} "
            f"input_shapes={self.input_shapes or ''} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list):
    """Events, or averages of them, in order; prints as a table."""

    def __init__(self, events=(), profile_memory=False):
        super().__init__(events)
        self._profile_memory = profile_memory

    def __str__(self):
        return self.table()

    @property
    def self_cpu_time_total(self):
        """The time of all events, each moment counted once."""
        return sum(event.self_cpu_time_total for event in self)

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False):
        """Add up the events of each name, or of each name and shapes of inputs."""
        found = {}
        for event in self:
            key = (event.key, str(event.input_shapes) if group_by_input_shape else "")
            if key not in found:
                found[key] = FunctionEventAvg(event.key, event.input_shapes if group_by_input_shape else None)
            found[key].add(event)
        return EventList(found.values(), self._profile_memory)

    def total_average(self):
        """Add up all events."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    def table(
        self, sort_by=None, row_limit=100, max_src_column_width=75, max_name_column_width=55, max_shapes_column_width=80, header=None,
        top_level_events_only=False, time_unit=None,
    ):  # fmt: skip
        """Text with a row for each event: the first `row_limit` (-1 for all), by falling `sort_by`, the name of an attribute of theirs.

        `time_unit` is "s", "ms" or "us" for all, None for what suits each. Raises `AttributeError` for a `sort_by` that there is not.
        """
        if not self:
            return ""
        events = self
        if sort_by is not None:
            attribute = sort_by.replace("cuda", "device").replace("xpu", "device")
            events = sorted(self, key=lambda event: getattr(event, attribute), reverse=True)
        if top_level_events_only:
            events = [e for e in events if e.cpu_parent is None]
        total = self.self_cpu_time_total
        with_shapes = any(e.input_shapes for e in self)
        columns = [("Name", _column_width([e.key for e in self], max_name_column_width))]
        columns += [(title, 12) for title in ("Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg")]
        columns += [(title, 12) for title in ("CPU Mem", "Self CPU Mem") if self._profile_memory] + [("# of Calls", 12)]
        if with_shapes:
            columns.append(("Input Shapes", _column_width([str(e.input_shapes) for e in self], max_shapes_column_width)))
        rule = "  ".join("-" * width for _, width in columns) + "  "
        lines = [rule, _row([title for title, _ in columns], columns), rule]
        if header is not None:
            lines = ["=" * len(rule), header, *lines]
        for event in events if row_limit < 0 else events[:row_limit]:
            times = event.self_cpu_time_total, event.cpu_time_total
            cells = [_shortened(event.key, columns[0][1]), _share(times[0], total), _time(times[0], time_unit), _share(times[1], total)]
            cells += [_time(times[1], time_unit), _time(event.cpu_time, time_unit)]
            cells += [_memory(m) for m in (event.cpu_memory_usage, event.self_cpu_memory_usage) if self._profile_memory] + [str(event.count)]
            if with_shapes:
                cells.append(_shortened(str(event.input_shapes or []), columns[-1][1]))
            lines.append(_row(cells, columns))
        return "\n".join([*lines, rule, f"Self CPU time total: {_time(total, time_unit)}", ""])

    def export_chrome_trace(self, path):
        """Write the events to a JSON file that chrome://tracing and Perfetto show."""
        import json  # here only, so that importing the package does not pay for it
        import os

        traced = []
        for e in self:
            args = {"External id": e.id} | ({"Input Dims": e.input_shapes} if e.input_shapes else {})
            args |= {"Sequence number": e.sequence_nr} if e.sequence_nr >= 0 else {}
            traced.append(
                {"ph": "X", "cat": "user_annotation" if e.is_user_annotation else "cpu_op", "name": e.name, "pid": os.getpid(), "tid": e.thread,
                 "ts": e.time_range.start, "dur": e.time_range.elapsed_us(), "args": args}
            )  # fmt: skip
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": traced}, file)


def _column_width(texts, limit):
    longest = max(map(len, texts)) + 4
    return longest if limit is None else min(longest, limit)


def _shortened(text, width):
    return text if len(text) <= width else text[: width - 3] + "..."


def _row(cells, columns):
    return "  ".join(cell.rjust(width) for cell, (_, width) in zip(cells, columns)) + "  "


def _time(us, unit=None):
    unit = unit or ("s" if us >= 1e6 else "ms" if us >= 1e3 else "us")
    return f"{us / {'s': 1e6, 'ms': 1e3, 'us': 1.0}[unit]:.3f}{unit}"


def _share(part, whole):
    return f"{100 * part / whole:.2f}%" if whole else "NaN" if part else "0.00%"


def _memory(nbytes):
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if abs(nbytes) >= size:
            return f"{nbytes / size:.2f} {unit}"
    return f"{nbytes} B"
