"""What the page may ask the kernel, one module a kind of question: to add one, write it and name it here.

Each module has `answer(view, wish)`: `view` is the `GraphView` that was asked (its `drawing` and `source`), `wish` the message, which comes from a
page and may hold anything. It gives `(header, buffers)`, plain data and bytes, or None where nobody knows. It only reads: handlers may run in a
second thread while a cell runs.
"""

from . import array, difference, element, find, histogram, history, replay, scene, step, window

ANSWERS = {
    "array": array.answer,
    "difference": difference.answer,
    "element": element.answer,
    "find": find.answer,
    "histogram": histogram.answer,
    "history": history.answer,
    "replay": replay.answer,
    "scene": scene.answer,
    "step": step.answer,
    "window": window.answer,
}
