"""`Drawing.show()` where there is a notebook: the live explorer of a drawing that was made without the magic."""

from __future__ import annotations

from IPython import get_ipython

from ..graph.drawing import Drawing
from . import magic
from .recording import say


class _Heard:
    """What is known of the tensors behind a drawing that no recorder heard, as `LiveTensors` asks for it."""

    def __init__(self, tensors):
        self._tensors = tensors

    def tensors(self):
        return self._tensors

    def nodes(self):
        return {}


def view_of(drawing: Drawing):
    """Make the explorer of a drawing, a `GraphView`, which shows what its tensors hold and follows later backward passes while it is open."""
    from .explorer import GraphView
    from .live import LiveTensors

    source = LiveTensors(drawing.recorder or _Heard(drawing.tensors))
    view = GraphView(drawing.shown, drawing.svg, source, drawing, theme=drawing.theme)
    source.attach(view)
    return view, source


def show_live(drawing: Drawing) -> bool:
    """Display the explorer of a drawing in the running cell; False, and nothing displayed, where this host shows no widgets."""
    if getattr(get_ipython(), "kernel", None) is None:
        return False
    try:
        view, source = view_of(drawing)
        view.show(drawing.to_text(), drawing.to_page())
    except Exception as error:  # widgets missing or broken: words still tell what there is
        say(f"nbgrad shows the graph in words only, because no widget could be made ({type(error).__name__}: {error})")
        return False
    magic.remember(source, view)
    return True
