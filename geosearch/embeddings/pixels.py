"""Pixels: images compared as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import common_shape
from geosearch.embeddings.base import EMBEDDINGS
from geosearch.runtime.cache import Cache


@EMBEDDINGS.register("pixels", "grey levels")
@dataclass(frozen=True)
class Pixels:
    """Pixel values in [0, 1], flattened: d = h w ch.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings import Pixels
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits").take(range(100))
        >>> encoder = Pixels().fit([digits], seed=0, cache=Cache.default())
        >>> encoder.encode(digits.images).shape
        (100, 64)
    """

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> PixelEncoder:
        common_shape(sets)
        return PixelEncoder()


@dataclass(frozen=True)
class PixelEncoder:
    """See `Pixels`."""

    key: str = "pixels"

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> float32 (n, d)"""
        return np.ascontiguousarray(images).reshape(len(images), -1).astype(np.float32) / np.float32(255)
