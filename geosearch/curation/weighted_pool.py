"""WeightedPool: samples with weights, and the core set whose error they should reduce."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geosearch.adaptation.ridge import RidgeFit
from geosearch.curation.influence import Derivative, dataset_derivative
from geosearch.curation.weighted_ridge import WeightedRidge, best_ridge
from geosearch.runtime.progress import Log, Progress


@dataclass(frozen=True, eq=False)
class WeightedPool:
    """A ridge head on weighted samples, and the leave-one-out error that the weights should reduce.

    With a core set, the head is fitted to the core (weight 1) and the weighted samples together, and the error is the
    leave-one-out error of the core. Without one, it is the error of the samples themselves.

    Attributes:
        features: (n, d) of the samples.
        targets: (n, c), their one-hot or soft labels.
        core_features: (k, d); k = 0 without a core.
        core_targets: (k, c).
        ridge: penalty; None selects the largest one whose leave-one-out error, at weights of 1, is within one
            standard error of the smallest. At the minimum itself the derivative carries little information: to first
            order no weight reduces the error.
        progress: told how many rows are done.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(100) % 2
        >>> features = rng.normal(size=(100, 5)) + labels[:, None]
        >>> pool = WeightedPool.of(features, np.eye(2)[labels])
        >>> pool.derivative(np.ones(100)).gradient.shape
        (100,)
    """

    features: np.ndarray
    targets: np.ndarray
    core_features: np.ndarray
    core_targets: np.ndarray
    ridge: float | None = None
    progress: Progress = Log()

    @classmethod
    def of(
        cls,
        features: np.ndarray,
        targets: np.ndarray,
        core: tuple[np.ndarray, np.ndarray] | None = None,
        *,
        ridge: float | None = None,
        progress: Progress | None = None,
    ) -> WeightedPool:
        """Build a pool from features (n, d) and targets (n, c).

        Args:
            features: (n, d) of the samples.
            targets: (n, c), their one-hot or soft labels.
            core: features (k, d) and targets (k, c) of the core set, if there is one.
            ridge: penalty, as in the attributes.
            progress: told how many rows are done; the log if None.
        """
        x, y = core or (features[:0], targets[:0])
        return cls(features, targets, x, y, ridge, progress or Log())

    def __len__(self) -> int:
        return len(self.features)

    @property
    def has_core(self) -> bool:
        """Whether there is a core set."""
        return len(self.core_features) > 0

    @property
    def labels(self) -> np.ndarray:
        """int64 (n,), the class with the largest target of each sample."""
        return self.targets.argmax(1)

    @cached_property
    def penalty(self) -> float:
        """The ridge penalty of all heads of this pool (squared feature units)."""
        if self.ridge is not None:
            return self.ridge
        ones = np.ones(len(self) + len(self.core_features))
        return best_ridge(*self._all_samples, ones, self._all_counts(None), standard_errors=1.0)

    def derivative(self, weights: np.ndarray, counts: np.ndarray | None = None) -> Derivative:
        """The error, and its derivative in the weight of each of the n samples.

        Args:
            weights: (n,) >= 0.
            counts: (n,) >= 0, weight of each sample's own error in the mean, without a core; equal if None.

        Raises:
            InvalidOptionError: weights or counts that are negative or all zero.
        """
        x, y = self._all_samples
        result = dataset_derivative(
            x,
            y,
            weights=self._all_weights(weights),
            ridge=self.penalty,
            counts=self._all_counts(counts),
            progress=self.progress,
        )
        return Derivative(result.loss, result.gradient[: len(self)], result.residuals[: len(self)], result.ridge)

    def fit_head(self, weights: np.ndarray) -> RidgeFit:
        """Fit the ridge head to the samples with weights (n,) >= 0 and to the core."""
        return WeightedRidge.fit(*self._all_samples, self._all_weights(weights), self.penalty).head

    @cached_property
    def _all_samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Features and targets of the n samples, then of the core."""
        if not self.has_core:
            return self.features, self.targets
        return np.concatenate([self.features, self.core_features]), np.concatenate([self.targets, self.core_targets])

    def _all_weights(self, weights: np.ndarray) -> np.ndarray:
        return np.concatenate([weights, np.ones(len(self.core_features))])

    def _all_counts(self, counts: np.ndarray | None) -> np.ndarray:
        if self.has_core:
            return np.concatenate([np.zeros(len(self)), np.ones(len(self.core_features))])
        return np.ones(len(self)) if counts is None else counts
