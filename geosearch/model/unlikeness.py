"""Unlikeness: how unlike the target's images an image is, from the features of the module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.covariance import ledoit_wolf

from geosearch import seeds

SHARE = 0.95  # of the target's images that stay below the threshold
MOST = 512  # dimensions that are kept, those of largest variance
_FLOOR = 1e-6  # of the mean variance


@dataclass(frozen=True, eq=False)
class Unlikeness:
    """Mahalanobis distance to the nearest class in feature space, in units in which the target's threshold is 1.

    The classes share one covariance, shrunk towards a multiple of the identity. 0 is a typical image of the target;
    above 1 lie one in twenty of its images.

    Source: Lee et al. 2018 (shared covariance, nearest class); Ledoit & Wolf 2004 (shrinkage). Ours: classes are those
    that the module predicts for unlabelled images, and the threshold is cross-fitted.

    Attributes:
        means: float32 (c', k), class means in whitened coordinates.
        shift: float32 (d,), mean of all features.
        whitening: float32 (d, k), brings the shared covariance to the identity.
        typical: median distance of the target's images.
        limit: distance below which `SHARE` of them lie.
    """

    means: np.ndarray
    shift: np.ndarray
    whitening: np.ndarray
    typical: float
    limit: float

    @classmethod
    def fit(cls, features: np.ndarray, labels: np.ndarray, seed: int) -> Unlikeness:
        """From images of the target; the threshold is set on images that the covariance was not fitted to.

        Args:
            features: (n, d).
            labels: int (n,), predicted or known classes.
            seed: of the halves for the threshold.
        """
        order = seeds.stream(seed, "unlikeness").permutation(len(features))
        halves = (order[::2], order[1::2])
        distances = [
            _distances(features[rows], *_statistics(features[others], labels[others]))
            for rows, others in (halves, halves[::-1])
            if len(rows) and len(others)
        ]
        apart = np.concatenate(distances) if distances else np.zeros(1)
        typical, limit = float(np.median(apart)), float(np.quantile(apart, SHARE))
        means, shift, whitening = _statistics(features, labels)
        return cls(means, shift, whitening, typical, max(limit, typical + 1e-6))

    def score(self, features: np.ndarray) -> np.ndarray:
        """Features (n, d) -> float32 (n,): 0 is typical of the target, above 1 is unlike it."""
        distances = _distances(features, self.means, self.shift, self.whitening)
        return ((distances - self.typical) / (self.limit - self.typical)).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that `restore` needs, by name."""
        spread = np.array([self.typical, self.limit])
        return {"means": self.means, "shift": self.shift, "whitening": self.whitening, "spread": spread}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray]) -> Unlikeness:
        """The inverse of `arrays`.

        Raises:
            KeyError: an array is missing.
        """
        typical, limit = (float(value) for value in arrays["spread"])
        return cls(arrays["means"], arrays["shift"], arrays["whitening"], typical, limit)


def _statistics(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class means (c', k) in whitened coordinates, mean (d,) and whitening (d, k)."""
    z = features.astype(np.float64)
    shift = z.mean(0)
    z = z - shift
    present, numbers = np.unique(labels, return_inverse=True)
    means = np.stack([z[numbers == label].mean(0) for label in range(len(present))])
    within = z - means[numbers]
    covariance = ledoit_wolf(within, assume_centered=True)[0] if len(z) > 1 else np.eye(z.shape[1])
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1][:MOST], vectors[:, ::-1][:, :MOST]
    floor = max(_FLOOR * float(values.mean()), 1e-12)
    whitening = vectors / np.sqrt(np.maximum(values, floor))
    return (means @ whitening).astype(np.float32), shift.astype(np.float32), whitening.astype(np.float32)


def _distances(features: np.ndarray, means: np.ndarray, shift: np.ndarray, whitening: np.ndarray) -> np.ndarray:
    """Distance of each row (n, d) to the nearest mean: (n,)"""
    z = (features.astype(np.float32) - shift) @ whitening  # (n, k)
    squared = (z**2).sum(1)[:, None] - 2 * z @ means.T + (means**2).sum(1)  # (n, c')
    return np.sqrt(np.maximum(squared.min(1), 0.0))
