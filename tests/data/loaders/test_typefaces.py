"""Every glyph exists in its font file under the name that the character has."""

from __future__ import annotations

import unicodedata

import pytest
from matplotlib.ft2font import FT2Font

from geosearch.data.loaders.typefaces import CHARSETS, FAMILIES, glyphs_of

# What the Computer Modern files call the characters that do not stand under their Unicode code point.
CM_NAMES = {
    "ε": "epsilon", "φ": "phi", "ο": "o", "∞": "infinity", "∇": "nabla", "∫": "integral", "√": "radical",
    "±": "plusminus", "≤": "lessequal", "∀": "universal", "∃": "existential", "→": "arrowright", "♣": "club",
    "♥": "heart", "§": "section", "∂": "partialdiff", "∑": "summationtext",
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("charset", CHARSETS)
def test_the_font_has_the_glyph(family: str, charset: str) -> None:
    for character in CHARSETS[charset]:
        faces = glyphs_of(family, character)
        assert faces
        for glyph in faces:
            assert glyph.path.is_file()
            assert glyph.code_point in FT2Font(str(glyph.path)).get_charmap(), (glyph, character)


def test_computer_modern_draws_the_character_that_is_meant() -> None:
    for character in CHARSETS["greek"] + CHARSETS["symbols"]:
        for glyph in glyphs_of("computer-modern", character):
            if glyph.code_point == ord(character):
                continue
            font = FT2Font(str(glyph.path))
            name = font.get_glyph_name(font.get_charmap()[glyph.code_point])
            unicode_name = unicodedata.name(character).rpartition(" ")[2].lower().replace("lamda", "lambda")
            assert name == CM_NAMES.get(character, unicode_name)


def test_no_character_stands_twice_in_a_charset() -> None:
    for charset in CHARSETS.values():
        assert len(set(charset)) == len(charset)
