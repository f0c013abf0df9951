"""Pixels: the unit interval, flattened."""

from __future__ import annotations

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.pixels import Pixels
from geosearch.runtime.cache import Cache


def noise(name: str, seed: int, n: int = 40, side: int = 6) -> LabelledSet:
    images = np.random.default_rng(seed).integers(0, 256, (n, side, side, 1)).astype(np.uint8)
    return LabelledSet.from_arrays(images, np.arange(n) % 2, name=name)


def test_pixels_are_the_unit_interval_flattened(cache: Cache) -> None:
    data = noise("a", 0)
    codes = Pixels().fit([data], seed=0, cache=cache).encode(data.images)
    np.testing.assert_allclose(codes, data.images.reshape(40, -1) / 255, atol=1e-7)
