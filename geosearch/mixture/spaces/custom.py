"""CustomSpace: images are mixed in the latent space of an encoder and decoder given by the caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError
from geosearch.mixture.spaces.base import Codec
from geosearch.runtime.cache import Cache


@dataclass(frozen=True, eq=False)
class CustomSpace:
    """The latent space of a pretrained encoder and decoder, e.g. of a masked autoencoder.

    Attributes:
        codec: the pair.
        key: identifies the pair and its weights; results are cached under it.

    Example:
        >>> import geosearch
        >>> import numpy as np
        >>> class Flat:
        ...     def encode(self, images):
        ...         return images.reshape(len(images), -1) / 255.0
        ...     def decode(self, codes):
        ...         return codes.reshape(-1, 8, 8, 1)
        >>> digits = geosearch.load("digits")
        >>> space = geosearch.CustomSpace(Flat(), key="flat").fit([digits], seed=0, cache=None)
        >>> space.encode(digits.images[:3]).shape
        (3, 64)
    """

    codec: Codec
    key: str

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> CustomSpace:
        """Check the pair on two images.

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
