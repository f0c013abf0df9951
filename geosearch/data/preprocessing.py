"""Preprocessing: what images of a study's target go through before a network sees them, kept with the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.fit import Fit, make_square
from geosearch.data.harmonization import Polarity, has_light_background, resize, to_channels
from geosearch.data.loaders.file_pixels import SetRendering
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidDataError

Images = TypeVar("Images", bound="LabelledSet | UnlabelledSet")


@dataclass(frozen=True)
class Preprocessing:
    """How `harmonize` treats images of one set, as it was decided for the training part of that set.

    >>> from geosearch.data import load
    >>> digits = load("digits")
    >>> Preprocessing.of(digits, size=16, channels=3).apply(digits.images[:5]).shape
    (5, 16, 16, 3)

    Attributes:
        size: side in pixels.
        channels: 1 (grey) or 3 (RGB).
        fit: how images that are not square become so.
        inverted: whether light and dark are exchanged.
        rendering: how values and transparency in image files were understood; None if the set was no files.
    """

    size: int
    channels: int
    fit: Fit = "crop"
    inverted: bool = False
    rendering: SetRendering | None = field(default=None)

    @classmethod
    def of(
        cls,
        train: LabelledSet | UnlabelledSet,
        *,
        size: int,
        channels: int,
        fit: Fit = "crop",
        polarity: Polarity = "keep",
        rendering: SetRendering | None = None,
    ) -> Preprocessing:
        """Judge the training part of a set, as it was loaded; arguments as for `harmonize`."""
        inverted = polarity == "light-on-dark" and has_light_background(
            to_channels(make_square(train.images, fit), channels)
        )
        return cls(size, channels, fit, inverted, rendering)

    def apply(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3) -> uint8 (n, size, size, channels).

        Raises:
            InvalidDataError: images of another shape or type.
        """
        images = np.asarray(images)
        if images.ndim == 3:
            images = images[..., None]
        if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.dtype != np.uint8:
            raise InvalidDataError(
                f"expected images uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3), got {images.dtype} {images.shape}; "
                "a single image is images[None]"
            )
        images = to_channels(make_square(images, self.fit), self.channels)
        return resize(255 - images if self.inverted else images, self.size)
