"""Detect: samples that do harm, as mislabelled ones do, by the sign of the derivative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.curate.pool import Pool
from geosearch.errors import InvalidOption

ROUNDS = 2


@dataclass(frozen=True, eq=False)
class Detection:
    """Every sample with its derivative, and the label that it would get from the others.

    Attributes:
        derivative: (n,) of the error in the sample's weight, times n; positive does harm.
        given: (n,) labels as they stand.
        likely: (n,) labels that a ridge head on all other samples gives.
        squared_errors: (n,) of that head on the sample.
        harmful: (n,) whether the derivative is at or above the threshold of zero.
    """

    derivative: np.ndarray
    given: np.ndarray
    likely: np.ndarray
    squared_errors: np.ndarray

    @property
    def harmful(self) -> np.ndarray:
        return self.derivative >= 0

    @property
    def mislabelled(self) -> np.ndarray:
        """(n,) harmful, and all other samples speak for another label; the narrower suspicion."""
        return self.harmful & (self.given != self.likely)

    @property
    def ranking(self) -> np.ndarray:
        """Sample numbers, the most harmful first."""
        return np.argsort(-self.derivative, kind="stable")


def detect(pool: Pool, *, rounds: int = ROUNDS) -> Detection:
    """Tell harmful samples from helpful ones.

    The first round is the dataset derivative as published. Without a core the error that it speaks of is measured
    on the suspects too, whose wrong labels blur it; so every further round measures it on those samples alone that
    the round before found helpful. All samples stay in the fit. The further rounds are ours; reports/curation.md
    shows what they bring. With a core one round is all there is.

    Source: Dukler et al. 2022 (DIVA), sec. 4.

    Raises:
        InvalidOption: rounds < 1.
    """
    if rounds < 1:
        raise InvalidOption(f"detect needs at least 1 round, got {rounds}")
    ones = np.ones(len(pool))
    found = pool.derivative(ones)
    for _ in range(0 if pool.has_core else rounds - 1):
        helpful = (found.gradient < 0).astype(float)
        if not helpful.any():
            break
        found = pool.derivative(ones, helpful)
    likely = (pool.targets + found.residuals).argmax(1)
    return Detection(len(pool) * found.gradient, pool.labels, likely, found.squared_errors)
