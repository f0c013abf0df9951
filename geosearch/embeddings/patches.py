"""RandomPatchFeatures: unsupervised convolutional features with random patches of the images as filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import common_shape
from geosearch.embeddings.base import EMBEDDINGS
from geosearch.errors import InvalidOptionError
from geosearch.runtime.cache import Cache, content_key

_PATCHES = 20_000  # from which the whitening is estimated
_FLAT = 10 / 255**2  # added to the variance of a patch, so that flat ones stay small
_SMOOTH = 0.1  # added to the eigenvalues, as a fraction of their mean
_CHUNK = 256  # images convolved at a time


@EMBEDDINGS.register("patches", "responses to random patches of the sources")
@dataclass(frozen=True)
class RandomPatchFeatures:
    """Convolutions with whitened random patches of the pooled sets, rectified and averaged over a grid of regions.

    No label is used and nothing is trained, yet a linear head on these features is far better than one on pixels.
    Source: Coates, Lee & Ng 2011, with random patches as the dictionary and the soft threshold as the encoder.

    Attributes:
        filters: patches in the dictionary.
        width: side of a patch, pixels.
        regions: side of the grid; d = 2 filters regions^2, since positive and negative parts are separate features.
        threshold: responses below it become zero.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings import RandomPatchFeatures
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits").take(range(100))
        >>> encoder = RandomPatchFeatures(filters=4, width=3, regions=2).fit([digits], seed=0, cache=Cache.default())
        >>> encoder.encode(digits.images).shape
        (100, 32)
    """

    filters: int = 64
    width: int = 6
    regions: int = 3
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.filters < 1 or self.width < 2 or self.regions < 1 or self.threshold < 0:
            raise InvalidOptionError(
                "RandomPatchFeatures needs filters >= 1, width >= 2, regions >= 1 and threshold >= 0, got "
                f"{self.filters}, {self.width}, {self.regions}, {self.threshold}"
            )

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> RandomPatchEncoder:
        """Sample patches equally often from every set.

        Raises:
            InvalidOptionError: images too small for the patches and the grid.
        """
        height, width, _ = common_shape(sets)
        if min(height, width) < self.width + self.regions - 1:
            raise InvalidOptionError(
                f"patches of {self.width} pixels in a grid of {self.regions} regions need images of at least "
                f"{self.width + self.regions - 1} pixels, got {height} x {width}"
            )
        pool = {data.fingerprint: data for data in sets}  # the order of the sets, and copies, do not matter
        rng = seeds.stream(seed, "patches")
        cut = np.concatenate([self._cut(pool[name].images, -(-_PATCHES // len(pool)), rng) for name in sorted(pool)])
        cut = _normalised(cut)
        mean = cut.mean(0)
        values, vectors = np.linalg.eigh(np.cov(cut - mean, rowvar=False))
        whiten = vectors / np.sqrt(np.maximum(values, 0) + max(_SMOOTH * values.mean(), 1e-12)) @ vectors.T
        rows = (cut[rng.permutation(len(cut))[: self.filters]] - mean) @ whiten
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        facts = {"filters": self.filters, "width": self.width, "regions": self.regions, "threshold": self.threshold}
        key = content_key("patches", **facts, seed=seed, sets=sorted(pool))
        return RandomPatchEncoder(key, self, mean, rows @ whiten)

    def _cut(self, images: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, width * width * ch), from random places of random images."""
        n, height, width, _ = images.shape
        picks = rng.integers([n, height - self.width + 1, width - self.width + 1], size=(count, 3))
        return np.stack([images[i, y : y + self.width, x : x + self.width].reshape(-1) for i, y, x in picks]) / 255.0


@dataclass(frozen=True, eq=False)
class RandomPatchEncoder:
    """See `RandomPatchFeatures`.  mean (p,), filters (k, p) after whitening, p = width * width * ch."""

    key: str
    options: RandomPatchFeatures
    mean: np.ndarray = field(repr=False)
    filters: np.ndarray = field(repr=False)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> float32 (n, d)"""
        import torch
        from torch.nn.functional import adaptive_avg_pool2d, conv2d

        o, n, ch = self.options, len(images), images.shape[3]
        k = len(self.filters)
        # the normalisation of a patch is linear up to its deviation, so one convolution serves all patches
        centred = self.filters - self.filters.mean(1, keepdims=True)
        kernels = centred.reshape(k, o.width, o.width, ch).transpose(0, 3, 1, 2)
        weight = torch.from_numpy(np.ascontiguousarray(kernels, np.float32))
        offset = torch.from_numpy((self.filters @ self.mean).astype(np.float32)).reshape(1, k, 1, 1)
        ones = torch.full((1, ch, o.width, o.width), 1 / (ch * o.width**2))
        codes = np.empty((n, 2 * k * o.regions**2), np.float32)
        with torch.inference_mode():
            for start in range(0, n, _CHUNK):
                rows = slice(start, start + _CHUNK)
                x = torch.from_numpy(images[rows].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
                variance = (conv2d(x**2, ones) - conv2d(x, ones) ** 2).clamp(min=0)
                answers = conv2d(x, weight) / (variance + _FLAT).sqrt() - offset
                both = torch.cat([(answers - o.threshold).relu(), (-answers - o.threshold).relu()], dim=1)
                codes[rows] = adaptive_avg_pool2d(both, o.regions).flatten(1).numpy()
        return codes


def _normalised(patches: np.ndarray) -> np.ndarray:
    """Each patch less its mean, over its standard deviation."""
    centred = patches - patches.mean(1, keepdims=True)
    return np.asarray(centred / np.sqrt(centred.var(1, keepdims=True) + _FLAT))
