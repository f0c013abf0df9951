"""CuratedMixture: a mixture whose source images are drawn in proportion to weights of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geosearch.adaptation.ridge import one_hot
from geosearch.curation.reweighting import reweight
from geosearch.curation.weighted_pool import WeightedPool
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.mixture import DrawStreams, Mixture, draw_weights
from geosearch.mixture.weights import Weights
from geosearch.nn.streams import Batch
from geosearch.runtime.cache import content_key

_LEAST = 1e-6  # sum of the remaining shares below which the mixture weights take their place


@dataclass(frozen=True, eq=False)
class CuratedMixture(Mixture):
    """A mixture with a weight for every source image.

    A reference image is drawn in proportion to the weights of its counterparts in all sources, multiplied by the
    mixture weights. Then each source contributes one of its replicas for that reference image, in proportion to their
    weights. A source whose replicas all have weight 0 contributes nothing; its share goes to the others.

    The other attributes are those of `Mixture`.

    Attributes:
        rows: for each source (r, n), weight >= 0 of each of the r replicas for each of the n reference images.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings.pixels import PixelEncoder
        >>> from geosearch.mixture.anchors import build_anchors
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits")
        >>> source, reference, shots = (digits.take(range(i, i + 100)) for i in (0, 100, 200))
        >>> anchors = build_anchors(reference, [source], PixelEncoder(), cache=Cache.default())
        >>> mixture = curate_mixture(anchors, geosearch.Weights.single(0, 1), shots)
        >>> images, labels = next(mixture.batches(16, np.random.default_rng(0)))
        >>> images.shape
        (16, 1, 8, 8)
    """

    rows: tuple[np.ndarray, ...]

    @property
    def key(self) -> str:
        """Content key of the mixture and of all weights."""
        weights = [np.ascontiguousarray(one).tobytes().hex() for one in self.rows]
        return content_key("curated-mixture", mixture=super().key, rows=weights)

    def draw(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw images float32 (b, ch, h, w) in [0, 1] and soft labels float32 (b, C)."""
        streams = DrawStreams.of(rng)
        chance = sum(a * one.mean(0) for a, one in zip(self.weights.values, self.rows, strict=True))
        reference = streams.rows.choice(len(chance), size=size, p=chance / chance.sum())
        shares = draw_weights(self.weights, size, streams.shares)
        if self.weights.pairing == "transport":
            shares = self._redistribute(shares, reference)
        return self._mix(shares, self._picks(reference, streams.replicas))

    def _redistribute(self, shares: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Shares (b, m) in which those of sources without a weight for the reference row go to the others."""
        contributes = np.stack([one.sum(0)[reference] > 0 for one in self.rows], axis=1)  # (b, m)
        left = shares * contributes
        none = left.sum(1) < _LEAST
        left[none] = (self.weights.array * contributes)[none]
        return left / left.sum(1, keepdims=True)

    def _picks(self, rows: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """For each source, the image (b,) that it contributes to each reference row (b,)."""
        if self.weights.pairing == "random":
            return [rng.choice(one.size, size=len(rows), p=_normalize(one.ravel())) for one in self.rows]
        found = []
        for one in self.rows:
            n = one.shape[1]
            chances = np.cumsum(np.where(one.sum(0) > 0, one, 1.0)[:, rows], axis=0)  # (r, b)
            replica = (rng.random(len(rows)) * chances[-1] >= chances).sum(0)
            found.append(rows + n * np.minimum(replica, len(one) - 1))
        return found


def curate_mixture(anchors: Anchors, weights: Weights, shots: LabelledSet) -> CuratedMixture:
    """Remove from a mixture the source images that increase the error on the shots.

    A ridge head is fitted to the shots and to all source images, each with the pseudo-label of the reference image
    that it is matched to. Images whose weight would increase the leave-one-out error of the shots are removed. If
    none helps, all are kept. No test label is used.

    Source: the derivative is that of Dukler et al. 2022 (DIVA); its use with the labels of matched reference images
    is ours.

    Args:
        anchors: the anchors of the mixture.
        weights: the mixture weights.
        shots: labelled images of the target.
    """
    pool = row_pool(anchors, shots)
    gradient = pool.derivative(row_weights(anchors, weights.array)).gradient
    helpful = [(part < 0).astype(float) for part in _split_by_source(anchors, gradient)]
    if not any(helpful[i].any() for i in weights.support):
        helpful = [np.ones_like(one) for one in helpful]
    return CuratedMixture(anchors, weights, tuple(helpful))


def reweight_mixture(anchors: Anchors, weights: Weights, shots: LabelledSet) -> CuratedMixture:
    """Weight the source images of a mixture by a few gradient steps on the error of the shots (see `reweight`).

    Source images have the labels of their reference images, as in `curate_mixture`.

    Args:
        anchors: the anchors of the mixture.
        weights: the mixture weights.
        shots: labelled images of the target.
    """
    result = reweight(row_pool(anchors, shots), start=row_weights(anchors, weights.array))
    return CuratedMixture(anchors, weights, tuple(_split_by_source(anchors, result.weights)))


def source_gradient(anchors: Anchors, shots: LabelledSet, weights: Weights | None = None) -> np.ndarray:
    """Gradient of the leave-one-out error of the shots in the mixture weights.

    By the chain rule it is the sum, per source, of the derivatives in the weights of the source's images. a @ gradient
    is a linear predictor of the error of mixtures with weights a. The penalty of the head is the best one at these
    weights, so the gradient is that of the error of a head that is tuned anew for every mixture (envelope theorem).

    Source: the derivative is that of Dukler et al. 2022 (DIVA); its use for mixture weights is ours.

    Args:
        anchors: the anchors of the sources.
        shots: labelled images of the target.
        weights: where the gradient is evaluated; uniform if None.

    Returns:
        float64 (m,).
    """
    m = len(anchors.sources)
    values = np.full(m, 1 / m) if weights is None else weights.array
    used = row_weights(anchors, values)
    gradient = row_pool(anchors, shots).tune(used, minimum=True).derivative(used).gradient
    return np.array([part.sum() / len(part) for part in _split_by_source(anchors, gradient)])


def row_pool(anchors: Anchors, shots: LabelledSet) -> WeightedPool:
    """All source images with the pseudo-labels of their reference images, and the shots as core set."""
    encode, classes = anchors.encoder.encode, len(shots.classes)
    features = np.concatenate([encode(source.images) for source in anchors.sources])
    labels = np.concatenate([np.tile(anchors.reference.labels, replicas) for replicas in _replicas(anchors)])
    core = (encode(shots.images), one_hot(shots.labels, classes))
    return WeightedPool.of(features, one_hot(labels, classes), core)


def row_weights(anchors: Anchors, values: np.ndarray) -> np.ndarray:
    """Weight of every source image in the mixture with weights (m,), divided evenly among the replicas."""
    n = len(anchors.reference)
    return np.concatenate([np.full(r * n, a / r) for a, r in zip(values, _replicas(anchors), strict=True)])


def _replicas(anchors: Anchors) -> list[int]:
    return [len(source.images) // len(anchors.reference) for source in anchors.sources]


def _split_by_source(anchors: Anchors, values: np.ndarray) -> Iterator[np.ndarray]:
    """Split (rows,) into one array (r, n) per source."""
    start, n = 0, len(anchors.reference)
    for r in _replicas(anchors):
        yield values[start : start + r * n].reshape(r, n)
        start += r * n


def _normalize(weights: np.ndarray) -> np.ndarray:
    """Probabilities proportional to the weights; uniform if all are zero."""
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
