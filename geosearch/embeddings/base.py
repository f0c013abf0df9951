"""The contracts of embeddings: the space in which distances are measured (images are still mixed as images)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.runtime.cache import Cache
from geosearch.runtime.registry import Choice


class Encoder(Protocol):
    """A fitted embedding."""

    @property
    def key(self) -> str:
        """Content key of everything the encoding depends on."""
        ...

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> float32 (n, d)"""
        ...


class Embedding(Protocol):
    """The contract of embeddings: option objects that are fitted to data sets."""

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> Encoder:
        """Fit the embedding to the images of all `sets`.

        Raises:
            DomainMismatchError: the sets differ in image shape.
        """
        ...


EMBEDDINGS: Choice[Embedding] = Choice(
    "transport.embedding",
    default="source-classifier",
    meaning="The space in which costs are measured.",
    room="geosearch.embeddings",
)
