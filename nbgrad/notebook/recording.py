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

from ..graph.capture import Recorder
from ..graph.drawing import KINDS, Drawing
from ..graph.records import Graph
from .watch import Watch


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
    watch: bool = False
    steps: int | None = None  # that a watched loop will run, where the reader says so

    def of_picture(self):
        """The options that the renderers take."""
        return {
            "fold": self.fold, "max_nodes": self.max_nodes, "direction": self.direction, "values": self.values, "level": self.level,
            "backward": self.backward,
        }  # fmt: skip


class Recording:
    """One cell being recorded; with `--watch` up to the end of its first backward pass, and then watched."""

    def __init__(self, options: Options, source: str, cell: str | None, depth: int = 0, namespace=None, remember=None):
        self.options, self.source, self.cell, self.depth = options, source, cell, depth
        self._namespace, self._remember = namespace, remember
        self.recorder = Recorder()
        self.drawing = self.view = self.watch = None
        self.recorder.start()
        if options.watch:
            self.watch = Watch(self._first_pass_over, cell, options.steps)
            self.watch.namespace = namespace

    def stop(self) -> None:
        """Hear no more operators."""
        self.recorder.stop()

    def end(self, error: BaseException | None = None) -> None:
        """The cell is over."""
        self.stop()
        if self.watch is not None:
            self.watch.finish(error)

    def graph(self, namespace) -> Graph:
        """The record, with the names of this namespace."""
        return self.recorder.graph(namespace, self.source, self.cell)

    def draw(self, namespace) -> Drawing:
        """The record as it is to be drawn; made once."""
        if self.drawing is None:
            options, graph = self.options, self.graph(namespace)
            if options.backward is not None and graph.calls and not _has(graph, options.backward):
                print(f"%%autograd --backward {options.backward}: no value of this graph is called so; it has {_names(graph)}. Showing all of it.")
                options.backward = None
            self.drawing = Drawing(graph, self.recorder.tensors(), **options.of_picture())
        return self.drawing

    def _first_pass_over(self):
        """From now on the loop is only watched, and seen while it runs."""
        self.stop()
        drawing = self.draw(self._namespace)
        if self.options.widget and not is_terminal():
            self.view = open_view(drawing, self.recorder, self._remember)
            if self.view is not None:
                self.view.show(drawing.to_text(), drawing.to_page())  # both: a page that is loaded anew while the loop runs has only the picture
                self.watch.show_in(self.view)
        return drawing.graph, self.recorder.tensors()


def show(recording: Recording, namespace, remember) -> Graph | None:
    """Make the record of a finished recording, save and display it as its options say; `remember` is told of a live view and its source.

    Returns the record, or None where nothing was computed.
    """
    options, watch = recording.options, recording.watch
    drawing = recording.draw(namespace)
    graph = drawing.graph
    if options.name:
        namespace[options.name] = graph
    if not graph.calls:
        print("%%autograd: this cell ran no operator on tensors, so there is no graph to draw" + "".join(f" ({note})" for note in graph.notes))
        return graph
    for path in options.save:
        try:
            drawing.save(path)
        except OSError as error:
            print(f"%%autograd --save {path}: not written, {error.strerror or error}")
    if recording.view is not None:  # shown since the first pass, with the picture
        recording.view.show_words(watch.to_text(), watch.to_page())
        return graph
    text, page = drawing.to_text(), drawing.to_page()  # before display, which would swallow a fault
    if watch is not None:
        text, page = text + "\n\n" + watch.to_text(), page + watch.to_page()
    if options.widget and not is_terminal() and (view := open_view(drawing, recording.recorder, remember)) is not None:
        view.show(text, page)
    else:
        shown = {"text/plain": text}
        if not is_terminal():
            shown |= {"text/html": page, "image/svg+xml": drawing.svg}
        display(shown, raw=True)
    return graph


def is_terminal() -> bool:
    """Whether plain text is all that is shown here: IPython would keep pictures that nobody sees."""
    from IPython import get_ipython
    from IPython.core.displaypub import DisplayPublisher

    shell = get_ipython()
    return getattr(shell, "kernel", None) is None and type(shell.display_pub) is DisplayPublisher and not getattr(shell, "mime_renderers", None)


def open_view(drawing: Drawing, recorder: Recorder, remember):
    """Make a live view; None, and nothing displayed, where this host shows no widgets."""
    from IPython import get_ipython

    if getattr(get_ipython(), "kernel", None) is None:
        return None
    try:
        from .explorer import GraphView
        from .live import LiveTensors

        source = LiveTensors(recorder)
        view = GraphView(drawing.shown, drawing.svg, source, drawing)
        view._repr_mimebundle_()  # before anything is displayed: where it fails, the picture is shown
    except Exception as error:  # widgets missing or broken: the picture still stands
        say(f"nbgrad shows a picture only, because no widget could be made ({type(error).__name__}: {error})")
        return None
    source.attach(view)
    remember(source, view)
    return view


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
