"""The exported file: one piece, nothing fetched, names as text, bounded in size."""

import base64
import hashlib
import json
import re

import pytest

from nbgrad.graph.html import _ENDINGS, _MODULES, _STYLES, _asset, explorer_script, explorer_style, to_html
from nbgrad.graph.records import Graph, Summary, Value

SVG = '<svg xmlns="http://www.w3.org/2000/svg" class="nbgrad" viewBox="0 0 9 9"/>'


def graph(name="w"):
    return Graph((Value("t0", (2,), "float32", name=name, data=Summary(2, (1.0, float("inf")), nan=0, inf=1)),))


def data(page):
    return json.loads(re.search(r'<script type="application/json" id="nbgrad-data">(.*?)</script>', page, re.S)[1])


def test_page_holds_the_record_the_picture_and_the_arrays():
    page = to_html(graph(), SVG, {"t0": {"data": {"shape": [2]}}}, title="A lesson")
    held = data(page)
    assert Graph.from_json(json.dumps(held["graph"])) == graph()
    assert held["svg"] == SVG and held["arrays"] == {"t0": {"data": {"shape": [2]}}}
    assert "<title>A lesson</title>" in page and base64.b64encode(SVG.encode()).decode() in page


@pytest.mark.parametrize("name", ["</script><script>bad()</script>", "<!--<script>", "\"'&", "a\nb", "\udc80", "{}", "\u2028"])
def test_names_cannot_leave_their_place(name):
    page = to_html(graph(name), SVG + f"<!--{name}-->", title=name)
    page.encode("utf-8")
    assert data(page)["graph"]["values"][0]["name"] == name
    assert page.count("<script") == page.count("</script>") == 2
    assert "bad()</" not in page and "<!--" not in page


def test_nothing_is_fetched_and_only_the_one_script_may_run():
    page = to_html(graph(), SVG)
    assert (
        not re.search(r'(?:src|href)="(?!data:)', page) and "url(" not in explorer_style() and "@import" not in explorer_style()
    )
    script = re.search(r'<script type="module">(.*)</script>', page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in page


def test_the_same_graph_gives_the_same_file():
    assert to_html(graph(), SVG) == to_html(graph(), SVG)


def test_what_does_not_fit_is_left_out_and_told():
    arrays = {"t0": {"data": {"buffers": ["x" * 250_000]}}, "t1": {"data": {"buffers": ["y"]}}}
    held = data(to_html(graph(), SVG, arrays, max_bytes=250_000))
    assert list(held["arrays"]) == ["t1"]
    assert held["graph"]["notes"] == ["The elements of 1 tensor was left out: this file is limited in size."]
    held = data(to_html(graph(), SVG + " " * 100_000, max_bytes=250_000))
    assert held["svg"] == "" and held["graph"]["notes"] == ["The picture was left out: it is too large for this file."]
    with pytest.raises(ValueError, match="fold or limit the graph"):
        to_html(graph(), SVG, max_bytes=1000)


def test_size_is_bounded():
    page = to_html(graph(), SVG, {f"t{i}": {"data": {"buffers": ["x" * 50_000]}} for i in range(100)}, max_bytes=1_000_000)
    assert 900_000 < len(page.encode()) <= 1_000_000


@pytest.mark.parametrize("ending", ["widget", "page"])
def test_modules_join_to_one_script(ending):
    script = explorer_script(ending)
    assert not re.search(r"^import |^export (?!default)", script, re.M)
    assert script.count("export default") == (ending == "widget")
    assert len(script.encode()) < 190_000 and len(explorer_style().encode()) < 100_000
    modules = [_asset(f"{name}.js") for name in (*_MODULES, *_ENDINGS[ending][0])]
    names = [n for module in modules for n in re.findall(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", module, re.M)]
    assert len(names) == len(set(names))  # the modules share one scope
    assert not re.search(r"^ *(//|\*)", script, re.M)


def test_every_module_stands_after_the_ones_it_imports():
    for place, name in enumerate(_MODULES):
        for imported in re.findall(r'from "\./(\w+)\.js"', _asset(f"{name}.js")):
            assert imported in _MODULES[:place], (name, imported)


def test_no_module_hands_text_to_an_html_parser():
    script = explorer_script("widget") + explorer_script("page")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "http:", "https:"):
        assert word not in script.replace("http://www.w3.org/2000/svg", ""), word


def test_no_two_style_sheets_give_rules_to_the_same_kind_of_part():
    """A rule that begins with a class of another module's part would change it."""
    homes = {}
    for sheet in _STYLES:
        for name in set(re.findall(r"^\.nbx \.(nbx-[\w-]+) \{", _asset(f"{sheet}.css"), re.M)):
            homes.setdefault(name, []).append(sheet)
    assert {name: sheets for name, sheets in homes.items() if len(sheets) > 1} == {}
