"""Glyphs: what is drawn, and that it is drawn once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geosearch.data.loaders import glyphs as drawing
from geosearch.data.loaders.base import LoadOptions
from geosearch.data.loaders.fonts import FontsLoader
from geosearch.data.loaders.glyphs import glyphs
from geosearch.errors import InvalidOptionError, UnknownDatasetError
from geosearch.runtime.cache import Cache


@pytest.mark.parametrize("spec", [info.spec for info in FontsLoader.named(LoadOptions())])
def test_every_family_draws_every_charset(spec: str) -> None:
    loader = FontsLoader.parse(spec, LoadOptions())
    assert loader is not None
    data = glyphs(loader.family, loader.charset, size=16, count=104)
    assert data.name == spec
    assert data.images.shape == (104, 16, 16, 1)
    counts = np.bincount(data.labels, minlength=len(data.classes))
    assert counts.max() - counts.min() <= 1
    assert (data.images.reshape(104, -1).max(1) > 100).all(), "an image without ink"
    assert np.median(data.images) == 0, "glyphs are light on dark"


def test_classes_differ_more_between_than_within() -> None:
    """1-NN on half of a set recognizes the other half: labels and glyphs belong together."""
    data = glyphs("sans", "upper", size=20, count=1300)
    rows = data.images.reshape(len(data), -1).astype(np.float32)
    known, asked = rows[:1000], rows[1000:]
    squares = (known**2).sum(1) - 2 * asked @ known.T
    guessed = data.labels[:1000][squares.argmin(1)]
    assert (guessed == data.labels[1000:]).mean() > 0.9


def test_the_seed_fixes_every_pixel_and_another_seed_moves_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first = glyphs("serif", "lower", size=12, count=30, seed=3)
    monkeypatch.setattr(Cache, "arrays", lambda self, kind, key, compute: compute())
    again = glyphs("serif", "lower", size=12, count=30, seed=3)
    other = glyphs("serif", "lower", size=12, count=30, seed=4)
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


def test_a_second_call_reads_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    first = glyphs("mono", "digits", size=9, count=20)
    monkeypatch.setattr(drawing, "_render", lambda *arguments: pytest.fail("rendered twice"))
    second = glyphs("mono", "digits", size=9, count=20)
    assert first.fingerprint == second.fingerprint
    second.images[:] = 0  # a private copy: writing to it must not reach the cache
    assert glyphs("mono", "digits", size=9, count=20).fingerprint == first.fingerprint


def test_the_jitter_keeps_the_ink_inside_the_frame() -> None:
    data = glyphs("sans", "symbols", size=28, count=480)
    border = np.concatenate([data.images[:, edge].reshape(-1) for edge in (0, -1)])
    assert (border > 64).mean() < 0.005


def test_missing_font_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matplotlib.get_data_path", lambda: str(tmp_path))
    with pytest.raises(UnknownDatasetError, match="DejaVuSans"):
        glyphs("sans", "upper")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("gothic", "upper"), {}, UnknownDatasetError, "families: sans"),
        (("sans", "runes"), {}, UnknownDatasetError, "charsets: digits"),
        (("sans", "upper"), {"count": 25}, InvalidOptionError, "26 classes"),
        (("sans", "upper"), {"size": 2}, InvalidOptionError, "size = 2"),
    ],
)
def test_arguments_out_of_range_are_refused(
    arguments: tuple[str, str], options: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        glyphs(*arguments, **options)
