"""Forecast: the error that a pretraining set will lead to, from its divergence to the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from geosearch.errors import InvalidDataError


@dataclass(frozen=True)
class Forecast:
    """A line through (divergence, error) of sets that were tried; more divergent sets are expected to err more.

    Source: Kender et al. 2022 (G2L): accuracy can be forecast by a divergence between source and target. The line and
    its use are ours.

    Attributes:
        intercept: forecast error at divergence 0.
        slope: error per bit of Jensen-Shannon divergence.
        spread: root mean square of the leave-one-out residuals: how far a forecast for a new set is typically off.
        tau: Kendall's rank correlation of divergence and error over the sets tried.
        count: sets tried.
    """

    intercept: float
    slope: float
    spread: float
    tau: float
    count: int

    @classmethod
    def of(cls, divergences: Sequence[float], errors: Sequence[float]) -> Forecast:
        """Fit by least squares.

        Args:
            divergences: bits, from `divergence.divergence`; at least three sets.
            errors: what each set led to, in [0, 1].
        """
        x, y = np.asarray(divergences, np.float64), np.asarray(errors, np.float64)
        if x.shape != y.shape or x.ndim != 1 or len(x) < 3 or np.ptp(x) == 0:
            raise InvalidDataError(
                f"a forecast needs divergences and errors of at least three sets, not all equally far; got {x.shape} "
                f"and {y.shape}"
            )
        n, centred = len(x), x - x.mean()
        slope = float(centred @ y / (centred @ centred))
        intercept = float(y.mean() - slope * x.mean())
        leverage = 1 / n + centred**2 / (centred @ centred)
        alone = leverage > 1 - 1e-9  # without that point the others are all equally far: their mean is the forecast
        residual = y - intercept - slope * x
        left_out = np.where(alone, (y - y.mean()) * n / (n - 1), residual / np.where(alone, 1, 1 - leverage))
        return cls(intercept, slope, float(np.sqrt((left_out**2).mean())), float(kendalltau(x, y).statistic), n)

    def __call__(self, divergence: float) -> float:
        """The error expected of a set at that divergence, kept to [0, 1]."""
        return float(np.clip(self.intercept + self.slope * divergence, 0, 1))
