"""Detect: samples that do harm, as mislabelled ones do, by the sign of the derivative."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from geosearch.curation.weighted_pool import Pool
from geosearch.errors import InvalidOptionError

ROUNDS = 2
STIFFER = 3.0  # penalty of the further rounds, in that of the first


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
    on the suspects too, whose wrong labels blur it, and at a tuned penalty it is small to first order. So further
    rounds are made at a penalty three times as large: the derivative once as published, to tell who looks mislabelled
    (it does harm, and the first round's head would give it another label), then, round by round, that of the error on
    all others. All samples stay in the fit. The further rounds are ours; reports/curation.md shows what they bring.
    With a core one round is all there is.

    Source: Dukler et al. 2022 (DIVA), sec. 4.

    Raises:
        InvalidOptionError: rounds < 1.
    """
    if rounds < 1:
        raise InvalidOptionError(f"detect needs at least 1 round, got {rounds}")
    ones = np.ones(len(pool))
    found = pool.derivative(ones)
    likely, errors = (pool.targets + found.residuals).argmax(1), found.squared_errors
    if rounds > 1 and not pool.has_core:
        stiffer = replace(pool, ridge=STIFFER * pool.penalty)
        found = stiffer.derivative(ones)
        for _ in range(rounds - 1):
            sound = (found.gradient < 0) | (pool.labels == likely)
            if not sound.any():
                break
            found = stiffer.derivative(ones, sound.astype(float))
    return Detection(len(pool) * found.gradient, pool.labels, likely, errors)
