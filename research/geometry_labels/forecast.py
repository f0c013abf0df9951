"""Forecast of the error after pretraining on a set from its divergence to the target; for geometry_label_tables.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from geosearch.errors import InvalidDataError


@dataclass(frozen=True)
class Forecast:
    """A regression line of errors on divergences.

    Source: Kender et al. 2022 (G2L): accuracy can be forecast by a divergence between source and target. The line is
    our choice.

    Attributes:
        intercept: forecast error at divergence 0.
        slope: error per bit of Jensen-Shannon divergence.
        spread: root mean square of the leave-one-out residuals.
        tau: Kendall's rank correlation of divergence and error.
        count: number of sets.
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
            divergences: bits; at least three sets, not all at the same divergence.
            errors: error after pretraining on each set, in [0, 1].

        Raises:
            InvalidDataError: too few sets, or all at the same divergence.
        """
        x, y = np.asarray(divergences, np.float64), np.asarray(errors, np.float64)
        if x.shape != y.shape or x.ndim != 1 or len(x) < 3 or np.ptp(x) == 0:
            raise InvalidDataError(
                f"a forecast needs divergences and errors of at least three sets, not all at the same divergence; got "
                f"{x.shape} and {y.shape}"
            )
        n, centred = len(x), x - x.mean()
        slope = float(centred @ y / (centred @ centred))
        intercept = float(y.mean() - slope * x.mean())
        leverage = 1 / n + centred**2 / (centred @ centred)
        alone = leverage > 1 - 1e-9  # without that point the slope is undefined: the others' mean is the forecast
        residual = y - intercept - slope * x
        left_out = np.where(alone, (y - y.mean()) * n / (n - 1), residual / np.where(alone, 1, 1 - leverage))
        return cls(intercept, slope, float(np.sqrt((left_out**2).mean())), float(kendalltau(x, y).statistic), n)

    def __call__(self, divergence: float) -> float:
        """Forecast error of a set at that divergence, clipped to [0, 1]."""
        return float(np.clip(self.intercept + self.slope * divergence, 0, 1))
