"""`%%autograd` in a real IPython shell: the cell behaves as without it, and its graph is shown."""

import re

import pytest
from IPython.core.completer import provisionalcompleter

from nbgrad._engine.modes import state
from nbgrad.graph.records import Graph
from nbgrad.notebook import magic


@pytest.fixture
def shell(ipython):
    ipython.run_cell("import nbgrad as torch\nx = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)\nw = torch.tensor([2.0, 2.0, 2.0])")
    return ipython


@pytest.fixture
def run(shell, capsys):
    def run(*lines):
        capsys.readouterr()
        result = shell.run_cell("\n".join(lines), store_history=True)
        captured = capsys.readouterr()
        return result, re.sub(r"\x1b\[[0-9;]*m", "", captured.out + captured.err)

    return run


def test_the_graph_shows_names_operators_shapes_lines_and_gradients(run):
    _, shown = run("%%autograd", "y = x * w", "loss = y.sum()", "loss.backward()")
    assert "graph of loss" in shown
    assert re.search(r"x\s+= parameter\s+\(3,\)", shown)
    assert re.search(r"y\s+= mul\(x, w\)\s+\(3,\).*line 2", shown)
    assert re.search(r"loss\s+= sum\(y\).*line 3", shown)


def test_the_last_value_is_displayed_and_kept(run, shell):
    result, shown = run("%%autograd", "y = x * w", "y.sum()")
    assert result.result is shell.user_ns["_"]
    assert "tensor(12., grad_fn=<SumBackward0>)" in shown


def test_a_semicolon_silences_the_last_value_as_always(run):
    _, shown = run("%%autograd", "y = x * w", "y.sum();")
    assert "tensor(12." not in shown and "graph of" in shown


def test_the_name_option_keeps_the_record(run, shell):
    run("%%autograd --name g", "y = x * w")
    graph = shell.user_ns["g"]
    assert isinstance(graph, Graph)
    assert [c.op for c in graph.calls] == ["mul"]
    assert graph.named("y").place.line == 2
    assert Graph.from_json(graph.to_json()) == graph


def test_an_exception_keeps_its_lines_and_the_graph_up_to_it_is_shown(run):
    result, shown = run("%%autograd", "y = x * w", "1 / 0", "z = y * 2")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert "----> 3 1 / 0" in shown
    assert re.search(r"y\s+= mul\(x, w\)", shown)
    assert state.mode.observer is None


def test_a_failing_operator_is_an_ordinary_error(run):
    result, shown = run("%%autograd", "y = x * w", "z = y + torch.tensor([1.0, 2.0])")
    assert isinstance(result.error_in_exec, RuntimeError)
    assert "must match the size of tensor b (2)" in shown
    assert re.search(r"y\s+= mul\(x, w\)", shown)


def test_a_syntax_error_is_reported_as_always(run):
    result, shown = run("%%autograd", "y = x *", "")
    assert isinstance(result.error_before_exec, SyntaxError)
    assert "line 2" in shown and "graph of" not in shown
    assert state.mode.observer is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--max-node 3", "there is no option --max-node; did you mean --max-nodes?"),
        ("--direction up", "invalid choice"),
        ("--max-nodes many", "invalid int value"),
        ("--max-nodes 0", "--max-nodes must be at least 1"),
        ("--save g.bmp", "the name must end in one of .svg, .dot, .html, .json, .txt"),
        ("--name 1x", "is not a variable's name"),
        ("--name 'g", "No closing quotation"),
        ("stray", "unrecognized arguments"),
    ],
)
def test_wrong_options_say_what_is_wrong_and_the_cell_does_not_run(run, shell, options, said):
    _, shown = run(f"%%autograd {options}", "ran = True")
    assert said in shown and shown.startswith("UsageError")
    assert "ran" not in shell.user_ns
    assert state.mode.observer is None


def test_an_unknown_root_is_told_and_all_is_shown(run):
    _, shown = run("%%autograd --backward lost", "y = x * w")
    assert "no value of this graph is called so; it has x, w, y" in shown
    assert re.search(r"y\s+= mul\(x, w\)", shown)


def test_a_cell_without_tensors_says_so(run):
    result, shown = run("%%autograd", "1 + 1")
    assert result.result == 2
    assert "no operator on tensors" in shown


def test_await_at_top_level_works(run):
    result, shown = run("%%autograd", "import asyncio", "await asyncio.sleep(0)", "y = x * w")
    assert result.success and re.search(r"y\s+= mul\(x, w\).*line 4", shown)


def test_future_imports_stay_first(run):
    result, shown = run("%%autograd", '"""What this cell does."""', "from __future__ import annotations", "y = x * w")
    assert result.success and re.search(r"y\s+= mul\(x, w\).*line 4", shown)


@pytest.mark.parametrize("order", [("%%autograd", "%%time"), ("%%time", "%%autograd")])
def test_other_cell_magics_work_inside_and_outside(run, order):
    result, shown = run(*order, "y = x * w")
    assert result.success and "Wall time" in shown
    assert re.search(r"y\s+= mul\(x, w\)", shown)


def test_capture_outside_captures_the_graph(run):
    run("%%capture captured", "%%autograd", "y = x * w")
    _, shown = run("captured.show()")
    assert re.search(r"y\s+= mul\(x, w\)", shown)


def test_shell_commands_and_line_magics_work_inside(run):
    result, shown = run("%%autograd", "!echo hello", "%precision 3", "y = x * w")
    assert result.success and "hello" in shown and "graph of y" in shown


def test_an_interrupt_ends_the_recording(run):
    result, shown = run("%%autograd", "y = x * w", "raise KeyboardInterrupt")
    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert "graph of y" in shown and state.mode.observer is None


def test_the_line_magic_shows_one_expression_and_gives_its_value(run):
    result, shown = run("%autograd (x * w).sum()")
    assert result.result.item() == 12.0
    assert "graph of" in shown and "mul(x, w)" in shown


def test_on_and_off_record_the_cells_between(run):
    run("%autograd on")
    _, shown = run("y = x * w")
    assert "graph of y" in shown and "line 1" in shown
    _, shown = run("1 + 1")
    assert "graph" not in shown
    run("%autograd off")
    _, shown = run("y = x * w")
    assert "graph" not in shown


def test_saving_writes_each_kind(run, tmp_path):
    kinds = ("svg", "dot", "html", "json", "txt")
    run("%%autograd " + " ".join(f"--save {tmp_path}/g.{k}" for k in kinds), "y = x * w")
    starts = {"svg": "<svg", "dot": "digraph", "html": "<!doctype html>", "json": "{", "txt": "graph of y"}
    for kind in kinds:
        assert (tmp_path / f"g.{kind}").read_text().lstrip().lower().startswith(starts[kind].lower()), kind


def test_a_file_that_cannot_be_written_is_told_and_the_cell_stands(run, shell):
    result, shown = run("%%autograd --save /nowhere/at/all/g.svg", "y = x * w")
    assert result.success and "y" in shell.user_ns
    assert "not written" in shown and "graph of y" in shown


def test_names_come_from_paths_into_containers_too(run, shell):
    run("params = [torch.tensor([1.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)]")
    run("%%autograd --name g", "z = params[0] * params[1]")
    assert [v.name for v in shell.user_ns["g"].values] == ["params[0]", "params[1]", "z"]


def test_every_value_keeps_the_name_it_was_assigned_to(run, shell):
    run("%%autograd --name g", "h = x * w", "h = h + 1", "def double(t):", "    inner = t * 2", "    return inner", "for _ in range(2):",
        "    seed = torch.ones(3)", "    h = double(h) + seed")  # fmt: skip
    made = [shell.user_ns["g"].value(c.outputs[0]).name for c in shell.user_ns["g"].calls]
    assert made == ["h", "h", "inner", "h", "inner", "h"]
    assert [v.place.line for v in shell.user_ns["g"].values if v.name == "seed"] == [8, 8]


def test_no_grad_and_detach_show_why_nothing_flows(run, shell):
    run("%%autograd --name g", "d = (x * w).detach()", "with torch.no_grad():", "    n = x * 2", "k = d * 2")
    graph = shell.user_ns["g"]
    assert graph.named("d").cut == "detach"
    assert graph.named("n").cut == "no_grad"
    assert graph.named("k").cut is None


def test_a_fault_in_drawing_is_one_line_and_the_result_stands(run, shell, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("no picture today")

    monkeypatch.setattr("nbgrad.graph.drawing.render.to_text", broken)
    result, shown = run("%%autograd", "y = x * w", "y.sum()")
    assert result.success and result.result.item() == 12.0
    line = shown.splitlines()[-1]
    assert line == "nbgrad could not draw this cell's graph (ZeroDivisionError: no picture today); the cell itself is not affected"


@pytest.mark.parametrize("broken", ["__init__", "_repr_mimebundle_"])
def test_without_widgets_the_picture_shows_and_one_line_says_why(run, shell, monkeypatch, broken):
    import anywidget

    def fail(*args, **kwargs):
        raise RuntimeError("no widgets\nhere")

    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    monkeypatch.setattr(anywidget.AnyWidget, broken, fail)
    _, shown = run("%%autograd", "y = (x * w).sum()")
    assert "nbgrad shows a picture only, because no widget could be made (RuntimeError: no widgets here)\n" in shown
    assert "graph of y: 2 operators" in shown and "/" not in shown.split("widget could")[1].split("graph of")[0]


def test_completion_offers_the_options(shell):
    with provisionalcompleter():
        offered = [c.text for c in shell.Completer.completions("%%autograd --no", 15)]
    assert set(offered) == {"--no-widget", "--no-fold", "--no-values"}


def test_help_documents_each_option(shell):
    text = shell.find_line_magic("autograd").__doc__
    for option in magic.OPTIONS:
        assert option in text


def test_unloading_takes_everything_away(shell):
    magic.unload(shell)
    assert shell.find_cell_magic("autograd") is None
    assert magic.transform not in shell.input_transformers_cleanup
    magic.load(shell)


def test_the_transformer_is_pure_and_keeps_the_number_of_lines():
    for cell in ("%%autograd\ny = 1\n", "\n%%autograd --no-widget\n\ny = 1\nz = 2\n", "%%autograd\nfrom __future__ import annotations\ny = 1\n"):
        lines = cell.splitlines(keepends=True)
        once = magic.transform(list(lines))
        assert len(once) == len(lines)
        assert magic.transform(list(lines)) == once
        assert magic.transform(list(once)) == once


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a"b', "a&b", "two\nlines", "한글"])
def test_names_that_could_do_harm_are_shown_as_text(run, shell, name):
    shell.user_ns["box"] = {name: shell.user_ns["x"]}
    del shell.user_ns["x"]
    result, _ = run("%%autograd --name g", "y = next(iter(box.values())) * w")
    assert result.success
    graph = shell.user_ns["g"]
    from nbgrad.graph import render

    svg = render.to_svg(graph, engine="builtin")
    assert "<script" not in svg and "two\n" not in svg
    assert "<script" not in render.to_static_html(graph, engine="builtin")
