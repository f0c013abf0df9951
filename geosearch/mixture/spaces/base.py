"""Mixing spaces: where images are mixed. Anchors are encoded once, mixed there, and decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.runtime.cache import Cache


class Codec(Protocol):
    """An encoder and a decoder: all that a mixing space of one's own needs (see `OwnSpace`)."""

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> codes, floating (n, ...); a weighted mean of codes must make sense."""
        ...

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes (n, ...) -> images float32 (n, h, w, ch) in [0, 1]."""
        ...


class FittedSpace(Codec, Protocol):
    """A mixing space that is ready."""

    @property
    def key(self) -> str:
        """Content key of everything that encoding and decoding depend on."""
        ...


class MixingSpace(Protocol):
    """The choice of a mixing space, before it has seen data: an option object."""

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> FittedSpace:
        """Learn what there is to learn from the images of `sets`; labels are not looked at."""
        ...
