"""The contracts of mixing spaces: anchors are encoded once, averaged there, and decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.runtime.cache import Cache
from geosearch.runtime.registry import Choice


class Codec(Protocol):
    """An encoder and a decoder (see `CustomSpace`)."""

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> codes, floating (n, ...); weighted means of codes must be decodable."""
        ...

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes (n, ...) -> images float32 (n, h, w, ch) in [0, 1]."""
        ...


class FittedSpace(Codec, Protocol):
    """A fitted mixing space."""

    @property
    def key(self) -> str:
        """Content key of everything that encoding and decoding depend on."""
        ...


class MixingSpace(Protocol):
    """The contract of mixing spaces: option objects that are fitted to data sets."""

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> FittedSpace:
        """Fit the space to the images of `sets`."""
        ...


SPACES: Choice[MixingSpace] = Choice(
    "transport.space", default="pixels", meaning="Where images are mixed.", room="geosearch.mixture.spaces"
)
