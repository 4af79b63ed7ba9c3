"""One self-contained HTML file with the interactive explorer, and the explorer's scripts for whoever serves them.

The scripts in `assets/` are plain ES modules. They reach a browser as one text: `explorer_script` joins them in the order of `_MODULES`,
dropping their import lines (always one line each, always of a sibling), the word `export`, comments and indentation. So every top-level name
is unique among them, and no text runs over several lines. The notebook's widget and the exported file run the same modules and differ in the last one only.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib import resources

from nbgrad.graph.records import Graph

MAX_BYTES = 4_000_000

_MODULES = (
    "format", "dom", "theme", "colours", "inspection", "record", "heatmap", "histogram", "history", "table", "difference", "pane", "tensor",
    "inspector", "picture", "shared", "folding", "focus", "search", "minimap", "source", "show", "player", "rewriting", "whatif", "watch", "parts", "explorer",
)  # fmt: skip
_STYLES = ("explorer", "inspector", "folding", "focus", "search", "minimap", "source", "show", "player", "whatif", "watch")
_ENDINGS = {
    "widget": (("sibling", "widget"), "export default { render: renderWidget };\n"),
    "page": (("captured", "page"), "startPage();\n"),
}
_IMPORT = re.compile(r'^import \{[^}\n]*\} from "\./\w+\.js";\n', re.MULTILINE)
_COMMENT = re.compile(r"^ *(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE)  # whole lines of it; the script travels with every view
_INDENT = re.compile(r"^ +", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) )", re.MULTILINE)


@functools.cache
def explorer_script(ending: str) -> str:
    """Join the explorer's modules to one ES module: "widget" exports anywidget's `render`, "page" starts at once."""
    modules, last = _ENDINGS[ending]
    joined = "\n".join(_EXPORT.sub("", _IMPORT.sub("", _asset(f"{name}.js"))) for name in _MODULES + modules) + last
    return _INDENT.sub("", _COMMENT.sub("", joined))


@functools.cache
def explorer_style() -> str:
    """The explorer's style sheets, one after the other."""
    return "\n".join(_asset(f"{name}.css") for name in _STYLES)


def _asset(name):
    return resources.files("nbgrad.graph").joinpath("assets", name).read_text(encoding="utf-8")


def to_html(
    graph: Graph,
    svg: str,
    arrays: Mapping[str, Mapping[str, dict]] | None = None,
    answers: Mapping[str, Mapping[str, object]] | None = None,
    shared: Mapping[str, object] | None = None,
    *,
    title: str = "Computation graph",
    max_bytes: int = MAX_BYTES,
) -> str:
    """Write a graph as one HTML file that is interactive from disk and fetches nothing.

    `arrays` gives value id -> {"data" or "grad": what `capture_array` returned}, and `answers` kind -> {`answer_key(wish)`: header}, the
    answers to what the page may ask a kernel; `shared` gives the values that the views of a graph share. What does not fit into `max_bytes` is left out,
    arrays before the picture, and the page says so; `ValueError` where the record alone does not fit.
    """
    arrays, svg, notes = _fit(graph, svg, arrays or {}, max_bytes - len(json.dumps(answers or {})))
    record = json.loads(graph.replace(notes=graph.notes + notes).to_json())
    data = json.dumps({"graph": record, "svg": svg, "arrays": arrays, "answers": answers or {}, "shared": shared or {}}, separators=(",", ":")).replace("<", "\\u003c")
    script = explorer_script("page")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '{_digest(script)}'"
    return _PAGE.format(
        policy=policy,
        title=html.escape(_clean(title)),
        style=explorer_style(),
        picture=base64.b64encode(_clean(svg).encode()).decode("ascii"),
        data=data,
        script=script,
    )


def answer_key(wish: Mapping[str, object]) -> str:
    """Under what the answer to a wish stands in a file."""
    return json.dumps({name: wish[name] for name in sorted(wish)}, separators=(",", ":"), ensure_ascii=False)


def _fit(graph, svg, arrays, max_bytes):
    """Choose what stays within the size: the record always, then the picture, then arrays in their order."""
    room = max_bytes - len(explorer_script("page")) - len(explorer_style()) - len(graph.to_json().encode(errors="replace")) - 4096
    if room < 0:
        raise ValueError(f"the record alone needs more than {max_bytes:,} bytes: fold or limit the graph, or raise max_bytes")
    notes = []
    picture_size = 3 * len(svg)  # as data and once more as base64 for readers without scripts
    if picture_size > room:
        svg, picture_size = "", 0
        notes.append("The picture was left out: it is too large for this file.")
    room -= picture_size
    kept = {}
    left_out = 0
    for id, sides in arrays.items():
        size = len(json.dumps(sides))
        if size <= room:
            kept[id] = dict(sides)
            room -= size
        else:
            left_out += 1
    if left_out:
        notes.append(
            f"The elements of {left_out} tensor{'s were' if left_out > 1 else ' was'} left out: this file is limited in size."
        )
    return kept, svg, tuple(notes)


def _digest(script):
    """Names the one script that may run, so that even text which escaped its quotes could not."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _clean(text):
    """Lone surrogates cannot be written to a file."""
    return text.encode("utf-8", "replace").decode("utf-8")


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ background: light-dark(#ffffff, #111417); color: light-dark(#1b1f24, #e6edf3); font-family: system-ui, sans-serif; margin: 0; }}
main {{ margin: 0 auto; max-width: 1400px; padding: 20px; }}
h1 {{ font-size: 18px; font-weight: 600; margin: 0 0 12px; }}
noscript img {{ max-width: 100%; }}
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<div id="nbgrad-explorer"></div>
<noscript><img alt="Computation graph" src="data:image/svg+xml;base64,{picture}"></noscript>
</main>
<script type="application/json" id="nbgrad-data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""
