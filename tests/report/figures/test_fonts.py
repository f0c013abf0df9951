"""Names in letters that no font here has: kept on the page, one note in the log."""

from __future__ import annotations

import html
import io
import warnings

import pytest
from PIL import Image

from geosearch.report.figures import fonts, style


@pytest.fixture(autouse=True)
def _latin_only(monkeypatch):
    """As on a machine without further fonts."""
    monkeypatch.setattr(fonts, "FALLBACKS", ())
    monkeypatch.setattr(fonts, "_WARNED", [])
    for known in (fonts.families, fonts._is_known):
        known.cache_clear()
    yield
    for known in (fonts.families, fonts._is_known):
        known.cache_clear()


def drawn(*names):
    with style.context():
        figure = style.new_figure(2)
        axes = figure.add_subplot()
        for i, name in enumerate(names):
            axes.text(0.1, 0.1 + 0.2 * i, name)
        axes.figure.suptitle("µ ± −")
    return figure


@pytest.mark.parametrize("names", [("猫", "犬"), ("कार", "बस"), ("🦒",)])
def test_letters_without_a_font_stay_text_on_the_page_and_are_noted_once(names, caplog):
    figure = drawn("mnist", *names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = html.unescape(style.svg(figure))
        picture = Image.open(io.BytesIO(style.png(figure)))
        style.png(drawn(*names))
    assert all(name in text for name in names)
    assert "<style" not in text
    assert picture.width > 100
    assert len(caplog.records) == 1
    assert "Noto Sans CJK" in caplog.text


def test_letters_that_the_font_has_are_paths(caplog):
    figure = drawn("кошки", "ñandú", "γάτα", "$x$")
    assert fonts.missing_letters(figure) == ""
    assert "<text" not in style.svg(figure)
    assert not caplog.records
