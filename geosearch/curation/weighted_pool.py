"""Pool: samples whose weights are in question, and the core of samples that they should serve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geosearch.adaptation.ridge import RidgeFit
from geosearch.curation.influence import Derivative, dataset_derivative
from geosearch.curation.weighted_ridge import WeightedRidge, best_ridge
from geosearch.runtime.progress import Log, Progress


@dataclass(frozen=True, eq=False)
class Pool:
    """What all tasks of curation are about: a ridge head on weighted samples, and the error that it is to lower.

    With a core, the head is fitted to the core (weight 1) and the weighted samples together, and the error is the
    leave-one-out error of the core. Without one, it is that of the samples themselves.

    Attributes:
        features: (n, d) of the samples.
        targets: (n, c), their one-hot or soft labels.
        core_features: (k, d), k = 0 without a core.
        core_targets: (k, c).
        ridge: penalty; None takes the largest whose leave-one-out error, all samples at weight 1, lies within a
            standard error of the least. At the least itself the derivative says little: to first order there is
            nothing to gain from any weight.
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
    ) -> Pool:
        """From features and targets, and those of the core if there is one."""
        x, y = core or (features[:0], targets[:0])
        return cls(features, targets, x, y, ridge, progress or Log())

    def __len__(self) -> int:
        return len(self.features)

    @property
    def has_core(self) -> bool:
        return len(self.core_features) > 0

    @property
    def labels(self) -> np.ndarray:
        """(n,) the largest target of each sample."""
        return self.targets.argmax(1)

    @cached_property
    def penalty(self) -> float:
        """The ridge of every head of this pool."""
        if self.ridge is not None:
            return self.ridge
        ones = np.ones(len(self) + len(self.core_features))
        return best_ridge(*self._joined, ones, self._counts(None), standard_errors=1.0)

    def derivative(self, weights: np.ndarray, counts: np.ndarray | None = None) -> Derivative:
        """Loss, and its derivative in the weight of each of the n samples.

        Args:
            weights: (n,) >= 0.
            counts: (n,) how much each sample's own error counts where there is no core; all alike if None.
        """
        x, y = self._joined
        found = dataset_derivative(
            x,
            y,
            weights=np.concatenate([weights, np.ones(len(self.core_features))]),
            ridge=self.penalty,
            counts=self._counts(counts),
            progress=self.progress,
        )
        return Derivative(found.loss, found.gradient[: len(self)], found.residuals[: len(self)], found.ridge)

    def head(self, weights: np.ndarray) -> RidgeFit:
        """The ridge head on the weighted samples and the core."""
        x, y = self._joined
        return WeightedRidge.fit(x, y, np.concatenate([weights, np.ones(len(self.core_features))]), self.penalty).head

    @cached_property
    def _joined(self) -> tuple[np.ndarray, np.ndarray]:
        if not self.has_core:
            return self.features, self.targets
        pairs = (self.features, self.core_features), (self.targets, self.core_targets)
        return np.concatenate(pairs[0]), np.concatenate(pairs[1])

    def _counts(self, counts: np.ndarray | None) -> np.ndarray:
        if self.has_core:
            return np.concatenate([np.zeros(len(self)), np.ones(len(self.core_features))])
        return np.ones(len(self)) if counts is None else counts
