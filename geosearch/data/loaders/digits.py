"""DigitsLoader: the handwritten digits that scikit-learn ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.base import DatasetInfo, Loader, LoadOptions, Part, register_loader

LICENSE = "CC BY 4.0"


@register_loader
@dataclass(frozen=True)
class DigitsLoader(Loader):
    """``digits``: 1,797 handwritten digits of 8 x 8 pixels; no download.

    >>> from geosearch.data import load
    >>> load("digits")
    LabelledSet('digits', 1797 images (8, 8, 1), 10 classes)
    """

    form = "digits"

    @classmethod
    def parse(cls, spec: str, options: LoadOptions) -> Self | None:
        return cls(spec, options) if spec == "digits" else None

    @classmethod
    def named(cls, options: LoadOptions) -> Sequence[DatasetInfo]:
        return (DatasetInfo("digits", 10, 1797, 0, 8, 1, LICENSE, False),)

    def _read(self, part: Part) -> LabelledSet:
        return digits()


def digits() -> LabelledSet:
    """The digits of scikit-learn, their 17 grey levels spread over 0..255."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.round(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    return LabelledSet(pixels, labels.astype(np.int64), tuple("0123456789"), "digits", license=LICENSE)
