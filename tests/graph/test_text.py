"""The listing is the same everywhere and says all."""

import pytest
from graph_builder import FIXTURES, HERE, fixture

from nbgrad.graph._text import clean, number
from nbgrad.graph.render import to_static_html, to_text


@pytest.mark.parametrize("name", FIXTURES)
def test_listing_is_as_recorded(name):
    assert to_text(fixture(name)) == (HERE / "fixtures" / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("name", FIXTURES)
def test_fixtures_are_what_their_makers_give(name):
    assert fixture(name).to_json() == FIXTURES[name]().to_json()


def test_a_gradient_that_was_not_computed_is_a_dash_and_never_zero():
    lines = to_text(fixture("lesson")).splitlines()
    assert all("∂ –" in line for line in lines if line.startswith(("w ", "b ", "z ", "loss ")))
    assert "∂ 0" not in to_text(fixture("lesson"))


def test_no_control_character_reaches_the_terminal():
    assert "\x1b" not in to_text(fixture("nasty")) and "\x00" not in to_text(fixture("nasty"))


@pytest.mark.parametrize("x, text", [
    (None, "–"), (0.0, "0.0"), (1.0, "1.0"), (0.6, "0.60"), (-0.26, "−0.26"), (0.0652, "0.0652"), (6.3e-5, "6.3e−5"), (310.0, "310"),
    (20.0, "20"), (123456.0, "123000"), (1.5e9, "1.5e9"), (float("nan"), "NaN"), (float("-inf"), "−Inf"), (True, "True"), (-3, "−3"), (0.9996, "1.0"),
])
def test_numbers_have_three_digits(x, text):
    assert number(x) == text


def test_clean_leaves_ordinary_text_alone():
    assert clean("가중치 w₁ <b>") == "가중치 w₁ <b>"


def test_static_html_is_an_image_and_a_table_without_anything_live():
    page = to_static_html(fixture("nasty"))
    assert page.count("<img ") == 1 and "<table" in page and "data:image/svg+xml;base64," in page
    assert "<script" not in page and "<style" not in page and "<svg" not in page
    assert "$x" not in page and "x^2$" not in page


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="level must be one of 'story', 'ops'"):
        to_text(fixture("lesson"), level="all")
