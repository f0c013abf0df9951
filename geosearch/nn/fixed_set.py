"""FixedSet: a small set of images with soft labels, drawn or learned, as a stream to train on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geosearch.errors import InvalidOptionError
from geosearch.nn.train import Batch, Stream, turns


@dataclass(frozen=True, eq=False)
class FixedSet:
    """A small fixed set of images with soft labels; a stream that training and writers read like any mixture.

    Attributes:
        images: float32 (k, ch, h, w) in [0, 1].
        labels: float32 (k, C), rows that sum to 1.
        class_names: the C names, where somebody needs them.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def class_count(self) -> int:
        return self.labels.shape[1]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""
        ch, h, w = self.images.shape[1:]
        return h, w, ch

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless batches that go through the set in ever new orders; no image twice before all came once."""
        for rows in turns(len(self), size, rng):
            yield self.images[rows], self.labels[rows]


def drawn(mixture: Stream, size: int, rng: np.random.Generator) -> Batch:
    """The first `size` images and soft labels of a stream."""
    if size < 1:
        raise InvalidOptionError(f"expected at least 1 image, got {size}")
    parts: list[Batch] = []
    for batch in mixture.batches(256, rng):
        parts.append(batch)
        if 256 * len(parts) >= size:
            break
    images, labels = (np.concatenate(arrays)[:size] for arrays in zip(*parts, strict=True))
    return images, labels
