"""Fonts for the letters of every script: names in figures are kept as they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

LOGGER = logging.getLogger(__name__)
FAMILY = "DejaVu Sans"  # ships with matplotlib: the same figure everywhere
FALLBACKS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK TC", "Noto Sans CJK KR", "Source Han Sans SC",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAexGothic", "IPAGothic", "TakaoGothic",
    "NanumGothic", "Microsoft YaHei", "SimHei", "MS Gothic", "Yu Gothic", "Malgun Gothic", "PingFang SC",
    "Hiragino Sans", "Apple SD Gothic Neo", "Arial Unicode MS", "Noto Sans Devanagari", "Noto Sans Bengali",
    "Noto Sans Tamil", "Noto Sans Thai", "Noto Sans Arabic", "Noto Sans Hebrew", "FreeSans", "FreeSerif", "Unifont",
)  # for letters that the family lacks, where they are installed  # fmt: skip


@cache
def families() -> list[str]:
    """The family of all figures, and the fallbacks that are installed."""
    installed = {font.name for font in fontManager.ttflist}
    return [FAMILY, *(name for name in FALLBACKS if name in installed)]


def missing_letters(figure: Figure) -> str:
    """Letters of a figure's texts that no font here has, in their order.

    >>> from geosearch.report.figures.style import context, new_figure
    >>> with context():
    ...     figure = new_figure(2)
    ...     text = figure.suptitle("mnist")
    >>> missing_letters(figure)
    ''
    """
    texts = (artist.get_text() for artist in figure.findobj(Text) if isinstance(artist, Text))
    letters = dict.fromkeys(letter for text in texts for letter in text if letter.isprintable() and letter != " ")
    return "".join(letter for letter in letters if not _is_known(letter))


def warn_once(letters: str) -> None:
    """Say, once a process, that figures show boxes in place of letters."""
    if letters and not _WARNED:
        _WARNED.append(letters)
        LOGGER.warning(
            "no font on this machine has %s: PNG figures show boxes in place of such letters, the page shows them "
            "where the reader's browser can; install a font such as Noto Sans CJK for both",
            ", ".join(letters[:5]) + (", ..." if len(letters) > 5 else ""),
        )


_WARNED: list[str] = []


@cache
def _is_known(letter: str) -> bool:
    return any(font.get_char_index(ord(letter)) for font in _fonts(tuple(families())))


@cache
def _fonts(names: Sequence[str]) -> tuple[FT2Font, ...]:
    with matplotlib.rc_context():
        return tuple(FT2Font(findfont(FontProperties(family=name))) for name in names)
