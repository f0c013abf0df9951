"""Mixing spaces: where images are mixed. Anchors are encoded once, mixed there, and decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError
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


@dataclass(frozen=True)
class PixelSpace:
    """Images are mixed as they are: a code is the image itself."""

    key: str = "pixels"

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> PixelSpace:
        return self

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch), kept as it is: a quarter of the memory of floats."""
        return images

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Mixed grey levels, float (n, h, w, ch) in [0, 255] -> float32 in [0, 1]."""
        return codes.astype(np.float32, copy=False) * np.float32(1 / 255)


@dataclass(frozen=True, eq=False)
class OwnSpace:
    """The latent space of a pretrained encoder and decoder, e.g. of a masked autoencoder.

    Attributes:
        codec: the pair.
        key: names the pair and its weights; anchors and evaluations are remembered under it.
    """

    codec: Codec
    key: str

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> OwnSpace:
        """Try the pair on a few images.

        Raises:
            DomainMismatchError: the decoder does not return images of the shape that went in.
        """
        images = sets[0].images[:2]
        decoded = np.asarray(self.codec.decode(self.codec.encode(images)))
        if decoded.shape != images.shape or not np.isfinite(decoded).all():
            raise DomainMismatchError(
                f"mixing space '{self.key}': images {images.shape} came back as {decoded.shape}, or not finite; "
                "decode() must return float images (n, h, w, ch) in [0, 1] of the shape that encode() was given"
            )
        return self

    def encode(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(self.codec.encode(images), np.float32)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return np.clip(np.asarray(self.codec.decode(codes), np.float32), 0, 1)
