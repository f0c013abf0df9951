"""NearestShot: the pseudo-label of an image is the label of the nearest shot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Labeller
from geosearch.embeddings.base import Encoder
from geosearch.pseudo_labels.base import TARGET_LABELLINGS

_CHUNK = 4096  # images encoded at a time


@TARGET_LABELLINGS.register("nearest", "of the nearest shot")
@dataclass(frozen=True)
class NearestShot:
    """Label each image as its nearest shot in the embedding (1-nearest-neighbour classification).

    Source: Fan & Alvarez-Melis 2023, sec. 5, there with distances between pixels.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings.pixels import PixelEncoder
        >>> digits = geosearch.load("digits")
        >>> labeller = NearestShot().fit(digits.take(range(100)), digits.images[100:], PixelEncoder())
        >>> bool((labeller(digits.images[100:]) == digits.labels[100:]).mean() > 0.8)
        True
    """

    def fit(self, shots: LabelledSet, unlabelled: np.ndarray, encoder: Encoder) -> Labeller:
        """Encode the shots; the unlabelled images (n, h, w, ch) are not used."""
        return NearestLabeller(shots.labels, encoder.encode(shots.images), encoder)


@dataclass(frozen=True, eq=False)
class NearestLabeller:
    """A 1-nearest-neighbour classifier.

    Attributes:
        labels: int64 (k,), labels of the neighbours.
        codes: float32 (k, d), their embedding.
        encoder: encodes the images to label.

    Example:
        >>> from geosearch.embeddings import PixelEncoder
        >>> codes = np.array([[0.0], [1.0]], np.float32)  # a black and a white pixel
        >>> labeller = NearestLabeller(np.array([0, 1]), codes, PixelEncoder())
        >>> labeller(np.array([30, 200], np.uint8).reshape(2, 1, 1, 1))
        array([0, 1])
    """

    labels: np.ndarray
    codes: np.ndarray
    encoder: Encoder

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Pseudo-labels of images: uint8 (n, h, w, ch) -> int64 (n,)."""
        return np.concatenate(
            [self.labels[nearest_rows(self.encoder.encode(chunk), self.codes)] for chunk in chunks(images)]
            or [np.empty(0, np.int64)]
        )


def nearest_rows(codes: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Row number of the nearest of `neighbours` (k, d) for each of `codes` (n, d).

    Returns:
        int64 (n,); the lowest row number among equally near ones.
    """
    points = neighbours.astype(np.float64)
    squares = (points**2).sum(1)  # (k,)
    rows = np.empty(len(codes), np.int64)
    for start in range(0, len(codes), _CHUNK):
        block = codes[start : start + _CHUNK].astype(np.float64)
        rows[start : start + _CHUNK] = (squares - 2 * block @ points.T).argmin(1)  # |x|^2 is the same along a row
    return rows


def chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    """Consecutive parts of the images, small enough to encode at once."""
    return (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
