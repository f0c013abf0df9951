"""Which suffixes are read as images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geosearch.data.loaders.suffixes import formats, is_document, is_readable, readable_suffixes, way_out

COMMON = (
    ".jpg",
    ".jpeg",
    ".jfif",
    ".jpe",
    ".png",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".webp",
    ".ppm",
    ".pgm",
    ".tga",
    ".ico",
    ".dds",
)


@pytest.mark.parametrize("suffix", COMMON)
def test_common_suffixes_are_read_in_any_case(suffix: str) -> None:
    assert is_readable(f"a{suffix}")
    assert is_readable(f"a{suffix.upper()}")


def test_what_pillow_writes_and_reads_here_is_read(tmp_path: Path) -> None:
    Image.init()
    picture = Image.fromarray(np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3))
    for suffix, name in sorted(Image.registered_extensions().items()):
        if suffix not in readable_suffixes() or name not in Image.SAVE:
            continue
        try:
            picture.save(tmp_path / f"a{suffix}")
        except (OSError, ValueError, KeyError):  # not of this mode
            continue
        with Image.open(tmp_path / f"a{suffix}", formats=formats()) as image:
            assert min(image.convert("RGB").size) >= 16


def test_nothing_is_handed_to_other_programs() -> None:
    assert "EPS" not in formats()
    assert not {".eps", ".ps", ".wmf", ".mpg", ".h5"} & readable_suffixes()


def test_texts_tables_and_archives_are_no_images() -> None:
    assert all(is_document(name) for name in ("a.txt", "labels.csv", "a.zip", "README", "LICENSE"))
    assert not any(is_document(name) for name in ("a.heic", "a.svg", "a.png", "IMG_0001"))


def test_every_image_that_is_not_read_has_a_way_out() -> None:
    assert "pillow-heif" in way_out(".HEIC")
    assert "npz" in way_out(".npy")
    assert "PNG" in way_out(".xyz")
