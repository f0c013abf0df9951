"""RecallingEncoder: an encoder that looks up images which it encoded before, because encoding them takes long."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Encoder
from geosearch.runtime.cache import Cache, content_key

_KIND = "features"  # of entries of the cache
_BYTES = 16  # of the digest of an image


@dataclass(frozen=True)
class RecallingEncoder:
    """Another encoder, and the features of whole sets, which the cache keeps.

    An image of these sets is found by its content, wherever it turns up: in the set itself, in what a one-to-one map
    gives, in a sample of one source. So it is encoded once, not once for each purpose. Where neither the cache nor the
    artifacts have the features of a set (on another machine of a cluster, say), its images are encoded like any other.

    Attributes:
        encoder: encodes all other images.
        cache: where the features are.
        keys: of the sets, in the cache.
    """

    encoder: Encoder
    cache: Cache
    keys: tuple[str, ...]

    @classmethod
    def of(cls, encoder: Encoder, sets: Sequence[LabelledSet], cache: Cache) -> RecallingEncoder:
        """Encode whole sets, unless the cache has their features."""
        keys = []
        for data in sets:
            keys.append(_key(encoder.key, data.images))
            cache.arrays(_KIND, keys[-1], partial(_with_digests, data.images, encoder.encode))
        return cls(encoder, cache, tuple(keys))

    @staticmethod
    def keep(encoder_key: str, images: np.ndarray, features: np.ndarray, cache: Cache) -> None:
        """Store features that are known already, so that `of` finds them.

        Args:
            encoder_key: of the encoder that they stand for.
            images: uint8 (n, h, w, ch), all of the set.
            features: float (n, d).
            cache: where to keep them.
        """
        cache.arrays(_KIND, _key(encoder_key, images), partial(_with_digests, images, lambda _: features))

    @property
    def key(self) -> str:
        """That of the other encoder."""
        return self.encoder.key

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> float32 (n, d)"""
        parts, places = _recalled(self.cache, self.keys)
        found = [places.get(digest) for digest in _digests(images)]
        new = np.array([place is None for place in found], bool)
        if new.all():
            return self.encoder.encode(images)
        encoded = np.empty((len(images), parts[0].shape[1]), np.float32)
        for row, place in enumerate(found):
            if place is not None:
                encoded[row] = parts[place[0]][place[1]]
        if new.any():
            encoded[new] = self.encoder.encode(images[new])
        return encoded


@lru_cache(maxsize=2)
def _recalled(cache: Cache, keys: tuple[str, ...]) -> tuple[list[np.ndarray], dict[bytes, tuple[int, int]]]:
    """Features (n, d) of each set that is there, memory-mapped; digest of an image -> its set and row."""
    found = (cache.find(_KIND, key) for key in keys)
    stored = [arrays for arrays in found if arrays is not None]
    places: dict[bytes, tuple[int, int]] = {}
    for part, arrays in enumerate(stored):
        for row, digest in enumerate(np.asarray(arrays["digests"])):
            places.setdefault(digest.tobytes(), (part, row))
    return [arrays["features"] for arrays in stored], places


def _key(encoder: str, images: np.ndarray) -> str:
    digest = hashlib.blake2b(b"".join(_digests(images)), digest_size=_BYTES).hexdigest()
    return content_key("set-features", version=2, encoder=encoder, images=[digest, *images.shape])


def _with_digests(images: np.ndarray, encode: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    digests = np.frombuffer(b"".join(_digests(images)), np.uint8).reshape(len(images), _BYTES)
    return {"features": encode(images), "digests": digests}


def _digests(images: np.ndarray) -> list[bytes]:
    return [hashlib.blake2b(image.tobytes(), digest_size=_BYTES).digest() for image in images]
