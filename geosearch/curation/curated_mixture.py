"""CuratedMixture: a mixture that draws those of its rows that help the target, or draws them more often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geosearch.adaptation.ridge import one_hot
from geosearch.curation.reweight import reweight
from geosearch.curation.weighted_pool import Pool
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.mixture import Batch, Mixture, shares_of
from geosearch.mixture.weights import Weights
from geosearch.runtime.cache import content_key

_LEAST = 1e-6  # of a share that is left, below which the weights themselves decide


@dataclass(frozen=True, eq=False)
class CuratedMixture(Mixture):
    """The same mixture with a weight on every row of every source's anchors.

    A reference row is drawn in proportion to the weights that the mixture's sources have for it, summed with the
    sources' shares; then each source shows one of its replicas of that row in proportion to their weights. A source
    that has none for the row takes no part in it: the others share what was its.

    Attributes:
        rows: for each source (r, n), weight >= 0 of each replica of each reference row.
    """

    rows: tuple[np.ndarray, ...]

    @property
    def key(self) -> str:
        weights = [np.ascontiguousarray(one).tobytes().hex() for one in self.rows]
        return content_key("curated-mixture", mixture=super().key, rows=weights)

    @property
    def kept(self) -> float:
        """Share of the rows of the mixture's sources that are ever drawn, in [0, 1]."""
        used = [self.rows[i] for i in self.weights.support]
        return float(np.concatenate([one.ravel() > 0 for one in used]).mean())

    def draw(self, size: int, rng: np.random.Generator) -> Batch:
        chance = sum(a * one.mean(0) for a, one in zip(self.weights.values, self.rows, strict=True))
        reference = rng.choice(len(chance), size=size, p=chance / chance.sum())
        shares = shares_of(self.weights, size, rng)
        if self.weights.pairing == "transport":
            shares = self._shared(shares, reference)
        return self._mix(shares, self._picks(reference, rng))

    def _shared(self, shares: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Shares (b, m) with those of sources that have no weight for the reference row given to the others."""
        takes_part = np.stack([one.sum(0)[reference] > 0 for one in self.rows], axis=1)  # (b, m)
        left = shares * takes_part
        alone = left.sum(1) < _LEAST
        left[alone] = (self.weights.array * takes_part)[alone]
        return left / left.sum(1, keepdims=True)

    def _picks(self, rows: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        if self.weights.pairing == "random":
            return [rng.choice(one.size, size=len(rows), p=_even(one.ravel())) for one in self.rows]
        found = []
        for one in self.rows:
            n = one.shape[1]
            chances = np.cumsum(np.where(one.sum(0) > 0, one, 1.0)[:, rows], axis=0)  # (r, b)
            replica = (rng.random(len(rows)) * chances[-1] >= chances).sum(0)
            found.append(rows + n * np.minimum(replica, len(one) - 1))
        return found


def curated(anchors: Anchors, weights: Weights, shots: LabelledSet) -> CuratedMixture:
    """The mixture without the rows that do harm to the error of the shots.

    A row of the anchors is an image of a source (with one-to-one maps, one of its own) in the place of a reference
    image, so it stands for that image's class as far as the pseudo-label and the map tell. A ridge head is fitted to
    the shots and to all rows under these classes, in the encoder's features; rows whose weight would raise the
    leave-one-out error of the shots are dropped. No test label is involved. That rows are judged by the classes they
    stand for is ours.
    """
    pool = row_pool(anchors, shots)
    gradient = pool.derivative(row_weights(anchors, weights.array)).gradient
    helpful = [(part < 0).astype(float) for part in _by_source(anchors, gradient)]
    if not any(helpful[i].any() for i in weights.support):
        helpful = [np.ones_like(one) for one in helpful]  # none helps: nothing to choose by
    return CuratedMixture(anchors, weights, tuple(helpful))


def reweighted(anchors: Anchors, weights: Weights, shots: LabelledSet) -> CuratedMixture:
    """The mixture with its rows weighed by a few steps down the derivative of the shots' error (`reweight`).

    Rows stand for classes as in `curated`; with one-to-one maps a row is an image of the source itself.
    """
    found = reweight(row_pool(anchors, shots), start=row_weights(anchors, weights.array))
    return CuratedMixture(anchors, weights, tuple(_by_source(anchors, found.weights)))


def source_gradient(anchors: Anchors, shots: LabelledSet, weights: Weights | None = None) -> np.ndarray:
    """Derivative (m,) of the leave-one-out error of the shots in the weight of every source, per-source sums of that
    in the rows' weights; at equal weights if None. What a @ gradient says of a mixture costs nothing.

    Source: the sums are Dukler et al. 2022 by the chain rule; their use for mixtures is ours.
    """
    m = len(anchors.sources)
    values = np.full(m, 1 / m) if weights is None else weights.array
    gradient = row_pool(anchors, shots).derivative(row_weights(anchors, values)).gradient
    return np.array([part.sum() / len(part) for part in _by_source(anchors, gradient)])


def row_pool(anchors: Anchors, shots: LabelledSet) -> Pool:
    """All rows of all sources, under the pseudo-labels of the reference, with the shots as the core."""
    encode, classes = anchors.encoder.encode, len(shots.classes)
    features = np.concatenate([encode(source.images) for source in anchors.sources])
    labels = np.concatenate([np.tile(anchors.reference.labels, replicas) for replicas in _replicas(anchors)])
    core = (encode(shots.images), one_hot(shots.labels, classes))
    return Pool.of(features, one_hot(labels, classes), core)


def row_weights(anchors: Anchors, values: np.ndarray) -> np.ndarray:
    """Weight of every row in the mixture with weights (m,): each source's is shared by its replicas."""
    n = len(anchors.reference)
    return np.concatenate([np.full(r * n, a / r) for a, r in zip(values, _replicas(anchors), strict=True)])


def _replicas(anchors: Anchors) -> list[int]:
    return [len(source.images) // len(anchors.reference) for source in anchors.sources]


def _by_source(anchors: Anchors, values: np.ndarray) -> Iterator[np.ndarray]:
    """(rows,) cut into (r, n) for each source."""
    start, n = 0, len(anchors.reference)
    for r in _replicas(anchors):
        yield values[start : start + r * n].reshape(r, n)
        start += r * n


def _even(weights: np.ndarray) -> np.ndarray:
    """Chances in proportion to the weights; all alike if there are none."""
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
