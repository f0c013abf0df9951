"""PCA: the principal components of the pooled data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import common_shape
from geosearch.embeddings.base import EMBEDDINGS
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.errors import InvalidOptionError
from geosearch.runtime.cache import Cache, content_key

_CHUNK = 4096  # images encoded at a time


@EMBEDDINGS.register("pca", "principal components of the sources' pixels")
@dataclass(frozen=True)
class PCA:
    """Projection on the first principal components of the pooled sets; distances approximate those of `Pixels`.

    Attributes:
        dims: number of components; fewer if the rank of the pool is lower.
        samples: largest number of images drawn from each set, so that a large set does not dominate.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings import PCA
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits").take(range(100))
        >>> encoder = PCA(dims=8).fit([digits], seed=0, cache=Cache.default())
        >>> encoder.encode(digits.images).shape
        (100, 8)
    """

    dims: int = 64
    samples: int = 2000

    def __post_init__(self) -> None:
        if self.dims < 1 or self.samples < 2:
            raise InvalidOptionError(
                f"PCA needs dims >= 1 and samples >= 2, got dims = {self.dims}, samples = {self.samples}"
            )

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> PCAEncoder:
        common_shape(sets)
        pool = {data.fingerprint: data for data in sets}  # the order of the sets, and copies, do not matter
        key = content_key("pca", dims=self.dims, samples=self.samples, seed=seed, sets=sorted(pool))
        stored = cache.arrays("pca", key, lambda: self._components(pool, seed))
        return PCAEncoder(key, np.array(stored["mean"]), np.array(stored["components"]))

    def _components(self, pool: dict[str, LabelledSet], seed: int) -> dict[str, np.ndarray]:
        """mean (d,), components (d, k); float64 throughout, signs fixed by the largest entry."""
        from scipy.linalg import eigh

        pixels = PixelEncoder()
        parts = []
        for fingerprint in sorted(pool):
            images = pool[fingerprint].images
            chosen = seeds.stream(seed, "pca", fingerprint).permutation(len(images))[: self.samples]
            parts.append(pixels.encode(images[np.sort(chosen)]))
        rows = np.concatenate(parts).astype(np.float64)  # (n, d)
        mean = rows.mean(0)
        rows -= mean
        n, d = rows.shape
        kept = min(self.dims, d, n)
        if d <= n:
            values, vectors = eigh(rows.T @ rows, subset_by_index=(d - kept, d - 1))  # (d, kept)
        else:  # the Gram matrix has the same spectrum and is smaller
            values, duals = eigh(rows @ rows.T, subset_by_index=(n - kept, n - 1))
            vectors = rows.T @ duals
        sound = values > max(values[-1], 0) * 1e-10
        sound[-1] = True  # a pool of equal images keeps one (zero) component
        vectors = vectors[:, sound][:, ::-1]
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=0), 1e-300)
        largest = np.abs(vectors).argmax(0)
        vectors = vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])
        return {"mean": mean, "components": vectors}


@dataclass(frozen=True)
class PCAEncoder:
    """See `PCA`.  mean (d,), components (d, k), float64."""

    key: str
    mean: np.ndarray = field(repr=False)
    components: np.ndarray = field(repr=False)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> float32 (n, k)"""
        pixels = PixelEncoder()
        codes = np.empty((len(images), self.components.shape[1]), np.float32)
        for start in range(0, len(images), _CHUNK):
            rows = slice(start, start + _CHUNK)
            codes[rows] = (pixels.encode(images[rows]) - self.mean) @ self.components
        return codes
