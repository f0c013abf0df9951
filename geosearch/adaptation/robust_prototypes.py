"""Prototypes that withstand wrong labels without learning: medians, and means weighted by similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.adaptation.prototypes import ROBUST, PrototypeRule
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.streams import Stream

SHARPNESS = 4.0  # of the weights, per mean distance within the class


@ROBUST.register("median", "median of every feature over the shots of a class (Liang et al. 2022)")
@dataclass(frozen=True)
class MedianPrototypes:
    """The median of every feature over the shots of a class; less than half of them may be wrong.

    Source: a baseline of Liang et al. 2022.

    Example:
        >>> MedianPrototypes().prototypes(np.array([[0.0], [1.0], [100.0]]), np.array([0, 0, 0]))
        array([[1.]])
    """

    def rule(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> PrototypeRule:
        """Itself; there is nothing to learn."""
        return self

    def prototypes(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(c, d), see `PrototypeRule`."""
        return np.stack([np.median(features[labels == label], axis=0) for label in np.unique(labels)])


@ROBUST.register(
    "similarity",
    "means in which shots count the more, the nearer they are to the others of their class (Liang et al. 2022)",
)
@dataclass(frozen=True)
class SimilarityPrototypes:
    """Means weighted by softmax(-4 m_i / mean m), m_i the mean distance of shot i to the others of its class.

    Source: a baseline of Liang et al. 2022; the unit of the distances is ours.

    Example:
        >>> SimilarityPrototypes().prototypes(np.array([[0.0], [1.0], [100.0]]), np.array([0, 0, 0])).round(1)
        array([[3.]])
    """

    def rule(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> PrototypeRule:
        """Itself; there is nothing to learn."""
        return self

    def prototypes(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(c, d), see `PrototypeRule`."""
        return np.stack([_weighted_mean(features[labels == label]) for label in np.unique(labels)])


def _weighted_mean(z: np.ndarray) -> np.ndarray:
    distances = np.sqrt(np.maximum(((z[:, None] - z[None]) ** 2).sum(2), 0)).sum(1) / max(len(z) - 1, 1)  # (n,)
    weights = np.exp(-SHARPNESS * distances / max(distances.mean(), 1e-12))
    return np.asarray(weights @ z / weights.sum())
