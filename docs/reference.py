"""Writes the tables of docs/explorer.md that list options, methods and traits, from the words in the code: `python docs/reference.py`."""

import inspect
import re
from pathlib import Path

PAGE = Path(__file__).with_name("explorer.md")


def tables() -> dict[str, str]:
    """The tables by name, as Markdown."""
    from nbgrad.graph import Drawing, capture, draw, record, replay
    from nbgrad.notebook.explorer import GraphView
    from nbgrad.notebook.magic import PARSER

    options = [(f"`{' '.join(filter(None, (*a.option_strings, a.metavar or _choices(a))))}`", a.help) for a in PARSER._actions]
    functions = [(f"`{f.__name__}`", _first(f)) for f in (capture, record, draw, replay)]
    members = [(n, m) for n, m in vars(Drawing).items() if not n.startswith("_") and (inspect.isfunction(m) or isinstance(m, property))]
    methods = [(f"`{n}`" if isinstance(m, property) else f"`{n}{_arguments(m)}`", _first(m)) for n, m in members]
    traits = [(f"`{n}`", t.help) for n, t in sorted(GraphView.class_own_traits().items()) if t.metadata.get("sync")]
    return {
        "functions": _table(("function", "what it gives"), functions),
        "drawing": _table(("", "what it does"), methods),
        "options": _table(("option", "meaning"), options),
        "traits": _table(("trait", "meaning"), traits),
    }


def written(page: str) -> str:
    """The page with its tables as they should be."""
    for name, table in tables().items():
        page = re.sub(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: m[1] + table + m[2], page, flags=re.DOTALL)
    return page


def _choices(action):
    return "|".join(action.choices) if action.choices else ""


def _first(thing):
    return " ".join(inspect.getdoc(thing).split("\n\n")[0].split())


def _arguments(function):
    names = [p.name if p.kind is not p.VAR_KEYWORD else f"**{p.name}" for p in inspect.signature(function).parameters.values()]
    return f"({', '.join(names[1:])})"


def _table(head, rows):
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
