"""Short names, labels that keep apart, drawings fit for a page."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geosearch.report.figures import style

numbers = st.lists(st.floats(-5, 5), min_size=1, max_size=20)


@given(st.text(max_size=80), st.integers(5, 30))
def test_a_shortened_name_fits_and_a_short_one_is_kept(name, limit):
    short = style.shorten(name, limit)
    line = " ".join(name.split())
    assert len(short) <= limit
    assert short == line if len(line) <= limit else "…" in short


@given(st.text(max_size=80), st.integers(5, 20))
def test_a_wrapped_name_has_two_short_lines(name, width):
    lines = style.wrap(name, width).split("\n")
    assert len(lines) <= 2
    assert max(map(len, lines)) <= width


def test_names_break_at_their_own_joints():
    assert style.wrap("fonts/computer-modern-greek", 16) == "fonts/computer-\nmodern-greek"
    assert style.wrap("hull projection, cloud", 16) == "hull projection,\ncloud"
    assert style.wrap("usps", 16) == "usps"


@given(numbers)
def test_spread_labels_keep_their_order_and_distance_within_the_limits(wanted):
    places = style.separate(wanted, 0.4, -10, 10)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(places[order]) >= 0.4 - 1e-9).all()
    assert places.min() >= -10
    assert places.max() <= 10 + 1e-9


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8, unique_by=lambda x: round(x)))
def test_labels_that_have_room_stay_where_they_belong(wanted):
    gap = min(np.diff(np.sort(wanted)), default=1.0)
    np.testing.assert_allclose(style.separate(wanted, gap * 0.99, -6, 6), wanted, atol=1e-9)


def test_an_svg_carries_no_address_no_style_sheet_no_comment_and_its_inks_are_variables():
    with style.context():
        figure = style.new_figure(2)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=style.INK)
        axes.scatter([0.5], [0.5], color=style.BEST)
        axes.set_title("--> <script>alert(1)</script> $x^2$ &")
    text = style.svg(figure)
    assert text.startswith('<svg viewBox="0 0 345.6 144">')
    assert not re.search(r"http|<!--|<style|<metadata|<script|xmlns", text)
    assert "var(--ink)" in text
    assert "var(--best)" in text
    assert not re.search("|".join(style.VARIABLES), text, re.IGNORECASE)
    assert style.png(figure).startswith(b"\x89PNG")


def test_text_on_colours_is_black_or_white_with_contrast():
    assert style.text_color_on("#f0e442") == "#000000"
    assert style.text_color_on("#0072b2") == "#ffffff"
