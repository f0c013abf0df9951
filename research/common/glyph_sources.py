"""Many sources without a download: half of a charset each, in every font family."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geosearch.data.loaders.glyphs import glyphs
from geosearch.data.loaders.typefaces import CHARSETS, FAMILIES


def write_glyph_sources(folder: Path, count: int, *, images: int = 200, size: int = 16) -> list[str]:
    """Specifications of `count` npz files, 40 at most, spread evenly over charsets and families."""
    halves = [(family, charset, half) for charset in CHARSETS for family in FAMILIES for half in (0, 1)]
    chosen = [halves[i] for i in np.linspace(0, len(halves) - 1, count).astype(int)]
    return [_write(folder, *half, images=images, size=size) for half in chosen]


def _write(folder: Path, family: str, charset: str, half: int, *, images: int, size: int) -> str:
    made = glyphs(family, charset, size=size, count=4 * images)
    middle = len(made.classes) // 2
    rows = np.flatnonzero((made.labels >= middle) == bool(half))[:images]
    path = folder / f"{family}-{charset}-{half}.npz"
    np.savez(path, images=made.images[rows], labels=made.labels[rows] - middle * half)
    return f"npz:{path}"
