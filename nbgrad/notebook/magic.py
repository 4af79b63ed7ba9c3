"""`%%autograd`, `%autograd` and `%nbgrad_torch`.

The cell magic is an input transformer: it turns the line `%%autograd ...` into a call that begins recording, and leaves every other line where it is,
so that the cell runs exactly as without it (tracebacks, `Out`, `await`, `;`, `!ls`, other magics). Recording ends, and the graph is shown, after the cell.
A cell magic of the same name is registered too, for help and for scripts.
"""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
import sys

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser, argument, magic_arguments

from .live import VIEWS
from .recording import Options, Recording, check_save, show, told

MAGIC = re.compile(r"%%autograd(?![\w.])(?P<options>.*)")


@magic_arguments("autograd")
@argument("--backward", metavar="NAME", help="show only what leads to this variable (or value id)")
@argument("--no-widget", action="store_true", help="show a picture only, not the live explorer")
@argument("--fold", dest="fold", action="store_true", default=True, help="fold loops and functions when the graph is large (the default)")
@argument("--no-fold", dest="fold", action="store_false", help="never fold; a very large graph is then shown as a table")
@argument("--max-nodes", type=int, default=150, metavar="N", help="fold until at most N nodes are drawn (default 150)")
@argument("--direction", choices=("auto", "LR", "TB"), default="auto", help="left to right, top to bottom, or by size (the default)")
@argument("--values", dest="values", action="store_true", default=True, help="write numbers on the nodes (the default)")
@argument("--no-values", dest="values", action="store_false", help="names and shapes only")
@argument("--level", choices=("story", "ops"), default="story", help="what was written (story) or every operator (ops)")
@argument("--watch", nargs="?", type=int, const=0, metavar="STEPS", help="follow a training loop: the graph of its first step, then each parameter's "
          "gradient norm, update, dead units and NaN while the loop runs; STEPS is its length, where the source does not tell")  # fmt: skip
@argument("--save", action="append", default=[], metavar="FILE", help="also write the graph to FILE.svg, .dot, .html, .json or .txt")
@argument("--name", metavar="NAME", help="keep the record in this variable")
def autograd(line, cell=None):
    """Run the cell as always and show its computation graph below it.

    `%%autograd` on a cell, `%autograd expression` for one expression, `%autograd on` and `%autograd off` for every cell that follows.
    """
    return _state.run_line(line) if cell is None else _state.run_cell(line, cell)


class _Parser(MagicArgumentParser):
    """Says what is wrong with the options in one line."""

    def error(self, message):
        raise UsageError(f"%%autograd: {message}; see %%autograd?")


PARSER = autograd.parser  # made once: making it again would add its help to the docstring again
PARSER.__class__ = _Parser
OPTIONS = tuple(o for o in PARSER._option_string_actions if o.startswith("--") and o != "--help")


def parse(line: str) -> Options:
    """Read the options of the magic; raises `UsageError` that says what is wrong."""
    parser = PARSER
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%%autograd: {error} in {line.strip()!r}") from None
    for word in words:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in parser._option_string_actions:
            import difflib

            close = difflib.get_close_matches(flag, OPTIONS, 1)
            raise UsageError(f"%%autograd: there is no option {flag}" + (f"; did you mean {close[0]}?" if close else "; see %%autograd?"))
    given = vars(parser.parse_args(words))
    if given["max_nodes"] < 1:
        raise UsageError("%%autograd: --max-nodes must be at least 1")
    if given["watch"] is not None and (given["watch"] < 0 or given["watch"] == 0 and "0" in words):
        raise UsageError("%%autograd: --watch takes the number of steps, at least 1, or nothing")
    if given["name"] is not None and not given["name"].isidentifier():
        raise UsageError(f"%%autograd: --name {given['name']!r} is not a variable's name")
    for path in given["save"]:
        check_save(path)
    return Options(
        backward=given["backward"], widget=not given["no_widget"], fold=given["fold"], max_nodes=given["max_nodes"],
        direction=given["direction"], values=given["values"], level=given["level"], save=tuple(given["save"]), name=given["name"],
        watch=given["watch"] is not None, steps=given["watch"] or None,
    )  # fmt: skip


OPEN_VIEWS = 64  # at most so many stay live at once


def _identity(shell, info):
    """What tells a cell from others: the id that the notebook gives it, else its text."""
    kernel = getattr(shell, "kernel", None)
    parent = kernel.get_parent() if kernel is not None else {}
    return getattr(info, "cell_id", None) or parent.get("metadata", {}).get("cellId") or info.raw_cell


class MagicState:
    """What the extension keeps for one shell."""

    def __init__(self, shell):
        self.shell = shell
        self.depth = 0  # run_cell nests: %%capture, %%time, widgets
        self.recording = None
        self.every_cell = None  # Options while `%autograd on`
        self.views = {}  # what tells cells apart -> [(source, view)], the open views of each; the oldest cell first
        self.cell = None  # what tells the running cell from others
        self.raw_cell = [""]

    # ---- around every cell

    def pre_run_cell(self, info):
        """Count the cell in; under `%autograd on` begin recording it."""
        self.depth += 1
        if self.depth == 1:
            VIEWS.begin_cell()
            self.cell = _identity(self.shell, info)
            with told("close the views of this cell's last run"):
                self.close_views(self.cell)
        self.raw_cell = [*self.raw_cell[: self.depth], info.raw_cell or ""]
        if self.every_cell is not None and self.recording is None and not MAGIC.match(self.raw_cell[-1].lstrip()):
            self.recording = Recording(self.every_cell, info.raw_cell or "", None, self.depth, self.shell.user_ns, self.remember)

    def post_run_cell(self, result):
        """Count the cell out; show the graph if this is the cell that was recorded, and bring open views up to date."""
        recording = self.recording
        if recording is not None and self.depth <= recording.depth:
            self.recording = None
            recording.end(result.error_before_exec or result.error_in_exec)
            if recording.cell is None:  # only now the cell has a file name; IPython keeps the newest last
                recording.cell = next(reversed(getattr(self.shell.compile, "_filename_map", {})), None)
            if not (recording.options is self.every_cell and not recording.recorder.heard()):
                with told("draw this cell's graph"):
                    show(recording, self.shell.user_ns, self.remember)
        self.depth = max(self.depth - 1, 0)
        if self.depth == 0:
            with told("bring the open views up to date"):
                for source, _ in self.open_views():
                    source.refresh(at_once=True)

    def open_views(self):
        """All open views, as pairs of source and view."""
        return [pair for pairs in self.views.values() for pair in pairs]

    def remember(self, source, view):
        """Keep an open view in step with the cells that follow, until its cell runs again or many more were opened."""
        self.views.setdefault(self.cell, []).append((source, view))
        while len(self.open_views()) > OPEN_VIEWS and len(self.views) > 1:
            self.close_views(next(iter(self.views)))

    def close_views(self, cell):
        """Let go of what a cell has shown; the pictures stay."""
        for source, view in self.views.pop(cell, ()):
            source.close()
            view.close()

    # ---- beginnings

    def begin(self, line):
        """Begin recording; called by the transformed cell from its first line."""
        options = parse(line)
        if self.recording is not None:
            self.recording.end()
        frame = sys._getframe(1)
        while frame is not None and frame.f_globals is not self.shell.user_global_ns:
            frame = frame.f_back
        cell = None if frame is None else frame.f_code.co_filename
        source = MAGIC.sub("", self.raw_cell[-1], count=1)
        self.recording = Recording(options, source, cell, self.depth, self.shell.user_ns, self.remember)

    def run_line(self, line):
        """`%autograd expression`, `on`, `off`, or nothing: say how it stands."""
        word = line.strip()
        first = word.split(None, 1)[0] if word else ""
        if first == "on":
            self.every_cell = parse(word[2:])
            print("%autograd is on: the graph of every following cell is shown; %autograd off ends it")
            return None
        if word == "off":
            self.every_cell = None
            if self.recording is not None and self.recording.depth >= self.depth:
                self.recording.end()
                self.recording = None
            print("%autograd is off")
            return None
        if not word:
            print("%autograd is " + ("on" if self.every_cell is not None else "off") + "; %%autograd? tells what it does")
            return None
        options, expression = _split_options(word)
        if options.watch:
            raise UsageError("%autograd: --watch follows the loop of a cell: write it behind %%autograd")
        try:
            tree = ast.parse(expression, mode="eval")
        except SyntaxError:
            raise UsageError(f"%autograd takes an expression, or on or off; it cannot read {expression!r}") from None
        filename = self.shell.compile.cache(expression, self.shell.execution_count)
        recording = Recording(options, expression, filename, self.depth)
        try:
            value = eval(compile(tree, filename, "eval"), self.shell.user_global_ns, self.shell.user_ns)
        finally:
            recording.stop()
        with told("draw this graph"):
            show(recording, {**self.shell.user_ns}, self.remember)
        return value

    def run_cell(self, line, cell):
        """The magic called as a function, as scripts and `run_cell_magic` do."""
        self.shell.run_cell(f"%%autograd {line}\n{cell}", store_history=False)


def _split_options(word):
    """Options before an expression: `--no-widget (w * x).sum()`."""
    taken = []
    while word.startswith("--"):
        flag, _, rest = word.partition(" ")
        taken.append(flag)
        action = PARSER._option_string_actions.get(flag)
        if action is not None and action.nargs != 0 and (action.nargs != "?" or rest.lstrip().partition(" ")[0].isdigit()):
            value, _, rest = rest.lstrip().partition(" ")
            taken.append(value)
        word = rest.lstrip()
    return parse(shlex.join(taken)), word


def transform(lines: list[str]) -> list[str]:
    """Turn a leading `%%autograd` line into the call that begins recording. Pure, and the number of lines stays."""
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return lines
    match = MAGIC.fullmatch(lines[first].strip())
    if match is None or match["options"].strip() == "?" or match["options"].startswith("?"):
        return lines
    call = f"get_ipython().run_line_magic('_autograd_begin', {match['options'].strip()!r})"
    body = lines[first + 1 :]
    inner = next((i for i, line in enumerate(body) if line.strip()), None)
    if inner is not None and (other := re.fullmatch(r"%%(\w[\w.]*)(.*)", body[inner].strip())) and not body[inner][0].isspace():
        rest = "".join(body[inner + 1 :])
        run = f"get_ipython().run_cell_magic({other[1]!r}, {other[2].strip()!r}, {rest!r})"
        return [*lines[:first], call + "; " + run + "\n"]
    future = _last_future(body)
    if future is not None:
        ending = "\n" if body[future].endswith("\n") else ""
        changed = body[future].rstrip("\n").rstrip().rstrip(";") + "; " + call + ending
        return [*lines[:first], "\n", *body[:future], changed, *body[future + 1 :]]
    return [*lines[:first], call + "\n", *body]


def _last_future(body):
    """The index of the last line of the leading `from __future__ import`s, which must stay first."""
    if not any(line.startswith("from __future__") for line in body):
        return None
    with contextlib.suppress(SyntaxError):
        last = None
        for node in ast.parse("".join(body)).body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                last = node.end_lineno - 1
            elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                break
        return last
    return None


_state: MagicState = None  # of the shell that loaded the extension


def remember(source, view) -> None:
    """Keep a view that was opened without the magic in step with the cells that follow, if a shell has loaded the extension."""
    if _state is not None:
        _state.remember(source, view)


def load(shell) -> None:
    """Register everything with a shell; loading twice changes nothing."""
    global _state
    if _state is not None:
        unload(_state.shell)
    _state = MagicState(shell)
    shell.input_transformers_cleanup.append(transform)
    shell.register_magic_function(autograd, "line_cell", "autograd")
    shell.register_magic_function(_begin, "line", "_autograd_begin")
    shell.register_magic_function(nbgrad_torch, "line", "nbgrad_torch")
    shell.events.register("pre_run_cell", _state.pre_run_cell)
    shell.events.register("post_run_cell", _state.post_run_cell)
    shell.Completer.custom_matchers.append(complete)
    if shell.execution_count is not None:
        _state.depth = 1  # `%load_ext` itself runs inside a cell


def unload(shell) -> None:
    """Take everything away again."""
    global _state
    if _state is None:
        return
    if _state.recording is not None:
        _state.recording.end()
    for cell in list(_state.views):
        _state.close_views(cell)
    with contextlib.suppress(ValueError):
        shell.input_transformers_cleanup.remove(transform)
    for kind, name in (("line", "autograd"), ("cell", "autograd"), ("line", "_autograd_begin"), ("line", "nbgrad_torch")):
        shell.magics_manager.magics[kind].pop(name, None)
    shell.events.unregister("pre_run_cell", _state.pre_run_cell)
    shell.events.unregister("post_run_cell", _state.post_run_cell)
    with contextlib.suppress(ValueError):
        shell.Completer.custom_matchers.remove(complete)
    _state = None


def _begin(line):
    """Begin recording the running cell; what `%%autograd` becomes."""
    _state.begin(line)


def nbgrad_torch(line):
    """Let `import torch` give nbgrad, so that a lesson runs with no edit."""
    from .. import install_torch_alias

    install_torch_alias()
    print("import torch now gives nbgrad")


def complete(context):
    """Complete the options of the magic."""
    line = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
    if not re.match(r"\s*%{1,2}autograd\s", line) or not context.token.startswith("-"):
        return {"completions": []}
    from IPython.core.completer import SimpleCompletion

    token = re.search(r"\S*$", line)[0]
    found = [SimpleCompletion(text=o, type="option") for o in OPTIONS if o.startswith(token)]
    return {"completions": found, "matched_fragment": token, "suppress": True}


complete.matcher_api_version = 2
complete.matcher_identifier = "nbgrad.options"
