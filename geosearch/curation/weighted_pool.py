"""WeightedPool: samples with weights, and the core set whose error they should reduce."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        ridge: penalty; None selects it at the weights that are used (see `tune`).
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

    def tune(self, weights: np.ndarray, *, minimum: bool = False) -> WeightedPool:
        """This pool with the penalty that suits the weights; the pool itself if its penalty is given.

        By default it is the largest penalty whose leave-one-out error is within one standard error of the smallest.
        At the minimum itself the derivative of single samples carries little information: to first order no common
        factor on all weights reduces the error.

        Args:
            weights: (n,) >= 0, weights in the fit.
            minimum: the penalty of the smallest error instead. At it the derivative is that of the error of a head
                whose penalty is tuned anew for every choice of weights.
        """
        return self if self.ridge is not None else replace(self, ridge=self._ridge_at(weights, minimum))

    def derivative(self, weights: np.ndarray, counts: np.ndarray | None = None) -> Derivative:
        """The error, and its derivative in the weight of each of the n samples, at a penalty that suits the weights.

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
            ridge=self._ridge_at(weights),
            counts=self._all_counts(counts),
            progress=self.progress,
        )
        return Derivative(result.loss, result.gradient[: len(self)], result.residuals[: len(self)], result.ridge)

    def fit_head(self, weights: np.ndarray) -> RidgeFit:
        """Fit the ridge head to the samples with weights (n,) >= 0 and to the core."""
        return WeightedRidge.fit(*self._all_samples, self._all_weights(weights), self._ridge_at(weights)).head

    @cached_property
    def _all_samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Features and targets of the n samples, then of the core."""
        if not self.has_core:
            return self.features, self.targets
        return np.concatenate([self.features, self.core_features]), np.concatenate([self.targets, self.core_targets])

    def _ridge_at(self, weights: np.ndarray, minimum: bool = False) -> float:
        if self.ridge is not None:
            return self.ridge
        used = (*self._all_samples, self._all_weights(weights), self._all_counts(None))
        return best_ridge(*used, standard_errors=0.0 if minimum else 1.0, refine=minimum)

    def _all_weights(self, weights: np.ndarray) -> np.ndarray:
        return np.concatenate([weights, np.ones(len(self.core_features))])

    def _all_counts(self, counts: np.ndarray | None) -> np.ndarray:
        if self.has_core:
            return np.concatenate([np.zeros(len(self)), np.ones(len(self.core_features))])
        return np.ones(len(self)) if counts is None else counts
