"""Unlikeness: how unlike the target's images an image is, from the features of the module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.covariance import ledoit_wolf, ledoit_wolf_shrinkage

from geosearch import seeds

SHARE = 0.95  # of the target's images that stay below the threshold
MOST = 512  # dimensions that are kept, those of largest variance
NEIGHBOURS = 10
BANK = 2000  # images whose features are kept, at most
_FLOOR = 1e-6  # of the mean variance
_CHUNK = 1024  # images compared with the bank at a time


@dataclass(frozen=True, eq=False)
class Unlikeness:
    """The larger of two distances in feature space, each in units in which the target's own threshold is 1.

    One is the Mahalanobis distance to the nearest class, under a shared covariance that is shrunk towards a multiple of
    the identity. The other is the mean distance to the ten nearest images of the target, in direction alone. Each
    alone fails on images that the other one tells (reports/model.md). 0 is a typical image of the target; above 1 lie
    one in twenty of its images.

    Source: Lee et al. 2018 (shared covariance, nearest class); Ledoit & Wolf 2004 (shrinkage); Sun et al. 2022 (nearest
    neighbours). Ours: classes are those that the module predicts for unlabelled images, the maximum of both, and the
    cross-fitted thresholds.

    Attributes:
        means: float32 (c', k), class means in whitened coordinates.
        shift: float32 (d,), mean of all features.
        whitening: float32 (d, k), brings the shared covariance to the identity.
        bank: float32 (n', d), directions of the features of images of the target.
        scales: float64 (3, 2): the median of the target's images, and the value below which `SHARE` of them lie; of
            the Mahalanobis distance, of the distance to neighbours, and of the maximum of both in these units.
    """

    means: np.ndarray
    shift: np.ndarray
    whitening: np.ndarray
    bank: np.ndarray
    scales: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray, labels: np.ndarray, seed: int) -> Unlikeness:
        """From images of the target; thresholds are set on images that the distances were not fitted to.

        Args:
            features: (n, d).
            labels: int (n,), predicted or known classes.
            seed: of the halves for the thresholds, and of the bank.
        """
        order = seeds.stream(seed, "unlikeness").permutation(len(features))
        halves = (order[::2], order[1::2]) if len(features) > 1 else (order, order)
        apart = np.concatenate(
            [
                _distances(features[rows], *_statistics(features[others], labels[others]), _unit(features[others]))
                for rows, others in (halves, halves[::-1])
            ]
        )  # (n, 2)
        single = np.stack([_scale(column) for column in apart.T])
        scales = np.concatenate([single, [_scale(in_units(apart, single).max(1))]])
        return cls(*_statistics(features, labels), _unit(features[order[:BANK]]), scales)

    def score(self, features: np.ndarray) -> np.ndarray:
        """Features (n, d) -> float32 (n,): 0 is typical of the target, above 1 is unlike it."""
        larger = in_units(self.distances(features), self.scales[:2]).max(1, keepdims=True)
        return in_units(larger, self.scales[2:])[:, 0].astype(np.float32)

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Features (n, d) -> Mahalanobis distance to the nearest class, and mean distance to neighbours: (n, 2)"""
        return _distances(features, self.means, self.shift, self.whitening, self.bank)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that `restore` needs, by name."""
        return {name: getattr(self, name) for name in ("means", "shift", "whitening", "bank", "scales")}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray]) -> Unlikeness:
        """The inverse of `arrays`.

        Raises:
            KeyError: an array is missing.
        """
        return cls(**{name: arrays[name] for name in ("means", "shift", "whitening", "bank", "scales")})


def _scale(values: np.ndarray) -> tuple[float, float]:
    """Median and threshold; never equal."""
    typical, limit = float(np.median(values)), float(np.quantile(values, SHARE))
    return typical, max(limit, typical + 1e-6)


def in_units(distances: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """(n, s) distances with s scales: 0 at the median, 1 at the threshold."""
    return (distances - scales[:, 0]) / (scales[:, 1] - scales[:, 0])


def _statistics(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class means (c', k) in whitened coordinates, mean (d,) and whitening (d, k)."""
    z = features.astype(np.float64)
    shift = z.mean(0)
    z = z - shift
    present, numbers = np.unique(labels, return_inverse=True)
    means = np.stack([z[numbers == label].mean(0) for label in range(len(present))])
    within = z - means[numbers]
    values, vectors = _principal(within)
    floor = max(_FLOOR * float(values.mean()), 1e-12)
    whitening = vectors / np.sqrt(np.maximum(values, floor))
    return (means @ whitening).astype(np.float32), shift.astype(np.float32), whitening.astype(np.float32)


def _principal(within: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances (k,) and directions (d, k) of the shrunk covariance of centred rows (n, d), the largest first.

    Of fewer rows than dimensions they follow from the singular values of the rows; beyond those, all directions have
    the same variance, and any are taken.
    """
    n, d = within.shape
    if n >= d or n < 2:
        covariance = ledoit_wolf(within, assume_centered=True)[0] if n > 1 else np.eye(d)
        values, vectors = np.linalg.eigh(covariance)
        return values[::-1][:MOST], vectors[:, ::-1][:, :MOST]
    shrinkage = ledoit_wolf_shrinkage(within, assume_centered=True)
    _, singular, directions = np.linalg.svd(within, full_matrices=False)
    k = min(d, MOST)
    variances = np.zeros(k)
    variances[:n] = singular[:k] ** 2 / n
    values = (1 - shrinkage) * variances + shrinkage * (singular**2).sum() / (n * d)
    others = seeds.stream(0, "unlikeness", "other directions").normal(size=(d, max(k - n, 0)))
    return values, np.linalg.qr(np.concatenate([directions[:k].T, others], axis=1))[0]


def _distances(
    features: np.ndarray, means: np.ndarray, shift: np.ndarray, whitening: np.ndarray, bank: np.ndarray
) -> np.ndarray:
    """Distance of each row (n, d) to the nearest mean, and to its nearest neighbours in the bank: (n, 2)"""
    z = (features.astype(np.float32) - shift) @ whitening  # (n, k)
    to_class = _in_chunks(lambda rows: _squared(rows, means).min(1), z)
    count = min(NEIGHBOURS, len(bank))

    def nearest(rows: np.ndarray) -> np.ndarray:
        return np.partition(np.sqrt(_squared(rows, bank)), count - 1, axis=1)[:, :count].mean(1)

    return np.stack([np.sqrt(to_class), _in_chunks(nearest, _unit(features))], 1)


def _in_chunks(function: Callable[[np.ndarray], np.ndarray], rows: np.ndarray) -> np.ndarray:
    """The function of all rows, of which few are in memory as pairs at a time."""
    return np.concatenate([function(rows[i : i + _CHUNK]) for i in range(0, max(len(rows), 1), _CHUNK)])


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances of all pairs: (n, k), (p, k) -> (n, p)"""
    return np.maximum((a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1), 0.0)


def _unit(features: np.ndarray) -> np.ndarray:
    """Directions: float32 (n, d)."""
    z = features.astype(np.float32)
    return z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
