"""The contracts of embeddings: the space in which distances are measured (images are still mixed as images)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.runtime.cache import Cache


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
    """The choice of an embedding, before it has seen data."""

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> Encoder:
        """Learn what there is to learn from the pooled `sets`; labels are not looked at."""
        ...
