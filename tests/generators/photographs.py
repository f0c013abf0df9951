"""Folders of image files that look like photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def photographs(folder: Path, counts: dict[str, int], side: tuple[int, int] = (90, 80), seed: int = 0) -> Path:
    """Smooth random color fields, a folder for each class."""
    rng = np.random.default_rng(seed)
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for row in range(count):
            coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
            coarse[..., number % 3] //= 2
            Image.fromarray(coarse).resize(side, Image.Resampling.BICUBIC).save(folder / name / f"{row}.png")
    return folder
