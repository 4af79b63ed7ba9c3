"""What axe-core, the checker that browsers' own tools use, says of the explorer in its states, light and dark."""

import pytest
from axe import violations
from graph_builder import recurrent

from nbgrad.graph.drawing import Drawing


def nothing(page):
    """As it is at first."""


def choose(page):
    page.locator('.nb-node[data-value="t1"]').first.click()


def operator(page):
    page.locator(".nb-op, .nb-group").first.click()


def search(page):
    page.get_by_test_id("search").fill("b")


def options(page):
    page.get_by_test_id("show").locator("summary").click()


def source(page):
    page.get_by_test_id("source").locator("summary").click()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", [nothing, choose, operator, search, options, source])
def test_axe_finds_nothing_serious(explore, state, theme):
    page = explore(theme=theme)
    state(page)
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nor_with_loops_and_groups(explore, theme):
    drawing = Drawing(recurrent(100))
    folding = {"actions": [{"open": ["c1", "c2"]}], "focus": ["t0", None], "level": "", "folds": drawing.first_look.plain()}
    page = explore(drawing.shown, arrays={}, svg=drawing.svg, folding=folding, theme=theme)
    assert page.locator(".nbx-loop").count() == 1
    assert violations(page) == []


def test_axe_does_find_what_is_wrong(explore):
    page = explore()
    page.evaluate("() => document.querySelector('.nbx-toolbar button').setAttribute('aria-label', '')")
    page.evaluate("() => (document.querySelector('.nbx-toolbar button').textContent = '')")
    page.evaluate("() => document.querySelector('.nbx-toolbar button').removeAttribute('title')")
    assert any("button-name" in line for line in violations(page))
