"""Small labelled sets with structure."""

from __future__ import annotations

import numpy as np

from geosearch.data.dataset import LabelledSet


def blobs(name: str, classes: int, per_class: int, *, seed: int = 0, size: int = 8, shift: int = 0) -> LabelledSet:
    """A set whose class c has a bright square at a place of its own, with noise."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    images = rng.integers(0, 60, (len(labels), size, size, 1))
    for row, label in enumerate(labels):
        top, left = divmod((label * 3 + shift) % ((size - 2) ** 2), size - 2)
        images[row, top : top + 3, left : left + 3] += 150
    return LabelledSet.from_arrays(images.astype(np.uint8), labels, name=name, license="test")
