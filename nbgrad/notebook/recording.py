"""Recording a cell: begin, end, and what is shown then.

`magic.py` says when. A fault in capture or drawing is told in one line and never touches the cell's own result.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
from dataclasses import dataclass

from IPython.core.error import UsageError
from IPython.display import display

from .._engine.observe import put_observer, take_observer
from ..graph.capture import Recorder
from ..graph.drawing import KINDS, Drawing
from ..graph.records import Graph


@dataclass
class Options:
    """What the magic was asked for; `magic.py` documents each."""

    backward: str | None = None
    widget: bool = True
    fold: bool = True
    max_nodes: int = 150
    direction: str = "auto"
    values: bool = True
    level: str = "story"
    save: tuple[str, ...] = ()
    name: str | None = None

    def of_picture(self):
        """The options that the renderers take."""
        return {
            "fold": self.fold, "max_nodes": self.max_nodes, "direction": self.direction, "values": self.values, "level": self.level,
            "backward": self.backward,
        }  # fmt: skip


class Recording:
    """One cell being recorded."""

    def __init__(self, options: Options, source: str, cell: str | None, depth: int = 0):
        self.options, self.source, self.cell, self.depth = options, source, cell, depth
        self.recorder = Recorder()
        self._before = put_observer(self.recorder)

    def stop(self) -> None:
        """Hear no more."""
        take_observer(self.recorder, self._before)

    def graph(self, namespace) -> Graph:
        """The record, with the names of this namespace."""
        return self.recorder.graph(namespace, self.source, self.cell)


def show(recording: Recording, namespace, remember) -> Graph | None:
    """Make the record of a finished recording, save and display it as its options say; `remember` is told of a live view and its source.

    Returns the record, or None where nothing was computed.
    """
    options = recording.options
    graph = recording.graph(namespace)
    if options.name:
        namespace[options.name] = graph
    if not graph.calls:
        print("%%autograd: this cell ran no operator on tensors, so there is no graph to draw")
        return graph
    if options.backward is not None and not _has(graph, options.backward):
        print(f"%%autograd --backward {options.backward}: no value of this graph is called so; it has {_names(graph)}. Showing all of it.")
        options.backward = None
    drawing = Drawing(graph, recording.recorder.tensors(), **options.of_picture())
    for path in options.save:
        try:
            drawing.save(path)
        except OSError as error:
            print(f"%%autograd --save {path}: not written, {error.strerror or error}")
    text, page = drawing.to_text(), drawing.to_page()  # before display, which would swallow a fault
    if not (options.widget and _show_view(drawing, recording, remember, text, page)):
        display(*({"text/plain": text},) if _is_terminal() else (drawing,), raw=_is_terminal())
    return graph


def _is_terminal():
    """Whether plain text is all that is shown here: IPython would keep pictures that nobody sees."""
    from IPython import get_ipython
    from IPython.core.displaypub import DisplayPublisher

    shell = get_ipython()
    return getattr(shell, "kernel", None) is None and type(shell.display_pub) is DisplayPublisher and not getattr(shell, "mime_renderers", None)


def _show_view(drawing, recording, remember, text, page):
    """Display the live view; False, and nothing displayed, where this host shows no widgets."""
    from IPython import get_ipython

    shell = get_ipython()
    if getattr(shell, "kernel", None) is None:  # a terminal: text is what it can show
        return False
    try:
        from .explorer import GraphView
        from .live import LiveTensors

        source = LiveTensors(recording.recorder)
        view = GraphView(drawing.shown, drawing.svg, source, drawing)
        view.show(text, page)
    except Exception as error:  # widgets missing or broken: the picture still stands
        say(f"nbgrad shows a picture only, because no widget could be made ({type(error).__name__}: {error})")
        return False
    source.attach(view)
    remember(source, view)
    return True


def check_save(path: str) -> None:
    """Raise `UsageError` for a file name whose ending says nothing."""
    if pathlib.Path(path).suffix.lower() not in KINDS:
        raise UsageError(f"%%autograd --save {path}: the name must end in one of {', '.join(KINDS)}")


def _has(graph, name):
    try:
        return graph.named(name) is not None or graph.value(name) is not None
    except KeyError:
        return False


def _names(graph):
    names = list(dict.fromkeys(v.name for v in graph.values if v.name))
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") if names else "no named values"


@contextlib.contextmanager
def told(what: str):
    """Turn a fault of ours into one line: the cell's own result stands."""
    try:
        yield
    except Exception as error:
        say(f"nbgrad could not {what} ({type(error).__name__}: {error}); the cell itself is not affected")


def say(text: str) -> None:
    """Tell the reader on stderr; a warning would put our own path and line into the notebook."""
    print(" ".join(text.split()), file=sys.stderr)
