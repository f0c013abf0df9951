"""PixelSpace: images are mixed pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.mixture.spaces.base import SPACES
from geosearch.runtime.cache import Cache


@SPACES.register("pixels", "as they are")
@dataclass(frozen=True)
class PixelSpace:
    """Images are averaged pixel by pixel: the code of an image is the image.

    Example:
        >>> import geosearch
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits").take(range(100))
        >>> space = geosearch.PixelSpace().fit([digits], seed=0, cache=Cache.default())
        >>> space.decode(space.encode(digits.images)).shape
        (100, 8, 8, 1)
    """

    key: str = "pixels"

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> PixelSpace:
        return self

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch), unchanged: a quarter of the memory of floats."""
        return images

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """float (n, h, w, ch) in [0, 255] -> float32 in [0, 1]."""
        return codes.astype(np.float32, copy=False) * np.float32(1 / 255)
