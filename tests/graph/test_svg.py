"""Pictures: whoever lays out, they are well-formed, hold together and never move."""

import dataclasses
import itertools
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from graph_builder import chain, fixture, full, lesson, recurrent, tangle

from nbgrad.graph import layout as layout_module
from nbgrad.graph._text import text_width
from nbgrad.graph.labels import Labels
from nbgrad.graph.layout import lay_out
from nbgrad.graph.picture import picture
from nbgrad.graph.records import Graph, Step, Summary, Value
from nbgrad.graph.render import to_dot, to_picture, to_static_html, to_svg
from nbgrad.graph.svg import svg_text, trace

SVG = "{http://www.w3.org/2000/svg}"
ENGINES = ("dot", "pygraphviz", "builtin")


def skip_without(engine):
    if engine == "dot" and not shutil.which("dot"):
        pytest.skip("no dot on PATH")
    if engine == "pygraphviz":
        pytest.importorskip("pygraphviz")


def boxes(drawn, placed):
    return {n.id: (x - n.width / 2, y - n.height / 2, x + n.width / 2, y + n.height / 2) for n in drawn.nodes for x, y in [placed.nodes[n.id]]}


def assert_apart(drawn, placed):
    for (a, p), (b, q) in itertools.combinations(boxes(drawn, placed).items(), 2):
        assert p[2] <= q[0] or q[2] <= p[0] or p[3] <= q[1] or q[3] <= p[1], f"{a} and {b} overlap"


@pytest.mark.parametrize("engine", ENGINES)
def test_no_boxes_overlap(graph, engine):
    skip_without(engine)
    drawn = to_picture(graph)
    placed = lay_out(drawn, engine)
    assert placed.engine == engine
    assert_apart(drawn, placed)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_large_graphs_lie_apart_too(engine, direction):
    skip_without(engine)
    for graph in (recurrent(5), recurrent(100), chain(60)):
        drawn = to_picture(graph, direction=direction)
        assert_apart(drawn, lay_out(drawn, engine))


@pytest.mark.parametrize("seed", range(40))
def test_any_tangle_is_drawn_without_overlap(seed):
    for options in ({}, {"max_nodes": 5}, {"level": "ops", "direction": "LR"}, {"direction": "TB", "fold": False}):
        drawn = to_picture(tangle(seed), **options)
        placed = lay_out(drawn, "builtin")
        assert_apart(drawn, placed)
        ElementTree.fromstring(svg_text(drawn, placed))


@pytest.mark.parametrize("engine", ["dot", "builtin"])
def test_labels_cover_neither_nodes_nor_one_another(graph, engine):
    skip_without(engine)
    drawn = to_picture(graph)
    placed = lay_out(drawn, engine)
    labels, taken = Labels(drawn, placed), list(boxes(drawn, placed).values())
    for edge in drawn.edges:
        for label in labels.place(edge, trace(placed.edges[edge.id])) if edge.label_rows else ():
            wide = text_width(label.text, 10)
            left = label.x - {"start": 0, "middle": wide / 2, "end": wide}[label.anchor]
            box = (left, label.y - 9, left + wide, label.y + 2)
            assert 0 <= box[0] and box[2] <= placed.width and 0 <= box[1] and box[3] <= placed.height, f"{label.text} is clipped"
            for other in taken:
                assert box[2] <= other[0] + 1 or other[2] <= box[0] + 1 or box[3] <= other[1] + 1 or other[3] <= box[1] + 1, label.text
            taken.append(box)


def test_clusters_of_our_own_layout_hold_their_nodes_and_no_others():
    drawn = to_picture(recurrent(100))
    placed = lay_out(drawn, "builtin")
    (cluster, (x, y, w, h)), = placed.clusters.items()
    for node in drawn.nodes:
        left, top, right, bottom = boxes(drawn, placed)[node.id]
        inside = x <= left and right <= x + w and y <= top and bottom <= y + h
        outside = right <= x or x + w <= left or bottom <= y or y + h <= top
        assert inside if node.scope == cluster else outside


def test_main_line_of_a_small_graph_is_straight():
    drawn = to_picture(fixture("lesson"))
    placed = lay_out(drawn, "builtin")
    assert drawn.direction == "LR"
    assert len({placed.nodes[id][1] for id in ("t0", "c2", "c3", "t6", "c4", "t8") if id in placed.nodes}) == 1
    assert placed.nodes["t2"][0] == placed.nodes["c2"][0]


@pytest.mark.parametrize("engine", ENGINES)
def test_svg_is_well_formed_and_the_same_twice(graph, engine):
    skip_without(engine)
    text = to_svg(graph, engine=engine)
    root = ElementTree.fromstring(text)
    assert root.get("class").startswith("nbgrad nbg-") and root.get("viewBox") and root.get("width")
    assert to_svg(Graph.from_json(graph.to_json()), engine=engine) == text


def test_everything_drawn_says_what_it_is():
    root = ElementTree.fromstring(to_svg(fixture("lesson_after"), engine="builtin"))
    groups = {kind: [g for g in root.iter(f"{SVG}g") if kind in g.get("class", "").split()] for kind in ("nb-node", "nb-edge", "nb-back")}
    nodes = {g.get("data-id"): g for g in groups["nb-node"]}
    w = next(g for g in nodes.values() if g.get("aria-label", "").startswith("w,"))
    assert w.get("aria-label") == "w, parameter, 5 by 3, gradient norm 0.652, line 3"
    assert w.get("class") == "nb-node nb-parameter" and w.get("tabindex") == "-1" and w.get("data-value") == w.get("data-id")
    for g in groups["nb-edge"] + groups["nb-back"]:
        assert g.get("data-from") in nodes and g.get("data-to") in nodes and g.get("data-value")
    assert len(groups["nb-edge"]) == 8 and len(groups["nb-back"]) == 6
    assert {t.get("data-grad") for t in root.iter(f"{SVG}text") if t.get("class") == "nb-grad"} == {"t2", "t3", "t7", "t8"}


def test_backward_changes_ink_and_moves_nothing():
    before, after = (to_picture(lesson(after=a)) for a in (False, True))
    for engine in ("dot", "builtin"):
        a, b = lay_out(before, engine), lay_out(after, engine)
        assert (a.nodes, a.edges, a.width, a.height) == (b.nodes, b.edges, b.width, b.height)
    assert not any(e.back for e in before.edges)


def test_a_gradient_that_never_came_is_a_dash_and_has_no_twin():
    drawn = to_picture(fixture("detached"))
    b = next(n for n in drawn.nodes if n.about.startswith("b,"))
    assert b.lines[-1][0].text == "∂ –"
    assert all(e.back is None for e in drawn.edges if b.id in (e.source, e.target))


def test_each_use_shows_the_gradient_that_came_back_through_it():
    graph = fixture("detached")
    (seen,) = [c for c in graph.calls if c.outputs == (graph.named("d").id,)]
    seen_steps = (Step(0, 0, "MulBackward0", seen.id, grads_out=(None, full(20.0, 90.0))),)
    edges = to_picture(graph.replace(steps=seen_steps)).edges
    assert [(e.back, e.shared) for e in edges if e.target == seen.id and e.back] == [(full(20.0, 90.0).norm, False)]


def test_a_gradient_summed_over_uses_is_not_told_as_that_of_one_use():
    edges = [e for e in to_picture(recurrent(100)).edges if e.value == "t2" and e.back]
    assert edges and all(e.shared for e in edges)


def test_cut_edges_tell_why():
    drawn = to_picture(fixture("detached"))
    assert sorted(e.cut for e in drawn.edges if e.cut) == ["detach", "integer", "no_grad"]
    assert sum(n.kind == "cut" for n in drawn.nodes) == 3


def test_not_a_number_is_marked_where_it_was_born():
    drawn = to_picture(fixture("nans"))
    assert [n.lines[0][0].text for n in drawn.nodes if n.born] == ["sqrt"]
    assert sum(bool(n.badge) for n in drawn.nodes) == 5


def test_leaf_used_often_is_a_tab_at_each_later_use():
    drawn = picture(recurrent(4))
    tabs = [n.id for n in drawn.nodes if n.shape == "tab" and n.value == "t2"]
    assert len(tabs) == 3 and all(id.startswith("t2@c") for id in tabs)


def test_parameters_of_one_operator_are_rows_of_its_card():
    card = next(n for n in to_picture(fixture("mlp")).nodes if n.shape == "card")
    assert [r.name for r in card.rows] == ["layers[0].weight", "layers[0].bias"]
    assert [r.grad for r in card.rows] == ["∂ 6.3e−5", "∂ 2.5e−5"]


def test_without_graphviz_the_picture_is_drawn_all_the_same(no_graphviz):
    graph = fixture("lesson_after")
    assert lay_out(to_picture(graph)).engine == "builtin"
    assert to_svg(graph) == to_svg(graph, engine="builtin")


def test_broken_graphviz_never_shows(monkeypatch):
    def fail(text):
        raise RuntimeError("cannot open a library below some folder")

    monkeypatch.setattr(layout_module, "_RUN", {"dot": fail, "pygraphviz": lambda text: "{"})
    assert to_svg(fixture("lesson")) == to_svg(fixture("lesson"), engine="builtin")


def test_dot_text_is_taken_by_graphviz(graph):
    skip_without("dot")
    for level in ("story", "ops"):
        done = subprocess.run(["dot", "-Tsvg"], input=to_dot(graph, level=level).encode(), capture_output=True, check=True)
        ElementTree.fromstring(done.stdout)


def test_dot_text_holds_no_name_unescaped():
    text = to_dot(fixture("nasty"))
    assert "<script" not in text and "\x00" not in text and "\\" not in text


def test_strange_ids_of_a_strangers_graph_do_no_harm():
    plain = fixture("lesson").to_json()
    graph = Graph.from_json(re.sub(r'"([tcs])(\d+)"', r'"\1\2\\" ]; <x>&"', plain))
    for engine in ENGINES[::2]:
        ElementTree.fromstring(to_svg(graph, engine=engine))
    assert "<x>" not in to_static_html(graph)


def test_themes_differ_only_in_colour():
    light, dark, auto = (to_svg(fixture("lesson"), engine="builtin", theme=t) for t in ("light", "dark", "auto"))
    assert "#DDEEFF" in light and "#0F2E4D" in dark and "<style>" not in light + dark
    assert "prefers-color-scheme:dark" in auto and '[data-jp-theme-light="false"]' in auto
    for text in (light, dark, auto):
        assert "url(" not in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_too_many_nodes_are_a_table_and_no_picture():
    graph = chain(3500)
    page = to_static_html(graph, fold=False)
    assert "<img" not in page and "<table" in page and "<details open>" in page
    assert "too many for a picture" in to_svg(graph, fold=False)


def test_empty_graph_is_drawn():
    for direction in ("LR", "TB"):
        ElementTree.fromstring(to_svg(Graph(), direction=direction))


def test_ops_level_shows_what_a_composite_is_made_of():
    drawn = to_picture(fixture("lesson"), level="ops")
    assert {"unsqueeze", "squeeze"} <= {n.lines[0][0].text for n in drawn.nodes}
    assert [c.label for c in drawn.clusters] == ["matmul"]


def test_options_are_checked():
    with pytest.raises(ValueError, match="theme"):
        to_svg(fixture("lesson"), theme="blue")
    with pytest.raises(ValueError, match="engine"):
        to_svg(fixture("lesson"), engine="neato")
    with pytest.raises(ValueError, match="direction"):
        to_svg(fixture("lesson"), direction="up")
    assert dataclasses.is_dataclass(to_picture(fixture("lesson")))


def test_names_written_from_right_to_left_turn_nothing_around_them():
    scalar = Value("t0", (), "float32", "الوزن", data=Summary(1, (0.5,), 0.5, 0.0, 0.5, 0.5, 0.5))
    path = Value("t1", (3,), "float32", "model.ناتج[0] <b>")
    shown = re.sub(r"<[^>]*>", "", to_svg(Graph((scalar, path), roots=("t0", "t1"))))
    assert "\u2068الوزن\u2069 = 0.50" in shown
    assert "model.\u2068ناتج\u2069[0] &lt;b&gt;" in shown
