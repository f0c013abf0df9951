"""Detection of harmful samples, among them mislabelled ones, by the sign of the dataset derivative."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from geosearch.curation.weighted_pool import WeightedPool
from geosearch.errors import InvalidOptionError

ROUNDS = 2
RIDGE_FACTOR = 3.0  # penalty of the further rounds, relative to that of the first


@dataclass(frozen=True, eq=False)
class Detection:
    """The derivative of every sample, and the label that all other samples predict for it.

    Attributes:
        derivative: (n,) derivative of the error in the sample's weight, times n; positive is harmful.
        given: int64 (n,), the labels as they are.
        likely: int64 (n,), the labels that a ridge head fitted to all other samples predicts.
        squared_errors: (n,) squared error of that head on the sample.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(100) % 2
        >>> features = rng.normal(size=(100, 5)) + 3 * labels[:, None]
        >>> labels[7] = 0  # was 1
        >>> int(detect(WeightedPool.of(features, np.eye(2)[labels])).ranking[0])
        7
    """

    derivative: np.ndarray
    given: np.ndarray
    likely: np.ndarray
    squared_errors: np.ndarray

    @property
    def harmful(self) -> np.ndarray:
        """bool (n,), whether the derivative is at least 0."""
        return self.derivative >= 0

    @property
    def mislabelled(self) -> np.ndarray:
        """bool (n,), whether the sample is harmful and all other samples predict another label."""
        return self.harmful & (self.given != self.likely)

    @property
    def ranking(self) -> np.ndarray:
        """int64 (n,) row numbers, the most harmful sample first."""
        return np.argsort(-self.derivative, kind="stable")


def detect(pool: WeightedPool, *, rounds: int = ROUNDS) -> Detection:
    """Find the samples whose weight increases the error.

    The first round is the dataset derivative as published. Without a core set its error includes that of mislabelled
    samples, which blurs the sign, and at a tuned penalty the derivative is small to first order. Further rounds use a
    penalty three times as large and leave out of the error the samples that look mislabelled: those with a positive
    derivative whose predicted label in the first round is another one. All samples stay in the fit. The further
    rounds are ours; reports/curation.md measures their gain. With a core set there is only one round.

    Source: Dukler et al. 2022 (DIVA), sec. 4.

    Args:
        pool: the samples.
        rounds: number of rounds, at least 1.

    Raises:
        InvalidOptionError: rounds < 1.
    """
    if rounds < 1:
        raise InvalidOptionError(f"detect needs at least 1 round, got {rounds}")
    ones = np.ones(len(pool))
    pool = pool.tune(ones)
    result = pool.derivative(ones)
    likely, errors = (pool.targets + result.residuals).argmax(1), result.squared_errors
    if rounds > 1 and not pool.has_core:
        regularized = replace(pool, ridge=RIDGE_FACTOR * result.ridge)
        result = regularized.derivative(ones)
        for _ in range(rounds - 1):
            counted = (result.gradient < 0) | (pool.labels == likely)
            if not counted.any():
                break
            result = regularized.derivative(ones, counted.astype(float))
    return Detection(len(pool) * result.gradient, pool.labels, likely, errors)
