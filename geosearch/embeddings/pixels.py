"""Pixels: images compared as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import common_shape
from geosearch.runtime.cache import Cache


@dataclass(frozen=True)
class Pixels:
    """Grey levels in [0, 1], flattened: d = h w ch."""

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
